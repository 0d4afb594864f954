"""Longest prefix wins: an immutable table from leading digits to anything."""

from collections.abc import Iterable
from typing import Generic, TypeVar

Value = TypeVar("Value")

DIGITS_MAX = 15
"""Digits of an E.164 number; a longer prefix could match nothing."""


class PrefixTable(Generic[Value]):
    """Rows (prefix, value); the prefix "" matches every number.

    Raises ValueError for a prefix that is not digits, and for one that comes twice: which row was meant?
    """

    __slots__ = ("_rows", "_sizes")

    def __init__(self, rows: Iterable[tuple[str, Value]]) -> None:
        self._rows: dict[str, Value] = {}
        for prefix, value in rows:
            if prefix and not (prefix.isascii() and prefix.isdigit() and len(prefix) <= DIGITS_MAX):
                raise ValueError(f"a prefix is up to {DIGITS_MAX} digits: {prefix!r}")
            if prefix in self._rows:
                raise ValueError(f"prefix comes twice: {prefix!r}")
            self._rows[prefix] = value
        self._sizes = tuple(sorted(set(map(len, self._rows)), reverse=True))

    def find(self, number: str) -> Value | None:
        """The value of the longest prefix of `number`, or None."""
        rows = self._rows
        for size in self._sizes:
            # A number shorter than this is found under its own size, if at all.
            value = rows.get(number[:size])
            if value is not None:
                return value
        return None
