"""Taking a message back, or replacing what it says, while no carrier has it: by its ESME, or by an operator."""

from dataclasses import dataclass, replace
from typing import Any

from bridge.ledger import bells, credit
from bridge.ledger.database import Row, Transaction
from bridge.ledger.finish import Ending, finish
from bridge.ledger.queue import id_key, user_data_row
from bridge.messages.esme import EsmeFacts
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.hours import HELD_FOR_HOURS, all_open_ms, split
from bridge.messages.ids import public_id, row_of
from bridge.messages.message import Coding, PartState
from bridge.messages.user_data import UserData

NEWEST_MAX = 10_000
"""Newest messages of an account among which a cancel_sm without an id looks: some 20 ms of the writer's time."""
REPLACED_MAX = 1_000
"""Newest messages of an account among which one looks that replaces another: 4 ms of the writer's time at most, which
an ESME may cost with everything that it submits."""
_ANY_MS = 1 << 62
"""No bound on a validity."""
_WAITS = (PartState.QUEUED, PartState.SCHEDULED)


@dataclass(frozen=True, slots=True)
class _Part:
    """A part that is to be changed."""

    message_id: int
    part_id: int
    part_no: int
    state: PartState
    is_possible_duplicate: bool
    account_id: int
    book: str
    price_mc: int
    due_at_ms: int
    expires_at_ms: int
    link: str
    protocol_id: int
    header_size: int
    """Octets of the sender's own header; 0: none."""
    lane: int
    accepted_at_ms: int
    hours: str
    queue_age_ms: int
    worthless_at_ms: int
    worthless_after_ms: int

    @property
    def was_sent(self) -> bool:
        """Whether a carrier has it, or had it, as far as anybody knows."""
        return self.state not in _WAITS or self.is_possible_duplicate

    def has_validity(self, validity_ms: int) -> bool:
        """Whether it ends so long after its first chance: when it was scheduled for, or accepted."""
        return self.expires_at_ms - validity_ms in (self.due_at_ms, self.accepted_at_ms)


def message_cancel(
    tx: Transaction,
    *,
    account_id: int | None = None,
    message_id: str = "",
    service_type: str = "",
    source_addr: str = "",
    destination_addr: str = "",
    actor: str,
    now_ms: int,
) -> dict[str, Any]:
    """Take messages back that no carrier has yet: all parts of a message or none. Their price comes back.

    With a public id: the message of that id, or all that an ESME was told under it; addresses that are given must be
    theirs. Without: what went between these addresses as an ESME wrote them, among the account's NEWEST_MAX newest
    messages, of one service_type or (empty) of any. `account_id` None: of any account, by id only.

    What is held since a restore may have been sent: it ends too, but stays charged. Gives {"cancelled": public ids,
    "refunded_mc": int}. Raises Fault NOT_FOUND, or TOO_LATE when every message that was meant is on its way or over.
    """
    if message_id:
        meant = _named(tx, message_id, account_id, source_addr, destination_addr)
    else:
        meant = _addressed(tx, account_id, service_type, source_addr, destination_addr)
    if not meant:
        raise Fault(FaultCode.NOT_FOUND, f"message {message_id}" if message_id else "no message between these numbers")
    messages = _messages(tx, meant)
    taken = [parts for parts in messages.values() if all(_can_be_taken_back(part) for part in parts)]
    if not taken:
        raise Fault(FaultCode.TOO_LATE, _why_late(messages) if message_id else "all of them are on their way or over")
    refunded_mc = _take_all_back(tx, taken, actor, now_ms, is_by_account=account_id is not None)
    key = id_key(tx)
    return {"cancelled": [public_id(parts[0].message_id, key) for parts in taken], "refunded_mc": refunded_mc}


