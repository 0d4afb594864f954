"""Phone numbers and originators: normalised or refused, never guessed.

A recipient is an MSISDN: E.164 digits without the plus. It must have a *possible* length for its country (the tables
of `phonenumbers`) but need not lie in an assigned range: numbers kept for fiction do not, and a table of ranges that is
a month old must not stop a text. Details of faults hold no digits of the number, because they reach the log.
"""

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import (
    CountryCodeSource,
    NumberParseException,
    PhoneMetadata,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberType,
    ValidationResult,
)

from bridge.messages.charset import forced_ucs2, unit_count
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Coding

DIGITS_MIN = 7
"""Shortest E.164 number in use, country code included."""

DIGITS_MAX = 15
"""ITU-T E.164, 6.2.1."""

RAW_MAX = 40
"""Characters of a number as written: the longest international prefix, 15 digits and a separator after each."""

CACHED_MAX = 10_000
"""Remembered recipients, about 3 MB: a newsletter's worth, at 26 us saved for each."""

ALPHANUMERIC_MAX = 11
"""Septets of a name as originator (3GPP TS 23.040, 9.1.2.5)."""

SHORT_CODE_MIN = 3
SHORT_CODE_MAX = 8

_HOW_TO_WRITE = "write it with the country code, digits only, like 46701740605"
_WRITTEN = re.compile(r"\+?[0-9]+")
_SEPARATORS = re.compile(r"[ .()-]")
_TRUNK_ZERO = re.compile(r"(?<=[0-9 .)-])\( ?0 ?\)")
_TEXTED = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
_NO_DIGIT = re.compile(r"[^0-9]")
# Address books put these around and between digits; nobody sees the difference, so nobody could correct it.
_AS_TYPED = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u202f", " "),
        **dict.fromkeys("\u2010\u2011\u2012\u2013", "-"),
        **dict.fromkeys("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"),
    }
)


def is_country(code: str) -> bool:
    """Whether this is a country that numbers can be read for: two letters of ISO 3166-1, any case."""
    return code.upper() in phonenumbers.SUPPORTED_REGIONS


def parse_recipient(raw: str, home_country: str = "") -> str:
    """E.164 digits of a number as somebody wrote it; raises Fault BAD_RECIPIENT saying what to do.

    Without `home_country` (two letters, any case; an unknown one counts as none) only a number with its country code
    is read: ASCII digits, perhaps a plus in front, and spaces, hyphens, dots and parentheses between. With it, the
    country's own international prefix (00, 011, 009 ...) and national numbers are understood too. Digits that could
    be either are read as the one whose range is assigned, or refused when that does not decide. "(0)" after the
    country code is dropped where that country dials a zero only at home; any other surplus digit is refused.
    """
    if len(raw) > RAW_MAX:
        raise _bad_recipient(_HOW_TO_WRITE)
    return _recipient(raw, home_country.upper() if is_country(home_country) else "")


@lru_cache(maxsize=CACHED_MAX)
def digits_of(raw: str) -> str | None:
    """The digits of a number as somebody wrote it, without a plus and what separates them; None for anything else.

    Nothing is judged: not whether such a number can exist, nor whether it is complete.
    """
    if len(raw) > RAW_MAX:
        return None
    number = _SEPARATORS.sub("", raw.strip().translate(_AS_TYPED))
    return number.removeprefix("+") if _WRITTEN.fullmatch(number) else None


@lru_cache(maxsize=CACHED_MAX)
def _recipient(raw: str, home_country: str) -> str:
    written = raw.strip().translate(_AS_TYPED)
    if _TRUNK_ZERO.search(written):
        written = _without_trunk_zero(written, home_country)
    number = _SEPARATORS.sub("", written)
    if not _WRITTEN.fullmatch(number):
        raise _bad_recipient(_HOW_TO_WRITE)
    if number.startswith("+") or not home_country:
        return _international(number.removeprefix("+"))
    return _at_home(number, home_country)


def _international(digits: str) -> str:
    """Check digits that start with a country code."""
    if digits.startswith("0"):
        raise _bad_recipient(_HOW_TO_WRITE)
    if len(digits) < DIGITS_MIN:
        raise _bad_recipient(f"too short: {_HOW_TO_WRITE}")
    if len(digits) > DIGITS_MAX:
        raise _bad_recipient(f"more than {DIGITS_MAX} digits: {_HOW_TO_WRITE}")
    number = _read("+" + digits, None)
    if number is None:
        raise _bad_recipient(f"unknown country code or wrong length for its country: {_HOW_TO_WRITE}")
    if _digits(number) != digits:
        raise _bad_recipient("leave out the digits that are only dialled at home, such as a 0 after the country code")
    return digits


def _at_home(number: str, home_country: str) -> str:
    """Read digits without a plus for an account in `home_country`."""
    readings = {}
    if not number.startswith("0"):
        abroad = _read("+" + number, None)
        if abroad is not None and _digits(abroad) == number:
            readings[number] = abroad
    at_home = _read(number, home_country)
    if at_home is not None and _is_dialled_in(number, home_country, at_home):
        readings[_digits(at_home)] = at_home
    if len(readings) > 1:
        assigned = {digits: read for digits, read in readings.items() if phonenumbers.is_valid_number(read)}
        readings = assigned or readings
    if len(readings) > 1:
        raise _bad_recipient("it can be read in two ways: put + and the country code in front")
    if not readings:
        raise _bad_recipient(f"not a number of {home_country} nor an international one: {_HOW_TO_WRITE}")
    return _international(next(iter(readings)))


