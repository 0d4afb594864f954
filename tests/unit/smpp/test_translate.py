"""Parts to submit_sm, deliver_sm to receipts and inbound parts."""

import pytest

from bridge.messages.inbound import Concat, InboundPart
from bridge.messages.message import ClaimedPart, Coding, PartState
from bridge.messages.receipt import Receipt
from bridge.messages.segment import segment
from bridge.smpp import codec, translate
from bridge.smpp.constants import MessageState, Tag
from bridge.smpp.pdus import DeliverSm, SubmitSm
from bridge.smpp.translate import SubmitOptions, Validity
from tests.unit.smpp.test_receipt_text import BUILT
from tests.unit.smpp.test_times import NOON_MS

HANDSET = "46701740605"


def part(text: str = "Hello €", coding: Coding = Coding.GSM7, **values: object) -> ClaimedPart:
    fields = {
        "part_id": 1,
        "message_id": "6FD54FA2",
        "account_id": 1,
        "part_no": 1,
        "part_total": 1,
        "concat_ref": 42,
        "originator": "Pumps",
        "recipient": HANDSET,
        "attempt": 1,
        "expires_at_ms": NOON_MS,
        "network_until_ms": NOON_MS,
        "is_possible_duplicate": False,
        **values,
    }
    return ClaimedPart(text=text, coding=coding, **fields)


def test_one_part() -> None:
    assert translate.submit_sm(part(), SubmitOptions()) == SubmitSm(
        source_addr_ton=5,
        source_addr_npi=0,
        source_addr="Pumps",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=HANDSET,
        esm_class=0,
        validity_period="261124120000000+",
        registered_delivery=1,
        data_coding=0,
        short_message=b"Hello \x1b\x65",
    )


def test_one_of_several_parts_is_numbered() -> None:
    pdu = translate.submit_sm(part("żółw", Coding.UCS2, part_no=2, part_total=3), SubmitOptions())
    assert (pdu.esm_class, pdu.data_coding) == (0x40, 8)
    assert pdu.short_message == b"\x05\x00\x03\x2a\x03\x02" + "żółw".encode("utf-16-be")


@pytest.mark.parametrize(
    ("character", "coding"), [("a", Coding.GSM7), ("€", Coding.GSM7), ("ж", Coding.UCS2), ("😀", Coding.UCS2)]
)
def test_the_largest_parts_fit(character: str, coding: Coding) -> None:
    for count in (70, 160, 400):
        pieces = segment(character * count, coding)
        for number, text in enumerate(pieces, 1):
            pdu = translate.submit_sm(part(text, coding, part_no=number, part_total=len(pieces)), SubmitOptions())
            assert len(pdu.short_message) <= (160 if coding is Coding.GSM7 else 140)
            assert codec.encode(pdu, 1)


@pytest.mark.parametrize(
    ("originator", "ton", "npi"),
    [("Pumps", 5, 0), ("4Pumps", 5, 0), ("112", 3, 0), ("71234567", 3, 0), ("447700900123", 1, 1), ("", 0, 0)],
)
def test_type_of_the_originator(originator: str, ton: int, npi: int) -> None:
    pdu = translate.submit_sm(part(originator=originator), SubmitOptions())
    assert (pdu.source_addr, pdu.source_addr_ton, pdu.source_addr_npi) == (originator, ton, npi)
    pdu = translate.submit_sm(part(originator=originator), SubmitOptions(source_ton=2, source_npi=9))
    assert (pdu.source_addr_ton, pdu.source_addr_npi) == (2, 9)


