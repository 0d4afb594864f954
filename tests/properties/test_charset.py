"""Laws of the alphabets, with two codecs that nobody here wrote as witnesses."""

import unicodedata

import pytest
import smpplib.gsm
from gsm0338 import Codec as Gsm0338
from hypothesis import given
from hypothesis import strategies as st

from bridge.messages.charset import (
    BASIC,
    EXTENSION,
    choose,
    decode,
    downgrade,
    encode,
    forced_ucs2,
    normalise_text,
    unit_count,
)
from bridge.messages.message import Coding
from bridge.messages.segment import segment

GSM7, UCS2 = Coding.GSM7, Coding.UCS2
GSM_CHARACTERS = sorted((set(BASIC) - {"\x1b"}) | set(EXTENSION.values()))
SMPPLIB_LACKS = {"§", "\f"}
"""It has a backtick where the section sign belongs, and no form feed."""

gsm_texts = st.text(st.sampled_from(GSM_CHARACTERS))
any_texts = st.text(st.characters() | st.characters(categories=["Cs"]) | st.sampled_from(GSM_CHARACTERS))
typographic = st.text(st.sampled_from(GSM_CHARACTERS) | st.sampled_from("“”‘’–—…\u00a0\u200b•е́\u0301e`«»"))


@given(gsm_texts)
def test_gsm_text_survives_the_wire(text: str) -> None:
    assert decode(encode(text, GSM7), GSM7) == text


@given(st.text())
def test_any_text_survives_the_wire_in_the_alphabet_chosen_for_it(text: str) -> None:
    coding = choose(text)
    assert decode(encode(text, coding), coding) == text


@given(any_texts)
def test_gsm_is_chosen_exactly_when_every_character_is_in_it(text: str) -> None:
    outside = [character for character in text if character not in GSM_CHARACTERS]
    assert choose(text) is (UCS2 if outside else GSM7)
    assert forced_ucs2(text) == (outside[0] if outside else "")


@given(any_texts, st.sampled_from(Coding))
def test_encoding_never_fails_and_costs_what_is_counted(text: str, coding: Coding) -> None:
    octets = encode(text, coding)
    assert len(octets) == unit_count(text, coding) * (1 if coding is GSM7 else 2)
    if coding is GSM7:
        assert all(octet < 0x80 for octet in octets)


@given(any_texts, any_texts, st.sampled_from(Coding))
def test_parts_encoded_one_by_one_are_the_whole(first: str, second: str, coding: Coding) -> None:
    assert encode(first, coding) + encode(second, coding) == encode(first + second, coding)


@given(st.binary(max_size=300), st.sampled_from(Coding))
def test_any_octets_decode_to_text_without_an_escape(octets: bytes, coding: Coding) -> None:
    text = decode(octets, coding)
    text.encode("utf-8")
    if coding is GSM7:
        assert "\x1b" not in text


@given(st.text(st.sampled_from(GSM_CHARACTERS), max_size=200))
def test_gsm0338_reads_and_writes_the_same_octets(text: str) -> None:
    octets = Gsm0338().encode(text)[0]
    assert encode(text, GSM7) == octets
    assert Gsm0338().decode(encode(text, GSM7))[0] == text


@given(any_texts)
def test_gsm0338_agrees_on_what_is_in_the_alphabet(text: str) -> None:
    try:
        Gsm0338().encode(text.replace("\x1b", "\u2603"))
        is_inside = True
    except UnicodeEncodeError:
        is_inside = False
    assert (choose(text) is GSM7) is is_inside


@given(st.text(st.sampled_from([character for character in GSM_CHARACTERS if character not in SMPPLIB_LACKS])))
def test_smpplib_writes_the_same_octets(text: str) -> None:
    assert encode(text, GSM7) == smpplib.gsm.gsm_encode(text)


def test_where_smpplib_differs_it_is_wrong() -> None:
    """Should a new release agree, the exception above can go."""
    assert smpplib.gsm.gsm_encode("`") == encode("§", GSM7)
    assert smpplib.gsm.gsm_encode("\x1b") == b"\x1b"
    for lacking in SMPPLIB_LACKS:
        with pytest.raises(UnicodeError):
            smpplib.gsm.gsm_encode(lacking)


@given(any_texts)
def test_normal_text_is_clean_and_stays_as_it_is(text: str) -> None:
    normal = normalise_text(text)
    assert normalise_text(normal) == normal
    normal.encode("utf-8")
    controls = {character for character in normal if unicodedata.category(character) == "Cc"}
    assert controls <= {"\n"}
    assert not set(normal) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u2028\u2029")


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cf"]) | st.just("\n")))
def test_ordinary_text_is_never_changed(text: str) -> None:
    assert normalise_text(text) == text


@given(any_texts)
def test_normalising_only_drops_or_replaces(text: str) -> None:
    assert unit_count(normalise_text(text), UCS2) <= unit_count(text, UCS2)


@given(st.text() | typographic)
def test_a_downgrade_saves_the_alphabet_or_changes_nothing(text: str) -> None:
    plain = downgrade(text)
    assert plain == text or (choose(text) is UCS2 and choose(plain) is GSM7)
    assert downgrade(plain) == plain


@given(typographic | st.integers(1, 300).map(lambda times: "…" * times), st.integers(1, 12))
def test_a_downgrade_never_costs_a_part(text: str, times: int) -> None:
    text *= times
    plain = downgrade(text)
    assert len(segment(plain, choose(plain))) <= len(segment(text, choose(text)))