def _is_dialled_in(number: str, home_country: str, read: PhoneNumber) -> bool:
    """Whether somebody in the country may have meant its own number by these digits.

    They then start with a prefix that is dialled there, or are just what the country prints for that number. Most
    countries print a trunk prefix, so that digits without it are international; Brazil and North America do not.
    Only lengths of mobile and fixed numbers count then: service numbers can be as long as any international one.
    """
    if number.startswith("0"):
        return True
    metadata = PhoneMetadata.metadata_for_region(home_country)
    if metadata is not None and metadata.national_prefix and number.startswith(metadata.national_prefix):
        return True
    printed = _NO_DIGIT.sub("", phonenumbers.format_number(read, PhoneNumberFormat.NATIONAL))
    return printed == number and any(phonenumbers.is_possible_number_for_type(read, kind) for kind in _TEXTED)


def _without_trunk_zero(written: str, home_country: str) -> str:
    """Take the one "(0)" out when it stands right after the code of a country that dials a zero only at home."""
    before, after = _TRUNK_ZERO.split(written, maxsplit=1)
    code = _NO_DIGIT.sub("", before)
    home = PhoneMetadata.metadata_for_region(home_country) if home_country else None
    if home is not None and "+" not in before:
        code = re.sub(f"^(?:{home.international_prefix})", "", code)
    region = phonenumbers.region_code_for_country_code(int(code)) if len(code) in (1, 2, 3) else None
    metadata = PhoneMetadata.metadata_for_region(region) if region else None
    if metadata is None or metadata.national_prefix != "0" or _TRUNK_ZERO.search(after):
        raise _bad_recipient(f"the (0) is not clear: {_HOW_TO_WRITE}")
    return f"+{code}{after}"


def _read(number: str, region: str | None) -> PhoneNumber | None:
    """The number when it has a possible, complete length for its country and no digit too many."""
    try:
        read = phonenumbers.parse(number, region, keep_raw_input=True)
    except NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(read) != ValidationResult.IS_POSSIBLE:
        return None
    # The library also drops a trunk zero after an international prefix; we would rather have it written right.
    is_abroad = read.country_code_source == CountryCodeSource.FROM_NUMBER_WITH_IDD
    return None if is_abroad and not number.endswith(_digits(read)) else read


def _digits(number: PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164)).removeprefix("+")


def _bad_recipient(detail: str) -> Fault:
    return Fault(FaultCode.BAD_RECIPIENT, detail)


def parse_originator(raw: str) -> str:
    """The source address of a message: E.164 digits, a short code, or a name; raises Fault BAD_ORIGINATOR.

    Digits without a plus are a short code (3..8 digits) or E.164 (9..15). A name has at least one letter and at most
    11 septets, from the GSM 03.38 characters that Latin-1 has too, because SMPP addresses are octet strings.
    """
    return _originator(raw[: RAW_MAX + 1].strip(" "))


@lru_cache(maxsize=CACHED_MAX)
def _originator(written: str) -> str:
    number = _SEPARATORS.sub("", written)
    if len(written) <= RAW_MAX and _WRITTEN.fullmatch(number):
        if number.isdigit() and len(number) <= SHORT_CODE_MAX:
            return _short_code(number)
        try:
            return _recipient(number, "")
        except Fault as fault:
            raise Fault(FaultCode.BAD_ORIGINATOR, f"as a number: {fault.detail}") from None
    if not written.isprintable() or forced_ucs2(written) or written != _latin(written):
        raise Fault(FaultCode.BAD_ORIGINATOR, "use letters and digits of the Latin alphabet only")
    if not any(character.isalpha() for character in written):
        raise Fault(FaultCode.BAD_ORIGINATOR, "a name needs at least one letter")
    if unit_count(written, Coding.GSM7) > ALPHANUMERIC_MAX:
        raise Fault(FaultCode.BAD_ORIGINATOR, f"at most {ALPHANUMERIC_MAX} characters")
    return written


def _short_code(digits: str) -> str:
    if len(digits) < SHORT_CODE_MIN:
        raise Fault(FaultCode.BAD_ORIGINATOR, f"a short code has {SHORT_CODE_MIN} to {SHORT_CODE_MAX} digits")
    return digits


def _latin(name: str) -> str:
    return name.encode("latin-1", "ignore").decode("latin-1")


def shorten(number: str) -> str:
    """A number as logs may show it: "4670…605"; of a short one hardly anything. Safe for any text."""
    shown = number[:RAW_MAX]
    if not shown.isprintable():
        shown = "".join(character if character.isprintable() else "?" for character in shown)
    if len(shown) >= 10:
        return f"{shown[:4]}…{shown[-3:]}"
    return f"{shown[:1]}…" if shown else ""


def spellings(number: str) -> frozenset[str]:
    """The digits under which carriers and people may write an E.164 number, itself among them; at most 5.

    With the prefix 00, and as it is written at home: with the trunk prefix, with both (46 0 70...), and without any
    where no other country's number looks like that.
    """
    read = _read("+" + number, None)
    if read is None:
        return frozenset({number})
    national = phonenumbers.national_significant_number(read)
    region = phonenumbers.region_code_for_country_code(read.country_code or 0)
    trunk = phonenumbers.ndd_prefix_for_region(region, True)
    found = {number, f"00{number}"}
    if trunk:
        found |= {trunk + national, f"{read.country_code}{trunk}{national}"}
    if len(national) >= DIGITS_MIN and _read("+" + national, None) is None:
        found.add(national)
    return frozenset(found)
