"""What became of claimed parts: submitted, deferred, failed over, rejected, in doubt, or never written."""

from dataclasses import dataclass

from bridge.ledger import bells, credit, receipts
from bridge.ledger.database import Row, Transaction
from bridge.ledger.finish import Ending, finish
from bridge.ledger.receipts import Move
from bridge.ledger.smsc_ids import smsc_key
from bridge.messages.message import Outcome, OutcomeKind, PartState

NEVER_MS = 1 << 60
"""Later than any validity."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """A link's word about some of the parts it claimed."""

    link: str
    outcomes: list[Outcome]


@dataclass(slots=True)
class _Part:
    """A part as it stands before its outcome is booked."""

    part_id: int
    message_id: int
    account_id: int
    part_no: int
    state: PartState
    link: str
    price_mc: int
    links: list[str]
    attempt: int
    accepted_at_ms: int
    is_possible_duplicate: bool
    book: str
    """The one that paid for it."""


def settle(tx: Transaction, settlements: list[Settlement]) -> list[list[Move]]:
    """Book all outcomes of a group. An outcome for a part that is no longer waiting for one changes nothing.

    Gives the moves that receipts made which had come before their answers, all with the first settlement.
    """
    submitted: list[tuple[str, Outcome]] = []
    others: list[tuple[str, Outcome]] = []
    for settlement in settlements:
        for outcome in settlement.outcomes:
            target = submitted if outcome.kind is OutcomeKind.SUBMITTED else others
            target.append((settlement.link, outcome))
    moves = _submitted(tx, submitted) if submitted else []
    if others:
        _others(tx, [outcome for _, outcome in others])
        if any(outcome.kind is OutcomeKind.IN_DOUBT for _, outcome in others):
            moves += receipts.reconsider(tx)
    return [moves, *([] for _ in settlements[1:])]


def _submitted(tx: Transaction, answers: list[tuple[str, Outcome]]) -> list[Move]:
    first = {outcome.part_id: outcome for _, outcome in reversed(answers)}
    on = {outcome.part_id: link for link, outcome in reversed(answers)}
    moved = set(tx.packed("parts_to_be_answered", [(part_id,) for part_id in first]))
    rows = [
        (o.part_id, on[o.part_id], o.smsc_id or None, smsc_key(o.smsc_id) or None, o.at_ms, o.retry_at_ms)
        for o in first.values()
        if o.part_id in moved
    ]
    if rows:
        tx.many("parts_submitted", rows)
    late = [(link, o) for link, o in answers if o.part_id not in moved or o is not first[o.part_id]]
    if late:
        # What a receipt settled before its answer came is named alike by both: it went out once.
        known = receipts.same_answer(tx, [(link, o.smsc_id, o.part_id) for link, o in late])
        _second_answers(tx, [o for _, o in late if o.part_id not in known])
    return receipts.unpark(tx, [(link, o.smsc_id) for link, o in answers if o.smsc_id and o.part_id in moved])


def _second_answers(tx: Transaction, answers: list[Outcome]) -> None:
    """A part that was resent got its first answer after all: it went out twice, and its history says so."""
    parts = {part.part_id: part for part in _parts(tx, [o.part_id for o in answers])}
    rows = [
        (parts[o.part_id].message_id, parts[o.part_id].part_no, o.at_ms, "second_answer", f"smsc id {o.smsc_id}")
        for o in answers
        if o.part_id in parts
    ]
    if rows:
        tx.many("history_insert", rows)


def _others(tx: Transaction, outcomes: list[Outcome]) -> None:
    parts = {part.part_id: part for part in _parts(tx, [o.part_id for o in outcomes])}
    endings: list[Ending] = []
    history: list[tuple[int, int, int, str, str]] = []
    for outcome in outcomes:
        part = parts.get(outcome.part_id)
        if part is None or part.state is not PartState.CLAIMED:
            continue
        if outcome.kind is OutcomeKind.REJECTED:
            endings.append(_rejected(tx, part, outcome))
            continue
        event = _waits_again(tx, part, outcome)
        if event:
            history.append((part.message_id, part.part_no, outcome.at_ms, event, outcome.reason))
    if history:
        tx.many("history_insert", history)
    finish(tx, endings)


def _rejected(tx: Transaction, part: _Part, outcome: Outcome) -> Ending:
    """Refused for good: the price goes back, unless an earlier unanswered try may have been accepted."""
    if not part.is_possible_duplicate:
        reason, now_ms = outcome.reason, outcome.at_ms
        credit.refund_part(tx, part.account_id, part.book, part.part_id, part.price_mc, reason=reason, now_ms=now_ms)
    return Ending(
        part_id=part.part_id,
        message_id=part.message_id,
        state=PartState.REJECTED,
        at_ms=outcome.at_ms,
        command_status=outcome.command_status,
        reason=outcome.reason,
    )


def _waits_again(tx: Transaction, part: _Part, outcome: Outcome) -> str:
    """Book an outcome after which the part still waits; gives the event for its history, "" for none."""
    if outcome.kind is OutcomeKind.IN_DOUBT:
        values = {"part_id": part.part_id, "retry_at_ms": outcome.retry_at_ms, "reason": outcome.reason}
        tx.run("part_in_doubt", values)
        return "in_doubt"
    unwritten = outcome.kind is OutcomeKind.UNWRITTEN
    link = _next_link(part) if outcome.kind is OutcomeKind.NEXT_LINK else part.link
    values = {
        "part_id": part.part_id,
        "link": link,
        # What never left keeps its place before all that was accepted behind it.
        "retry_at_ms": outcome.retry_at_ms or (min(part.accepted_at_ms, outcome.at_ms) if unwritten else outcome.at_ms),
        "reason": outcome.reason,
        "command_status": outcome.command_status,
        "attempt": part.attempt - 1 if unwritten else part.attempt,
        "is_slowed": outcome.is_slowed,
        "is_resend": 0,
        "stale_at_ms": NEVER_MS,
    }
    tx.run("part_requeue", values)
    bells.ring_links(tx, [link])
    if unwritten:
        return ""
    return "failover" if link != part.link else "deferred"


def _next_link(part: _Part) -> str:
    """The link after the current one on the message's route, round and round."""
    if part.link not in part.links:
        return part.links[0]
    return part.links[(part.links.index(part.link) + 1) % len(part.links)]


def _parts(tx: Transaction, part_ids: list[int]) -> list[_Part]:
    return [_part(row) for row in tx.by_ids("parts_of", part_ids)]


def _part(row: Row) -> _Part:
    return _Part(
        row[0],
        row[1],
        row[2],
        row[3],
        PartState(row[4]),
        row[5],
        row[6],
        row[7].split(),
        row[8],
        row[10],
        bool(row[11]),
        row[12],
    )
