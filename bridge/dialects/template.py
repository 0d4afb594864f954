"""A request out of a mapping's template and the values of one part."""

import json
from collections.abc import Mapping as Values
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_from_bytes

from bridge.dialects.mapping import KEPT_EMPTY, NAME, OCTET_NAMES, RequestMapping

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Filled:
    """A request that is ready to be sent."""

    method: str
    url: str
    fields: tuple[tuple[str, str], ...]
    body: bytes


def fill(request: RequestMapping, values: Values[str, str]) -> Filled:
    """The request with every name replaced. Octets are given as Latin-1 characters, one for each.

    What holds a name without a value is left out, except in the URL.
    """
    url = NAME.sub(lambda name: _in_url(name[1], values), request.url)
    query = _encoded(request.query, values)
    if query:
        url += ("&" if "?" in url else "?") + query
    fields = [(name, _text(text, values)) for name, text in request.headers.items() if _is_there(text, values)]
    body = b""
    if request.form_body:
        body = _encoded(request.form_body, values).encode("ascii")
        fields.append(("Content-Type", "application/x-www-form-urlencoded"))
    elif request.json_body:
        body = json.dumps(_json(request.json_body, values), ensure_ascii=False, separators=(",", ":")).encode()
        fields.append(("Content-Type", "application/json"))
    return Filled(request.method, url, tuple(fields), body)


def _in_url(name: str, values: Values[str, str]) -> str:
    """A value inside the URL: the base as it is, everything else as one step of a path."""
    value = values.get(name, "")
    return value.rstrip("/") if name == "url" else quote(value, safe="")


def _encoded(parameters: Values[str, str], values: Values[str, str]) -> str:
    """Parameters in the form of a query, those without a value left out; texts are UTF-8."""
    return "&".join(
        f"{quote(name, safe='')}={_quoted(text, values)}"
        for name, text in parameters.items()
        if _is_there(text, values)
    )


def _quoted(text: str, values: Values[str, str]) -> str:
    pieces, at = [], 0
    for name in NAME.finditer(text):
        value = values.get(name[1], "")
        octets = value.encode("latin-1") if name[1] in OCTET_NAMES else value.encode("utf-8", "replace")
        pieces += [quote(text[at : name.start()], safe=""), quote_from_bytes(octets, safe="")]
        at = name.end()
    return "".join([*pieces, quote(text[at:], safe="")])


def _is_there(text: str, values: Values[str, str]) -> bool:
    return all(name in KEPT_EMPTY or values.get(name) for name in NAME.findall(text))


def _text(text: str, values: Values[str, str]) -> str:
    return NAME.sub(lambda name: values.get(name[1], ""), text)


def _json(value: Any, values: Values[str, str]) -> Any:
    """The structure with its texts filled; members and items that were left empty are gone."""
    filled = _json_or_absent(value, values)
    return {} if filled is _ABSENT else filled


def _json_or_absent(value: Any, values: Values[str, str]) -> Any:
    if isinstance(value, str):
        return _text(value, values) if _is_there(value, values) else _ABSENT
    if isinstance(value, dict):
        members = {name: _json_or_absent(each, values) for name, each in value.items()}
        kept = {name: each for name, each in members.items() if each is not _ABSENT}
        return kept if kept or not value else _ABSENT
    if isinstance(value, list):
        items = [each for one in value if (each := _json_or_absent(one, values)) is not _ABSENT]
        return items if items or not value else _ABSENT
    return value
