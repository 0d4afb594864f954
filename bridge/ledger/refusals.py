"""Submissions of known accounts that were not taken: kept with their reason, without parts and without charge."""

from dataclasses import dataclass

from bridge.ledger.database import Transaction

REFUSALS_MAX = 10_000
"""Newest refusals kept: a device that repeats its mistake must not fill the disk."""


@dataclass(frozen=True, slots=True)
class Refusal:
    account_id: int
    door: str
    fault: str
    detail: str
    originator: str
    recipient: str
    """As the sender wrote it."""
    text: str
    at_ms: int


def refuse(tx: Transaction, refusals: list[Refusal]) -> list[None]:
    """Keep refusals, and drop the oldest beyond REFUSALS_MAX."""
    rows = [(r.account_id, r.door, r.fault, r.detail, r.originator, r.recipient, r.text, r.at_ms) for r in refusals]
    tx.many("refusals_insert", rows)
    forget(tx)
    return [None] * len(refusals)


def forget(tx: Transaction) -> int:
    """Drop all but the newest; gives how many went."""
    return tx.run("refusals_forget", {"keep": REFUSALS_MAX})
