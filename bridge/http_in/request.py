"""One HTTP request to /send, read forgivingly: octets in, named values out. Pure.

Parameters come from the query, from a form body and from a JSON object, together. A form is split at "&" only, "+" and
%XX give octets, a key may lack its "=", and the case of names does not matter. The octets of a value are UTF-8 when
they are valid UTF-8, else Windows-1252, unless `charset` says otherwise; what it says must then be true.
"""

import base64
import binascii
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from bridge.messages.faults import Fault, FaultCode

PARAMETERS_MAX = 100
"""Parameters of one request; many recipients are a list in one parameter."""
JSON_DEPTH_MAX = 20
"""Nested arrays and objects; ours needs two."""
JSON_BRACKETS_MAX = 200
"""Brackets and braces of one JSON body; ours needs four."""

NAMES = {
    "account": "account",
    "username": "account",
    "user": "account",
    "pin": "pin",
    "password": "pin",
    "to": "to",
    "recipient": "to",
    "recipients": "to",
    "number": "to",
    "text": "text",
    "message": "text",
    "from": "from",
    "originator": "from",
    "ref": "ref",
    "reference": "ref",
    "lane": "lane",
    "at": "at",
    "in": "in",
    "worthless_after": "worthless_after",
    "validity": "validity",
    "queue_age": "queue_age",
    "format": "format",
    "charset": "charset",
    "_charset_": "charset",
}
"""Every spelling of a parameter and the parameter it means. Only "to" may come more than once."""

_FORM_TYPES = frozenset({"", "application/x-www-form-urlencoded", "text/plain"})
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# The closing quote is optional so that a string without one is skipped in one go, not tried from each of its quotes.
_JSON_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_NO_BRACKET = bytes(octet for octet in range(256) if octet not in b"[]{}")
_LIST_SEPARATOR = re.compile(r"[,;\r\n\t]+")
_DIGIT = re.compile(r"[0-9]")
_NUMBER_DIGITS_MIN = 7
"""Fewest digits of a phone number; pieces that are all shorter are one number written with spaces."""

_CHARSETS: dict[str, str] = {
    **dict.fromkeys(("utf-8", "utf8"), "utf-8"),
    # Who says Latin-1 or ASCII and sends more means Windows-1252, as browsers know.
    **dict.fromkeys(("us-ascii", "ascii", "iso-8859-1", "latin1", "latin-1"), "cp1252"),
    **{f"iso-8859-{n}": f"iso8859_{n}" for n in (*range(2, 12), 13, 14, 15, 16)},
    **{f"{prefix}{n}": f"cp{n}" for n in range(1250, 1259) for prefix in ("windows-", "cp")},
    **dict.fromkeys(("utf-16", "utf-16be", "ucs-2", "iso-10646-ucs-2"), "utf-16-be"),
    "utf-16le": "utf-16-le",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
}
"""Charset names a request may use; Python knows codecs that are no charsets, so its own list will not do."""


class UnsupportedBody(Fault):
    """The body is of a kind that is not read here (HTTP 415)."""

    def __init__(self, detail: str) -> None:
        super().__init__(FaultCode.BAD_REQUEST, detail)


class Fields:
    """The parameters of one request, by their canonical names."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def one(self, name: str) -> str:
        """The value of a parameter, "" when it is absent. Raises Fault BAD_REQUEST when it came twice."""
        values = self._values.get(name, ())
        if len(values) > 1:
            spellings = "/".join(spelling for spelling, meant in NAMES.items() if meant == name)
            raise Fault(FaultCode.BAD_REQUEST, f"{spellings} is given {len(values)} times")
        return values[0] if values else ""

    def all(self, name: str) -> Sequence[str]:
        return self._values.get(name, ())


def read_fields(query: bytes, content_type: str, content_encoding: str, body: bytes) -> Fields:
    """All parameters of a request. Raises Fault BAD_REQUEST, or UnsupportedBody for a body of another kind.

    `query` and `body` are as they came over the wire; the two header values are "" when absent.
    """
    kind, charset = _kind_and_charset(content_type)
    pairs = _pairs(query)
    values: dict[str, list[str]] = {}
    if body and content_encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedBody("a compressed body is not read here")
    if body and is_json(kind):
        values = _json_values(body)
    elif body and kind in _FORM_TYPES:
        pairs += _pairs(body.rstrip(b"\r\n"))
    elif body:
        raise UnsupportedBody("send application/x-www-form-urlencoded or application/json")
    for name, value in _decoded(pairs, charset):
        values.setdefault(name, []).append(value)
    return Fields(values)


def is_json(content_type: str) -> bool:
    """Whether a Content-Type announces JSON."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _kind_and_charset(content_type: str) -> tuple[str, str]:
    """("application/x-www-form-urlencoded", "utf-8") from a Content-Type header."""
    kind, *parameters = content_type.split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return kind.strip().lower(), value.strip().strip("\"'")
    return kind.strip().lower(), ""


