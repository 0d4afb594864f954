"""Pydantic's findings -> plain words: what is wrong at that place and what would be right."""

import difflib
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bridge.app import settings_words as words
from bridge.app.config_errors import shown

_NOT_ALLOWED = frozenset(
    {
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "too_short",
        "too_long",
        "string_too_short",
        "string_too_long",
        "string_pattern_mismatch",
    }
)
"""Errors about a value of the right kind that is out of bounds."""


def explain(error: ErrorDetails, model: type[BaseModel], key: str) -> tuple[str, str]:
    """(what is wrong, what would be right) for one error; `key` is the path the user knows."""
    kind, loc, value = error["type"], error["loc"], error["input"]
    if kind == "extra_forbidden":
        return _unknown_key(model, loc)
    field, expected = words.field_at(model, loc)
    if field is not None and words.without_none(field.annotation) is not expected:
        # An item of a list: the bounds and the default of the field are not about it.
        field = None
    takes = words.type_words(expected, field)
    if kind == "missing":
        return "is missing", f"write {takes}: {_purpose(field)}"
    if value is None:
        leave = "" if field is None or field.is_required() else ", or take the line away"
        return "has no value", _right(takes, field, expected) + leave
    if kind == "value_error" and takes != words.NETWORK:
        return str(error["ctx"]["error"]) or "is not allowed", _purpose(field) if takes == "text" else ""
    name = shown(value, key)
    if kind == "string_pattern_mismatch":
        return f"{name} is not allowed", _purpose(field)
    if kind == "string_type" and isinstance(value, bool | int | float) and takes != words.NETWORK:
        return f"{name} is not text", "write it in quotes"
    return _wrong(error, name, takes), _right(takes, field, expected)


def _wrong(error: ErrorDetails, name: str, takes: str) -> str:
    if error["type"] in ("literal_error", "enum"):
        return f"{name} is not known here"
    if error["type"] in _NOT_ALLOWED:
        return f"{name} is not allowed"
    if "host bits" in error["msg"]:
        return f"{name} has host bits set"
    return f"{name} is not {words.kind_words(takes)}"


def _right(takes: str, field: FieldInfo | None, expected: Any) -> str:
    if _names(expected):
        return "write its settings on lines of their own, indented: " + ", ".join(_names(expected))
    if takes.startswith("a list"):
        return 'write each item on a line of its own that begins with "- "'
    if field is None or field.is_required() or words.default_of(field) is None:
        return f"write {takes}"
    return f"write {takes} (the default is {words.default_words(field)})"


def _unknown_key(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[str, str]:
    _, parent = words.field_at(model, loc[:-1])
    names = _names(parent)
    near = difflib.get_close_matches(str(loc[-1]).lower().replace("-", "_"), names, n=1)
    if near:
        return "is no setting", f'did you mean "{near[0]}"?'
    return "is no setting", "the settings here are " + ", ".join(names)


def _names(model: Any) -> list[str]:
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _purpose(field: FieldInfo | None) -> str:
    """What the setting is for: the first sentence of its description, without the full stop."""
    return (field.description or "").partition(". ")[0].rstrip(".") if field else ""
