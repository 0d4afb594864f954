"""Services: started in order, stopped in reverse; a start that fails half-way is unwound."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from bridge.runtime import logs, loop

log = logs.get("service")


class Service(Protocol):
    """Something with a beginning and an end: a listener, a link, a sweep."""

    name: str

    async def start(self) -> None:
        """Return when it works; raise when it cannot."""

    async def stop(self) -> None:
        """Return when all is put away; never raise for what the peer did."""


async def start_all(services: Sequence[Service]) -> None:
    """Start in order. When one fails, those before it are stopped again and the failure is raised."""
    started: list[Service] = []
    try:
        for service in services:
            await service.start()
            started.append(service)
    except BaseException:
        await stop_all(started)
        raise


async def stop_all(services: Sequence[Service]) -> None:
    """Stop in reverse order; a failure to stop is logged and does not keep the others from stopping."""
    for service in reversed(services):
        try:
            await service.stop()
        except Exception:
            log.exception("stop failed", service=service.name)


class Periodic:
    """Runs a coroutine function every `every_s` seconds, the first time at once; one failure does not end it."""

    def __init__(self, name: str, every_s: float, function: Callable[[], Awaitable[object]]) -> None:
        self.name = name
        self._every_s = every_s
        self._function = function
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = loop.spawn(self._run(), self.name)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._function()
            except Exception:
                log.exception("periodic work failed", work=self.name)
            await asyncio.sleep(self._every_s)
