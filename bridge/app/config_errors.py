"""What is wrong with a configuration: every fault of it at once, each with its place and its cure."""

from dataclasses import dataclass

ERRORS_MAX = 100
"""Errors told at once; a file with more is not a configuration."""

VALUE_SHOWN_MAX = 60
"""Characters of a wrong value that are repeated in a message."""

Loc = tuple[int | str, ...]
"""Where a setting is, step by step: ("links", 0, "port")."""

_SECRET_WORDS = ("password", "secret", "pin", "token")


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One thing that is wrong. Its text is `file:line: key: what is wrong; what would be right`."""

    file: str
    line: int
    """From 1."""
    key: str
    """As in `links[0].port`; "the file" when it is about the file itself."""
    wrong: str
    right: str = ""

    def __str__(self) -> str:
        advice = f"; {self.right}" if self.right else ""
        return f"{self.file}:{self.line}: {self.key}: {self.wrong}{advice}"


class ConfigErrors(Exception):
    """A configuration that must not be started: all its errors, in the order of the file."""

    def __init__(self, errors: list[ConfigError], more: int = 0) -> None:
        """`more`: how many further ones nobody has put into words."""
        super().__init__(errors)
        self.more = more
        self.errors = sorted(errors, key=lambda error: (error.line, error.key))

    def __str__(self) -> str:
        lines = [str(error) for error in self.errors[:ERRORS_MAX]]
        more = len(self.errors) - len(lines) + self.more
        return "\n".join([*lines, *([f"... and {more} more"] if more > 0 else [])])


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or only odd (`is_warning`)."""

    loc: Loc
    wrong: str
    right: str
    is_warning: bool = False
    also: Loc = ()
    """The other setting it clashes with."""


def words_of(loc: Loc) -> str:
    """A loc as people write it: ("smtp", "listen", 0) -> smtp.listen[0]."""
    text = ""
    for step in loc:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.lstrip(".")


def shown(value: object, key: str = "") -> str:
    """A wrong value in words for a message: on one line, bounded, and never a secret."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a group of settings"
    if isinstance(value, list):
        return "a list"
    if is_secret(key):
        return "the value (not shown)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{printable(value)}"'
    return printable(str(value))


def printable(text: str) -> str:
    """The text with everything escaped that could confuse a terminal or forge a line, cut to VALUE_SHOWN_MAX."""
    cut = text if len(text) <= VALUE_SHOWN_MAX else text[: VALUE_SHOWN_MAX - 3] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


def is_secret(key: str) -> bool:
    """Whether the value of this setting must not be repeated (files that hold secrets may be named)."""
    name = key.rpartition(".")[2]
    return not name.endswith("_file") and any(word in name for word in _SECRET_WORDS)
