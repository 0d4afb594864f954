"""What a carrier tells later, over a real socket: receipts that settle doubts, causes, spellings, queries."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from bridge.app import housekeeping
from bridge.app.housekeeping import Housekeeping
from bridge.ledger.questions import Question
from bridge.messages.message import Coding
from bridge.runtime.loop import boottime_ms, now_ms
from bridge.smpp import pdus
from bridge.smpp.constants import EsmClass, MessageState, RegisteredDelivery, Status, Tag
from bridge.smpp_out import asker
from bridge.smpp_out.link import LinkState
from tests.support import asyncio_test, eventually
from tests.wire.link_bench import CREDIT_MC, LINK, PRICE_MC, Bench, bench
from tests.wire.raw_smsc import Asked, RawSmsc, accepting, raw_smsc

HANDSET = "46701740605"


async def doubted(b: Bench, smsc: RawSmsc, *recipients: str, **facts: Any) -> tuple[list[str], list[Asked]]:
    """Messages that were written and whose connection was lost; the link is bound again."""
    messages = await b.queue(*recipients, **facts)
    taken = await smsc.submitted(len(messages))
    binds = len(smsc.binds)
    smsc.sessions[0].drop()
    await b.until(messages, lambda states: set(states) == {"in_doubt"})
    await eventually(lambda: len(smsc.binds) > binds and b.links[0].state is LinkState.BOUND)
    return messages, taken


@asyncio_test
async def test_after_a_lost_connection_receipts_settle_what_they_can_only_mean(tmp_path: Path) -> None:
    recipients = [f"4670174{n:04d}" for n in range(5)]
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, in_doubt_hold_s=600)
        messages, taken = await doubted(b, smsc, *recipients)
        for number, asked in enumerate(taken[:4]):
            smsc.deliver(smsc.receipt(asked.pdu, f"S{number}", "UNDELIV" if number == 3 else "DELIVRD"))
        await b.reach(messages, delivered=3, undeliverable=1, in_doubt=1)
        assert len(smsc.submits) == 5, "nothing was sent a second time"
        assert await b.balance_mc() == CREDIT_MC - 5 * PRICE_MC
        assert await b.events(messages[0]) == ["in_doubt", "settled_by_receipt"]
        assert {status for _, status in smsc.answers} == {Status.ROK}
        await link.stop()


@asyncio_test
async def test_a_link_that_was_down_for_longer_than_the_hold_hears_the_receipt_before_it_sends_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt can only come once the link is bound again; the part was queued by then and went out at once."""
    later_s = [0]
    monkeypatch.setattr(housekeeping, "now_ms", lambda: now_ms() + later_s[0] * 1000)
    monkeypatch.setattr(housekeeping, "boottime_ms", lambda: boottime_ms() + later_s[0] * 1000)
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, in_doubt_hold_s=60)
        keeper = Housekeeping(b.ledger, [link.settings], lambda: {LINK: link.hearing_ms})
        (message,) = await b.queue(HANDSET)
        (taken,) = await smsc.submitted(1)
        smsc.bind_status = lambda bind: Status.RBINDFAIL
        smsc.sessions[0].drop()
        await b.reach([message], in_doubt=1)
        for later_s[0] in (61, 300):
            await keeper.sweep()
        assert await b.states([message]) == {"in_doubt": 1}
        smsc.bind_status = lambda bind: 0
        await eventually(lambda: link.state is LinkState.BOUND)
        later_s[0] += 59
        await keeper.sweep()
        smsc.deliver(smsc.receipt(taken.pdu, "S1"))
        await b.reach([message], delivered=1)
        assert len(smsc.submits) == 1
        assert await b.events(message) == ["in_doubt", "settled_by_receipt"]


@asyncio_test
async def test_a_doubt_is_over_when_the_link_has_been_bound_for_the_hold_and_heard_nothing(tmp_path: Path) -> None:
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, in_doubt_hold_s=0.2)
        keeper = Housekeeping(b.ledger, [link.settings], lambda: {LINK: link.hearing_ms})
        await doubted(b, smsc, HANDSET)

        for _ in range(200):
            await keeper.sweep()
            if len(smsc.submits) == 2:
                break
            await asyncio.sleep(0.05)
        assert len(smsc.submits) == 2


