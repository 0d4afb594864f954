"""The built-in mail sink and the mailer: what people without a mail server try the appliance with."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path

import aiosmtplib
import pytest

from bridge.runtime.loop import now_ms
from bridge.simulator import mail_sink
from bridge.simulator.mail_sink import Caught, MailSink
from bridge.simulator.settings import MailSinkSettings
from bridge.smtp_in.service import SmtpDoor
from bridge.smtp_in.settings import SmtpListen, SmtpSettings
from tests.house import LINK, open_house
from tests.support import asyncio_test, free_port


@asynccontextmanager
async def open_sink(folder: Path) -> AsyncIterator[tuple[MailSink, list[Caught]]]:
    caught: list[Caught] = []
    sink = MailSink(MailSinkSettings(port=0, folder=folder), caught.append)
    await sink.start()
    try:
        yield sink, caught
    finally:
        await sink.stop()


async def send(port: int, text: bytes, sender: str = "", *to: str) -> str:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False)
    async with client:
        _, said = await client.sendmail(sender, list(to) or ["ops@example.com"], text)
    return said


@asyncio_test
async def test_every_mail_becomes_a_file_a_mail_program_can_read(tmp_path: Path) -> None:
    async with open_sink(tmp_path / "mails") as (sink, caught):
        said = await send(sink.port, b"Subject: one\r\n\r\nText\r\n", "", "a@b.c", "d@e.f")
        (mail,) = caught
        assert said == f"2.0.0 kept as {mail.path.name}"
        assert (mail.mail_from, mail.rcpt_tos) == ("", ("a@b.c", "d@e.f"))
        assert list((tmp_path / "mails" / "new").iterdir()) == [mail.path]
        assert list((tmp_path / "mails" / "tmp").iterdir()) == []
        read = message_from_bytes(mail.path.read_bytes(), policy=policy.default)
        assert read["Return-Path"] == "<>"
        assert read.get_all("Delivered-To") == ["a@b.c", "d@e.f"]
        assert read["Subject"] == "one"


@asyncio_test
async def test_the_oldest_files_go_also_those_of_an_earlier_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_sink, "MAILS_MAX", 3)
    names: list[str] = []
    for _ in range(2):
        async with open_sink(tmp_path) as (sink, caught):
            for _ in range(3):
                await send(sink.port, b"Subject: x\r\n\r\n")
            names += [mail.path.name for mail in caught]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == names[-3:]


@asyncio_test
async def test_a_stop_closes_what_is_open(tmp_path: Path) -> None:
    async with open_sink(tmp_path) as (sink, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        assert (await reader.readline()).startswith(b"220 mail-sink")
        await sink.stop()
        with contextlib.suppress(ConnectionError):
            assert await reader.readline() == b""
        assert reader.at_eof() or reader.exception() is not None
        writer.close()


async def mailer(*arguments: str) -> tuple[int | None, str]:
    """Run the mailer as its user would; its exit status and all it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge.simulator.mailer", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=Path(__file__).parents[2],
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


@asyncio_test
async def test_the_mailer_sends_a_mail_and_shows_the_conversation(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account("demo", pin="SECRETPIN23")
        door = SmtpDoor(SmtpSettings(listen=[SmtpListen(port=0)]), "sms.localhost", house.gatekeeper, house.door)
        await door.start()
        server = ("--server", f"127.0.0.1:{door.ports[0]}", "--user", "demo", "--password")
        text = ("--text", "Pump 3 stöppt", "--to", "46701740605@sms.localhost")

        status, shown = await mailer(*server, "SECRETPIN23", *text, "--to", "123@sms.localhost")
        (message,) = await house.messages()
        assert status == 0
        assert f"<- 250 2.0.0 queued as {message['message_id']}\n" in shown
        assert "-> RCPT TO:<123@sms.localhost>\n<- 550 5.1.3 " in shown
        assert "SECRETPIN23" not in shown
        (part,) = await house.ledger.claim(LINK, 10, now_ms())
        assert part.text == "Pump 3 stöppt"

        status, shown = await mailer(*server, "wrong", *text)
        assert status == 1
        assert "<- 535 5.7.8 " in shown
        status, shown = await mailer(*server, "SECRETPIN23", "--text", "x", "--to", "1@elsewhere.example")
        assert status == 1
        assert "<- 550 5.7.1 " in shown
        await door.stop()


@asyncio_test
async def test_the_mailer_says_what_is_wrong(tmp_path: Path) -> None:
    status, shown = await mailer("--server", "nowhere", "--text", "x", "--to", "1@x")
    assert (status, "write it like 127.0.0.1:2525" in shown) == (2, True)
    status, shown = await mailer("--server", f"127.0.0.1:{free_port()}", "--text", "x", "--to", "1@x")
    assert (status, "refused" in shown) == (1, True)
