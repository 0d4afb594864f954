"""The configuration file: YAML -> `Settings`, or all that is wrong with it, each with file, line, key and cure.

Reading changes nothing and opens no socket. Relative paths in the file are taken from the folder of the file.
"""

import json
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from bridge.app import config_words, settings_checks, yaml_tree
from bridge.app import settings_words as words
from bridge.app.config_errors import ERRORS_MAX, ConfigError, ConfigErrors, Loc, words_of
from bridge.app.settings import Settings, embedded
from bridge.app.yaml_tree import Node
from bridge.dialects.mapping import Mapping
from bridge.http_out import mappings
from bridge.http_out import request as requests
from bridge.http_out.settings import HttpLinkSettings
from bridge.simulator import ready

if TYPE_CHECKING:
    from bridge.simulator.script_file import ScriptFile

FILE_SIZE_MAX = 1_048_576
"""Octets; a thousand links take a tenth of it."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_TAB_INDENT = re.compile(r" *\t")
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_EXAMPLE = "begin with a copy of config/bridge.example.yaml"

_STATE_FOLDER = Settings.model_fields["state_folder"]

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Reading:
    """A configuration that may be started, and what its owner should think about all the same."""

    settings: Settings
    warnings: list[ConfigError]


def load(path: Path) -> Settings:
    """The settings of a file; raises ConfigErrors with everything that is wrong."""
    return read(path).settings


def read(path: Path, state_folder: Path | None = None) -> Reading:
    """The settings and warnings of a file; raises ConfigErrors with everything that is wrong.

    `state_folder` replaces the one in the file.
    """
    file = str(path)
    root, errors = _tree(path, file, _EXAMPLE)
    blame = _Blame(file, errors)
    settings = _validate(Settings, root, blame)
    warnings: list[ConfigError] = []
    if settings is not None:
        settings = anchored(settings, path.absolute().parent)
        if state_folder is not None:
            settings = settings.model_copy(update={"state_folder": state_folder})
        for finding in settings_checks.check(settings):
            if finding.is_warning:
                warnings.append(blame.error(root, finding.loc, finding.wrong, finding.right))
            elif not blame.knows(root, finding.also):
                blame.add(root, finding.loc, finding.wrong, finding.right)
        _look_at_script(settings, root, blame)
        _look_at_mappings(settings, root, blame)
    if settings is None or blame.errors:
        raise ConfigErrors(blame.errors, blame.more)
    return Reading(settings, warnings)


def read_as(model: type[Model], path: Path, example: str) -> Model:
    """Another file of ours as a value of `model`, judged in the same way; raises ConfigErrors.

    `example` tells the owner of an empty file what to begin with.
    """
    file = str(path)
    root, errors = _tree(path, file, example)
    blame = _Blame(file, errors)
    made = _validate(model, root, blame)
    if made is None or blame.errors:
        raise ConfigErrors(blame.errors, blame.more)
    return made


def read_script(file: Path) -> "ScriptFile":
    """A script of the simulator; raises ConfigErrors."""
    # Late: the rooms that speak SMPP are not needed by any other command.
    from bridge.simulator.script_file import ScriptFile

    return read_as(ScriptFile, file, "begin with one that `smsbridge simulator script NAME` prints")


def _look_at_script(settings: Settings, root: Node, blame: "_Blame") -> None:
    """What is wrong with the script that the simulator is to play."""
    named = settings.simulator.script if settings.simulator else None
    if named is None:
        return
    file = ready.find(named)
    if file is None:
        right = f"name a YAML file, or one of {', '.join(ready.names())}"
        blame.add(root, ("simulator", "script"), ready.missing(str(named) if named.suffix else named.name), right)
        return
    try:
        read_script(file)
    except ConfigErrors as wrong:
        blame.errors += wrong.errors
        blame.more += wrong.more


def mapping_of(link: HttpLinkSettings) -> Mapping:
    """The mapping that a link names; raises ConfigErrors."""
    example = "begin with one of those that come with us; see docs/http-carriers.md"
    return read_as(Mapping, mappings.find(link.mapping) or link.mapping, example)


def _look_at_mappings(settings: Settings, root: Node, blame: "_Blame") -> None:
    """What is wrong with the mappings of links over HTTP, and what they miss in the settings of their link."""
    for index, link in enumerate(settings.links):
        if not isinstance(link, HttpLinkSettings):
            continue
        if mappings.find(link.mapping) is None:
            right = f"name a YAML file, or one of {', '.join(mappings.names())}"
            blame.add(root, ("links", index, "mapping"), f"there is no mapping {link.mapping.name}", right)
            continue
        try:
            mapping = mapping_of(link)
        except ConfigErrors as wrong:
            blame.errors += wrong.errors
            blame.more += wrong.more
            continue
        for name, what, right in requests.missing(link, mapping):
            blame.add(root, ("links", index, name), what, right)


def _tree(path: Path, file: str, example: str) -> tuple[Node, list[ConfigError]]:
    """The tree of a file of settings and what is wrong with it as YAML; raises ConfigErrors when there is none."""
    root, errors = yaml_tree.parse(_text(path, file), file)
    if root is None:
        raise ConfigErrors(errors or [ConfigError(file, 1, "the file", "is empty", example)])
    if not isinstance(root.content, dict):
        raise ConfigErrors([ConfigError(file, root.line, "the file", "is not a list of `key: value` lines", example)])
    return root, errors


def read_embedded(state_folder: Path) -> Reading:
    """The built-in defaults with this state folder, checked like a file; raises ConfigErrors."""
    settings = embedded(state_folder)
    told = [
        (ConfigError("built-in defaults", 1, words_of(finding.loc), finding.wrong, finding.right), finding.is_warning)
        for finding in settings_checks.check(settings)
    ]
    if errors := [error for error, is_warning in told if not is_warning]:
        raise ConfigErrors(errors)
    return Reading(settings, [error for error, is_warning in told if is_warning])


def state_folder_in(path: Path) -> Path:
    """The state folder a file names, whatever else may be wrong with it; raises ConfigErrors if it is no YAML."""
    root, errors = yaml_tree.parse(_text(path, str(path)), str(path))
    if root is None:
        raise ConfigErrors(errors or [ConfigError(str(path), 1, "the file", "is empty", _EXAMPLE)])
    node = root.child("state_folder")
    named = node.content if node and isinstance(node.content, str) else words.default_of(_STATE_FOLDER)
    return path.absolute().parent / named


class _Blame:
    """What is wrong so far. A setting is blamed once; what only follows from that is left out."""

    def __init__(self, file: str, errors: list[ConfigError]) -> None:
        self.errors = errors
        self.more = 0
        self._file = file
        self._blamed: set[str] = set()
        self._around: set[str] = set()
        for error in errors:
            self._remember(error.key)

    def add(self, root: Node, loc: Loc, wrong: str, right: str) -> None:
        if not self.knows(root, loc):
            error = self.error(root, loc, wrong, right)
            self.errors.append(error)
            self._remember(error.key)

    def error(self, root: Node, loc: Loc, wrong: str, right: str) -> ConfigError:
        return ConfigError(self._file, _nearest(root, loc)[0].line, key_of(root, loc) or "the file", wrong, right)

    def knows(self, root: Node, loc: Loc) -> bool:
        """Whether this setting, one in it or one around it was blamed before."""
        key = key_of(root, loc)
        return key in self._blamed or key in self._around or not self._blamed.isdisjoint(_groups_of(key))

    def _remember(self, key: str) -> None:
        self._blamed.add(key)
        self._around.update(_groups_of(key))


def _groups_of(key: str) -> list[str]:
    """What a setting is in: `links` and `links[0]` for `links[0].port`."""
    return [key[: found.start()] for found in re.finditer(r"[.\[]", key)]


def anchored(model: Model, folder: Path) -> Model:
    """The same settings with every relative path taken from `folder`."""
    changes: dict[str, object] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Path) and not value.is_absolute():
            changes[name] = folder / value
        elif isinstance(value, BaseModel):
            changes[name] = anchored(value, folder)
        elif isinstance(value, list) and value and isinstance(value[0], BaseModel):
            changes[name] = [anchored(item, folder) for item in value]
    return model.model_copy(update=changes)


def _text(path: Path, file: str) -> str:
    """The file as text; raises ConfigErrors for what no YAML reader should be bothered with."""
    data = _octets(path, file)
    if data.startswith(_BYTE_ORDER_MARKS):
        raise _whole(file, "begins with a byte order mark", "save it as UTF-8 without BOM")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _whole(file, "is not UTF-8 (is it Latin-1?)", "save it as UTF-8", line) from None
    errors = []
    for number, row in enumerate(text.splitlines(), 1):
        if _TAB_INDENT.match(row):
            errors.append(ConfigError(file, number, "the file", "a line indented with a tab", "indent with spaces"))
        elif found := _CONTROL.search(row):
            wrong = f"a control character (code {ord(found.group())})"
            errors.append(ConfigError(file, number, "the file", wrong, "remove it"))
        if len(errors) > ERRORS_MAX:
            break
    if errors:
        raise ConfigErrors(errors)
    return text


def _octets(path: Path, file: str) -> bytes:
    try:
        with path.open("rb") as opened:
            # A pipe may be given (process substitution); a device may never end, so reading is bounded too.
            data = opened.read(FILE_SIZE_MAX + 1)
    except FileNotFoundError:
        raise _whole(file, "there is no such file", "name an existing file with --config") from None
    except IsADirectoryError:
        raise _whole(file, "is a folder", "name the YAML file in it") from None
    except PermissionError:
        raise _whole(file, "cannot be read by this user", _who_may_read(path)) from None
    except OSError as error:
        raise _whole(file, f"cannot be read ({error.strerror})", "name a readable file with --config") from None
    if len(data) > FILE_SIZE_MAX:
        raise _whole(file, "is larger than 1 MiB", _EXAMPLE)
    return data


def _who_may_read(path: Path) -> str:
    try:
        mode = stat.filemode(path.stat().st_mode)
    except OSError:
        return "let this user enter its folder"
    return f"its mode is {mode}; change its owner or group"


def _whole(file: str, wrong: str, right: str, line: int = 1) -> ConfigErrors:
    return ConfigErrors([ConfigError(file, line, "the file", wrong, right)])


def _validate(model: type[Model], root: Node, blame: _Blame) -> Model | None:
    """The settings as far as they are good; what is wrong goes to `blame`.

    What pydantic refuses is cut out of the tree, or gets a stand-in where it is required, and the rest is judged
    again: one mistake must not hide the next. None when nothing is left that could be judged.
    """
    while True:
        try:
            # JSON mode: strict about text, numbers and truth, yet it reads paths and networks from text.
            return model.model_validate_json(json.dumps(root.plain()), strict=True)
        except ValidationError as refusal:
            findings = refusal.errors(include_url=False)
        if len(findings) > ERRORS_MAX:
            blame.more = len(findings) - ERRORS_MAX
        refused = []
        for finding in findings[:ERRORS_MAX]:
            loc = words.real_loc(model, finding["loc"])
            blame.add(root, loc, *config_words.explain(finding, model, key_of(root, loc)))
            refused.append((loc, *_nearest(root, loc)))
        # All were looked up before the first is taken out: that moves those behind it in its list.
        set_aside = [_set_aside(model, root, loc, node, rest) for loc, node, rest in refused]
        if blame.more or not any(set_aside):
            return None


def _set_aside(model: type[BaseModel], root: Node, loc: Loc, node: Node, rest: Loc) -> bool:
    """Take what was refused at `loc` out of the judgement; False when there is nothing to take.

    `node` is the deepest one on the way there and `rest` the steps that are not in the file. A required setting is
    replaced by the example of its field, once, so that the rest of its group can be judged.
    """
    field, _ = words.field_at(model, loc)
    if field is not None and field.is_required() and field.examples:
        stand_in = field.examples[0]
        if not rest and node.content != stand_in:
            node.content = stand_in
            return True
        if len(rest) == 1 and isinstance(node.content, dict) and isinstance(rest[0], str):
            node.content[rest[0]] = Node(f"{node.path}.{rest[0]}", node.line, stand_in)
            return True
    return _remove(root, node)


def key_of(root: Node, loc: Loc) -> str:
    """The path of a setting as the file has it: indexes of what was cut out are still counted."""
    node, rest = _nearest(root, loc)
    key = node.path
    for step in rest:
        key = f"{key}[{step}]" if isinstance(step, int) else f"{key}.{step}".lstrip(".")
    return key


def _nearest(root: Node, loc: Loc) -> tuple[Node, Loc]:
    """The deepest node on the way to `loc`, and the steps that are not in the file."""
    node = root
    for index, step in enumerate(loc):
        child = node.child(step)
        if child is None:
            return node, loc[index:]
        node = child
    return node, ()


def _remove(parent: Node, node: Node) -> bool:
    """Take a node out of the tree, wherever it is; False when it is not in it."""
    content = parent.content
    if isinstance(content, dict):
        for key, child in content.items():
            if child is node:
                del content[key]
                return True
            if _remove(child, node):
                return True
    elif isinstance(content, list):
        for index, child in enumerate(content):
            if child is node:
                del content[index]
                return True
            if _remove(child, node):
                return True
    return False
