"""Receipts and inbound texts on their way to ESMEs: exactly what was owed, to whoever is bound, until it is taken."""

import asyncio
import re
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bridge.ledger.esme import EsmeNoticeKind, EsmeNoticeOutcome
from bridge.messages.inbound import InboundPart
from bridge.messages.message import PartState
from bridge.messages.receipt import Receipt
from bridge.runtime import ledger_client
from bridge.runtime.loop import monotonic_ms, now_ms
from bridge.smpp import pdus
from bridge.smpp.constants import EsmClass, Status, Tag
from bridge.smpp.fields import SmeAddress
from bridge.smpp_in import deliver, delivery
from bridge.smpp_in.settings import SmppSettings
from tests.house import LINK
from tests.support import asyncio_test, eventually
from tests.wire.smpp_door import NUMBER, OTHER, PIN, Door, Esme, open_door, submit

VIRTUAL = "46737494150"
ASKED = {"registered_delivery": 1}
RECEIPT = re.compile(
    rb"id:(\S+) sub:(\d{3}) dlvrd:(\d{3}) submit date:(\d{10}) done date:(\d{10}) stat:([A-Z]{7}) err:(\S{3}) text:(.*)"
)


async def receipt_of(esme: Esme, place: int = 0) -> pdus.DeliverSm:
    await eventually(lambda: len(esme.delivered()) > place)
    return esme.delivered()[place]


def fields_of(pdu: pdus.DeliverSm) -> tuple[bytes, ...]:
    found = RECEIPT.fullmatch(pdu.short_message)
    assert found, pdu.short_message
    return found.groups()


async def notices(door: Door) -> Counter[str]:
    """How many rows of the outbox are in which state."""
    rows = door.house.ledger.path
    with sqlite3.connect(rows) as connection:
        return Counter(state for (state,) in connection.execute("SELECT state FROM esme_notice"))


async def all_in(door: Door, **wanted: int) -> None:
    deadline = asyncio.get_running_loop().time() + 10
    while (seen := await notices(door)) != Counter(wanted):
        assert asyncio.get_running_loop().time() < deadline, seen
        await asyncio.sleep(0.01)


