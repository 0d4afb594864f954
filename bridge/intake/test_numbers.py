"""Numbers that every door takes like any other, that cost nothing, and that no handset ever hears of."""

from functools import lru_cache

from bridge.messages import numbers
from bridge.messages.number_plans import DIGITS_MAX, DIGITS_MIN

RANGES_MAX = 100
DEFAULT = "447700900000-447700999999"
"""The range that the service publishes for trials."""
FICTION = "447700900000-447700900999"
"""All that Ofcom keeps for fiction of it; the other numbers may belong to people, who get nothing all the same."""

Range = tuple[int, int]
"""First and last number."""


def parse_range(text: str) -> Range:
    """A range like 447700900000-447700999999, or one number. Raises ValueError."""
    first, dash, last = text.strip().partition("-")
    first, last = first.strip(), last.strip() if dash else first.strip()
    for digits in (first, last):
        if not (digits.isascii() and digits.isdigit() and not digits.startswith("0")):
            raise ValueError(f"not a range of numbers: {text!r}; write it like {DEFAULT}, digits only")
        if not DIGITS_MIN <= len(digits) <= DIGITS_MAX:
            raise ValueError(f"a number has {DIGITS_MIN} to {DIGITS_MAX} digits: {text!r}")
    if len(first) != len(last) or first > last:
        raise ValueError(f"the last number of a range is as long as the first and not below it: {text!r}")
    return int(first), int(last)


@lru_cache(maxsize=numbers.CACHED_MAX)
def find(raw: str, ranges: tuple[Range, ...]) -> str | None:
    """The digits of a number as somebody wrote it, when they are a test number; whether it could exist is not asked."""
    digits = numbers.digits_of(raw)
    if digits is None or digits.startswith("0"):
        return None
    number = int(digits)
    return digits if any(first <= number <= last for first, last in ranges) else None
