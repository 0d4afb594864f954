"""Laws of what ESMEs ask for and what goes back to them, on both sides of the house."""

import re
from collections.abc import Callable
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from bridge.messages.charset import BASIC, EXTENSION, choose, unit_count
from bridge.messages.esme import EsmeFacts
from bridge.messages.message import ClaimedPart, Coding
from bridge.messages.receipt import Receipt
from bridge.messages.segment import SINGLE_MAX, part_max, segment
from bridge.messages.user_data import UserData
from bridge.smpp import alphabets, codec, deliver, receipt_text, submission, translate
from bridge.smpp.alphabets import Alphabet
from bridge.smpp.constants import Status, Tag
from bridge.smpp.deliver import LongInbound, OwedInbound, OwedReceipt
from bridge.smpp.errors import RemoteProtocolError
from bridge.smpp.message_ids import IdForm, message_id_of, public_ids_of
from bridge.smpp.pdus import DataSm, ReplaceSm, SubmitMulti, SubmitSm
from bridge.smpp.submission import DefaultRules, Refused
from bridge.smpp.translate import LongForm, SubmitOptions
from tests.properties.smpp_strategies import of_kind
from tests.properties.test_smpp_texts import gsm_texts, numbers

T = TypeVar("T")
NOW_MS = 1_795_521_600_000

rules = st.builds(
    DefaultRules, st.sampled_from(["honour", "always", "never"]), st.sampled_from(Alphabet), st.sampled_from(Alphabet)
)
versions = st.sampled_from([0x00, 0x33, 0x34, 0x50])
STEERING = {
    Tag.SAR_MSG_REF_NUM: st.binary(min_size=2, max_size=2),
    Tag.SAR_TOTAL_SEGMENTS: st.sampled_from([b"\0", b"\1", b"\2", b"\xff"]),
    Tag.SAR_SEGMENT_SEQNUM: st.sampled_from([b"\0", b"\1", b"\2", b"\xff"]),
    Tag.SOURCE_PORT: st.binary(min_size=2, max_size=2),
    Tag.DESTINATION_PORT: st.binary(min_size=2, max_size=2),
    Tag.USER_MESSAGE_REFERENCE: st.binary(min_size=2, max_size=2),
    Tag.QOS_TIME_TO_LIVE: st.binary(min_size=4, max_size=4),
    Tag.USSD_SERVICE_OP: st.just(b"\2"),
    Tag.MESSAGE_PAYLOAD: st.binary(max_size=300),
}
steering = st.fixed_dictionaries({}, optional=STEERING)
headers = st.sampled_from([b"", b"\5\0\3\7\2\1", b"\6\x08\4\1\7\2\1", b"\6\5\4\x23\xf4\0\0", b"\0", b"\5\0\3\7\1\1"])
messages = st.builds(bytes.__add__, headers, st.binary(max_size=160)) | st.binary(max_size=254)
coded = st.sampled_from([*range(16), 0x10, 0x14, 0x18, 0xC8, 0xF0, 0xF4]) | st.integers(0, 255)
likely = {
    "esm_class": st.sampled_from([0, 3, 0x40, 0x43, 0x80]) | st.integers(0, 255),
    "data_coding": coded,
    "source_addr_ton": st.integers(0, 7),
    "source_addr_npi": st.integers(0, 19),
    "dest_addr_ton": st.integers(0, 7),
    "dest_addr_npi": st.integers(0, 19),
    "tlvs": steering,
}
flags = {
    "priority_flag": st.integers(0, 4),
    "sm_default_msg_id": st.sampled_from([0, 0, 0, 1]),
    "replace_if_present_flag": st.integers(0, 2),
    "schedule_delivery_time": st.just("") | st.text("0123456789+-R", max_size=16),
    "validity_period": st.just("") | st.from_regex(r"\A00000[0-9]{7}000R\Z"),
    "short_message": messages,
}
submits = st.builds(SubmitSm, **likely, **flags) | of_kind(SubmitSm)
asked = submits | st.builds(DataSm, **likely) | of_kind(DataSm)


def check(reading: submission.Reading) -> None:
    """What came out can be stored and sent."""
    found = reading.submission
    assert found.esme is not None
    assert found.esme.registered_delivery & ~0x13 == 0
    assert found.due_at_ms == 0 or found.due_at_ms > NOW_MS
    assert found.expires_at_ms == 0 or found.expires_at_ms > max(NOW_MS, found.due_at_ms)
    if found.user_data is not None and found.user_data.header:
        assert len(found.user_data.header) == 1 + found.user_data.header[0]


