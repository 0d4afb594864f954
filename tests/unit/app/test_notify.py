"""What systemd hears from us, through a socket of our own."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.app.notify import Notifier, watchdog_interval_s


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """A service manager's end of NOTIFY_SOCKET, and the environment it gives to its service."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.settimeout(5)
        if request.param == "path":
            address = str(tmp_path / "notify")
            receiver.bind(address)
        else:
            address = f"@smsbridge-test-{os.getpid()}"
            receiver.bind("\0" + address[1:])
        yield receiver, {"NOTIFY_SOCKET": address}


def test_each_state_is_one_datagram(manager: tuple[socket.socket, dict[str, str]]) -> None:
    receiver, environment = manager
    notifier = Notifier(environment)
    assert notifier.ready("2 links bound")
    assert receiver.recv(4096) == b"READY=1\nSTATUS=2 links bound"
    assert notifier.watchdog()
    assert receiver.recv(4096) == b"WATCHDOG=1"
    assert notifier.status("one link\nlost " + "x" * 300)
    assert receiver.recv(4096) == b"STATUS=one link lost " + b"x" * (200 - len("one link lost "))
    assert notifier.stopping()
    assert receiver.recv(4096) == b"STOPPING=1"


def test_nothing_is_sent_without_a_status(manager: tuple[socket.socket, dict[str, str]]) -> None:
    receiver, environment = manager
    assert not Notifier(environment).status("  ")
    receiver.setblocking(False)
    with pytest.raises(BlockingIOError):
        receiver.recv(4096)


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "relative/path"}])
def test_without_a_manager_nothing_happens(environment: dict[str, str]) -> None:
    assert not Notifier(environment).ready()


def test_a_manager_that_went_away_is_no_failure(tmp_path: Path) -> None:
    assert not Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).watchdog()


def test_a_manager_that_does_not_read_never_blocks_us(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        sent = [notifier.watchdog() for _ in range(10_000)]
    assert True in sent
    assert False in sent


@pytest.mark.parametrize(
    ("environment", "interval_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "٣٠"}, None),
    ],
)
def test_half_of_the_watchdogs_limit_if_it_is_ours(environment: dict[str, str], interval_s: float | None) -> None:
    assert watchdog_interval_s(environment) == interval_s
    assert Notifier(environment).watchdog_interval_s() == interval_s
