"""The places of all HTTP listeners together, and who loses one when they are used up."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.runtime.web_channel import WebChannel

EVICTION_S = 1.0
"""How long a connection without a whole request keeps its place when somebody else needs it."""


class Connections:
    """Who is open, and who waits without a whole request, longest first."""

    def __init__(self, connections_max: int) -> None:
        self._connections_max = connections_max
        self._open: set[WebChannel] = set()
        self._waiting: dict[WebChannel, float] = {}
        """Since when, in seconds of the reactor's clock."""
        self.is_draining = False
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    async def emptied(self) -> None:
        """Wait until no connection is open."""
        await self._is_empty.wait()

    def open(self, channel: "WebChannel", now_s: float) -> bool:
        """Give the channel a place; when all are used, the one that has waited longest loses its own.

        False when nobody has waited for as long as EVICTION_S: then the places are busy, not idle.
        """
        if len(self._open) >= self._connections_max and not self._evict(now_s):
            return False
        self._open.add(channel)
        self._waiting[channel] = now_s
        self._is_empty.clear()
        return True

    def _evict(self, now_s: float) -> bool:
        oldest = next(iter(self._waiting), None)
        if oldest is None or now_s - self._waiting[oldest] < EVICTION_S:
            return False
        self.close(oldest)
        oldest.abort()
        return True

    def work(self, channel: "WebChannel") -> None:
        """The channel has a whole request."""
        self._waiting.pop(channel, None)

    def wait(self, channel: "WebChannel", now_s: float) -> None:
        """The channel is between requests, or leaving."""
        self._waiting.pop(channel, None)
        if channel in self._open:
            self._waiting[channel] = now_s

    def close(self, channel: "WebChannel") -> None:
        self._waiting.pop(channel, None)
        self._open.discard(channel)
        if not self._open:
            self._is_empty.set()

    def drain(self) -> None:
        """Let no connection start another request, and end those that have none."""
        self.is_draining = True
        for channel in list(self._waiting):
            channel.end()

    def abort(self) -> None:
        for channel in list(self._open):
            channel.abort()
