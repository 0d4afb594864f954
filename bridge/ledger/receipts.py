"""Receipts meet their parts: by link and the SMSC's id, in several spellings, early or late, once or often."""

from dataclasses import dataclass

from bridge.ledger.database import Row, Transaction
from bridge.ledger.finish import Ending, finish
from bridge.ledger.queue import id_key
from bridge.ledger.smsc_ids import other_keys, smsc_key
from bridge.messages.ids import public_id
from bridge.messages.message import LEGAL_MOVES, PartState
from bridge.messages.receipt import Receipt

PARKED_MAX = 100_000
"""Receipts kept while their part is unknown, and for how long: SMSCs may answer after they report."""
PARKED_AGE_MS_MAX = 72 * 3600 * 1000


@dataclass(slots=True)
class Arrived:
    """A receipt and where it came in."""

    link: str
    receipt: Receipt
    at_ms: int


@dataclass(slots=True)
class Move:
    """A part that a receipt moved."""

    message_id: str
    """Public id."""
    part_no: int
    state: PartState
    error: str


def apply(tx: Transaction, arrivals: list[Arrived]) -> list[Move]:
    """Move the parts that these receipts speak of, and say which; park those whose part is not known (yet).

    Intermediate receipts move nothing. A final state never changes, except that "unknown" yields to the truth.
    """
    telling = [a for a in arrivals if a.receipt.state is not None and a.receipt.smsc_id]
    if not telling:
        return []
    found = _look_up(tx, [(a.link, smsc_key(a.receipt.smsc_id)) for a in telling])
    unmatched = [a for a in telling if not found.get((a.link, smsc_key(a.receipt.smsc_id)))]
    converted = [(a.link, key) for a in unmatched for key in other_keys(a.receipt.smsc_id)]
    found |= _look_up(tx, converted) if converted else {}
    matched: list[tuple[Arrived, Row]] = []
    parked: list[Arrived] = []
    for arrived in telling:
        row = _match(found, arrived)
        if row is None:
            parked.append(arrived)
        else:
            matched.append((arrived, row))
    if parked:
        _park(tx, parked)
    return _move(tx, matched)


def _look_up(tx: Transaction, keys: list[tuple[str, str]]) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for row in tx.many("parts_by_smsc_key", list(dict.fromkeys(keys))):
        found.setdefault((row[0], row[1]), []).append(row)
    return found


def _match(found: dict[tuple[str, str], list[Row]], arrived: Arrived) -> Row | None:
    """The one part this receipt can mean, or None.

    The id as it stands comes first; another number base counts only when the handset agrees, because short ids of
    two bases overlap. Among several parts, the id's exact spelling and then the handset decide; else nobody does.
    """
    receipt = arrived.receipt
    direct = found.get((arrived.link, smsc_key(receipt.smsc_id)), [])
    exact = [row for row in direct if row[6] == receipt.smsc_id]
    converted = [row for key in other_keys(receipt.smsc_id) for row in found.get((arrived.link, key), [])]
    for candidates in (exact, direct):
        if len(candidates) == 1:
            return candidates[0]
        agreeing = [row for row in candidates if _is_same_handset(row[7], receipt.originator)]
        if len(agreeing) == 1:
            return agreeing[0]
    agreeing = [row for row in converted if _is_same_handset(row[7], receipt.originator)]
    return agreeing[0] if len(agreeing) == 1 else None


DIGITS_THAT_AGREE = 7
"""Carriers write the handset in national form too; its last digits are the same in both."""


def _is_same_handset(recipient: str, originator: str) -> bool:
    digits = "".join(character for character in originator if character.isdigit())
    return len(digits) >= DIGITS_THAT_AGREE and recipient[-DIGITS_THAT_AGREE:] == digits[-DIGITS_THAT_AGREE:]


def _move(tx: Transaction, matched: list[tuple[Arrived, Row]]) -> list[Move]:
    if not matched:
        return []
    key = id_key(tx)
    endings: dict[int, Ending] = {}
    moves: list[Move] = []
    history = []
    for arrived, row in matched:
        part_id, message_id, part_no, state = row[2], row[3], row[4], PartState(row[5])
        before = endings[part_id].state if part_id in endings else state
        after = arrived.receipt.state
        assert after is not None
        if (before, after) in LEGAL_MOVES:
            endings[part_id] = Ending(
                part_id=part_id,
                message_id=message_id,
                state=after,
                at_ms=arrived.at_ms,
                network_at_ms=arrived.receipt.network_at_ms,
                error=arrived.receipt.error,
            )
            moves.append(Move(public_id(message_id, key), part_no, after, arrived.receipt.error))
        elif before is not after and after is not PartState.UNKNOWN:
            history.append((message_id, part_no, arrived.at_ms, "contradicting_receipt", f"says {after}, was {before}"))
    finish(tx, list(endings.values()))
    if history:
        tx.many("history_insert", history)
    return moves


def _park(tx: Transaction, parked: list[Arrived]) -> None:
    rows = []
    for arrived in parked:
        r = arrived.receipt
        assert r.state is not None
        rows.append(
            (arrived.link, r.smsc_id, smsc_key(r.smsc_id), r.state.value, r.error, r.network_at_ms, arrived.at_ms)
        )
    tx.many("receipts_park", rows)


def unpark(tx: Transaction, keys: list[tuple[str, str]]) -> list[Move]:
    """Apply receipts that came before the answer which named their part: (link, smsc key) of parts just submitted."""
    rows = tx.many("receipts_parked", list(dict.fromkeys(keys))) if keys else []
    if not rows:
        return []
    tx.by_ids("receipts_unpark", [row[0] for row in rows])
    return apply(tx, [_arrived(row) for row in rows])


def _arrived(row: Row) -> Arrived:
    _, link, smsc_id, _, state, error, network_at_ms, received_at_ms = row
    receipt = Receipt(smsc_id=smsc_id, state=PartState(state), error=error, network_at_ms=network_at_ms)
    return Arrived(link, receipt, received_at_ms)


def forget(tx: Transaction, now_ms: int) -> int:
    """Drop parked receipts that nobody will claim any more; gives their number."""
    return tx.run("receipts_forget", {"before_ms": now_ms - PARKED_AGE_MS_MAX, "keep": PARKED_MAX})
