"""Requests to the writer, and those that wait there because nothing is due for them yet.

A claim that finds nothing is not asked again and again: it stays with the writer under its bell ("link:<name>" for
parts of a link, "esme:<account_id>" for receipts and texts of an account's ESMEs, "notices" for mails). A verb that
makes something due rings the bell (`tx.bells`), and the claim is answered by the same commit. A bell may be rung for
nothing, and every wait ends by the clock, too: for what time alone makes due. A claim that knows when that will be says
so (`tx.due_in_ms`).
"""

import heapq
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NOT_ALLOWED_S = 1.0
"""How long a claim waits that may take nothing just now, as while the disk is short: nobody rings when it may again."""


@dataclass(slots=True)
class Result:
    """What became of one request: `error` is a Fault or another exception, else `value` counts."""

    token: Any
    value: Any = None
    error: Exception | None = None


@dataclass(slots=True, eq=False)
class Request:
    """One call of a verb. Not frozen: made in the hot path; the writer notes what became of it."""

    verb: str
    argument: Any
    token: Any
    result: Result | None = None

    def argument_now(self) -> Any:
        return self.argument


@dataclass(slots=True, eq=False)
class Waiter(Request):
    """A claim that may wait. Its argument is made anew for every try, by the clock of that moment, and has a
    `count_max`; what its verb gives is a list."""

    bell: str = ""
    until_s: float = 0.0
    """When it has waited long enough (time.monotonic): it is answered then, whatever there is."""

    def argument_now(self) -> Any:
        make: Callable[[], Any] = self.argument
        return make()

    @property
    def is_over(self) -> bool:
        return self.until_s <= time.monotonic()

    @property
    def has_nothing(self) -> bool:
        """Whether it goes on waiting: it was tried, found nothing, and its time is not over."""
        result = self.result
        return result is not None and result.error is None and not result.value and not self.is_over


@dataclass(slots=True)
class Ring:
    """Somebody wants every waiter of this bell to be answered now."""

    bell: str


class Waiting:
    """The waiters that found nothing, by bell. Belongs to the writer's thread."""

    def __init__(self) -> None:
        self._by_bell: dict[str, list[Waiter]] = {}
        self._ends: list[tuple[float, int, Waiter]] = []
        self._numbers = itertools.count()
        self._dry: dict[str, float] = {}
        """Bells for which less was found than was asked for, and that were not rung since; and when (time.monotonic)
        something is due there all the same, infinity where that is not known."""

    def is_dry(self, bell: str) -> bool:
        """Whether there is nothing to find for `bell`, as far as is known."""
        return bell in self._dry and self._dry[bell] > time.monotonic()

    def add(self, waiter: Waiter) -> None:
        waiter.until_s = min(waiter.until_s, self._dry.get(waiter.bell, waiter.until_s))
        self._by_bell.setdefault(waiter.bell, []).append(waiter)
        heapq.heappush(self._ends, (waiter.until_s, next(self._numbers), waiter))

    def take(self, bell: str) -> list[Waiter]:
        """The waiters of a bell that was rung; they wait no more."""
        self._dry.pop(bell, None)
        return self._by_bell.pop(bell, [])

    def take_over(self) -> list[Waiter]:
        """The waiters whose time is over, and those that wait beside them for the same."""
        taken: list[Waiter] = []
        now_s = time.monotonic()
        while (end_s := self._next_end_s()) is not None and end_s <= now_s:
            taken += self.take(self._ends[0][2].bell)
        return taken

    def take_all(self) -> list[Waiter]:
        """All waiters."""
        return [waiter for bell in list(self._by_bell) for waiter in self.take(bell)]

    def found(self, waiter: Waiter, count_max: int, count: int, due_in_ms: int | None) -> None:
        """A waiter was tried: it asked for `count_max` and found `count`; more is due in `due_in_ms`, None: unknown."""
        now_s = time.monotonic()
        if not count_max:
            waiter.until_s = min(waiter.until_s, now_s + NOT_ALLOWED_S)
        elif count < count_max:
            self._dry[waiter.bell] = math.inf if due_in_ms is None else now_s + due_in_ms / 1000

    def forget_found(self) -> None:
        """What the waiters found was not stored: it is there again."""
        self._dry.clear()

    def wait_s(self) -> float | None:
        """Seconds until the time of the next one is over; None: nobody waits."""
        end_s = self._next_end_s()
        return None if end_s is None else max(0.0, end_s - time.monotonic())

    def _next_end_s(self) -> float | None:
        ends = self._ends
        while ends and ends[0][2] not in self._by_bell.get(ends[0][2].bell, ()):
            heapq.heappop(ends)
        return ends[0][0] if ends else None
