"""Token buckets by name: each at its own rate, and none kept for nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.routing.buckets import Buckets


def taken(buckets: Buckets[str], name: str, rate: float, now_ms: int) -> int:
    """Take all that is there."""
    count = buckets.available(name, rate, now_ms)
    buckets.take(name, rate, count, now_ms)
    return count


def test_each_name_has_its_own_bucket() -> None:
    buckets: Buckets[str] = Buckets()
    assert taken(buckets, "one", 20, 0) == 2
    assert taken(buckets, "one", 20, 0) == 0
    assert taken(buckets, "other", 5, 0) == 1
    assert buckets.ready_at_ms("one", 20, 0) == 50
    assert buckets.ready_at_ms("other", 5, 0) == 200
    assert taken(buckets, "one", 20, 50) == 1


def test_more_than_is_there_is_not_given() -> None:
    buckets: Buckets[str] = Buckets()
    with pytest.raises(ValueError, match="2 parts taken, 1 available"):
        buckets.take("one", 5, 2, 0)


def test_another_rate_holds_at_once() -> None:
    buckets: Buckets[str] = Buckets()
    assert taken(buckets, "one", 1, 0) == 1
    assert taken(buckets, "one", 100, 0) == 10
    assert buckets.ready_at_ms("one", 100, 0) == 10


def test_a_clock_that_steps_back_holds_nobody_for_long() -> None:
    buckets: Buckets[str] = Buckets()
    assert taken(buckets, "one", 10, 3_600_000) == 1
    assert buckets.ready_at_ms("one", 10, 0) == 100
    assert taken(buckets, "one", 10, 0) == 0
    assert taken(buckets, "one", 10, 100) == 1


def test_what_is_full_again_is_forgotten_and_the_others_are_not() -> None:
    buckets: Buckets[str] = Buckets(kept_max=3)
    for number in range(3):
        buckets.take(f"early {number}", 1, 1, 0)
    buckets.take("late", 1, 1, 1000)
    assert len(buckets) == 1
    assert buckets.available("late", 1, 1000) == 0


@given(
    st.floats(0.1, 1000),
    st.lists(st.tuples(st.integers(0, 2000), st.sampled_from("abcdef")), min_size=1, max_size=60),
)
def test_in_any_stretch_no_more_leave_than_rate_and_burst(rate: float, steps: list[tuple[int, str]]) -> None:
    buckets: Buckets[str] = Buckets(kept_max=2)
    now_ms, gone = 0, []
    for wait_ms, name in steps:
        now_ms += wait_ms
        gone.append((now_ms, name, taken(buckets, name, rate, now_ms)))
    burst = max(1.0, rate / 10)
    for first, (begin_ms, name, _) in enumerate(gone):
        for last in range(first, len(gone)):
            sent = sum(count for _, who, count in gone[first : last + 1] if who == name)
            assert sent <= burst + rate * (gone[last][0] - begin_ms) / 1000 + 1e-6
