"""When a message may be sent: the hours of its account and of its destination, all of them at once. Pure.

How hours are written and read, and what daylight saving does to them, is told in `messages.hours`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.messages.hours import ALWAYS, DAYS, Hours, Window, all_open_ms, join, local_ms, split
from bridge.messages.message import Lane
from bridge.routing.prefixes import PrefixTable

__all__ = [
    "ALWAYS",
    "ANY_DESTINATION",
    "DAYS",
    "DestinationHours",
    "Hours",
    "HoursRow",
    "Window",
    "all_open_ms",
    "join",
    "local_ms",
    "split",
]

PREFIX, COUNTRY = "prefix:", "country:"
ANY_DESTINATION = ""


@dataclass(frozen=True, slots=True)
class HoursRow:
    """The hours of one destination."""

    destination: str
    """'prefix:4670', 'country:SE', or '' for everywhere."""
    hours: Hours
    is_for_alarms: bool = False
    """Whether the alarm lane waits for them too."""


class DestinationHours:
    """Rows by destination; the longest prefix wins, then the country, then everywhere. Immutable.

    Raises ValueError as PrefixTable, and for a destination that is none of these.
    """

    __slots__ = ("_countries", "_everywhere", "_prefixes")

    def __init__(self, rows: Iterable[HoursRow] = ()) -> None:
        prefixes: list[tuple[str, HoursRow]] = []
        self._countries: dict[str, HoursRow] = {}
        self._everywhere: HoursRow | None = None
        for row in rows:
            if row.destination == ANY_DESTINATION:
                self._everywhere = row
            elif row.destination.startswith(PREFIX):
                prefixes.append((row.destination.removeprefix(PREFIX), row))
            elif row.destination.startswith(COUNTRY):
                self._countries[row.destination.removeprefix(COUNTRY)] = row
            else:
                raise ValueError(f"not a destination: {row.destination}; write prefix:4670 or country:SE")
        self._prefixes = PrefixTable(prefixes) if prefixes else None

    def find(self, recipient: str, country: str, lane: Lane) -> Hours:
        """The hours for a recipient (digits) in a country (two letters; empty: unknown); ALWAYS where none hold."""
        row = self._prefixes.find(recipient) if self._prefixes is not None else None
        row = row or self._countries.get(country) or self._everywhere
        if row is None or (lane is Lane.ALARM and not row.is_for_alarms):
            return ALWAYS
        return row.hours

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for any."""
        return self._prefixes is None and not self._countries and self._everywhere is None
