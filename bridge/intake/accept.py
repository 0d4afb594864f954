"""Accept: charge and queue a group of prepared messages, all of them or none, in the transaction they share.

A group is what one peer gets one answer for: the recipients of a mail, the numbers of one request. Groups of many
peers are accepted together (see ledger/worker.py); one that cannot pay is left out and the others go on. A message
that repeats one accepted before becomes that one: nothing is charged or queued again (see ledger/retries.py).
"""

from dataclasses import dataclass
from itertools import islice

from bridge.intake import pools
from bridge.ledger import changes, credit, low_credit, retries
from bridge.ledger.credit import Charge, Purse
from bridge.ledger.database import Transaction
from bridge.ledger.queue import Prepared, Taken, enqueue_all, id_key
from bridge.ledger.retries import Known, Repeats, Wanted
from bridge.ledger.worker import is_nobodys_fault
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.ids import public_id
from bridge.messages.message import Accepted, Lane
from bridge.messages.money import format_credits


@dataclass(slots=True)
class Group:
    """What one account submits at once."""

    account_id: int
    now_ms: int
    messages: tuple[Prepared, ...]
    """At least one."""
    resubmits: tuple[int, ...] = ()
    """The refusals that these messages are made of, one for each; else empty."""
    multi: int = 0
    """Groups of one account with the same number are answered as one, with the id of the first message: the
    destinations of one submit_multi. A number is used once in the life of a process; 0: answered alone."""


@dataclass(slots=True)
class _Place:
    """Where one message of a group ends: in a new message, or in one that it repeats."""

    wanted: Wanted
    known: Known
    is_repeat: bool
    taken: Taken | None = None


Told = dict[tuple[int, int], int]
"""Account and number of a submit_multi -> the message whose id it is answered with."""


class _ShortOfCredit(Exception):
    """A group's account cannot pay for all of it."""


class _DoneBefore(Exception):
    """A refusal of this group was resubmitted before."""


def accept_each(tx: Transaction, requests: list[list[Group]]) -> list[list[list[Accepted] | Fault]]:
    """The same for requests of many groups each, as one connection of an ESME brings them: see accept.

    A group that breaks its request is found and gets Fault TRY_LATER, for it must not take the others along.
    """
    groups = [group for request in requests for group in request]
    # Requests are told apart by the writer (see ledger/worker.py); the groups of one are told apart here.
    answers = iter(_accept_apart(tx, groups) if len(requests) == 1 else accept(tx, groups))
    return [list(islice(answers, len(request))) for request in requests]


def _accept_apart(tx: Transaction, groups: list[Group]) -> list[list[Accepted] | Fault]:
    try:
        with tx.savepoint():
            return accept(tx, groups)
    except Exception as error:
        if is_nobodys_fault(error) or len(groups) <= 1:
            raise
    answers: list[list[Accepted] | Fault] = []
    told: Told = {}
    for group in groups:
        tried = dict(told)
        try:
            with tx.savepoint():
                answers += accept(tx, [group], tried)
            told = tried
        except Exception as error:
            if is_nobodys_fault(error):
                raise
            answers.append(Fault(FaultCode.TRY_LATER, private=f"{type(error).__name__}: {error}"))
    return answers


def accept(tx: Transaction, groups: list[Group], told: Told | None = None) -> list[list[Accepted] | Fault]:
    """Charge and queue every group whose account is enabled and can pay for all of it.

    `told` is what groups before these were answered with, and grows. Gives for each group what was accepted, or Fault
    NO_CREDIT (final: nothing is queued), ACCOUNT_DISABLED, KEY_REUSED, or ALREADY_EXISTS for a refusal that was
    resubmitted before.
    """
    pooled = [(group, m) for group in groups for m in group.messages if m.pool]
    if pooled:
        pools.choose_numbers(tx, [(group.account_id, m) for group, m in pooled], pooled[0][0].now_ms)
    purses = credit.purses(tx, {group.account_id for group in groups})
    repeats = Repeats(tx, [Wanted(group.account_id, group.now_ms, m) for group in groups for m in group.messages])
    # As many as could be needed; a number that is not used never comes back.
    first_id = tx.next_numbers("message", sum(len(group.messages) for group in groups))
    batch = _Batch(tx, purses, repeats, first_id, {} if told is None else told)
    outcomes = [batch.judge(group) for group in groups]
    taken = [place for places in outcomes if not isinstance(places, Fault) for place in places if place.taken]
    if taken:
        _store(tx, taken, purses)
    repeats.write(tx)
    key = id_key(tx)
    return [places if isinstance(places, Fault) else [_answer(p, key) for p in places] for places in outcomes]