def give_way(tx: Transaction, replacing: list[tuple[int, int, EsmeFacts]], now_ms: int) -> None:
    """Take back what gives way to new messages (account, message, what its ESME said of it), in this transaction.

    That is what no carrier has yet, between the same addresses as an ESME wrote them and of the same service_type
    (SMPP 3.4, 5.2.18), among each account's REPLACED_MAX newest messages. What may have been sent stays.
    """
    key = id_key(tx)
    for account_id in dict.fromkeys(account_id for account_id, _, _ in replacing):
        waiting: dict[Row, list[int]] = {}
        for row in tx.rows("esme_messages_waiting", {"account_id": account_id, "count": REPLACED_MAX}):
            waiting.setdefault(row[1:], []).append(row[0])
        for _, message_id, facts in (one for one in replacing if one[0] == account_id):
            place = (facts.service_type, facts.source_addr, facts.destination_addr)
            older = [one for one in waiting.get(place, ()) if one < message_id]
            if older:
                waiting[place] = [one for one in waiting[place] if one >= message_id]
                found = _messages(tx, older).values()
                taken = [parts for parts in found if not any(part.was_sent for part in parts)]
                by = f"message {public_id(message_id, key)}, which replaces it"
                _take_all_back(tx, taken, by, now_ms, is_by_account=True)


def _take_all_back(
    tx: Transaction, messages: list[list[_Part]], actor: str, now_ms: int, *, is_by_account: bool
) -> int:
    """End these messages; gives what of their price comes back, in thousandths of a credit."""
    parts = [part for parts in messages for part in parts]
    refunded_mc = sum(_take_back(tx, part, actor, now_ms) for part in parts)
    finish(
        tx,
        [Ending(part.part_id, part.message_id, PartState.CANCELLED, now_ms, reason=f"by {actor}") for part in parts],
        is_by_account=is_by_account,
    )
    if messages:
        _is_known(tx, [parts[0].message_id for parts in messages])
    return refunded_mc


def _can_be_taken_back(part: _Part) -> bool:
    return part.state is PartState.HELD or not part.was_sent


def _take_back(tx: Transaction, part: _Part, actor: str, now_ms: int) -> int:
    """Give the price back where nobody can have sent the part, else note why not; gives thousandths of a credit."""
    if part.state is PartState.HELD:
        tx.by_ids("parts_mark_sent", [part.part_id])
        detail = f"by {actor}, not refunded: it was held since a restore and may have been sent before"
        tx.many("history_insert", [(part.message_id, part.part_no, now_ms, "cancelled", detail)])
        return 0
    reason = f"cancelled by {actor}"
    credit.refund_part(tx, part.account_id, part.book, part.part_id, part.price_mc, reason=reason, now_ms=now_ms)
    return part.price_mc if part.book == credit.CREDIT else 0


def message_replace(
    tx: Transaction,
    *,
    account_id: int,
    message_id: str,
    source_addr: str = "",
    texts: tuple[str, ...] = (),
    coding: Coding = Coding.GSM7,
    user_data: UserData | None = None,
    due_at_ms: int = 0,
    expires_at_ms: int = 0,
    registered_delivery: int | None = None,
    lane_validity_ms: tuple[int, ...] = (),
    validity_ms_max: int = _ANY_MS,
    now_ms: int,
) -> dict[str, Any]:
    """Replace what a message of an account says, or when it is sent, while it waits for that.

    `texts` are as many as it has parts; none: the text stays. Times of 0 and a registered_delivery of None stay too.
    A validity lasts `validity_ms_max` from the first chance on at most. One that is the settings' own, by lane in
    `lane_validity_ms`, starts anew with another due time; one that somebody gave stays.
    Gives {"message_id": str}. Raises Fault NOT_FOUND, TOO_LATE, or BAD_REQUEST for another number of parts or a due
    time after the end of the validity.
    """
    meant = _named(tx, message_id, account_id, source_addr, "")
    if not meant:
        raise Fault(FaultCode.NOT_FOUND, f"message {message_id}")
    messages = _messages(tx, meant)
    if any(part.was_sent for parts in messages.values() for part in parts):
        raise Fault(FaultCode.TOO_LATE, _why_late(messages))
    if expires_at_ms and expires_at_ms <= now_ms:
        raise Fault(FaultCode.BAD_REQUEST, "its validity is over already")
    times = _Times(due_at_ms, expires_at_ms, lane_validity_ms, validity_ms_max)
    for row, parts in messages.items():
        if due_at_ms or expires_at_ms:
            _replace_times(tx, parts, times, now_ms)
        if texts:
            _replace_texts(tx, parts, texts, user_data)
            tx.run("message_replace_coding", {"message_id": row, "coding": coding.value})
        if registered_delivery is not None:
            tx.run("esme_message_replace", {"message_id": row, "registered_delivery": registered_delivery})
        # Never the text from before: it was not to be sent.
        changed = [word for word, is_changed in (("text", texts), ("times", due_at_ms or expires_at_ms)) if is_changed]
        tx.many("history_insert", [(row, 0, now_ms, "replaced", " and ".join(changed))])
    _is_known(tx, list(messages))
    return {"message_id": public_id(meant[0], id_key(tx))}


