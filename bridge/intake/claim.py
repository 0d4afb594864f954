"""The way out of the queue: which of the due parts a link gets next.

Lanes by weight, accounts in turn (routing/lanes.py), no account faster than its own rate, and no originator faster than
a link may send it (routing/buckets.py). The parts of an account keep their order in their lane, and so do those to one
recipient where an originator is held back: what waits behind one of them waits too.

What is remembered between claims (turns, buckets) is forgotten by a restart: then every account may send its burst.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from bridge.ledger import bells, queue
from bridge.ledger.database import Transaction
from bridge.ledger.queue import CLAIM_MAX, Claim, Due
from bridge.messages.message import ClaimedPart, Lane, Paced
from bridge.routing import lanes
from bridge.routing.buckets import Buckets

LOOK_AHEAD = 1_000
"""Parts that are looked at on a link that counts originators, shared by the accounts: so far do the parts of other
originators come past one that is held back."""
AGAIN_MS = 100
"""After how long a claim that found too little looks at the accounts that it has not come to."""
PACED_TOLD_MAX = 10
"""Accounts and originators of a link that are told of as held back."""

_MEMORY = "claim"


@dataclass(slots=True)
class _Turns:
    """How the claims of one link stand."""

    place: int = 0
    """In the round of lanes."""
    after: list[int] = field(default_factory=lambda: [0] * len(Lane))
    """By lane the account that was served last; 0: begin with the first."""
    accounts: int = 1
    """Accounts that were waiting at the last claim, those of each lane counted."""


@dataclass(slots=True)
class Memory:
    """What claims remember. Belongs to the writer's thread; `paced` may be read by others."""

    turns: dict[str, _Turns] = field(default_factory=dict)
    accounts: Buckets[int] = field(default_factory=Buckets)
    originators: Buckets[tuple[str, str]] = field(default_factory=Buckets)
    paced: dict[str, tuple[Paced, ...]] = field(default_factory=dict)
    """By link what its latest claim held back."""


def memory_of(verbs: dict[str, Any]) -> Memory:
    """The memory of a ledger's claims, of `Transaction.memory`."""
    memory: Memory = verbs.setdefault(_MEMORY, Memory())
    return memory


def claim(tx: Transaction, claims: list[Claim]) -> list[list[ClaimedPart]]:
    """Take what is due on a link and mark it claimed, alarms in front; the commit is the write-ahead intent."""
    memory = memory_of(tx.memory)
    return [_Choice(tx, memory, request).claimed() for request in claims]


