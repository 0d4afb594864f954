"""The body of an HTTP request out of octets: sized or chunked, never both, never over its limit."""

import re
from enum import Enum

CHUNK_LINE_MAX = 256
"""Octets of one chunk-size line; real ones have under ten, the rest is extensions nobody uses."""
TRAILER_SIZE_MAX = 4096
"""Octets of trailer lines after the last chunk; they are thrown away."""
LENGTH_DIGITS_MAX = 15
"""Digits of a Content-Length that are worth converting; anything longer is over every limit."""

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")


class BadRequest(Exception):
    """The octets are no request we take; answer `status` with `sentence` and close."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(status, sentence)
        self.status = status
        self.sentence = sentence


class Sized:
    """A body of known length, which may be 0."""

    def __init__(self, length: int) -> None:
        self._length = length

    @property
    def is_empty(self) -> bool:
        return self._length == 0

    def take(self, buffer: bytearray) -> bytes | None:
        """The whole body, cut from the front of `buffer`; None while it is not all there."""
        if len(buffer) < self._length:
            return None
        body = bytes(buffer[: self._length])
        del buffer[: self._length]
        return body


class _Chunk(Enum):
    """What a chunked body waits for."""

    SIZE = "size"
    DATA = "data"
    DATA_END = "data_end"
    TRAILER = "trailer"
    END = "end"


class Chunked:
    """A chunked body (RFC 9112, 7.1), CRLF only; extensions and trailers are ignored within their bounds."""

    is_empty = False

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._body = bytearray()
        self._expects = _Chunk.SIZE
        self._left = 0
        """Octets of the current chunk still to come."""
        self._overhead = 0
        """Octets that were not data: one-octet chunks with long extensions must not go on for ever."""

    def take(self, buffer: bytearray) -> bytes | None:
        """The whole body once its end is there, else None; what was understood is cut from the front of `buffer`."""
        position = 0
        while self._expects is not _Chunk.END:
            is_data = self._expects is _Chunk.DATA
            used = self._take_data(buffer, position) if is_data else self._take_line(buffer, position)
            if used == 0:
                break
            position += used
        del buffer[:position]
        return bytes(self._body) if self._expects is _Chunk.END else None

    def _take_data(self, buffer: bytearray, position: int) -> int:
        data = buffer[position : position + self._left]
        self._body += data
        self._left -= len(data)
        if self._left == 0:
            self._expects = _Chunk.DATA_END
        return len(data)

    def _take_line(self, buffer: bytearray, position: int) -> int:
        """Read a chunk-size or trailer line; returns its octets, 0 when it is not all there."""
        line_max = TRAILER_SIZE_MAX if self._expects is _Chunk.TRAILER else CHUNK_LINE_MAX
        end = buffer.find(b"\n", position, position + line_max)
        if end < 0:
            if len(buffer) - position >= line_max:
                raise BadRequest(400, "A line of the chunked body is too long")
            return 0
        line = bytes(buffer[position : end + 1])
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise BadRequest(400, "A line of the chunked body does not end in CRLF")
        self._overhead += len(line)
        if self._overhead > self._size_max + TRAILER_SIZE_MAX:
            raise BadRequest(400, "The chunked body has more framing than data")
        self._read_line(line[:-2])
        return len(line)

    def _read_line(self, line: bytes) -> None:
        if self._expects is _Chunk.TRAILER:
            self._expects = _Chunk.TRAILER if line else _Chunk.END
            return
        if self._expects is _Chunk.DATA_END:
            if line:
                raise BadRequest(400, "A chunk is longer than its size says")
            self._expects = _Chunk.SIZE
            return
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise BadRequest(400, "A chunk does not begin with its size in hexadecimal")
        size = int(match[1], 16)
        if len(self._body) + size > self._size_max:
            raise BadRequest(413, f"The body is larger than {self._size_max} octets")
        self._left = size
        self._expects = _Chunk.DATA if size else _Chunk.TRAILER


def body_of(lengths: list[bytes], codings: list[bytes], version: bytes, size_max: int) -> Sized | Chunked:
    """How the body is framed (RFC 9112, 6.3), for the framings that every reader sees alike."""
    if len(lengths) + len(codings) > 1:
        raise BadRequest(400, "More than one Content-Length or Transfer-Encoding")
    if codings:
        if codings[0].lower() != b"chunked" or version == b"HTTP/1.0":
            raise BadRequest(400, "The only transfer coding taken is chunked, in HTTP/1.1")
        return Chunked(size_max)
    digits = lengths[0] if lengths else b"0"
    if not digits.isdigit():
        raise BadRequest(400, "Content-Length is not a plain number")
    digits = digits.lstrip(b"0") or b"0"
    if len(digits) > LENGTH_DIGITS_MAX or int(digits) > size_max:
        raise BadRequest(413, f"The body is larger than {size_max} octets")
    return Sized(int(digits))