@asyncio_test
async def test_a_part_whose_place_a_question_took_is_not_told_that_the_link_was_lost(tmp_path: Path) -> None:
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, window=1, query_after_s=3600)
        await b.ledger.do("tidy", now_ms=now_ms())  # By now a claim for one part waits in the ledger.
        connection = link._sessions[0].connection
        assert connection is not None
        question = Question("0", 1, "S1", "Shop", HANDSET)
        connection.send(pdus.QuerySm(message_id="S1", source_addr="Shop"), question)
        (message,) = await b.queue(HANDSET)
        await eventually(lambda: link.status()["unwritten"] == 1)
        await b.reach([message], queued=1)

        async def why() -> str:
            (part,) = await b.parts(message)
            return str(part["waiting_for"])

        async with asyncio.timeout(10):
            while not (told := await why()):
                await asyncio.sleep(0.01)
        assert told == "the window was full before the part was sent"
        await eventually(lambda: smsc.queries)
        smsc.on_request = accepting
        smsc.queries[0].answer(pdus.QuerySmResp(message_id="S1", message_state=MessageState.ENROUTE))
        await b.reach([message], submitted=1)
        assert (await b.parts(message))[0]["attempt"] == 1


@asyncio_test
async def test_a_link_hears_while_a_session_is_bound_that_receives(tmp_path: Path) -> None:
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        smsc.bind_status = lambda bind: Status.RBINDFAIL if isinstance(bind, pdus.BindReceiver) else 0
        link = await b.bound(port=smsc.port, bind="pair")
        await eventually(lambda: any(isinstance(bind, pdus.BindReceiver) for bind in smsc.binds))
        assert link.hearing_ms == 0
        smsc.bind_status = lambda bind: 0
        await eventually(lambda: link.hearing_ms > 0)
        smsc.bind_status = lambda bind: Status.RBINDFAIL if isinstance(bind, pdus.BindReceiver) else 0
        smsc.receiving.drop()
        await eventually(lambda: link.hearing_ms == 0 and link.state is LinkState.BOUND)


@asyncio_test
async def test_a_reference_that_the_carrier_repeats_tells_the_parts_of_a_long_text_apart(tmp_path: Path) -> None:
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, in_doubt_hold_s=600, sends_reference=True)
        (message,) = await b.queue(HANDSET, texts=("one ", "two ", "three"))
        taken = await smsc.submitted(3)
        references = [asked.pdu.tlvs[Tag.USER_MESSAGE_REFERENCE] for asked in taken]
        assert len(set(references)) == 3
        smsc.sessions[0].drop()
        await b.until([message], lambda states: states["in_doubt"] == 3)
        await eventually(lambda: link.state is LinkState.BOUND)
        smsc.deliver(smsc.receipt(taken[1].pdu, "S1", submitted_at_ms=None))
        await b.reach([message], in_doubt=2, delivered=1)
        assert [part["state"] for part in await b.parts(message)] == ["in_doubt", "delivered", "in_doubt"]
        await link.stop()


@asyncio_test
async def test_a_reference_that_nobody_asked_for_is_not_ours(tmp_path: Path) -> None:
    """A carrier that fills the TLV with its own: by facts the receipt still settles the doubt."""
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, in_doubt_hold_s=600)
        messages, (asked,) = await doubted(b, smsc, HANDSET)
        assert Tag.USER_MESSAGE_REFERENCE not in asked.pdu.tlvs
        smsc.deliver(smsc.receipt(asked.pdu, "S1", tlvs={Tag.USER_MESSAGE_REFERENCE: b"\x7f\x7f"}))
        await b.reach(messages, delivered=1)
        await link.stop()


@asyncio_test
async def test_a_receipt_during_the_silence_settles_the_doubt_that_follows(tmp_path: Path) -> None:
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, response_timeout_s=1, in_doubt_hold_s=600)
        (message,) = await b.queue(HANDSET)
        (asked,) = await smsc.submitted(1)
        smsc.deliver(smsc.receipt(asked.pdu, "S1"))
        await eventually(lambda: link.status()["receipts"] == 1)
        assert await b.states([message]) == {"claimed": 1}
        await b.reach([message], delivered=1)
        assert await b.events(message) == ["in_doubt", "settled_by_receipt"]
        asked.answer(pdus.SubmitSmResp(message_id="s1"))
        await eventually(lambda: link.status()["late"] == 1)
        await link.stop()
        assert "second_answer" not in await b.events(message)


