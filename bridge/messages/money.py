"""Money is an integer number of thousandths of a credit; text only at the edges."""

import re

MILLIS_PER_CREDIT = 1000
AMOUNT_MAX = 10**15
"""Largest amount, in thousandths, that a single posting may move (fits SQLite's 64 bits with room to sum)."""

_AMOUNT = re.compile(r"([+-]?)(\d{1,13})(?:\.(\d{1,3}))?", re.ASCII)


def parse_credits(text: str) -> int:
    """Read "12", "12.5" or "-0.125" as thousandths of a credit.

    Raises ValueError when the text is not a plain decimal with at most three places within AMOUNT_MAX.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not an amount of credit: {text!r} (write it like 12 or 12.500)")
    sign, whole, fraction = match.groups()
    millis = int(whole) * MILLIS_PER_CREDIT + int((fraction or "").ljust(3, "0"))
    if millis > AMOUNT_MAX:
        raise ValueError(f"amount too large: {text!r}")
    return -millis if sign == "-" else millis


def format_credits(millis: int) -> str:
    """Write thousandths as a decimal with three places: 12500 -> "12.500"."""
    sign, amount = ("-", -millis) if millis < 0 else ("", millis)
    return f"{sign}{amount // MILLIS_PER_CREDIT}.{amount % MILLIS_PER_CREDIT:03d}"
