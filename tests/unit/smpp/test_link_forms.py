"""What each carrier wants its submit_sm to look like: numbering, alphabet, codes, addresses, references."""

import pytest

from bridge.messages.inbound import Concat, InboundPart
from bridge.messages.message import Coding
from bridge.messages.segment import segment
from bridge.messages.user_data import UserData
from bridge.smpp import codec, translate
from bridge.smpp.alphabets import Alphabet
from bridge.smpp.constants import Tag
from bridge.smpp.pdus import SubmitSm
from bridge.smpp.translate import AddressRule, LongForm, SubmitOptions
from tests.unit.smpp.test_translate import HANDSET, deliver, part

FULL = SubmitOptions(long_form=LongForm.UDH16)


def sent(options: SubmitOptions, text: str = "Hello", coding: Coding = Coding.GSM7, **values: object) -> SubmitSm:
    pdu = translate.submit_sm(part(text, coding, **values), options)
    assert codec.decode(codec.encode(pdu, 1)) == (pdu, 1)
    return pdu


@pytest.mark.parametrize(
    ("form", "esm_class", "short_message", "tlvs"),
    [
        (LongForm.UDH8, 0x40, b"\x05\x00\x03\x2a\x03\x02Hello", {}),
        (LongForm.UDH16, 0x40, b"\x06\x08\x04\x00\x2a\x03\x02Hello", {}),
        (LongForm.SAR, 0x00, b"Hello", {0x020C: b"\x00\x2a", 0x020E: b"\x03", 0x020F: b"\x02"}),
        (LongForm.PAYLOAD, 0x40, b"", {0x0424: b"\x05\x00\x03\x2a\x03\x02Hello"}),
    ],
)
def test_a_part_of_ours_in_each_form(
    form: LongForm, esm_class: int, short_message: bytes, tlvs: dict[int, bytes]
) -> None:
    pdu = sent(SubmitOptions(long_form=form), part_no=2, part_total=3)
    assert (pdu.esm_class, pdu.short_message, pdu.tlvs) == (esm_class, short_message, tlvs)
    assert translate.content_of(pdu) == ("Hello", Concat(0x2A, 3, 2))


@pytest.mark.parametrize("form", LongForm)
def test_a_message_of_one_part_needs_no_number(form: LongForm) -> None:
    pdu = sent(SubmitOptions(long_form=form))
    assert (pdu.esm_class, pdu.short_message, pdu.tlvs) == (0, b"Hello", {})


@pytest.mark.parametrize(
    ("text", "coding", "is_16_bit"),
    [
        ("a" * 152, Coding.GSM7, True),
        ("a" * 153, Coding.GSM7, False),
        ("€" * 76, Coding.GSM7, True),
        ("€" * 76 + "a", Coding.GSM7, False),
        ("ж" * 66, Coding.UCS2, True),
        ("ж" * 67, Coding.UCS2, False),
    ],
)
def test_a_part_that_was_cut_for_8_bits_keeps_them_when_it_is_full(text: str, coding: Coding, is_16_bit: bool) -> None:
    pdu = sent(FULL, text, coding, part_no=1, part_total=2)
    assert pdu.short_message[0] == (6 if is_16_bit else 5)
    concat = translate.content_of(pdu)[1]
    assert concat == Concat(0x2A, 2, 1), "the same reference in both forms"


@pytest.mark.parametrize(("character", "coding"), [("a", Coding.GSM7), ("€", Coding.GSM7), ("ж", Coding.UCS2)])
def test_parts_cut_for_a_longer_header_all_have_16_bits(character: str, coding: Coding) -> None:
    pieces = segment(character * 500, coding, header_size=7)
    assert "".join(pieces) == character * 500
    for number, text in enumerate(pieces, 1):
        pdu = sent(FULL, text, coding, part_no=number, part_total=len(pieces))
        assert pdu.short_message[0] == 6


EIGHT, SIXTEEN = b"\x05\x00\x03\x07\x02\x01", b"\x06\x08\x04\x01\x07\x02\x01"


@pytest.mark.parametrize(
    ("form", "header", "expected", "tlvs"),
    [
        (LongForm.UDH8, EIGHT, EIGHT, {}),
        (LongForm.UDH8, SIXTEEN, b"\x05\x00\x03\x07\x02\x01", {}),
        (LongForm.UDH16, EIGHT, EIGHT, {}),
        (LongForm.UDH16, SIXTEEN, SIXTEEN, {}),
        (LongForm.SAR, EIGHT, b"", {0x020C: b"\0\7", 0x020E: b"\2", 0x020F: b"\1"}),
        (LongForm.SAR, SIXTEEN, b"", {0x020C: b"\1\7", 0x020E: b"\2", 0x020F: b"\1"}),
        (LongForm.PAYLOAD, EIGHT, None, {0x0424: EIGHT + b"Hello"}),
    ],
)
def test_a_senders_segment_takes_the_links_form(
    form: LongForm, header: bytes, expected: bytes | None, tlvs: dict[int, bytes]
) -> None:
    pdu = sent(SubmitOptions(long_form=form), user_data=UserData(header))
    assert pdu.short_message == (b"" if expected is None else expected + b"Hello")
    assert (pdu.tlvs, pdu.data_coding) == (tlvs, 0)
    assert pdu.esm_class == (0 if form is LongForm.SAR else 0x40)


