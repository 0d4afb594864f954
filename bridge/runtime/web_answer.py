"""An HTTP/1.1 answer, read from a stream under limits (RFC 9112): status line, fields, and the whole body."""

import asyncio
import re
from dataclasses import dataclass

from bridge.runtime.web_body import BadRequest, Chunked

HEAD_SIZE_MAX = 32 * 1024
"""Octets of status line and fields; 32 KiB is what browsers and proxies bear at most."""
INTERIM_MAX = 5
"""Interim answers (1xx) before the real one; we ask for none."""
READ_SIZE = 16 * 1024

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", re.DOTALL)


class BadAnswer(Exception):
    """What came is no answer that we read; the text says why."""


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """An answer as it came; nothing is decoded but the transfer coding."""

    status: int
    fields: tuple[tuple[str, str], ...]
    """Names in lower case, values as Latin-1."""
    body: bytes
    is_kept: bool
    """Whether the peer will answer another request on this connection."""

    def field(self, name: str) -> str:
        """The first field of that name (lower case); "" for none."""
        return next((value for known, value in self.fields if known == name), "")


async def read_answer(reader: asyncio.StreamReader, method: str, size_max: int) -> WebAnswer:
    """The answer to a request of `method`. Raises BadAnswer, or OSError and EOFError as the stream does."""
    for _ in range(INTERIM_MAX + 1):
        version, status, fields = await _head(reader)
        if status >= 200:
            break
        if status == 101:
            raise BadAnswer("it switches to another protocol")
    else:
        raise BadAnswer("it sends interim answers without an end")
    body, is_delimited = await _body(reader, method, status, fields, size_max)
    connection = {word.strip().lower() for word in _all(fields, "connection").split(",")}
    is_kept = is_delimited and "close" not in connection and (version == 1 or "keep-alive" in connection)
    return WebAnswer(status, tuple(fields), body, is_kept)


async def _head(reader: asyncio.StreamReader) -> tuple[int, int, list[tuple[str, str]]]:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise BadAnswer(f"its fields are longer than {HEAD_SIZE_MAX} octets") from None
    if len(head) > HEAD_SIZE_MAX:
        raise BadAnswer(f"its fields are longer than {HEAD_SIZE_MAX} octets")
    first, *lines = head[:-4].split(b"\r\n")
    status_line = _STATUS_LINE.fullmatch(first)
    if status_line is None:
        raise BadAnswer("it does not begin with an HTTP status line")
    fields = []
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None or b"\n" in line or b"\r" in line or b"\0" in line:
            raise BadAnswer("one of its fields is broken")
        fields.append((field[1].decode("ascii").lower(), field[2].decode("latin-1")))
    return int(status_line[1]), int(status_line[2]), fields


async def _body(
    reader: asyncio.StreamReader, method: str, status: int, fields: list[tuple[str, str]], size_max: int
) -> tuple[bytes, bool]:
    """The body, and whether it told its own end."""
    if method == "HEAD" or status in (204, 304):
        return b"", True
    coding, length = _all(fields, "transfer-encoding").strip().lower(), _all(fields, "content-length").strip()
    if coding:
        if coding != "chunked" or length:
            raise BadAnswer("its body is in a form that is not read here")
        return await _chunked(reader, size_max), True
    if length:
        if not (length.isascii() and length.isdigit() and len(length) <= 15):
            raise BadAnswer("its length is no number")
        if int(length) > size_max:
            raise BadAnswer(f"its body is longer than {size_max} octets")
        return await reader.readexactly(int(length)), True
    return await _until_the_end(reader, size_max), False


async def _chunked(reader: asyncio.StreamReader, size_max: int) -> bytes:
    chunked, buffer = Chunked(size_max), bytearray()
    while True:
        piece = await reader.read(READ_SIZE)
        if not piece:
            raise EOFError("the connection ended in the middle of a body")
        buffer += piece
        try:
            body = chunked.take(buffer)
        except BadRequest as wrong:
            raise BadAnswer(f"its body cannot be read: {wrong.sentence}") from None
        if body is not None:
            if buffer:
                raise BadAnswer("more came than the answer")
            return body


async def _until_the_end(reader: asyncio.StreamReader, size_max: int) -> bytes:
    body = bytearray()
    while piece := await reader.read(READ_SIZE):
        body += piece
        if len(body) > size_max:
            raise BadAnswer(f"its body is longer than {size_max} octets")
    return bytes(body)


def _all(fields: list[tuple[str, str]], name: str) -> str:
    return ",".join(value for known, value in fields if known == name)
