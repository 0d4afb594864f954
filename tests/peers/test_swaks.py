"""swaks, the SMTP test tool that administrators know, against the e-mail door."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.runtime.loop import now_ms
from bridge.smtp_in.service import SmtpDoor
from bridge.smtp_in.settings import SmtpListen, SmtpSettings
from tests.house import LINK, House, open_house
from tests.support import asyncio_test, need_program
from tests.wire.test_web_tls import write_certificate

pytestmark = pytest.mark.peer("swaks")

TO = "46701740605@sms.localhost"
LOGIN = ("--auth-user", "demo", "--auth-password", "SECRETPIN23")


@asynccontextmanager
async def open_door(folder: Path) -> AsyncIterator[tuple[House, SmtpDoor]]:
    """A door with a plain, a STARTTLS and a TLS listener, in that order."""
    write_certificate(folder, "localhost")
    settings = SmtpSettings(
        listen=[SmtpListen(port=0), SmtpListen(port=0, tls="starttls"), SmtpListen(port=0, tls="implicit")],
        certificate=folder / "cert.pem",
        private_key=folder / "key.pem",
    )
    async with open_house(folder) as house:
        await house.add_account("demo", pin="SECRETPIN23")
        door = SmtpDoor(settings, "sms.localhost", house.gatekeeper, house.door)
        await door.start()
        try:
            yield house, door
        finally:
            await door.stop()


async def swaks(port: int, *arguments: str) -> tuple[int | None, str]:
    """Run swaks; its exit status and the conversation."""
    process = await asyncio.create_subprocess_exec(
        need_program("swaks", "apt-get install swaks"),
        *("--server", f"127.0.0.1:{port}", "--from", "ops@example.com", "--timeout", "20", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode("utf-8", "replace")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@asyncio_test
async def test_the_command_that_the_trial_prints(tmp_path: Path, mechanism: str) -> None:
    async with open_door(tmp_path) as (house, door):
        status, shown = await swaks(
            door.ports[0],
            *(*LOGIN, "--auth", mechanism, f"--to={TO}", "--header", "Subject: Alarm", "--body", "Pump 2 stopped"),
        )
        assert status == 0, shown
        (message,) = await house.messages()
        assert f"250 2.0.0 queued as {message['message_id']}" in shown
        (part,) = await house.ledger.claim(LINK, 10, now_ms())
        assert (part.recipient, part.text) == ("46701740605", "Pump 2 stopped")


@pytest.mark.parametrize(("listener", "option"), [(1, "--tls"), (2, "--tls-on-connect")])
@asyncio_test
async def test_over_tls(tmp_path: Path, listener: int, option: str) -> None:
    async with open_door(tmp_path) as (house, door):
        status, shown = await swaks(door.ports[listener], option, *LOGIN, f"--to={TO}", "--body", "Hi")
        if "Net::SSLeay" in shown:
            pytest.skip("swaks speaks no TLS: apt-get install libnet-ssleay-perl")
        assert status == 0, shown
        assert "TLS started with cipher" in shown
        assert len(await house.messages()) == 1


@asyncio_test
async def test_a_number_with_a_plus_and_several_recipients(tmp_path: Path) -> None:
    async with open_door(tmp_path) as (house, door):
        to = "--to=46701740606@sms.localhost,+46701740605@sms.localhost"
        status, shown = await swaks(door.ports[0], *LOGIN, to, "--body", "Hi")
        assert status == 0, shown
        assert " (+1)" in shown
        assert len(await house.messages()) == 2


@pytest.mark.parametrize(
    ("arguments", "status", "reply"),
    [
        ((f"--to={TO}",), 24, "550 5.7.1 Sender not known here"),
        (("--auth-user", "demo", "--auth-password", "wrong", f"--to={TO}"), 28, "535 5.7.8"),
        ((*LOGIN, "--to=12@sms.localhost"), 24, "550 5.1.3"),
        ((*LOGIN, "--to=46701740605@elsewhere.example"), 24, "550 5.7.1"),
        ((*LOGIN, f"--to={TO}", "--data", r"X: y\n\n"), 26, "554 5.6.0 No text found to send"),
        ((*LOGIN, f"--to={TO}", "--header", "Auto-Submitted: auto-replied", "--body", "Hi"), 26, "550 5.7.1"),
    ],
)
@asyncio_test
async def test_refusals_as_swaks_shows_them(
    tmp_path: Path, arguments: tuple[str, ...], status: int, reply: str
) -> None:
    async with open_door(tmp_path) as (house, door):
        ended, shown = await swaks(door.ports[0], *arguments)
        assert ended == status, shown
        assert f"<** {reply}" in shown
        assert await house.messages() == []


@asyncio_test
async def test_an_attachment_is_not_sent(tmp_path: Path) -> None:
    async with open_door(tmp_path) as (house, door):
        picture = tmp_path / "picture.png"
        picture.write_bytes(bytes(range(256)) * 100)
        status, shown = await swaks(door.ports[0], *LOGIN, f"--to={TO}", "--body", "Hi", "--attach", f"@{picture}")
        assert status == 0, shown
        (part,) = await house.ledger.claim(LINK, 10, now_ms())
        assert part.text == "Hi"
