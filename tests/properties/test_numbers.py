"""Any spelling of a number gives the same digits, nothing is guessed, and the tables are read as the library does."""

from collections import Counter

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, ValidationResult

from bridge.messages.country_plan import plan_of
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.number_kinds import NumberKind
from bridge.messages.number_plans import place_of
from bridge.messages.numbers import Number, normalise

COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS = {
    PhoneNumberType.MOBILE: NumberKind.MOBILE,
    PhoneNumberType.FIXED_LINE: NumberKind.FIXED,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberKind.FIXED_OR_MOBILE,
    PhoneNumberType.TOLL_FREE: NumberKind.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE: NumberKind.PREMIUM,
    PhoneNumberType.SHARED_COST: NumberKind.SHARED_COST,
    PhoneNumberType.VOIP: NumberKind.INTERNET,
    PhoneNumberType.PERSONAL_NUMBER: NumberKind.PERSONAL,
    PhoneNumberType.PAGER: NumberKind.PAGER,
    PhoneNumberType.UAN: NumberKind.COMPANY,
    PhoneNumberType.VOICEMAIL: NumberKind.VOICEMAIL,
    PhoneNumberType.UNKNOWN: NumberKind.UNKNOWN,
}
TYPES = [kind for kind in KINDS if kind is not PhoneNumberType.UNKNOWN]


def digits_of(number: phonenumbers.PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))[1:]


def examples() -> list[str]:
    """One number of every kind of every country, as far as there is one."""
    found = (phonenumbers.example_number_for_type(country, kind) for country in COUNTRIES for kind in TYPES)
    return sorted({digits_of(number) for number in found if number is not None})


EXAMPLES = examples()
countries = st.sampled_from(COUNTRIES)
homes = st.just("") | countries


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """E.164 digits near a real number of some country; not all are possible, most are not assigned."""
    digits = draw(st.sampled_from(EXAMPLES))
    kept = draw(st.integers(1, len(digits)))
    size = max(0, len(digits) - kept + draw(st.sampled_from([0, 0, 0, 1, -1])))
    return digits[:kept] + draw(st.text("0123456789", min_size=size, max_size=size))


def attempt(raw: str, home: str = "") -> Number | Fault:
    found: Number | Fault
    try:
        found = normalise(raw, home)
    except Fault as fault:
        found = fault
    assert isinstance(found, Number) or (found.code is FaultCode.BAD_RECIPIENT and found.detail)
    return found


def test_there_are_many_examples() -> None:
    assert len(EXAMPLES) > 900


@given(numbers())
def test_lengths_kinds_and_countries_are_those_of_the_library(digits: str) -> None:
    assume(7 <= len(digits) <= 15)
    number = attempt("+" + digits)
    try:
        read = phonenumbers.parse("+" + digits)
    except NumberParseException:
        assert isinstance(number, Fault)
        return
    is_possible = phonenumbers.is_possible_number_with_reason(read) == ValidationResult.IS_POSSIBLE
    if not is_possible or digits_of(read) != digits:
        assert isinstance(number, Fault)
        return
    assert isinstance(number, Number)
    assert number.digits == digits
    place = place_of(digits)
    assert place is not None
    assert place.is_assigned == phonenumbers.is_valid_number(read)
    if number.kind is not NumberKind.SATELLITE:
        assert number.kind is KINDS[phonenumbers.number_type(read)]
    country = phonenumbers.region_code_for_number(read)
    assert country in (number.country, None, "001")


@pytest.mark.parametrize("country", COUNTRIES)
def test_numbers_are_printed_as_the_library_prints_them(country: str) -> None:
    for kind in TYPES:
        number = phonenumbers.example_number_for_type(country, kind)
        if number is not None:
            shown = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
            national = phonenumbers.national_significant_number(number)
            assert plan_of(country).printed(national) == "".join(filter(str.isdigit, shown))


@given(numbers(), homes, st.lists(st.sampled_from(["", "", " ", "-", ".", "(", ")", "\u00a0", "\u2011"]), min_size=15))
def test_a_plus_and_any_separators_mean_the_same_for_everybody(digits: str, home: str, between: list[str]) -> None:
    plain = attempt("+" + digits)
    spaced = "".join(separator + digit for digit, separator in zip(digits, between, strict=False))
    assume("(0)" not in spaced and len(spaced) < 40)
    found = attempt("+" + spaced, home)
    if isinstance(plain, Fault):
        assert isinstance(found, Fault)
    else:
        assert found == plain


