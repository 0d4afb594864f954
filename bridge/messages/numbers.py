"""Recipients: one reading of phone numbers for every door. A number is normalised or refused, never guessed.

A recipient is an MSISDN: E.164 digits without the plus. What somebody wrote is read like this:

- with a plus in front: the country code follows, for every account;
- at home (the account has a home country): after that country's international prefix (00, 011, 009, 010 ...) comes a
  country code; with its trunk prefix, or as it prints its numbers, it is a national number; three to six digits that
  are neither are a short code;
- 00 in front without a home country that dials it: the country code follows, as the ITU recommends (E.164, E.123),
  unless the digits after a longer prefix of another country (009, 0011 ...) are a number as well. 001 is always
  refused: it may be 00 and North America, or the prefix 001 and any country;
- anything else: the country code comes first.

Digits with two readings are read as the one whose range is assigned, or refused when that does not decide. A number
must have a *possible* length for its country, but need not lie in an assigned range: numbers kept for fiction do not,
and a table of ranges that is a month old must not stop a text. Details of faults hold no digits of the number, because
they reach the log.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from bridge.messages import number_plans as plans
from bridge.messages.country_plan import Plan, plan_of
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.number_kinds import NumberKind
from bridge.messages.number_plans import DIGITS_MAX, DIGITS_MIN, Place

RAW_MAX = 40
"""Characters of a number as written: the longest international prefix, 15 digits and a separator after each."""
CACHED_MAX = 10_000
"""Remembered numbers, about 5 MB: a newsletter's worth, at 10 to 30 us saved for each."""
LOCAL_DIGITS_MAX = 8
"""Digits that may be dialled within a town; where no country is known to have them, they are not taken for foreign."""
RANGE_DIGITS = 4
"""Digits behind the country code that name a range for people, as 46 7017: what carriers are given is 10,000 numbers
or more."""
RANGE_LEFT_MIN = 4
"""Digits that a range leaves open at least."""

_HOW_TO_WRITE = "write it with the country code, digits only, like 46701740605"
_WRITTEN = re.compile(r"\+?[0-9]+")
_SEPARATORS = re.compile(r"[ .()-]")
_TRUNK_ZERO = re.compile(r"(?<=[0-9 .)-])\( ?0 ?\)")
# 030/123456, as Germans and Austrians write an area code: one slash behind it. Two numbers look otherwise.
_AREA_SLASH = re.compile(r"^(\(?0[0-9]{1,5}\)?) ?/ ?(?=[0-9 .-]+$)")
# Address books put these around and between digits; nobody sees the difference, so nobody could correct it.
_AS_TYPED = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " "),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\uff0d", "-"),
        **dict.fromkeys("\u00b7\u2022", "."),
        **dict.fromkeys("\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"),
        "\uff0b": "+",
        "\uff08": "(",
        "\uff09": ")",
    }
)


@dataclass(frozen=True, slots=True)
class Number:
    """A recipient, and how it was read."""

    digits: str
    """E.164 without the plus; of a short code its digits alone."""
    kind: NumberKind
    country: str
    """Two letters; "" where the tables do not tell, or the number belongs to no country."""
    rule: str = ""
    """What was changed beyond separators, a plus and 00, in words for people and without digits of the number; "" for
    nothing."""

    @property
    def routed(self) -> str:
        """The digits that routes and prices go by: a short code counts as a number of its country."""
        if self.kind is not NumberKind.SHORT_CODE:
            return self.digits
        return plan_of(self.country).code + self.digits


