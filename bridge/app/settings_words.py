"""The settings in words: what each takes, its default, and where in the tree of models it lives.

Used by the messages about a wrong file and by the generated documents, so that both say the same.
"""

import enum
import ipaddress
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import annotated_types
import pydantic
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

_NETWORKS = (ipaddress.IPv4Network, ipaddress.IPv6Network, pydantic.IPvAnyNetwork)
NOTHING = "nothing"
NETWORK = "a network such as 192.168.0.0/16"
_ADDRESSES = (ipaddress.IPv4Address, ipaddress.IPv6Address, pydantic.IPvAnyAddress)


@dataclass(frozen=True, slots=True)
class Setting:
    """One place in the tree of settings."""

    path: str
    """As in `links[].port`."""
    field: FieldInfo
    model: type[BaseModel] | None
    """The model of the group or of the list's items; None for a single value."""
    is_list: bool
    depth: int
    kind: str = ""
    """Of a group that comes in several kinds, the one that is meant: "http"; empty for the usual one."""


def every_setting(model: type[BaseModel], path: str = "", depth: int = 0) -> Iterator[Setting]:
    """All settings under a model, depth first, in the order of their declaration."""
    for name, field in model.model_fields.items():
        inner = without_none(field.annotation)
        item = item_of(inner)
        is_list = item is not inner
        groups = members_of(item)
        here = f"{path}.{name}" if path else name
        if not groups:
            yield Setting(here, field, None, is_list, depth)
        for number, group in enumerate(groups):
            yield Setting(here, field, group, is_list, depth, kind_of(group) if number else "")
            yield from every_setting(group, here + "[]" if is_list else here, depth + 1)


def members_of(annotation: Any) -> tuple[type[BaseModel], ...]:
    """The groups that may stand in a place: one, or one of each kind, the usual one first; () for a single value."""
    while typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if _is_model(annotation):
        return (annotation,)
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return ()
    return tuple(member for each in typing.get_args(annotation) for member in members_of(each))


def kind_of(group: type[BaseModel]) -> str:
    """Which kind of group it is, where there are several: the default of its setting `kind`."""
    return str(group.model_fields["kind"].default) if "kind" in group.model_fields else ""


def field_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[FieldInfo | None, Any]:
    """The field nearest above a pydantic `loc`, and the type expected exactly there (None when unknown)."""
    field: FieldInfo | None = None
    expected: Any = model
    for step in loc:
        groups = members_of(expected)
        if isinstance(step, str) and len(groups) > 1:
            named = [group for group in groups if kind_of(group) == step]
            expected = next((group for group in (*named, *groups) if named or step in group.model_fields), groups[0])
            if named:
                continue  # Pydantic says which kind it judged; the file does not.
        if isinstance(step, str) and _is_model(expected):
            if step not in expected.model_fields:
                return field, None
            field = expected.model_fields[step]
            expected = without_none(field.annotation)
        elif isinstance(step, int) and item_of(expected) is not expected:
            expected = item_of(expected)
        else:
            # Pydantic adds the member of a union it tried; the value is the same.
            return field, expected
    return field, expected


