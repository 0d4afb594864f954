"""Laws of what stands inside the PDUs: times, headers, receipts, texts."""

import re

from hypothesis import given
from hypothesis import strategies as st

from bridge.messages.charset import BASIC, EXTENSION
from bridge.messages.inbound import Concat, InboundPart
from bridge.messages.message import ClaimedPart, Coding
from bridge.messages.receipt import Receipt
from bridge.smpp import codec, receipt_text, times, translate, udh
from bridge.smpp.constants import MessageState
from bridge.smpp.pdus import DeliverSm
from tests.properties.smpp_strategies import of_kind

FIRST_MS, LAST_MS = 946_684_800_000, 4_102_444_799_000
"""The years that two digits can say: 2000 to 2099."""

moments = st.integers(FIRST_MS, LAST_MS)
numbers = st.integers(2, 255).flatmap(lambda total: st.tuples(st.just(total), st.integers(1, total)))


@given(moments, moments)
def test_absolute_times_read_back_to_a_tenth_of_a_second(at_ms: int, now_ms: int) -> None:
    text = times.format_absolute(at_ms)
    assert len(text) == 16
    assert times.parse(text, now_ms) == at_ms // 100 * 100


@given(st.integers(1000, 99 * 86_400_000), moments)
def test_relative_times_read_back_to_a_second(duration_ms: int, now_ms: int) -> None:
    assert times.parse(times.format_relative(duration_ms), now_ms) == now_ms + duration_ms // 1000 * 1000


@given(st.text(max_size=18) | st.text("0123456789+-R", min_size=16, max_size=16), moments)
def test_any_text_is_a_time_or_a_value_error(text: str, now_ms: int) -> None:
    try:
        at_ms = times.parse(text, now_ms)
    except ValueError:
        return
    assert (at_ms is None) == (text == "")


@given(st.integers(0, 3_124_223_999_000))
def test_receipt_dates_read_back_to_a_minute(at_ms: int) -> None:
    assert times.parse_receipt_date(times.format_receipt_date(at_ms)) == at_ms // 60_000 * 60_000


@given(st.text(max_size=16) | st.text("0123456789", max_size=16))
def test_any_text_is_a_receipt_date_or_none(text: str) -> None:
    assert isinstance(times.parse_receipt_date(text), int | None)


@given(st.integers(0, 255), numbers, st.binary(max_size=140))
def test_headers_read_back(reference: int, place: tuple[int, int], rest: bytes) -> None:
    header, found = udh.parse(udh.build_concat(reference, *place) + rest)
    assert (header.concat, found) == (Concat(reference, *place), rest)


@given(st.binary(max_size=60))
def test_any_octets_are_a_header_or_an_error(octets: bytes) -> None:
    try:
        header, rest = udh.parse(octets)
    except udh.UdhError:
        return
    assert octets.endswith(rest)
    assert len(octets) == 1 + sum(2 + len(data) for _, data in header.elements) + len(rest)
    concat = header.concat
    assert concat is None or 1 <= concat.number <= concat.total


ids = st.from_regex(re.compile(r"[0-9A-Za-z_@-]{1,64}", re.ASCII), fullmatch=True)


@given(
    ids, st.sampled_from(MessageState), moments, st.text("0123456789ABC", min_size=1, max_size=3), st.text(max_size=40)
)
def test_receipts_read_back_whatever_text_they_repeat(
    smsc_id: str, state: MessageState, at_ms: int, error: str, text: str
) -> None:
    built = receipt_text.build(
        smsc_id=smsc_id, state=state, submitted_at_ms=at_ms, done_at_ms=None, error=error, text=text
    )
    read = receipt_text.parse(built)
    assert (read.smsc_id, read.state, read.error) == (smsc_id, state, error)
    assert receipt_text.parse_unmarked(built) == read


labels = st.sampled_from(["id:", " stat:", " err:", " done date:", " text:", " sub:", "DELIVRD", "2611241200"])


@given(st.lists(labels | st.text(max_size=6), max_size=12).map("".join))
def test_any_text_parses(text: str) -> None:
    read = receipt_text.parse(text)
    assert len(read.error) <= receipt_text.ERROR_SIZE_MAX
    assert read.state is None or read.state in receipt_text.PART_STATES
    assert receipt_text.parse_unmarked(text) in (None, read)


words = st.sampled_from(
    ["7", "", "a:b", "id:5", "DELIVRD", "2611241200", "00B", "x,y", "stat:9", "\xa0", "7\x85", "7 8"]
)
shapes = st.sampled_from(
    [
        "id:{} sub:{} dlvrd:{} submit date:{} done date:{} stat:{} err:{} text:{}",
        "id:{} sub:{} dlvrd:{} submit date:{} done date:{} stat:{} err:{} Text:{}",
        "ID:{} SUB:{} dlvrd:{} submit date:{} done date:{} stat:{} err:{} text:{}",
        "id:{} sub:{} dlvrd:{} submit date:{} done date:{} \u017ftat:{} err:{} text:{}",
        "id:{} sub:{} dlvrd:{} submit date:{} done date:{} stat:{} err:{}{}",
        " id:{} sub:{} dlvrd:{} submit date:{}  done date:{} stat:{} err:{} text:{}",
    ]
)


@given(shapes, st.lists(words | st.text(max_size=4), min_size=8, max_size=8))
def test_the_usual_receipt_is_read_as_any_other(shape: str, values: list[str]) -> None:
    """The quick way and the patient way, side by side."""
    text = shape.format(*values)
    patient = receipt_text._read(receipt_text._fields(text)[1])
    assert receipt_text.parse(text) == patient
    quick = receipt_text._read_usual(text)
    if quick is not None:
        before, found = receipt_text._fields(text)
        assert (before, quick) == ("", patient)
        assert {"id", "stat", "sub"} <= found.keys()


@given(of_kind(DeliverSm))
def test_any_deliver_sm_says_something(pdu: DeliverSm) -> None:
    said = translate.from_deliver_sm(pdu)
    assert isinstance(said, Receipt | InboundPart)


gsm_texts = st.text([sign for sign in BASIC if sign != "\x1b"] + list(EXTENSION.values()), max_size=70)
texts = st.tuples(gsm_texts, st.just(Coding.GSM7)) | st.tuples(st.text(max_size=33), st.just(Coding.UCS2))


@given(texts, st.integers(0, 255), st.just((1, 1)) | numbers, moments)
def test_a_part_arrives_as_it_was_sent(
    said: tuple[str, Coding], reference: int, place: tuple[int, int], network_until_ms: int
) -> None:
    (text, coding), (total, number) = said, place
    part = ClaimedPart(
        part_id=1,
        message_id="6FD54FA2",
        account_id=1,
        part_no=number,
        part_total=total,
        concat_ref=reference,
        originator="Pumps",
        recipient="46701740605",
        coding=coding,
        text=text,
        attempt=1,
        expires_at_ms=0,
        is_possible_duplicate=False,
        network_until_ms=network_until_ms,
    )
    pdu, _ = codec.decode(codec.encode(translate.submit_sm(part, translate.SubmitOptions()), 1))
    concat = Concat(reference, total, number) if total > 1 else None
    assert translate.content_of(pdu) == (text, concat)
    assert times.parse(pdu.validity_period, 0) == network_until_ms // 100 * 100
