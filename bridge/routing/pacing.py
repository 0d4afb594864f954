"""How fast a link may send: a token bucket as a value, and how it gives way to a carrier that says "slower".

A token is the right to write one part. Tokens grow with time at the present rate up to a small burst, so that in any
stretch of `t` seconds at most `rate * t + burst` parts are written. Each change gives a new value; nothing here reads
a clock.

A throttled answer halves the rate at once, since every further part would be refused too. The way back is quick up to
just below the rate that was too much, and slow from there, so that a carrier whose real limit is lower than the agreed
one is mostly used at that limit instead of being hit again every few seconds.
"""

import math
from dataclasses import dataclass, replace

RATE_FLOOR = 1.0
"""Parts per second that throttling never goes below (unless the configured rate is lower still)."""

BURST_S = 0.1
"""Seconds' worth of parts that may be written at once: little for a carrier that counts by the second, and enough to
fill a claim."""

SLOW_DOWN_EVERY_MS = 1_000
"""A whole window may come back throttled; that is one piece of news, not ten."""

SPEED_UP_EVERY_MS = 1_000
"""One step, and only when nothing was throttled for as long: accepted parts between refusals prove nothing."""

QUICK_STEP = 0.1
"""Of the configured rate, per step, while far below what was too much."""

SLOW_STEP = 0.01
"""Of the configured rate, per step, when near it: from nine tenths back to it in five seconds or more."""

NEAR = 0.9
"""Of the rate that was too much: where the quick steps end."""

_PART = 1000.0
"""One token. Thousandths, because a rate per second times milliseconds gives thousandths: whole rates never round."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The bucket of one link at one moment. Make it with `Pace.of`."""

    rate_max: float
    """Parts per second as configured."""
    burst: float
    """Parts that may go at once at `rate_max`; 1 or more."""
    rate: float
    """Parts per second now."""
    tokens: float
    """Thousandths of a part at `at_ms`."""
    at_ms: int
    halving_from_ms: int
    """Before this moment a throttled answer does not halve the rate again."""
    raising_from_ms: int
    """Before this moment an accepted part does not raise it."""
    rate_refused: float = 0.0
    """The rate at the last throttled answer, 0 when the link is at its configured rate."""

    @classmethod
    def of(cls, rate_max: float, now_ms: int, burst: float | None = None) -> "Pace":
        """A full bucket at `rate_max` parts per second. Raises ValueError for a rate of 0 or a burst under 1."""
        size = max(1.0, rate_max * BURST_S) if burst is None else burst
        if not (0 < rate_max < math.inf and 1 <= size < math.inf):
            raise ValueError(f"not a pace: {rate_max} parts per second, {size} at once")
        return cls(rate_max, size, rate_max, size * _PART, now_ms, halving_from_ms=now_ms, raising_from_ms=now_ms)

    @property
    def is_slowed(self) -> bool:
        return self.rate < self.rate_max

    @property
    def room(self) -> float:
        """Tokens the bucket holds at the present rate: a slowed link does not save up a burst of its old size."""
        return max(1.0, self.burst * self.rate / self.rate_max)

    def available(self, now_ms: int) -> int:
        """Parts that may be written now."""
        return int(self._tokens(now_ms) / _PART + 1e-9)

    def is_full(self, now_ms: int) -> bool:
        """Whether nothing was taken lately: it is as a new one."""
        return self._tokens(now_ms) >= self.room * _PART

    def take(self, count: int, now_ms: int) -> "Pace":
        """The bucket after writing `count` parts. Raises ValueError when they are not available."""
        if not 0 <= count <= self.available(now_ms):
            raise ValueError(f"{count} parts taken, {self.available(now_ms)} available")
        tokens = max(0.0, self._tokens(now_ms) - count * _PART)
        return replace(self, tokens=tokens, at_ms=max(now_ms, self.at_ms))

    def ready_at_ms(self, count: int, now_ms: int) -> int:
        """The first moment from `now_ms` at which `count` parts are available; more than fit count as all that fit."""
        missing = min(count, int(self.room)) * _PART - self._tokens(now_ms)
        if missing <= 1e-6:
            return now_ms
        return max(now_ms, self.at_ms) + math.ceil(missing / self.rate - 1e-6)

    def slow_down(self, now_ms: int) -> "Pace":
        """After a throttled answer: empty, at half the rate, but at most one halving a second."""
        emptied = replace(self, tokens=0.0, at_ms=max(now_ms, self.at_ms), raising_from_ms=now_ms + SPEED_UP_EVERY_MS)
        if now_ms < self.halving_from_ms:
            return emptied
        return replace(
            emptied,
            rate=max(self.rate / 2, min(RATE_FLOOR, self.rate_max)),
            halving_from_ms=now_ms + SLOW_DOWN_EVERY_MS,
            rate_refused=self.rate,
        )

    def speed_up(self, now_ms: int) -> "Pace":
        """After an accepted part: one step up, at most one a second, to the configured rate in the end."""
        if not self.rate_refused or now_ms < self.raising_from_ms:
            return self
        near = self.rate_refused * NEAR
        if self.rate < near:
            rate = min(self.rate + self.rate_max * QUICK_STEP, near)
        else:
            rate = self.rate + self.rate_max * SLOW_STEP
        is_whole = rate >= self.rate_max
        return replace(
            self,
            rate=self.rate_max if is_whole else rate,
            tokens=self._tokens(now_ms),
            at_ms=max(now_ms, self.at_ms),
            raising_from_ms=now_ms + SPEED_UP_EVERY_MS,
            rate_refused=0.0 if is_whole else self.rate_refused,
        )

    def _tokens(self, now_ms: int) -> float:
        """Thousandths of a part at `now_ms`; a clock that steps back adds nothing."""
        return min(self.room * _PART, self.tokens + self.rate * max(0, now_ms - self.at_ms))
