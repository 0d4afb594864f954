"""The mail between our 354 and the final dot (RFC 5321, 4.1.1.4 and 4.5.2).

Only CRLF.CRLF ends it. A line with a bare CR or LF around a lone dot is content, so that nothing can be
smuggled in behind a server that reads line ends differently. Bare LF as a line end inside is kept: old
devices send it, and whoever reads the mail next is our own parser.
"""

from asyncio import LimitOverrunError, StreamReader

from bridge.smtp_in import replies


async def read_mail(reader: StreamReader, size_max: int) -> bytes | str:
    """The octets of the mail, dots unstuffed, or the reply that refuses it; either way it was read to its end.

    At most `size_max` octets are kept. Lines are limited by the reader's own limit.
    """
    lines: list[bytes] = []
    size = 0
    refusal = ""
    is_line_start = True
    while True:
        try:
            line = await reader.readuntil(b"\r\n")
        except LimitOverrunError as error:
            line = await reader.read(error.consumed)
            refusal = refusal or replies.LINE_TOO_LONG
        if is_line_start and line == b".\r\n":
            return refusal or b"".join(lines)
        if is_line_start and line.startswith(b"."):
            line = line[1:]
        is_line_start = line.endswith(b"\r\n")
        size += len(line)
        if size > size_max:
            refusal = refusal or replies.TOO_LARGE
        if refusal:
            lines.clear()
        else:
            lines.append(line)