def test_a_senders_segment_keeps_its_8_bits_full_or_not() -> None:
    """Else the full ones of a text would have another kind of reference than the last one."""
    assert sent(FULL, "a", user_data=UserData(EIGHT)).short_message == EIGHT + b"a"
    assert sent(FULL, "a" * 153, user_data=UserData(EIGHT)).short_message == EIGHT + b"a" * 153
    body = b"\x1b" * 152 + b"a"
    assert sent(FULL, "a" * 153, user_data=UserData(EIGHT, body, 0)).short_message == EIGHT + body


@pytest.mark.parametrize("form", LongForm)
def test_other_headers_and_binary_bodies_are_untouched(form: LongForm) -> None:
    header = bytes.fromhex("0B0504158A00000003040201")
    body = bytes(range(128))
    user_data = UserData(header, body, 0xF5)
    pdu = sent(SubmitOptions(long_form=form), body.hex().upper(), Coding.BINARY, user_data=user_data)
    octets = pdu.tlvs[Tag.MESSAGE_PAYLOAD] if form is LongForm.PAYLOAD else pdu.short_message
    assert (octets, pdu.esm_class, pdu.data_coding) == (header + body, 0x40, 0xF5)
    assert (Tag.SAR_MSG_REF_NUM in pdu.tlvs) is False


def test_binary_without_a_header() -> None:
    user_data = UserData(b"", b"\0\xff", 4)
    assert (pdu := sent(SubmitOptions(), "00FF", Coding.BINARY, user_data=user_data)).short_message == b"\0\xff"
    assert (pdu.esm_class, pdu.data_coding) == (0, 4)
    assert sent(SubmitOptions(), "00FF", Coding.BINARY).short_message == b"\0\xff"


def test_a_class_goes_with_the_alphabet_that_is_used() -> None:
    assert sent(SubmitOptions(), user_data=UserData(data_coding=0x10)).data_coding == 0x10
    assert sent(SubmitOptions(), "ж", Coding.UCS2, user_data=UserData(data_coding=0x1A)).data_coding == 0x1A
    assert sent(SubmitOptions(), "ж", Coding.UCS2, user_data=UserData(data_coding=0x12)).data_coding == 0x1A
    assert sent(SubmitOptions(), "a" * 100, part_total=2, user_data=UserData(data_coding=0x10)).data_coding == 0x10


def test_the_protocol_id_goes_along() -> None:
    assert sent(SubmitOptions()).protocol_id == 0
    assert sent(SubmitOptions(), user_data=UserData(protocol_id=0x41)).protocol_id == 0x41
    pdu = sent(SubmitOptions(), "à", Coding.UCS2, part_total=2, user_data=UserData(data_coding=0x10, protocol_id=0x40))
    assert (pdu.protocol_id, pdu.data_coding) == (0x40, 0x18)
    assert sent(SubmitOptions(), "00", Coding.BINARY, user_data=UserData(b"", b"\0", 0xF6, 0x7F)).protocol_id == 0x7F


@pytest.mark.parametrize(
    ("alphabet", "text", "octets", "data_coding"),
    [
        (Alphabet.GSM, "@ à €", b"\x00 \x7f \x1b\x65", 0),
        (Alphabet.LATIN1, "@ à", b"@ \xe0", 0),
        (Alphabet.ASCII, "@ _ [", b"@ _ [", 0),
        (Alphabet.CP1252, "5 €", b"5 \x80", 0),
        (Alphabet.LATIN1, "5 €", "5 €".encode("utf-16-be"), 8),
        (Alphabet.ASCII, "à" * 70, ("à" * 70).encode("utf-16-be"), 8),
        (Alphabet.ASCII, "à" * 71, b"a" * 71, 0),
        (Alphabet.LATIN1, "€" + "a" * 70, b"E" + b"a" * 70, 0),
        (Alphabet.LATIN1, "Δ" + "a" * 70, b"?" + b"a" * 70, 0),
    ],
)
def test_the_carriers_alphabet_of_data_coding_0(alphabet: Alphabet, text: str, octets: bytes, data_coding: int) -> None:
    pdu = sent(SubmitOptions(alphabet=alphabet), text)
    assert (pdu.short_message, pdu.data_coding) == (octets, data_coding)


