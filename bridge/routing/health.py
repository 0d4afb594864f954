"""Whether a link delivers to a network: judged from what became of the parts of the last minutes. Pure.

Each pair of link and network is judged by itself: a carrier whose way to one network is broken is passed over for that
network alone. A pair is sick when most of what it took came back undelivered, when its receipts have stopped although
they used to come, or when it refuses most of what it is offered. A sick pair gets a probe now and then, and is well
again when its probes arrive. Few parts prove nothing: a pair that is not known is taken for well.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

MINUTE_MS = 60_000
WINDOW_MS = 15 * MINUTE_MS
"""What is looked at. Longer would hide that a way has just broken; shorter would have too few parts to go by."""
PATIENCE_MS = 2 * MINUTE_MS
"""A receipt that has not come for so long is missing. Handsets that are switched off make many of them wait for hours,
so it is the silence of nearly all that counts, never that of a few."""
SETTLED_MIN = 20
"""Parts that have to be judged by before a pair is called sick."""
PROBES_MIN = 3
"""Parts that have to arrive on a sick pair before it is well again."""
SICK_BELOW = 0.3
"""Share of parts delivered under which a pair is sick: under it most handsets cannot be switched off by chance."""
WELL_FROM = 0.6
"""Share of probes delivered from which it is well again; higher than SICK_BELOW, so that it does not flap."""
SILENT_BELOW = 0.1
"""Share of receipts come at all under which a pair is silent."""
HEARD_FROM = 0.5
"""Share of receipts from which a link, or the way to a network by any link, is known to give receipts."""
REFUSED_FROM = 0.5
"""Share of refused parts from which a pair is sick."""
PROBE_EVERY_MS, PROBE_FOR_MS = 20_000, 1_000
"""A sick pair is open again for one second in twenty: one message in twenty, as long as they come evenly."""
PAIRS_MAX = 5_000
"""Pairs that are kept; a world-wide list by operator has a thousand networks."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the parts that one pair was offered in one minute."""

    link: str
    network: str
    """Mobile country and network code, else the country's two letters; empty: not known."""
    minute_ms: int
    """UTC, the beginning of the minute in which they were submitted."""
    taken: int = 0
    """All that the link took, also those whose receipt may still come."""
    delivered: int = 0
    failed: int = 0
    """Ended otherwise by a receipt."""
    missing: int = 0
    """Without a receipt for longer than PATIENCE_MS."""
    refused: int = 0
    """Not taken, for now or for good, and not because of the pace."""


class Trouble(StrEnum):
    """Why a pair is passed over."""

    UNDELIVERED = "undelivered"
    SILENT = "silent"
    REFUSING = "refusing"


@dataclass(frozen=True, slots=True)
class Sickness:
    """A pair that is passed over."""

    trouble: Trouble
    since_ms: int
    share: float
    """Of parts delivered, of receipts come, or of parts refused, when it was found sick."""
    count: int
    """Parts that it was judged by."""

    def sentence(self) -> str:
        """For people, as the end of "passed over: "."""
        percent = f"{self.share * 100:.0f} % of {self.count}"
        return {
            Trouble.UNDELIVERED: f"only {percent} parts were delivered",
            Trouble.SILENT: f"its receipts have stopped: {percent} came",
            Trouble.REFUSING: f"it refused {percent} parts",
        }[self.trouble]


class HealthView(Protocol):
    """What the planner asks."""

    def trouble(self, link: str, network: str, now_ms: int) -> str:
        """Why a pair is to be passed over just now, as a plain phrase; empty: it may be used."""


class Healthy:
    """Nobody is sick."""

    def trouble(self, link: str, network: str, now_ms: int) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Health:
    """The pairs that are sick at one moment; a new look makes a new one."""

    sick: Mapping[tuple[str, str], Sickness] = field(default_factory=dict)

    def trouble(self, link: str, network: str, now_ms: int) -> str:
        """See HealthView. Empty too while a sick pair is open for a probe."""
        sickness = self.sick.get((link, network))
        if sickness is None or is_probing(sickness, now_ms):
            return ""
        return sickness.sentence()


