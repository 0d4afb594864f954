"""Receipts and inbound texts, octet for octet."""

from random import Random

import pytest

from bridge.messages.inbound import InboundPart
from bridge.messages.receipt import Receipt
from bridge.runtime.loop import now_ms
from bridge.simulator.behaviour import Behaviour, ReceiptDates, ReceiptText
from bridge.simulator.deliveries import MINUTE_MS, TEN_YEARS_MS, inbound_parts, receipt_of
from bridge.simulator.inbound import Burst, LongForm, Order, ordered
from bridge.simulator.spelling import IdSpelling
from bridge.smpp import receipt_text, translate
from bridge.smpp.constants import EsmClass, MessageState, Tag
from bridge.smpp.pdus import SubmitSm

SUBMIT = SubmitSm(
    service_type="CMT",
    source_addr="Shop",
    source_addr_ton=5,
    destination_addr="46701740605",
    dest_addr_ton=1,
    dest_addr_npi=1,
    tlvs={Tag.USER_MESSAGE_REFERENCE: b"\x12\x34"},
)
ID = "0A1B2C3D"
AT_MS = 1_764_000_000_000
LONG = "The quick brown fox jumps over the lazy dog. " * 9


def made(**behaviour: object) -> tuple[str, dict[int, bytes]]:
    pdu = receipt_of(SUBMIT, ID, Behaviour(**behaviour), AT_MS).pdu  # type: ignore[arg-type]
    return pdu.short_message.decode("latin-1"), pdu.tlvs


def test_a_plain_receipt_is_what_strict_clients_read() -> None:
    before = now_ms()
    pdu = receipt_of(SUBMIT, ID, Behaviour(), AT_MS).pdu
    texts = {
        receipt_text.build(smsc_id=ID, state=MessageState.DELIVERED, submitted_at_ms=AT_MS, done_at_ms=done)
        for done in (before, now_ms())
    }
    assert pdu.short_message.decode() in texts
    assert (pdu.source_addr, pdu.source_addr_ton, pdu.destination_addr, pdu.dest_addr_ton) == (
        "46701740605",
        1,
        "Shop",
        5,
    )
    assert (pdu.esm_class, pdu.data_coding, pdu.service_type) == (EsmClass.DELIVERY_RECEIPT, 0, "CMT")
    assert pdu.tlvs == {
        Tag.MESSAGE_STATE: b"\x02",
        Tag.RECEIPTED_MESSAGE_ID: b"0A1B2C3D\0",
        Tag.USER_MESSAGE_REFERENCE: b"\x12\x34",
    }


def test_the_networks_error_is_in_the_text_and_in_its_tlv() -> None:
    text, tlvs = made(state=MessageState.UNDELIVERABLE, error="027")
    assert "dlvrd:000" in text
    assert "stat:UNDELIV err:027 text:" in text
    assert tlvs[Tag.NETWORK_ERROR_CODE] == b"\x03\x00\x1b"


def test_ids_are_spelled_alike_in_text_and_tlv() -> None:
    text, tlvs = made(id_spelling=IdSpelling.LOWER)
    assert text.startswith("id:0a1b2c3d sub:001 ")
    assert tlvs[Tag.RECEIPTED_MESSAGE_ID] == b"0a1b2c3d\0"
    text, tlvs = made(id_spelling=IdSpelling.NONE)
    assert text.startswith("sub:001 ")
    assert Tag.RECEIPTED_MESSAGE_ID not in tlvs


def test_only_text_only_tlvs_or_garbage() -> None:
    assert made(has_tlvs=False)[1] == {}
    assert made(receipt_text=ReceiptText.NONE)[0] == ""
    text, tlvs = made(receipt_text=ReceiptText.GARBAGE, has_tlvs=False)
    assert tlvs == {}
    assert receipt_text.parse(text).smsc_id == ""


def test_dates() -> None:
    ten_years = receipt_text.parse(made(dates=ReceiptDates.FUTURE)[0])
    assert ten_years.done_at_ms == (AT_MS + TEN_YEARS_MS) // MINUTE_MS * MINUTE_MS
    assert receipt_text.parse(made(dates=ReceiptDates.EPOCH)[0]).done_date == "7001010000"
    assert receipt_text.parse(made(dates=ReceiptDates.NONE)[0]).done_date == "0000000000"


def test_esm_class() -> None:
    def esm_class(state: MessageState, **behaviour: int) -> int:
        return receipt_of(SUBMIT, ID, Behaviour(**behaviour), AT_MS, state).pdu.esm_class  # type: ignore[arg-type]

    assert esm_class(MessageState.ENROUTE) == EsmClass.INTERMEDIATE_NOTIFICATION
    assert esm_class(MessageState.DELIVERED) == EsmClass.DELIVERY_RECEIPT
    assert esm_class(MessageState.DELIVERED, esm_class=0) == 0


def test_a_peer_of_version_3_3_gets_no_tlvs() -> None:
    receipt = receipt_of(SUBMIT, ID, Behaviour(), AT_MS)
    assert receipt.for_version(0x33).tlvs == {}
    assert receipt.for_version(0x33).short_message == receipt.pdu.short_message
    assert receipt.for_version(0) is receipt.for_version(0x34) is receipt.pdu


@pytest.mark.parametrize("form", [LongForm.UDH8, LongForm.UDH16, LongForm.SAR])
def test_long_texts_come_back_whole_in_every_form(form: LongForm) -> None:
    arrived = [translate.from_deliver_sm(part.pdu) for part in inbound_parts("46701740605", "72000", LONG, 200, form)]
    pieces = [one for one in arrived if isinstance(one, InboundPart)]
    assert len(pieces) == 3
    assert "".join(piece.text for piece in pieces) == LONG
    assert [(piece.concat.reference, piece.concat.total, piece.concat.number) for piece in pieces if piece.concat] == [
        (200, 3, number) for number in (1, 2, 3)
    ]


def test_a_long_text_as_payload_is_one_pdu() -> None:
    (part,) = inbound_parts("46701740605", "72000", LONG, 1, LongForm.PAYLOAD)
    arrived = translate.from_deliver_sm(part.pdu)
    assert not isinstance(arrived, Receipt)
    assert (arrived.text, arrived.concat, part.pdu.short_message) == (LONG, None, b"")


def test_orders() -> None:
    def order(order: Order, items: str = "abc") -> str:
        return "".join(ordered(list(items), order, Random(2)))

    assert {each: order(each) for each in Order} == {
        Order.AS_WRITTEN: "abc",
        Order.REVERSED: "cba",
        Order.SHUFFLED: "acb",
        Order.TWICE: "abcabc",
        Order.FIRST_TWICE: "aabc",
        Order.WITHOUT_FIRST: "bc",
        Order.WITHOUT_LAST: "ab",
    }
    assert all(order(each, "a") == "a" for each in Order), "a short text is never lost"


def test_handsets_count_up_and_names_do_not() -> None:
    assert Burst("0099", "1", "x").originator_of(2) == "0101"
    assert Burst("99", "1", "x").originator_of(2) == "01", "no longer than an address can be"
    assert Burst("Bank", "1", "x").originator_of(2) == "Bank"
