"""The waits between tries."""

from bridge.runtime.backoff import CREDENTIALS_S, JITTER, LONGEST_S, Backoff


def middle() -> float:
    return 0.5


def test_the_ladder_doubles_up_to_a_minute() -> None:
    backoff = Backoff(chance=middle)
    assert [backoff.next_delay_s(0) for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_session_that_lasted_starts_the_ladder_anew() -> None:
    backoff = Backoff(chance=middle)
    for _ in range(5):
        backoff.next_delay_s(0)
    assert backoff.next_delay_s(backoff.steady_s) == 1


def test_a_session_that_binds_and_drops_keeps_climbing() -> None:
    backoff = Backoff(chance=middle)
    delays = [backoff.next_delay_s(2.0) for _ in range(7)]
    assert delays[5:] == [32, 60], "after five flaps, not more than one bind in thirty seconds"


def test_jitter_stays_within_its_share_and_the_longest_wait() -> None:
    for chance in (0.0, 0.25, 1.0):
        backoff = Backoff(chance=lambda chance=chance: chance)
        for plain in (1, 2, 4, 8, 16, 32, 60, 60):
            delay = backoff.next_delay_s(0)
            assert plain * (1 - JITTER) - 1e-9 <= delay <= min(plain * (1 + JITTER) + 1e-9, LONGEST_S)


def test_wrong_credentials_are_tried_at_most_thirteen_times_an_hour() -> None:
    backoff = Backoff(chance=lambda: 0.0)
    clock_s, binds = 0.0, 0
    while clock_s <= 3600:
        binds += 1
        clock_s += backoff.next_delay_s(0, is_refused=True)
    assert binds <= 13
    assert backoff.next_delay_s(0, is_refused=True) >= CREDENTIALS_S


def test_refused_credentials_leave_the_ladder_where_it_was() -> None:
    backoff = Backoff(chance=middle)
    backoff.next_delay_s(0)
    backoff.next_delay_s(0, is_refused=True)
    assert backoff.next_delay_s(0) == 2