@pytest.mark.parametrize(
    ("form", "network_until_ms", "expected"),
    [
        (Validity.ABSOLUTE, NOON_MS, "261124120000000+"),
        (Validity.RELATIVE, NOON_MS, "000000010000000R"),
        (Validity.NONE, NOON_MS, ""),
        (Validity.ABSOLUTE, 0, ""),
        (Validity.RELATIVE, 0, ""),
    ],
)
def test_validity(form: Validity, network_until_ms: int, expected: str) -> None:
    options = SubmitOptions(validity=form)
    pdu = translate.submit_sm(part(network_until_ms=network_until_ms), options, now_ms=NOON_MS - 3_600_000)
    assert pdu.validity_period == expected


def test_a_relative_validity_needs_a_clock() -> None:
    with pytest.raises(ValueError, match="needs the time"):
        translate.submit_sm(part(network_until_ms=NOON_MS), SubmitOptions(validity=Validity.RELATIVE))


def test_other_options() -> None:
    pdu = translate.submit_sm(part(), SubmitOptions(dest_ton=2, dest_npi=8, service_type="CMT", registered_delivery=0))
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.service_type, pdu.registered_delivery) == (2, 8, "CMT", 0)


def deliver(message: bytes = b"", **values: object) -> DeliverSm:
    fields = {
        "source_addr_ton": 1,
        "source_addr": HANDSET,
        "dest_addr_ton": 1,
        "destination_addr": "447700900123",
        **values,
    }
    return DeliverSm(short_message=message, **fields)


TLVS = {Tag.RECEIPTED_MESSAGE_ID: b"6FD54FA2\0", Tag.MESSAGE_STATE: b"\2"}
DELIVERED = Receipt(
    "6FD54FA2", PartState.DELIVERED, "000", NOON_MS + 60_000, HANDSET, "447700900123", submitted_at_ms=NOON_MS
)


@pytest.mark.parametrize(
    "pdu",
    [
        deliver(BUILT.encode(), esm_class=0x04),
        deliver(BUILT.encode(), esm_class=0x04 | 0x03),
        deliver(BUILT.encode(), esm_class=0x20),
        deliver(BUILT.encode()),
        deliver(BUILT.encode(), tlvs=TLVS),
        deliver(BUILT.encode().replace(b"6FD54FA2", b"1876250530"), esm_class=4, tlvs=TLVS),
        deliver(BUILT.encode().replace(b"DELIVRD", b"UNDELIV"), esm_class=4, tlvs=TLVS),
        deliver(esm_class=4, tlvs={Tag.MESSAGE_PAYLOAD: BUILT.encode()}),
        deliver(BUILT.encode("utf-16-be"), esm_class=4, data_coding=8),
        deliver(BUILT.encode(), source_addr="+" + HANDSET, esm_class=4),
    ],
    ids=[
        "marked",
        "marked with a mode",
        "called intermediate, says final",
        "by its text",
        "by its TLVs",
        "the id of the TLV counts",
        "the state of the TLV counts",
        "in message_payload",
        "in UCS-2",
        "from a number with a plus",
    ],
)
def test_receipts(pdu: DeliverSm) -> None:
    assert translate.from_deliver_sm(pdu) == DELIVERED


def test_a_word_of_the_carriers_own_is_no_end_where_it_still_tries() -> None:
    text = b"id:7 sub:001 dlvrd:000 submit date:2611240538 done date:2611240538 stat:PENDING err:000 text:"
    still = translate.from_deliver_sm(deliver(text, esm_class=0x20))
    ended = translate.from_deliver_sm(deliver(text, esm_class=0x04))
    assert isinstance(still, Receipt)
    assert isinstance(ended, Receipt)
    assert (still.state, still.is_trying) == (None, True)
    assert (ended.state, ended.is_trying) == (PartState.UNKNOWN, False)


def test_a_receipt_of_tlvs_alone() -> None:
    pdu = deliver(esm_class=4, tlvs={**TLVS, Tag.MESSAGE_STATE: b"\5", Tag.NETWORK_ERROR_CODE: b"\3\0\x1b"})
    assert translate.from_deliver_sm(pdu) == Receipt(
        "6FD54FA2", PartState.UNDELIVERABLE, "027", None, HANDSET, "447700900123"
    )


