"""Which answers an ESME has certainly not heard when its connection breaks: they were written, and never got there.

Linux counts what the peer's TCP has taken, and goes on knowing it after a reset. An answer that lies wholly behind that
was not heard, if it never left this machine, or if it left ACK_LATE_MS ago or longer and no acknowledgement came. One
that was taken counts as heard, for what became of it in the ESME nobody can know; so does, in doubt, one that left a
moment ago: an ESME that reads it and hangs up at once has it, and what was answered must never be merged with anything.
"""

import fcntl
import socket
import struct
from collections import deque

ACK_LATE_MS = 1_000
"""Later than any TCP acknowledges what it has received: it may wait half a second at most (RFC 9293, 3.8.6.3)."""
FORGET_EVERY = 500
"""Answers after which those that have got there are forgotten."""
ANSWERS_MAX = 10_000
"""Newest answers remembered of a connection whose peer takes none: about 1 MiB."""

_SIOCOUTQ, _SIOCOUTQNSD = 0x5411, 0x894B
"""Octets not acknowledged, and not even sent (tcp(7), linux/sockios.h)."""
_BYTES_ACKED = struct.Struct("=120xQ")
"""Where tcp_info has tcpi_bytes_acked (linux/tcp.h, since 4.1)."""


class Told:
    """The answers of one connection that gave a message its id, by where they end in the stream of octets."""

    __slots__ = ("_fresh", "_look_at", "_size", "_sock", "_written", "_written_size")

    def __init__(self, sock: socket.socket | None) -> None:
        """`sock`: whose octets they are; None where the system counts others (TLS): nothing can be told of them then
        once they are written."""
        self._sock = sock
        self._look_at = FORGET_EVERY
        self._fresh: list[tuple[int, str]] = []
        """(where it will end, message) of those that wait to be written."""
        self._size = 0
        self._written: deque[tuple[int, int, str]] = deque(maxlen=ANSWERS_MAX)
        """(where it ends, when it was written, message)."""
        self._written_size = 0

    def put(self, size: int, message_ids: tuple[str, ...] = ()) -> None:
        """So many octets come next in the stream; they are the answer to these messages (public ids), if any."""
        self._size += size
        for message_id in message_ids:
            self._fresh.append((self._size, message_id))

    def wrote(self, size: int, at_ms: int) -> None:
        """So many octets were written: all that was put, and what the session said behind it."""
        self._written_size = self._size = self._written_size + size
        if self._fresh:
            if self._sock is not None:
                self._written.extend([(end, at_ms, message_id) for end, message_id in self._fresh])
                if len(self._written) >= self._look_at:
                    self._forget(self._sock)
            self._fresh = []

    def _forget(self, sock: socket.socket) -> None:
        """Forget what has got there."""
        taken, written = _taken(sock), self._written
        while taken is not None and written and written[0][0] <= taken[0]:
            written.popleft()
        self._look_at = min(len(written) + FORGET_EVERY, ANSWERS_MAX)

    def unheard(self, now_ms: int, *, is_broken: bool) -> list[str]:
        """The messages whose answers did not get there, before the socket is closed. Unless the connection broke, these
        are only those that were never written: the system goes on delivering what it holds."""
        unheard = [message_id for _, message_id in self._fresh]
        taken = _taken(self._sock) if is_broken and self._sock is not None else None
        if taken is not None:
            acked, sent = taken
            late_ms = now_ms - ACK_LATE_MS
            unheard = unheard + [
                message_id for end, at_ms, message_id in self._written if end > (acked if at_ms <= late_ms else sent)
            ]
        return unheard


def _taken(sock: socket.socket) -> tuple[int, int] | None:
    """How many octets the peer has acknowledged, and how many have left; None: the system does not tell."""
    try:
        (acked,) = _BYTES_ACKED.unpack_from(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size))
        return acked, acked + _octets(sock, _SIOCOUTQ) - _octets(sock, _SIOCOUTQNSD)
    except (OSError, struct.error, AttributeError):
        return None


def _octets(sock: socket.socket, request: int) -> int:
    found: int = struct.unpack("i", fcntl.ioctl(sock.fileno(), request, b"\0" * 4))[0]
    return found