@asyncio_test
async def test_a_receipt_as_clients_read_it(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        request = submit(
            "Pump 2 stopped, call the operator",
            **ASKED,
            service_type="bill1",
            source_addr_ton=5,
            dest_addr_ton=1,
            dest_addr_npi=1,
            tlvs={Tag.USER_MESSAGE_REFERENCE: b"\x12\x34"},
        )
        message_id = (await esme.ask(request)).message_id
        await door.finish()
        receipt = await receipt_of(esme)
        told = fields_of(receipt)
        assert (told[0].decode(), told[1], told[2], told[5], told[6]) == (
            message_id,
            b"001",
            b"001",
            b"DELIVRD",
            b"000",
        )
        assert told[7] == b"Pump 2 stopped, call"
        assert (receipt.source_addr, receipt.source_addr_ton, receipt.source_addr_npi) == (NUMBER, 1, 1)
        assert (receipt.destination_addr, receipt.dest_addr_ton) == ("Pumps", 5)
        assert (receipt.esm_class, receipt.service_type) == (EsmClass.DELIVERY_RECEIPT, "bill1")
        assert receipt.tlvs == {
            Tag.RECEIPTED_MESSAGE_ID: message_id.encode() + b"\0",
            Tag.MESSAGE_STATE: b"\x02",
            Tag.USER_MESSAGE_REFERENCE: b"\x12\x34",
        }
        await all_in(door, done=1)
        assert door.smpp.sessions()[0]["delivered"] == 1


@asyncio_test
async def test_a_3_3_peer_gets_no_tlvs(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        sender = await door.bound(pdus.BindTransmitter)
        receiver = await door.bound(pdus.BindReceiver, interface_version=0x33)
        await sender.ask(submit(**ASKED))
        await door.finish()
        receipt = await receipt_of(receiver)
        assert receipt.tlvs == {}
        assert fields_of(receipt)[5] == b"DELIVRD"


@pytest.mark.parametrize(
    ("asked", "rule", "state", "told"),
    [
        (0, "honour", PartState.DELIVERED, None),
        (1, "honour", PartState.UNDELIVERABLE, b"UNDELIV"),
        (2, "honour", PartState.DELIVERED, None),
        (2, "honour", PartState.EXPIRED, b"EXPIRED"),
        (3, "honour", PartState.DELIVERED, b"DELIVRD"),
        (3, "honour", PartState.UNDELIVERABLE, None),
        (0, "always", PartState.DELIVERED, b"DELIVRD"),
        (1, "never", PartState.DELIVERED, None),
    ],
)
@asyncio_test
async def test_who_gets_a_receipt(tmp_path: Path, asked: int, rule: str, state: PartState, told: bytes | None) -> None:
    """A second message, with a receipt for certain, shows when all of the first is over."""
    async with open_door(tmp_path) as door:
        await door.house.ledger.do("account_set", name="demo", facts={"smpp_receipts": rule})
        door.house.gatekeeper.forget()
        esme = await door.bound()
        await esme.ask(submit("one", registered_delivery=asked))
        await door.finish(state, error="034")
        if told is None:
            await door.house.ledger.do("account_set", name="demo", facts={"smpp_receipts": "always"})
            door.house.gatekeeper.forget()
            await eventually(lambda: door.smpp._looking is None)
            await esme.ask(submit("two"))
            await door.finish()
        receipts = [fields_of(await receipt_of(esme))]
        assert [receipt[5] for receipt in receipts] == [told or b"DELIVRD"]
        assert receipts[0][7] == (b"two" if told is None else b"one")
        assert receipts[0][6] == (b"034" if state is not PartState.DELIVERED and told else receipts[0][6])


@asyncio_test
async def test_an_intermediate_receipt_and_then_the_final_one(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        await esme.ask(submit(registered_delivery=0x11))
        (part,) = await door.submit_up()
        smsc_id = str(1000 + part.part_id)
        for state in (None, None, PartState.DELIVERED):
            receipt = Receipt(smsc_id, state, "000", now_ms(), NUMBER)
            await door.house.ledger.receive(LINK, [receipt], now_ms())
        await receipt_of(esme, 1)
        first, last = esme.delivered()
        assert (first.esm_class, fields_of(first)[5], first.tlvs[Tag.MESSAGE_STATE]) == (0x20, b"ENROUTE", b"\x01")
        assert (last.esm_class, fields_of(last)[5]) == (0x04, b"DELIVRD")


@pytest.mark.parametrize(("form", "size"), [("hex", 8), ("decimal", 10), ("hex_decimal", 10)])
@asyncio_test
async def test_ids_in_receipts(tmp_path: Path, form: str, size: int) -> None:
    async with open_door(tmp_path) as door:
        await door.house.ledger.do("account_set", name="demo", facts={"smpp_id_form": form})
        door.house.gatekeeper.forget()
        esme = await door.bound()
        answered = (await esme.ask(submit(**ASKED))).message_id
        await door.finish()
        receipt = await receipt_of(esme)
        told = fields_of(receipt)[0].decode()
        assert len(told) == size
        assert receipt.tlvs[Tag.RECEIPTED_MESSAGE_ID] == told.encode() + b"\0"
        if form == "hex_decimal":
            assert int(told) == int(answered, 16)
        else:
            assert told == answered


@asyncio_test
async def test_the_receipts_of_a_submit_multi_name_the_id_it_was_answered_with(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        request = pdus.SubmitMulti(
            source_addr="Pumps",
            dest_address=[SmeAddress(NUMBER, 1, 1), SmeAddress(OTHER, 1, 1)],
            short_message=b"hello",
            registered_delivery=1,
        )
        message_id = (await esme.ask(request)).message_id
        await door.finish()
        await receipt_of(esme, 1)
        assert {fields_of(pdu)[0].decode() for pdu in esme.delivered()} == {message_id}
        assert {pdu.source_addr for pdu in esme.delivered()} == {NUMBER, OTHER}


@asyncio_test
async def test_receipts_wait_while_nobody_is_bound_to_receive(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        sender = await door.bound(pdus.BindTransmitter)
        for n in range(20):
            await sender.ask(submit(f"number {n}", **ASKED))
        await door.finish()
        await all_in(door, owed=20)
        receiver = await door.bound(pdus.BindReceiver)
        await eventually(lambda: len(receiver.delivered()) == 20)
        await all_in(door, done=20)
        assert sender.delivered() == []


@asyncio_test
async def test_receivers_of_the_account_take_turns(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await door.house.add_account("other", pin=PIN)
        stranger = await door.bound(system_id="other")
        esmes = [await door.bound(), await door.bound(pdus.BindReceiver), await door.bound(pdus.BindTransceiver)]
        sender = await door.bound(pdus.BindTransmitter)
        for n in range(60):
            await sender.ask(submit(f"number {n}", **ASKED))
        await door.finish()
        await eventually(lambda: sum(len(esme.delivered()) for esme in esmes) == 60)
        assert [len(esme.delivered()) for esme in esmes] == [20, 20, 20]
        assert stranger.delivered() == sender.delivered() == []
        await all_in(door, done=60)


@asyncio_test
async def test_the_window_is_kept(tmp_path: Path) -> None:
    async with open_door(tmp_path, window=3) as door:
        esme = await door.bound()
        esme.answers = lambda pdu: None
        for n in range(10):
            await esme.ask(submit(f"number {n}", **ASKED))
        await door.finish()
        await eventually(lambda: len(esme.delivered()) == 3)
        await all_in(door, claimed=3, owed=7)
        assert door.smpp.sessions()[0]["unanswered_by_esme"] == 3
        unanswered = [sequence for pdu, sequence in esme.got if isinstance(pdu, pdus.DeliverSm)]
        esme.answers = lambda pdu: 0
        for sequence in unanswered:
            esme.writer.write(pdus_encode(sequence))
        await eventually(lambda: len(esme.delivered()) == 10)
        await all_in(door, done=10)


def pdus_encode(sequence: int, status: int = 0) -> bytes:
    from bridge.smpp.codec import encode

    return encode(pdus.DeliverSmResp(status=status), sequence)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without the wait."""
    monkeypatch.setattr(deliver, "REST_S", 0.05)
    monkeypatch.setattr(delivery, "retry_delay_ms", lambda attempt, fraction: 20)


@pytest.mark.parametrize("status", [Status.RX_T_APPN, Status.RMSGQFUL, Status.RTHROTTLED, Status.RSYSERR])
@asyncio_test
async def test_not_now_is_tried_again(tmp_path: Path, quick: None, status: int) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        answers = iter([status, status])
        esme.answers = lambda pdu: next(answers, 0)
        await esme.ask(submit(**ASKED))
        await door.finish()
        await eventually(lambda: len(esme.delivered()) == 3)
        await all_in(door, done=1)
        assert len({pdu.short_message for pdu in esme.delivered()}) == 1


@asyncio_test
async def test_all_that_was_put_off_comes_in_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = iter([100, 400, 700])
    monkeypatch.setattr(deliver, "REST_S", 0.05)
    monkeypatch.setattr(delivery, "retry_delay_ms", lambda attempt, fraction: next(waits))
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        answers = iter([Status.RX_T_APPN] * 3)
        esme.answers = lambda pdu: next(answers, 0)
        for text in ("one", "two", "three"):
            await esme.ask(submit(text, **ASKED))
        await door.finish()
        await all_in(door, done=3)
        assert len(esme.delivered()) == 6


@asyncio_test
async def test_what_was_put_off_before_it_was_bound_comes_in_its_time(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        sender = await door.bound(pdus.BindTransmitter)
        await sender.ask(submit(**ASKED))
        await door.finish()
        (notice,) = await door.house.ledger.claim_esme_notices(1, 10, now_ms())
        put_off = EsmeNoticeOutcome(notice.esme_notice_id, EsmeNoticeKind.RETRY, now_ms(), now_ms() + 500, "not now")
        await door.house.ledger.settle_esme_notices([put_off])
        esme = await door.bound(pdus.BindReceiver)
        await receipt_of(esme)
        await all_in(door, done=1)


@asyncio_test
async def test_a_clock_that_is_set_back_under_a_claim_that_waits_makes_nothing_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim had looked after the step and before what is due moved along: it waited for its whole half minute."""
    async with open_door(tmp_path) as door:
        sender = await door.bound(pdus.BindTransmitter)
        await sender.ask(submit(**ASKED))
        await door.finish()
        ledger = door.house.ledger
        (notice,) = await ledger.claim_esme_notices(1, 10, now_ms())
        put_off = EsmeNoticeOutcome(notice.esme_notice_id, EsmeNoticeKind.RETRY, now_ms(), now_ms() + 300, "not now")
        await ledger.settle_esme_notices([put_off])
        back_ms = 3_600_000
        monkeypatch.setattr(ledger_client, "now_ms", lambda: now_ms() - back_ms)
        claim = asyncio.ensure_future(ledger.claim_esme_notices_when_due(1, 10, 60))
        await asyncio.sleep(0)
        await ledger.do("tidy", now_ms=now_ms())  # By now the claim has looked.
        await ledger.do("shift", by_ms=-back_ms, now_ms=now_ms() - back_ms)
        (again,) = await asyncio.wait_for(claim, 10)
        assert again.esme_notice_id == notice.esme_notice_id


@asyncio_test
async def test_a_stop_waits_for_a_claim_that_the_ledger_has_not_answered(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        await esme.ask(submit(**ASKED))
        (part,) = await door.submit_up()
        stranger = sqlite3.connect(door.house.ledger.path, isolation_level=None)
        stranger.execute("BEGIN IMMEDIATE")  # The commit that owes the receipt, and claims it, hangs.
        receipt = Receipt(str(1000 + part.part_id), PartState.DELIVERED, "000", now_ms(), part.recipient)
        receiving = asyncio.create_task(door.house.ledger.receive(LINK, [receipt], now_ms()))
        asyncio.get_running_loop().call_later(0.5, stranger.close)
        await asyncio.sleep(0)
        await door.smpp.stop()
        await receiving
        assert await notices(door) == {"done": 1}


@asyncio_test
async def test_a_retry_waits_longer_each_time(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        esme.answers = lambda pdu: Status.RX_T_APPN
        await esme.ask(submit(**ASKED))
        await door.finish()
        await receipt_of(esme)
        await all_in(door, owed=1)
        with sqlite3.connect(door.house.ledger.path) as connection:
            (row,) = connection.execute("SELECT next_action_at_ms, attempt, waiting_for FROM esme_notice")
        assert 3_000 < row[0] - now_ms() <= 6_000
        assert row[1:] == (1, "the ESME said ESME_RX_T_APPN")


@pytest.mark.parametrize("status", [Status.RX_P_APPN, Status.RX_R_APPN, Status.RINVDSTADR, 0x401])
@asyncio_test
async def test_a_final_no_is_final(tmp_path: Path, quick: None, status: int) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        answers = iter([status])
        esme.answers = lambda pdu: next(answers, 0)
        await esme.ask(submit("one", **ASKED))
        await door.finish()
        await all_in(door, given_up=1)
        await esme.ask(submit("two", **ASKED))
        await door.finish()
        await all_in(door, given_up=1, done=1)
        assert len(esme.delivered()) == 2


@asyncio_test
async def test_silence_is_no_answer(tmp_path: Path, quick: None) -> None:
    async with open_door(tmp_path, response_timeout_s=1) as door:
        esme = await door.bound()
        answers = iter([None])
        esme.answers = lambda pdu: next(answers, 0)
        await esme.ask(submit(**ASKED))
        await door.finish()
        await eventually(lambda: len(esme.delivered()) == 2)
        await all_in(door, done=1)


@asyncio_test
async def test_an_esme_that_is_busy_with_a_receipt_is_not_asked_sooner_than_a_silent_one(tmp_path: Path) -> None:
    """It has its time to answer: one that handles a receipt before it reads on would be cut off, and get it again."""
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        esme.answers = lambda pdu: None
        await esme.ask(submit(registered_delivery=1))
        await door.finish()
        await receipt_of(esme)
        (account,) = door.smpp._accounts.bound()
        (connection,) = account.sessions
        deadline_ms = connection.session.deadline_ms()
        assert deadline_ms is not None
        assert deadline_ms - monotonic_ms() > SmppSettings().enquire_link_s * 1000 / 2
        esme.reset()


@asyncio_test
async def test_a_full_session_between_the_parts_of_a_text_holds_up_no_other(tmp_path: Path) -> None:
    async with open_door(tmp_path, window=2) as door:
        await door.house.ledger.do("account_set", name="demo", facts={"smpp_long_inbound": "parts"})
        await give_number(door)
        door.house.gatekeeper.forget()
        full = await door.bound(pdus.BindReceiver)
        full.answers = lambda pdu: None
        await write_in(door, "x" * 600)
        await eventually(lambda: len(full.delivered()) == 2)
        other = await door.bound()
        assert (await other.ask(submit(registered_delivery=1))).status == 0
        await door.finish()
        assert (await receipt_of(other)).esm_class == EsmClass.DELIVERY_RECEIPT
        # And once it answers, the text comes whole.
        for pdu, sequence in tuple(full.got):
            if isinstance(pdu, pdus.DeliverSm):
                full.writer.write(pdus_encode(sequence))
        full.answers = lambda pdu: 0
        await eventually(lambda: len(full.delivered()) == 4)
        await all_in(door, done=2)


@asyncio_test
async def test_what_a_lost_session_had_goes_to_the_next_one(tmp_path: Path) -> None:
    """At once, without a wait, for nothing says that the receipt was to blame."""
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        esme.answers = lambda pdu: None
        for n in range(5):
            await esme.ask(submit(f"number {n}", **ASKED))
        await door.finish()
        await eventually(lambda: len(esme.delivered()) == 5)
        esme.reset()
        await all_in(door, owed=5)
        other = await door.bound(pdus.BindReceiver)
        await eventually(lambda: len(other.delivered()) == 5)
        await all_in(door, done=5)


@asyncio_test
async def test_a_stop_waits_for_the_answers_and_leaves_nothing_claimed(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        loop = asyncio.get_running_loop()
        esme.answers = lambda pdu: None
        await esme.ask(submit(**ASKED))
        await door.finish()
        await receipt_of(esme)
        (sequence,) = [sequence for pdu, sequence in esme.got if isinstance(pdu, pdus.DeliverSm)]
        loop.call_later(0.2, esme.writer.write, pdus_encode(sequence))
        await door.smpp.stop()
        assert await notices(door) == {"done": 1}


@asyncio_test
async def test_a_stop_gives_back_what_was_not_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.smpp_in.service.ANSWERS_WAIT_S", 0.2)
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        esme.answers = lambda pdu: None
        await esme.ask(submit(**ASKED))
        await door.finish()
        await receipt_of(esme)
        await door.smpp.stop()
        assert await notices(door) == {"owed": 1}


# Inbound


async def give_number(door: Door, **facts: Any) -> None:
    values = {"number": VIRTUAL, "account": "demo", "mail": "", "is_for_esme": True} | facts
    await door.house.ledger.do("number_add", **values, now_ms=now_ms())


async def write_in(door: Door, text: str) -> None:
    """A handset writes to the virtual number."""
    await door.house.ledger.receive(LINK, [InboundPart(NUMBER, VIRTUAL, text)], now_ms())


@asyncio_test
async def test_an_inbound_text(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await give_number(door)
        esme = await door.bound()
        await write_in(door, "Stop the pump")
        inbound = await receipt_of(esme)
        assert (inbound.source_addr, inbound.destination_addr, inbound.short_message) == (
            NUMBER,
            VIRTUAL,
            b"Stop the pump",
        )
        assert (inbound.esm_class, inbound.data_coding, inbound.tlvs) == (0, 0, {})
        await write_in(door, "Łódź")
        inbound = await receipt_of(esme, 1)
        assert (inbound.data_coding, inbound.short_message) == (8, "Łódź".encode("utf-16-be"))
        await all_in(door, done=2)


@asyncio_test
async def test_a_long_inbound_text_whole_or_in_parts(tmp_path: Path, quick: None) -> None:
    text = "".join(f"{n:04} " for n in range(100))
    async with open_door(tmp_path, window=2) as door:
        await give_number(door)
        esme = await door.bound()
        await write_in(door, text)
        whole = await receipt_of(esme)
        assert (whole.short_message, whole.tlvs) == (b"", {Tag.MESSAGE_PAYLOAD: text.encode()})
        await door.house.ledger.do("account_set", name="demo", facts={"smpp_long_inbound": "parts"})
        door.house.gatekeeper.forget()
        await eventually(lambda: door.smpp._looking is None)
        await write_in(door, text)
        await eventually(lambda: len(esme.delivered()) == 5)
        parts = esme.delivered()[1:]
        assert {pdu.esm_class for pdu in parts} == {EsmClass.UDHI}
        assert [pdu.short_message[4:6] for pdu in parts] == [bytes((4, n)) for n in (1, 2, 3, 4)]
        assert b"".join(pdu.short_message[6:] for pdu in parts) == text.encode()
        await all_in(door, done=2)


@asyncio_test
async def test_one_part_that_was_not_taken_brings_all_of_them_again(tmp_path: Path, quick: None) -> None:
    async with open_door(tmp_path) as door:
        await door.house.ledger.do("account_set", name="demo", facts={"smpp_long_inbound": "parts"})
        await give_number(door)
        door.house.gatekeeper.forget()
        esme = await door.bound()
        answers = iter([Status.RX_T_APPN, 0])
        esme.answers = lambda pdu: next(answers, 0)
        await write_in(door, "x" * 200)
        await eventually(lambda: len(esme.delivered()) == 4)
        await all_in(door, done=1)


@pytest.mark.parametrize("is_answered", [True, False])
@asyncio_test
async def test_a_stop_between_the_parts_of_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_answered: bool
) -> None:
    """What was not given whole is owed whole."""
    monkeypatch.setattr("bridge.smpp_in.service.ANSWERS_WAIT_S", 1.0)
    async with open_door(tmp_path, window=1) as door:
        await door.house.ledger.do("account_set", name="demo", facts={"smpp_long_inbound": "parts"})
        await give_number(door)
        door.house.gatekeeper.forget()
        esme = await door.bound()
        esme.answers = lambda pdu: None
        await write_in(door, "x" * 400)
        await receipt_of(esme)
        (sequence,) = [sequence for pdu, sequence in esme.got if isinstance(pdu, pdus.DeliverSm)]
        if is_answered:
            asyncio.get_running_loop().call_later(0.2, esme.writer.write, pdus_encode(sequence))
        await door.smpp.stop()
        assert len(esme.delivered()) == 1
        assert await notices(door) == {"owed": 1}


@asyncio_test
async def test_many_receipts_through_a_small_window(tmp_path: Path) -> None:
    """Every receipt once, and no session ever has more than its window."""
    async with open_door(tmp_path, account=False, window=7) as door:
        await door.house.add_account(pin=PIN, credit_mc=10_000_000)
        one, two = await door.bound(), await door.bound()
        responses = await one.ask_all(*[submit(f"number {n}", **ASKED) for n in range(400)])
        await door.finish()
        await eventually(lambda: len(one.delivered()) + len(two.delivered()) >= 400)
        ids = Counter(fields_of(pdu)[0].decode() for esme in (one, two) for pdu in esme.delivered())
        assert ids == Counter(response.message_id for response in responses)
        await all_in(door, done=400)
