"""Who goes next: no place is left empty, every lane gets its own, accounts take turns and keep their order."""

from collections import Counter, deque
from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bridge.messages.message import Lane
from bridge.routing.lanes import ROUND, choose, next_place

Waiting = dict[Lane, list[int]]
"""By lane the backlogs of its accounts."""
Item = tuple[Lane, int, int]
"""Lane, account, number in its backlog."""

places = st.integers(0, len(ROUND) - 1)
backlogs = st.fixed_dictionaries({lane: st.lists(st.integers(0, 30), max_size=5) for lane in Lane})


def chosen(count: int, place: int, waiting: Waiting) -> list[Item]:
    def backlog(lane: Lane, account: int, size: int) -> Iterator[Item]:
        return ((lane, account, number) for number in range(size))

    lanes = [deque(backlog(lane, account, size) for account, size in enumerate(waiting[lane])) for lane in Lane]
    return choose(count, place, lanes)


@given(st.integers(0, 100), places, backlogs)
def test_no_place_is_left_empty_and_nobody_goes_twice(count: int, place: int, waiting: Waiting) -> None:
    items = chosen(count, place, waiting)
    assert len(items) == min(count, sum(map(sum, waiting.values())))
    assert len(set(items)) == len(items)


@given(st.integers(0, 100), places, backlogs)
def test_the_parts_of_an_account_keep_their_order(count: int, place: int, waiting: Waiting) -> None:
    gone: Counter[tuple[Lane, int]] = Counter()
    for lane, account, number in chosen(count, place, waiting):
        assert number == gone[lane, account]
        gone[lane, account] += 1


@given(places, backlogs)
def test_of_ten_places_each_lane_that_waits_gets_its_own(place: int, waiting: Waiting) -> None:
    lanes = [lane for lane, _, _ in chosen(1000, place, waiting)]
    own = Counter(ROUND)
    for begin in range(len(lanes) - len(ROUND) + 1):
        ten = Counter(lanes[begin : begin + len(ROUND)])
        for lane in Lane:
            left = lanes[begin:].count(lane)
            assert ten[lane] >= min(own[lane], left)


@given(places, backlogs)
def test_an_alarm_is_at_most_one_place_away(place: int, waiting: Waiting) -> None:
    lanes = [lane for lane, _, _ in chosen(1000, place, waiting)]
    alarms = lanes.count(Lane.ALARM)
    for number, (one, two) in enumerate(pairwise(lanes)):
        if one is not Lane.ALARM and two is not Lane.ALARM:
            assert lanes[: number + 1].count(Lane.ALARM) == alarms


@given(st.integers(0, 100), places, backlogs)
def test_while_two_accounts_of_a_lane_wait_neither_is_more_than_one_part_ahead(
    count: int, place: int, waiting: Waiting
) -> None:
    gone: Counter[tuple[Lane, int]] = Counter()
    for lane, account, _ in chosen(count, place, waiting):
        gone[lane, account] += 1
        for other, size in enumerate(waiting[lane]):
            if gone[lane, other] < size:
                assert gone[lane, account] <= gone[lane, other] + 1


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30), places, backlogs)
def test_many_small_claims_give_each_lane_what_one_large_one_gives(
    counts: list[int], place: int, waiting: Waiting
) -> None:
    at, gone = place, Counter[Lane]()
    for count in counts:
        left = {lane: [sum(waiting[lane]) - gone[lane]] for lane in Lane}
        items = chosen(count, at, left)
        at = next_place(at, len(items))
        gone.update(lane for lane, _, _ in items)
    assert gone == Counter(lane for lane, _, _ in chosen(sum(counts), place, waiting))


def test_one_alarm_leaves_first_and_bulk_moves_behind_any_flood() -> None:
    waiting = {Lane.ALARM: [1], Lane.NORMAL: [5000], Lane.BULK: [5000]}
    assert any(lane is Lane.ALARM for lane, _, _ in chosen(2, 5, waiting))
    flood = {Lane.ALARM: [5000], Lane.NORMAL: [5000], Lane.BULK: [5000]}
    assert Counter(lane for lane, _, _ in chosen(1000, 0, flood)) == {
        Lane.ALARM: 700,
        Lane.NORMAL: 200,
        Lane.BULK: 100,
    }
