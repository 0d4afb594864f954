"""HTTP/1.x requests out of octets: no sockets, no clock. Forgiving where old devices need it, never about framing.

Wire contract. A head is a request line, header lines and an empty line, at most HEAD_SIZE_MAX octets; a body follows
when Content-Length or chunked says so. Requests may be pipelined; they come out one by one and in order. What two
readers could frame differently is refused with 400: Transfer-Encoding beside Content-Length, any of them twice or
folded, a coding other than chunked, chunked in HTTP/1.0, white space before the colon, NUL or a lone CR anywhere.

The lenient reader forgives, because devices that cannot be changed send it:
- a line that ends in a bare LF;
- a request line without a version (HTTP/0.9): it is the whole request, and is read as HTTP/1.0;
- raw spaces, tabs and 8-bit octets in the target (BusyBox wget sends the first): they become %XX, octet by octet;
- a method in lower case, `http/1.1` in lower case, doubled slashes in the path;
- `http://account:secret@host/` in the target: the part before the @ becomes Basic credentials;
- header lines continued by a leading space; HTTP/1.1 without Host.
The strict reader refuses those with 400. Both take the absolute form of the target and ignore empty lines before a
request. Sources: RFC 9112 (grammar, framing, 2.2, 5.1, 6.1, 6.3), RFC 1945 (HTTP/0.9).
"""

import base64
import re
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import unquote_to_bytes

from bridge.runtime.web_body import BadRequest, Chunked, Sized, body_of

HEAD_SIZE_MAX = 16_384
"""Octets of request line and headers with their line ends; a text of ten parts in a GET fits three times over."""
HEADERS_MAX = 100
"""Header lines of one request; browsers send about twenty."""

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")
_METHOD = re.compile(rb"[A-Z][A-Z0-9_-]{0,19}")
_VERSION = re.compile(rb"HTTP/(\d)\.(\d)")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_CONTROL_BUT_TAB = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_VISIBLE = re.compile(rb"[^\x21-\x7e]")
_SLASHES = re.compile(rb"//+")
_TLS_HANDSHAKE = 0x16

Header = tuple[bytes, bytes]
"""Name in lower case, value without surrounding white space."""


class NeedData(Enum):
    """Nothing to tell until more octets come."""

    NEED_DATA = "need_data"


NEED_DATA = NeedData.NEED_DATA


@dataclass(slots=True)
class ContinueWanted:
    """The peer waits for `100 Continue` before it sends the body."""


@dataclass(slots=True)
class WireRequest:
    """One whole request."""

    method: bytes
    path: bytes
    """Begins with a slash, still percent-encoded; "*" for OPTIONS."""
    query: bytes
    """What follows the first question mark, still percent-encoded, visible ASCII only."""
    version: bytes
    """HTTP/1.0 or HTTP/1.1: the version to answer in."""
    is_persistent: bool
    """Whether the peer may send another request after the answer."""
    headers: list[Header] = field(default_factory=list)
    body: bytes = b""

    def values(self, name: bytes) -> list[bytes]:
        """The values of one header, by its lower-case name, in order."""
        return [value for other, value in self.headers if other == name]


Event = WireRequest | ContinueWanted | NeedData


class Phase(Enum):
    """What the reader is in the middle of."""

    BETWEEN = "between"
    HEAD = "head"
    BODY = "body"