def message_reschedule(
    tx: Transaction,
    *,
    message_id: str,
    due_at_ms: int,
    lane_validity_ms: tuple[int, ...] = (),
    actor: str,
    now_ms: int,
) -> dict[str, Any]:
    """Send a message that no carrier has yet at another time (now or before: at once), if its hours are open then.

    Validities go along as in message_replace. Gives {"message_id": str, "due_at_ms": int}. Raises Fault NOT_FOUND,
    TOO_LATE, or BAD_REQUEST for a time after the end of its validity.
    """
    meant = _named(tx, message_id, None, "", "")
    if not meant:
        raise Fault(FaultCode.NOT_FOUND, f"message {message_id}")
    messages = _messages(tx, meant)
    if any(part.was_sent for parts in messages.values() for part in parts):
        raise Fault(FaultCode.TOO_LATE, _why_late(messages))
    times = _Times(max(due_at_ms, now_ms), 0, lane_validity_ms, _ANY_MS)
    for row, parts in messages.items():
        _replace_times(tx, parts, times, now_ms)
        tx.many("history_insert", [(row, 0, now_ms, "rescheduled", f"by {actor}")])
    _is_known(tx, list(messages))
    first = next(iter(_messages(tx, meant).values()))[0]
    if due_at_ms <= now_ms:
        bells.ring_links(tx, {part.link for parts in messages.values() for part in parts})
    return {"message_id": public_id(meant[0], id_key(tx)), "due_at_ms": first.due_at_ms}


def _is_known(tx: Transaction, rows: list[int]) -> None:
    """Whoever changes a message knows of it: the same text once more is no repeat of it, but wanted anew."""
    tx.by_ids("unanswered_delete", rows)


@dataclass(frozen=True, slots=True)
class _Times:
    """What is said of the times of a message; 0: nothing."""

    due_at_ms: int
    expires_at_ms: int
    lane_validity_ms: tuple[int, ...]
    validity_ms_max: int

    def of(self, part: _Part, now_ms: int) -> "_NewTimes":
        """What a part's times are from now on. Raises Fault BAD_REQUEST."""
        due = self.due_at_ms or part.due_at_ms
        wanted = max(due, now_ms)
        first = _open_from(part.hours, wanted) if self.due_at_ms else wanted
        due = first if first > wanted else due
        usual_ms = part.queue_age_ms or (self.lane_validity_ms[part.lane] if self.lane_validity_ms else 0)
        worthless = part.worthless_at_ms
        if self.expires_at_ms:
            expiry = worthless = min(self.expires_at_ms, first + self.validity_ms_max)
        elif self.due_at_ms and (part.worthless_after_ms or part.has_validity(usual_ms)):
            expiry = first + usual_ms
            worthless = wanted + part.worthless_after_ms if part.worthless_after_ms else worthless
            expiry = min(expiry, worthless) if worthless else expiry
        else:
            expiry = part.expires_at_ms
        if expiry <= first:
            raise Fault(FaultCode.BAD_REQUEST, "its validity is over before the time it is scheduled for")
        why = HELD_FOR_HOURS if first > wanted else ""
        if not why and part.state is PartState.QUEUED and due > now_ms:
            why = "its scheduled time"
        return _NewTimes(due, expiry, worthless, why)


