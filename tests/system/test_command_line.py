"""The command line beside a running appliance: real processes that talk over the control socket."""

import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import free_port
from tests.system.test_offline_commands import OURS, ROOT, smsbridge

WAIT_S = 60.0
PROGRAM = [sys.executable, "-c", "from bridge.app.cli.program import cli; cli(prog_name='smsbridge')"]


def environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**clean, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def until(fact: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not fact():
        assert process.poll() is None, "the process has ended"
        assert time.monotonic() < deadline, f"not within {WAIT_S} s"
        time.sleep(0.05)


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Path]:
    """A running appliance with its simulator and mail sink; gives its configuration file."""
    smtp, http, smsc, sink = free_port(), free_port(), free_port(), free_port()
    config = tmp_path / "bridge.yaml"
    config.write_text(f"""
smtp:
  listen: [{{port: {smtp}}}]
http:
  listen: [{{port: {http}}}]
simulator: {{port: {smsc}}}
mail_sink: {{port: {sink}, folder: mails}}
relay: {{port: {sink}}}
links:
  - {{name: simulator, host: 127.0.0.1, port: {smsc}, system_id: simulator, password: simulate}}
""")
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*PROGRAM, "run", "--config", str(config)], env=environment(), stdout=log, stderr=log, text=True
        )
    try:
        until(lambda: " ready " in (tmp_path / "log").read_text(), process)
        yield config
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
        assert not (tmp_path / "state/control.sock").exists()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_message_from_the_command_line_to_its_receipt(appliance: Path) -> None:
    ask = functools.partial(smsbridge, appliance.parent / "state")
    status = json.loads(ask("status", "--json"))
    assert [(one["door"], one["address"]) for one in status["listeners"]] == [
        ("smtp", "127.0.0.1"),
        ("http", "127.0.0.1"),
    ]
    assert status["links"][0]["name"] == "simulator"
    ask("account", "add", "ward7", "--credit", "5")
    ask("number", "add", "46701740699", "--account", "ward7", "--mail", "ward7@example.org")
    (sent,) = json.loads(ask("send", "--account", "ward7", "--to", "46701740605", "--json", "Pump 3 stopped"))

    deadline = time.monotonic() + WAIT_S
    while ": delivered" not in (told := ask("message", "show", sent["message_id"])):
        assert time.monotonic() < deadline, told
    assert re.search(r"submitted to simulator; the carrier calls it [0-9A-F]{8}", told)
    assert ask("queue") == "no part waits\n"
    assert re.search(r"^simulator +127.0.0.1:\d+ +simulator +bound ", ask("link", "list"), re.MULTILINE)
    assert "FAIL" not in ask("ledger", "audit")
    assert ask("simulator", "inbound", "46701740605", "46701740699", "Hi") == "handed to the appliance in 1 part\n"


def test_a_second_appliance_on_the_same_state_is_refused(appliance: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "run", "--config", str(appliance)], env=environment(), capture_output=True, text=True,
        timeout=WAIT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 69
    assert "uses" in done.stderr


def test_the_stand_alone_simulator_listens_and_ends(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*PROGRAM, "simulator", "--port", "0"], env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        greeting = next(line for line in lines if line.startswith("SMSC on "))
        found = re.fullmatch(r"SMSC on 127\.0\.0\.1:(\d+), bind as simulator / simulate\n", greeting)
        assert found is not None
        taken = subprocess.run(
            [*PROGRAM, "simulator", "--port", found[1]], env=environment(), capture_output=True, text=True,
            timeout=WAIT_S, check=False,
        )  # fmt: skip
        assert taken.returncode == 69
        assert taken.stderr.startswith(f"smsbridge: port {found[1]} is taken by another program: it listens on")
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == 0