@given(
    st.sampled_from(EXAMPLES), countries, st.sampled_from(["national", "international", "e164", "(0)", "abroad", "00"])
)
def test_every_spelling_of_a_number_gives_its_digits_or_is_refused(digits: str, home: str, spelling: str) -> None:
    """National spellings are read in the number's own country; no spelling ever gives another number."""
    number = phonenumbers.parse("+" + digits)
    own = phonenumbers.region_code_for_number(number) or ""
    code, national = str(number.country_code), phonenumbers.national_significant_number(number)
    raw = {
        "national": phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL),
        "international": phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL),
        "e164": "+" + digits,
        "(0)": f"+{code} (0) {national}",
        "abroad": phonenumbers.format_out_of_country_calling_number(number, home),
        "00": "00" + digits,
    }[spelling]
    if not raw.isascii() or "~" in raw:
        return
    if spelling == "abroad" and phonenumbers.country_code_for_region(home) == number.country_code:
        return  # Printed as a national number.
    reader = own if spelling == "national" else "" if spelling == "00" else home
    if spelling == "national" and not phonenumbers.is_possible_number_for_type(number, PhoneNumberType.MOBILE):
        return  # Service numbers: printed as short as any foreign number.
    found = attempt(raw, reader)
    if spelling in ("international", "e164"):
        assert isinstance(found, Number)
    assert isinstance(found, Fault) or found.digits == digits


@given(st.text("0123456789+-. ()/", max_size=24) | numbers() | st.text(max_size=45), homes)
def test_nothing_is_guessed(raw: str, home: str) -> None:
    """Whatever comes out is made of the digits that were written and of the home country's code."""
    found = attempt(raw, home)
    if isinstance(found, Fault):
        return
    written = Counter(filter(str.isdigit, raw))
    code = plan_of(home).code if home else ""
    if home and plan_of(home).transform and "rewritten" in found.rule:
        assert found.digits.startswith(code)  # The country's plan itself says which digits come in.
        return
    if found.digits in raw.translate(str.maketrans("", "", "+-. ()/")):
        return
    assert not Counter(found.digits) - (written + Counter(code))
    assert found.digits.startswith(code) or "(0)" in raw.replace(" ", "")
    kept = found.digits.removeprefix(code)
    assert "".join(filter(str.isdigit, raw)).endswith(kept) or "(0)" in raw.replace(" ", "")


@given(st.text("0123456789+-. ()/", max_size=24) | numbers(), homes)
def test_what_was_read_is_read_the_same_again(raw: str, home: str) -> None:
    found = attempt(raw, home)
    if isinstance(found, Number) and found.kind is not NumberKind.SHORT_CODE:
        for again in (attempt("+" + found.digits, home), attempt(found.digits)):
            assert isinstance(again, Number)
            assert (again.digits, again.kind, again.country, again.rule) == (
                found.digits,
                found.kind,
                found.country,
                "",
            )
    elif isinstance(found, Number):
        assert attempt(found.digits, home) == found
        assert isinstance(attempt(found.digits), Fault)


@given(st.text("0123456789", max_size=12), homes)
def test_001_is_never_read_where_nobody_says_whose_prefix_it_is(rest: str, home: str) -> None:
    found = attempt("001" + rest, home)
    prefix = plan_of(home).prefix_abroad if home else None
    if not home or prefix is None or not prefix.match("001" + rest):
        assert isinstance(found, Fault) or (home and place_of(found.digits).is_assigned)  # type: ignore[union-attr]
    if not home:
        assert isinstance(found, Fault)


@given(numbers(), homes)
def test_what_changed_is_told_without_the_number(digits: str, home: str) -> None:
    national = digits[len(place.code) :] if (place := place_of(digits)) is not None else digits
    for raw in (digits, national, "0" + national, f"+{digits[:2]}(0){digits[2:]}"):
        found = attempt(raw, home)
        if isinstance(found, Number) and found.rule:
            assert all(len(word) <= 9 for word in found.rule.replace(",", "").split() if word.isdigit())
            assert found.digits not in found.rule
            assert "left out" in found.rule or "put in front" in found.rule or "short code" in found.rule