def _pairs(raw: bytes) -> list[tuple[str, bytes]]:
    """Canonical names and raw values of a query or form; parameters we do not know are left out."""
    if raw.count(b"&") >= PARAMETERS_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"more than {PARAMETERS_MAX} parameters")
    pairs = []
    for piece in raw.split(b"&"):
        name, _, value = piece.partition(b"=")
        meant = NAMES.get(_unescape(name).decode("latin-1").strip().lower())
        octets = _unescape(value)
        if meant is not None:
            pairs.append((meant, octets))
    return pairs


def _unescape(raw: bytes) -> bytes:
    if _BAD_ESCAPE.search(raw):
        raise Fault(FaultCode.BAD_REQUEST, "a percent sign that does not begin %XX; write a plain one as %25")
    return unquote_to_bytes(raw.replace(b"+", b" "))


def _decoded(pairs: Sequence[tuple[str, bytes]], charset: str) -> list[tuple[str, str]]:
    named = [octets.decode("latin-1") for name, octets in pairs if name == "charset"]
    if len(named) > 1:
        raise Fault(FaultCode.BAD_REQUEST, "charset is given twice")
    charset = (named[0] if named else charset).strip().lower()
    codec = _CHARSETS.get(charset)
    if charset and codec is None:
        raise Fault(FaultCode.BAD_REQUEST, "unknown charset; use utf-8 or iso-8859-1")
    decoded = []
    for name, octets in pairs:
        # A client that sends UTF-16 means the text; its other parameters are ASCII.
        applies = codec is not None and (name == "text" or not codec.startswith("utf-16"))
        decoded.append((name, _declared(octets, codec) if applies and codec else decode(octets)))
    return decoded


def _declared(octets: bytes, codec: str) -> str:
    if codec == "cp1252":
        return decode(octets, is_utf8_possible=False)
    if codec == "utf-16-be" and octets[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16"
    try:
        return octets.decode(codec)
    except UnicodeDecodeError:
        raise Fault(FaultCode.BAD_REQUEST, "a parameter is not in the charset that the request names") from None


def decode(octets: bytes, *, is_utf8_possible: bool = True) -> str:
    """Characters of octets whose charset nobody told: UTF-8 if it is that, else Windows-1252. Never fails."""
    for codec in ("utf-8", "cp1252") if is_utf8_possible else ("cp1252",):
        try:
            return octets.decode(codec)
        except UnicodeDecodeError:
            continue
    return octets.decode("latin-1")


def _json_values(body: bytes) -> dict[str, list[str]]:
    """The members of a JSON object as parameters; "to" may be an array and may hold numbers."""
    _check_depth(body)
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_no_twice, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Fault(FaultCode.BAD_REQUEST, "the body is not valid JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise Fault(FaultCode.BAD_REQUEST, "the JSON body is not an object")
    values: dict[str, list[str]] = {}
    for key, value in document.items():
        name = NAMES.get(key.lower())
        if name is None or name == "charset":
            raise Fault(FaultCode.BAD_REQUEST, f"the JSON body has an unknown member {key[:30]!r}")
        several = name == "to" and isinstance(value, list)
        for item in value if several else [value]:
            values.setdefault(name, []).append(_json_text(name, item))
    return values


def _json_text(name: str, value: Any) -> str:
    if name == "to" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise Fault(FaultCode.BAD_REQUEST, f"the JSON member {name!r} is not a string")
    # JSON can spell half a surrogate pair, which nothing further on could store.
    return value.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Fault(FaultCode.BAD_REQUEST, "a member of the JSON body comes twice")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _check_depth(body: bytes) -> None:
    """Refuse nesting before the parser recurses into it."""
    brackets = _JSON_STRING.sub(b"", body).translate(None, _NO_BRACKET)
    depths = itertools.accumulate(1 if bracket in b"[{" else -1 for bracket in brackets[: JSON_BRACKETS_MAX + 1])
    if len(brackets) > JSON_BRACKETS_MAX or max(depths, default=0) > JSON_DEPTH_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"the JSON body is nested deeper than {JSON_DEPTH_MAX}, or all brackets")


def basic_credentials(authorization: str) -> tuple[str, str] | None:
    """Account and secret of HTTP Basic; None without such a header. Raises Fault BAD_REQUEST when it is broken."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        octets = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise Fault(FaultCode.BAD_REQUEST, "the Authorization header is not Base64") from None
    account, colon, secret = decode(octets).partition(":")
    if not colon:
        raise Fault(FaultCode.BAD_REQUEST, "the Authorization header has no colon between account and secret")
    return account, secret


def split_recipients(values: Sequence[str]) -> list[str]:
    """Single numbers out of lists separated by commas, semicolons, line ends or spaces, in order, as written.

    A number may itself be written with spaces: pieces too short to be numbers on their own stay together.
    """
    found: list[str] = []
    for value in values:
        for listed in _LIST_SEPARATOR.split(value):
            pieces = listed.split()
            is_one_number = all(len(_DIGIT.findall(piece)) < _NUMBER_DIGITS_MIN for piece in pieces)
            found += [" ".join(pieces)] if is_one_number and pieces else pieces
    return found
