"""Who goes next on a link: lanes by weight, and in a lane the accounts in turn.

Places are given one by one. Ten of them make a round, and each place of the round belongs to a lane: seven to alarms,
two to normal parts, one to bulk. Where the lane of a place has nothing to send, the most urgent one that has gets it.
So no place is left empty while anything waits, a lone alarm is at most one place away, and neither a flood of alarms
nor one of normal parts keeps bulk from moving.

In a lane the accounts take turns, one part each, whatever their backlogs; the parts of an account keep their order.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TypeVar

from bridge.messages.message import Lane

Item = TypeVar("Item")

ROUND = (
    Lane.ALARM,
    Lane.ALARM,
    Lane.NORMAL,
    Lane.ALARM,
    Lane.ALARM,
    Lane.BULK,
    Lane.ALARM,
    Lane.NORMAL,
    Lane.ALARM,
    Lane.ALARM,
)
"""Whose each place is. Spread out, so that no lane gives way for two places running."""

_ORDERS = {owner: (owner, *(lane for lane in Lane if lane is not owner)) for owner in Lane}


def next_place(place: int, given: int) -> int:
    """Where the round stands after `given` more places."""
    return (place + given) % len(ROUND)


def choose(count: int, place: int, lanes: Sequence[deque[Iterator[Item]]]) -> list[Item]:
    """Give at most `count` places, beginning at `place` of the round, to what waits.

    `lanes` has for each lane its accounts in the order of their turns: each an iterator over what may go, in order.
    They are used up as far as places go; what an iterator gave has its place. An account whose iterator has ended is
    taken out of its lane, one that was served stands last in it.
    """
    chosen: list[Item] = []
    while len(chosen) < count:
        for lane in _ORDERS[ROUND[next_place(place, len(chosen))]]:
            if _serve(lanes[lane], chosen):
                break
        else:
            break
    return chosen


def _serve(accounts: deque[Iterator[Item]], chosen: list[Item]) -> bool:
    """Give a place to the account whose turn it is; False when the lane has nothing."""
    while accounts:
        for item in accounts[0]:
            chosen.append(item)
            accounts.rotate(-1)
            return True
        accounts.popleft()
    return False
