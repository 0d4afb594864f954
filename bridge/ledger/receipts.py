"""Receipts meet their parts: by link and the SMSC's id, in several spellings, early or late, once or often."""

from dataclasses import dataclass

from bridge.ledger import credit
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
MATCH_AGE_MS_MAX = 7 * 24 * 3600 * 1000
"""How long after its submission a receipt can still mean a part: ids come round again."""
DIGITS_THAT_AGREE = 7
"""Carriers write the handset in national form too; its last digits are the same in both."""
FAILURES = frozenset({PartState.UNDELIVERABLE, PartState.EXPIRED, PartState.DELETED, PartState.REJECTED})
"""What a receipt says of a part that did not get through: paid back where the account's policy is so."""


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


Matched = list[tuple[Arrived, Row]]


def apply(tx: Transaction, arrivals: list[Arrived]) -> list[Move]:
    """Move the parts that these receipts speak of, and say which; park those whose part is not known (yet).

    Intermediate receipts move nothing. A final state never changes, except that "unknown" yields to the truth.
    """
    telling = [a for a in arrivals if a.receipt.state is not None and a.receipt.smsc_id]
    matched, unmatched = _match_all(tx, telling)
    if unmatched:
        _park(tx, unmatched)
    return _move(tx, matched)


def unpark(tx: Transaction, answers: list[tuple[str, str]]) -> list[Move]:
    """Apply receipts that came before the answer which named their part: (link, smsc id) of parts just submitted.

    Those that do not fit after all stay parked.
    """
    keys = [(link, key) for link, smsc_id in answers for key in (smsc_key(smsc_id), *other_keys(smsc_id))]
    rows = tx.many("receipts_parked", list(dict.fromkeys(keys))) if keys else []
    parked = {row[0]: _arrived(row) for row in rows}
    matched, _ = _match_all(tx, list(parked.values()), must_agree=True)
    fitting = {id(arrived) for arrived, _ in matched}
    done = [parked_id for parked_id, arrived in parked.items() if id(arrived) in fitting]
    if done:
        tx.by_ids("receipts_unpark", done)
    return _move(tx, matched)


def forget(tx: Transaction, now_ms: int) -> int:
    """Drop parked receipts that nobody will claim any more; gives their number."""
    return tx.run("receipts_forget", {"before_ms": now_ms - PARKED_AGE_MS_MAX, "keep": PARKED_MAX})


# --- which part does a receipt mean? ---


def _match_all(tx: Transaction, arrivals: list[Arrived], *, must_agree: bool = False) -> tuple[Matched, list[Arrived]]:
    """Each receipt with the one part it can mean, and the receipts for which there is none (or more than one)."""
    found = _look_up(tx, [(a.link, smsc_key(a.receipt.smsc_id), a.at_ms) for a in arrivals])
    strange = [a for a in arrivals if (a.link, smsc_key(a.receipt.smsc_id)) not in found]
    found |= _look_up(tx, [(a.link, key, a.at_ms) for a in strange for key in other_keys(a.receipt.smsc_id)])
    matched: Matched = []
    unmatched: list[Arrived] = []
    taken: set[int] = set()
    for arrived in arrivals:
        row = _match(found, arrived, taken, must_agree=must_agree)
        if row is None:
            unmatched.append(arrived)
        else:
            matched.append((arrived, row))
            taken.add(row[2])
    return matched, unmatched


def _look_up(tx: Transaction, keys: list[tuple[str, str, int]]) -> dict[tuple[str, str], list[Row]]:
    """Parts by link and key, the oldest first: (link, smsc key, when the receipt came)."""
    earliest: dict[tuple[str, str], int] = {}
    for link, key, at_ms in keys:
        earliest[link, key] = min(at_ms - MATCH_AGE_MS_MAX, earliest.get((link, key), at_ms))
    found: dict[tuple[str, str], list[Row]] = {}
    if earliest:
        for row in tx.many("parts_by_smsc_key", [(*name, since_ms) for name, since_ms in earliest.items()]):
            found.setdefault((row[0], row[1]), []).append(row)
    return found