@dataclass(frozen=True, slots=True)
class _NewTimes:
    due_at_ms: int
    expires_at_ms: int
    worthless_at_ms: int
    """0: never."""
    waiting_for: str


def _open_from(hours: str, at_ms: int) -> int:
    opens_at_ms = all_open_ms(split(hours), at_ms)
    if opens_at_ms is None:
        raise Fault(FaultCode.BAD_REQUEST, "the hours of the account and those of the destination never meet")
    return opens_at_ms


def _replace_times(tx: Transaction, parts: list[_Part], times: _Times, now_ms: int) -> None:
    for part in parts:
        new = times.of(part, now_ms)
        values = {"part_id": part.part_id, "due_at_ms": new.due_at_ms, "expires_at_ms": new.expires_at_ms}
        tx.run("part_replace_times", values | {"waiting_for": new.waiting_for})
    if new.worthless_at_ms != part.worthless_at_ms:
        span_ms = 0 if times.expires_at_ms else part.worthless_after_ms
        said = {"message_id": part.message_id, "worthless_at_ms": new.worthless_at_ms, "worthless_after_ms": span_ms}
        tx.run("message_time_worthless", said)


def _replace_texts(tx: Transaction, parts: list[_Part], texts: tuple[str, ...], user_data: UserData | None) -> None:
    if len(texts) != len(parts):
        detail = f"the text needs {len(texts)} parts and what it replaces has {len(parts)}; cancel it and send anew"
        raise Fault(FaultCode.BAD_REQUEST, detail)
    if any(part.header_size for part in parts):
        raise Fault(FaultCode.BAD_REQUEST, "it has a header, which a new text would lose; cancel it and send anew")
    for part, text in zip(parts, texts, strict=True):
        tx.run("part_replace_text", {"part_id": part.part_id, "text": text})
    ids = [part.part_id for part in parts]
    tx.by_ids("user_data_delete", ids)
    new = user_data or UserData()
    # How the handset treats it stays: a replace_sm cannot say that.
    kept = [(part.part_id, replace(new, protocol_id=part.protocol_id)) for part in parts]
    rows = [(part_id, *user_data_row(one)) for part_id, one in kept if one != UserData()]
    if rows:
        tx.many("user_data_insert", rows)


# --- which messages are meant ---


def _named(
    tx: Transaction, message_id: str, account_id: int | None, source_addr: str, destination_addr: str
) -> list[int]:
    """Rows of the messages behind a public id; an account and addresses that are given must be theirs."""
    row = row_of(message_id, id_key(tx))
    found = tx.rows("esme_messages_named", {"message_id": row}) if row is not None else []
    return [
        one
        for one, account, source, destination in found
        if account_id in (None, account) and source_addr in ("", source) and destination_addr in ("", destination)
    ]


def _addressed(
    tx: Transaction, account_id: int | None, service_type: str, source_addr: str, destination_addr: str
) -> list[int]:
    if account_id is None or not destination_addr:
        raise Fault(FaultCode.BAD_REQUEST, "name the message, or the account and the recipient")
    values = {"account_id": account_id, "service_type": service_type, "count": NEWEST_MAX}
    rows: list[Row] = tx.rows(
        "esme_messages_addressed", values | {"source_addr": source_addr, "destination_addr": destination_addr}
    )
    return [row[0] for row in rows]


def _messages(tx: Transaction, rows: list[int]) -> dict[int, list[_Part]]:
    """The parts of messages, in order."""
    found: dict[int, list[_Part]] = {}
    for row in tx.by_ids("parts_to_change", rows):
        message_id, part_id, part_no, state, is_possible_duplicate, *facts = row
        part = _Part(message_id, part_id, part_no, PartState(state), bool(is_possible_duplicate), *facts)
        found.setdefault(message_id, []).append(part)
    return found


def _why_late(messages: dict[int, list[_Part]]) -> str:
    """The sentence for the first part that is in the way."""
    part = next(part for parts in messages.values() for part in parts if part.was_sent)
    if part.state in _WAITS:
        return "it may have been sent once already"
    return "it is being sent" if part.state is PartState.CLAIMED else f"it is {part.state.value.replace('_', ' ')}"
