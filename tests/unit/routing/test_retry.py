"""When to try again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.routing.retry import MAIL_AGE_MAX_MS, mail_retry_at_ms, retry_delay_ms

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
attempts = st.integers(1, 10_000)
fractions = st.floats(0, 1)


def test_the_waits_of_a_part_in_order() -> None:
    delays = [retry_delay_ms(attempt) for attempt in range(1, 10)]
    assert delays == [5_000, 15_000, 30_000, 60_000, 120_000, 300_000, 900_000, 900_000, 900_000]


def test_jitter_is_a_fifth_either_way() -> None:
    assert retry_delay_ms(1, 0.0) == 4_000
    assert retry_delay_ms(1, 1.0) == 6_000
    assert retry_delay_ms(7, 0.0) == 720_000
    assert retry_delay_ms(7, 1.0) == 1_080_000


@given(attempts, fractions)
def test_a_wait_is_never_none_and_never_beyond_the_cap(attempt: int, fraction: float) -> None:
    assert 4_000 <= retry_delay_ms(attempt, fraction) <= 1_080_000


@given(attempts, fractions)
def test_waits_never_shrink_from_try_to_try(attempt: int, fraction: float) -> None:
    assert retry_delay_ms(attempt, fraction) <= retry_delay_ms(attempt + 1, fraction)


@pytest.mark.parametrize(("attempt", "fraction"), [(0, 0.5), (-1, 0.5), (1, -0.01), (1, 1.01), (1, float("nan"))])
def test_nonsense_is_refused(attempt: int, fraction: float) -> None:
    with pytest.raises(ValueError, match="not a try"):
        retry_delay_ms(attempt, fraction)


def test_the_waits_of_a_mail_in_order() -> None:
    times = [mail_retry_at_ms(attempt, 0, 0) for attempt in range(1, 8)]
    assert times == [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, HOUR_MS, HOUR_MS]


def test_a_mail_is_given_up_after_five_days() -> None:
    last = MAIL_AGE_MAX_MS - HOUR_MS
    assert mail_retry_at_ms(50, 0, last) == MAIL_AGE_MAX_MS
    assert mail_retry_at_ms(50, 0, last + 1) is None
    assert mail_retry_at_ms(1, 0, 6 * 24 * HOUR_MS) is None


@given(st.integers(0, 2**42), st.lists(fractions, min_size=1, max_size=20))
def test_a_mail_that_never_goes_out_is_tried_for_most_of_five_days_and_then_no_more(
    created_at_ms: int, spread: list[float]
) -> None:
    attempt, now_ms = 1, created_at_ms
    while (next_ms := mail_retry_at_ms(attempt, created_at_ms, now_ms, spread[attempt % len(spread)])) is not None:
        assert next_ms > now_ms
        attempt, now_ms = attempt + 1, next_ms
    assert 100 <= attempt <= 160
    assert MAIL_AGE_MAX_MS - 1.2 * HOUR_MS <= now_ms - created_at_ms <= MAIL_AGE_MAX_MS
