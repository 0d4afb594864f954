"""SMTP AUTH PLAIN and LOGIN (RFC 4954), as tolerant as old devices need: any case, also after HELO."""

import base64
import binascii
from collections.abc import Awaitable, Callable

Ask = Callable[[bytes], Awaitable[bytes]]
"""Sends a 334 challenge (its text before base64) and gives the client's line."""


class Cancelled(Exception):
    """The client answered a challenge with `*`."""


class Unreadable(Exception):
    """What the client sent is not base64 or has not the parts it should have."""


async def credentials(mechanism: str, initial: str | None, ask: Ask) -> tuple[str, str]:
    """Account name and secret of one AUTH exchange; `mechanism` is PLAIN or LOGIN in upper case.

    Raises Cancelled or Unreadable. Characters that are no UTF-8 become U+FFFD and open nothing.
    """
    if mechanism == "PLAIN":
        octets = _decode(initial.encode("ascii", "replace") if initial is not None else await ask(b""))
        pieces = octets.split(b"\0")
        if len(pieces) != 3:
            raise Unreadable
        return _text(pieces[1]), _text(pieces[2])
    name = _decode(initial.encode("ascii", "replace") if initial is not None else await ask(b"Username:"))
    return _text(name), _text(_decode(await ask(b"Password:")))


def _decode(line: bytes) -> bytes:
    line = line.strip()
    if line == b"*":
        raise Cancelled
    if line == b"=":  # how an empty initial response is written
        return b""
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error:
        raise Unreadable from None


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")