@lru_cache(maxsize=CACHED_MAX)
def normalise(raw: str, home_country: str = "") -> Number:
    """A number as somebody wrote it, read for an account in `home_country` (two letters; unknown ones count as none).

    Raises Fault BAD_RECIPIENT, saying what to do. See the top of this file for how it is read.
    """
    if len(raw) > RAW_MAX:
        raise _bad(_HOW_TO_WRITE)
    home = home_country.upper() if plans.is_country(home_country) else ""
    written = raw.strip().translate(_AS_TYPED)
    if "/" in written:
        written = _AREA_SLASH.sub(r"\1 ", written, count=1)
    rule = ""
    if "(" in written and _TRUNK_ZERO.search(written):
        written = _without_trunk_zero(written, home)
        rule = "(0) left out"
    number = _SEPARATORS.sub("", written)
    if not _WRITTEN.fullmatch(number):
        raise _bad(_HOW_TO_WRITE)
    if number[0] == "+":
        return _international(number[1:], rule)
    if home:
        return _at_home(number, home, rule)
    return _international(_after_00(number) or number, rule)


@lru_cache(maxsize=CACHED_MAX)
def digits_of(raw: str) -> str | None:
    """The digits of a number as somebody wrote it, without a plus and what separates them; None for anything else.

    Nothing is judged: not whether such a number can exist, nor whether it is complete.
    """
    if len(raw) > RAW_MAX:
        return None
    number = _SEPARATORS.sub("", raw.strip().translate(_AS_TYPED))
    return number.removeprefix("+") if _WRITTEN.fullmatch(number) else None


def range_of(digits: str) -> str:
    """The leading digits by which a number's range is shown to people: country code and RANGE_DIGITS more."""
    size = len(plans.code_of(digits)) + RANGE_DIGITS
    return digits[: max(min(size, len(digits) - RANGE_LEFT_MIN), 1)]


def _international(digits: str, rule: str) -> Number:
    """Check digits that start with a country code."""
    place = _read(digits)
    if place is not None:
        return Number(digits, place.kind, place.country, rule)
    if digits.startswith("0"):
        raise _bad(_HOW_TO_WRITE)
    if len(digits) < DIGITS_MIN:
        raise _bad(f"too short: {_HOW_TO_WRITE}")
    if len(digits) > DIGITS_MAX:
        raise _bad(f"more than {DIGITS_MAX} digits: {_HOW_TO_WRITE}")
    if _has_surplus(digits):
        raise _bad("leave out the digits that are only dialled at home, such as a 0 after the country code")
    raise _bad(f"unknown country code or wrong length for its country: {_HOW_TO_WRITE}")


def _read(digits: str) -> Place | None:
    """Where digits that start with a country code lie; None where they are no number, or have digits too many."""
    place = plans.place_of(digits)
    if place is None or place.plan.without_trunk(place.national) != place.national:
        return None
    return place


def _has_surplus(digits: str) -> bool:
    """Whether these would be a number without what is only dialled in its country."""
    code = plans.code_of(digits)
    if not code:
        return False
    place = plans.place_of(code + plans.main_plan_of(code).without_trunk(digits[len(code) :]))
    return place is not None


def _at_home(number: str, home: str, rule: str) -> Number:
    """Read digits without a plus for an account in a country."""
    plan = plan_of(home)
    readings: dict[str, tuple[Place, str]] = {}
    """What they may mean, the likeliest first."""
    abroad = plan.prefix_abroad.match(number) if plan.prefix_abroad is not None else None
    if abroad is not None and abroad.end() < len(number) and number[abroad.end()] != "0":
        prefix, digits = abroad.group(), number[abroad.end() :]
        if (place := _read(digits)) is not None:
            readings[digits] = place, "" if prefix == "00" else f"international prefix {prefix} of {home} left out"
            if place.is_assigned:
                return _number(digits, *readings[digits], rule)
    else:
        _add_national(readings, number, home, plan)
    if (digits := _after_00(number)) and digits not in readings and (place := _read(digits)) is not None:
        readings[digits] = place, ""
    if len(readings) > 1:
        readings = {digits: read for digits, read in readings.items() if read[0].is_assigned} or readings
    if len(readings) > 1:
        raise _bad("it can be read in two ways: put + and the country code in front")
    if readings:
        digits, (place, changed) = next(iter(readings.items()))
        if digits == number and not place.is_assigned and len(number) <= LOCAL_DIGITS_MAX:
            raise _bad("it may be a number of one town only: write it with + and the country code in front")
        return _number(digits, place, changed, rule)
    if not rule and plans.is_short_code(number, home):
        return Number(number, NumberKind.SHORT_CODE, home, f"read as a short code of {home}")
    raise _bad(f"not a number of {home} nor an international one: {_HOW_TO_WRITE}")


