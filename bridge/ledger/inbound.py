"""Inbound messages: stored before they are acknowledged, joined from pieces, given to the number's owner."""

from dataclasses import dataclass

from bridge.ledger.database import Transaction
from bridge.ledger.outbox import owe_inbound
from bridge.messages.inbound import InboundPart

PIECES_AGE_MS_MAX = 24 * 3600 * 1000
"""How long pieces of a long message wait for the rest; then it goes on incomplete, and says so."""
STALE_MAX = 100
"""Incomplete messages released in one sweep."""


@dataclass(slots=True)
class Whole:
    """An inbound message with all its pieces (or as many as ever came)."""

    link: str
    originator: str
    number: str
    text: str
    is_incomplete: bool = False


def store(tx: Transaction, link: str, part: InboundPart, now_ms: int) -> Whole | None:
    """Keep one piece; gives the whole message when this was its last missing piece, else None."""
    if part.concat is None:
        return Whole(link, part.originator, part.recipient, part.text)
    name = {
        "link": link,
        "originator": part.originator,
        "number": part.recipient,
        "reference": part.concat.reference,
        "total": part.concat.total,
    }
    tx.run("inbound_part_insert", name | {"part_no": part.concat.number, "text": part.text, "now_ms": now_ms})
    pieces = tx.rows("inbound_parts_of", name)
    if len(pieces) < part.concat.total:
        return None
    tx.run("inbound_parts_delete", name)
    return Whole(link, part.originator, part.recipient, "".join(row[1] for row in pieces))


def give(tx: Transaction, wholes: list[Whole], now_ms: int) -> list[str]:
    """Store whole inbound messages with their owners and owe the mail; gives numbers that nobody owns."""
    if not wholes:
        return []
    owners = {row[0]: (row[1], row[2]) for row in tx.many("numbers_of", list({(w.number,) for w in wholes}))}
    first = tx.next_numbers("message", len(wholes))
    rows, owed = [], []
    for inbound_id, whole in enumerate(wholes, first):
        account_id, mail = owners.get(whole.number, (None, ""))
        rows.append(
            (inbound_id, account_id, whole.link, whole.originator, whole.number, whole.text)
            + (int(whole.is_incomplete), now_ms)
        )
        if account_id is not None:
            owed.append((inbound_id, account_id, mail))
    tx.many("inbounds_insert", rows)
    owe_inbound(tx, owed, now_ms)
    return [whole.number for whole in wholes if whole.number not in owners]


def release_stale(tx: Transaction, now_ms: int) -> int:
    """Pass on messages whose missing pieces never came, marked incomplete; gives their number."""
    names = tx.rows("inbound_parts_stale", {"before_ms": now_ms - PIECES_AGE_MS_MAX, "count": STALE_MAX})
    wholes = []
    for link, originator, number, reference, total in names:
        name = {"link": link, "originator": originator, "number": number, "reference": reference, "total": total}
        pieces = {row[0]: row[1] for row in tx.rows("inbound_parts_of", name)}
        tx.run("inbound_parts_delete", name)
        text = "".join(pieces.get(part_no, " [...] ") for part_no in range(1, total + 1))
        wholes.append(Whole(link, originator, number, text, is_incomplete=True))
    give(tx, wholes, now_ms)
    return len(wholes)
