"""Originators, and the spellings of numbers. How a recipient is read: see `numbers.py`.

Details of faults hold no digits of a number, because they reach the log.
"""

import re
from functools import lru_cache

from bridge.messages import number_plans as plans
from bridge.messages import numbers
from bridge.messages.charset import forced_ucs2, unit_count
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Coding
from bridge.messages.number_plans import is_country as is_country
from bridge.messages.numbers import CACHED_MAX, RAW_MAX

ALPHANUMERIC_MAX = 11
"""Septets of a name as originator (3GPP TS 23.040, 9.1.2.5)."""

SHORT_CODE_MIN = 3
SHORT_CODE_MAX = 8

_WRITTEN = re.compile(r"\+?[0-9]+")
_SEPARATORS = re.compile(r"[ .()-]")


def parse_recipient(raw: str, home_country: str = "") -> str:
    """E.164 digits of a number as somebody wrote it, as `numbers.normalise` reads it. Raises Fault BAD_RECIPIENT."""
    return numbers.normalise(raw, home_country).digits


@lru_cache(maxsize=CACHED_MAX)
def country_of(number: str) -> str:
    """Two letters of the country that E.164 digits belong to; empty: no single one's, or unknown."""
    place = plans.place_of(number)
    # Too short for a number: a short code behind the code of its country.
    return place.country if place is not None else plans.main_country(plans.code_of(number))


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
            return numbers.normalise(number).digits
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
    place = plans.place_of(number)
    if place is None:
        return frozenset({number})
    national, trunk = place.national, place.plan.trunk
    found = {number, f"00{number}"}
    if trunk:
        found |= {trunk + national, f"{place.code}{trunk}{national}"}
    if len(national) >= plans.DIGITS_MIN and plans.place_of(national) is None:
        found.add(national)
    return frozenset(found)