def real_loc(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """A pydantic `loc` without the names it adds for the members of a union."""
    for length in range(len(loc) - 1):
        _, expected = field_at(model, loc[: length + 1])
        groups = members_of(expected)
        if len(groups) > 1 and loc[length + 1] in [kind_of(group) for group in groups]:
            group = next(group for group in groups if kind_of(group) == loc[length + 1])
            return loc[: length + 1] + real_loc(group, loc[length + 2 :])
        if not groups and typing.get_origin(expected) not in (list, tuple):
            return loc[: length + 1]
    return loc


def type_words(expected: Any, field: FieldInfo | None = None) -> str:
    """What may be written: "a whole number from 1 to 65535", "one of none, starttls, implicit"."""
    expected = without_none(expected)
    origin = typing.get_origin(expected)
    if origin is typing.Annotated:
        return type_words(typing.get_args(expected)[0], field)
    if origin in (list, tuple):
        return "a list, each item " + type_words(typing.get_args(expected)[0])
    if origin is dict:
        return "a group of your own names, each with " + type_words(typing.get_args(expected)[1])
    if origin is typing.Literal:
        return "one of " + ", ".join(str(value) for value in typing.get_args(expected))
    if origin in (typing.Union, types.UnionType):
        return _union_words(typing.get_args(expected))
    if _is_model(expected):
        return "a group of settings (" + ", ".join(expected.model_fields) + ")"
    return _plain_words(expected, field)


def kind_words(takes: str) -> str:
    """The kind alone, for a value of another kind: "a whole number" for `takes` "a whole number from 1 to 9"."""
    kinds = ("a whole number", "a number", "true or false", "text", "a list", "a group of settings", "a network")
    return next((kind for kind in kinds if takes.startswith(kind)), takes)


def default_words(field: FieldInfo) -> str:
    """The default as it would be written in YAML flow style; "required" when there is none."""
    if field.is_required():
        return "required"
    return value_words(default_of(field))


def default_of(field: FieldInfo) -> Any:
    """The default value itself."""
    value = field.get_default(call_default_factory=True)
    return None if value is PydanticUndefined else value


def value_words(value: Any) -> str:
    """A value as YAML in one line."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, BaseModel):
        pairs = (f"{name}: {value_words(getattr(value, name))}" for name in type(value).model_fields)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(value_words(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {value_words(item)}" for name, item in value.items()) + "}"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if str(value) else '""'


def without_none(annotation: Any) -> Any:
    """`X | None` -> `X`; anything else as it is."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kept = [member for member in typing.get_args(annotation) if member is not types.NoneType]
        if len(kept) == 1:
            return kept[0]
    return annotation


def item_of(annotation: Any) -> Any:
    """The type of a list's items; any other type itself."""
    if typing.get_origin(annotation) in (list, tuple):
        return without_none(typing.get_args(annotation)[0])
    return annotation


def _plain_words(expected: Any, field: FieldInfo | None) -> str:
    bounds = _bounds(field)
    if expected is bool:
        return "true or false"
    if expected is int:
        return "a whole number" + bounds
    if expected is float:
        return "a number" + bounds
    if expected in (str, pydantic.SecretStr):
        return "text" + _lengths(field)
    if expected is Path:
        return "the path of a file or folder"
    if expected in _NETWORKS:
        return NETWORK
    if expected in _ADDRESSES:
        return "an IP address"
    if isinstance(expected, type) and issubclass(expected, enum.Enum):
        return "one of " + ", ".join(str(member.value) for member in expected)
    return "a value"


def _union_words(members: tuple[Any, ...]) -> str:
    words = dict.fromkeys(type_words(member) for member in members if member is not types.NoneType)
    return " or ".join(words)


def _bounds(field: FieldInfo | None) -> str:
    low = high = ""
    for rule in field.metadata if field else ():
        if isinstance(rule, annotated_types.Ge):
            low = f"{rule.ge}"
        elif isinstance(rule, annotated_types.Gt):
            low = f"more than {rule.gt}"
        elif isinstance(rule, annotated_types.Le):
            high = f"{rule.le}"
        elif isinstance(rule, annotated_types.Lt):
            high = f"less than {rule.lt}"
    if low and high:
        return f" from {low} to {high}" if not low.startswith("more") else f", {low}, at most {high}"
    if low:
        return f", {low}" if low.startswith("more") else f" of at least {low}"
    return f" of at most {high}" if high else ""


def _lengths(field: FieldInfo | None) -> str:
    low, high = 0, 0
    for rule in field.metadata if field else ():
        if isinstance(rule, annotated_types.MinLen):
            low = rule.min_length
        elif isinstance(rule, annotated_types.MaxLen):
            high = rule.max_length
    if high:
        return f" of {low} to {high} characters" if low else f" of at most {high} characters"
    return f" of at least {low} characters" if low > 1 else ""


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
