"""A receipt whose id nobody knows may still tell that a part in doubt was taken: by our own reference that it repeats,
or because it can mean no other part.

Then the part was submitted, under the id that the receipt gives, and the receipt applies to it. A part whose hold is
over, and which is queued to be sent once more, is in doubt still: it is not sent again. When two parts fit, or two
receipts fit one part, nothing follows: a doubt that lasts is better than a wrong answer.
"""

from dataclasses import dataclass

from bridge.ledger.database import Row, Transaction
from bridge.ledger.handsets import is_same, tail_of
from bridge.ledger.parked import Arrived
from bridge.ledger.smsc_ids import smsc_key
from bridge.smpp.translate import user_message_reference

TRY_SPAN_MS = 120_000
"""How far a receipt's time of submission may be from our try: SMSCs write minutes, and their clocks are not ours."""
DOUBTS_MAX = 2_000
"""Parts in doubt of one link that a receipt is compared with, the newest first: two windows of the widest link; and as
many of those that are queued once more."""
RIVALS_MAX = 20_000
"""The newest parts, among which those are looked for that a receipt could mean as well. On a link that sends more than
so many within TRY_SPAN_MS an older one is known by its own id alone."""

BY_REFERENCE = "the receipt repeats our reference"
BY_FACTS = "the receipt can mean no other part: its recipient, originator and time fit this one only"


@dataclass(slots=True)
class Settled:
    """A part that was in doubt, and the receipts that say it was taken, in the order they came."""

    part_id: int
    message_id: int
    part_no: int
    recipient: str
    receipts: list[Arrived]
    reason: str


@dataclass(slots=True)
class _Doubt:
    link: str
    part_id: int
    message_id: int
    part_no: int
    first_at_ms: int
    """When it was tried first, or a time before that."""
    claimed_at_ms: int
    """When it was tried last."""
    recipient: str
    originator: str


def settle(tx: Transaction, arrivals: list[Arrived]) -> list[Settled]:
    """Book as submitted the parts in doubt that these receipts can only mean; the receipts themselves are not applied.

    `arrivals` are receipts that match no part by their id.
    """
    doubts = _doubts(tx, {arrived.link for arrived in arrivals}) if arrivals else {}
    if not doubts:
        return []
    by_reference: dict[int, list[Arrived]] = {}
    by_facts: dict[int, list[Arrived]] = {}
    of_part: dict[int, _Doubt] = {}
    for arrived in arrivals:
        handset = tail_of(arrived.receipt.originator)
        candidates = doubts.get((arrived.link, handset), []) if handset else []
        reference = arrived.receipt.reference
        if reference is not None:
            fitting, found = [d for d in candidates if user_message_reference(d.part_id) == reference], by_reference
        else:
            fitting, found = (
                [d for d in candidates if _fits(arrived, d.originator, d.first_at_ms, d.claimed_at_ms)],
                by_facts,
            )
        if len(fitting) == 1:
            of_part[fitting[0].part_id] = fitting[0]
            found.setdefault(fitting[0].part_id, []).append(arrived)
    rivals = _rivals(tx, [of_part[part_id] for part_id in by_facts.keys() - by_reference.keys()])
    settled = [_settled(of_part[part_id], receipts, BY_REFERENCE) for part_id, receipts in by_reference.items()]
    settled += [
        _settled(of_part[part_id], receipts, BY_FACTS)
        for part_id, receipts in by_facts.items()
        if part_id not in by_reference and not any(_has_rival(arrived, rivals) for arrived in receipts)
    ]
    settled = [one for one in settled if len({smsc_key(a.receipt.smsc_id) for a in one.receipts}) == 1]
    _book(tx, settled)
    return settled


def _doubts(tx: Transaction, links: set[str]) -> dict[tuple[str, str], list[_Doubt]]:
    """Parts in doubt, queued once more or not, by link and the last digits of their recipient."""
    found: dict[tuple[str, str], list[_Doubt]] = {}
    for link in links:
        for row in tx.rows("doubts_of_link", {"link": link, "count": DOUBTS_MAX}):
            doubt = _Doubt(link, *row)
            found.setdefault((link, tail_of(doubt.recipient)), []).append(doubt)
    return found


def _fits(arrived: Arrived, originator: str, first_at_ms: int, last_at_ms: int) -> bool:
    """Whether originator and time of a receipt can be those of a try, the first, the last or one between them."""
    receipt = arrived.receipt
    taken_at_ms = arrived.at_ms if receipt.submitted_at_ms is None else receipt.submitted_at_ms
    is_then = first_at_ms - TRY_SPAN_MS <= taken_at_ms <= last_at_ms + TRY_SPAN_MS
    return is_then and _is_from(originator, receipt.recipient)


def _is_from(originator: str, address: str) -> bool:
    """Whether a receipt's destination is the originator of a part; where we gave none, the carrier chose it."""
    return not originator or originator.casefold() == address.casefold() or is_same(originator, address)


def _rivals(tx: Transaction, doubts: list[_Doubt]) -> list[Row]:
    """Other parts that a receipt of these handsets could mean: (link, recipient, originator, first and last try)."""
    wanted = sorted({(doubt.link, tail_of(doubt.recipient), RIVALS_MAX) for doubt in doubts})
    return tx.many("doubts_rivals", wanted) if wanted else []


def _has_rival(arrived: Arrived, rivals: list[Row]) -> bool:
    return any(
        link == arrived.link
        and is_same(recipient, arrived.receipt.originator)
        and _fits(arrived, originator, first_at_ms, last_at_ms)
        for link, recipient, originator, first_at_ms, last_at_ms in rivals
    )


def _settled(doubt: _Doubt, receipts: list[Arrived], reason: str) -> Settled:
    return Settled(doubt.part_id, doubt.message_id, doubt.part_no, doubt.recipient, receipts, reason)


def _book(tx: Transaction, settled: list[Settled]) -> None:
    """What a late answer would have booked, and a line for the history."""
    if not settled:
        return
    answers, history = [], []
    for one in settled:
        first = one.receipts[0]
        smsc_id = first.receipt.smsc_id
        answers.append((one.part_id, first.link, smsc_id or None, smsc_key(smsc_id) or None, first.at_ms, 0))
        history.append((one.message_id, one.part_no, first.at_ms, "settled_by_receipt", one.reason))
    tx.many("parts_submitted", answers)
    tx.many("history_insert", history)