@pytest.mark.parametrize(
    ("octets", "error"), [(b"\3\0\x0b", "011"), (b"\3\x04\0", "1024"), (b"027", "027"), (b"\3", ""), (b"", "")]
)
def test_network_error_codes(octets: bytes, error: str) -> None:
    receipt = translate.from_deliver_sm(deliver(tlvs={**TLVS, Tag.NETWORK_ERROR_CODE: octets}))
    assert receipt.error == error


@pytest.mark.parametrize(("said", "error"), [("000", "027"), ("0", "027"), ("", "027"), ("005", "005")])
def test_a_text_that_tells_no_error_leaves_the_word_to_the_tlv(said: str, error: str) -> None:
    """Many SMSCs write err:000 in every text and the truth into network_error_code."""
    text = f"id:1 sub:001 dlvrd:000 submit date:2611240538 done date:2611240539 stat:UNDELIV err:{said} text:".encode()
    receipt = translate.from_deliver_sm(deliver(text, esm_class=4, tlvs={Tag.NETWORK_ERROR_CODE: b"\3\0\x1b"}))
    assert receipt.error == error


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (MessageState.ENROUTE, None),
        (MessageState.ACCEPTED, None),
        (MessageState.DELIVERED, PartState.DELIVERED),
        (MessageState.EXPIRED, PartState.EXPIRED),
        (MessageState.DELETED, PartState.DELETED),
        (MessageState.UNDELIVERABLE, PartState.UNDELIVERABLE),
        (MessageState.REJECTED, PartState.REJECTED),
        (MessageState.UNKNOWN, PartState.UNKNOWN),
        (MessageState.SKIPPED, PartState.UNDELIVERABLE),
    ],
)
def test_states(state: MessageState, expected: PartState | None) -> None:
    receipt = translate.from_deliver_sm(deliver(tlvs={**TLVS, Tag.MESSAGE_STATE: bytes((state,))}))
    assert receipt.state is expected


@pytest.mark.parametrize("octets", [b"\0", b"\x0a", b"\xff", b"", b"\1\0"])
def test_a_state_tlv_without_sense_leaves_it_to_the_text(octets: bytes) -> None:
    assert translate.from_deliver_sm(deliver(BUILT.encode(), tlvs={**TLVS, Tag.MESSAGE_STATE: octets})) == DELIVERED


@pytest.mark.parametrize("message", [b"", b"garbage", b"\xff\xfe", b"\5\0\3", b"stat:DELIVRD"])
def test_a_marked_receipt_of_garbage_is_still_a_receipt(message: bytes) -> None:
    receipt = translate.from_deliver_sm(deliver(message, esm_class=0x44))
    assert isinstance(receipt, Receipt)
    assert receipt.smsc_id == ""


def test_an_id_with_signs_that_gsm_would_change() -> None:
    receipt = translate.from_deliver_sm(deliver(b"id:a_b@c-\xe9 stat:DELIVRD", esm_class=4))
    assert receipt.smsc_id == "a_b@c-é"


@pytest.mark.parametrize(
    ("octets", "data_coding", "text"),
    [
        (b"Hi \x00 \x1b\x65", 0, "Hi @ €"),
        (b"Hi @", 1, "Hi @"),
        (b"Hi \xe9", 1, "Hi \ufffd"),
        (b"caf\xe9", 3, "café"),
        ("żółw 😀".encode("utf-16-be"), 8, "żółw 😀"),
        (b"\0a\0", 8, "a\ufffd"),
        (b"\xd8\x00\0a", 8, "\ufffda"),
        ("Привет".encode("iso8859_5"), 6, "Привет"),
        ("שלום".encode("iso8859_8"), 7, "שלום"),
        ("日本".encode("shift_jis"), 5, "日本"),
        ("한국".encode("euc_kr"), 14, "한국"),
        (b"\xff\x00a", 4, "\xff\x00a"),
        (b"flash \x00", 0x10, "flash @"),
        (b"flash \x00", 0xF0, "flash @"),
        (b"\xe9", 0xF4, "é"),
        (b"\0a", 0x18, "a"),
        (b"\0a", 0xE0, "a"),
        (b"\x00", 0xC8, "@"),
        (b"\xff", 0, "\ufffd"),
    ],
)
def test_inbound_text_by_data_coding(octets: bytes, data_coding: int, text: str) -> None:
    inbound = translate.from_deliver_sm(deliver(octets, data_coding=data_coding))
    assert inbound == InboundPart(HANDSET, "447700900123", text)