class RequestReader:
    """Feed it octets with `receive_data`, then ask `next_event` until it says NEED_DATA.

    `next_event` raises BadRequest for what cannot be taken; the reader is then useless, and says the same again.
    """

    def __init__(self, *, is_lenient: bool, body_size_max: int) -> None:
        self._is_lenient = is_lenient
        self._body_size_max = body_size_max
        self._buffer = bytearray()
        self._position = 0
        self._request: WireRequest | None = None
        self._body: Sized | Chunked | None = None
        self._failure: BadRequest | None = None

    @property
    def phase(self) -> Phase:
        if self._body is not None:
            return Phase.BODY
        has_begun = self._request is not None or len(self._buffer) > self._position
        return Phase.HEAD if has_begun else Phase.BETWEEN

    @property
    def pending(self) -> int:
        """Octets received and not yet part of a request that came out."""
        return len(self._buffer)

    def receive_data(self, data: bytes) -> None:
        if self._failure is None:
            self._buffer += data

    def next_event(self) -> Event:
        if self._failure is not None:
            raise self._failure
        try:
            return self._read_body() if self._body is not None else self._read_head()
        except BadRequest as refusal:
            self._failure = refusal
            self._buffer.clear()
            raise

    def _read_head(self) -> Event:
        if self._buffer[:1] == bytes((_TLS_HANDSHAKE,)):
            raise BadRequest(400, "This port speaks plain HTTP, not HTTPS")
        while (line := self._next_line()) is not None:
            if self._request is None:
                if line:
                    self._request = _read_request_line(line, self._is_lenient)
                    if self._request.version == b"":
                        return self._finish_simple(self._request)
            elif line:
                self._add_header(self._request, line)
            else:
                return self._finish_head(self._request)
        return NEED_DATA

    def _next_line(self) -> bytes | None:
        """The next line of the head without its end, or None when it is not there yet."""
        end = self._buffer.find(b"\n", self._position)
        if end >= HEAD_SIZE_MAX or (end < 0 and len(self._buffer) >= HEAD_SIZE_MAX):
            if self._request is None:
                raise BadRequest(414, f"The request line is longer than {HEAD_SIZE_MAX} octets; use POST")
            raise BadRequest(431, f"The request head is larger than {HEAD_SIZE_MAX} octets")
        if end < 0:
            return None
        line = bytes(self._buffer[self._position : end])
        self._position = end + 1
        if line.endswith(b"\r"):
            line = line[:-1]
        elif not self._is_lenient:
            raise BadRequest(400, "A line ends in a bare line feed")
        if b"\r" in line or b"\0" in line:
            raise BadRequest(400, "A carriage return or NUL inside a line of the request head")
        return line

    def _add_header(self, request: WireRequest, line: bytes) -> None:
        if len(request.headers) >= HEADERS_MAX:
            raise BadRequest(431, f"More than {HEADERS_MAX} header lines")
        if line[:1] in (b" ", b"\t"):
            self._continue_header(request, line)
            return
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name):
            raise BadRequest(400, "A header line is not `Name: value`")
        if _CONTROL_BUT_TAB.search(value):
            raise BadRequest(400, "A control character in a header value")
        request.headers.append((name.lower(), value.strip(b" \t")))

    def _continue_header(self, request: WireRequest, line: bytes) -> None:
        if not self._is_lenient or not request.headers:
            raise BadRequest(400, "A header line begins with white space")
        name, value = request.headers[-1]
        if name in (b"content-length", b"transfer-encoding", b"host"):
            raise BadRequest(400, "A header that frames the request is folded")
        if _CONTROL_BUT_TAB.search(line):
            raise BadRequest(400, "A control character in a header value")
        request.headers[-1] = (name, (value + b" " + line.strip(b" \t")).strip(b" "))

    def _finish_simple(self, request: WireRequest) -> WireRequest:
        """HTTP/0.9: the line was all; whatever follows is not ours to read."""
        request.version = b"HTTP/1.0"
        self._start_over()
        return request

    def _finish_head(self, request: WireRequest) -> Event:
        del self._buffer[: self._position]
        self._position = 0
        hosts = len(request.values(b"host"))
        if hosts > 1 or (hosts == 0 and request.version == b"HTTP/1.1" and not self._is_lenient):
            raise BadRequest(400, "HTTP/1.1 needs exactly one Host header")
        connection = b",".join(request.values(b"connection")).lower()
        request.is_persistent = request.version == b"HTTP/1.1" and b"close" not in _words(connection)
        self._body = body_of(
            request.values(b"content-length"),
            request.values(b"transfer-encoding"),
            request.version,
            self._body_size_max,
        )
        wants_leave = b"100-continue" in [value.lower() for value in request.values(b"expect")]
        if wants_leave and request.version == b"HTTP/1.1" and not self._buffer and not self._body.is_empty:
            return ContinueWanted()
        return self._read_body()

    def _read_body(self) -> Event:
        request, body = self._request, self._body
        assert request is not None
        assert body is not None
        octets = body.take(self._buffer)
        if octets is None:
            return NEED_DATA
        request.body = octets
        self._start_over()
        return request

    def _start_over(self) -> None:
        del self._buffer[: self._position]
        self._position = 0
        self._request = None
        self._body = None


def _read_request_line(line: bytes, is_lenient: bool) -> WireRequest:
    """A request without headers yet; its version is empty for HTTP/0.9."""
    method, space, rest = line.partition(b" ")
    if is_lenient:
        method, rest = method.upper(), rest.strip(b" ")
    if not space or not _METHOD.fullmatch(method):
        raise BadRequest(400, "The request line is not `METHOD /path HTTP/1.1`")
    target, space, last = rest.rpartition(b" ")
    spelled = last.upper() if is_lenient else last
    if not spelled.startswith(b"HTTP/") or not space:
        if not is_lenient or method != b"GET":
            raise BadRequest(400, "The request line does not end in HTTP/1.0 or HTTP/1.1")
        target, version = rest, b""
    else:
        version = _version_to_speak(spelled)
    return _with_target(method, _visible(target, is_lenient), version, is_lenient)


def _version_to_speak(spelled: bytes) -> bytes:
    match = _VERSION.fullmatch(spelled)
    if match is None or match[1] not in (b"0", b"1"):
        raise BadRequest(400, "Only HTTP/1.0 and HTTP/1.1 are spoken here")
    return b"HTTP/1.0" if match[1] == b"0" or match[2] == b"0" else b"HTTP/1.1"


def _visible(target: bytes, is_lenient: bool) -> bytes:
    """The target in visible ASCII; the lenient reader writes other octets as %XX."""
    if is_lenient:
        target = target.strip(b" ")
        if _CONTROL_BUT_TAB.search(target):
            raise BadRequest(400, "A control character in the URL")
        return _NOT_VISIBLE.sub(lambda match: b"%%%02X" % match[0][0], target)
    if _NOT_VISIBLE.search(target):
        raise BadRequest(400, "A space or an octet outside ASCII in the URL; write it as %XX")
    return target


def _with_target(method: bytes, target: bytes, version: bytes, is_lenient: bool) -> WireRequest:
    request = WireRequest(method=method, path=b"", query=b"", version=version, is_persistent=False)
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is not None:
        credentials, at, _ = absolute[1].rpartition(b"@")
        if at and not is_lenient:
            raise BadRequest(400, "Credentials before the host of the URL")
        if at:
            encoded = base64.b64encode(unquote_to_bytes(credentials))
            request.headers.append((b"authorization", b"Basic " + encoded))
        target = absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
    request.path, _, request.query = target.partition(b"?")
    if is_lenient:
        request.path = _SLASHES.sub(b"/", request.path)
    if not request.path.startswith(b"/") and (method, target) != (b"OPTIONS", b"*"):
        raise BadRequest(400, "The URL's path does not begin with a slash")
    return request


def _words(value: bytes) -> list[bytes]:
    return [word.strip(b" \t") for word in value.split(b",")]
