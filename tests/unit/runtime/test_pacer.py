"""The pace of a link with and without a configured rate."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.runtime.pacer import QUIET_RATE, Pacer

START_MS = 5_000_000


def test_without_a_rate_only_the_window_counts() -> None:
    pacer = Pacer(None, START_MS)
    assert pacer.allow(1000, START_MS) == 1000
    assert (pacer.rate, pacer.is_slowed, pacer.wait_s(START_MS)) == (0.0, False, None)


def test_a_configured_rate_allows_no_more() -> None:
    pacer = Pacer(10, START_MS)
    allowed = pacer.allow(1000, START_MS)
    pacer.wrote(allowed, START_MS)
    assert pacer.allow(1000, START_MS) == 0
    assert pacer.wait_s(START_MS) == 0.1
    assert pacer.allow(1000, START_MS + 100) == 1
    assert not pacer.is_slowed


def test_throttling_halves_what_was_really_sent() -> None:
    pacer = Pacer(None, START_MS)
    pacer.wrote(40, START_MS + 10)
    pacer.throttled(START_MS + 500)
    assert pacer.rate == 20
    assert pacer.is_slowed
    assert pacer.allow(1000, START_MS + 500) == 0


def test_the_rate_of_the_second_before_counts_too() -> None:
    pacer = Pacer(None, START_MS)
    pacer.wrote(40, START_MS + 900)
    pacer.wrote(1, START_MS + 1_001)
    pacer.throttled(START_MS + 1_010)
    assert pacer.rate == 20


def test_an_old_rate_does_not_count() -> None:
    pacer = Pacer(None, START_MS)
    pacer.wrote(400, START_MS)
    pacer.wrote(1, START_MS + 60_000)
    pacer.throttled(START_MS + 60_010)
    assert pacer.rate == QUIET_RATE / 2


def test_an_idle_link_that_is_throttled_once_is_soon_itself_again() -> None:
    """One throttled part of a quiet alarm panel must not hold up the next alarms for minutes."""
    pacer = Pacer(None, START_MS)
    pacer.wrote(1, START_MS)
    pacer.throttled(START_MS)
    now = START_MS
    while pacer.is_slowed:
        now += 1_000
        pacer.accepted(now)
    assert now <= START_MS + 20_000


def test_a_link_without_a_rate_is_without_one_again_after_it_recovered() -> None:
    pacer = Pacer(None, START_MS)
    pacer.wrote(40, START_MS)
    pacer.throttled(START_MS)
    now = START_MS
    while pacer.is_slowed:
        now += 1_000
        assert now < START_MS + 120_000, "never recovers"
        pacer.accepted(now)
    assert pacer.allow(1000, now) == 1000


def test_a_configured_link_recovers_to_its_rate() -> None:
    pacer = Pacer(50, START_MS)
    pacer.throttled(START_MS)
    assert pacer.rate == 25
    now = START_MS
    while pacer.is_slowed:
        now += 1_000
        assert now < START_MS + 120_000, "never recovers"
        pacer.accepted(now)
    assert pacer.rate == 50


def test_parts_claimed_before_the_pace_fell_may_still_be_written() -> None:
    pacer = Pacer(50, START_MS)
    pacer.throttled(START_MS)
    pacer.wrote(5, START_MS)
    assert pacer.allow(1000, START_MS) == 0


@given(st.floats(0.5, 500), st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_in_any_stretch_no_more_than_rate_and_burst(rate: float, gaps_ms: list[int]) -> None:
    pacer = Pacer(rate, START_MS)
    now, written = START_MS, 0
    for gap in gaps_ms:
        now += gap
        count = pacer.allow(1_000_000, now)
        pacer.wrote(count, now)
        written += count
    assert written <= rate * (now - START_MS) / 1000 + max(1.0, rate * 0.1) + 1e-6
