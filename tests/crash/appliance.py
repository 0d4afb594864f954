"""The appliance under test as a process: from any source tree, on fixed ports, killed and started again."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.app.control_client import ControlClient, NotAnswering, NotRunning
from bridge.app.instance import LEDGER_NAME
from bridge.failpoints import VARIABLE
from tests.crash.carrier import ANSWER
from tests.support import free_port

OWN_TREE = Path(__file__).parents[2]
START_S = 30.0
LINK = "carrier"
WINDOW = 40
"""Of the link: a kill that counts finds half of it claimed."""
SYSCALL = "syscall"
"""What the name of a failpoint begins with when it is a system call."""
STOP_S = 60.0
LOG_MAX = 4000
"""Characters of the log that a failure shows."""


class NotStarted(Exception):
    """The process ended before it was ready, although nobody had it killed."""


@dataclass(slots=True)
class Target:
    """One state folder and the process that runs on it, if any."""

    folder: Path
    smsc_port: int
    relay_port: int
    tree: Path = OWN_TREE
    in_doubt: str = "hold_then_resend_once"
    wrapper: list[str] = field(default_factory=list)
    """A program that starts it, such as strace, with its arguments."""
    smtp_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    smpp_port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def ledger(self) -> Path:
        return self.state / LEDGER_NAME

    def _config(self) -> dict[str, Any]:
        link = {
            "name": LINK,
            "host": "127.0.0.1",
            "port": self.smsc_port,
            "system_id": "crash",
            "password": "secret",
            "window": WINDOW,
            "response_timeout_s": 2,
            "in_doubt": self.in_doubt,
            "in_doubt_hold_s": 0.5,
        }
        return {
            "state_folder": str(self.state),
            "domain": "sms.test",
            "smtp": {"listen": [{"port": self.smtp_port}], "connections_per_address_max": 200},
            "http": {"listen": [{"port": self.http_port}]},
            "smpp": {"listen": [{"port": self.smpp_port}]},
            "links": [link],
            "relay": {"port": self.relay_port},
            "log": {"level": "warning"},
        }

    def _command(self, *words: str) -> list[str]:
        path = self.folder / "bridge.yaml"
        path.write_text(json.dumps(self._config(), indent=1), encoding="utf-8")
        return [sys.executable, "-m", "bridge.app.main", "--config", str(path), *words]

    def launch(self, failpoint: str = "") -> None:
        """Start the process; `failpoint` is a name with a count, where it shall end.

        `syscall.fdatasync:12` is the twelfth fdatasync of a thread, by strace.
        """
        environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
        environment["PYTHONPATH"] = str(self.tree)
        wrapper = self.wrapper
        kind, _, what = failpoint.partition(".")
        if kind == SYSCALL:
            name, _, count = what.partition(":")
            inject = f"inject={name}:signal=SIGKILL:when={count or 1}"
            wrapper = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={name}", "-e", inject]
        elif failpoint:
            environment[VARIABLE] = failpoint
        with (self.folder / "log.txt").open("ab") as log:
            command = wrapper + self._command("run")
            # A group of its own: with a wrapper, both are killed.
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, cwd=self.tree, start_new_session=True
            )

    async def start(self, failpoint: str = "") -> bool:
        """Start it and wait until it is ready; False when a failpoint ended it before that. Raises NotStarted."""
        self.launch(failpoint)
        end = time.monotonic() + START_S
        while not self._answers():
            if not self.is_running:
                if failpoint:
                    return False
                raise NotStarted(self.log())
            if time.monotonic() > end:
                raise NotStarted(f"not ready within {START_S} s\n{self.log()}")
            await asyncio.sleep(0.01)
        return True

    def _answers(self) -> bool:
        try:
            ControlClient(self.state / "control.sock").close()
        except (NotRunning, NotAnswering):
            return False
        return True

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def was_killed(self) -> bool:
        """Whether it ended by SIGKILL (strace ends as its tracee does)."""
        return self.process is not None and self.process.poll() == -signal.SIGKILL

    def kill(self) -> None:
        """As the kernel does it when memory is short: no goodbye."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    async def stop(self) -> int:
        """Ask it to stop; gives the exit code."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, STOP_S)

    def close(self) -> None:
        if self.is_running:
            self.kill()

    async def ask(self, operation: str, **values: Any) -> Any:
        """One operation over the control socket. Raises NotRunning, NotAnswering or the Fault it answers."""

        def call() -> Any:
            with ControlClient(self.state / "control.sock") as client:
                return client.call(operation, **values)

        return await asyncio.to_thread(call)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command of the command line, as an operator types it."""
        environment = os.environ | {"PYTHONPATH": str(self.tree)}
        return subprocess.run(
            self._command(*words), capture_output=True, text=True, timeout=60, check=False, env=environment,
            cwd=self.tree,
        )  # fmt: skip

    def log(self) -> str:
        with contextlib.suppress(OSError):
            return (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")[-LOG_MAX:]
        return ""


class Outside:
    """The carrier and the mail sink, in their own process from our own tree."""

    def __init__(self, folder: Path, seed: int) -> None:
        command = [sys.executable, "-m", "tests.crash.carrier", "--folder", str(folder), "--seed", str(seed)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=OWN_TREE,
            env=os.environ | {"PYTHONPATH": str(OWN_TREE)},
        )  # fmt: skip
        self.smsc_port, self.relay_port = (int(word) for word in self._read().split())

    def tell(self, command: str) -> int:
        """Give a command; gives how many deliveries nobody has taken yet."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        self._process.stdin.flush()
        return int(self._read())

    def _read(self) -> str:
        """The next answer; the log between answers is passed on."""
        assert self._process.stdout is not None
        while line := self._process.stdout.readline().decode():
            word, _, rest = line.partition(" ")
            if word == ANSWER:
                return rest
            print(line, end="", file=sys.stderr)
        raise OSError("the carrier of the test has ended")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=30)