CAUSES = [
    ({"error": "001"}, "no_such_number", "the number does not exist"),
    ({"error": "027"}, "switched_off", "the phone was switched off or out of range"),
    ({"error": "32"}, "memory_full", "the phone's memory for messages was full"),
    ({"error": "011"}, "contract_ended", "the number's contract has ended or does not allow text messages"),
    ({"error": "034"}, "route_fault", "there was a fault on the route to the phone"),
    ({"error": "8A1"}, "memory_full", "the phone's memory for messages was full"),
    ({"error": "999"}, "unknown", "the network did not say why"),
    ({"error": "000"}, "unknown", "the network did not say why"),
    ({"error": "", "tlvs": {Tag.NETWORK_ERROR_CODE: b"\x03\x00\x1b"}}, "switched_off", None),
]


@asyncio_test
async def test_why_it_was_not_delivered_is_stored_with_the_part(tmp_path: Path) -> None:
    async with raw_smsc(on_request=accepting) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, errors={"8a1": "memory_full"})
        for number, (facts, cause, sentence) in enumerate(CAUSES):
            (message,) = await b.queue(f"4670174{number:04d}")
            submits = await smsc.submitted(number + 1)
            smsc.deliver(smsc.receipt(submits[-1].pdu, f"{number:04d}", "UNDELIV", **facts))
            await b.reach([message], undeliverable=1)
            (part,) = await b.parts(message)
            assert part["cause"] == cause, facts
            assert sentence is None or part["why"] == sentence
        await link.stop()


@asyncio_test
async def test_while_the_network_still_tries_the_part_says_so(tmp_path: Path) -> None:
    async with raw_smsc(on_request=accepting) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, wants_intermediate=True)
        (message,) = await b.queue(HANDSET)
        (asked,) = await smsc.submitted(1)
        assert asked.pdu.registered_delivery == RegisteredDelivery.FINAL | RegisteredDelivery.INTERMEDIATE
        intermediate = {"esm_class": EsmClass.INTERMEDIATE_NOTIFICATION, "error": "027"}
        smsc.deliver(smsc.receipt(asked.pdu, "0605", "ENROUTE", **intermediate))
        await eventually(lambda: link.status()["receipts"] == 1)
        (part,) = await b.parts(message)
        assert (part["state"], part["waiting_for"], part["cause"]) == ("submitted", "still trying", "switched_off")
        smsc.deliver(smsc.receipt(asked.pdu, "0605"))
        await b.reach([message], delivered=1)
        (part,) = await b.parts(message)
        assert (part["waiting_for"], part["cause"], part["error"]) == ("", "", "000")
        await link.stop()


@asyncio_test
async def test_receipts_are_always_asked_for(tmp_path: Path) -> None:
    async with raw_smsc(on_request=accepting) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port)
        await b.queue(HANDSET)
        (asked,) = await smsc.submitted(1)
        assert asked.pdu.registered_delivery == RegisteredDelivery.FINAL
        await link.stop()


@asyncio_test
async def test_a_link_learns_and_shows_how_its_carrier_spells_ids(tmp_path: Path) -> None:
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        smsc.on_request = lambda asked: asked.answer(
            pdus.SubmitSmResp(message_id=f"{int(asked.pdu.destination_addr):X}")
        )
        link = await b.bound(port=smsc.port)
        recipients = [f"4670174{n:04d}" for n in range(3)]
        messages = await b.queue(*recipients)
        for asked in await smsc.submitted(3):
            smsc.deliver(smsc.receipt(asked.pdu, asked.pdu.destination_addr))
        await b.reach(messages, delivered=3)
        assert await b.ledger.read("link_spellings") == {LINK: {"decimal": 3}}
        await link.stop()


@asyncio_test
async def test_a_link_of_known_spelling_takes_no_other(tmp_path: Path) -> None:
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        smsc.on_request = lambda asked: asked.answer(pdus.SubmitSmResp(message_id="10"))
        link = await b.bound(port=smsc.port, id_format="hex_to_decimal")
        (message,) = await b.queue(HANDSET)
        (asked,) = await smsc.submitted(1)
        await b.reach([message], submitted=1)
        smsc.deliver(smsc.receipt(asked.pdu, "10"))
        await eventually(lambda: link.status()["receipts"] == 1)
        assert await b.states([message]) == {"submitted": 1}
        smsc.deliver(smsc.receipt(asked.pdu, "16"))
        await b.reach([message], delivered=1)
        await link.stop()


