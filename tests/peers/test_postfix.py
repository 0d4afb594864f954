"""A real Postfix on both sides: it hands us mail, and it takes ours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from bridge.inbound_mail.service import SendbackService
from bridge.inbound_mail.settings import RelaySettings
from bridge.messages.message import Outcome, OutcomeKind, PartState
from bridge.messages.receipt import Receipt
from bridge.runtime.loop import now_ms
from bridge.simulator.mail_sink import Caught, MailSink
from bridge.simulator.settings import MailSinkSettings
from bridge.smtp_in.service import SmtpDoor
from bridge.smtp_in.settings import SmtpListen, SmtpSettings
from tests.house import LINK, PRICE_MC, House, open_house
from tests.peers.postfix import open_postfix
from tests.support import asyncio_test, eventually, free_port

pytestmark = pytest.mark.peer("postfix")

MAIL = b"From: Ops <ops@client.example>\r\nSubject: Larm\r\nMessage-ID: <3@client.example>\r\n\r\nPump 3 stopped\r\n"


@asynccontextmanager
async def open_door(house: House, port: int = 0, **settings: Any) -> AsyncIterator[SmtpDoor]:
    values = {"listen": [SmtpListen(port=port)], "domains": ["sms.example"], **settings}
    door = SmtpDoor(SmtpSettings(**values), "sms.example", house.gatekeeper, house.door)
    await door.start()
    try:
        yield door
    finally:
        await door.stop()


@asynccontextmanager
async def open_sink(folder: Path) -> AsyncIterator[tuple[int, list[Caught]]]:
    caught: list[Caught] = []
    sink = MailSink(MailSinkSettings(port=0, folder=folder / "mails"), caught.append)
    await sink.start()
    try:
        yield sink.port, caught
    finally:
        await sink.stop()


@asyncio_test
async def test_a_mail_from_postfix_goes_out_and_its_report_comes_back_through_postfix(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, open_sink(tmp_path) as (sink_port, caught), open_door(house) as door:
        await house.add_account("demo", networks=["127.0.0.1"])
        async with open_postfix({"sms.example": door.ports[0], "client.example": sink_port}) as postfix:
            relay = RelaySettings(port=postfix.port)
            sendback = SendbackService(relay, "sms.example", house.ledger)
            await sendback.start()
            await postfix.send("ops@client.example", ["46701740605@sms.example"], MAIL)
            await eventually(lambda: "queued as" in postfix.log and "status=sent" in postfix.log, timeout_s=30)
            (message,) = await house.messages()
            assert f"250 2.0.0 queued as {message['message_id']}" in postfix.log

            (part,) = await house.ledger.claim(LINK, 10, now_ms())
            assert part.text == "Pump 3 stopped"
            taken = Outcome(part.part_id, OutcomeKind.SUBMITTED, now_ms(), smsc_id="A1")
            await house.ledger.settle(LINK, [taken])
            await house.ledger.receive(LINK, [Receipt("A1", PartState.DELIVERED)], now_ms())
            await eventually(lambda: caught, timeout_s=30)
            await sendback.stop()
        (report,) = caught
        assert (report.mail_from, report.rcpt_tos) == ("", ("ops@client.example",))
        mail = message_from_bytes(report.content, policy=policy.default)
        assert (mail["Subject"], mail["In-Reply-To"]) == ("Re: Larm", "<3@client.example>")
        assert mail["Auto-Submitted"] == "auto-generated"
        assert message["message_id"] in str(mail.get_payload())


@asyncio_test
async def test_without_credit_postfix_bounces_at_once_and_never_tries_again(tmp_path: Path) -> None:
    """A top-up afterwards must not let a stale alarm out."""
    async with open_house(tmp_path) as house, open_sink(tmp_path) as (sink_port, caught), open_door(house) as door:
        await house.add_account("demo", networks=["127.0.0.1"], credit_mc=0)
        async with open_postfix({"sms.example": door.ports[0], "client.example": sink_port}) as postfix:
            await postfix.send("ops@client.example", ["46701740605@sms.example"], MAIL)
            await eventually(lambda: caught, timeout_s=30)
            await eventually(lambda: not postfix.queued(), timeout_s=30)
            await house.ledger.do("account_top_up", name="demo", amount_mc=PRICE_MC, key="late", now_ms=now_ms())
            assert "554 5.7.0 Not enough credit" in postfix.log
            assert await house.messages() == []
        (bounce,) = caught
        assert bounce.mail_from == ""
        assert b"Not enough credit" in bounce.content


@asyncio_test
async def test_more_recipients_than_one_mail_may_have_come_in_the_next_ones(tmp_path: Path) -> None:
    """452 4.5.3 as mail servers understand it: the rest is sent in a second transaction, nobody is lost or doubled."""
    to = [f"467017406{n:02}@sms.example" for n in range(7)]
    async with open_house(tmp_path) as house, open_door(house, recipients_max=3) as door:
        await house.add_account("demo", networks=["127.0.0.1"])
        async with open_postfix({"sms.example": door.ports[0]}) as postfix:
            await postfix.send("ops@client.example", to, MAIL)
            # Its queue may look empty for a moment while a mail moves from one folder to the next.
            await eventually(lambda: postfix.log.count("status=sent") >= len(to), timeout_s=30)
            await eventually(lambda: not postfix.queued(), timeout_s=30)
        messages = await house.messages()
        assert sorted(f"{message['recipient']}@sms.example" for message in messages) == to


@asyncio_test
async def test_one_bad_recipient_is_bounced_and_the_others_are_sent(tmp_path: Path) -> None:
    to = ["46701740605@sms.example", "12@sms.example", "46701740606@sms.example"]
    async with open_house(tmp_path) as house, open_sink(tmp_path) as (sink_port, caught), open_door(house) as door:
        await house.add_account("demo", networks=["127.0.0.1"])
        async with open_postfix({"sms.example": door.ports[0], "client.example": sink_port}) as postfix:
            await postfix.send("ops@client.example", to, MAIL)
            await eventually(lambda: caught, timeout_s=30)
            await eventually(lambda: not postfix.queued(), timeout_s=30)
        assert len(await house.messages()) == 2
        assert b"12@sms.example" in caught[0].content
        assert b"Not a phone number" in caught[0].content


@asyncio_test
async def test_while_we_are_down_postfix_waits_and_then_sends_once(tmp_path: Path) -> None:
    port = free_port()
    async with open_house(tmp_path) as house:
        await house.add_account("demo", networks=["127.0.0.1"])
        async with open_postfix({"sms.example": port}) as postfix:
            await postfix.send("ops@client.example", ["46701740605@sms.example"], MAIL)
            await eventually(lambda: "status=deferred" in postfix.log, timeout_s=30)
            async with open_door(house, port):
                await eventually(lambda: "status=sent" in postfix.log, timeout_s=30)
                await eventually(lambda: not postfix.queued())
        assert len(await house.messages()) == 1


@asyncio_test
async def test_a_stranger_is_bounced(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, open_sink(tmp_path) as (sink_port, caught), open_door(house) as door:
        async with open_postfix({"sms.example": door.ports[0], "client.example": sink_port}) as postfix:
            await postfix.send("ops@client.example", ["46701740605@sms.example"], MAIL)
            await eventually(lambda: caught, timeout_s=30)
        assert b"Sender not known here" in caught[0].content
        assert await house.messages() == []


@asyncio_test
async def test_postfix_may_log_in(tmp_path: Path) -> None:
    """It sends AUTH=<> with MAIL FROM then."""
    async with open_house(tmp_path) as house, open_door(house) as door:
        await house.add_account("demo", pin="SECRETPIN23")
        login = (
            "smtp_sasl_auth_enable = yes",
            "smtp_sasl_password_maps = inline:{ { [127.0.0.1]:" + str(door.ports[0]) + " = demo:SECRETPIN23 } }",
            "smtp_sasl_security_options = noanonymous",
        )
        async with open_postfix({"sms.example": door.ports[0]}, *login) as postfix:
            await postfix.send("ops@client.example", ["46701740605@sms.example"], MAIL)
            await eventually(lambda: "status=" in postfix.log, timeout_s=30)
            if "no mechanism available" in postfix.log:
                pytest.skip("Postfix cannot log in: apt-get install libsasl2-modules")
            assert "status=sent" in postfix.log
        assert len(await house.messages()) == 1
