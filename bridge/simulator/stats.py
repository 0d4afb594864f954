"""What the simulator counts, and how it tells it: a line while something happens, a table at the end."""

from collections import Counter
from dataclasses import dataclass, field, replace

from bridge.smpp.constants import Status

Row = tuple[str, int]


@dataclass(slots=True)
class Counts:
    """Since the start."""

    binds: int = 0
    binds_refused: Counter[int] = field(default_factory=Counter)
    """By command_status."""
    submitted: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    """Parts that were taken and not answered, by intention."""
    cancelled: int = 0
    replaced: int = 0
    receipts_sent: int = 0
    receipts_taken: int = 0
    inbound_sent: int = 0
    inbound_taken: int = 0
    put_off: int = 0
    """Deliveries that a peer could not take yet or did not answer, and that are sent again."""
    deliveries_refused: Counter[int] = field(default_factory=Counter)
    dropped: int = 0
    """Deliveries given up because too many waited, or because they cannot be written."""
    cut: int = 0
    """Connections ended by intention."""

    @property
    def accepted(self) -> int:
        return self.submitted - sum(self.refused.values())

    def snapshot(self) -> "Counts":
        """A copy to compare with later."""
        return replace(self, refused=Counter(self.refused))


_ALWAYS = ("binds", "parts submitted", "accepted", "receipts sent", "receipts taken")
_RATES = ("submitted", "accepted", "receipts_taken", "inbound_taken")


def line(before: Counts, now: Counts, seconds: float, waiting: int, sessions: int) -> str:
    """What happened since `before`, as one line; empty when nothing did."""
    rates = {name: getattr(now, name) - getattr(before, name) for name in _RATES}
    if not any(rates.values()):
        return ""
    told = [f"{name.replace('_taken', ''):s} {count / seconds:,.0f}/s" for name, count in rates.items()]
    return "  ".join([*told, f"waiting {waiting:,}", f"sessions {sessions}"])


def rows(counts: Counts) -> list[Row]:
    """What to show at the end: everything that is not zero, and the main things always."""
    told: list[Row] = [("binds", counts.binds)]
    told += [(f"binds refused with {Status.name_of(status)}", n) for status, n in counts.binds_refused.most_common()]
    told += [("parts submitted", counts.submitted), ("accepted", counts.accepted)]
    told += [(f"refused with {Status.name_of(status)}", n) for status, n in counts.refused.most_common()]
    told += [
        ("not answered by intention", counts.unanswered),
        ("cancelled", counts.cancelled),
        ("replaced", counts.replaced),
        ("receipts sent", counts.receipts_sent),
        ("receipts taken", counts.receipts_taken),
        ("texts from handsets sent", counts.inbound_sent),
        ("texts from handsets taken", counts.inbound_taken),
        ("deliveries to be repeated", counts.put_off),
    ]
    told += [
        (f"deliveries refused with {Status.name_of(status)}", n)
        for status, n in counts.deliveries_refused.most_common()
    ]
    told += [("deliveries given up", counts.dropped), ("connections cut", counts.cut)]
    return [row for row in told if row[1] or row[0] in _ALWAYS]
