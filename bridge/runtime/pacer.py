"""The pace of one link: the configured one, or none until the SMSC asks for one."""

from bridge.routing.pacing import Pace

QUIET_RATE = 10.0
"""Parts per second that a link is taken to have had when it was nearly idle as it was throttled: what it really sent
says nothing about the carrier's limit then, and a slower start would make the next alarm wait."""


class Pacer:
    """Holds the present `Pace`. A link without a configured rate has none, until it is throttled.

    Then it starts from the rate it was really sending at, and is without one again once it is back there:
    the carrier said what is too much, and the window alone may be enough to stay below it.
    """

    def __init__(self, parts_per_second: float | None, now_ms: int) -> None:
        self._is_configured = parts_per_second is not None
        self._pace = None if parts_per_second is None else Pace.of(parts_per_second, now_ms)
        self._second = 0
        self._written = 0
        self._written_before = 0

    @property
    def rate(self) -> float:
        """Parts per second now; 0 for no limit."""
        return self._pace.rate if self._pace is not None else 0.0

    @property
    def is_slowed(self) -> bool:
        """Whether the link sends slower than it could, because the SMSC asked for it."""
        return self._pace is not None and self._pace.is_slowed

    def set_rate(self, parts_per_second: float | None, now_ms: int) -> None:
        """Send at this rate from now on, at most; None: at none. What the SMSC asked for before is forgotten."""
        self._is_configured = parts_per_second is not None
        self._pace = None if parts_per_second is None else Pace.of(parts_per_second, now_ms)

    def allow(self, count_max: int, now_ms: int) -> int:
        """How many parts, at most `count_max`, may be written now."""
        return count_max if self._pace is None else min(count_max, self._pace.available(now_ms))

    def wait_s(self, now_ms: int) -> float | None:
        """Seconds until the next part may be written; None when that does not depend on the time."""
        return None if self._pace is None else (self._pace.ready_at_ms(1, now_ms) - now_ms) / 1000

    def wrote(self, count: int, now_ms: int) -> None:
        """`count` parts were written. More than allowed is legal: they were claimed before the pace fell."""
        second = now_ms // 1000
        if second != self._second:
            self._written_before = self._written if second == self._second + 1 else 0
            self._second, self._written = second, 0
        self._written += count
        if self._pace is not None:
            self._pace = self._pace.take(min(count, self._pace.available(now_ms)), now_ms)

    def throttled(self, now_ms: int) -> None:
        """The SMSC said: too fast."""
        if self._pace is None:
            self._pace = Pace.of(max(float(self._written), float(self._written_before), QUIET_RATE), now_ms)
        self._pace = self._pace.slow_down(now_ms)

    def accepted(self, now_ms: int) -> None:
        """The SMSC took a part: a step back to the full pace."""
        if self._pace is None:
            return
        self._pace = self._pace.speed_up(now_ms)
        if not self._is_configured and not self._pace.is_slowed:
            self._pace = None