def answering(state: MessageState, **facts: Any) -> Any:
    """Takes every part and answers every question so."""

    def on_request(asked: Asked) -> None:
        if isinstance(asked.pdu, pdus.QuerySm):
            asked.answer(pdus.QuerySmResp(message_id=asked.pdu.message_id, message_state=state, **facts))
        else:
            accepting(asked)

    return on_request


async def due(b: Bench) -> None:
    """Make every question due now, as if the time had passed."""
    with sqlite3.connect(b.ledger.path, timeout=10) as connection:
        connection.execute("UPDATE part SET next_action_at_ms = 1 WHERE state = 'submitted'")
    connection.close()


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asker, "LOOK_S", 0.02)


@pytest.mark.parametrize(
    ("said", "error", "state", "cause"),
    [
        (MessageState.DELIVERED, 0, "delivered", ""),
        (MessageState.UNDELIVERABLE, 27, "undeliverable", "switched_off"),
        (MessageState.EXPIRED, 0, "expired", "unknown"),
    ],
)
@asyncio_test
async def test_a_missing_receipt_is_asked_for_and_the_answer_moves_the_part(
    tmp_path: Path, said: MessageState, error: int, state: str, cause: str
) -> None:
    on_request = answering(said, error_code=error, final_date="261124050000000+")
    async with raw_smsc(on_request=on_request) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, query_after_s=3600, source_ton=2, source_npi=8)
        (message,) = await b.queue("46701740000")
        await b.reach([message], submitted=1)
        (part,) = await b.parts(message)
        assert part["next_action_at_ms"] - part["submitted_at_ms"] == 3_600_000
        await asyncio.sleep(0.1)
        assert smsc.queries == [], "not before its time"
        await due(b)
        await b.reach([message], **{state: 1})
        (query,) = smsc.queries
        assert (query.pdu.message_id, query.pdu.source_addr, query.pdu.source_addr_ton) == ("0000", "Shop", 2)
        (part,) = await b.parts(message)
        assert (part["cause"], part["network_at_ms"]) == (cause, 1795496400000)
        assert link.status()["asked"] == 1
        await link.stop()


@pytest.mark.parametrize(
    "facts", [{"message_state": MessageState.ENROUTE}, {"status": Status.RQUERYFAIL}], ids=["enroute", "unknown id"]
)
@asyncio_test
async def test_an_answer_without_an_end_leaves_the_part_until_later(tmp_path: Path, facts: dict[str, Any]) -> None:
    def on_request(asked: Asked) -> None:
        if isinstance(asked.pdu, pdus.QuerySm):
            asked.answer(pdus.QuerySmResp(message_id="0000", **facts))
        else:
            accepting(asked)

    async with raw_smsc(on_request=on_request) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, query_after_s=3600)
        (message,) = await b.queue("46701740000")
        await b.reach([message], submitted=1)
        await due(b)
        await eventually(lambda: len(smsc.queries) == 1)
        await asyncio.sleep(0.15)
        (part,) = await b.parts(message)
        assert part["state"] == "submitted"
        assert part["next_action_at_ms"] > now_ms() - 1000, "it is due again, later"
        smsc.deliver(smsc.receipt(smsc.submits[0].pdu, "0000"))
        await b.reach([message], delivered=1)
        await link.stop()


@asyncio_test
async def test_questions_are_few(tmp_path: Path) -> None:
    async with raw_smsc(on_request=answering(MessageState.ENROUTE)) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, query_after_s=3600, queries_per_minute=60)
        messages = await b.queue(*[f"4670174{n:04d}" for n in range(8)])
        await b.reach(messages, submitted=8)
        await due(b)
        await eventually(lambda: len(smsc.queries) >= 2)
        first, second = (asked.pdu.message_id for asked in smsc.queries[:2])
        assert first != second
        assert len(smsc.queries) <= 3, "one a second, and one to begin with"
        await link.stop()