def _number(digits: str, place: Place, changed: str, rule: str) -> Number:
    return Number(digits, place.kind, place.country, "; ".join(filter(None, (changed, rule))))


def _add_national(readings: dict[str, tuple[Place, str]], number: str, home: str, plan: Plan) -> None:
    """Add what digits without an international prefix may mean: with a country code, and as dialled at home."""
    if not number.startswith("0") and (place := _read(number)) is not None:
        readings[number] = place, ""
        # Their own country code in front, and no national number as they stand.
        if place.code == plan.code and plan.general.pattern.fullmatch(number) is None:
            return
    national = plan.without_trunk(number)
    digits = plan.code + national
    if len(national) not in plan.general.lengths or not _is_dialled_in(number, national, plan):
        return
    if (place := _read(digits)) is None:
        return
    # No national number begins with 00 but what a country uses it for: the rest is some prefix that it dials.
    if place.is_assigned or not number.startswith("00"):
        readings.setdefault(digits, (place, _told(number, national, home, plan.code)))


def _is_dialled_in(number: str, national: str, plan: Plan) -> bool:
    """Whether somebody in the country may have meant its own number by these digits.

    They then start with a prefix that is dialled there, or are just what the country prints for that number. Most
    countries print a trunk prefix, so that digits without it are international; Brazil and North America do not.
    Only lengths of mobile and fixed numbers count then: service numbers can be as long as any international one.
    """
    if number.startswith("0") or (plan.trunk and number.startswith(plan.trunk)):
        return True
    if not plan.is_texted_length(national):
        return False
    return plan.printed(national) == number


def _told(number: str, national: str, home: str, code: str) -> str:
    """How a national number was changed. Of the digits only prefixes are told."""
    front = number.removesuffix(national)
    if not number.endswith(national):
        return f"national number of {home}: rewritten as its plan says, {code} put in front"
    left = f"{front} left out, " if front else ""
    return f"national number of {home}: {left}{code} put in front"


def _after_00(number: str) -> str:
    """The digits behind 00, where they can be nothing but a country code and its number; else ""."""
    digits = number[2:]
    if not number.startswith("00") or number.startswith("001"):
        return ""
    place = _read(digits)
    if place is None:
        return ""
    for prefix in plans.PREFIXES_FROM_00:
        match = prefix.match(number)
        if match is None or match.end() <= 2:
            continue
        other = _read(number[match.end() :])
        if other is not None and (other.is_assigned or not place.is_assigned):
            return ""
    return digits


def _without_trunk_zero(written: str, home: str) -> str:
    """Take the one "(0)" out when it stands right after the code of a country that dials a zero only at home."""
    before, after = _TRUNK_ZERO.split(written, maxsplit=1)
    code = _SEPARATORS.sub("", before)
    prefix = plan_of(home).prefix_abroad if home else None
    if code.startswith("+"):
        code = code[1:]
    elif prefix is not None and (match := prefix.match(code)):
        code = code[match.end() :]
    elif code.startswith("00") and not code.startswith("001"):
        code = code[2:]
    is_code = code.isascii() and code.isdigit() and plans.code_of(code) == code
    if not is_code or plans.main_plan_of(code).trunk != "0" or _TRUNK_ZERO.search(after):
        raise _bad(f"the (0) is not clear: {_HOW_TO_WRITE}")
    return f"+{code}{after}"


def _bad(detail: str) -> Fault:
    return Fault(FaultCode.BAD_RECIPIENT, detail)
