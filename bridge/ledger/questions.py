"""Questions: submitted parts whose receipt is missing, and that their link asks the SMSC about (query_sm)."""

from dataclasses import dataclass

from bridge.ledger.database import Transaction
from bridge.ledger.queue import id_key
from bridge.messages.ids import public_id

ASKED_AGE_MS_MAX = 7 * 24 * 3600 * 1000
"""A part that was submitted longer ago is asked for no more: no SMSC remembers it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is needed to ask what became of a part."""

    message_id: str
    """Public id, for logs."""
    part_no: int
    smsc_id: str
    """The SMSC's name for the part, as it gave it."""
    originator: str
    recipient: str


def claim_questions(tx: Transaction, *, link: str, count_max: int, now_ms: int) -> list[Question]:
    """Parts of a link that are to be asked about now, the longest due first.

    Each is due again when it has waited as long again, until it is too old to be known: an answer that is lost, or
    that says "not yet", needs nothing else.
    """
    values = {"link": link, "count": count_max, "now_ms": now_ms, "age_ms": ASKED_AGE_MS_MAX}
    ids = [row[0] for row in tx.rows("questions_claim", values)]
    key = id_key(tx)
    rows = tx.by_ids("questions_for_sending", ids) if ids else []
    return [Question(public_id(row[0], key), *row[1:]) for row in rows]