def test_every_data_coding_gives_some_text() -> None:
    for data_coding in range(256):
        assert isinstance(translate.decode_text(bytes(range(256)), data_coding), str)


@pytest.mark.parametrize(
    ("pdu", "text", "concat"),
    [
        (deliver(b"\x05\x00\x03\x07\x02\x01one", esm_class=0x40), "one", Concat(7, 2, 1)),
        (deliver(b"\x06\x08\x04\x01\x07\x02\x02two", esm_class=0x40), "two", Concat(263, 2, 2)),
        (
            deliver(b"three", tlvs={0x020C: b"\1\0", 0x020E: b"\3", 0x020F: b"\3"}),
            "three",
            Concat(256, 3, 3),
        ),
        (deliver(esm_class=0x40, tlvs={Tag.MESSAGE_PAYLOAD: b"\x05\x00\x03\x07\x02\x01one"}), "one", Concat(7, 2, 1)),
        (deliver(b"short", tlvs={Tag.MESSAGE_PAYLOAD: b"long"}), "long", None),
        (deliver(b"short", tlvs={Tag.MESSAGE_PAYLOAD: b""}), "short", None),
        (deliver(b"x", tlvs={Tag.SAR_TOTAL_SEGMENTS: b"\1", Tag.SAR_SEGMENT_SEQNUM: b"\1"}), "x", None),
        (deliver(b"x", tlvs={Tag.SAR_TOTAL_SEGMENTS: b"\2", Tag.SAR_SEGMENT_SEQNUM: b"\3"}), "x", None),
        (deliver(b"x", tlvs={Tag.SAR_TOTAL_SEGMENTS: b"\2\2", Tag.SAR_SEGMENT_SEQNUM: b"\1"}), "x", None),
        (deliver(b"\x30broken", esm_class=0x40), "0broken", None),
    ],
)  # fmt: skip
def test_pieces_of_a_long_text(pdu: DeliverSm, text: str, concat: Concat | None) -> None:
    inbound = translate.from_deliver_sm(pdu)
    assert (inbound.text, inbound.concat) == (text, concat)


@pytest.mark.parametrize(
    ("address", "ton", "number"),
    [
        ("+46701740605", 1, HANDSET),
        ("0046701740605", 1, HANDSET),
        ("0046701740605", 0, "0046701740605"),
        (" 46701740605 ", 1, HANDSET),
        ("Pumps", 5, "Pumps"),
        ("+Pumps", 5, "+Pumps"),
        ("", 0, ""),
    ],
)
def test_addresses_become_digits(address: str, ton: int, number: str) -> None:
    inbound = translate.from_deliver_sm(deliver(b"hi", source_addr=address, source_addr_ton=ton))
    assert inbound.originator == number


def test_a_person_may_text_about_ids() -> None:
    inbound = translate.from_deliver_sm(deliver(b"id:7 please, stat:urgent"))
    assert inbound.text == "id:7 please, stat:urgent"


def test_content_of_a_submit_sm_reads_back() -> None:
    sent = part("Grüße 😀", Coding.UCS2, part_no=2, part_total=2)
    assert translate.content_of(translate.submit_sm(sent, SubmitOptions())) == ("Grüße 😀", Concat(42, 2, 2))