class _Batch:
    """Judges the groups of one commit, one after the other; what one spends the next cannot."""

    def __init__(self, tx: Transaction, purses: dict[int, Purse], repeats: Repeats, first_id: int, told: Told) -> None:
        self._tx = tx
        self._purses = purses
        self._repeats = repeats
        self._next_id = first_id
        self._told = told

    def judge(self, group: Group) -> list[_Place] | Fault:
        """Where each message of a group ends, or why none of it is taken."""
        purse = self._purses.get(group.account_id)
        if purse is None or purse.is_disabled:
            return Fault(FaultCode.ACCOUNT_DISABLED)
        before = purse.amount_mc, purse.trial_mc
        try:
            places = self._places(group, purse)
            if group.resubmits:
                self._resubmit(group, places)
        except (Fault, _ShortOfCredit) as refusal:
            purse.amount_mc, purse.trial_mc = before
            return refusal if isinstance(refusal, Fault) else Fault(FaultCode.NO_CREDIT, _shortfall(group, purse))
        for place in places:
            if place.is_repeat:
                self._repeats.merge(place.wanted, place.known)
            else:
                self._repeats.add(place.wanted, place.known)
        self._next_id += sum(not place.is_repeat for place in places)
        if group.multi:
            self._told.setdefault((group.account_id, group.multi), places[0].known[0])
        return places

    def _places(self, group: Group, purse: Purse) -> list[_Place]:
        places: list[_Place] = []
        message_id = self._next_id
        told_id = self._told.get((group.account_id, group.multi), 0) if group.multi else 0
        for message in group.messages:
            wanted = Wanted(group.account_id, group.now_ms, message)
            known = self._repeats.find(wanted, {place.known[0] for place in places if place.is_repeat})
            if known is not None:
                places.append(_Place(wanted, known, is_repeat=True))
                continue
            if message.retry is not None and message.retry.is_strict and self._repeats.clashes(wanted):
                raise Fault(FaultCode.KEY_REUSED, "give every submission a key of its own")
            book = purse.pay(message.price_mc, len(message.texts), message.lane)
            if book is None:
                raise _ShortOfCredit
            taken = Taken(group.account_id, group.now_ms, message, book, told_id or message_id)
            places.append(_Place(wanted, (message_id, len(message.texts), taken.price_mc), False, taken))
            message_id += 1
        return places

    def _resubmit(self, group: Group, places: list[_Place]) -> None:
        """Note in each refusal which message came of it. Raises Fault ALREADY_EXISTS, with nothing noted."""
        rows = [(refusal_id, place.known[0]) for refusal_id, place in zip(group.resubmits, places, strict=True)]
        try:
            with self._tx.savepoint():
                if len(self._tx.many("refusals_resubmitted", rows)) != len(rows):
                    raise _DoneBefore
        except _DoneBefore:
            raise Fault(FaultCode.ALREADY_EXISTS, "this refusal was resubmitted before") from None


def _store(tx: Transaction, places: list[_Place], purses: dict[int, Purse]) -> None:
    """Write, charge, and warn those whose credit fell through their limit."""
    taken = [(place.known[0], place.taken) for place in places if place.taken is not None]
    enqueue_all(tx, taken)
    left = credit.charge_all(tx, [Charge(t.account_id, row, t.book, t.cost_mc, t.now_ms) for row, t in taken])
    pools.remember(tx, [(t.account_id, t.prepared) for _, t in taken if t.prepared.pool], taken[0][1].now_ms)
    retries.remember(tx, [(place.wanted, place.known[0]) for place in places])
    replacing = [(t.account_id, row, m.esme) for row, t in taken if (m := t.prepared).is_replacing and m.esme]
    if replacing:
        changes.give_way(tx, replacing, taken[0][1].now_ms)
    fallen = [(account_id, left_mc) for account_id, left_mc in left.items() if purses[account_id].is_low_at(left_mc)]
    if fallen:
        low_credit.owe_warnings(tx, fallen, max(t.now_ms for _, t in taken))


def _answer(place: _Place, key: int) -> Accepted:
    message_id, part_total, price_mc = place.known
    recipient = place.wanted.prepared.recipient
    return Accepted(public_id(message_id, key), recipient, part_total, price_mc * part_total, place.is_repeat)


def _shortfall(group: Group, purse: Purse) -> str:
    price_mc = sum(message.price_mc * len(message.texts) for message in group.messages)
    lane = min(message.lane for message in group.messages)
    kept_mc = purse.room_mc(Lane.ALARM) - purse.room_mc(lane)
    told = f"it costs {format_credits(price_mc)}, {format_credits(purse.room_mc(lane))} is left"
    told += f" and {format_credits(kept_mc)} more for alarms alone" if kept_mc else ""
    free = purse.trial_mc // credit.FREE_PART_MC
    return told + (f"; {free} free parts are left, too few for it" if free else "")
