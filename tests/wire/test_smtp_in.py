"""The e-mail door on a real socket, over a real ledger."""

import asyncio
import base64
import contextlib
import logging
import socket
import sqlite3
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.intake.settings import IntakeSettings
from bridge.ledger.outbox import Notice
from bridge.mail import child
from bridge.messages.message import MailThread, Outcome, OutcomeKind
from bridge.runtime import renewal
from bridge.runtime.loop import now_ms
from bridge.smtp_in import reading, server, service
from bridge.smtp_in.server import SmtpConnection
from bridge.smtp_in.service import SmtpDoor
from bridge.smtp_in.settings import SmtpListen, SmtpSettings
from tests.house import LINK, PRICE_MC, House, open_house
from tests.support import asyncio_test, eventually
from tests.wire.raw_smtp import Talk
from tests.wire.test_web_tls import write_certificate

PIN = "SECRETPIN23"
TO = "46701740605@sms.localhost"
CREDIT_MC = 100_000


class Setup:
    """A house with an e-mail door, and the account "demo" in it."""

    def __init__(self, house: House, door: SmtpDoor) -> None:
        self.house = house
        self.door = door
        self.talks: list[Talk] = []

    async def talk(self, *, log_in: bool = True, listen: int = 0, tls: ssl.SSLContext | None = None) -> Talk:
        talk = await Talk.open(self.door.ports[listen], tls)
        self.talks.append(talk)
        if log_in:
            assert await talk.log_in(pin=PIN) == "235 2.7.0 Logged in"
        return talk

    async def texts(self) -> list[tuple[str, str]]:
        """Recipient and text of everything queued, in the order it was accepted."""
        parts = await self.house.ledger.claim(LINK, 1000, now_ms())
        return [(part.recipient, part.text) for part in parts]

    async def owed(self) -> list[Notice]:
        """The reports that are owed after everything queued was refused upstream."""
        parts = await self.house.ledger.claim(LINK, 1000, now_ms())
        refused = [Outcome(part.part_id, OutcomeKind.REJECTED, now_ms(), reason="refused") for part in parts]
        await self.house.ledger.settle(LINK, refused)
        return await self.house.ledger.claim_notices(100, now_ms())

    async def count(self) -> int:
        return len(await self.house.messages())


@asynccontextmanager
async def open_setup(
    folder: Path,
    *,
    credit_mc: int = CREDIT_MC,
    networks: tuple[str, ...] = (),
    intake: IntakeSettings | None = None,
    **settings: Any,
) -> AsyncIterator[Setup]:
    async with open_house(folder, intake) as house:
        await house.add_account("demo", pin=PIN, credit_mc=credit_mc, networks=networks)
        values = {"listen": [SmtpListen(port=0)], **settings}
        door = SmtpDoor(SmtpSettings(**values), "sms.localhost", house.gatekeeper, house.door)
        await door.start()
        setup = Setup(house, door)
        try:
            yield setup
        finally:
            for talk in setup.talks:
                await talk.close()
            await door.stop()


# --- what is accepted ---