class _Choice:
    """One claim, from what is due to what is taken."""

    def __init__(self, tx: Transaction, memory: Memory, request: Claim) -> None:
        self._tx = tx
        self._memory = memory
        self._link = request.link
        self._now_ms = request.now_ms
        self._originator_rate = request.originator_parts_per_second
        self._wanted = min(request.count_max, CLAIM_MAX)
        self._turns = memory.turns.setdefault(request.link, _Turns())
        self._began = tuple(self._turns.after)
        self._is_cut = False
        self._senders: dict[int, tuple[str, str]] = {}
        self._paced: dict[tuple[str, str, Lane], Paced] = {}

    def claimed(self) -> list[ClaimedPart]:
        if self._wanted <= 0:
            return []
        due = self._due()
        if len(due) == 1 and not due[0].parts_per_second and not self._originator_rate:
            part_ids = due[0].part_ids[: self._wanted]
            self._turns.after = [0] * len(Lane)
        else:
            part_ids = self._chosen(due)
        self._memory.paced[self._link] = tuple(islice(self._paced.values(), PACED_TOLD_MAX))
        self._look_again(len(part_ids), due)
        return queue.take(self._tx, self._link, part_ids, self._now_ms) if part_ids else []

    # What is due

    def _due(self) -> list[Due]:
        """What is due of each account in its lane, those whose turn is first in front, at least as much as is wanted
        where there is so much; little more where many accounts wait."""
        if self._originator_rate:
            return self._read(-(-LOOK_AHEAD // self._turns.accounts))
        count = min(self._wanted, -(-2 * self._wanted // self._turns.accounts))
        while True:
            due = self._read(count)
            if count >= self._wanted or self._is_enough(due, count):
                return due
            count = min(self._wanted, 4 * count)

    def _read(self, count: int) -> list[Due]:
        due = queue.due(self._tx, self._link, self._began, self._now_ms, count)
        self._turns.accounts = max(1, len(due))
        self._is_cut = any(len(one.part_ids) == count < self._room(one) for one in due) or bool(self._originator_rate)
        return due

    def _is_enough(self, due: list[Due], count: int) -> bool:
        """Whether the lanes, from the most urgent one on, have what is wanted before one that was not read to its
        end."""
        found = 0
        for lane in Lane:
            is_cut = False
            for one in due:
                if one.lane is lane:
                    room = self._room(one)
                    found += min(room, len(one.part_ids))
                    is_cut = is_cut or (len(one.part_ids) == count < room)
            if is_cut or found >= self._wanted:
                return found >= self._wanted
        return True

    def _room(self, due: Due) -> int:
        """How many parts its account may send now."""
        if not due.parts_per_second:
            return self._wanted
        return self._memory.accounts.available(due.account_id, due.parts_per_second, self._now_ms)

    # What of it goes

    def _chosen(self, due: list[Due]) -> list[int]:
        if self._originator_rate:
            self._senders = queue.senders(self._tx, [part_id for one in due for part_id in one.part_ids])
        waiting: list[deque[Iterator[tuple[Lane, int, int]]]] = [deque() for _ in Lane]
        for one in due:
            waiting[one.lane].append(self._allowed(one))
        chosen = lanes.choose(self._wanted, self._turns.place, waiting)
        self._turns.place = lanes.next_place(self._turns.place, len(chosen))
        for lane, account_id, _ in chosen:
            self._turns.after[lane] = account_id
        # Lanes have their places; who is more urgent is still written first.
        return [part_id for _, _, part_id in sorted(chosen, key=lambda each: each[0])]

    def _allowed(self, due: Due) -> Iterator[tuple[Lane, int, int]]:
        """What of an account's parts may go, in order; each that is given goes."""
        part_ids: Iterable[int] = due.part_ids
        if self._originator_rate:
            part_ids = self._by_originator(due)
        if due.parts_per_second:
            part_ids = self._by_account(due, part_ids)
        return ((due.lane, due.account_id, part_id) for part_id in part_ids)

    def _by_account(self, due: Due, part_ids: Iterable[int]) -> Iterator[int]:
        accounts, account_id, rate = self._memory.accounts, due.account_id, due.parts_per_second
        waiting = iter(part_ids)
        left = len(due.part_ids)
        while left and accounts.available(account_id, rate, self._now_ms):
            part_id = next(waiting, None)
            if part_id is None:
                return
            left -= 1
            accounts.take(account_id, rate, 1, self._now_ms)
            yield part_id
        if left:
            until_ms = accounts.ready_at_ms(account_id, rate, self._now_ms)
            self._hold("account", due.account, due.lane, rate, until_ms)

    def _by_originator(self, due: Due) -> Iterator[int]:
        originators, rate = self._memory.originators, self._originator_rate
        waiting_for: set[str] = set()
        for part_id in due.part_ids:
            originator, recipient = self._senders[part_id]
            if recipient in waiting_for:
                continue
            name = (self._link, originator)
            if originators.available(name, rate, self._now_ms):
                originators.take(name, rate, 1, self._now_ms)
                yield part_id
            else:
                waiting_for.add(recipient)
                until_ms = originators.ready_at_ms(name, rate, self._now_ms)
                self._hold("originator", originator, due.lane, rate, until_ms)

    def _hold(self, kind: str, name: str, lane: Lane, rate: float, until_ms: int) -> None:
        self._paced[kind, name, lane] = Paced(kind, name, lane, rate, until_ms)

    def _look_again(self, found: int, due: list[Due]) -> None:
        """Where less was found than was wanted: when to look again, if the clock alone makes more of it due."""
        if found >= self._wanted:
            return
        bell = bells.of_link(self._link)
        for paced in self._paced.values():
            bells.due_in(self._tx, bell, max(1, paced.until_ms - self._now_ms))
        if self._is_cut and found:
            bells.due_in(self._tx, bell, AGAIN_MS)
        if len(due) >= queue.ACCOUNTS_MAX - queue.ACCOUNTS_SLACK:
            bells.due_in(self._tx, bell, AGAIN_MS)
            for lane in Lane:
                behind = (one.account_id for one in due if one.lane is lane and one.account_id > self._began[lane])
                self._turns.after[lane] = max(behind, default=0)
