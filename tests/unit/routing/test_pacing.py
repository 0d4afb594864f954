"""The token bucket and how it gives way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.routing.pacing import Pace

rates = st.integers(1, 2_000) | st.floats(0.05, 2_000)
bursts = st.none() | st.integers(1, 100)
gaps = st.integers(0, 3_000) | st.integers(0, 20)
steps = st.lists(st.tuples(gaps, st.sampled_from(["take", "take", "take", "slow_down", "speed_up"])), max_size=80)


def test_a_new_bucket_holds_a_tenth_of_a_second_and_at_least_one_part() -> None:
    assert Pace.of(100, 0).available(0) == 10
    assert Pace.of(3, 0).available(0) == 1
    assert Pace.of(0.5, 0).available(0) == 1
    assert Pace.of(100, 0, burst=25).available(0) == 25


def test_tokens_come_back_with_time_and_stop_at_the_burst() -> None:
    pace = Pace.of(100, 1_000, burst=5).take(5, 1_000)
    assert [pace.available(1_000 + after) for after in (0, 9, 10, 19, 20, 49, 50, 10_000)] == [0, 0, 1, 1, 2, 4, 5, 5]


def test_ready_at() -> None:
    pace = Pace.of(100, 0, burst=5).take(5, 0)
    assert pace.ready_at_ms(1, 0) == 10
    assert pace.ready_at_ms(3, 0) == 30
    assert pace.ready_at_ms(3, 25) == 30
    assert pace.ready_at_ms(0, 7) == 7
    assert pace.ready_at_ms(99, 0) == 50
    assert pace.ready_at_ms(1, 400) == 400


def test_taking_more_than_there_is_is_our_bug() -> None:
    pace = Pace.of(100, 0, burst=5)
    with pytest.raises(ValueError, match="6 parts taken, 5 available"):
        pace.take(6, 0)
    with pytest.raises(ValueError, match="-1 parts taken"):
        pace.take(-1, 0)


def test_a_clock_that_steps_back_gives_nothing_away() -> None:
    pace = Pace.of(100, 1_000, burst=5).take(5, 1_000)
    assert pace.available(0) == 0
    later = pace.slow_down(0).speed_up(0)
    assert later.available(1_000) == 0
    assert pace.ready_at_ms(1, 0) == 1_010


@pytest.mark.parametrize(("rate", "burst"), [(0, None), (-1, None), (float("nan"), None), (float("inf"), None), (5, 0)])
def test_an_impossible_pace_is_refused(rate: float, burst: float | None) -> None:
    with pytest.raises(ValueError, match="not a pace"):
        Pace.of(rate, 0, burst)


def test_throttling_halves_down_to_one_part_a_second() -> None:
    pace = Pace.of(20, 0)
    seen = []
    for second in range(7):
        pace = pace.slow_down(second * 1_000)
        seen.append(pace.rate)
    assert seen == [10, 5, 2.5, 1.25, 1, 1, 1]
    assert pace.is_slowed


def test_a_slow_link_is_not_made_faster_by_the_floor() -> None:
    assert Pace.of(0.5, 0).slow_down(0).rate == 0.5


def test_a_window_of_throttled_answers_is_one_halving() -> None:
    pace = Pace.of(100, 0)
    for at_ms in range(0, 999, 50):
        pace = pace.slow_down(at_ms)
        assert pace.rate == 50
        assert pace.available(at_ms) == 0
    assert pace.slow_down(1_000).rate == 25


def test_the_way_back_is_quick_at_first_and_slow_near_what_was_too_much() -> None:
    pace = Pace.of(100, 0).slow_down(0)
    seen = []
    for second in range(1, 17):
        pace = pace.speed_up(second * 1_000)
        seen.append(round(pace.rate))
    assert seen == [60, 70, 80, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 100, 100]
    assert not pace.is_slowed


def test_many_accepted_parts_are_one_step_a_second() -> None:
    pace = Pace.of(100, 0).slow_down(0)
    for at_ms in range(0, 1_999, 10):
        pace = pace.speed_up(at_ms)
    assert pace.rate == 60


def test_a_slowed_link_does_not_save_up_its_old_burst() -> None:
    pace = Pace.of(100, 0, burst=10).slow_down(0)
    assert pace.available(60_000) == 5


def test_speeding_up_keeps_the_tokens_earned_so_far_and_gives_none() -> None:
    pace = Pace.of(100, 0, burst=10).slow_down(0)
    assert pace.available(1_000) == 5
    assert pace.speed_up(1_000).available(1_000) == 5
    assert pace.speed_up(1_000).available(2_000) == 6


def test_a_link_at_its_configured_rate_is_left_alone() -> None:
    pace = Pace.of(100, 0)
    assert pace.speed_up(50_000) is pace


@pytest.mark.parametrize("limit", [50, 80, 20])
def test_a_carrier_with_a_lower_limit_is_used_near_that_limit(limit: int) -> None:
    """It refuses what comes above `limit` in any second; after a minute it gets at least four fifths of that."""
    pace = Pace.of(100, 0)
    taken: list[int] = []
    refused = 0
    for now_ms in range(0, 180_000, 10):
        for _ in range(pace.available(now_ms)):
            pace = pace.take(1, now_ms)
            if sum(at_ms > now_ms - 1_000 for at_ms in taken[-limit:]) < limit:
                taken.append(now_ms)
                pace = pace.speed_up(now_ms)
            else:
                refused += now_ms >= 60_000
                pace = pace.slow_down(now_ms)
                break
    accepted = sum(at_ms >= 60_000 for at_ms in taken)
    assert accepted >= 0.8 * limit * 120
    assert refused < 0.02 * accepted


@given(rates, bursts, steps)
def test_no_stretch_of_time_carries_more_than_rate_and_burst(
    rate: float, burst: int | None, walk: list[tuple[int, str]]
) -> None:
    pace, now_ms = Pace.of(rate, 0, burst), 0
    size = pace.burst
    written: list[tuple[int, int]] = []
    for gap_ms, step in walk:
        now_ms += gap_ms
        if step == "take":
            count = pace.available(now_ms)
            pace = pace.take(count, now_ms)
            written.append((now_ms, count))
            assert pace.available(now_ms) == 0
        else:
            pace = getattr(pace, step)(now_ms)
    for first, (since_ms, _) in enumerate(written):
        total = 0
        for at_ms, count in written[first:]:
            total += count
            assert total <= rate * (at_ms - since_ms) / 1_000 + size + 1e-6


@given(rates, bursts, steps, st.integers(1, 50), gaps)
def test_ready_at_is_the_first_moment(
    rate: float, burst: int | None, walk: list[tuple[int, str]], count: int, gap_ms: int
) -> None:
    pace, now_ms = Pace.of(rate, 0, burst), 0
    for step_ms, step in walk:
        now_ms += step_ms
        pace = pace.take(pace.available(now_ms), now_ms) if step == "take" else getattr(pace, step)(now_ms)
    now_ms += gap_ms
    count = min(count, int(pace.room))
    ready_ms = pace.ready_at_ms(count, now_ms)
    assert ready_ms >= now_ms
    assert pace.available(ready_ms) >= count
    assert ready_ms == now_ms or pace.available(ready_ms - 1) < count


@given(rates, bursts, steps)
def test_the_rate_stays_between_the_floor_and_what_is_configured(
    rate: float, burst: int | None, walk: list[tuple[int, str]]
) -> None:
    pace, now_ms = Pace.of(rate, 0, burst), 0
    for gap_ms, step in walk:
        now_ms += gap_ms
        before = pace
        pace = pace.take(pace.available(now_ms), now_ms) if step == "take" else getattr(pace, step)(now_ms)
        assert min(1, rate) <= pace.rate <= rate
        assert pace.room >= 1
        if step == "slow_down":
            assert pace.rate <= before.rate
        elif step == "speed_up":
            assert pace.rate >= before.rate
            assert pace.available(now_ms) == before.available(now_ms)
    for second in range(1, 300):
        pace = pace.speed_up(now_ms + second * 1_000)
    assert pace.rate == rate
