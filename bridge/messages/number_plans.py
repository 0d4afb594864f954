"""The numbering plans of the world, from the tables of `phonenumbers`: lengths, kinds and countries of E.164 digits.

The answers are those of the library; they are worked out here from its tables because its own way takes 40 us for a
number, and most numbers of a newsletter are new. Kinds are hints: a number has a *possible* length for its country, or
it is none; that it lies in no range the tables know says only that they are older than the range, or that it is kept
for fiction.
"""

import re
from dataclasses import dataclass

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.shortnumberinfo import is_emergency_number, is_possible_short_number_for_region

from bridge.messages.country_plan import Plan, plan_of
from bridge.messages.number_kinds import NumberKind

DIGITS_MIN = 7
"""Shortest E.164 number in use, country code included."""
DIGITS_MAX = 15
"""ITU-T E.164, 6.2.1."""
CODE_SIZE_MAX = 3
"""Digits of a country code (ITU-T E.164, 6.2.1)."""
SHORT_CODE_MIN = 3
SHORT_CODE_MAX = 6
"""Digits of a short code as recipient; what is longer is rather a number that lacks a digit."""


SATELLITE_CODES = frozenset({870, 881, 882, 883})
"""Inmarsat, the global satellite systems, and the international networks: ships, satellites and machines."""

PREFIXES_FROM_00 = tuple(
    re.compile(pattern)
    for pattern in (
        r"0(?:0[25-79]|19)",
        r"00(?:1[245]|2[1-35]|31|4[13]|[56]5|99)",
        r"00(?:1\d)?",
        r"00(?:30|5[09]|[126-9]?)",
        r"00(?:4(?:[14]4|56)|[579])",
        r"00(?:[125689]|3(?:[46]5|91)|7(?:00|27|3|55|6[126]))",
        r"000",
        r"001",
        r"001[14-689]|14(?:1[14]|34|4[17]|[56]6|7[47]|88)0011",
        r"009",
        r"00[056]",
        r"00[057]",
        r"00[1-9]",
        r"00[14-9]",
        r"00[89]",
        r"0[0-3]\d",
    )
)
"""Every way in which some country dials more than 00 before a country code, as 001 or 009; a test compares them with
the tables of the library, which take half a second to read."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where E.164 digits of a possible length lie."""

    code: str
    national: str
    country: str
    """Two letters; "" where the code belongs to no country, or to several and the tables do not tell."""
    kind: NumberKind
    is_assigned: bool
    """Whether the tables know the range."""
    plan: Plan
    """Of the main country of the code."""


def is_country(code: str) -> bool:
    """Whether this is a country that numbers can be read for: two letters of ISO 3166-1, any case."""
    return code.upper() in phonenumbers.SUPPORTED_REGIONS


def code_of(digits: str) -> str:
    """The country code that digits begin with; "" for none that exists."""
    if digits.startswith("0"):
        return ""
    for size in range(1, min(CODE_SIZE_MAX, len(digits)) + 1):
        if int(digits[:size]) in COUNTRY_CODE_TO_REGION_CODE:
            return digits[:size]
    return ""


def main_plan_of(code: str) -> Plan:
    """The plan of an existing country code: of the main country that has it."""
    return plan_of(COUNTRY_CODE_TO_REGION_CODE[int(code)][0], code)


def main_country(code: str) -> str:
    """Two letters of the main country of a country code; "" for no code, and one that belongs to no country."""
    region = COUNTRY_CODE_TO_REGION_CODE[int(code)][0] if code else ""
    return "" if region.isdigit() else region


def place_of(digits: str) -> Place | None:
    """Where digits that begin with a country code lie; None for no country code, or a length impossible for it."""
    code = code_of(digits)
    if not code or not DIGITS_MIN <= len(digits) <= DIGITS_MAX:
        return None
    national = digits[len(code) :]
    regions = COUNTRY_CODE_TO_REGION_CODE[int(code)]
    main = main_plan_of(code)
    if len(national) not in main.general.lengths:
        return None
    country, kind = _country_and_kind(regions, code, national, main)
    is_assigned = kind is not NumberKind.UNKNOWN
    if int(code) in SATELLITE_CODES:
        kind = NumberKind.SATELLITE
    return Place(code, national, country, kind, is_assigned, main)


def _country_and_kind(regions: tuple[str, ...], code: str, national: str, main: Plan) -> tuple[str, NumberKind]:
    if len(regions) == 1:
        return ("" if regions[0].isdigit() else regions[0]), main.kind_of(national)
    for region in regions:
        plan = plan_of(region, code)
        if plan.leading is not None:
            if plan.leading.match(national):
                return region, plan.kind_of(national)
        elif (kind := plan.kind_of(national)) is not NumberKind.UNKNOWN:
            return region, kind
    # The neighbours of a large country have few ranges of its code; in North America any may get the next area code.
    return ("" if code == "1" else regions[0]), NumberKind.UNKNOWN


def is_short_code(digits: str, country: str) -> bool:
    """Whether so short a code is possible in a country. Codes for emergencies are none: nobody reads texts there."""
    if not SHORT_CODE_MIN <= len(digits) <= SHORT_CODE_MAX or digits[0] == "0" or is_emergency_number(digits, country):
        return False
    number = phonenumbers.PhoneNumber(country_code=phonenumbers.country_code_for_region(country))
    number.national_number = int(digits)
    return bool(is_possible_short_number_for_region(number, country))
