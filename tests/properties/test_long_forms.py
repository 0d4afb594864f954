"""Laws of long texts on links: what was charged as a part goes out as a part, and fits one, whatever its form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.intake.content import content_of
from bridge.intake.prepare import Tables
from bridge.intake.settings import IntakeSettings
from bridge.messages.charset import BASIC, EXTENSION
from bridge.messages.message import ClaimedPart, Coding
from bridge.messages.segment import OCTETS_MAX
from bridge.messages.user_data import UserData
from bridge.routing.routes import RouteTable
from bridge.routing.tariff import Tariff
from bridge.smpp import submission, translate, udh
from bridge.smpp.alphabets import Alphabet
from bridge.smpp.constants import DataCoding, EsmClass, Tag
from bridge.smpp.pdus import SubmitSm
from bridge.smpp.submission import DefaultRules
from bridge.smpp.translate import LongForm, SubmitOptions

SETTINGS = IntakeSettings(parts_max=255)
SAR_HEADER_MAX = 7
"""Octets of the larger of the headers that a carrier can make of the SAR TLVs."""


def repeated(characters: str) -> st.SearchStrategy[str]:
    """Texts long enough to fill parts to their last septet."""
    some = st.text(st.sampled_from(characters), min_size=1, max_size=20)
    return st.builds(lambda text, count, end: text * count + end, some, st.integers(1, 60), some).filter(str.strip)


texts = (
    repeated(BASIC.replace("\x1b", "") + "".join(EXTENSION.values()))
    | repeated("a€")
    | repeated("aж€😀👍🏽e\u0301\u200d")
)


def size_on_air(pdu: SubmitSm) -> int:
    """Octets of user data in the radio message that a carrier makes of this: septets are packed."""
    octets = pdu.tlvs.get(Tag.MESSAGE_PAYLOAD, pdu.short_message)
    header_size = 1 + octets[0] if pdu.esm_class & EsmClass.UDHI else 0
    body_size = len(octets) - header_size
    if Tag.SAR_MSG_REF_NUM in pdu.tlvs:
        header_size = SAR_HEADER_MAX
    if pdu.data_coding == DataCoding.UCS2:
        return header_size + body_size
    fill_bits = -header_size * 8 % 7
    return (header_size * 8 + fill_bits + body_size * 7 + 7) // 8


def claimed(content_texts: tuple[str, ...], coding: Coding, user_data: UserData | None = None) -> list[ClaimedPart]:
    total = len(content_texts)
    return [
        ClaimedPart(number, "00000001", 1, number, total, 0x2A, "Pump", "46701740605", coding, text, 1, 0, False,
            user_data)
        for number, text in enumerate(content_texts, 1)
    ]  # fmt: skip


@pytest.mark.parametrize("form", LongForm)
@given(text=texts)
def test_every_part_that_is_charged_is_one_that_fits(form: LongForm, text: str) -> None:
    tables = Tables(Tariff([]), RouteTable([]), {"carrier": form.header_size})
    content = content_of(text, None, SETTINGS, tables.header_size(("carrier",)))
    pdus = [translate.submit_sm(part, SubmitOptions(long_form=form)) for part in claimed(content.texts, content.coding)]
    assert all(size_on_air(pdu) <= OCTETS_MAX for pdu in pdus)
    read = [translate.content_of(pdu) for pdu in pdus]
    assert "".join(said for said, _ in read) == "".join(content.texts)
    if len(pdus) > 1:
        assert [concat and (concat.reference, concat.total, concat.number) for _, concat in read] == [
            (0x2A, len(pdus), number) for number in range(1, len(pdus) + 1)
        ]
        assert len({len(pdu.short_message.split(b"\x2a")[0]) for pdu in pdus if pdu.esm_class}) <= 1, (
            "one kind of header"
        )


@pytest.mark.parametrize("form", LongForm)
@given(text=texts, alphabet=st.sampled_from(Alphabet))
def test_no_alphabet_of_a_carrier_makes_a_part_too_large(form: LongForm, text: str, alphabet: Alphabet) -> None:
    """In an alphabet other than GSM 03.38 a carrier packs what it can, so a letter counts as a septet here too."""
    content = content_of(text, None, SETTINGS, form.header_size)
    options = SubmitOptions(long_form=form, alphabet=alphabet)
    for part in claimed(content.texts, content.coding):
        assert size_on_air(translate.submit_sm(part, options)) <= OCTETS_MAX


@pytest.mark.parametrize("form", LongForm)
@pytest.mark.parametrize("reference", [7, 0x0107])
@pytest.mark.parametrize(("octets", "data_coding"), [(b"x" * 153, 0), ("ж".encode("utf-16-be") * 67, 8)])
def test_a_full_sar_segment_of_an_esme_goes_out_in_every_form(
    form: LongForm, reference: int, octets: bytes, data_coding: int
) -> None:
    """They were refused once: the header that was made of the TLVs was one octet too long beside 153 septets."""
    tlvs = {Tag.SAR_MSG_REF_NUM: reference.to_bytes(2, "big"), Tag.SAR_TOTAL_SEGMENTS: b"\2"}
    tlvs[Tag.SAR_SEGMENT_SEQNUM] = b"\1"
    pdu = SubmitSm(destination_addr="46701740605", data_coding=data_coding, short_message=octets, tlvs=tlvs)
    came = submission.read(pdu, DefaultRules(), now_ms=0).submission
    content = content_of(came.text, came.user_data, SETTINGS)
    (part,) = claimed(content.texts, content.coding, content.user_data)
    sent = translate.submit_sm(part, SubmitOptions(long_form=form))
    if form is not LongForm.SAR:
        assert size_on_air(sent) <= OCTETS_MAX
    text, concat = translate.content_of(sent)
    assert (text, concat and (concat.reference, concat.total, concat.number)) == (came.text, (7, 2, 1))
    assert udh.CONCAT_SIZE == 6


latin = st.text(st.sampled_from("aé[€çÇ½“–\r\n") | st.characters(codec="cp1252"), min_size=1, max_size=12)


@pytest.mark.parametrize("form", [form for form in LongForm if form is not LongForm.SAR])
@given(
    text=latin,
    size=st.sampled_from([67, 68, 134, 135, 152, 153]),
    alphabet=st.sampled_from([Alphabet.LATIN1, Alphabet.CP1252]),
    data_coding=st.sampled_from([0, 0x10]),
)
def test_a_segment_in_latin_letters_is_never_too_long(
    form: LongForm, text: str, size: int, alphabet: Alphabet, data_coding: int
) -> None:
    """One with a letter outside GSM 03.38 was refused from 135 octets on: with it, the handset never joins the rest."""
    octets = (text * size).encode(alphabet.value, "replace")[:size]
    pdu = SubmitSm(
        destination_addr="46701740605",
        esm_class=EsmClass.UDHI,
        data_coding=data_coding,
        short_message=b"\5\0\3\7\2\1" + octets,
    )
    came = submission.read(pdu, DefaultRules(alphabet_0=alphabet), now_ms=0)
    content = content_of(came.submission.text, came.submission.user_data, SETTINGS)
    (part,) = claimed(content.texts, content.coding, content.user_data)
    sent = translate.submit_sm(part, SubmitOptions(long_form=form))
    assert size_on_air(sent) <= OCTETS_MAX
    if not came.is_rough and data_coding == 0:
        written = octets.decode("cp1252" if alphabet is Alphabet.CP1252 else "latin-1", "replace")
        assert came.submission.text == written