def is_probing(sickness: Sickness, now_ms: int) -> bool:
    """Whether a sick pair is open for a probe: for a second, at first PROBE_EVERY_MS after it was found sick."""
    passed_ms = now_ms - sickness.since_ms
    return passed_ms >= PROBE_EVERY_MS and passed_ms % PROBE_EVERY_MS < PROBE_FOR_MS


def judge(before: Health, tallies: Iterable[Tally], now_ms: int) -> Health:
    """The health of all pairs after a look at the parts of the last WINDOW_MS.

    `tallies`: one for each pair and minute; older ones, and those of the future, are ignored. A pair that nobody tried
    in all the window stays as it was.
    """
    fresh = [tally for tally in tallies if now_ms - WINDOW_MS <= tally.minute_ms <= now_ms]
    of_pair: dict[tuple[str, str], list[Tally]] = {}
    of_link: dict[str, list[Tally]] = {}
    of_network: dict[str, list[Tally]] = {}
    for tally in fresh:
        of_pair.setdefault((tally.link, tally.network), []).append(tally)
        of_link.setdefault(tally.link, []).append(tally)
        of_network.setdefault(tally.network, []).append(tally)
    links = {link: _sum(found) for link, found in of_link.items()}
    networks = {network: _sum(found) for network, found in of_network.items()}
    sick = dict(before.sick)
    for pair, found in of_pair.items():
        known = before.sick.get(pair)
        if known is not None:
            # Whole minutes only: what was found sick is in the minute before.
            if _is_well_again(known, _sum(tally for tally in found if tally.minute_ms >= known.since_ms)):
                del sick[pair]
            continue
        seen = _sum(found)
        # Whether receipts are to be expected: this link gives them elsewhere, or others do for this network.
        others = links[pair[0]].without(seen), networks[pair[1]].without(seen)
        sickness = _sickness(seen, now_ms, gives_receipts=any(other.is_heard for other in others))
        if sickness is not None and len(sick) < PAIRS_MAX:
            sick[pair] = sickness
    return Health(sick)


@dataclass(frozen=True, slots=True)
class _Sum:
    taken: int
    delivered: int
    failed: int
    missing: int
    refused: int

    @property
    def heard(self) -> int:
        """Parts whose receipt has come."""
        return self.delivered + self.failed

    @property
    def settled(self) -> int:
        """Parts whose receipt has come or is missing."""
        return self.heard + self.missing

    @property
    def offered(self) -> int:
        return self.taken + self.refused

    @property
    def is_heard(self) -> bool:
        return self.settled >= SETTLED_MIN and self.heard >= HEARD_FROM * self.settled

    def without(self, other: "_Sum") -> "_Sum":
        return _Sum(
            self.taken - other.taken,
            self.delivered - other.delivered,
            self.failed - other.failed,
            self.missing - other.missing,
            self.refused - other.refused,
        )


def _sum(tallies: Iterable[Tally]) -> _Sum:
    rows = [(t.taken, t.delivered, t.failed, t.missing, t.refused) for t in tallies]
    return _Sum(*map(sum, zip(*rows, strict=True))) if rows else _Sum(0, 0, 0, 0, 0)


def _sickness(seen: _Sum, now_ms: int, *, gives_receipts: bool) -> Sickness | None:
    """What is wrong with a pair that was taken for well."""
    if seen.offered >= SETTLED_MIN and seen.refused >= REFUSED_FROM * seen.offered:
        return Sickness(Trouble.REFUSING, now_ms, seen.refused / seen.offered, seen.offered)
    if gives_receipts and seen.settled >= SETTLED_MIN and seen.heard < SILENT_BELOW * seen.settled:
        return Sickness(Trouble.SILENT, now_ms, seen.heard / seen.settled, seen.settled)
    if seen.heard >= SETTLED_MIN and seen.delivered < SICK_BELOW * seen.heard:
        return Sickness(Trouble.UNDELIVERED, now_ms, seen.delivered / seen.heard, seen.heard)
    return None


def _is_well_again(known: Sickness, since: _Sum) -> bool:
    """Whether the probes of a sick pair got through."""
    if known.trouble is Trouble.REFUSING:
        return since.taken >= PROBES_MIN and since.taken >= WELL_FROM * since.offered
    return since.delivered >= PROBES_MIN and since.delivered >= WELL_FROM * since.settled
