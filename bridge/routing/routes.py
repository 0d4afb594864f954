"""Which links may carry a message, the first choice first. Immutable; a change makes a new table.

Of the rows that fit a message the most specific one counts: the one whose destination fits by the most digits (a
network counts with the prefix it was found by, a country with its calling code), then network before prefix before
country; then one for the account's class, for exactly this originator, for a pattern of originators, for hours, for a
coding, for a kind. Two rows that could both be that one cannot be in one table: see `contradictions`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bridge.messages.hours import ALWAYS, Hours
from bridge.routing.networks import Network, calling_code

ALIKE_MAX = 200
"""Rows that differ only in originator patterns and hours: each is compared with each."""


class Choice(NamedTuple):
    """A link among those that share one place."""

    link: str
    share: int = 1
    """How much of the traffic of its place it gets, beside the others' shares."""
    cost_mc: int | None = None
    """What the carrier takes for a part, in thousandths of a credit; None: not said."""


class Destination(NamedTuple):
    """Where a route leads: a kind and its value; without a kind, everywhere."""

    kind: str = ""
    """"prefix" (leading digits), "country" (two letters), "network" (MCC and MNC), or "" for everywhere."""
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}" if self.kind else ""


EVERYWHERE = Destination()


@dataclass(frozen=True, slots=True)
class Route:
    """One row: when it fits, and the links by places of preference. No places: not served."""

    places: tuple[tuple[Choice, ...], ...]
    destination: Destination = EVERYWHERE
    account_class: str = ""
    originator: str = ""
    """Exactly this one, or a pattern in which * stands for any characters."""
    hours: Hours = ALWAYS
    coding: str = ""
    kind: str = ""
    note: str = ""
    route_id: int = 0
    in_turn: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The links, where no two of them share a place; else empty. Kept ready for every message."""

    def __post_init__(self) -> None:
        alone = all(len(place) == 1 for place in self.places)
        object.__setattr__(self, "in_turn", tuple(place[0].link for place in self.places) if alone else ())

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Of all places, in order."""
        return tuple(choice for place in self.places for choice in place)

    @property
    def has_pattern(self) -> bool:
        return "*" in self.originator

    @property
    def rank(self) -> tuple[int, ...]:
        """How specific it is among the rows of its destination: greater counts first."""
        originator = (1 if self.has_pattern else 2) if self.originator else 0
        return (
            *(int(bool(self.account_class)), originator, int(not self.hours.is_always)),
            *(int(bool(self.coding)), int(bool(self.kind))),
        )

    def fits_rest(self, question: "Question") -> bool:
        """Whether coding, kind and hours fit; where class, originator and destination do is another matter."""
        return (
            self.coding in ("", question.coding)
            and self.kind in ("", question.kind)
            and self.hours.is_open(question.at_ms)
        )


@dataclass(slots=True)
class Question:
    """What a route is wanted for. Not frozen: made for each message, never changed."""

    recipient: str
    """Digits."""
    at_ms: int = 0
    account_class: str = ""
    originator: str = ""
    coding: str = "gsm7"
    """"gsm7", "ucs2" or "binary"."""
    kind: str = "text"
    """"text", "flash" (shown at once, not kept) or "binary"."""
    country: str = ""
    network: Network | None = None


class RouteTable:
    """The rows, ready to be asked. Raises ValueError for rows that contradict each other."""

    __slots__ = ("_countries", "_networks", "_prefixes", "_rows", "_walks")

    def __init__(self, rows: Iterable[Route] = ()) -> None:
        self._rows = tuple(rows)
        for first, second, why in contradictions(self._rows):
            raise ValueError(f"routes {self._rows[first].route_id} and {self._rows[second].route_id}: {why}")
        groups: dict[Destination, list[Route]] = {}
        for row in self._rows:
            groups.setdefault(row.destination, []).append(row)
        self._prefixes = {to.value: _Group(rows) for to, rows in groups.items() if to.kind in ("", "prefix")}
        self._networks = {to.value: _Group(rows) for to, rows in groups.items() if to.kind == "network"}
        self._countries = {
            to.value: (len(calling_code(to.value)), _Group(rows)) for to, rows in groups.items() if to.kind == "country"
        }
        sizes = {*map(len, self._prefixes), *(size for size, _ in self._countries.values())}
        # What to look at, by the size of the prefix that the network was found by; -1: no route is for it.
        self._walks = {size: tuple(sorted({*sizes, size} - {-1}, reverse=True)) for size in range(-1, 16)}

    @classmethod
    def by_prefix(cls, rows: Iterable[tuple[str, Sequence[str]]]) -> "RouteTable":
        """A table of (prefix, link names in order); the prefix "" is everywhere."""
        return cls(
            Route(tuple((Choice(link),) for link in links), Destination("prefix", prefix) if prefix else EVERYWHERE)
            for prefix, links in rows
        )

    @property
    def rows(self) -> tuple[Route, ...]:
        return self._rows

    def find(self, question: Question) -> Route | None:
        """The row that counts; None: the route is missing."""
        recipient, network = question.recipient, question.network
        of_network = self._networks.get(network.mcc_mnc) if network is not None else None
        network_size = len(network.prefix) if network is not None and of_network is not None else -1
        country_size, of_country = self._countries.get(question.country, (-1, None))
        for size in self._walks[network_size]:
            if size > len(recipient):
                continue
            if size == network_size and of_network and (row := of_network.find(question)):
                return row
            of_prefix = self._prefixes.get(recipient[:size])
            if of_prefix is not None and (row := of_prefix.find(question)):
                return row
            if size == country_size and of_country and (row := of_country.find(question)):
                return row
        return None


