"""Receipts meet their parts: by link and the SMSC's id, in several spellings, early or late, once or often.

A receipt whose id means nothing may still settle a doubt (`doubts.py`); what is left then waits (`parked.py`).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from bridge.ledger import credit, doubts, parked
from bridge.ledger.database import Transaction
from bridge.ledger.esme import owe_intermediate
from bridge.ledger.finish import Ending, finish
from bridge.ledger.handsets import is_same, tail_of
from bridge.ledger.parked import Arrived
from bridge.ledger.queue import id_key
from bridge.ledger.smsc_ids import Spelling, key_of, other_keys, smsc_key, spelling
from bridge.messages.causes import STILL_TRYING
from bridge.messages.ids import public_id
from bridge.messages.message import FINAL_STATES, LEGAL_MOVES, PartState
from bridge.messages.receipt import FAILURES, IdFormat, Receipt

MATCH_AGE_MS_MAX = 7 * 24 * 3600 * 1000
"""How long after its submission a receipt can still mean a part: ids come round again."""
NAMED_MAX = 8
"""Parts of one name that are looked at, the newest ones, as in the statement parts_by_smsc_key; and what else their
messages have of that name."""

_STATES = {state.value: state for state in PartState}


@dataclass(slots=True)
class Move:
    """A part that a receipt moved."""

    message_id: str
    """Public id."""
    part_no: int
    state: PartState
    error: str
    link: str
    recipient: str
    submitted_at_ms: int
    """When its link took it; of a part that was in doubt, when that was known."""


class Named(NamedTuple):
    """A part by its name on its link."""

    link: str
    smsc_key: str
    part_id: int
    message_id: int
    part_no: int
    state: str
    smsc_id: str
    recipient: str
    submitted_at_ms: int


_part_id = attrgetter("part_id")

Matched = list[tuple[Arrived, Named]]
Found = dict[tuple[str, str], list[Named]]


def apply(tx: Transaction, arrivals: list[Arrived]) -> list[Move]:
    """Move the parts that these receipts speak of, and say which; park those whose part is not known (yet).

    Intermediate receipts move nothing, unless they tell that a part in doubt was taken. A final state never changes,
    except that "unknown" yields to the truth.
    """
    named = [arrived for arrived in arrivals if arrived.receipt.smsc_id]
    matched, unmatched = _match_all(tx, named)
    _learn(tx, matched)
    if len(named) < len(arrivals):
        unmatched += [arrived for arrived in arrivals if not arrived.receipt.smsc_id]
    if unmatched:
        settled = _settled(doubts.settle(tx, unmatched))
        matched += settled
        done = {id(arrived) for arrived, _ in settled}
        parked.park(tx, [a for a in unmatched if a.receipt.smsc_id and id(a) not in done])
    return _move(tx, matched)


def unpark(tx: Transaction, answers: list[tuple[str, str]]) -> list[Move]:
    """Apply receipts that came before the answer which named their part: (link, smsc id) of parts just submitted.

    Those that do not fit after all stay parked.
    """
    waiting = parked.named(tx, answers)
    matched, _ = _match_all(tx, list(waiting.values()), must_agree=True)
    _learn(tx, matched)
    return _apply_parked(tx, waiting, matched)


def reconsider(tx: Transaction) -> list[Move]:
    """Parts have just gone in doubt: receipts that were parked meanwhile may tell that they were taken."""
    waiting = parked.recent(tx)
    return _apply_parked(tx, waiting, _settled(doubts.settle(tx, list(waiting.values()))))


def forget(tx: Transaction, now_ms: int) -> int:
    """Drop parked receipts that nobody will claim any more; gives their number."""
    return parked.forget(tx, now_ms)


def same_answer(tx: Transaction, names: Iterable[tuple[str, str, int]]) -> set[int]:
    """Which of these parts have these names already: (link, smsc id, part_id), in any spelling."""
    wanted = [(link, key, i) for link, id_, i in names if id_ for key in (smsc_key(id_), *other_keys(id_))]
    found = _look_up(tx, [(link, key, 0) for link, key, _ in wanted])
    return {
        part_id for link, key, part_id in wanted if any(part.part_id == part_id for part in found.get((link, key), []))
    }


def _apply_parked(tx: Transaction, waiting: dict[int, Arrived], matched: Matched) -> list[Move]:
    fitting = {id(arrived) for arrived, _ in matched}
    parked.unpark(tx, [parked_id for parked_id, arrived in waiting.items() if id(arrived) in fitting])
    return _move(tx, matched)


# --- which part does a receipt mean? ---


def _match_all(tx: Transaction, arrivals: list[Arrived], *, must_agree: bool = False) -> tuple[Matched, list[Arrived]]:
    """Each receipt with the one part it can mean, and the receipts for which there is none (or more than one)."""
    asked = [(a, (a.link, key_of(a.receipt.smsc_id, a.receipt.id_format))) for a in arrivals]
    found = _look_up(tx, [(*name, a.at_ms) for a, name in asked])
    unknown = [a for a, name in asked if not any(_is_own(part, a.receipt) for part in found.get(name, ()))]
    strange = [a for a in unknown if a.receipt.id_format is IdFormat.AUTO]
    if strange:
        found |= _look_up(tx, [(a.link, key, a.at_ms) for a in strange for key in other_keys(a.receipt.smsc_id)])
    matched: Matched = []
    unmatched: list[Arrived] = []
    taken: set[int] = set()
    for arrived, name in asked:
        part = _match(found, arrived, found.get(name, []), taken, must_agree=must_agree)
        if part is None:
            unmatched.append(arrived)
        else:
            matched.append((arrived, part))
            if arrived.receipt.state is not None:
                taken.add(part.part_id)
    return matched, unmatched


def _look_up(tx: Transaction, keys: list[tuple[str, str, int]]) -> Found:
    """Parts by link and key, the oldest first: (link, smsc key, when the receipt came)."""
    earliest: dict[tuple[str, str], int] = {}
    for link, key, at_ms in keys:
        earliest[link, key] = min(at_ms - MATCH_AGE_MS_MAX, earliest.get((link, key), at_ms))
    found: Found = {}
    if earliest:
        rows = tx.packed("parts_by_smsc_key", [(*name, since_ms) for name, since_ms in earliest.items()])
        for part in sorted(map(Named._make, rows), key=_part_id):
            found.setdefault((part.link, part.smsc_key), []).append(part)
        _add_the_rest(tx, found)
    return found


def _add_the_rest(tx: Transaction, found: Found) -> None:
    """Where an SMSC names the many parts of a message alike, those that were not among the newest of that name."""
    full = {name: parts for name, parts in found.items() if len(parts) == NAMED_MAX}
    if full:
        wanted = {(part.message_id, *name) for name, parts in full.items() for part in parts}
        rows = tx.packed("parts_named_alike", list(wanted))
        found.update({name: [] for name in full})
        for part in sorted(map(Named._make, rows), key=_part_id):
            found[part.link, part.smsc_key].append(part)


def _match(found: Found, arrived: Arrived, direct: list[Named], taken: set[int], *, must_agree: bool) -> Named | None:
    """The one part this receipt can mean, or None; `direct` are the parts of its own key.

    The id as it stands comes first, in its exact spelling before others. A handset that the receipt names must be the
    part's: ids come round again, and one may mean two parts in two number bases. Where it names none, only the id as it
    stands counts. A link whose spelling is known needs no handset, unless the receipt was parked (`must_agree`).
    """
    receipt = arrived.receipt
    is_auto, is_exact = receipt.id_format is IdFormat.AUTO, receipt.id_format is IdFormat.EXACT
    if len(direct) == 1 and direct[0].smsc_id == receipt.smsc_id and _is_own(direct[0], receipt):
        return direct[0]  # As it nearly always is.
    must_agree = (must_agree or is_auto) and bool(tail_of(receipt.originator))
    exact = [part for part in direct if part.smsc_id == receipt.smsc_id]
    for candidates in (exact,) if is_exact else (exact, direct):
        part = _meant([part for part in candidates if _is_own(part, receipt)], taken)
        if part is None and not must_agree:
            part = _meant(candidates, taken)
        if part is not None:
            return part
    if not is_auto:
        return None
    converted = [part for key in other_keys(receipt.smsc_id) for part in found.get((arrived.link, key), [])]
    return _meant([part for part in converted if _is_own(part, receipt)], taken)


def _is_own(part: Named, receipt: Receipt) -> bool:
    """Whether a receipt names the handset of the part; some SMSCs do not swap the addresses."""
    return is_same(part.recipient, receipt.originator) or is_same(part.recipient, receipt.recipient)


def _meant(candidates: list[Named], taken: set[int]) -> Named | None:
    """Among parts of one name: the oldest that is still open, if all open ones are of one message; else the only one.

    An SMSC that names all parts of a message alike, or starts its ids anew, is understood; two open messages of one
    name are nobody's.
    """
    still_open = [p for p in candidates if p.state not in FINAL_STATES and p.part_id not in taken]
    if still_open:
        return still_open[0] if len({part.message_id for part in still_open}) == 1 else None
    return candidates[0] if len(candidates) == 1 else None


def _settled(settled: list[doubts.Settled]) -> Matched:
    """Receipts that told that a part in doubt was taken, with that part as it is now."""
    state = PartState.SUBMITTED.value
    return [
        (
            arrived,
            Named(arrived.link, "", one.part_id, one.message_id, one.part_no, state, "", one.recipient, arrived.at_ms),
        )
        for one in settled
        for arrived in one.receipts
    ]


def _learn(tx: Transaction, matched: Matched) -> None:
    """Count how the receipts of each link spell the ids of its answers."""
    if not matched:
        return
    met = Counter(
        (arrived.link, Spelling.SAME if part.smsc_id == name else spelling(part.smsc_id, name))
        for arrived, part in matched
        for name in (arrived.receipt.smsc_id,)
    )
    now_ms = matched[-1][0].at_ms
    tx.many("link_spellings_met", [(link, word.value, count, now_ms) for (link, word), count in met.items()])


# --- and then ---


def _move(tx: Transaction, matched: Matched) -> list[Move]:
    if not matched:
        return []
    key = id_key(tx)
    endings: dict[int, Ending] = {}
    trying: dict[int, tuple[Arrived, Named]] = {}
    moves: list[Move] = []
    history = []
    for arrived, part in matched:
        receipt, part_id = arrived.receipt, part.part_id
        before = endings[part_id].state if part_id in endings else _STATES[part.state]
        after = receipt.state
        if after is None:
            if not before.is_final:
                trying[part_id] = (arrived, part)
        elif (before, after) in LEGAL_MOVES:
            endings[part_id] = Ending(
                part_id=part_id,
                message_id=part.message_id,
                state=after,
                at_ms=arrived.at_ms,
                network_at_ms=receipt.network_at_ms,
                error=receipt.error,
                cause=receipt.cause.value if receipt.cause is not None else "",
            )
            public = public_id(part.message_id, key)
            moves.append(
                Move(public, part.part_no, after, receipt.error, part.link, part.recipient, part.submitted_at_ms)
            )
        elif before is not after and after is not PartState.UNKNOWN:
            says = f"says {after}, was {before}"
            history.append((part.message_id, part.part_no, arrived.at_ms, "contradicting_receipt", says))
    if trying:
        _try_on(tx, trying, endings)
    finish(tx, list(endings.values()))
    _refund(tx, [ending for ending in endings.values() if ending.state in FAILURES])
    if history:
        tx.many("history_insert", history)
    return moves


def _try_on(tx: Transaction, trying: dict[int, tuple[Arrived, Named]], endings: dict[int, Ending]) -> None:
    """The network has these parts and tries to deliver them: shown while they wait, and told to who asked for it."""
    rows = [
        (part_id, STILL_TRYING, arrived.receipt.error, arrived.receipt.cause.value if arrived.receipt.cause else "")
        for part_id, (arrived, _) in trying.items()
        if arrived.receipt.is_trying and part_id not in endings
    ]
    if rows:
        tx.many("parts_trying", rows)
    message_ids = sorted({part.message_id for _, part in trying.values()})
    owe_intermediate(tx, message_ids, max(arrived.at_ms for arrived, _ in trying.values()))


def _refund(tx: Transaction, failed: list[Ending]) -> None:
    """Pay back what the carrier took but did not deliver, to accounts whose policy is so; each part once at most.

    Which try failed is not asked: also a part that was sent twice and whose receipt says so is paid back.
    """
    told = {ending.part_id: ending for ending in failed}
    for part_id, account_id, book, price_mc in tx.by_ids("refunds_by_policy", told) if told else []:
        ending = told[part_id]
        credit.refund_part(
            tx, account_id, book, part_id, price_mc, reason=f"the carrier says {ending.state}", now_ms=ending.at_ms
        )