def refused(read: Callable[[], T], version: int = 0x34) -> T | None:
    """What was read; None when it was refused, with a status that this version knows and a reason."""
    try:
        return read()
    except Refused as refusal:
        check_refusal(refusal, version)
        return None


def check_refusal(refusal: Refused, version: int) -> None:
    assert Status(refusal.status)
    assert refusal.reason
    assert refusal.status < 0x100 or version >= 0x50


@given(asked, rules, versions)
def test_any_submit_sm_or_data_sm_is_read_or_refused(
    pdu: SubmitSm | DataSm, settled: DefaultRules, version: int
) -> None:
    reading = refused(lambda: submission.read(pdu, settled, now_ms=NOW_MS, peer_version=version), version)
    if reading is not None:
        check(reading)


@given(of_kind(SubmitMulti), rules)
def test_any_submit_multi_is_read_or_refused(pdu: SubmitMulti, settled: DefaultRules) -> None:
    found = refused(lambda: submission.read_multi(pdu, settled, now_ms=NOW_MS))
    if found is None:
        return
    assert len(found.readings) + len(found.failed) == len(pdu.dest_address)
    assert all(failed.error_status_code for failed in found.failed)
    for reading in found.readings:
        check(reading)


@given(of_kind(ReplaceSm) | st.builds(ReplaceSm, short_message=messages), rules, coded)
def test_any_replace_sm_is_read_or_refused(pdu: ReplaceSm, settled: DefaultRules, data_coding: int) -> None:
    found = refused(lambda: submission.read_replacement(pdu, settled, now_ms=NOW_MS, data_coding=data_coding))
    assert found is None or (found.replacement.registered_delivery or 0) & ~0x13 == 0