@asyncio_test
async def test_a_mail_becomes_a_message_that_is_charged_and_queued(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        said = await talk.mail("Pump 3 stopped\r\n-- \r\nJoerg", TO)
        (message,) = await setup.house.messages()
        assert said == f"250 2.0.0 queued as {message['message_id']}"
        assert message["door"] == "smtp"
        assert await setup.texts() == [("46701740605", "Pump 3 stopped")]
        assert await setup.house.balance_mc() == CREDIT_MC - PRICE_MC


@asyncio_test
async def test_one_mail_to_many_is_one_message_each_and_the_reply_names_the_first(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        said = await talk.mail("Hi", TO, "+46 70 174 06 06@sms.localhost", '"46701740607"@SMS.localhost', "46701740608")
        messages = await setup.house.messages()
        assert said == f"250 2.0.0 queued as {messages[-1]['message_id']} (+3)"
        assert [recipient for recipient, _ in await setup.texts()] == [f"4670174060{n}" for n in (5, 6, 7, 8)]


@asyncio_test
async def test_the_same_recipient_twice_is_one_sms(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        assert (await talk.mail("Hi", TO, TO, "+46-70-174 06 05@sms.localhost")).startswith("250 2.0.0 queued as")
        assert len(await setup.texts()) == 1


@asyncio_test
async def test_the_mails_thread_is_kept_for_the_answer(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        await talk.mail(
            "Hi", TO, head="Subject: =?utf-8?q?L=C3=A4get?=\r\nMessage-ID: <3@x>\r\nReferences: <1@x>\r\n <2@x>"
        )
        (notice,) = await setup.owed()
        assert notice.message is not None
        assert notice.message.thread == MailThread("ops@example.com", "<3@x>", "<1@x> <2@x>", "Läget")


@pytest.mark.parametrize(
    ("sender", "head", "reply_to"),
    [
        ("alarm", "From: <panel@example.com>", "panel@example.com"),
        ("alarm", "From: panel", None),
        ("a b@example.com", "From: x", None),
        ("ops@example.com", "Precedence: bulk", None),
        ("ops@example.com", "List-Id: <x.example>", None),
        ("ops@example.com", "\r\n".join(["Received: x"] * 51), None),
        ("ops@example.com", "\r\n".join(["Received: x"] * 50), "ops@example.com"),
        ("ops@example.com", "Auto-Submitted: auto-generated", "ops@example.com"),
    ],
)
@asyncio_test
async def test_who_is_answered(tmp_path: Path, sender: str, head: str, reply_to: str | None) -> None:
    """Device alarms are; lists, bulk mail and mail that goes round in circles are sent, but never answered."""
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        assert (await talk.mail("Hi", TO, sender=sender, head=head)).startswith("250 ")
        assert [notice.address for notice in await setup.owed()] == ([reply_to] if reply_to else [])


@asyncio_test
async def test_what_old_devices_send_is_understood(tmp_path: Path) -> None:
    async with open_setup(tmp_path, networks=("127.0.0.1",)) as setup:
        for commands in (
            ("HELO", "MAIL FROM: ops@example.com", f"RCPT TO: {TO}"),
            ("HELO ", "mail from:<ops@example.com>", "rcpt to:46701740605"),
            ("EHLO", "MAIL FROM:<ops@example.com> SIZE=10 BODY=8BITMIME AUTH=<>", f"RCPT TO:<{TO}>"),
            ("EHLO [127.0.0.1]", "MAIL FROM:<>", "RSET", "MAIL FROM:<panel>", f"RCPT TO:<@relay:{TO}>"),
        ):
            talk = await setup.talk(log_in=False)
            for command in (*commands, "DATA"):
                assert (await talk.do(command))[:1] in ("2", "3"), command
            assert (await talk.do(b"no header, bare\nline feeds\n, gr\xfc\xdfe\r\n.")).startswith(
                "250 2.0.0 queued as "
            )
            assert (await talk.do("QUIT")).startswith("221")
        assert {text for _, text in await setup.texts()} == {"no header, bare\nline feeds\n, grüße"}


@asyncio_test
async def test_a_line_of_64_kib_is_taken_and_a_longer_one_refused(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        html = "Content-Type: text/html"
        for size, reply in ((1200, "250 2.0.0"), (65_000, "250 2.0.0"), (66_000, "554 5.6.0"), (200_000, "554 5.6.0")):
            assert (await talk.mail("x" + " " * (size - 2) + "y", TO, head=html)).startswith(reply)
        assert await setup.count() == 2


@asyncio_test
async def test_commands_may_be_pipelined_up_to_data(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        await talk.send(f"MAIL FROM:<a@b.c>\r\nRCPT TO:<{TO}>\r\nRCPT TO:<x@y>\r\nDATA\r\n".encode())
        assert [(await talk.reply())[:3] for _ in range(4)] == ["250", "250", "550", "354"]
        assert (await talk.do("\r\nHi\r\n.")).startswith("250 2.0.0 queued as")


@asyncio_test
async def test_a_costly_mail_is_read_in_a_child(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        page = "<p>Pump 3<br>stopped</p>" + "<div></div>\r\n" * 20_000
        assert (await talk.mail(page, TO, head="Content-Type: text/html")).startswith("250 2.0.0 queued as")
        assert await setup.texts() == [("46701740605", "Pump 3\nstopped")]


@asyncio_test
async def test_a_mail_made_to_take_for_ever_is_refused_and_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which mail that is depends on the Python at hand, so the process that reads it simply never ends here."""
    monkeypatch.setattr(reading, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(child, "COMMAND", "import time; time.sleep(600)")
    async with open_setup(tmp_path) as setup:
        hostile, good = await setup.talk(), await setup.talk()
        sent = asyncio.ensure_future(hostile.mail("<p>" * 8000 + "\r\n", TO, head="Content-Type: text/html"))
        assert (await good.mail("Hi", TO)).startswith("250 2.0.0 queued as")
        assert not sent.done(), "the good mail did not wait for the hostile one"
        assert (await sent).startswith("554 5.6.0 The message cannot be read")
        assert await setup.count() == 1


# --- who is trusted ---


@asyncio_test
async def test_a_stranger_is_refused_at_the_recipient(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk(log_in=False)
        await talk.do("EHLO x")
        assert (await talk.mail("Hi", TO)).startswith("550 5.7.1 Sender not known here")
        assert (await talk.do("DATA")).startswith("503 5.5.1")
        assert (await talk.do("RCPT TO:<someone@elsewhere.example>")).startswith("550 5.7.1 Sender not known here")
        assert await setup.count() == 0


@asyncio_test
async def test_a_bound_network_needs_no_login(tmp_path: Path) -> None:
    async with open_setup(tmp_path, networks=("127.0.0.0/8",)) as setup:
        talk = await setup.talk(log_in=False)
        await talk.do("EHLO x")
        assert (await talk.mail("Hi", TO)).startswith("250 2.0.0 queued as")
        (message,) = await setup.house.messages()
        assert message["account"] == "demo"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("commands", "reply"),
    [
        (["EHLO x", "AUTH PLAIN " + b64(f"\0demo\0{PIN}")], "235 2.7.0"),
        (["EHLO x", "auth plain " + b64(f"\0demo\0{PIN}")], "235 2.7.0"),
        (["HELO x", "AUTH PLAIN", b64(f"\0demo\0{PIN}")], "235 2.7.0"),
        (["EHLO x", "AUTH LOGIN", b64("demo"), b64(PIN)], "235 2.7.0"),
        (["EHLO x", "AUTH LOGIN " + b64("demo"), b64(PIN)], "235 2.7.0"),
        (["EHLO x", "AUTH PLAIN " + b64("\0demo\0wrong")], "535 5.7.8"),
        (["EHLO x", "AUTH PLAIN " + b64(f"\0Demo\0{PIN}")], "535 5.7.8"),
        (["EHLO x", "AUTH PLAIN " + b64(f"\0nobody\0{PIN}")], "535 5.7.8"),
        (["EHLO x", "AUTH PLAIN " + b64(f"\0closed\0{PIN}")], "525 5.7.13"),
        (["EHLO x", "AUTH PLAIN ???"], "501 5.5.2"),
        (["EHLO x", "AUTH LOGIN", "*"], "501 5.7.0"),
        (["EHLO x", "AUTH CRAM-MD5"], "504 5.5.4"),
        (["EHLO x", "AUTH"], "504 5.5.4"),
        (["AUTH PLAIN " + b64(f"\0demo\0{PIN}")], "503"),
        (["EHLO x", "AUTH PLAIN " + b64(f"\0demo\0{PIN}"), "AUTH PLAIN " + b64(f"\0demo\0{PIN}")], "503 5.5.1"),
        (["EHLO x", "AUTH PLAIN", "x" * 70_000], "501 5.5.2"),
    ],
)
@asyncio_test
async def test_logins(tmp_path: Path, commands: list[str], reply: str) -> None:
    async with open_setup(tmp_path) as setup:
        await setup.house.add_account("closed", pin=PIN)
        await setup.house.ledger.do("account_set_disabled", name="closed", is_disabled=True)
        setup.house.gatekeeper.forget()
        talk = await setup.talk(log_in=False)
        assert (await talk.do(*commands)).startswith(reply)


@asyncio_test
async def test_guessing_ends_the_connection(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk(log_in=False)
        await talk.do("EHLO x")
        for _ in range(server.AUTH_ATTEMPTS_MAX):
            assert (await talk.do("AUTH PLAIN !!!")).startswith("501")
        assert (await talk.reply()).startswith("421 4.7.0")
        assert await talk.reply() == ""


@asyncio_test
async def test_outside_of_private_networks_a_login_needs_tls(tmp_path: Path) -> None:
    write_certificate(tmp_path, "localhost")
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    trusting.check_hostname = False
    listen = [SmtpListen(port=0, tls="starttls"), SmtpListen(port=0, tls="implicit"), SmtpListen(port=0)]
    async with open_setup(
        tmp_path,
        listen=listen,
        certificate=tmp_path / "cert.pem",
        private_key=tmp_path / "key.pem",
        plain_auth_networks=[ip_network("192.0.2.0/24")],
    ) as setup:
        for number in (0, 2):
            talk = await setup.talk(log_in=False, listen=number)
            assert (await talk.log_in()).startswith("538 5.7.11")
            assert not any("AUTH" in line for line in talk.said[1])
            assert any("STARTTLS" in line for line in talk.said[1]) is (number == 0)
        secured = await setup.talk(log_in=False)
        await secured.start_tls(trusting)
        assert await secured.log_in() == "235 2.7.0 Logged in"
        assert any(line == "250-AUTH LOGIN PLAIN" for line in secured.said[-2])
        assert (await secured.do("STARTTLS")).startswith("503")
        assert (await secured.mail("Hi", TO)).startswith("250 2.0.0 queued as")
        implicit = await setup.talk(listen=1, tls=trusting)
        assert (await implicit.mail("Hi", TO)).startswith("250 2.0.0 queued as")
        assert await setup.count() == 2


@asyncio_test
async def test_a_renewed_certificate_is_served_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "LOOK_EVERY_S", 0.0)
    write_certificate(tmp_path, "localhost")
    files = {"certificate": tmp_path / "cert.pem", "private_key": tmp_path / "key.pem"}
    async with open_setup(tmp_path, listen=[SmtpListen(port=0, tls="implicit")], **files) as setup:
        for name in ("localhost", "renewed"):
            write_certificate(tmp_path, name)
            trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
            trusting.check_hostname = False
            talk = await setup.talk(tls=trusting)
            assert (await talk.mail("Hi", TO)).startswith("250 2.0.0 queued as")
        (tmp_path / "good.pem").write_bytes((tmp_path / "cert.pem").read_bytes())
        write_certificate(tmp_path, "broken")
        (tmp_path / "key.pem").write_text("half written")
        talk = await setup.talk(tls=trusting)
        assert (await talk.mail("Hi", TO)).startswith("250 2.0.0 queued as")


@asyncio_test
async def test_what_is_sent_in_clear_behind_starttls_has_no_effect(tmp_path: Path) -> None:
    """CVE-2011-0411: a man in the middle appends commands to STARTTLS, and the server takes them as encrypted."""
    write_certificate(tmp_path, "localhost")
    trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
    trusting.check_hostname = False
    files = {"certificate": tmp_path / "cert.pem", "private_key": tmp_path / "key.pem"}
    async with open_setup(tmp_path, listen=[SmtpListen(port=0, tls="starttls")], **files) as setup:
        talk = await setup.talk(log_in=False)
        await talk.do("EHLO x")
        await talk.send(b"STARTTLS\r\nEHLO injected\r\nAUTH PLAIN " + b64(f"\0demo\0{PIN}").encode() + b"\r\n")
        assert (await talk.reply()).startswith("220")
        await talk.writer.start_tls(trusting, server_hostname="localhost")
        assert (await talk.do("MAIL FROM:<a@b.c>")).startswith("503"), "no EHLO yet"
        assert (await talk.do("EHLO x", "MAIL FROM:<a@b.c>", f"RCPT TO:<{TO}>")).startswith("550 5.7.1"), (
            "nobody logged in"
        )
        await talk.close()


@asyncio_test
async def test_a_failed_handshake_is_one_line_and_no_trace(tmp_path: Path) -> None:
    write_certificate(tmp_path, "localhost")
    files = {"certificate": tmp_path / "cert.pem", "private_key": tmp_path / "key.pem"}
    with capture_logs() as logs:
        async with open_setup(tmp_path, listen=[SmtpListen(port=0, tls="starttls")], **files) as setup:
            talk = await setup.talk(log_in=False)
            assert (await talk.do("EHLO x", "STARTTLS")).startswith("220")
            await talk.send(b"GET / HTTP/1.1\r\n\r\n" * 10)
            while await talk.reader.read(1000):
                pass
            await eventually(lambda: any(line["event"] == "tls failed" for line in logs))
    assert not any(line["log_level"] == "error" for line in logs)


# --- what is refused ---


@pytest.mark.parametrize(
    ("address", "reply"),
    [
        ("someone@elsewhere.example", "550 5.7.1 Not a domain of this appliance"),
        ("46701740605@[127.0.0.1]", "550 5.7.1"),
        ("46701740605%elsewhere.example@sms.localhost", "550 5.1.3"),
        ("postmaster@sms.localhost", "550 5.1.3 Not a phone number in international format"),
        ("0701740605@sms.localhost", "550 5.1.3"),
        ("123@sms.localhost", "550 5.1.3"),
        ("46701740605+key@sms.localhost", "550 5.1.3"),
        ("@sms.localhost", "550 5.1.3"),
        ('""@sms.localhost', "550 5.1.3"),
        ("٤٦٧٠١٧٤٠٦٠٥@sms.localhost", "550 5.1.3"),
        ("(" * 400 + "46701740605@sms.localhost", "550 5.1.3"),
        ("4" * 900 + "@sms.localhost", "550 5.1.3"),
    ],
)
@asyncio_test
async def test_bad_recipients_are_refused_one_by_one(tmp_path: Path, address: str, reply: str) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        await talk.do("MAIL FROM:<ops@example.com>")
        assert (await talk.do(f"RCPT TO:<{address}>")).startswith(reply)
        assert (await talk.do(f"RCPT TO:<{TO}>")).startswith("250 2.1.5")
        assert (await talk.do("DATA", "\r\nHi\r\n.")).startswith("250 2.0.0 queued as")
        assert await setup.count() == 1


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("MAIL FROM:<jörg@example.com>", "553 5.6.7"),
        (b"MAIL FROM:<j\xf6rg@example.com> SMTPUTF8", "553 5.1.7"),
        ("MAIL FROM:<a\x1bb@example.com>", "553 5.1.7"),
        ("MAIL FROM:<" + "a" * 330 + "@example.com>", "553 5.1.7"),
        ("MAIL FROM:<a@b.c> SIZE=2000000", "552 5.3.4"),
        ("MAIL FROM:<a@b.c> SIZE=99999999999999999999", "552 5.3.4"),
        ("MAIL FROM:<a@b.c> SIZE=-1", "501"),
        ("MAIL FROM:<a@b.c> RET=FULL", "555"),
        ("MAIL a@b.c", "501"),
        ("MAIL", "501"),
        ("RCPT TO:<46701740605@sms.localhost>", "503"),
        ("DATA", "503 5.5.1"),
        ("BDAT 5 LAST", "500"),
        (b"\xff\xfe\xfd", "500"),
        ("NOOP " + "x" * 2000, "500"),
        ("NOOP " + "x" * 100_000, "500"),
        ("", "500"),
    ],
)
@asyncio_test
async def test_commands_that_make_no_sense_are_refused_and_the_session_goes_on(
    tmp_path: Path, command: str | bytes, reply: str
) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        assert (await talk.do(command)).startswith(reply)
        assert (await talk.mail("Hi", TO)).startswith("250 2.0.0 queued as")


@pytest.mark.parametrize(
    ("head", "text", "reply"),
    [
        ("X: y", "", "554 5.6.0 No text found to send"),
        ("X: y", "x" * 1531, "552 5.2.3 The text needs too many parts: 11 parts, at most 10 are allowed"),
        ("X: y", "☃" * 671, "552 5.2.3 The text needs too many parts"),
        ("\r\n".join(["X: y"] * 300), "Hi", "554 5.6.0 The message cannot be read"),
        ("Content-Type: text/plain" + ";a=b" * 2000, "Hi", "554 5.6.0 The message cannot be read"),
        ("Auto-Submitted: auto-replied (vacation)", "Hi", "550 5.7.1"),
        ("Content-Type: multipart/report; boundary=x", "--x\r\n\r\nundeliverable\r\n--x--", "550 5.7.1"),
        ("X-Loop: SMS.localhost", "Hi", "550 5.7.1"),
    ],
)
@asyncio_test
async def test_what_cannot_be_sent_is_refused_at_the_dot(tmp_path: Path, head: str, text: str, reply: str) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        assert (await talk.mail(text, TO, head=head)).startswith(reply)
        assert await setup.count() == 0
        assert await setup.house.balance_mc() == CREDIT_MC
        assert (await talk.mail("Hi", TO)).startswith("250 2.0.0 queued as"), "the session goes on"


@asyncio_test
async def test_the_empty_sender_never_makes_an_sms(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        assert (await talk.mail("Undelivered Mail Returned to Sender", TO, sender="")).startswith("550 5.7.1 Bounces")
        assert await setup.count() == 0


@asyncio_test
async def test_without_credit_for_all_nothing_is_accepted_for_good(tmp_path: Path) -> None:
    """One transaction: two could be paid, three are refused, and a top-up sends nothing later."""
    async with open_setup(tmp_path, credit_mc=2 * PRICE_MC) as setup:
        talk = await setup.talk()
        to = [f"4670174060{n}@sms.localhost" for n in (5, 6, 7)]
        assert (await talk.mail("Hi", *to)).startswith("554 5.7.0 Not enough credit")
        assert await setup.count() == 0
        assert await setup.house.balance_mc() == 2 * PRICE_MC
        await setup.house.ledger.do("account_top_up", name="demo", amount_mc=9000, key="k", now_ms=now_ms())
        assert await setup.texts() == []


@asyncio_test
async def test_more_recipients_than_allowed_are_for_a_second_mail(tmp_path: Path) -> None:
    async with open_setup(tmp_path, recipients_max=3) as setup:
        talk = await setup.talk()
        await talk.do("MAIL FROM:<ops@example.com>")
        said = [await talk.do(f"RCPT TO:<4670174060{n}@sms.localhost>") for n in range(5)]
        assert [one[:9] for one in said] == ["250 2.1.5"] * 3 + ["452 4.5.3"] * 2
        assert (await talk.do("RCPT TO:<46701740600@sms.localhost>")).startswith("250"), "one it has already"
        assert (await talk.do("DATA", "\r\nHi\r\n.")).endswith(" (+2)")
        assert await setup.count() == 3


@pytest.mark.parametrize(
    ("over", "reply"), [(-1, "250 2.0.0"), (0, "250 2.0.0"), (1, "552 5.3.4"), (500_000, "552 5.3.4")]
)
@asyncio_test
async def test_the_size_is_enforced_whatever_was_declared(tmp_path: Path, over: int, reply: str) -> None:
    async with open_setup(tmp_path, size_max=20_000) as setup:
        talk = await setup.talk()
        head = "Content-Type: text/html"
        frame = len(head) + len("\r\n\r\n" + "Hi" + "\r\n")
        lines, rest = divmod(20_000 - frame + over, 10)
        text = "Hi" + " " * rest + "        \r\n" * lines
        assert (await talk.do("MAIL FROM:<a@b.c> SIZE=100", f"RCPT TO:<{TO}>", "DATA")).startswith("354")
        assert (await talk.do(f"{head}\r\n\r\n{text}\r\n.")).startswith(reply)
        assert (await talk.mail("Hi", TO)).startswith("250 2.0.0 queued as"), "the session goes on"


# --- what somebody might try ---

END_OF_DATA_LOOKALIKES = [
    *(b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n\n.\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n"),
    *(b"\r\r\n.\r\r\n", b"\r\n.\r\r\n", b"\r\n\r.\r\n", b"\r\n. \r\n", b"\n.\r"),
]


@pytest.mark.parametrize("lookalike", END_OF_DATA_LOOKALIKES)
@asyncio_test
async def test_nothing_but_the_real_end_ends_a_mail(tmp_path: Path, lookalike: bytes) -> None:
    """SMTP smuggling: what stands behind a look-alike is text of the one mail, never a second mail."""
    async with open_setup(tmp_path, intake=IntakeSettings(parts_max=20)) as setup:
        talk = await setup.talk()
        second = b"MAIL FROM:<evil@b.c>\r\nRCPT TO:<46701740606@sms.localhost>\r\nDATA\r\n\r\nsmuggled"
        assert (await talk.mail(b"first" + lookalike + second, TO)).startswith("250 2.0.0 queued as")
        assert (await talk.do("NOOP")).startswith("250")
        assert {recipient for recipient, _ in await setup.texts()} == {"46701740605"}
        assert await setup.count() == 1


@asyncio_test
async def test_a_mail_sent_without_waiting_for_354_is_refused_with_the_connection(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        start = f"MAIL FROM:<a@b.c>\r\nRCPT TO:<{TO}>\r\n".encode()
        await talk.send(start + b"DATA\r\n\r\nHi\r\n.\r\n" + start)
        assert [(await talk.reply())[:9] for _ in range(4)] == ["250 2.1.0", "250 2.1.5", "503 5.5.0", "421 4.7.0"]
        assert await talk.reply() == ""
        assert await setup.count() == 0


@pytest.mark.parametrize("request_line", ["GET / HTTP/1.1", "POST /send HTTP/1.1", "CONNECT x:25 HTTP/1.1"])
@asyncio_test
async def test_a_browser_is_shown_the_door(tmp_path: Path, request_line: str) -> None:
    async with open_setup(tmp_path, networks=("127.0.0.1",)) as setup:
        talk = await setup.talk(log_in=False)
        body = f"\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<{TO}>\r\nDATA\r\n"
        await talk.send((request_line + body).encode())
        assert (await talk.reply()).startswith("521 5.5.1")
        while await talk.reply():
            pass
        assert not any(line.startswith(("250", "354")) for lines in talk.said for line in lines)


@asyncio_test
async def test_garbage_ends_the_connection(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        for junk in (b"\x16\x03\x01\x02\x00\x01\r\n", b"\x00\r\n", b"XYZZY\r\n", b"\x80\r\n", b"RCPT TO:<x>\r\n"):
            talk = await setup.talk(log_in=False)
            await talk.send(junk * 100)
            replies = 0
            while await talk.reply():
                replies += 1
            assert 1 <= replies <= server.ERRORS_MAX + 2, junk
        await eventually(lambda: not setup.door._doorway.inside)


@asyncio_test
async def test_many_refused_recipients_of_a_known_sender_are_no_reason_to_hang_up(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        await talk.do("MAIL FROM:<ops@example.com>")
        for n in range(server.ERRORS_MAX * 2):
            assert (await talk.do(f"RCPT TO:<{n}@sms.localhost>")).startswith("550 5.1.3")
        assert (await talk.do(f"RCPT TO:<{TO}>", "DATA", "\r\nHi\r\n.")).startswith("250 2.0.0 queued as")


@asyncio_test
async def test_the_last_of_too_many_errors_has_its_true_answer(tmp_path: Path) -> None:
    """A 421 in place of 554 would make a mail server repeat what was refused for good."""
    async with open_setup(tmp_path, credit_mc=0) as setup:
        talk = await setup.talk()
        for _ in range(server.ERRORS_MAX + 1):
            assert (await talk.mail("Hi", TO)).startswith("554 5.7.0")
        assert (await talk.reply()).startswith("421 4.7.0")
        assert await talk.reply() == ""


@asyncio_test
async def test_a_connection_that_breaks_leaves_no_half_mail(tmp_path: Path) -> None:
    async with open_setup(tmp_path, networks=("127.0.0.1",)) as setup:
        stages = ["", "EHLO x\r\n", "MAIL FROM:<a@b.c>\r\n", f"RCPT TO:<{TO}>\r\n", "DATA\r\n", "\r\n", "Hi\r\n", ".\r"]
        for count in range(1, len(stages) + 1):
            talk = await setup.talk(log_in=False)
            for stage in stages[:count]:
                await talk.send(stage.encode())
                if stage.endswith("\n") and stage[0].isalpha() and stage != "Hi\r\n":
                    await talk.reply()
            await talk.close()
        await eventually(lambda: not setup.door._doorway.inside)
        assert await setup.count() == 0


@asynccontextmanager
async def at_the_commit(setup: Setup, talk: Talk) -> AsyncIterator[SmtpConnection]:
    """A mail after its final dot while its commit has to wait, as another process holds the ledger's lock."""
    (connection,) = setup.door._doorway.inside
    other = sqlite3.connect(setup.house.ledger.path, isolation_level=None)
    try:
        await talk.do("MAIL FROM:<a@b.c>", f"RCPT TO:<{TO}>", "DATA")
        other.execute("BEGIN IMMEDIATE")
        await talk.send(b"\r\nHi\r\n.\r\n")
        await eventually(lambda: connection._is_answering)
        yield connection
        other.execute("ROLLBACK")
    finally:
        other.close()


@asyncio_test
async def test_a_mail_is_accepted_though_the_client_hangs_up_behind_the_dot(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        with capture_logs() as logs:
            async with at_the_commit(setup, talk):
                talk.writer.transport.abort()
                await eventually(lambda: not setup.door._doorway.inside)
            # Also told to the operator and to the link, though nobody waits for the answer.
            await eventually(lambda: any(line["event"] == "accepted" for line in logs))
        assert await setup.texts() == [("46701740605", "Hi")]


@asyncio_test
async def test_a_stop_waits_for_the_mail_that_is_being_accepted(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        async with at_the_commit(setup, talk):
            stopping = asyncio.ensure_future(setup.door.stop())
            await asyncio.sleep(0.05)
            assert not stopping.done()
        assert (await talk.reply()).startswith("250 2.0.0 queued as")
        assert (await talk.reply()).startswith("421 4.3.2")
        await stopping
        assert await setup.count() == 1


@asyncio_test
async def test_no_deadline_cuts_off_a_mail_that_is_being_accepted(tmp_path: Path) -> None:
    async with open_setup(tmp_path, command_timeout_s=0.2, session_timeout_s=0.4) as setup:
        talk = await setup.talk()
        async with at_the_commit(setup, talk) as connection:
            await asyncio.sleep(0.6)
            assert connection.transport is not None
        assert (await talk.reply()).startswith("250 2.0.0 queued as")
        assert (await talk.reply()).startswith("421 4.4.2"), "now the session's time is up"


# --- bounds ---


@asyncio_test
async def test_connections_are_bounded_in_all_and_per_address(tmp_path: Path) -> None:
    for settings, most in (({"connections_max": 3}, 3), ({"connections_per_address_max": 2}, 2)):
        folder = tmp_path / str(most)
        folder.mkdir()
        async with open_setup(folder, **settings) as setup:
            talks = [await setup.talk(log_in=False) for _ in range(most)]
            refused = await setup.talk(log_in=False)
            assert refused.said[0][0].startswith("421 4.3.2")
            assert await refused.reply() == ""
            assert (await talks[0].do("EHLO x")).startswith("250"), "those inside are not disturbed"
            assert (await talks[0].do("QUIT")).startswith("221")
            await eventually(lambda most=most: len(setup.door._doorway.inside) < most)
            assert (await setup.talk(log_in=False)).said[0][0].startswith("220")


@asyncio_test
async def test_a_command_that_trickles_in_is_not_waited_for(tmp_path: Path) -> None:
    """The clock starts with the last whole command, so single octets keep nobody connected."""
    async with open_setup(tmp_path, command_timeout_s=0.3) as setup:
        talk = await setup.talk(log_in=False)

        async def trickle() -> None:
            while True:
                await talk.send(b"N")
                await asyncio.sleep(0.02)

        trickling = asyncio.ensure_future(trickle())
        assert (await talk.reply()).startswith("421 4.4.2")
        assert await talk.reply() == ""
        trickling.cancel()


@asyncio_test
async def test_who_vanishes_in_the_middle_of_a_mail_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "DATA_TIMEOUT_S", 0.3)
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        await talk.do("MAIL FROM:<a@b.c>", f"RCPT TO:<{TO}>", "DATA")
        await talk.send(b"Subject: x\r\n\r\nhalf a m")
        await eventually(lambda: not setup.door._doorway.inside)
        assert (await talk.reply()).startswith("421 4.4.2")
        assert await setup.count() == 0


@asyncio_test
async def test_a_tls_handshake_that_never_comes_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "HANDSHAKE_TIMEOUT_S", 0.2)
    write_certificate(tmp_path, "localhost")
    files = {"certificate": tmp_path / "cert.pem", "private_key": tmp_path / "key.pem"}
    async with open_setup(tmp_path, listen=[SmtpListen(port=0, tls="implicit")], **files) as setup:
        reader, writer = await asyncio.open_connection("127.0.0.1", setup.door.ports[0])
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        await writer.wait_closed()


@asyncio_test
async def test_a_tls_handshake_takes_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a crowd that never shakes hands is as many open files as it likes."""
    monkeypatch.setattr(service, "HANDSHAKE_TIMEOUT_S", 0.5)
    write_certificate(tmp_path, "localhost")
    files = {"certificate": tmp_path / "cert.pem", "private_key": tmp_path / "key.pem"}
    listen = [SmtpListen(port=0, tls="implicit")]
    async with open_setup(tmp_path, listen=listen, connections_max=1, **files) as setup:
        _, silent = await asyncio.open_connection("127.0.0.1", setup.door.ports[0])
        await eventually(lambda: setup.door._doorway.inside)
        reader, second = await asyncio.open_connection("127.0.0.1", setup.door.ports[0])
        assert await asyncio.wait_for(reader.read(), 10) == b"", "it finds no place"
        await eventually(lambda: not setup.door._doorway.inside)
        trusting = ssl.create_default_context(cafile=tmp_path / "cert.pem")
        trusting.check_hostname = False
        talk = await setup.talk(log_in=False, tls=trusting)
        assert talk.said[0][0].startswith("220")
        for writer in (silent, second):
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)


@asyncio_test
async def test_a_stop_does_not_wait_for_a_handshake(tmp_path: Path) -> None:
    write_certificate(tmp_path, "localhost")
    files = {"certificate": tmp_path / "cert.pem", "private_key": tmp_path / "key.pem"}
    async with open_setup(tmp_path, listen=[SmtpListen(port=0, tls="implicit")], **files) as setup:
        reader, writer = await asyncio.open_connection("127.0.0.1", setup.door.ports[0])
        await eventually(lambda: setup.door._doorway.inside)
        await asyncio.wait_for(setup.door.stop(), service.HANDSHAKE_TIMEOUT_S / 2)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        await writer.wait_closed()


@asyncio_test
async def test_every_address_is_ipv4_too_and_written_so(tmp_path: Path) -> None:
    async with open_setup(tmp_path, listen=[SmtpListen(address="::", port=0)]) as setup:
        await setup.talk(log_in=False)
        (connection,) = setup.door._doorway.inside
        assert connection.peer.ip == "127.0.0.1"


@asyncio_test
async def test_who_never_reads_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answers fill every buffer, and so our last line would wait there for ever, and it would keep its place."""
    monkeypatch.setattr(server, "GOODBYE_WAIT_S", 0.2)
    async with open_setup(tmp_path, command_timeout_s=0.5) as setup:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", setup.door.ports[0]))
        deaf.setblocking(False)
        (connection,) = await eventually(lambda: list(setup.door._doorway.inside))
        transport = await eventually(lambda: connection.transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

        def fill() -> bool:
            """Ask until nothing is taken any more."""
            with contextlib.suppress(BlockingIOError, ConnectionError):
                while deaf.send(b"NOOP\r\n" * 1000):
                    pass
            return connection.transport is None or connection.transport.get_write_buffer_size() > 0

        await eventually(fill)
        await eventually(lambda: not setup.door._doorway.inside)
        deaf.close()


@asyncio_test
async def test_a_session_ends_however_busy_it_is(tmp_path: Path) -> None:
    async with open_setup(tmp_path, session_timeout_s=0.5) as setup:
        talk = await setup.talk(log_in=False)
        said = ""
        while not said.startswith("421 4.4.2"):
            said = await talk.do("NOOP")
            assert said[:3] in ("250", "421")
        assert await talk.reply() == ""


@asyncio_test
async def test_every_socket_sends_at_once(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        await setup.talk(log_in=False)
        (connection,) = setup.door._doorway.inside
        assert connection.transport is not None
        assert connection.transport.get_extra_info("socket").getsockopt(IPPROTO_TCP, TCP_NODELAY) == 1


# --- our own troubles ---


@asyncio_test
async def test_a_bug_of_ours_is_temporary_to_the_peer_and_logged_with_its_trace(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        setup.house.door.tables = None  # type: ignore[assignment]  # the bug
        with capture_logs() as logs:
            said = await talk.mail("Hi", TO)
        assert said == "451 4.3.0 Try again later"
        (line,) = [line for line in logs if line["event"] == "session failed"]
        assert isinstance(line["exc_info"], AttributeError)
        assert (await talk.do("NOOP")).startswith("250")


@asyncio_test
async def test_a_stop_says_goodbye(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        port = setup.door.ports[0]
        await setup.door.stop()
        assert (await talk.reply()).startswith("421 4.3.2 Going down")
        assert await talk.reply() == ""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


@asyncio_test
async def test_a_port_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        settings = SmtpSettings(listen=[SmtpListen(port=0), SmtpListen(port=setup.door.ports[0])])
        second = SmtpDoor(settings, "sms.localhost", setup.house.gatekeeper, setup.house.door)
        with pytest.raises(OSError, match="in use"):
            await second.start()
        assert second.ports == []


@asyncio_test
async def test_no_log_line_holds_a_number_a_text_or_a_secret(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs:
        async with open_setup(tmp_path) as setup:
            talk = await setup.talk()
            await talk.mail("Canary in the text", TO, head="Subject: canary subject")
            await talk.mail("", TO, head="X: y")
            await talk.do("MAIL FROM:<a@b.c>", "RCPT TO:<46701740605@elsewhere.example>", "RSET", b64(PIN), PIN)
            await talk.do("RCPT TO:<46701740605>")
            await talk.close()
    out = "".join(capfd.readouterr()) + caplog.text + "\n".join(str(line) for line in logs)
    assert "recipient refused" in out
    for secret in ("46701740605", "anary", PIN, b64(PIN), b64(f"\0demo\0{PIN}")):
        assert secret not in out


# --- retries ---


@asyncio_test
async def test_a_mail_that_comes_again_is_the_same_message(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        head = "Message-ID: <alarm-1@plant.example>"
        said = [await (await setup.talk()).mail("Pump 3 stopped", TO, "46701740606", head=head) for _ in range(3)]
        assert len(set(said)) == 1
        assert said[0].startswith("250 2.0.0 queued as")
        assert await setup.count() == 2
        assert await setup.house.balance_mc() == CREDIT_MC - 2 * PRICE_MC


@asyncio_test
async def test_a_device_that_reuses_its_message_id_for_another_text_loses_nothing(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        for zone in (1, 2):
            talk = await setup.talk()
            assert (await talk.mail(f"Zone {zone} open", TO, head="Message-ID: <1@panel>")).startswith("250")
        assert sorted(text for _, text in await setup.texts()) == ["Zone 1 open", "Zone 2 open"]


@asyncio_test
async def test_the_same_mail_twice_without_a_message_id_is_two_messages(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        for _ in range(2):
            assert (await (await setup.talk()).mail("Pump 3 stopped", TO)).startswith("250")
        assert await setup.count() == 2
