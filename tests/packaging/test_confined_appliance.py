"""The whole appliance as the service unit would run it: told apart from the real thing only by who starts it."""

import contextlib
import json
import os
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.certificate import make_certificate
from tests.packaging.test_sandbox import HERE, ROOT, UNIT, can_be_confined, need_sandbox
from tests.support import free_port

SMSBRIDGE = (sys.executable, "-c", "from bridge.app.main import main; main()")
TIMEOUT_S = 30.0


class Confined:
    """One appliance under the unit, with HTTPS and STARTTLS, its built-in simulator and mail sink."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate, _ = make_certificate(folder)
        self.ports = {name: free_port() for name in ("http", "smtp", "smsc", "sink")}
        configuration = {
            "state_folder": str(folder / "state"),
            "smtp": {
                "listen": [{"port": self.ports["smtp"], "tls": "starttls"}],
                "certificate": "certificate.pem",
                "private_key": "key.pem",
            },
            "http": {
                "listen": [{"port": self.ports["http"], "tls": True}],
                "certificate": "certificate.pem",
                "private_key": "key.pem",
            },
            "links": [
                {"name": "carrier", "host": "127.0.0.1", "port": self.ports["smsc"], "system_id": "simulator"}
                | {"password": "simulate"}
            ],
            "relay": {"host": "127.0.0.1", "port": self.ports["sink"]},
            "simulator": {"port": self.ports["smsc"]},
            "mail_sink": {"port": self.ports["sink"], "folder": "mails"},
        }
        # JSON is YAML.
        (folder / "bridge.yaml").write_text(json.dumps(configuration))
        (folder / "bridge.yaml").chmod(0o640)
        self.place = ["--config", str(folder / "bridge.yaml")]
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(str(folder / "notify"))
        self.notices.settimeout(0.2)
        visible = [f"--visible={path}" for path in (sys.prefix, sys.base_prefix, ROOT)]
        view = ["--state", str(folder), *visible] if can_be_confined() else []
        sandbox = [sys.executable, str(HERE / "sandbox.py"), str(UNIT), *view, "--"]
        limit_us = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "1000000", "PYTHONPATH": str(ROOT)}
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [*sandbox, *SMSBRIDGE, *self.place, "run"],
                env=os.environ | limit_us,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def wait_for_notice(self, wanted: str) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        heard: list[str] = []
        while wanted not in heard:
            assert self.process.poll() is None or wanted == "STOPPING=1", f"{self.process.returncode}: {self.log()}"
            assert time.monotonic() < deadline, self.log()
            with contextlib.suppress(TimeoutError):
                heard = self.notices.recv(4096).decode().splitlines()

    def command(self, *arguments: str) -> Any:
        done = subprocess.run(
            [*SMSBRIDGE, *self.place, *arguments, "--json"],
            check=False,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == 0, done.stderr + self.log()
        return json.loads(done.stdout)

    def mails(self) -> list[str]:
        return [path.read_text() for path in (self.folder / "mails" / "new").glob("*.eml")]


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Confined]:
    need_sandbox()
    confined = Confined(tmp_path)
    try:
        yield confined
    finally:
        confined.process.kill()
        confined.process.wait(TIMEOUT_S)
        confined.notices.close()


def test_messages_walk_through_it_and_it_reports_to_systemd(appliance: Confined) -> None:
    """HTTPS and STARTTLS with password checks, a link, a receipt by mail, the command line; then a clean stop."""
    appliance.wait_for_notice("READY=1")
    pin = appliance.command("account", "add", "acme", "--email", "it@acme.example", "--credit", "10")["pin"]
    context = ssl.create_default_context(cafile=str(appliance.certificate))

    address = f"https://localhost:{appliance.ports['http']}/send?account=acme&pin={pin}&to=46701740605&text=Pump"
    with urllib.request.urlopen(address, context=context, timeout=TIMEOUT_S) as answer:
        assert answer.read().startswith(b"OK ")

    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "it@acme.example", "46701740605@sms.localhost", "Alarm"
    mail["Message-ID"] = "<alarm-1@acme.example>"
    mail.set_content("Pump 2 stopped")
    with smtplib.SMTP("localhost", appliance.ports["smtp"], timeout=TIMEOUT_S) as client:
        client.starttls(context=context)
        client.login("acme", pin)
        client.send_message(mail)

    deadline = time.monotonic() + TIMEOUT_S
    while not appliance.mails():
        assert time.monotonic() < deadline, appliance.log()
        time.sleep(0.05)
    (report,) = appliance.mails()
    assert "In-Reply-To: <alarm-1@acme.example>" in report
    assert len(appliance.command("message", "list")) == 2
    appliance.wait_for_notice("WATCHDOG=1")

    appliance.process.send_signal(signal.SIGTERM)
    appliance.wait_for_notice("STOPPING=1")
    assert appliance.process.wait(TIMEOUT_S) == 0, appliance.log()
    assert "Traceback" not in appliance.log()
