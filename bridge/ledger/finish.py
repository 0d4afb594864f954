"""A part ends: its final state and the notice that this may cause are written together."""

from dataclasses import dataclass

from bridge.ledger.database import Transaction
from bridge.ledger.outbox import owe_reports
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
    command_status: int = 0
    reason: str = ""


def finish(tx: Transaction, endings: list[Ending]) -> None:
    """Write the final state of parts and owe a report for every message that is finished by it.

    The caller has checked that each move is legal.
    """
    if not endings:
        return
    rows = [(e.part_id, e.state.value, e.at_ms, e.network_at_ms, e.error, e.command_status, e.reason) for e in endings]
    tx.many("parts_finish", rows)
    owe_reports(tx, {ending.message_id for ending in endings}, max(ending.at_ms for ending in endings))
