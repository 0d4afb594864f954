"""Gathers single items and hands them over in batches: one batch on its way, whatever came meanwhile in the next."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from bridge.runtime.loop import spawn

Item = TypeVar("Item")


class Batches(Generic[Item]):
    """A queue in front of one ledger verb. `hand_over` deals with its own failures and must not raise."""

    def __init__(self, name: str, hand_over: Callable[[list[Item]], Awaitable[None]], size_max: int) -> None:
        self._name = name
        self._hand_over = hand_over
        self._size_max = size_max
        self._waiting: list[Item] = []
        self._on_its_way = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        """Items not yet handed over, those on their way included."""
        return len(self._waiting) + self._on_its_way

    def add(self, item: Item) -> None:
        """Put `item` into the next batch."""
        self._waiting.append(item)
        if self._task is None:
            self._task = spawn(self._run(), self._name)

    async def drained(self, timeout_s: float) -> bool:
        """Wait until everything is handed over; False when that takes longer than `timeout_s`."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=timeout_s)
        return self.count == 0

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[: self._size_max]
                del self._waiting[: self._size_max]
                self._on_its_way = len(batch)
                await self._hand_over(batch)
                self._on_its_way = 0
        finally:
            self._on_its_way = 0
            self._task = None
