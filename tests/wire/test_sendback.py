"""Reports and inbound messages on their way through a relay, over a real ledger and real sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.inbound_mail import service
from bridge.inbound_mail.service import SendbackService
from bridge.inbound_mail.settings import RelaySettings
from bridge.ledger import bells
from bridge.ledger.outbox import NoticeOutcome
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.inbound import InboundPart
from bridge.messages.message import MailThread, Outcome, OutcomeKind, PartState, Submission
from bridge.messages.receipt import Receipt
from bridge.routing.retry import MAIL_AGE_MAX_MS
from bridge.runtime.loop import now_ms
from tests.house import LINK, House, open_house
from tests.support import asyncio_test, eventually, free_port
from tests.wire.scripted_relay import ScriptedRelay, open_relay
from tests.wire.test_web_tls import write_certificate

THREAD = MailThread("ops@example.com", "<3@example.com>", "<1@example.com>", "Larm")


class Later:
    """A clock that is put forward by hand."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return now_ms() + self.ahead_ms


class Setup:
    """A house with an account, and the way back through a relay."""

    def __init__(self, house: House, sendback: SendbackService, clock: Later) -> None:
        self.house = house
        self.sendback = sendback
        self.clock = clock
        self.ids: list[str] = []

    async def finish(self, count: int = 1, state: PartState = PartState.DELIVERED, **thread: str) -> None:
        """Let messages come in by mail, go out, and get their receipts: each owes one report."""
        identity = await self.house.identity("demo", "SECRETPIN23")
        answer = MailThread(thread.get("reply_to", THREAD.reply_to), *("<3@example.com>", "<1@example.com>", "Larm"))
        submissions = [Submission("smtp", f"467017{n:05}", "Pump 3 stopped", thread=answer) for n in range(count)]
        self.ids += [one.message_id for one in await self.house.door.submit(identity, submissions)]
        parts = await self.house.ledger.claim(LINK, count, now_ms())
        outcomes = [
            Outcome(part.part_id, OutcomeKind.SUBMITTED, now_ms(), smsc_id=f"A{part.part_id}") for part in parts
        ]
        await self.house.ledger.settle(LINK, outcomes)
        receipts = [Receipt(outcome.smsc_id, state, "000", now_ms() // 60_000 * 60_000) for outcome in outcomes]
        await self.house.ledger.receive(LINK, list(receipts), now_ms())

    async def notice(self, which: int = 0) -> dict[str, Any]:
        """The one notice of a message, as `message show` tells it."""
        shown = await self.house.ledger.read("message_show", message_id=self.ids[which])
        (notice,) = shown["notices"]
        return dict(notice)

    async def until(self, state: str, attempt: int = 1, which: int = 0) -> dict[str, Any]:
        """Wait until the notice is in a state after an attempt."""
        async with asyncio.timeout(10):
            while True:
                notice = await self.notice(which)
                if notice["state"] == state and notice["attempt"] >= attempt:
                    return notice
                await asyncio.sleep(0.01)

    def move_on(self, ms: int) -> None:
        """Put the clock forward and let the service look."""
        self.clock.ahead_ms += ms
        self.house.ledger.worker.ring(bells.NOTICES)


@asynccontextmanager
async def open_setup(folder: Path, port: int, **settings: Any) -> AsyncIterator[Setup]:
    clock = Later()
    async with open_house(folder) as house:
        if not await house.ledger.read("account_list"):
            await house.add_account("demo", pin="SECRETPIN23")
        relay = RelaySettings(port=port, **{"timeout_s": 5, **settings})
        sendback = SendbackService(relay, "sms.example", house.ledger, clock)
        await house.ledger.do("recover", now_ms=now_ms(), hold_ms=1000)
        await sendback.start()
        try:
            yield Setup(house, sendback, clock)
        finally:
            await sendback.stop()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that is down is asked again at once: tests have no ten seconds."""
    monkeypatch.setattr(service, "TROUBLE_WAIT_S", 0.05)
    monkeypatch.setattr(service, "POLL_S", 0.05)


def envelope_of(relay: ScriptedRelay) -> list[tuple[str, str]]:
    return [(sender, recipient) for sender, recipient, _ in relay.mails]


@asyncio_test
async def test_a_receipt_becomes_a_report_in_the_thread_with_no_sender_to_answer(tmp_path: Path) -> None:
    async with open_relay() as relay, open_setup(tmp_path, relay.port) as setup:
        await setup.finish()
        await setup.until("done")
        assert envelope_of(relay) == [("<>", "ops@example.com")]
        (mail,) = relay.taken
        assert mail["Subject"] == "Re: Larm"
        assert mail["In-Reply-To"] == "<3@example.com>"
        assert mail["References"] == "<1@example.com> <3@example.com>"
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["From"].addresses[0].addr_spec == "sms@sms.example"
        said = " ".join(mail.get_content().split())
        assert said.startswith("Your message to +46701700000 was delivered to the handset at 20")
        assert setup.ids[0] in said


@asyncio_test
async def test_an_inbound_message_is_mailed_to_the_owner_of_the_number(tmp_path: Path) -> None:
    async with open_relay() as relay, open_setup(tmp_path, relay.port, sender="texts@example.com") as setup:
        await setup.house.ledger.do(
            "number_add", number="46730000001", account="demo", mail="owner@example.com", now_ms=now_ms()
        )
        await setup.house.ledger.receive(LINK, [InboundPart("46701740605", "46730000001", "Käse\r\nBcc: x")], now_ms())
        await eventually(lambda: relay.taken)
        assert envelope_of(relay) == [("<>", "owner@example.com")]
        (mail,) = relay.taken
        assert mail["From"].addresses[0].addr_spec == "texts@example.com"
        assert mail["Subject"] == "SMS from +46701740605 to +46730000001"
        assert mail["Bcc"] is None
        assert mail.get_content().replace("\r\n", "\n").startswith("Käse\nBcc: x\n\n  From")


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@asyncio_test
async def test_a_temporary_no_is_tried_again_on_the_ladder_with_the_same_message_id(
    tmp_path: Path, command: str
) -> None:
    async with open_relay() as relay, open_setup(tmp_path, relay.port) as setup:
        relay.answers[command] = ["451 4.3.0 not now", "421 4.3.2 going down"]
        await setup.finish()
        waiting = await setup.until("owed")
        assert "451 4.3.0 not now" in waiting["reason"]
        assert 40_000 < waiting["next_action_at_ms"] - now_ms() < 80_000, "a minute, more or less"
        setup.move_on(90_000)
        waiting = await setup.until("owed", 2)
        assert 230_000 < waiting["next_action_at_ms"] - setup.clock() < 370_000, "then five"
        setup.move_on(400_000)
        assert (await setup.until("done", 3))["reason"] == ""
        assert len({mail["Message-ID"] for _, _, mail in relay.mails}) == 1
        assert len({mail["Date"] for _, _, mail in relay.mails}) == 1
        assert len(relay.taken) == 1


@pytest.mark.parametrize("trouble", ["hang", "drop"])
@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@asyncio_test
async def test_an_answer_that_never_comes_says_nothing_and_the_mail_goes_again(
    tmp_path: Path, command: str, trouble: str
) -> None:
    async with open_relay() as relay, open_setup(tmp_path, relay.port, timeout_s=0.3) as setup:
        relay.answers[command] = [trouble]
        await setup.finish()
        assert "the relay did not answer" in (await setup.until("owed"))["reason"]
        setup.move_on(90_000)
        await setup.until("done", 2)
        assert len({mail["Message-ID"] for _, _, mail in relay.mails}) == 1


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
@asyncio_test
async def test_a_final_no_is_given_up_and_the_next_mail_goes(tmp_path: Path, command: str) -> None:
    async with open_relay() as relay, open_setup(tmp_path, relay.port, concurrency=1) as setup:
        relay.answers[command] = ["550 5.1.1 no such mailbox"]
        with capture_logs() as logs:
            await setup.finish(2)
            notices = [await setup.until(state, which=n) for n, state in enumerate(("given_up", "done"))]
        assert "550 5.1.1 no such mailbox" in notices[0]["reason"]
        (line,) = [line for line in logs if line["event"] == "mail given up"]
        assert line["message"] == setup.ids[0]
        assert "ops" not in str(line)
        assert relay.connections == 1, "a refusal does not cost the connection"


@asyncio_test
async def test_a_relay_that_is_down_for_a_while_loses_nothing(tmp_path: Path) -> None:
    port = free_port()
    async with open_setup(tmp_path, port) as setup:
        await setup.finish(5)
        for n in range(5):
            assert "the relay cannot be used" in (await setup.until("owed", which=n))["reason"]
        async with open_relay(port=port) as relay:
            setup.move_on(90_000)
            for n in range(5):
                await setup.until("done", 2, which=n)
            assert len({mail["Message-ID"] for mail in relay.taken}) == 5


@asyncio_test
async def test_after_five_days_a_mail_is_given_up(tmp_path: Path) -> None:
    async with open_setup(tmp_path, free_port()) as setup:
        await setup.finish()
        await setup.until("owed")
        setup.move_on(MAIL_AGE_MAX_MS - 100_000)
        await setup.until("given_up", 2)


@asyncio_test
async def test_a_mail_that_was_being_sent_when_the_appliance_died_goes_again_as_the_same_mail(tmp_path: Path) -> None:
    async with open_relay() as relay:
        async with open_setup(tmp_path, relay.port) as setup:
            await setup.sendback.stop()
            await setup.finish()
            (claimed,) = await setup.house.ledger.claim_notices(10, now_ms())  # and nobody ever settles it
            ids = setup.ids
        assert relay.mails == []
        async with open_setup(tmp_path, relay.port) as setup:
            setup.ids = ids
            await setup.until("done", 2)
        (mail,) = relay.taken
        from bridge.mail.compose import message_id_of

        assert mail["Message-ID"] == f"<{message_id_of(claimed.key)}@sms.example>"


@asyncio_test
async def test_a_stop_finishes_the_mails_on_the_wire(tmp_path: Path) -> None:
    async with open_relay() as relay, open_setup(tmp_path, relay.port) as setup:
        relay.hold = asyncio.Event()
        await setup.finish()
        await eventually(lambda: relay.mails)
        stopping = asyncio.ensure_future(setup.sendback.stop())
        await asyncio.sleep(0)
        assert not stopping.done()
        relay.hold.set()
        await stopping
        assert (await setup.notice())["state"] == "done"


@asyncio_test
async def test_a_stop_gives_back_what_the_relay_did_not_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stayed claimed, and waited for the next start, however far that was."""
    monkeypatch.setattr(service, "STOP_TIMEOUT_S", 0.1)
    async with open_relay() as relay, open_setup(tmp_path, relay.port) as setup:
        relay.hold = asyncio.Event()
        await setup.finish()
        await eventually(lambda: relay.mails)
        await setup.sendback.stop()
        notice = await setup.notice()
        assert (notice["state"], notice["reason"]) == ("owed", "the appliance stopped before it was sent")
        relay.hold.set()


@asyncio_test
async def test_a_stop_books_what_the_relay_took_though_the_ledger_was_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STOP_TIMEOUT_S", 0.1)
    monkeypatch.setattr(service, "TROUBLE_WAIT_S", 60)
    async with open_relay() as relay, open_setup(tmp_path, relay.port) as setup:
        settle, refusals = setup.house.ledger.settle_notices, [Fault(FaultCode.TRY_LATER)]

        async def settle_later(outcomes: list[NoticeOutcome]) -> None:
            if refusals:
                raise refusals.pop()
            await settle(outcomes)

        monkeypatch.setattr(setup.house.ledger, "settle_notices", settle_later)
        await setup.finish()
        await eventually(lambda: relay.taken and not refusals)
        await setup.sendback.stop()
        assert (await setup.notice())["state"] == "done"


@asyncio_test
async def test_after_a_stop_nothing_is_claimed_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that waited in the ledger took what was owed after the stop, for nobody."""
    monkeypatch.setattr(service, "POLL_S", 60)
    async with open_relay() as relay, open_setup(tmp_path, relay.port) as setup:
        await setup.house.ledger.do("tidy", now_ms=now_ms())
        await setup.sendback.stop()
        await setup.finish()
        assert (await setup.notice())["state"] == "owed"
        assert relay.mails == []


@asyncio_test
async def test_several_mails_go_over_few_connections(tmp_path: Path) -> None:
    async with open_relay() as relay, open_setup(tmp_path, relay.port, concurrency=3) as setup:
        await setup.finish(40)
        await eventually(lambda: len(relay.taken) == 40)
        assert relay.connections <= 3
        assert relay.open_most <= 3
        for n in range(40):
            assert (await setup.until("done", which=n))["attempt"] == 1


@asyncio_test
async def test_a_slow_mail_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async with open_relay() as relay, open_setup(tmp_path, relay.port, concurrency=2, timeout_s=1) as setup:
        relay.answers["RCPT"] = ["hang"]
        await setup.finish(10)
        await eventually(lambda: len(relay.taken) == 9)


@asyncio_test
async def test_an_idle_connection_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "IDLE_S", 0.1)
    async with open_relay() as relay, open_setup(tmp_path, relay.port, concurrency=1) as setup:
        await setup.finish()
        await setup.until("done")
        await eventually(lambda: not relay.inside)
        await setup.finish()
        await setup.until("done", which=1)


@asyncio_test
async def test_a_relay_that_refuses_the_empty_sender_gets_the_discard_address(tmp_path: Path) -> None:
    async with open_relay() as relay, open_setup(tmp_path, relay.port, discard_address="void@sms.example") as setup:
        relay.refuses_empty_sender = True
        await setup.finish()
        await setup.until("done")
        assert envelope_of(relay) == [("void@sms.example", "ops@example.com")]


@asyncio_test
async def test_without_a_discard_address_such_a_mail_is_given_up(tmp_path: Path) -> None:
    async with open_relay() as relay, open_setup(tmp_path, relay.port) as setup:
        relay.refuses_empty_sender = True
        await setup.finish()
        assert "MAIL FROM:<>: 553 5.1.8" in (await setup.until("given_up"))["reason"]
        assert relay.mails == []


@pytest.mark.parametrize("address", ["jörg@example.com", "o'brien+x@example.com"])
@asyncio_test
async def test_unusual_addresses(tmp_path: Path, address: str) -> None:
    async with open_relay() as relay, open_setup(tmp_path, relay.port) as setup:
        await setup.finish(reply_to=address)
        await setup.until("done")
        assert envelope_of(relay) == [("<>", address)]


@pytest.mark.parametrize("address", ["a b@example.com", "<x>@example.com", "a@b> NOTIFY=SUCCESS", "a@b\r\nRSET"])
@asyncio_test
async def test_an_address_that_is_none_reaches_no_command_line(tmp_path: Path, address: str) -> None:
    async with open_relay() as relay, open_setup(tmp_path, relay.port) as setup:
        await setup.finish(reply_to=address)
        await setup.until("given_up")
        assert relay.mails == []


# --- login and TLS ---


@pytest.mark.parametrize(("password", "state"), [("open sesame", "done"), ("wrong", "owed")])
@asyncio_test
async def test_the_relay_may_want_a_login(tmp_path: Path, password: str, state: str) -> None:
    """A refused login is about us, not about the mail: it waits."""
    secret = tmp_path / "password"
    secret.write_text(password + "\n")
    login = {"username": "bridge", "password_file": secret}
    async with open_relay(needs_login=True) as relay, open_setup(tmp_path, relay.port, **login) as setup:
        await setup.finish()
        await setup.until(state)
        assert len(relay.taken) == (state == "done")


def server_context(folder: Path) -> ssl.SSLContext:
    write_certificate(folder, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("is_trusted", [True, False])
@asyncio_test
async def test_tls_verifies_the_relay(tmp_path: Path, tls: str, is_trusted: bool) -> None:
    context = server_context(tmp_path)
    settings = {"host": "localhost", "tls": tls, "ca_file": tmp_path / "cert.pem" if is_trusted else None}
    is_implicit = tls == "implicit"
    async with (
        open_relay(tls=context, is_implicit=is_implicit) as relay,
        open_setup(tmp_path, relay.port, **settings) as setup,
    ):
        await setup.finish()
        notice = await setup.until("done" if is_trusted else "owed")
        assert len(relay.taken) == is_trusted
        if not is_trusted:
            assert "certificate" in notice["reason"].lower()


@asyncio_test
async def test_a_relay_without_tls_gets_nothing_when_tls_is_asked_for(tmp_path: Path) -> None:
    """No silent downgrade."""
    async with open_relay() as relay, open_setup(tmp_path, relay.port, tls="starttls") as setup:
        await setup.finish()
        await setup.until("owed")
        assert relay.mails == []


@asyncio_test
async def test_a_notice_that_cannot_be_written_is_logged_and_the_others_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of ours in one mail costs that mail a delay, not the service."""
    from bridge.mail import wording

    async with open_relay() as relay, open_setup(tmp_path, relay.port) as setup:
        with monkeypatch.context() as broken, capture_logs() as logs:
            broken.setattr(wording, "_SENTENCES", {})  # the bug
            await setup.finish()
            assert "could not be written" in (await setup.until("owed"))["reason"]
        assert any(line["event"] == "mail failed" for line in logs)
        await setup.finish()
        await setup.until("done", which=1)