def _match(
    found: dict[tuple[str, str], list[Row]], arrived: Arrived, taken: set[int], *, must_agree: bool
) -> Row | None:
    """The one part this receipt can mean, or None.

    The id as it stands comes first, in its exact spelling before others. Another number base counts only when the
    handset agrees, because short ids of two bases overlap; and so does a receipt that was parked (`must_agree`),
    because ids come round again.
    """
    receipt = arrived.receipt
    direct = found.get((arrived.link, smsc_key(receipt.smsc_id)), [])
    exact = [row for row in direct if row[6] == receipt.smsc_id]
    for candidates in (exact, direct):
        row = _meant([row for row in candidates if _is_same_handset(row[7], receipt.originator)], taken)
        if row is None and not (must_agree and _digits(receipt.originator)):
            row = _meant(candidates, taken)
        if row is not None:
            return row
    converted = [row for key in other_keys(receipt.smsc_id) for row in found.get((arrived.link, key), [])]
    return _meant([row for row in converted if _is_same_handset(row[7], receipt.originator)], taken)


def _meant(candidates: list[Row], taken: set[int]) -> Row | None:
    """Among parts of one name: the oldest that is still open, if all open ones are of one message; else the only one.

    An SMSC that names all parts of a message alike, or starts its ids anew, is understood; two open messages of one
    name are nobody's.
    """
    still_open = [row for row in candidates if not PartState(row[5]).is_final and row[2] not in taken]
    if still_open:
        return still_open[0] if len({row[3] for row in still_open}) == 1 else None
    return candidates[0] if len(candidates) == 1 else None


def _is_same_handset(recipient: str, originator: str) -> bool:
    digits = _digits(originator)
    return bool(digits) and recipient[-DIGITS_THAT_AGREE:] == digits[-DIGITS_THAT_AGREE:]


def _digits(originator: str) -> str:
    """The digits of a receipt's originator, or "" when they are too few to name a handset."""
    digits = "".join(character for character in originator if character.isdigit())
    return digits if len(digits) >= DIGITS_THAT_AGREE else ""


# --- and then ---


def _move(tx: Transaction, matched: Matched) -> list[Move]:
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
        assert after is not None, "a receipt that moves something has a state"
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
    _refund(tx, [ending for ending in endings.values() if ending.state in FAILURES])
    if history:
        tx.many("history_insert", history)
    return moves


def _refund(tx: Transaction, failed: list[Ending]) -> None:
    """Pay back what the carrier took but did not deliver, to accounts with that policy; each part once at most.

    Which try failed is not asked: also a part that was sent twice and whose receipt says so is paid back.
    """
    told = {ending.part_id: ending for ending in failed}
    for part_id, account_id, book, price_mc in tx.by_ids("refunds_by_policy", told) if told else []:
        ending = told[part_id]
        credit.refund_part(
            tx, account_id, book, part_id, price_mc, reason=f"the carrier says {ending.state}", now_ms=ending.at_ms
        )


def _park(tx: Transaction, parked: list[Arrived]) -> None:
    rows = []
    for arrived in parked:
        r = arrived.receipt
        assert r.state is not None, "only telling receipts are parked"
        name = (arrived.link, r.smsc_id, smsc_key(r.smsc_id))
        rows.append((*name, r.state.value, r.error, r.network_at_ms, r.originator, arrived.at_ms))
    tx.many("receipts_park", rows)


def _arrived(row: Row) -> Arrived:
    _, link, smsc_id, state, error, network_at_ms, originator, received_at_ms = row
    receipt = Receipt(smsc_id, PartState(state), error=error, network_at_ms=network_at_ms, originator=originator)
    return Arrived(link, receipt, received_at_ms)
