"""What became of the parts of one link: counted, logged, and settled with the ledger in batches.

One settle call is on its way at a time; outcomes that come meanwhile share the next one. An outcome is kept
until the ledger has taken it.
"""

import asyncio
from dataclasses import dataclass

from bridge.ledger.worker import LedgerFailed
from bridge.messages.address import shorten
from bridge.messages.faults import Fault
from bridge.messages.message import ClaimedPart, Outcome, OutcomeKind
from bridge.runtime import logs
from bridge.runtime.batches import Batches
from bridge.runtime.link_ledger import SettleLedger

SETTLE_MAX = 500
"""Outcomes in one settle call."""
RETRY_S = 1.0
"""Wait after the ledger failed us."""

_GOOD = frozenset({OutcomeKind.SUBMITTED, OutcomeKind.DEFERRED, OutcomeKind.NEXT_LINK, OutcomeKind.UNWRITTEN})
_WORDS = {kind: kind.value.replace("_", " ") for kind in OutcomeKind}

log = logs.get("link")


@dataclass(slots=True)
class Counts:
    """What a link did since the process started."""

    written: int = 0
    submitted: int = 0
    deferred: int = 0
    next_link: int = 0
    rejected: int = 0
    in_doubt: int = 0
    unwritten: int = 0
    late: int = 0


class Books:
    """Takes the outcomes of one link."""

    def __init__(self, name: str, ledger: SettleLedger) -> None:
        self.counts = Counts()
        self._name = name
        self._ledger = ledger
        self._outcomes: Batches[Outcome] = Batches(f"settle {name}", self._settle, SETTLE_MAX)

    def enter(self, part: ClaimedPart, outcome: Outcome) -> None:
        """Tell the log, the counters and, with the next batch, the ledger."""
        kind, counts = outcome.kind, self.counts
        if kind is OutcomeKind.SUBMITTED:  # Nearly all of them.
            counts.submitted += 1
        else:
            setattr(counts, kind.value, getattr(counts, kind.value) + 1)
        write = log.info if kind in _GOOD else log.warning
        write(
            _WORDS[kind],
            link=self._name,
            message=part.message_id,
            part=place(part),
            recipient=shorten(part.recipient),
            smsc_id=outcome.smsc_id,
            reason=outcome.reason,
        )
        self._ledger.watch.offered(self._name, part.recipient, outcome)
        self._outcomes.add(outcome)

    async def told(self) -> None:
        """Let the ledger have every outcome so far before what is asked of it next: verbs keep their order there."""
        self._outcomes.flush()
        await asyncio.sleep(0)

    async def closed(self, timeout_s: float) -> bool:
        """Wait until the ledger knows every outcome; False when it did not take them in time."""
        return await self._outcomes.drained(timeout_s)

    async def _settle(self, outcomes: list[Outcome]) -> None:
        """Book them, however long the ledger is busy. One that breaks the ledger's verb is left for the next start."""
        while True:
            try:
                await self._ledger.settle(self._name, outcomes)
            except (Fault, LedgerFailed) as trouble:  # What became of a part must not be forgotten.
                log.error("settle put off", link=self._name, count=len(outcomes), why=str(trouble))
                await asyncio.sleep(RETRY_S)
            except Exception:  # The outermost hook of settling: our bug, met by one outcome and not by its neighbours.
                log.exception("settle failed", link=self._name, parts=[outcome.part_id for outcome in outcomes[:10]])
                if len(outcomes) > 1:
                    for outcome in outcomes:
                        await self._settle([outcome])
                return
            else:
                return


def place(part: ClaimedPart) -> str:
    """Which part of its message: "1/2", or "" for an only one."""
    return f"{part.part_no}/{part.part_total}" if part.part_total > 1 else ""
