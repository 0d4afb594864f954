"""SMPP's ways to write a time: 16 characters absolute or relative (SMPP 3.4, 7.1.1), 10 to 14 digits in receipts."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

RELATIVE_DAYS_MAX = 99
"""What fits two digits of days; longer validities do not occur (a GSM network keeps a message 63 weeks at most)."""

_ABSOLUTE = re.compile(r"(\d{12})(\d)(\d\d)([+-])", re.ASCII)
_RELATIVE = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)000R", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_QUARTER_MAX = 48
"""Largest offset from UTC, in quarters of an hour."""

NO_RECEIPT_DATE = "0000000000"

_HOUR_MS = 3_600_000
_KNOWN_MAX = 1024
"""Times that are kept at hand; writing and reading one anew takes longer than the rest of a receipt."""


def format_absolute(at_ms: int) -> str:
    """ "YYMMDDhhmmsst00+" in UTC, with tenths of a second; `at_ms` is Unix time in milliseconds."""
    hour, ms = divmod(at_ms, _HOUR_MS)
    return f"{_hour(hour)}{ms // 60_000:02d}{ms // 1000 % 60:02d}{ms // 100 % 10}00+"


def format_relative(duration_ms: int) -> str:
    """ "0000DDhhmmss000R", rounded down to seconds; at least one second, at most 99 days."""
    seconds = min(max(duration_ms // 1000, 1), RELATIVE_DAYS_MAX * 86_400)
    days, seconds = divmod(seconds, 86_400)
    return f"0000{days:02d}{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}000R"


def parse(text: str, now_ms: int) -> int | None:
    """Unix milliseconds of an absolute or relative time; None for the empty string ("now" or "the default").

    A relative year counts 365 days and a month 30. Raises ValueError for anything else.
    """
    if not text:
        return None
    if relative := _RELATIVE.fullmatch(text):
        years, months, days, hours, minutes, seconds = map(int, relative.groups())
        span = timedelta(days=years * 365 + months * 30 + days, hours=hours, minutes=minutes, seconds=seconds)
        return now_ms + span // _MILLISECOND
    absolute = _ABSOLUTE.fullmatch(text)
    if absolute is None or int(absolute[3]) > _QUARTER_MAX:
        raise ValueError(f"not an SMPP time: {text!r}")
    local_ms = _utc_ms(2000 + int(absolute[1][:2]), absolute[1][2:])
    if local_ms is None:
        raise ValueError(f"no such date: {text!r}")
    offset_ms = int(f"{absolute[4]}{absolute[3]}") * 15 * 60_000
    return local_ms + 100 * int(absolute[2]) - offset_ms


def parse_moment(text: str, now_ms: int) -> int:
    """The same as one number: 0 for the empty string. Raises ValueError for what is no time."""
    return parse(text, now_ms) or 0


def format_receipt_date(at_ms: int | None) -> str:
    """ "YYMMDDhhmm" in UTC as receipts have it, or ten zeros for an unknown time."""
    return NO_RECEIPT_DATE if at_ms is None else f"{_hour(at_ms // _HOUR_MS)}{at_ms // 60_000 % 60:02d}"


@lru_cache(maxsize=_KNOWN_MAX)
def parse_receipt_date(digits: str) -> int | None:
    """Unix milliseconds of YYMMDDhhmm, YYMMDDhhmmss, YYYYMMDDhhmm or YYYYMMDDhhmmss taken as UTC; None if it is none.

    Twelve digits are read with a two-digit year first; a four-digit one then has a month above 12. Two-digit years
    from 69 on are of the last century, as in POSIX.
    """
    if not (digits.isascii() and digits.isdigit()):
        return None
    size = len(digits)
    found = None
    if size in (10, 12):
        year = int(digits[:2])
        found = _utc_ms(year + (1900 if year >= 69 else 2000), digits[2:])
    if found is None and size in (12, 14):
        found = _utc_ms(int(digits[:4]), digits[4:])
    return found


def _utc_ms(year: int, rest: str) -> int | None:
    """`rest` is MMDDhhmm or MMDDhhmmss."""
    try:
        moment = datetime(
            year, int(rest[:2]), int(rest[2:4]), int(rest[4:6]), int(rest[6:8]), int(rest[8:] or 0), tzinfo=UTC
        )
    except ValueError:
        return None
    return _milliseconds(moment)


@lru_cache(maxsize=_KNOWN_MAX)
def _hour(hour: int) -> str:
    """ "YYMMDDhh" of an hour, counted from 1970: what is written most often is of few hours."""
    return f"{_EPOCH + timedelta(hours=hour):%y%m%d%H}"


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND
