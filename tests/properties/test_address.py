"""A number is normalised or refused, whatever is thrown at it."""

import string
from collections.abc import Callable

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bridge.messages.address import parse_originator, parse_recipient, shorten
from bridge.messages.charset import choose, unit_count
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Coding

COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)
countries = st.sampled_from(COUNTRIES)
homes = st.just("") | countries
scribbles = st.text(max_size=45) | st.text(string.digits + "+ -.()", max_size=25)


def attempt(parse: Callable[..., str], *values: str) -> str | Fault:
    """What `parse` makes of the values: its answer, or the refusal."""
    try:
        return parse(*values)
    except Fault as fault:
        return fault


def possible(country: str, national: str) -> str:
    """The E.164 digits of a number in `country` when it is whole and written as it should be, else ""."""
    code = phonenumbers.country_code_for_region(country)
    number = phonenumbers.parse(f"+{code}{national}")
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return ""
    digits = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]
    return digits if digits == f"{code}{national}" and 7 <= len(digits) <= 15 else ""


numbers = st.builds(possible, countries, st.text("0123456789", min_size=6, max_size=11)).filter(bool)


@given(scribbles, homes)
def test_any_text_is_e164_digits_or_a_bad_recipient(raw: str, home: str) -> None:
    digits = attempt(parse_recipient, raw, home)
    if isinstance(digits, Fault):
        assert digits.code is FaultCode.BAD_RECIPIENT
        assert digits.detail
        return
    assert digits.isascii()
    assert digits.isdigit()
    assert digits[0] != "0"
    if 3 <= len(digits) <= 6:
        assert home, "a short code means something in one country only"
        return
    assert 7 <= len(digits) <= 15
    assert parse_recipient("+" + digits, home) == digits
    assert parse_recipient(digits) == digits


@given(scribbles)
def test_without_a_home_country_no_digit_is_added_or_dropped(raw: str) -> None:
    """But 00 in front, which means what a plus means."""
    digits = attempt(parse_recipient, raw)
    if isinstance(digits, str):
        has_trunk_zero = "(0)" in raw.replace(" ", "")
        kept = raw.replace(" ", "").replace("(0)", "", 1) if has_trunk_zero else raw
        assert digits == "".join(character for character in kept if character.isdigit()).removeprefix("00")


@given(numbers, homes, st.lists(st.sampled_from(["", "", " ", "-", ".", "(", ")"]), min_size=15, max_size=15))
def test_a_plus_means_the_same_for_everybody(digits: str, home: str, between: list[str]) -> None:
    spaced = "".join(separator + digit for digit, separator in zip(digits, between, strict=False))
    assume("(0)" not in spaced)
    assert parse_recipient("+" + spaced, home) == digits


@given(numbers, countries)
def test_plain_international_digits_are_never_taken_for_another_number_without_need(digits: str, home: str) -> None:
    """They may be refused as ambiguous, or read as a number whose range is assigned at home; nothing else."""
    read = attempt(parse_recipient, digits, home)
    if isinstance(read, Fault):
        assert "two ways" in read.detail or "one town" in read.detail
    elif read != digits:
        assert phonenumbers.is_valid_number(phonenumbers.parse("+" + read))
        assert not phonenumbers.is_valid_number(phonenumbers.parse("+" + digits))


@pytest.mark.parametrize("kind", [phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE])
@pytest.mark.parametrize("country", COUNTRIES)
def test_a_country_reads_its_own_numbers_as_it_prints_them(country: str, kind: int) -> None:
    """Or asks for the country code; it never takes them for another number."""
    example = phonenumbers.example_number_for_type(country, kind)
    if example is None:
        return
    digits = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)[1:]
    printed = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
    read = attempt(parse_recipient, printed, country)
    assert read == digits or (isinstance(read, Fault) and "two ways" in read.detail)
    assert parse_recipient(digits) == digits
    assert parse_recipient("+" + digits, country) == digits


def test_hardly_any_country_has_to_ask_for_the_country_code() -> None:
    asking = set()
    for country in COUNTRIES:
        example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
        printed = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL) if example else ""
        if printed and isinstance(attempt(parse_recipient, printed, country), Fault):
            asking.add(country)
    assert len(asking) <= 8, asking


@given(st.text(max_size=45) | scribbles | st.text(string.ascii_letters + "[]€ ", max_size=14))
def test_any_text_is_an_originator_of_a_known_kind_or_a_fault(raw: str) -> None:
    originator = attempt(parse_originator, raw)
    if isinstance(originator, Fault):
        assert originator.code is FaultCode.BAD_ORIGINATOR
        assert originator.detail
        return
    assert originator.isprintable()
    assert parse_originator(originator) == originator
    if originator.isdigit():
        assert 3 <= len(originator) <= 15
    else:
        assert choose(originator) is Coding.GSM7
        assert 1 <= unit_count(originator, Coding.GSM7) <= 11
        originator.encode("latin-1")


@given(st.text(max_size=60))
def test_a_log_never_shows_a_whole_number_nor_a_control(text: str) -> None:
    shown = shorten(text)
    assert len(shown) <= 8
    assert shown.isprintable()
    assert len([character for character in shown if character != "…"]) <= max(1, len(text) - 3) or not text
