"""Public ids: short names that tell a stranger nothing about how many messages there are.

A row number below 2**32 is sent through a keyed bijection on 32 bits, so the eight hex digits are
unique by construction and lead back to the row without an index. Later rows get more digits.
"""

import re
from functools import lru_cache

_NAME = re.compile(r"[0-9A-Fa-f]{8}(?:[0-9A-Fa-f]{4})?")
_MASK = 0xFFFFFFFF
_ROUNDS = 4
_SHORT_MAX = 1 << 32
_KNOWN_MAX = 16_384
"""Names kept at hand: a message is named at each step of its walk, and the steps follow soon."""


def _mix(half: int, key: int, round_no: int) -> int:
    """One Feistel round: 16 bits in, 16 bits out, from a 64-bit key."""
    x = (half * 0x9E3779B1 + (key >> (16 * round_no) & 0xFFFF) * 0x85EBCA6B + round_no) & _MASK
    x ^= x >> 15
    x = (x * 0xC2B2AE35) & _MASK
    return (x ^ x >> 16) & 0xFFFF


@lru_cache(maxsize=_KNOWN_MAX)
def public_id(row: int, key: int) -> str:
    """Name of row `row` (1 or more) under the ledger's 64-bit `key`: eight upper-case hex digits, or more."""
    if row >= _SHORT_MAX:
        return f"{row:012X}"
    left, right = row >> 16, row & 0xFFFF
    for round_no in range(_ROUNDS):
        left, right = right, left ^ _mix(right, key, round_no)
    return f"{left << 16 | right:08X}"


def row_of(name: str, key: int) -> int | None:
    """The row behind a public id, below 2**48; None when the text cannot be one. Case does not matter."""
    if not _NAME.fullmatch(name):
        return None
    value = int(name, 16)
    if len(name) == 12:
        return value if value >= _SHORT_MAX else None
    left, right = value >> 16, value & 0xFFFF
    for round_no in reversed(range(_ROUNDS)):
        left, right = right ^ _mix(left, key, round_no), left
    return left << 16 | right
