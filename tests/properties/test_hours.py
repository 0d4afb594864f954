"""Hours against brute force: minute by minute over the days on which clocks jump."""

import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.routing.hours import DAYS, Hours, Window, local_ms

MINUTE_MS = 60_000
JUMPS = (
    ("Europe/Stockholm", datetime(2026, 3, 28, tzinfo=UTC)),
    ("Europe/Stockholm", datetime(2026, 10, 24, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 10, 31, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),  # half an hour
    ("America/Santiago", datetime(2026, 9, 5, tzinfo=UTC)),  # at midnight, forward
    ("America/Santiago", datetime(2026, 4, 4, tzinfo=UTC)),  # at midnight, back
    ("America/Havana", datetime(2026, 10, 31, tzinfo=UTC)),  # back to midnight
    ("Asia/Kolkata", datetime(2026, 6, 1, tzinfo=UTC)),
)
"""A zone and the day before its clock jumps, or does not."""

minutes = st.integers(0, 24 * 60 - 1)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    start, end = draw(st.sampled_from([0, 90, 120, 150, 165, 180, 1439]) | minutes), draw(minutes)
    days = draw(st.sets(st.integers(0, 6), min_size=1))
    return Window(tuple(sorted(days)), start, end if end not in (0, start) else 24 * 60)


@st.composite
def hours(draw: st.DrawFn) -> tuple[Hours, int]:
    """Hours, and the moment of a midnight UTC near a jump of their clock."""
    zone, day = draw(st.sampled_from(JUMPS))
    return Hours(tuple(draw(st.lists(windows(), min_size=1, max_size=3))), zone), int(day.timestamp()) * 1000


def shows(hours: Hours, at_ms: int) -> bool:
    """The promise, said again: the clock on the wall is within a window of that day or of the one before."""
    wall = datetime.fromtimestamp(at_ms / 1000, zoneinfo.ZoneInfo(hours.zone)).replace(tzinfo=None)
    for back in (0, 1):
        midnight = datetime(wall.year, wall.month, wall.day) - timedelta(days=back)
        for window in hours.windows:
            length = (window.end - window.start) % (24 * 60) or 24 * 60
            begins = midnight + timedelta(minutes=window.start)
            if midnight.weekday() in window.days and begins <= wall < begins + timedelta(minutes=length):
                return True
    return False


@given(hours())
def test_every_minute_of_the_days_around_a_jump(case: tuple[Hours, int]) -> None:
    """`is_open` and `next_open_ms` say what a walk minute by minute finds, also for times skipped or shown twice."""
    hours, from_ms = case
    # From behind, so that each minute knows the next open one; a fortnight ahead for windows of one day.
    moments = range(from_ms, from_ms + 16 * 24 * 60 * MINUTE_MS, 15 * MINUTE_MS)
    near = range(from_ms, from_ms + 2 * 24 * 60 * MINUTE_MS, MINUTE_MS)
    opened = None
    for at_ms in reversed(near):
        is_open = shows(hours, at_ms)
        assert hours.is_open(at_ms) == is_open
        opened = at_ms if is_open else opened
        if opened is not None and at_ms % (17 * MINUTE_MS) == 0:
            assert hours.next_open_ms(at_ms) == opened
    if opened is None:
        found = hours.next_open_ms(from_ms)
        assert shows(hours, found)
        assert not shows(hours, found - MINUTE_MS)
        assert not any(shows(hours, at_ms) for at_ms in moments if at_ms < found)


@given(hours(), st.integers(0, 2 * 24 * 3600 * 1000))
def test_the_next_opening_is_open_and_the_moment_before_is_not(case: tuple[Hours, int], offset_ms: int) -> None:
    hours, from_ms = case
    at_ms = from_ms + offset_ms
    found = hours.next_open_ms(at_ms)
    assert found >= at_ms
    assert hours.is_open(found)
    assert found == at_ms or not hours.is_open(found - 1)


@given(hours())
def test_hours_read_back_from_their_text(case: tuple[Hours, int]) -> None:
    assert Hours.parse(str(case[0])) == case[0]


def test_the_ways_to_write_hours() -> None:
    every = tuple(range(7))
    assert Hours.parse("") == Hours.parse("  ") == Hours()
    assert Hours.parse("").is_open(0)
    assert str(Hours()) == ""
    assert Hours.parse("8:00-20:00", "Asia/Tokyo") == Hours((Window(every, 480, 1200),), "Asia/Tokyo")
    assert Hours.parse("MO,we 08:00-12:00 13:00-17:00, sa-su 10:00-14:00 Europe/Paris", "Asia/Tokyo") == Hours(
        (Window((0, 2), 480, 720), Window((0, 2), 780, 1020), Window((5, 6), 600, 840)), "Europe/Paris"
    )
    assert Hours.parse("sa-mo 22:00-06:00").windows == (Window((0, 5, 6), 1320, 360),)
    assert Hours.parse("fr 18:00-00:00") == Hours.parse("fr 18:00-24:00")
    assert str(Hours.parse("mo-fr 08:00-20:00 Europe/Stockholm")) == "mo-fr 08:00-20:00 Europe/Stockholm"
    assert len(DAYS) == 7


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mo-fr", "need a time"),
        ("mo-fr 08:00-20:00 Europe/Atlantis", "not a time zone: Europe/Atlantis"),
        ("mo-fr 08:00-20:00 ../../etc/passwd", "not a time zone"),
        ("mo-fr 08.00-20.00 UTC", "not hours: 08.00-20.00"),
        ("25:00-26:00", "not a time of day"),
        ("08:60-09:00", "not a time of day"),
        ("24:00-09:00", "not a time of day"),
        ("09:00-09:00", "no length"),
        ("mo 08:00-09:00 tu", "need a time"),
        ("08:00-09:00 " * 29, "at most"),
        (" ".join(f"{hour}:00-{hour}:01" for hour in range(24)), "at most"),
    ],
)
def test_bad_hours_say_why(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Hours.parse(text)


def test_a_local_time_that_is_skipped_or_shown_twice() -> None:
    def at(text: str) -> int:
        return int(datetime.fromisoformat(text).timestamp()) * 1000

    assert local_ms(datetime(2026, 12, 1, 8), "Europe/Stockholm") == at("2026-12-01T07:00+00:00")
    assert local_ms(datetime(2026, 3, 29, 2, 30), "Europe/Stockholm") == at("2026-03-29T03:30+02:00")
    assert local_ms(datetime(2026, 10, 25, 2, 30), "Europe/Stockholm") == at("2026-10-25T02:30+02:00")
