"""Bytes to frames: cut a stream into PDUs by their command_length, and never believe a length out of bounds."""

import struct

from bridge.smpp.constants import Status
from bridge.smpp.errors import RemoteProtocolError

HEADER_SIZE = 16
"""Octets of command_length, command_id, command_status and sequence_number."""

FRAME_SIZE_MAX = 70_000
"""Largest command_length: a message_payload may be 65,535 octets, the fields around it take less than 4,400."""

_LENGTH = struct.Struct(">I")

_STRANGERS: tuple[tuple[bytes, str], ...] = (
    (b"HTTP", "HTTP"),
    (b"GET ", "HTTP"),
    (b"POST", "HTTP"),
    (b"HEAD", "HTTP"),
    (b"SSH-", "SSH"),
    (b"220 ", "SMTP or FTP"),
    (b"220-", "SMTP or FTP"),
    (b"EHLO", "SMTP"),
    (b"HELO", "SMTP"),
    (b"\x16\x03", "TLS"),
    (b"\x15\x03", "TLS"),
)
"""How other protocols begin: naming the one that is spoken saves the operator a capture."""


class FrameBuffer:
    """Collects what the socket gives and hands out whole PDUs.

    Holds at most one incomplete frame (below FRAME_SIZE_MAX) plus what was fed since the last time `next()`
    returned None, so a caller that drains it after each feed keeps it bounded.
    """

    __slots__ = ("_at", "_data")

    def __init__(self) -> None:
        self._data = bytearray()
        self._at = 0

    def __len__(self) -> int:
        """Octets not handed out yet."""
        return len(self._data) - self._at

    def feed(self, data: bytes) -> None:
        """Add what was read, in order."""
        if self._at:
            del self._data[: self._at]
            self._at = 0
        self._data += data

    def next(self) -> bytes | None:
        """The next whole frame with its header, or None until more is fed.

        Raises a fatal RemoteProtocolError (RINVCMDLEN, sequence 0) for a command_length outside 16..70,000,
        as soon as it can be read and before anything is collected for it.
        """
        at = self._at
        data = self._data
        held = len(data) - at
        if held < _LENGTH.size:
            return None
        length: int = _LENGTH.unpack_from(data, at)[0]
        if not HEADER_SIZE <= length <= FRAME_SIZE_MAX:
            raise _bad_length(bytes(data[at : at + _LENGTH.size]))
        if held < length:
            return None
        self._at = at + length
        return bytes(data[at : at + length])


def _bad_length(start: bytes) -> RemoteProtocolError:
    length = int.from_bytes(start, "big")
    message = f"command_length {length} is not within {HEADER_SIZE}..{FRAME_SIZE_MAX}"
    for beginning, protocol in _STRANGERS:
        if start.startswith(beginning):
            message = f"the peer speaks {protocol}, not SMPP"
    return RemoteProtocolError(message, status=Status.RINVCMDLEN, is_fatal=True)
