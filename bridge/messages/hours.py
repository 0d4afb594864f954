"""Hours at which something is allowed: windows of a week on the clock of one place.

Written as `mo-fr 08:00-20:00 Europe/Stockholm`. Days are `mo tu we th fr sa su`, ranges of them (`sa-mo` goes round)
or several with commas; windows follow their days, and other days may follow with windows of their own:
`mo-fr 08:00-12:00 13:00-17:00, sa 10:00-14:00 Europe/Paris`. Windows without days before them are for every day. One
that ends at or before its beginning goes over midnight and belongs to the day it begins on; `24:00` is the end of a
day. The zone comes last; without one it is the zone that the reader gives. Nothing at all is always.

Daylight saving has one rule: hours are open exactly while a clock on the wall of that place shows a time within them.
A time that the clock jumps over is never shown, so a window that begins there opens when the clock has jumped, if it
lasts longer than the jump; a time that is shown twice is within its window both times.
"""

import re
import zoneinfo
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
TEXT_MAX = 200
"""Characters of hours as text: a different pair of windows for each day of the week has room."""
WINDOWS_MAX = 28
"""Four windows for each day: more is a timetable, not hours."""
DAY_MINUTES = 24 * 60
SEARCH_DAYS = 30
"""Hours open within a week, or, where the clock jumps over their only window, within the one after it: here is room
for a place that leaves out a whole day too, as Samoa did."""
MEET_DAYS_MAX = 15
"""Hours that hold together and have not met after two weeks never meet, but for the day of a jump."""

_TIME = re.compile(r"(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)", re.ASCII)
_DAYS = re.compile(r"(mo|tu|we|th|fr|sa|su)(?:-(mo|tu|we|th|fr|sa|su))?")
_MINUTE_MS = 60_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """Minutes of some days of the week, as the clock of the place shows them."""

    days: tuple[int, ...]
    """0 is Monday; sorted, none twice, at least one."""
    start: int
    """Minute of the day, 0..1439."""
    end: int
    """The first minute that is not within: 1..1440, or at most `start` for a window that goes over midnight."""

    def holds(self, day: int, minute: int) -> bool:
        """Whether it is open when the clock shows this minute of this day of the week."""
        if self.start < self.end:
            return self.start <= minute < self.end and day in self.days
        return (minute >= self.start and day in self.days) or (minute < self.end and (day - 1) % 7 in self.days)

    def __str__(self) -> str:
        return f"{_days_text(self.days)} {_clock(self.start)}-{_clock(self.end)}"