def test_beside_a_header_ucs2_has_less_room() -> None:
    options = SubmitOptions(alphabet=Alphabet.ASCII)
    assert sent(options, "à" * 67, part_total=2).data_coding == 8
    assert sent(options, "à" * 68, part_total=2).short_message[6:] == b"a" * 68
    assert sent(options, "à" * 68, user_data=UserData(EIGHT)).short_message == EIGHT + b"a" * 68
    longer = SubmitOptions(alphabet=Alphabet.ASCII, long_form=LongForm.UDH16)
    assert sent(longer, "à" * 66, part_total=2).data_coding == 8
    assert sent(longer, "à" * 67, part_total=2).short_message[7:] == b"a" * 67
    flash = sent(options, "à", user_data=UserData(data_coding=0x10))
    assert (flash.short_message, flash.data_coding) == (b"\0\xe0", 0x18)


def test_data_codings_of_the_carrier() -> None:
    options = SubmitOptions(data_coding_gsm7=1, data_coding_ucs2=0x18, data_coding_binary=0xF5)
    assert sent(options).data_coding == 1
    assert sent(options, "ж", Coding.UCS2).data_coding == 0x18
    assert sent(options, "00", Coding.BINARY, user_data=UserData(b"", b"\0", 2)).data_coding == 0xF5
    assert sent(options, "00", Coding.BINARY, user_data=UserData(b"", b"\0", 0xF6)).data_coding == 0xF6
    assert sent(options, "ж", Coding.UCS2, user_data=UserData(EIGHT, b"\xd8\x3d", 8)).data_coding == 0x18
    assert sent(options, "ç", Coding.UCS2, user_data=UserData(EIGHT, b"\xe7", 3)).data_coding == 3
    assert sent(options, user_data=UserData(data_coding=0x10)).data_coding == 0x10


RULES = (AddressRule("46", "0"), AddressRule("", "00"))


@pytest.mark.parametrize(
    ("number", "rules", "expected"),
    [
        (HANDSET, RULES, "0701740605"),
        ("447700900123", RULES, "00447700900123"),
        (HANDSET, (AddressRule("", "+"),), "+46701740605"),
        (HANDSET, (AddressRule("44", "0"),), HANDSET),
        (HANDSET, (), HANDSET),
    ],
)
def test_numbers_as_the_carrier_wants_them(number: str, rules: tuple[AddressRule, ...], expected: str) -> None:
    options = SubmitOptions(source_rules=rules, dest_rules=rules)
    pdu = sent(options, recipient=number, originator=number)
    assert (pdu.destination_addr, pdu.source_addr) == (expected, expected)
    assert sent(options, originator="Pumps").source_addr == "Pumps"
    assert sent(options, originator="").source_addr == ""


def test_our_reference_of_a_part() -> None:
    pdu = sent(SubmitOptions(has_user_message_reference=True), part_id=0x7_1234)
    assert pdu.tlvs == {Tag.USER_MESSAGE_REFERENCE: b"\x12\x34"}
    assert translate.user_message_reference(0x7_1234) == 0x1234
    receipt = translate.from_deliver_sm(deliver(b"id:1 stat:DELIVRD", esm_class=4, tlvs=pdu.tlvs))
    assert receipt.reference == 0x1234
    for odd in (b"", b"\1", b"\0\0\1"):
        receipt = translate.from_deliver_sm(deliver(esm_class=4, tlvs={Tag.USER_MESSAGE_REFERENCE: odd}))
        assert receipt.reference is None


@pytest.mark.parametrize(
    ("text", "esm_class", "is_trying"),
    [
        (b"id:1 stat:ENROUTE", 0x04, True),
        (b"id:1 stat:BUFFRED", 0x04, True),
        (b"id:1 err:012", 0x20, True),
        (b"id:1 stat:ACCEPTD", 0x04, False),
        (b"id:1 stat:DELIVRD", 0x20, False),
        (b"id:1", 0x04, False),
    ],
)
def test_a_network_that_is_still_trying(text: bytes, esm_class: int, is_trying: bool) -> None:
    assert translate.from_deliver_sm(deliver(text, esm_class=esm_class)).is_trying is is_trying


def test_inbound_in_the_links_alphabet() -> None:
    pdu = deliver(b"@ \xe0")
    assert translate.from_deliver_sm(pdu, Alphabet.LATIN1) == InboundPart(HANDSET, "447700900123", "@ à")
    assert translate.from_deliver_sm(pdu) == InboundPart(HANDSET, "447700900123", "¡ \ufffd")
