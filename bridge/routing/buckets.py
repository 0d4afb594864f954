"""Token buckets by name: how fast the parts of each account, or of each originator of a link, may leave.

A bucket is a `pacing.Pace` that nobody slows down. One that is full says nothing, and may be forgotten.
"""

from collections.abc import Hashable
from dataclasses import replace
from typing import Generic, TypeVar

from bridge.routing.pacing import Pace

KEPT_MAX = 10_000
"""Buckets kept before those that are full again are looked for; a full one is made anew when it is asked for."""

Name = TypeVar("Name", bound=Hashable)


class Buckets(Generic[Name]):
    """The buckets of one kind. `now_ms` may step back, as the clock of a machine does: then nothing is added."""

    def __init__(self, kept_max: int = KEPT_MAX) -> None:
        self._kept_max = kept_max
        self._paces: dict[Name, Pace] = {}

    def __len__(self) -> int:
        return len(self._paces)

    def available(self, name: Name, rate: float, now_ms: int) -> int:
        """Parts that may go now, at `rate` per second, over 0; another rate than before begins with a full bucket."""
        return self._pace(name, rate, now_ms).available(now_ms)

    def take(self, name: Name, rate: float, count: int, now_ms: int) -> None:
        """`count` parts go. Raises ValueError when they are not available."""
        self._paces[name] = self._pace(name, rate, now_ms).take(count, now_ms)
        if len(self._paces) > self._kept_max:
            self._forget_full(now_ms)

    def ready_at_ms(self, name: Name, rate: float, now_ms: int) -> int:
        """When the next part may go."""
        return self._pace(name, rate, now_ms).ready_at_ms(1, now_ms)

    def _pace(self, name: Name, rate: float, now_ms: int) -> Pace:
        pace = self._paces.get(name)
        if pace is None or pace.rate_max != rate:
            return Pace.of(rate, now_ms)
        return pace if pace.at_ms <= now_ms else replace(pace, at_ms=now_ms)

    def _forget_full(self, now_ms: int) -> None:
        full = [name for name, pace in self._paces.items() if pace.is_full(now_ms)]
        for name in full:
            del self._paces[name]
        self._kept_max = max(self._kept_max, 2 * len(self._paces))
