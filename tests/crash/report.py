"""What a run of the kill harness came to: each kill and what it found, the verdicts, and the figures for people."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.crash import checker

UNANSWERED_MIN, CLAIMED_MIN = 20, 20
"""A kill counts only with as many requests unanswered and parts claimed when it came."""
BROKEN_MAX = 20
"""Broken promises of one kind that the JSON tells."""


@dataclass(slots=True)
class Kill:
    """One kill and what it found."""

    failpoint: str
    unanswered: int
    """Requests sent and never answered."""
    states: dict[str, int]
    """Parts by state in the ledger as it was left."""
    committed: int
    """Messages among the unanswered that the ledger has, of those that were asked for the first time."""
    committed_of_esmes: int = 0
    """Those of them that ESMEs submitted."""
    owed: dict[str, int] = field(default_factory=dict)
    """Notices by state."""
    owed_to_esmes: dict[str, int] = field(default_factory=dict)
    """Receipts that are owed to ESMEs, by state."""

    @property
    def counts(self) -> bool:
        return self.unanswered >= UNANSWERED_MIN and self.states.get("claimed", 0) >= CLAIMED_MIN


@dataclass(slots=True)
class Report:
    """What a run came to."""

    seed: int
    in_doubt: str
    kills: list[Kill] = field(default_factory=list)
    verdicts: list[checker.Verdict] = field(default_factory=list)
    traces: str = ""
    figures: dict[str, int] = field(default_factory=dict)
    never_reached: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def counted(self) -> int:
        return sum(kill.counts for kill in self.kills)

    @property
    def is_ok(self) -> bool:
        return not self.verdicts and not self.never_reached

    def facts(self) -> dict[str, Any]:
        """What a test wants to know of it."""
        kills = [asdict(kill) | {"counts": kill.counts} for kill in self.kills]
        broken = {verdict.invariant: [one.what for one in verdict.broken[:BROKEN_MAX]] for verdict in self.verdicts}
        return {"kills": kills, "broken": broken, "figures": self.figures, "never_reached": self.never_reached}

    def __str__(self) -> str:
        """The figures for people."""
        states: Counter[str] = Counter()
        for kill in self.kills:
            states.update(kill.states)
        asked = sorted(kill.unanswered for kill in self.kills)
        lines = [
            f"seed {self.seed}, {self.in_doubt}: {len(self.kills)} kills, {self.counted} of them with at least "
            f"{UNANSWERED_MIN} requests unanswered and {CLAIMED_MIN} parts claimed, {self.seconds:.1f} s",
            f"  requests unanswered at a kill: {asked[0]} to {asked[-1]}, median {asked[len(asked) // 2]}; "
            f"{sum(kill.committed for kill in self.kills)} of their messages were committed"
            if asked
            else "  no kills",
            "  parts at the kills by state: " + ", ".join(f"{state} {count}" for state, count in states.most_common()),
            "  in the end: " + ", ".join(f"{count} {name}" for name, count in self.figures.items()),
        ]
        lines += [f"  never reached: {name}" for name in self.never_reached]
        if self.verdicts:
            lines += ["  broken: " + ", ".join(verdict.invariant for verdict in self.verdicts), self.traces]
        else:
            lines.append(f"  all {len(checker.INVARIANTS)} invariants hold")
        return "\n".join(lines)

    def by_failpoint(self) -> str:
        """One line for each failpoint: what was found there."""
        lines = []
        for kill in self.kills:
            states = " ".join(f"{state}:{count}" for state, count in sorted(kill.states.items()))
            owed = " ".join(f"{state}:{count}" for state, count in sorted(kill.owed.items()))
            receipts = " ".join(f"{state}:{count}" for state, count in sorted(kill.owed_to_esmes.items()))
            lines.append(
                f"  {kill.failpoint or 'random':28} {kill.unanswered:3} unanswered, {kill.committed:3} committed;"
                f" parts {states or '-'}; notices {owed or '-'}; receipts {receipts or '-'}"
            )
        return "\n".join(lines)
