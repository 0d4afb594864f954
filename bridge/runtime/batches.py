"""Gathers single items and hands them over in batches: one batch on its way, whatever came meanwhile in the next."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from bridge.runtime.loop import running, spawn

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
        self._flushed: set[asyncio.Task[None]] = set()

    @property
    def count(self) -> int:
        """Items not yet handed over, those on their way included."""
        return len(self._waiting) + self._on_its_way

    def add(self, item: Item) -> None:
        """Put `item` into the next batch."""
        self._waiting.append(item)
        if self._task is None:
            self._task = spawn(self._run(), self._name)

    def flush(self) -> None:
        """Hand over what waits, beside the batch that is on its way; the ledger has it before what it is asked next."""
        while batch := self._take():
            task = spawn(self._carry(batch), self._name)
            self._flushed.add(task)
            task.add_done_callback(self._flushed.discard)

    async def drained(self, timeout_s: float) -> bool:
        """Wait until everything is handed over; False when that takes longer than `timeout_s`."""
        deadline = running().time() + timeout_s
        while self.count and (left_s := deadline - running().time()) > 0:
            await asyncio.wait(self._flushed | ({self._task} if self._task is not None else set()), timeout=left_s)
        return self.count == 0

    async def _run(self) -> None:
        try:
            while batch := self._take():
                await self._carry(batch)
        finally:
            self._task = None

    def _take(self) -> list[Item]:
        batch = self._waiting[: self._size_max]
        del self._waiting[: self._size_max]
        self._on_its_way += len(batch)
        return batch

    async def _carry(self, batch: list[Item]) -> None:
        try:
            await self._hand_over(batch)
        finally:
            self._on_its_way -= len(batch)
