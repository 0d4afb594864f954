"""What is to be done later: one heap and one timer, however many messages wait for their receipts."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from typing import Any

from bridge.runtime.loop import monotonic_ms, running

TICK_S = 0.005
"""What falls due within this time is done together: one write instead of many."""


class Agenda:
    """Calls things when they are due, in the order of their time; `after` once for all that were due together."""

    def __init__(self, after: Callable[[], None]) -> None:
        self._after = after
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._heap)

    def at(self, at_ms: int, act: Callable[..., None], *arguments: Any) -> None:
        """Call `act` at `at_ms` of the monotonic clock, or up to TICK_S later."""
        heapq.heappush(self._heap, (at_ms, next(self._order), act, arguments))
        if self._timer is None or self._heap[0][0] == at_ms:
            self._arm()

    def stop(self) -> None:
        """Forget everything."""
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        """Have the timer ring when the first thing is due."""
        loop = running()
        when = loop.time() + max(TICK_S, (self._heap[0][0] - monotonic_ms()) / 1000)
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = monotonic_ms()
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, _, act, arguments = heapq.heappop(heap)
            act(*arguments)
        self._after()
        if heap:
            self._arm()
