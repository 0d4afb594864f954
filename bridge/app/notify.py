"""Tell systemd how we are: the small datagrams of sd_notify(3), without a library.

`Type=notify` gives us a Unix datagram socket in NOTIFY_SOCKET: a path, or an abstract name written with
a leading "@". Each message is lines of `NAME=value`. Without the variable every call does nothing, so
callers need not know whether systemd started them.
"""

import os
import socket
from collections.abc import Mapping

STATUS_MAX = 200
"""Characters of a status line; systemctl shows one line."""

WATCHDOG_SHARE = 0.5
"""Part of systemd's limit after which we report, as sd_watchdog_enabled(3) advises."""


class Notifier:
    """Sends our state to the service manager that started us; silent when there is none."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = os.environ if environment is None else environment
        self._address = _address(self._environment.get("NOTIFY_SOCKET", ""))

    def ready(self, status: str = "") -> bool:
        """Every listener is up. Like all of these: True when the message left us."""
        return self._send("READY=1", *_status(status))

    def stopping(self, status: str = "") -> bool:
        """We were asked to stop and are finishing what is in flight."""
        return self._send("STOPPING=1", *_status(status))

    def watchdog(self) -> bool:
        """Still alive; due every `watchdog_interval_s()`."""
        return self._send("WATCHDOG=1")

    def status(self, status: str) -> bool:
        """One line for `systemctl status`."""
        return self._send(*_status(status))

    def watchdog_interval_s(self) -> float | None:
        """Seconds between two `watchdog()` calls; None when systemd does not watch this process."""
        return watchdog_interval_s(self._environment)

    def _send(self, *lines: str) -> bool:
        if self._address is None or not lines:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sender:
            try:
                sender.sendto("\n".join(lines).encode(), self._address)
            except OSError:
                # The manager went away or its buffer is full: nothing a message service should die of.
                return False
        return True


def watchdog_interval_s(environment: Mapping[str, str] | None = None) -> float | None:
    """Half of WATCHDOG_USEC in seconds; None when it is absent, not a number, or meant for another process."""
    values = os.environ if environment is None else environment
    limit_us = values.get("WATCHDOG_USEC", "")
    process = values.get("WATCHDOG_PID", "")
    if not (limit_us.isascii() and limit_us.isdigit()) or int(limit_us) == 0:
        return None
    if process and process != str(os.getpid()):
        return None
    return int(limit_us) / 1_000_000 * WATCHDOG_SHARE


def _address(name: str) -> str | None:
    """The socket address behind NOTIFY_SOCKET; None when there is nothing to send to."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else None


def _status(status: str) -> tuple[str, ...]:
    line = " ".join(status.split())[:STATUS_MAX]
    return (f"STATUS={line}",) if line else ()
