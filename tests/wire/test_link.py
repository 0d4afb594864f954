"""A link against the simulated SMSC through a real socket, with a real ledger behind it."""

import asyncio
import contextlib
import ssl
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Coding
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import monotonic_ms
from bridge.simulator.script import Behaviour, Script
from bridge.smpp import pdus
from bridge.smpp.codec import encode
from bridge.smpp.constants import CommandId, Status
from bridge.smpp.session import NEED_DATA, Requested, Role, Session, State
from bridge.smpp_out import outcome, receiver, sender
from bridge.smpp_out.link import LinkState
from tests.packaging.certificate import make_certificate
from tests.support import asyncio_test, eventually, free_port
from tests.wire.link_bench import CREDIT_MC, PRICE_MC, Bench, bench
from tests.wire.raw_smsc import Asked, accepting, raw_smsc


def numbers(count: int) -> list[str]:
    return [f"4477009002{n:02d}" for n in range(count)]


@asyncio_test
async def test_a_part_goes_out_and_its_receipt_comes_back(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.bound()
        (message,) = await b.queue("447700900123")
        await b.reach([message], delivered=1)
        (part,) = await b.parts(message)
        (entry,) = b.smsc.journal
        assert part["smsc_id"] == entry.message_id
        assert entry.text == "hello"
        assert entry.pdu.source_addr == "Shop"
        assert [status for _, status in b.smsc.answers] == [0]


@asyncio_test
async def test_what_waits_before_the_link_is_bound_goes_out_after_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        messages = await b.queue(*numbers(30))
        await b.bound(window=7)
        await b.reach(messages, delivered=30)
        assert set(b.submitted_to().values()) == {1}


@asyncio_test
async def test_a_long_message_keeps_its_parts_together(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.bound()
        (message,) = await b.queue("447700900123", texts=("Привет ", "мир"), coding=Coding.UCS2)
        await b.reach([message], delivered=2)
        headers = [entry.pdu.short_message[:6] for entry in b.smsc.journal]
        assert [header[:3].hex() for header in headers] == ["050003"] * 2
        assert {header[3] for header in headers} == {headers[0][3]}
        assert [(header[4], header[5]) for header in headers] == [(2, 1), (2, 2)]
        assert [entry.text for entry in b.smsc.journal] == ["Привет ", "мир"]


@asyncio_test
async def test_the_window_is_filled_and_never_exceeded(tmp_path: Path) -> None:
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        messages = await b.queue(*numbers(40))
        loop = asyncio.get_running_loop()
        smsc.on_request = lambda asked: loop.call_later(0.02, accepting, asked)
        link = await b.bound(port=smsc.port, window=5)
        await b.reach(messages, submitted=40)
        assert smsc.sessions[0].unanswered_max == 5
        await link.stop()


@asyncio_test
async def test_a_window_wider_than_one_claim_is_filled_without_waiting_for_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim gives 500 parts at most; fewer than there is room for does not mean that the queue is empty."""
    monkeypatch.setattr(sender, "POLL_S", 3600.0)
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        await b.queue(*[f"4670174{n:04d}" for n in range(700)])
        link = await b.bound(port=smsc.port, window=700)
        await smsc.submitted(700)
        for asked in smsc.submits:
            accepting(asked)
        await link.stop()


@asyncio_test
async def test_answers_in_any_order_find_their_parts(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.smsc.script.then([Behaviour(answer_delay_ms=10 * (9 - n)) for n in range(8)])
        messages = await b.queue(*numbers(8))
        await b.bound()
        await b.reach(messages, delivered=8)
        given = {entry.pdu.destination_addr: entry.message_id for entry in b.smsc.journal}
        kept = [(await b.parts(message))[0]["smsc_id"] for message in messages]
        assert kept == [given[number] for number in numbers(8)]


@asyncio_test
async def test_the_configured_pace_is_kept(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        messages = await b.queue(*numbers(25))
        await b.bound(window=100, parts_per_second=50)
        await b.reach(messages, delivered=25)
        times = [entry.at_ms for entry in b.smsc.journal]
        # 50/s with a burst of 5: the 20 parts after the burst need 400 ms, less the clock's grain.
        assert times[-1] - times[0] >= 390


@asyncio_test
async def test_throttling_slows_the_link_and_loses_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        link = await b.bound()
        (message,) = await b.queue("447700901004")
        await eventually(lambda: link.state is LinkState.THROTTLED)
        assert "throttled by the carrier" in link.waiting_reason()
        await b.reach([message], delivered=1)
        assert [entry.status for entry in b.smsc.journal] == [Status.RTHROTTLED, Status.RTHROTTLED, 0]
        assert "deferred" in await b.events(message)
        assert await b.balance_mc() == CREDIT_MC - PRICE_MC


@asyncio_test
async def test_throttled_tries_do_not_count_against_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After six of them a code that nobody knows is met for the first time: tried again soon, and not refused."""
    monkeypatch.setattr(outcome, "THROTTLED_DELAY_MS", 1)
    monkeypatch.setattr(sender, "POLL_S", 0.02)
    statuses = iter([Status.RTHROTTLED] * 6 + [0x401])

    def on_request(asked: Asked) -> None:
        asked.answer(pdus.SubmitSmResp(status=next(statuses)))

    async with raw_smsc(on_request=on_request) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, parts_per_second=1000)
        (message,) = await b.queue("46701740605")
        await smsc.submitted(7)
        await eventually(lambda: link.status()["deferred"] == 7)
        await b.reach([message], queued=1)
        (part,) = await b.parts(message)
        assert part["attempt"] == 7, "they are shown all the same"
        assert part["next_action_at_ms"] - part["claimed_at_ms"] < 10_000, "the first step of the ladder"
        await link.stop()


@asyncio_test
async def test_a_refused_part_is_rejected_and_refunded(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.bound()
        messages = await b.queue("447700901003", "447700900123")
        await b.reach(messages, rejected=1, delivered=1)
        (part,) = await b.parts(messages[0])
        assert part["command_status"] == Status.RINVDSTADR
        assert "refused the recipient" in part["waiting_for"]
        assert await b.balance_mc() == CREDIT_MC - PRICE_MC


@asyncio_test
async def test_a_part_that_cannot_be_written_does_not_stop_those_behind_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        (bad,) = await b.queue("447700900111", originator="x" * 40)
        (good,) = await b.queue("447700900112")
        link = await b.bound()
        await b.reach([bad, good], rejected=1, delivered=1)
        (part,) = await b.parts(bad)
        assert part["state"] == "rejected"
        assert "cannot be sent" in part["waiting_for"]
        assert link.state is LinkState.BOUND
        assert b.smsc.bind_total == 1


@asyncio_test
async def test_an_answer_without_an_id_is_an_answer(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.smsc.script.then([Behaviour(message_id="", state=None)])
        await b.bound()
        (message,) = await b.queue("447700900123")
        await b.reach([message], submitted=1)
        assert (await b.parts(message))[0]["smsc_id"] in ("", None)


@asyncio_test
async def test_a_connection_lost_mid_window_leaves_exactly_the_unanswered_in_doubt(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.smsc.script.then([Behaviour(state=None)] * 4 + [Behaviour(drops=True, state=None)])
        messages = await b.queue(*numbers(10))
        link = await b.bound(window=10)
        await b.reach(messages, submitted=4, in_doubt=6)
        answered = {entry.pdu.destination_addr for entry in list(b.smsc.journal)[:4]}
        for number, message in zip(numbers(10), messages, strict=True):
            (part,) = await b.parts(message)
            assert (part["state"] == "submitted") == (number in answered)
            if part["state"] == "in_doubt":
                assert "no answer before the link was lost" in part["waiting_for"]
                assert part["next_action_at_ms"] > 0
        await eventually(lambda: link.state is LinkState.BOUND)
        later = await b.queue("447700900999")
        await b.reach(later, delivered=1)
        assert all(count == 1 for count in b.submitted_to().values()), "nothing in doubt is sent again by the link"


@asyncio_test
async def test_a_loss_at_every_octet_of_an_answer_is_a_doubt_and_the_whole_answer_is_none(tmp_path: Path) -> None:
    answer_size = len(encode(pdus.SubmitSmResp(message_id="0A1B2C3D"), 1))
    cuts = iter(range(answer_size + 1))

    async def cutting_smsc(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Binds, takes one part, answers with so many octets of an answer, and is gone."""
        session = Session(Role.SMSC, window_max=1, now_ms=monotonic_ms())
        while data := await reader.read(65_536):
            session.receive_data(data, monotonic_ms())
            while (event := session.next_event()) is not NEED_DATA:
                if isinstance(event, Requested) and isinstance(event.pdu, pdus.BindTransceiver):
                    writer.write(session.respond(event.sequence, pdus.BindTransceiverResp()))
                elif isinstance(event, Requested):
                    octets = session.respond(event.sequence, pdus.SubmitSmResp(message_id="0A1B2C3D"))
                    writer.write(octets[: next(cuts)])
                    writer.close()
                    return

    server = await asyncio.start_server(cutting_smsc, "127.0.0.1", 0)
    async with bench(tmp_path) as b, server:
        await b.bound(port=server.sockets[0].getsockname()[1], window=1)
        for _ in range(answer_size):
            message = await b.queue("447700900123")
            await b.reach(message, in_doubt=1)
        message = await b.queue("447700900123")
        await b.reach(message, submitted=1)
        await b.links[0].stop()


class Gated(LedgerClient):
    """The real ledger, whose answers to a link can be held back, or turned into a refusal."""

    claim_gate: asyncio.Event | None = None
    receive_gate: asyncio.Event | None = None
    settle_gate: asyncio.Event | None = None
    claim_faults = 0
    receive_faults = 0
    settle_faults = 0

    async def claim_when_due(self, link, count_max, wait_s, *rates):  # type: ignore[no-untyped-def]
        if self.claim_faults:
            self.claim_faults -= 1
            raise Fault(FaultCode.TRY_LATER)
        parts = await super().claim_when_due(link, count_max, wait_s, *rates)
        if self.claim_gate is not None and parts:
            await self.claim_gate.wait()
        return parts

    async def receive(self, link, arrivals, now_ms):  # type: ignore[no-untyped-def]
        if self.receive_gate is not None:
            await self.receive_gate.wait()
        if self.receive_faults:
            self.receive_faults -= 1
            raise Fault(FaultCode.TRY_LATER)
        await super().receive(link, arrivals, now_ms)

    async def settle(self, link, outcomes):  # type: ignore[no-untyped-def]
        if self.settle_gate is not None:
            await self.settle_gate.wait()
        if self.settle_faults:
            self.settle_faults -= 1
            raise Fault(FaultCode.QUEUE_FULL)
        await super().settle(link, outcomes)


@asyncio_test
async def test_a_part_that_was_claimed_and_not_written_goes_back_to_the_queue(tmp_path: Path) -> None:
    async with bench(tmp_path, Gated) as b:
        link = await b.bound()
        b.ledger.claim_gate = asyncio.Event()
        (message,) = await b.queue("447700900123")
        await b.reach([message], claimed=1)
        b.smsc.reset_all()
        await eventually(lambda: b.smsc.bind_total == 2)
        await eventually(lambda: link.state is LinkState.BOUND)
        b.ledger.claim_gate.set()
        b.ledger.claim_gate = None
        await b.reach([message], delivered=1)
        (part,) = await b.parts(message)
        assert part["attempt"] == 1
        assert not part["is_possible_duplicate"]
        assert "in_doubt" not in await b.events(message)
        assert len(b.smsc.journal) == 1


@asyncio_test
async def test_a_ledger_in_trouble_does_not_end_the_link(tmp_path: Path) -> None:
    async with bench(tmp_path, Gated) as b:
        await b.bound()
        b.ledger.claim_faults = 1
        messages = await b.queue(*numbers(3))
        await b.reach(messages, delivered=3)
        assert b.ledger.claim_faults == 0
        assert b.smsc.bind_total == 1


@asyncio_test
async def test_outcomes_are_kept_until_the_ledger_takes_them(tmp_path: Path) -> None:
    async with bench(tmp_path, Gated) as b:
        b.ledger.settle_faults = 1
        await b.bound()
        messages = await b.queue(*numbers(3))
        await b.reach(messages, delivered=3)
        assert len(b.smsc.journal) == 3


class Poisoned(LedgerClient):
    """The real ledger with a bug that one outcome and one text meet."""

    poison_part_id = 2

    async def settle(self, link, outcomes):  # type: ignore[no-untyped-def]
        if any(outcome.part_id == self.poison_part_id for outcome in outcomes):
            raise ZeroDivisionError("a bug in a verb")
        await super().settle(link, outcomes)

    async def receive(self, link, arrivals, now_ms):  # type: ignore[no-untyped-def]
        if any(getattr(arrival, "text", "") == "poison" for arrival in arrivals):
            raise ZeroDivisionError("a bug in a verb")
        await super().receive(link, arrivals, now_ms)


@asyncio_test
async def test_an_outcome_that_breaks_the_ledgers_verb_does_not_hold_up_its_neighbours(tmp_path: Path) -> None:
    async with bench(tmp_path, Poisoned) as b:
        messages = await b.queue(*numbers(5))
        await b.bound()
        await b.reach(messages, delivered=4, claimed=1)
        later = await b.queue(*numbers(3))
        await b.reach(later, delivered=3)


@asyncio_test
async def test_an_arrival_that_breaks_the_ledgers_verb_does_not_hold_up_its_neighbours(tmp_path: Path) -> None:
    async with bench(tmp_path, Poisoned) as b:
        await b.ledger.do("number_add", number="447700900001", account="demo", mail="a@example.com", now_ms=1)
        link = await b.bound()
        texts = ("one", "poison", "two")
        sending = [asyncio.create_task(b.smsc.send_inbound("447700900555", "447700900001", text)) for text in texts]
        # The poisonous one is asked for again and again: what counts is that each has had an answer.
        await eventually(lambda: len({pdu.short_message for pdu, _ in b.smsc.answers}) == len(texts))
        assert {pdu.short_message: status for pdu, status in b.smsc.answers} == {
            b"one": 0,
            b"two": 0,
            b"poison": Status.RX_T_APPN,
        }
        await eventually(lambda: link.status()["inbound"] == 2)
        sending[1].cancel()
        await asyncio.gather(*sending, return_exceptions=True)


@asyncio_test
async def test_an_inbound_text_is_answered_only_after_it_is_stored(tmp_path: Path) -> None:
    async with bench(tmp_path, Gated) as b:
        await b.ledger.do("number_add", number="447700900001", account="demo", mail="a@example.com", now_ms=1)
        await b.bound()
        b.ledger.receive_gate = asyncio.Event()
        sending = asyncio.create_task(b.smsc.send_inbound("447700900555", "447700900001", "hello there"))
        await eventually(lambda: b.links[0]._receiver._arrivals.count == 1)
        await asyncio.sleep(0.05)
        assert not b.smsc.answers, "acknowledged before it was stored"
        b.ledger.receive_gate.set()
        assert await sending == [0]
        (notice,) = await b.ledger.claim_notices(10, 1 << 60)
        assert (notice.kind, notice.inbound.text) == ("inbound", "hello there")


@asyncio_test
async def test_an_arrival_that_the_ledger_refuses_is_asked_for_again(tmp_path: Path) -> None:
    async with bench(tmp_path, Gated) as b:
        await b.ledger.do("number_add", number="447700900001", account="demo", mail="a@example.com", now_ms=1)
        link = await b.bound()
        b.ledger.receive_faults = 1
        assert await b.smsc.send_inbound("447700900555", "447700900001", "again") == [0]
        assert [status for _, status in b.smsc.answers] == [Status.RX_T_APPN, 0]
        assert len(await b.ledger.claim_notices(10, 1 << 60)) == 1
        assert (link.status()["put_off"], link.status()["inbound"]) == (1, 1)


@asyncio_test
async def test_more_arrivals_than_memory_is_set_aside_for_are_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "WAITING_MAX", 2)
    async with bench(tmp_path, Gated) as b:
        await b.ledger.do("number_add", number="447700900001", account="demo", mail="a@example.com", now_ms=1)
        await b.bound()
        gate = b.ledger.receive_gate = asyncio.Event()
        sending = [asyncio.create_task(b.smsc.send_inbound("447700900555", "447700900001", str(n))) for n in range(5)]
        await eventually(lambda: len(b.smsc.answers) == 3)
        assert {status for _, status in b.smsc.answers} == {Status.RX_T_APPN}
        gate.set()
        assert await asyncio.gather(*sending) == [[0]] * 5
        assert len(await b.ledger.claim_notices(10, 1 << 60)) == 5


@asyncio_test
async def test_a_receipt_before_the_answer_is_applied(tmp_path: Path) -> None:
    """The ledger learns of the receipt first, whatever else is going on: the answer is held back until then."""
    async with bench(tmp_path, Gated) as b:
        b.ledger.settle_gate = asyncio.Event()
        link = await b.bound()
        (message,) = await b.queue("447700901006")
        await eventually(lambda: link.status()["receipts"] == 1)
        assert await b.states([message]) == {"claimed": 1}
        assert (await b.ledger.read("unfinished"))["parked"] == 1
        b.ledger.settle_gate.set()
        await b.reach([message], delivered=1)


@asyncio_test
async def test_a_receipt_in_another_spelling_is_applied(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.bound()
        (message,) = await b.queue("447700901008")
        await b.reach([message], delivered=1)
        (part,) = await b.parts(message)
        (receipt,) = [pdu for pdu, _ in b.smsc.answers]
        assert part["smsc_id"].encode() not in receipt.short_message, "it was spelled otherwise"


@asyncio_test
async def test_a_receipt_that_comes_twice_changes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        link = await b.bound()
        (message,) = await b.queue("447700901009")
        await eventually(lambda: link.status()["receipts"] == 2)
        assert await b.states([message]) == {"delivered": 1}
        assert [status for _, status in b.smsc.answers] == [0, 0]


@asyncio_test
async def test_failures_are_told_apart(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.bound()
        messages = await b.queue("447700901001", "447700901002")
        await b.reach(messages, undeliverable=1, expired=1)


@asyncio_test
async def test_a_part_that_is_never_answered_is_in_doubt_and_stays_so(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        link = await b.bound(response_timeout_s=1, window=2)
        doubtful = await b.queue("447700901005")
        await b.reach(doubtful, in_doubt=1)
        others = await b.queue(*numbers(6))
        await b.reach(others, delivered=6)
        assert link.state is LinkState.BOUND
        assert b.submitted_to()["447700901005"] == 1


@asyncio_test
async def test_a_late_answer_settles_the_doubt(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.smsc.script.then([Behaviour(answer_delay_ms=1_600, state=None)])
        link = await b.bound(response_timeout_s=1)
        (message,) = await b.queue("447700900123")
        await b.reach([message], in_doubt=1)
        await b.reach([message], submitted=1)
        (part,) = await b.parts(message)
        assert part["smsc_id"] == b.smsc.journal[0].message_id
        assert link.status()["late"] == 1


@asyncio_test
async def test_an_answer_that_waits_in_the_socket_is_never_declared_missing(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        link = await b.bound(response_timeout_s=1)
        loop = asyncio.get_running_loop()
        seen: list[int] = []

        def block_and_ring() -> None:
            # The answer is in the socket, the link has not read it, and its time is over.
            time.sleep(1.3)
            seen.append(link.status()["unanswered"])
            link._sessions[0].connection._ring()
            seen.append(link.status()["in_doubt"])

        class Blocking(Script):
            def behaviour(self, recipient: str) -> Behaviour:
                loop.call_soon(block_and_ring)
                return Behaviour()

        b.smsc.script = Blocking()
        (message,) = await b.queue("447700900123")
        await b.reach([message], delivered=1)
        assert seen == [1, 0]
        assert "in_doubt" not in await b.events(message)


@asyncio_test
async def test_the_link_comes_up_when_the_smsc_does(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        port = free_port()
        link = b.link(port=port)
        await link.start()
        (message,) = await b.queue("447700900123")
        await eventually(lambda: link.state is LinkState.LOST)
        status = link.status()
        assert "nothing listens there" in status["trouble"]
        assert status["next_try_at_ms"] > 0
        assert "is not connected to 127.0.0.1" in link.waiting_reason()
        assert await b.states([message]) == {"queued": 1}, "nothing is claimed while no session is bound"
        await b.smsc.stop()
        b.smsc.settings = b.smsc.settings.model_copy(update={"port": port})
        await b.smsc.start()
        await b.reach([message], delivered=1)
        assert link.status()["trouble"] == ""


@asyncio_test
async def test_a_wrong_password_is_tried_once_and_said_aloud(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with bench(tmp_path) as b:
        link = b.link(password="wrong")
        await link.start()
        await eventually(lambda: link.state is LinkState.LOST)
        status = link.status()
        assert "ESME_RINVPASWD" in status["trouble"]
        assert status["next_try_at_ms"] - status["since_ms"] > 290_000
        await asyncio.sleep(0.5)  # Several steps of the quick ladder, had it been used.
        assert b.smsc.bind_total == 1
        output = capsys.readouterr().out
        assert "link credentials refused" in output
        assert "wrong" not in output.replace("wrongly", "")


@asyncio_test
async def test_another_refusal_of_the_bind_climbs_the_ladder(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.smsc.bind_status = Status.RBINDFAIL
        link = b.link()
        await link.start()
        await eventually(lambda: b.smsc.bind_total >= 3)
        assert link.state in (LinkState.LOST, LinkState.STARTING, LinkState.BINDING)
        b.smsc.bind_status = 0
        await eventually(lambda: link.state is LinkState.BOUND)


@asyncio_test
async def test_an_unbind_by_the_smsc_is_answered_and_followed_by_a_new_bind(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        link = await b.bound()
        b.smsc.unbind_all()
        await eventually(lambda: b.smsc.bind_total == 2)
        await eventually(lambda: link.state is LinkState.BOUND)
        messages = await b.queue(*numbers(3))
        await b.reach(messages, delivered=3)


@asyncio_test
async def test_what_the_smsc_answers_after_its_unbind_is_heard(tmp_path: Path) -> None:
    """One that stops in good order unbinds first and answers the rest of the window then."""
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, window=5)
        messages = await b.queue(*numbers(2))
        asked = await smsc.submitted(2)
        leaving = smsc.sessions[0]
        leaving.write(leaving.session.send(pdus.Unbind(), now_ms=monotonic_ms()))
        await eventually(lambda: leaving.session.state is State.UNBOUND)
        for number, one in enumerate(asked):
            leaving.write(encode(pdus.SubmitSmResp(message_id=str(number)), one.sequence))
        await b.reach(messages, submitted=2)
        await eventually(lambda: len(smsc.binds) == 2 and link.state is LinkState.BOUND)
        assert link.status()["in_doubt"] == 0
        await link.stop()


@asyncio_test
async def test_a_bind_that_is_never_answered_is_given_up(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.smsc.is_mute = True
        link = b.link(bind_timeout_s=1)
        await link.start()
        await eventually(lambda: "not bound within 1 s" in link.status()["trouble"])


@asyncio_test
async def test_a_peer_that_falls_silent_is_found_out(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        link = await b.bound(enquire_link_s=1, response_timeout_s=1)
        await asyncio.sleep(1.5)
        assert link.state is LinkState.BOUND, "a peer that answers enquire_link is alive"
        b.smsc.is_mute = True
        await eventually(lambda: link.state is not LinkState.BOUND)
        assert "enquire_link was not answered" in link.status()["trouble"]


@asyncio_test
async def test_a_session_that_says_it_is_not_bound_is_bound_anew(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.smsc.script.then([Behaviour(status=Status.RINVBNDSTS)])
        link = await b.bound()
        (message,) = await b.queue("447700900123")
        await eventually(lambda: b.smsc.bind_total == 2)
        await eventually(lambda: link.state is LinkState.BOUND)
        assert await b.states([message]) == {"queued": 1}
        assert "deferred" in await b.events(message)


@asyncio_test
async def test_a_clean_stop_waits_for_the_answers_and_leaves_nothing_in_doubt(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.smsc.script.default = Behaviour(answer_delay_ms=300, state=None)
        link = await b.bound(window=10)
        messages = await b.queue(*numbers(25))
        await eventually(lambda: len(b.smsc.journal) == 10)
        await link.stop()
        states = await b.states(messages)
        assert states == {"submitted": 10, "queued": 15}
        assert link.state is LinkState.STOPPED
        await eventually(lambda: not b.smsc.connections)


@asyncio_test
async def test_a_stop_while_the_smsc_is_away_does_not_hang(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        link = b.link(port=free_port())
        await link.start()
        await eventually(lambda: link.state is LinkState.LOST)
        await link.stop()
        assert link.state is LinkState.STOPPED


@asyncio_test
async def test_a_stop_just_before_a_claim_does_not_wait_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "POLL_S", 60.0)
    async with bench(tmp_path) as b:
        link = await b.bound()
        stopping: list[asyncio.Task[None]] = []
        told = sender.Sender.told

        async def stop_meanwhile(one: sender.Sender) -> None:
            await told(one)
            stopping.append(asyncio.create_task(link.stop()))
            while not one._is_stopping:
                await asyncio.sleep(0)

        monkeypatch.setattr(sender.Sender, "told", stop_meanwhile)
        b.ledger.wake_link(link.settings.name)
        await eventually(lambda: bool(stopping))
        await asyncio.wait_for(stopping[0], 10)


@asyncio_test
async def test_a_stop_puts_back_what_was_claimed_and_not_written(tmp_path: Path) -> None:
    async with bench(tmp_path, Gated) as b:
        link = await b.bound()
        gate = b.ledger.claim_gate = asyncio.Event()
        (message,) = await b.queue("447700900123")
        await b.reach([message], claimed=1)
        stopping = asyncio.create_task(link.stop())
        await asyncio.sleep(0)
        gate.set()
        await stopping
        assert await b.states([message]) == {"queued": 1}
        assert not b.smsc.journal


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "TLS"),
        (b"220 mail.example.com ESMTP\r\n", "SMTP"),
        (b"* OK IMAP4rev1 ready\r\n", "command_length"),
        (b"", "the peer closed the connection before the bind was answered"),
    ],
)
@asyncio_test
async def test_a_stranger_is_named(tmp_path: Path, answer: bytes, words: str) -> None:
    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(16)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(stranger, "127.0.0.1", 0)
    async with bench(tmp_path) as b, server:
        link = b.link(port=server.sockets[0].getsockname()[1])
        await link.start()
        await eventually(lambda: words in link.status()["trouble"])
        assert link.state is not LinkState.BOUND
        await link.stop()


@asynccontextmanager
async def behind_tls(b: Bench, folder: Path) -> AsyncIterator[int]:
    """The simulator behind TLS: gives the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make_certificate(folder))

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", b.smsc.port)
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asyncio_test
async def test_tls_with_the_carriers_own_authority(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, behind_tls(b, tmp_path) as port:
        link = await b.bound(port=port, tls=True, host="localhost", ca_file=tmp_path / "certificate.pem")
        messages = await b.queue(*numbers(3))
        await b.reach(messages, delivered=3)
        await link.stop()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tls": True, "host": "localhost"}, "certificate verify failed"),
        ({"tls": False}, "before the bind was answered"),
    ],
    ids=["an authority that is not trusted", "no TLS where TLS is wanted"],
)
@asyncio_test
async def test_tls_that_fails_says_why(tmp_path: Path, settings: dict[str, object], words: str) -> None:
    async with bench(tmp_path) as b, behind_tls(b, tmp_path) as port:
        link = b.link(port=port, **settings)
        await link.start()
        await eventually(lambda: words in link.status()["trouble"])
        assert b.smsc.bind_total == 0
        await link.stop()


@asyncio_test
async def test_tls_towards_a_plain_smsc_fails(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        link = b.link(tls=True)
        await link.start()
        await eventually(lambda: "TLS failed" in link.status()["trouble"])
        assert b.smsc.bind_total == 0


@asyncio_test
async def test_a_password_file_that_is_gone_is_named(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        file = tmp_path / "password"
        file.write_text("simulate\n")
        link = await b.bound(password=None, password_file=file)
        file.unlink()
        b.smsc.reset_all()
        await eventually(lambda: "password cannot be read" in link.status()["trouble"])
        file.write_text("simulate\n")
        await eventually(lambda: link.state is LinkState.BOUND)


@asyncio_test
async def test_a_storm_of_everything_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    ok, refused, throttled = Behaviour(), Behaviour(status=Status.RINVDSTADR), Behaviour(status=Status.RTHROTTLED)
    silent, dropping = Behaviour(is_silent=True, state=None), Behaviour(drops=True, state=None)
    storm = [ok, ok, refused, throttled, ok, silent, ok, dropping, Behaviour(answer_delay_ms=30), ok] * 6
    async with bench(tmp_path) as b:
        b.smsc.script.then(storm)
        recipients = [f"44770091{n:04d}" for n in range(2000, 2060)]
        messages = await b.queue(*recipients)
        await b.bound(window=10, response_timeout_s=1, parts_per_second=200)
        await b.until(messages, lambda states: not states["queued"] and not states["claimed"] and bool(states), 60)
        states = await b.states(messages)
        assert sum(states.values()) == 60
        assert states["rejected"] == 6
        await b.until(messages, lambda states: not states["submitted"])
        states = await b.states(messages)
        assert set(states) <= {"delivered", "rejected", "in_doubt"}
        taken = b.submitted_to()
        assert all(count == 1 for count in taken.values()), "sent again without being asked to"
        assert await b.balance_mc() == CREDIT_MC - PRICE_MC * (60 - states["rejected"])
        assert states["in_doubt"] >= 6


async def refusing_bound_smsc(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An SMSC that accepts the bind and then says of every part, slowly, that we are not bound."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            length, command_id, _, sequence = struct.unpack(">IIII", await reader.readexactly(16))
            await reader.readexactly(length - 16)
            if command_id == CommandId.BIND_TRANSCEIVER:
                writer.write(encode(pdus.BindTransceiverResp(), sequence))
            elif command_id == CommandId.SUBMIT_SM:
                await asyncio.sleep(0.005)
                writer.write(encode(pdus.SubmitSmResp(status=Status.RINVBNDSTS), sequence))
    writer.close()


@asyncio_test
async def test_an_smsc_that_lost_our_bind_is_heard_out(tmp_path: Path) -> None:
    """Each of its refusals is definite: none of the window may end in doubt, for that would send it twice."""
    server = await asyncio.start_server(refusing_bound_smsc, "127.0.0.1", 0)
    async with bench(tmp_path) as made:
        ids = await made.queue(*[f"4670174{n:04d}" for n in range(10)])
        link = await made.bound(window=10, port=server.sockets[0].getsockname()[1], in_doubt_hold_s=600)
        await eventually(lambda: link.status()["deferred"] >= 10)
        await made.reach(ids, queued=10)
        assert link.status()["in_doubt"] == 0
    server.close()
