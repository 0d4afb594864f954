"""Inbound messages: stored before they are acknowledged, joined from pieces, given to the number's owner."""

from dataclasses import dataclass
from typing import Any

from bridge.ledger import esme
from bridge.ledger.database import Transaction
from bridge.ledger.outbox import owe_inbound
from bridge.messages.inbound import InboundPart

PIECES_AGE_MS_MAX = 24 * 3600 * 1000
"""How long pieces of a long message wait for the rest; then it goes on incomplete, and says so."""
REPEAT_MS_MAX = 10 * 60 * 1000
"""How long after a message became whole a piece of it is taken for the carrier's repeat, and not for a new message."""
GAP = " [...] "
"""Stands for a piece that never came."""
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


def store(tx: Transaction, link: str, part: InboundPart, now_ms: int) -> list[Whole]:
    """Keep one piece; gives the messages that this makes whole, or that it shows to be incomplete.

    A handset counts its long messages with one octet or not at all, so a reference comes round again: a piece that
    contradicts one we hold belongs to a new message, and what we held of the old one goes on as it is. A piece that
    is repeated within REPEAT_MS_MAX of its message becoming whole is the carrier's repeat and is dropped.
    """
    if part.concat is None:
        return [Whole(link, part.originator, part.recipient, part.text)]
    name = _name(link, part)
    number, text = part.concat.number, part.text
    rows = tx.rows("inbound_parts_of", name)
    held = {row[0]: row[1] for row in rows}
    joined_at_ms = rows[0][2] if rows else None
    released: list[Whole] = []
    if joined_at_ms is not None:
        if now_ms - joined_at_ms <= REPEAT_MS_MAX and held.get(number) == text:
            return []
        tx.run("inbound_parts_delete", name)
        held = {}
    elif held.get(number, text) != text:
        tx.run("inbound_parts_delete", name)
        released, held = [_incomplete(name, held)], {}
    tx.run("inbound_part_insert", name | {"part_no": number, "text": text, "now_ms": now_ms})
    held[number] = text
    if len(held) < part.concat.total:
        return released
    tx.run("inbound_parts_joined", name | {"now_ms": now_ms})
    return [*released, Whole(link, part.originator, part.recipient, "".join(held[n] for n in sorted(held)))]


def _name(link: str, part: InboundPart) -> dict[str, Any]:
    """What the pieces of one message have in common."""
    assert part.concat is not None, "a piece says which it is"
    return {
        "link": link,
        "originator": part.originator,
        "number": part.recipient,
        "reference": part.concat.reference,
        "total": part.concat.total,
    }


def _incomplete(name: dict[str, Any], pieces: dict[int, str]) -> Whole:
    """What there is of a message, with a mark where pieces are missing."""
    text = "".join(pieces.get(part_no, GAP) for part_no in range(1, name["total"] + 1))
    return Whole(name["link"], name["originator"], name["number"], text, is_incomplete=True)


def give(tx: Transaction, wholes: list[Whole], now_ms: int) -> list[str]:
    """Store whole inbound messages with their owners and owe the mail, and the deliver_sm; gives numbers that nobody
    owns.
    """
    if not wholes:
        return []
    owners = {row[0]: row[1:] for row in tx.many("numbers_of", list({(w.number,) for w in wholes}))}
    first = tx.next_numbers("message", len(wholes))
    rows, owed, owed_to_esmes = [], [], []
    for inbound_id, whole in enumerate(wholes, first):
        account_id, mail, is_for_esme = _owner(tx, whole, owners)
        rows.append(
            (inbound_id, account_id, whole.link, whole.originator, whole.number, whole.text)
            + (int(whole.is_incomplete), now_ms)
        )
        if account_id is not None:
            owed.append((inbound_id, account_id, mail))
            if is_for_esme:
                owed_to_esmes.append((inbound_id, account_id))
    tx.many("inbounds_insert", rows)
    owe_inbound(tx, owed, now_ms)
    esme.owe_inbound(tx, owed_to_esmes, now_ms)
    return [row[4] for row in rows if row[1] is None]


def _owner(tx: Transaction, whole: Whole, owners: dict[str, tuple[Any, ...]]) -> tuple[Any, ...]:
    """Account (None: nobody's), mail address and whether its ESMEs get it.

    An answer to a message that bore a number of a pool is the account's that last wrote to that handset from there.
    """
    owner = owners.get(whole.number, (None, "", 0))
    wrote = tx.row("pool_conversation", {"number": whole.number, "handset": whole.originator})
    return owner if wrote is None or wrote[0] == owner[0] else tuple(wrote)


def release_stale(tx: Transaction, now_ms: int) -> int:
    """Pass on messages whose missing pieces never came, and forget joined pieces; gives how many were passed on."""
    before = {"before_ms": now_ms - PIECES_AGE_MS_MAX}
    tx.run("inbound_parts_forget", before)
    wholes = []
    for row in tx.rows("inbound_parts_stale", before | {"count": STALE_MAX}):
        name = dict(zip(("link", "originator", "number", "reference", "total"), row, strict=True))
        pieces = {piece[0]: piece[1] for piece in tx.rows("inbound_parts_of", name)}
        tx.run("inbound_parts_delete", name)
        wholes.append(_incomplete(name, pieces))
    give(tx, wholes, now_ms)
    return len(wholes)