@dataclass(frozen=True, slots=True)
class Hours:
    """Windows in one zone; none: always. Make it with `Hours.parse`, whose text `str` gives back."""

    windows: tuple[Window, ...] = ()
    zone: str = "UTC"

    @classmethod
    def parse(cls, text: str, zone: str = "UTC") -> "Hours":
        """Read hours; `zone` holds where the text names none. Raises ValueError with a sentence for people."""
        return _parse(text, zone)

    @property
    def is_always(self) -> bool:
        return not self.windows

    def is_open(self, at_ms: int) -> bool:
        """Whether this moment is within them."""
        return not self.windows or self._shows(at_ms, zoneinfo.ZoneInfo(self.zone))

    def next_open_ms(self, at_ms: int) -> int:
        """The first moment from `at_ms` on that is within them: `at_ms` itself when that is."""
        if self.is_open(at_ms):
            return at_ms
        zone = zoneinfo.ZoneInfo(self.zone)
        today = _local(at_ms, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        for day in range(-1, SEARCH_DAYS):
            found = [one for one in self._openings(today + timedelta(days=day), zone) if one > at_ms]
            if opened := min((one for one in found if self._shows(one, zone)), default=0):
                return opened
        raise AssertionError(f"{self} never open")

    def _shows(self, at_ms: int, zone: zoneinfo.ZoneInfo) -> bool:
        local = _local(at_ms, zone)
        day, minute = local.weekday(), local.hour * 60 + local.minute
        return any(window.holds(day, minute) for window in self.windows)

    def _openings(self, midnight: datetime, zone: zoneinfo.ZoneInfo) -> Iterator[int]:
        """Moments of one day by the clock at which these may become open: it shows a beginning, or jumps."""
        for window in self.windows:
            for fold in (0, 1):
                yield _moment_ms(midnight + timedelta(minutes=window.start), zone, fold)
        first, last = (_moment_ms(midnight + timedelta(days=days), zone, 0) for days in (0, 1))
        # A day's end is reached before its beginning only where a zone left out the whole day.
        if first < last and _offset(first, zone) != _offset(last, zone):
            yield _jump_ms(first, last, zone)

    def __str__(self) -> str:
        return " ".join((", ".join(map(str, self.windows)), self.zone)) if self.windows else ""


ALWAYS = Hours()


HELD_FOR_HOURS = "held for hours"
"""What a part waits for until its hours open: the reason in its row."""
SEPARATOR = "; "
"""Between several hours in one text."""


def join(several: Iterable[Hours]) -> str:
    """Hours that hold together, as one text; those that are always open are left out."""
    return SEPARATOR.join(str(hours) for hours in several if not hours.is_always)


def split(text: str) -> tuple[Hours, ...]:
    """What `join` made."""
    return tuple(map(Hours.parse, text.split(SEPARATOR))) if text else ()


def all_open_ms(several: Sequence[Hours], at_ms: int) -> int | None:
    """The first moment from `at_ms` on at which all of these are open; None: not within MEET_DAYS_MAX days."""
    end_ms = at_ms + MEET_DAYS_MAX * DAY_MINUTES * _MINUTE_MS
    while at_ms <= end_ms:
        opened = max((hours.next_open_ms(at_ms) for hours in several), default=at_ms)
        if opened == at_ms:
            return at_ms
        at_ms = opened
    return None


def local_ms(local: datetime, zone: str) -> int:
    """The moment at which the clock of a zone shows a time (without a zone of its own).

    A time that it shows twice is the first one; one that it jumps over is read as if it had not jumped, so that
    02:30 where 02:00 becomes 03:00 is the moment that the clock shows as 03:30. Raises ValueError for no zone.
    """
    return _moment_ms(local, _zone(zone), 0)


@lru_cache(maxsize=1024)
def _parse(text: str, zone: str) -> Hours:
    if len(text) > TEXT_MAX:
        raise ValueError(f"hours have at most {TEXT_MAX} characters")
    words = text.replace(",", " ").split()
    if not words:
        return ALWAYS
    if not (_TIME.fullmatch(words[-1]) or _DAYS.fullmatch(words[-1].lower())):
        zone = words.pop()
    _zone(zone)
    windows: list[Window] = []
    days: set[int] = set()
    is_after_window = False
    for word in words:
        if of_word := _read_days(word.lower()):
            days = of_word if is_after_window else days | of_word
            is_after_window = False
        else:
            windows.append(_read_window(word, days))
            is_after_window = True
    if not is_after_window:
        raise ValueError("hours need a time after the days: write them like mo-fr 08:00-20:00 Europe/Stockholm")
    if len(windows) > WINDOWS_MAX:
        raise ValueError(f"hours have at most {WINDOWS_MAX} windows")
    return Hours(tuple(windows), zone)


def _read_days(word: str) -> set[int]:
    """Days of the week that a word names; none when it is no such word."""
    found = _DAYS.fullmatch(word)
    if not found:
        return set()
    first = DAYS.index(found[1])
    last = DAYS.index(found[2]) if found[2] else first
    return {day % 7 for day in range(first, last + 1 + (7 if last < first else 0))}


def _read_window(word: str, days: set[int]) -> Window:
    found = _TIME.fullmatch(word)
    if not found:
        raise ValueError(f"not hours: {word[:32]}; write them like mo-fr 08:00-20:00 Europe/Stockholm")
    from_hour, from_minute, to_hour, to_minute = map(int, found.groups())
    start, end = from_hour * 60 + from_minute, to_hour * 60 + to_minute
    if from_minute > 59 or to_minute > 59 or start >= DAY_MINUTES or end > DAY_MINUTES:
        raise ValueError(f"not a time of day: {word}; a day goes from 00:00 to 24:00")
    if start == end:
        raise ValueError(f"{word} has no length; the whole day is 00:00-24:00")
    # Over midnight to 00:00 is the end of the day.
    return Window(tuple(sorted(days or range(7))), start, end or DAY_MINUTES)


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"not a time zone: {name[:32]}; write it like Europe/Stockholm") from None


def _local(at_ms: int, zone: zoneinfo.ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone)


def _moment_ms(local: datetime, zone: zoneinfo.ZoneInfo, fold: int) -> int:
    return (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)


def _offset(at_ms: int, zone: zoneinfo.ZoneInfo) -> timedelta | None:
    return _local(at_ms, zone).utcoffset()


def _jump_ms(before_ms: int, after_ms: int, zone: zoneinfo.ZoneInfo) -> int:
    """The first moment with another offset than `before_ms`: between two moments whose offsets differ."""
    old = _offset(before_ms, zone)
    while after_ms - before_ms > 1:
        middle = (before_ms + after_ms) // 2
        if _offset(middle, zone) == old:
            before_ms = middle
        else:
            after_ms = middle
    return after_ms


def _days_text(days: tuple[int, ...]) -> str:
    """`mo-fr` for three days or more in a row, else each of them."""
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(
        f"{DAYS[run[0]]}-{DAYS[run[-1]]}" if len(run) > 2 else ",".join(DAYS[day] for day in run) for run in runs
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
