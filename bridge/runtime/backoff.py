"""How long to wait before the next try to connect: 1, 2, 4 ... 60 s, and five minutes after wrong credentials. Pure."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

FIRST_S = 1.0
LONGEST_S = 60.0
CREDENTIALS_S = 300.0
"""After a refused password or system_id: carriers lock accounts that knock too often."""
STEADY_S = 30.0
"""A session that stayed bound this long was a good one: the ladder starts anew."""
JITTER = 0.2
"""Share by which a delay varies, so that many links do not come back in step."""


@dataclass(slots=True)
class Backoff:
    """The ladder of one link. A link that binds and drops at once keeps climbing it."""

    first_s: float = FIRST_S
    longest_s: float = LONGEST_S
    credentials_s: float = CREDENTIALS_S
    steady_s: float = STEADY_S
    chance: Callable[[], float] = random.random
    """Gives 0..1; a test gives its own."""
    failures: int = 0

    def fresh(self) -> "Backoff":
        """The same ladder from its first step, for another session."""
        return replace(self, failures=0)

    def next_delay_s(self, bound_for_s: float, *, is_refused: bool = False) -> float:
        """Seconds to wait now that a try ended that was bound for `bound_for_s` (0: it never was).

        `is_refused`: the SMSC did not accept who we say we are.
        """
        if is_refused:
            return self.credentials_s * (1 + JITTER * self.chance())
        if bound_for_s >= self.steady_s:
            self.failures = 0
        delay_s = min(self.first_s * 2.0 ** min(self.failures, 16), self.longest_s)
        self.failures += 1
        return min(delay_s * (1 - JITTER + 2 * JITTER * self.chance()), self.longest_s)
