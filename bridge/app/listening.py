"""Why a port could not be listened on, in words for people; asyncio, Twisted and the sockets each say it their way."""

import errno
import os
import re

_PLACES = (
    re.compile(r"\('(?P<address>[^']+)', (?P<port>\d+)"),
    re.compile(r"cannot listen on (?P<address>\S+) port (?P<port>\d+)"),
)
"""As the sockets and asyncio write an address, and as our web listeners do."""
_NUMBERS = (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL)


def why_not(error: OSError, place: tuple[str, int] | None = None) -> str | None:
    """What was in the way of listening, and where; None when this is another error.

    `place` is the address and the port that were asked for; without it they are taken from the error's text.
    """
    number = _number(error)
    address, port = place or _place(str(error)) or ("", 0)
    if number not in _NUMBERS or not port:
        return None
    if number == errno.EADDRINUSE:
        return f"port {port} is taken by another program: it listens on {address} already (`ss -ltnp` shows which)"
    if number == errno.EACCES:
        return f"port {port} is not allowed: ports below 1024 need CAP_NET_BIND_SERVICE, see docs/install.md"
    return f"address {address} is none of this machine's"


def _place(text: str) -> tuple[str, int] | None:
    for pattern in _PLACES:
        if found := pattern.search(text):
            return found["address"], int(found["port"])
    return None


def _number(error: OSError) -> int | None:
    """Its errno; the web listeners' error has it in its text only."""
    if error.errno is not None:
        return error.errno
    return next((number for number in _NUMBERS if os.strerror(number) in str(error)), None)
