"""YAML text -> a tree of plain values that know their line; everything surprising in YAML is refused.

Built from parser events, so that its size is bounded before anything is built. Taken: mappings with text
keys, lists, text, whole and decimal numbers, true/false, null, and anchors with aliases. Refused, each with
its line: duplicate keys, tags (`!!python/...`), merge keys, several documents, and the plain words that one
YAML reader takes for something else than the next: yes/no/on/off, 0123, 0x1F, 1_000, 1:30, .inf.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from bridge.app.config_errors import ConfigError, printable
from bridge.app.yaml_scalars import Scalar, plain_scalar

NODES_MAX = 5_000
"""Values in one file, aliases counted as often as they are used: a hundred links fit, a bomb does not."""
DEPTH_MAX = 12
"""Levels of nesting; the settings need five."""
_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INDENT = ("the indentation does not fit the lines above", "indent like the neighbours, with spaces")
_SYNTAX = (
    ("escape character", "a backslash that means nothing in double quotes", "write the text in single quotes"),
    ("escape code", "a backslash code that is no character", "write the text in single quotes"),
    ("quoted scalar", "a quote is opened here and never closed", "close it, or write the whole text in quotes"),
    ("flow sequence", "a [ is opened here and never closed", "close the list with ]"),
    ("flow mapping", "a { is opened here and never closed", "close the group with }"),
    (
        "mapping values",
        "a colon where none can be",
        "put text with a colon in quotes; does the line above lack its own?",
    ),
    ("expected ':'", "a key without a colon", "write `key: value`"),
    ("block sequence entries", "a - where no list can begin", "begin each item of a list on a line of its own"),
    ("block end", *_INDENT),
    ("block collection", *_INDENT),
    ("block mapping", *_INDENT),
    ("'-' indicator", *_INDENT),
    ("document start", *_INDENT),
    ("start any token", "a sign that cannot begin a value", "write the text in quotes"),
    ("tag", "a tag that cannot be read", "write the plain value without the !"),
)
"""Words of the YAML parser -> what is wrong and what would be right; the first that fits counts."""


@dataclass(slots=True)
class Node:
    """One value of the file. `content` holds child nodes for groups and lists, else the value."""

    path: str
    """As in `links[0].port`; empty for the whole file."""
    line: int
    """From 1: the line of its key, or of its item."""
    content: "Scalar | dict[str, Node] | list[Node]"

    def plain(self) -> Any:
        """The value without its lines."""
        if isinstance(self.content, dict):
            return {key: node.plain() for key, node in self.content.items()}
        if isinstance(self.content, list):
            return [node.plain() for node in self.content]
        return self.content

    def child(self, step: str | int) -> "Node | None":
        """The value under a key or at an index; None when there is none."""
        if isinstance(self.content, dict) and isinstance(step, str):
            return self.content.get(step)
        if isinstance(self.content, list) and isinstance(step, int) and step < len(self.content):
            return self.content[step]
        return None


class _Stop(Exception):
    """The rest of the file cannot be understood."""


def parse(text: str, file: str) -> tuple[Node | None, list[ConfigError]]:
    """The tree of a YAML text and what is wrong with it as YAML. No tree: an empty or unreadable document.

    What cannot be used at all is left out of the tree, so that the rest can still be judged.
    """
    builder = _Builder(text, file)
    try:
        root = builder.document()
    except _Stop:
        root = None
    except yaml.MarkedYAMLError as error:
        wrong, right = _syntax_words(error)
        mark = error.context_mark if "opened here" in wrong else error.problem_mark
        builder.complain(mark.line + 1 if mark is not None else 1, "the file", wrong, right)
        root = None
    except yaml.YAMLError as error:
        builder.complain(1, "the file", f"not YAML: {printable(str(error))}", "")
        root = None
    return root, builder.errors


def _syntax_words(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    said = f"{error.context or ''} {error.problem or ''}"
    for words, wrong, right in _SYNTAX:
        if words in said:
            return wrong, right
    return (
        f"not YAML from here on ({printable(error.problem or 'unknown reason')})",
        "look at this line and the one above",
    )


class _Builder:
    """Turns the parser's events into nodes, counting them."""

    def __init__(self, text: str, file: str) -> None:
        self.errors: list[ConfigError] = []
        self._file = file
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0

    def complain(self, line: int, key: str, wrong: str, right: str) -> None:
        self.errors.append(ConfigError(self._file, line, key or "the file", wrong, right))

    def document(self) -> Node | None:
        root = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    mark = event.start_mark
                    self.complain(
                        mark.line + 1 if mark else 1, "the file", "a second document begins here", "remove the line ---"
                    )
                    raise _Stop
                root = self._node(next(self._events), "", 1, 0)
        return root

    def _node(self, event: Any, path: str, line: int, depth: int) -> Node | None:
        """The node that begins with `event`; None when it was refused (then its events are still consumed)."""
        self._count(line, path)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path, line)
        is_tagged = event.tag is not None
        if is_tagged:
            self.complain(line, path, f"the tag {printable(_tag(event.tag))} is not allowed", "write the plain value")
        if depth > DEPTH_MAX:
            self.complain(line, _top(path), f"more than {DEPTH_MAX} levels of nesting", "no setting lies so deep")
            raise _Stop
        if isinstance(event, yaml.MappingStartEvent):
            node: Node | None = Node(path, line, self._mapping(path, depth))
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Node(path, line, self._sequence(path, depth))
        else:
            node = self._scalar(event, path, line)
        if is_tagged:
            node = None
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _mapping(self, path: str, depth: int) -> dict[str, Node]:
        content: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            key = self._key(event, path, line, depth)
            name = key if key is not None else "?"
            under = f"{path}.{printable(name)}" if path else printable(name)
            node = self._node(next(self._events), under, line, depth + 1)
            if key is None:
                continue
            if key in lines:
                self.complain(line, under, f"given twice, first in line {lines[key]}", "remove one of the two")
            elif node is not None:
                content[key] = node
            lines.setdefault(key, line)
        return content

    def _key(self, event: Any, path: str, line: int, depth: int) -> str | None:
        if not isinstance(event, yaml.ScalarEvent):
            self.complain(line, path, "a key that is not a word", "write `key: value`")
            self._node(event, path, line, depth + 1)
            return None
        if event.tag is not None or event.anchor is not None:
            self.complain(line, path, "a key with a tag or an anchor", "write the plain key")
        if event.value == "<<" and event.implicit[0]:
            self.complain(line, path, "merge keys (<<) are not allowed", "write the settings out")
            return None
        return str(event.value)

    def _sequence(self, path: str, depth: int) -> list[Node]:
        content: list[Node] = []
        index = 0
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            node = self._node(event, f"{path}[{index}]", event.start_mark.line + 1, depth + 1)
            if node is not None:
                content.append(node)
            index += 1
        return content

    def _scalar(self, event: Any, path: str, line: int) -> Node | None:
        if any(c < " " and c not in "\n\t" for c in event.value):
            self.complain(line, path, "holds a control character", "leave it out")
            return None
        if not event.implicit[0]:
            return Node(path, line, str(event.value))
        value, wrong, right = plain_scalar(str(event.value), path)
        if wrong:
            self.complain(line, path, wrong, right)
            # As text it stays where it was, so that its neighbours are judged as they are.
            value = str(event.value)
        return Node(path, line, value)

    def _alias(self, event: Any, path: str, line: int) -> Node | None:
        if event.anchor not in self._anchors:
            self.complain(line, path, f"*{printable(event.anchor)} names no anchor above", "write the value out")
            return None
        target = self._anchors[event.anchor]
        return None if target is None else self._copy(target, path, line)

    def _copy(self, node: Node, path: str, line: int) -> Node:
        self._count(line, path)
        content = node.content
        if isinstance(content, dict):
            content = {key: self._copy(child, f"{path}.{printable(key)}", line) for key, child in content.items()}
        elif isinstance(content, list):
            content = [self._copy(child, f"{path}[{index}]", line) for index, child in enumerate(content)]
        return Node(path, line, content)

    def _count(self, line: int, path: str) -> None:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            self.complain(line, _top(path), f"more than {NODES_MAX} values in the file, aliases counted", "write less")
            raise _Stop


def _top(path: str) -> str:
    """The first step of a path."""
    return path.partition(".")[0].partition("[")[0]


def _tag(tag: str) -> str:
    prefix = "tag:yaml.org,2002:"
    return "!!" + tag.removeprefix(prefix) if tag.startswith(prefix) else tag
