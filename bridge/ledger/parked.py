"""Receipts that wait: they came before the answer that names their part, or nobody knows their part at all."""

from dataclasses import dataclass

from bridge.ledger.database import Row, Transaction
from bridge.ledger.smsc_ids import key_of, other_keys, smsc_key
from bridge.messages.causes import Cause
from bridge.messages.message import PartState
from bridge.messages.receipt import IdFormat, Receipt

PARKED_MAX = 100_000
"""Receipts kept while their part is unknown, and for how long: SMSCs may answer after they report."""
PARKED_AGE_MS_MAX = 72 * 3600 * 1000
RECENT_MAX = 1_000
"""Parked receipts that are looked through when a part goes in doubt, newest first: they came while it was sent."""


@dataclass(slots=True)
class Arrived:
    """A receipt and where it came in."""

    link: str
    receipt: Receipt
    at_ms: int


def park(tx: Transaction, arrivals: list[Arrived]) -> None:
    """Keep receipts until somebody knows their parts. An intermediate one is news only while it is new."""
    rows = []
    for arrived in arrivals:
        r = arrived.receipt
        if r.state is None:
            continue
        rows.append(
            (
                arrived.link,
                r.smsc_id,
                key_of(r.smsc_id, r.id_format),
                r.state.value,
                r.error,
                r.network_at_ms,
                r.originator,
                arrived.at_ms,
            )
            + ("" if r.cause is None else r.cause.value, r.recipient, r.submitted_at_ms, r.reference)
            + (r.id_format.value,)
        )
    if rows:
        tx.many("receipts_park", rows)


def named(tx: Transaction, answers: list[tuple[str, str]]) -> dict[int, Arrived]:
    """Parked receipts that may speak of parts with these names: (link, smsc id)."""
    if not answers or tx.row("receipts_parked_any") is None:
        return {}
    keys = [(link, key) for link, smsc_id in answers for key in (smsc_key(smsc_id), *other_keys(smsc_id))]
    return {row[0]: _arrived(row) for row in tx.many("receipts_parked", list(dict.fromkeys(keys)))}


def recent(tx: Transaction) -> dict[int, Arrived]:
    """The newest parked receipts of all links."""
    return {row[0]: _arrived(row) for row in tx.rows("receipts_parked_recent", {"count": RECENT_MAX})}


def unpark(tx: Transaction, parked_ids: list[int]) -> None:
    """They have found their parts."""
    if parked_ids:
        tx.by_ids("receipts_unpark", parked_ids)


def forget(tx: Transaction, now_ms: int) -> int:
    """Drop parked receipts that nobody will claim any more; gives their number."""
    return tx.run("receipts_forget", {"before_ms": now_ms - PARKED_AGE_MS_MAX, "keep": PARKED_MAX})


def _arrived(row: Row) -> Arrived:
    receipt = Receipt(
        smsc_id=row[2],
        state=PartState(row[3]),
        error=row[4],
        network_at_ms=row[5],
        originator=row[6],
        cause=Cause(row[8]) if row[8] else None,
        recipient=row[9],
        submitted_at_ms=row[10],
        reference=row[11],
        id_format=IdFormat(row[12]),
    )
    return Arrived(row[1], receipt, row[7])
