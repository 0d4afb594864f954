"""When to try again. The waiting grows, and no two waits are quite alike, so that what failed together does not come
back together."""

PART_LADDER_S = (5, 15, 30, 60, 120, 300, 900)
"""Waits before the second, third ... try of a part; the last one repeats until the message expires."""

MAIL_LADDER_S = (60, 300, 900, 1800, 3600)
"""Waits before the second, third ... try of a mail that a relay did not take; the last one repeats."""

MAIL_AGE_MAX_MS = 5 * 24 * 3600 * 1000
"""Five days: what mail servers keep trying for, long enough for a relay that fails on a Friday evening."""

JITTER = 0.2
"""A wait is this much longer or shorter at most."""


def retry_delay_ms(attempt: int, random_fraction: float = 0.5) -> int:
    """How long a part waits after its `attempt`-th try (1 or more) was refused for the moment.

    `random_fraction` (0..1) spreads the wait from 20 % shorter to 20 % longer; its middle spreads nothing.
    """
    return _jittered_ms(PART_LADDER_S, attempt, random_fraction)


def mail_retry_at_ms(attempt: int, created_at_ms: int, now_ms: int, random_fraction: float = 0.5) -> int | None:
    """When a mail is tried again after its `attempt`-th try (1 or more) failed at `now_ms`; None: give up.

    It is given up when the next try would come more than five days after `created_at_ms`.
    """
    next_ms = now_ms + _jittered_ms(MAIL_LADDER_S, attempt, random_fraction)
    return next_ms if next_ms - created_at_ms <= MAIL_AGE_MAX_MS else None


def _jittered_ms(ladder_s: tuple[int, ...], attempt: int, random_fraction: float) -> int:
    if attempt < 1 or not 0 <= random_fraction <= 1:
        raise ValueError(f"not a try: attempt {attempt}, fraction {random_fraction}")
    wait_s = ladder_s[min(attempt, len(ladder_s)) - 1]
    return round(wait_s * 1000 * (1 - JITTER + 2 * JITTER * random_fraction))