@given(asked, st.data())
def test_any_octets_that_parse_are_read_or_refused(pdu: SubmitSm | DataSm, data: st.DataObject) -> None:
    """A good frame with one octet changed."""
    tlvs = pdu.tlvs if not getattr(pdu, "short_message", b"") else {}
    frame = bytearray(codec.encode(type(pdu)(**{**_values(pdu), "tlvs": tlvs}), 1))
    frame[data.draw(st.integers(16, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        again, _ = codec.decode(bytes(frame))
    except RemoteProtocolError:
        return
    reading = refused(lambda: submission.read(again, DefaultRules(), now_ms=NOW_MS))  # type: ignore[arg-type]
    if reading is not None:
        check(reading)


def _values(pdu: SubmitSm | DataSm) -> dict[str, object]:
    return {field.name: getattr(pdu, field.name) for field in pdu.FIELDS}


def claimed(
    text: str, coding: Coding, reference: int, place: tuple[int, int], user_data: UserData | None
) -> ClaimedPart:
    return ClaimedPart(
        part_id=7,
        message_id="6FD54FA2",
        account_id=1,
        part_no=place[1],
        part_total=place[0],
        concat_ref=reference,
        originator="Pumps",
        recipient="46701740605",
        coding=coding,
        text=text,
        attempt=1,
        expires_at_ms=0,
        is_possible_duplicate=False,
        user_data=user_data,
    )


def on_the_wire(part: ClaimedPart, options: SubmitOptions) -> SubmitSm:
    pdu, _ = codec.decode(codec.encode(translate.submit_sm(part, options), 1))
    assert isinstance(pdu, SubmitSm)
    return pdu


texts = st.tuples(gsm_texts, st.just(Coding.GSM7)) | st.tuples(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=33), st.just(Coding.UCS2)
)


@given(texts, st.integers(0, 255), st.just((1, 1)) | numbers, st.sampled_from(LongForm), st.sampled_from(Alphabet))
def test_an_smsc_like_ours_reads_the_text_that_we_send(
    said: tuple[str, Coding], reference: int, place: tuple[int, int], form: LongForm, alphabet: Alphabet
) -> None:
    (text, coding), (total, number) = said, place
    pdu = on_the_wire(claimed(text, coding, reference, place, None), SubmitOptions(long_form=form, alphabet=alphabet))
    found = submission.read(pdu, DefaultRules(alphabet_0=alphabet), now_ms=NOW_MS).submission
    room = SINGLE_MAX[Coding.UCS2] if total == 1 else part_max(Coding.UCS2, form.header_size)
    if coding is Coding.UCS2 or alphabets.encode(text, alphabet) is not None or unit_count(text, Coding.UCS2) <= room:
        assert found.text == text
    else:
        assert len(found.text) == len(text)
    header = found.user_data.header if found.user_data is not None else b""
    if total == 1:
        assert header == b""
    else:
        assert header[-2:] == bytes((total, number))
        assert int.from_bytes(header[3:-2], "big") == reference


segments = st.tuples(st.integers(0, 0xFFFF), numbers)


@given(texts, segments, st.sampled_from(["8", "16", "sar"]), st.sampled_from(LongForm))
def test_a_segment_passes_from_smpp_to_smpp(
    said: tuple[str, Coding], segment_: tuple[int, tuple[int, int]], form_in: str, form_out: LongForm
) -> None:
    """Whatever the form on either side, a handset gets the same text and the same numbers."""
    (text, coding), (reference, (total, number)) = said, segment_
    sar_reference = reference.to_bytes(2, "big")
    if form_in == "16":
        header = bytes((6, 8, 4)) + sar_reference + bytes((total, number))
    else:
        reference &= 0xFF
        header = bytes((5, 0, 3, reference, total, number))
    octets = translate.charset.encode(text, coding)
    data_coding = 8 if coding is Coding.UCS2 else 0
    if form_in == "sar":
        tlvs = {0x020C: sar_reference, 0x020E: bytes((total,)), 0x020F: bytes((number,))}
        pdu = SubmitSm(data_coding=data_coding, short_message=octets, tlvs=tlvs)
    else:
        pdu = SubmitSm(esm_class=0x40, data_coding=data_coding, short_message=header + octets)
    found = submission.read(pdu, DefaultRules(), now_ms=NOW_MS).submission
    assert found.user_data == UserData(header, octets, data_coding)
    for user_data in (found.user_data, UserData(header)):
        out = on_the_wire(claimed(found.text, coding, 0, (1, 1), user_data), SubmitOptions(long_form=form_out))
        said_text, concat = translate.content_of(out)
        assert said_text == text
        assert concat is not None
        assert (concat.total, concat.number) == (total, number)
        is_narrow = form_out in (LongForm.UDH8, LongForm.PAYLOAD)
        assert concat.reference == (reference & 0xFF if is_narrow else reference)


@given(st.binary(max_size=134), headers, st.sampled_from([2, 4, 0x14, 0xF4, 0xF6]), st.sampled_from(LongForm))
def test_binary_content_passes_untouched(body: bytes, header: bytes, data_coding: int, form: LongForm) -> None:
    pdu = SubmitSm(esm_class=0x40 if header else 0, data_coding=data_coding, short_message=header + body)
    found = submission.read(pdu, DefaultRules(), now_ms=NOW_MS).submission
    assert found.text == body.hex().upper()
    out = on_the_wire(claimed(found.text, Coding.BINARY, 0, (1, 1), found.user_data), SubmitOptions(long_form=form))
    octets = out.tlvs.get(Tag.MESSAGE_PAYLOAD) or out.short_message
    assert octets.endswith(body)
    assert out.data_coding == data_coding
    if header[1:2] == b"\5":
        assert octets == header + body


@given(st.text(max_size=60).filter(lambda text: any(character < "\x80" for character in text)))
def test_text_with_a_latin_letter_is_never_taken_for_swapped(text: str) -> None:
    octets = text.encode("utf-16-be", "replace")
    if octets[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        assert alphabets.decode_ucs2(octets) == (octets.decode("utf-16-be"), octets, False)


@given(st.text("abcdefghijklmnopqrstuvwxyz ABC.,!?\n0123456789", min_size=3, max_size=60))
def test_swapped_latin_text_is_put_right(text: str) -> None:
    found, octets, is_swapped = alphabets.decode_ucs2(text.encode("utf-16-le"))
    if len(set(text)) > 1:
        assert (found, octets, is_swapped) == (text, text.encode("utf-16-be"), True)


# message_id

public_ids = st.integers(0, 0xFFFFFFFF).map("{:08X}".format) | st.integers(1 << 32, (1 << 48) - 1).map("{:012X}".format)


@given(public_ids, st.sampled_from(IdForm), st.booleans())
def test_every_spelling_of_an_id_leads_back(public_id: str, form: IdForm, is_receipt: bool) -> None:
    told = message_id_of(public_id, form, is_receipt)
    assert len(told) <= 64
    if not is_receipt:
        assert public_ids_of(told, form)[0] == public_id
    for spelling in (told, told.lower(), told.lstrip("0") or "0", str(int(public_id, 16)), public_id.lower()):
        assert public_id in public_ids_of(spelling, form)


@given(st.text(max_size=20), st.sampled_from(IdForm))
def test_any_text_is_an_id_or_none(text: str, form: IdForm) -> None:
    for one in public_ids_of(text, form):
        assert re.fullmatch(r"[0-9A-F]{8}|[0-9A-F]{12}", one)


# Receipts

moments = st.integers(946_684_800_000, 3_124_223_999_000)
"""The years that the two digits of a receipt's date can say: 2000 to 2068."""
facts = st.builds(
    EsmeFacts,
    service_type=st.text("CMTWAP", max_size=5),
    source_addr=st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20),
    destination_addr=st.text("+0123456789", max_size=20),
    user_message_reference=st.none() | st.integers(0, 0xFFFF),
)
receipts = st.builds(
    OwedReceipt,
    message_id=public_ids,
    event=st.sampled_from(sorted(deliver.STATE_OF_EVENT)),
    submitted_at_ms=st.none() | moments,
    done_at_ms=st.none() | moments,
    esme=facts,
    part_total=st.integers(1, 255),
    parts_delivered=st.integers(0, 255),
    error=st.sampled_from(["", "000", "27", "1024", "00B", "x"]) | st.text(max_size=16),
    text_start=st.text(max_size=30) | st.sampled_from(["id:1 stat:UNDELIV err:1", "\r\n", "@@@", "€" * 25]),
)


@given(receipts, st.sampled_from(IdForm), versions, st.sampled_from(Alphabet))
def test_our_parser_reads_the_receipts_we_build(
    owed: OwedReceipt, form: IdForm, version: int, alphabet: Alphabet
) -> None:
    pdu = deliver.deliver_sm_of_receipt(owed, peer_version=version, id_form=form, alphabet=alphabet)
    again, _ = codec.decode(codec.encode(pdu, 1))
    assert again == pdu
    message_id = message_id_of(owed.message_id, form, is_receipt=True)
    state = deliver.STATE_OF_EVENT[owed.event]
    found = translate.from_deliver_sm(pdu)
    assert isinstance(found, Receipt)
    assert (found.smsc_id, found.state) == (message_id, receipt_text.PART_STATES[state])
    assert len(found.error) == 3
    said = receipt_text.parse(pdu.short_message.decode("latin-1"))
    assert (said.smsc_id, said.state) == (message_id, state)
    for written, read in ((owed.submitted_at_ms, said.submitted_at_ms), (owed.done_at_ms, said.done_at_ms)):
        assert read == (written if written is None else written // 60_000 * 60_000)
    assert bool(pdu.tlvs) is (version >= 0x34)
    assert (Tag.RECEIPTED_MESSAGE_ID in pdu.tlvs) is (Tag.MESSAGE_STATE in pdu.tlvs)
    assert found.reference == (owed.esme.user_message_reference if pdu.tlvs else None)


# Inbound

anything = st.text(
    [sign for sign in BASIC if sign != "\x1b"] + list(EXTENSION.values()) + ["ж", "ç", "😀"], max_size=400
)


@given(anything, st.sampled_from(LongInbound), versions, st.sampled_from(Alphabet), st.integers(0, 0xFFFF))
def test_an_inbound_text_arrives_whole(
    text: str, form: LongInbound, version: int, alphabet: Alphabet, reference: int
) -> None:
    owed = OwedInbound("46701740605", "71234", text, reference)
    made = deliver.deliver_sms_of_inbound(owed, long_form=form, peer_version=version, alphabet=alphabet)
    found = []
    for number, pdu in enumerate(made, 1):
        again, _ = codec.decode(codec.encode(pdu, 1))
        assert again == pdu
        piece, concat = translate.content_of(pdu, alphabet)
        found.append(piece)
        if len(made) == 1:
            assert concat is None
        else:
            assert concat is not None
            assert (concat.reference, concat.total, concat.number) == (reference & 0xFF, len(made), number)
            assert len(pdu.short_message) <= 6 + 153
        assert not pdu.tlvs or version >= 0x34
    assert "".join(found) == text
    if form is LongInbound.PAYLOAD and version >= 0x34:
        assert len(made) == 1


@given(anything, st.integers(6, 12))
def test_parts_leave_room_for_their_header(text: str, header_size: int) -> None:
    coding = choose(text)
    pieces = segment(text, coding, header_size)
    assert "".join(pieces) == text
    if len(pieces) > 1:
        limit = (140 - header_size) * 8 // 7 if coding is Coding.GSM7 else (140 - header_size) // 2
        assert max(unit_count(piece, coding) for piece in pieces) <= limit