class _Group:
    """The rows of one destination, by class and originator."""

    __slots__ = ("_exact", "_patterns")

    def __init__(self, rows: Iterable[Route]) -> None:
        self._exact: dict[tuple[str, str], list[Route]] = {}
        self._patterns: dict[str, list[tuple[re.Pattern[str], Route]]] = {}
        for row in sorted(rows, key=lambda row: row.rank, reverse=True):
            if row.has_pattern:
                self._patterns.setdefault(row.account_class, []).append((_pattern(row.originator), row))
            else:
                self._exact.setdefault((row.account_class, row.originator), []).append(row)

    def find(self, question: Question) -> Route | None:
        account_class, originator = question.account_class, question.originator
        for name in (account_class, "") if account_class else ("",):
            for row in self._exact.get((name, originator), ()) if originator else ():
                if row.fits_rest(question):
                    return row
            for pattern, row in self._patterns.get(name, ()):
                if pattern.fullmatch(originator) and row.fits_rest(question):
                    return row
            for row in self._exact.get((name, ""), ()):
                if row.fits_rest(question):
                    return row
        return None


def contradictions(rows: Sequence[Route]) -> list[tuple[int, int, str]]:
    """Pairs of rows (their places in `rows`, the earlier one first) of which neither counts before the other.

    Each with what is wrong. Of more than ALIKE_MAX rows that differ only in pattern and hours, one pair is told.
    """
    alike: dict[tuple[object, ...], list[int]] = {}
    for place, row in enumerate(rows):
        originator = "*" if row.has_pattern else row.originator
        name = (row.destination, row.account_class, originator, row.coding, row.kind, row.hours.is_always)
        alike.setdefault(name, []).append(place)
    found: list[tuple[int, int, str]] = []
    for places in alike.values():
        if len(places) > ALIKE_MAX:
            found.append((places[0], places[-1], f"more than {ALIKE_MAX} routes differ only in pattern and hours"))
            continue
        for index, first in enumerate(places):
            for second in places[index + 1 :]:
                if why := _contradiction(rows[first], rows[second]):
                    found.append((first, second, why))
    return sorted(found)


def _contradiction(one: Route, other: Route) -> str:
    """Why two rows of the same destination, class, coding and kind could both be the one that counts; else ""."""
    if one.has_pattern and not patterns_meet(one.originator, other.originator):
        return ""
    if not one.hours.is_always and not _hours_meet(one.hours, other.hours):
        return ""
    if one.originator != other.originator:
        return "an originator can fit the patterns of both"
    if one.hours != other.hours:
        if one.hours.zone != other.hours.zone:
            return "their hours are on the clocks of two places; write both in the same time zone"
        return "their hours overlap"
    return "both are for the same messages"


def patterns_meet(one: str, other: str) -> bool:
    """Whether some text fits both patterns (* stands for any characters, also for none)."""
    # Which places of `other` can be reached with the first characters of `one`.
    reached = _skipped({0}, other)
    for sign in one:
        if sign == "*":
            reached = set(range(min(reached), len(other) + 1)) if reached else reached
        else:
            reached = _skipped(
                {place for place in reached if other[place : place + 1] == "*"}
                | {place + 1 for place in reached if other[place : place + 1] == sign},
                other,
            )
    return len(other) in reached


def _skipped(places: set[int], pattern: str) -> set[int]:
    """These places, and those behind each * that stands there: it may be for nothing."""
    found = set(places)
    for place in sorted(places):
        while pattern[place : place + 1] == "*":
            place += 1
            found.add(place)
    return found


def _hours_meet(one: Hours, other: Hours) -> bool:
    """Whether both can be open at one moment; on the clocks of two places that is taken for granted."""
    if one.zone != other.zone:
        return True
    return any(
        first.holds(day, second.start) or second.holds(other_day, first.start)
        for first in one.windows
        for second in other.windows
        for day in second.days
        for other_day in first.days
    )


def _pattern(originator: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, originator.split("*"))), re.DOTALL)
