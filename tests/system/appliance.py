"""The whole appliance as its operator has it: a process of its own, started from a YAML text on free ports."""

import json
import os
import shutil
import signal
import smtplib
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from bridge.app.control_client import ControlClient
from tests.support import free_port

START_S = 20.0
RECIPIENT = "46701740605"
PROGRAM = [sys.executable, "-m", "bridge.app.main"]


def until(fact: Callable[[], Any], timeout_s: float = 15.0) -> Any:
    """Wait until `fact()` is true and give it; AssertionError after `timeout_s`."""
    end = time.monotonic() + timeout_s
    while not (value := fact()):
        assert time.monotonic() < end, f"not within {timeout_s} s"
        time.sleep(0.02)
    return value


class Appliance:
    """Ports, folder and process; the simulator and the mail sink are built in unless a test turns them off."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.smtp_port, self.http_port = free_port(), free_port()
        self.smsc_port, self.sink_port = free_port(), free_port()
        self.relay_port = self.sink_port
        self.state = folder / "state"
        self.has_simulator = True
        self.has_sink = True
        self.link: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}
        self.environment: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.log_path = folder / "log.txt"

    # --- the process ---

    def config(self) -> dict[str, Any]:
        link = {"name": "simulator", "host": "127.0.0.1", "port": self.smsc_port}
        link |= {"system_id": "simulator", "password": "simulate", "in_doubt_hold_s": 1}
        config: dict[str, Any] = {
            "state_folder": str(self.state),
            "domain": "sms.test",
            "smtp": {"listen": [{"port": self.smtp_port}]},
            "http": {"listen": [{"port": self.http_port}]},
            "links": [link | self.link],
            "relay": {"port": self.relay_port},
        }
        if self.has_simulator:
            config["simulator"] = {"port": self.smsc_port, "receipt_delay_ms": 20}
        if self.has_sink:
            config["mail_sink"] = {"port": self.sink_port, "folder": str(self.state / "mails")}
        return config | self.extra

    def write_config(self) -> Path:
        path = self.folder / "bridge.yaml"
        path.write_text(json.dumps(self.config(), indent=1), encoding="utf-8")
        return path

    def start(self) -> "Appliance":
        """Start and wait until it says that it is ready."""
        path = self.write_config()
        seen = self.log().count(" ready ")
        with self.log_path.open("ab") as log:
            command = [*PROGRAM, "--config", str(path), "run"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | self.environment)
        until(lambda: self.log().count(" ready ") > seen or self.process.poll() is not None, START_S)
        assert self.process.poll() is None, self.log()
        return self

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8") if self.log_path.exists() else ""

    def kill(self) -> None:
        """As a power cut for the process: no goodbye."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop; gives the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=45)

    # --- its people ---

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """One command of `smsbridge`, as an operator types it."""
        path = self.write_config()
        done = subprocess.run(
            [*PROGRAM, "--config", str(path), *words], capture_output=True, text=True, timeout=60, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def answer(self, *words: str) -> Any:
        """The JSON answer of a command."""
        return json.loads(self.command(*words, "--json").stdout)

    def add_account(self, name: str = "demo", *words: str, credit: str = "100") -> str:
        """An account with credit; gives its PIN."""
        out = self.command("account", "add", name, "--credit", credit, *words).stdout
        return next((line.split()[1] for line in out.splitlines() if line.startswith("PIN")), "")

    def get(self, **query: str) -> tuple[int, str]:
        """HTTP GET /send, as an alarm panel does it: status and body."""
        url = f"http://127.0.0.1:{self.http_port}/send?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=15) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()

    def mail(self, user: str, pin: str, *recipients: str, text: str = "Pump 2 stopped", **headers: str) -> str:
        """Send a mail with a login; gives the server's answer to the data."""
        message = EmailMessage()
        message["From"], message["To"] = "plant@example.com", ", ".join(recipients)
        for name, value in ({"Subject": "Alarm", "Message-ID": "<alarm-1@example.com>"} | headers).items():
            message[name.replace("_", "-")] = value
        message.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=15) as client:
            client.ehlo()
            if user:
                client.login(user, pin)
            client.mail("plant@example.com")
            for recipient in recipients:
                code, why = client.rcpt(recipient)
                if code != 250:
                    return f"{code} {why.decode()}"
            code, why = client.data(message.as_bytes())
            return f"{code} {why.decode()}"

    def ask(self, operation: str, **values: Any) -> Any:
        """One operation over the control socket, as the command line does it but without starting a program."""
        with ControlClient(self.state / "control.sock") as client:
            return client.call(operation, **values)

    def message(self, message_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.ask("message_show", message_id=message_id)
        return shown

    def messages(self) -> list[dict[str, Any]]:
        """The newest messages first."""
        return list(self.ask("message_list", account=None, state=None, count_max=100))

    def balance_mc(self, account: str = "demo") -> int:
        return int(self.ask("account_show", name=account)["balance_mc"])

    def wait_for(self, message_id: str, state: str, timeout_s: float = 20.0) -> dict[str, Any]:
        """Wait until a message is in a state; gives it whole."""
        end = time.monotonic() + timeout_s
        while (shown := self.message(message_id))["state"] != state:
            assert time.monotonic() < end, f"{shown['state']} instead of {state}: {shown}\n{self.log()}"
            time.sleep(0.05)
        return shown

    def mails(self) -> list[Path]:
        folder = self.state / "mails" / "new"
        return sorted(folder.glob("*.eml")) if folder.exists() else []

    def audit(self) -> None:
        done = self.command("ledger", "audit", check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.state, ignore_errors=True)