@asyncio_test
async def test_an_id_that_fits_no_question_does_not_keep_the_others_from_being_asked(tmp_path: Path) -> None:
    """Some SMSCs give ids longer than the 64 characters that query_sm can hold."""
    async with raw_smsc(on_request=answering(MessageState.DELIVERED)) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, query_after_s=3600, queries_per_minute=6000)
        messages = await b.queue("46701740001", "46701740002", "46701740003")
        await b.reach(messages, submitted=3)
        with sqlite3.connect(b.ledger.path, timeout=10) as connection:
            connection.execute("UPDATE part SET smsc_id = printf('%070d', 1) WHERE part_id = 1")
        connection.close()
        await due(b)
        await b.reach(messages, submitted=1, delivered=2)
        assert link.status()["asked"] == 2
        await link.stop()


@asyncio_test
async def test_nobody_is_asked_unless_the_settings_say_so(tmp_path: Path) -> None:
    async with raw_smsc(on_request=answering(MessageState.DELIVERED)) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port)
        (message,) = await b.queue(HANDSET)
        await b.reach([message], submitted=1)
        assert (await b.parts(message))[0]["next_action_at_ms"] is None
        await asyncio.sleep(0.1)
        assert smsc.queries == []
        await link.stop()


@asyncio_test
async def test_a_question_that_is_lost_with_its_connection_doubts_no_part(tmp_path: Path) -> None:
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        smsc.on_request = lambda asked: accepting(asked) if isinstance(asked.pdu, pdus.SubmitSm) else None
        link = await b.bound(port=smsc.port, query_after_s=3600, response_timeout_s=1)
        (message,) = await b.queue(HANDSET)
        await b.reach([message], submitted=1)
        await due(b)
        await eventually(lambda: len(smsc.queries) == 1)
        smsc.sessions[0].drop()
        await eventually(lambda: len(smsc.binds) == 2 and link.state is LinkState.BOUND)
        assert (link.status()["unanswered"], link.status()["in_doubt"]) == (0, 0)
        assert await b.states([message]) == {"submitted": 1}
        await link.stop()


@pytest.mark.parametrize("form", ["udh8", "udh16", "sar", "payload"])
@asyncio_test
async def test_long_texts_go_out_in_the_form_of_the_link(tmp_path: Path, form: str) -> None:
    async with raw_smsc(on_request=accepting) as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port, long_form=form)
        await b.queue(HANDSET, texts=("first ", "second"), coding=Coding.GSM7)
        pieces = [asked.pdu for asked in await smsc.submitted(2)]
        sar = {Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM}
        for number, pdu in enumerate(pieces, 1):
            octets = pdu.tlvs.get(Tag.MESSAGE_PAYLOAD, pdu.short_message)
            assert (pdu.tlvs.keys() >= sar) == (form == "sar")
            assert bool(pdu.esm_class & EsmClass.UDHI) == (form != "sar")
            assert (Tag.MESSAGE_PAYLOAD in pdu.tlvs) == (form == "payload")
            if form != "sar":
                assert octets[1] == (8 if form == "udh16" else 0)
                assert octets[octets[0] - 1 : octets[0] + 1] == bytes((2, number))
        await link.stop()


@asyncio_test
async def test_a_carriers_own_codes_do_what_the_settings_say(tmp_path: Path) -> None:
    statuses = {"0x401": "fail", "ESME_RINVDSTADR": "retry", "0x402": "slow", "69": "next_link"}
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        codes = {"0001": 0x401, "0002": Status.RINVDSTADR, "0003": 0x402, "0004": Status.RSUBMITFAIL}
        smsc.on_request = lambda asked: asked.answer(pdus.SubmitSmResp(status=codes[asked.pdu.destination_addr[-4:]]))
        link = await b.bound(port=smsc.port, statuses=statuses)
        fails, retries, slows, moves = await b.queue(*[f"4670174{end}" for end in codes], links=(LINK, "second"))
        await b.reach([fails, retries, slows, moves], rejected=1, queued=3)
        assert "deferred" in await b.events(retries)
        assert link.state is LinkState.THROTTLED
        (moved,) = await b.parts(moves)
        assert (moved["link"], await b.events(moves)) == ("second", ["failover"])
        assert await b.balance_mc() == CREDIT_MC - 3 * PRICE_MC
        await link.stop()
