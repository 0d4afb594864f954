"""Takes TCP connections for the doors, by our own hand: so that one is counted before its TLS handshake, and so that
running out of file descriptors ends in a clear refusal (asyncio would spin, log it hundreds of times a second, and
leave everybody waiting). The HTTP listeners are Twisted's, which do the same.

A spare descriptor is kept. When there is no other left it is given up for a moment, to take a connection and close it.
"""

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Callable
from contextlib import suppress

from bridge.runtime.loop import running

BACKLOG = 256
"""Connections that may wait to be taken: ESMEs and mail servers come back all at once after a restart."""
ACCEPT_MAX = 64
"""Connections taken in one turn of the loop; others have their turn in between."""
PAUSE_S = 1.0
"""Rest when not even the spare descriptor helps."""
FILES_KEPT = 200
"""File descriptors that one door leaves to the rest of the appliance: ledger, links, the other doors."""

_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def connections_possible(wanted: int) -> int:
    """How many of the connections that are wanted the process has file descriptors for; at least one."""
    files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if files_max == resource.RLIM_INFINITY else max(1, min(wanted, files_max - FILES_KEPT))


class Listener:
    """One listening socket. `on_socket` gets each connection and the address of its peer, and owns it then.

    `on_no_room` is told why a connection had to be closed unheard, or could not even be taken. Neither may raise.
    """

    def __init__(
        self,
        address: str,
        port: int,
        on_socket: Callable[[socket.socket, str], None],
        on_no_room: Callable[[str], None],
    ) -> None:
        """Listens at once. Raises OSError for a port that is taken or an address that is not ours."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        is_every = address == "::"  # IPv4 as well, as the setting says.
        self._socket = socket.create_server((address, port), family=family, backlog=BACKLOG, dualstack_ipv6=is_every)
        self._socket.setblocking(False)
        self._on_socket = on_socket
        self._on_no_room = on_no_room
        self._spare = os.open(os.devnull, os.O_RDONLY)
        self._resting: asyncio.TimerHandle | None = None
        running().add_reader(self._socket, self._ready)

    @property
    def address(self) -> tuple[str, int]:
        """Address and port as they really are."""
        name: tuple[str, int] = self._socket.getsockname()[:2]
        return name

    def close(self) -> None:
        """Take no more. What was taken goes on."""
        if self._resting is not None:
            self._resting.cancel()
        running().remove_reader(self._socket)
        self._socket.close()
        self._give_up_spare()

    def _ready(self) -> None:
        for _ in range(ACCEPT_MAX):
            try:
                sock, peer = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:  # Any other is about one connection, which is gone (accept(2)).
                if error.errno in _NO_ROOM and not self._close_one(error.strerror or ""):
                    return
                continue
            sock.setblocking(False)
            self._on_socket(sock, _plain(str(peer[0])))

    def _close_one(self, why: str) -> bool:
        """Take a connection by the spare descriptor and close it; False when that is in vain, too, for now."""
        self._on_no_room(why)
        had_spare = self._spare >= 0
        self._give_up_spare()
        if had_spare:
            with suppress(OSError):
                self._socket.accept()[0].close()
        with suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY)
        if self._spare >= 0 and had_spare:
            return True
        running().remove_reader(self._socket)
        self._resting = running().call_later(PAUSE_S, self._go_on)
        return False

    def _go_on(self) -> None:
        self._resting = None
        running().add_reader(self._socket, self._ready)

    def _give_up_spare(self) -> None:
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1


def _plain(address: str) -> str:
    """IPv4 through an IPv6 socket is written as IPv4, so that limits and networks mean the same peer."""
    return address.removeprefix("::ffff:") if address.startswith("::ffff:") and "." in address else address
