"""A part ends: its final state and the notices that this may cause are written together."""

from dataclasses import dataclass

from bridge.ledger.database import Transaction
from bridge.ledger.esme import owe_receipts
from bridge.ledger.outbox import finished_of, owe_reports
from bridge.messages.message import PartState


@dataclass(slots=True)
class Ending:
    """The end of one part."""

    part_id: int
    message_id: int
    """Row number of its message."""
    state: PartState
    at_ms: int
    network_at_ms: int | None = None
    error: str = ""
    cause: str = ""
    """What the error means: see messages/causes.py; empty: nothing is known."""
    command_status: int = 0
    reason: str = ""


def finish(tx: Transaction, endings: list[Ending], *, is_by_account: bool = False) -> None:
    """Write the final state of parts and owe word of every message that is finished by it: mails, and receipts.

    The caller has checked that each move is legal. `is_by_account`: the account ended them itself, and needs no mail
    that says so.
    """
    if not endings:
        return
    rows = [
        (e.part_id, e.state.value, e.at_ms, e.network_at_ms, e.error, e.cause, e.command_status, e.reason)
        for e in endings
    ]
    tx.many("parts_finish", rows)
    now_ms = max(ending.at_ms for ending in endings)
    finished = finished_of(tx, {ending.message_id for ending in endings})
    if finished:
        owe_reports(tx, finished, now_ms, is_by_account=is_by_account)
        owe_receipts(tx, finished, now_ms)
