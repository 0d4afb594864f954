"""The doors for mail and HTTP while the process has no file descriptor left: nobody is left waiting, nothing spins, and
when some connections end the doors work again. The SMPP door has the same test in test_smpp_hostile.py."""

import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.smpp import cpu_s
from tests.system.appliance import RECIPIENT, Appliance, until

FILES = 120
CROWD = 200
SPIN_S_MAX = 0.5
"""CPU of one second without work; a loop that spins takes all of it."""


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    made = Appliance(tmp_path)
    listen = {"listen": [{"port": made.smtp_port}]}
    made.extra = {"smtp": listen | {"connections_max": 1_000, "connections_per_address_max": 1_000}}
    made.extra |= {"http": {"listen": [{"port": made.http_port}], "header_timeout_s": 60}}
    made.start()
    try:
        yield made
    finally:
        made.close()


def is_closed(connection: socket.socket) -> bool:
    """Whether the appliance has closed it, whatever it said before."""
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("door", ["smtp", "http"])
def test_no_file_descriptor_left(appliance: Appliance, door: str) -> None:
    assert appliance.process is not None
    pid = appliance.process.pid
    pin = appliance.add_account("demo")
    port = appliance.smtp_port if door == "smtp" else appliance.http_port
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (FILES, FILES))
    crowd = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(CROWD)]
    try:
        for connection in crowd:
            connection.setblocking(False)
        until(lambda: sum(is_closed(connection) for connection in crowd) >= CROWD - FILES)
        assert not all(is_closed(connection) for connection in crowd), "those that were taken stay"
        before_s = cpu_s(pid)
        time.sleep(1)
        assert cpu_s(pid) - before_s < SPIN_S_MAX, "it spins"
    finally:
        for connection in crowd:
            connection.close()
    if door == "smtp":
        until(lambda: _mailed(appliance, pin))
    else:
        until(lambda: _got(appliance, pin))
    log = appliance.log()
    assert "Traceback" not in log, log
    if door == "smtp":
        assert 1 <= log.count("connections sent away") <= 3, log
        assert "Too many open files" in log
    assert appliance.stop() == 0
    appliance.audit()


def _mailed(appliance: Appliance, pin: str) -> bool:
    try:
        return appliance.mail("demo", pin, f"{RECIPIENT}@sms.test").startswith("250")
    except OSError:
        return False


def _got(appliance: Appliance, pin: str) -> bool:
    try:
        return appliance.get(account="demo", pin=pin, to=RECIPIENT, text="hello")[0] == 200
    except OSError:
        return False
