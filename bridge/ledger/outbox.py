"""The outbox: notices we owe people, written with the event they tell, until somebody has taken them."""

import hashlib
from dataclasses import dataclass, replace

from bridge.ledger import bells
from bridge.ledger.database import Row, Transaction
from bridge.ledger.low_credit import CreditView
from bridge.ledger.queue import id_key
from bridge.messages.ids import public_id
from bridge.messages.message import FINAL_STATES, TEST_LINK, Lane, MailThread, MessageState, PartState, fold

NOTICES_MAX = 100
"""Notices of one claim."""


@dataclass(frozen=True, slots=True)
class PartView:
    """One part of a message as a report shows it; times are ms UTC or None."""

    part_no: int
    state: PartState
    submitted_at_ms: int | None
    final_at_ms: int | None
    network_at_ms: int | None
    error: str
    reason: str
    is_possible_duplicate: bool = False
    """Whether it may have been sent before its last state says so."""
    cause: str = ""
    """What `error` means: see messages/causes.py; empty: nothing is known."""


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as a report shows it; `state` is the state that this report tells."""

    message_id: str
    state: MessageState
    recipient: str
    originator: str
    text: str
    accepted_at_ms: int
    thread: MailThread | None
    parts: list[PartView]
    is_test: bool = False
    """It went to a test number: no handset gets it."""


@dataclass(frozen=True, slots=True)
class InboundView:
    """An inbound message as a mail shows it."""

    inbound_id: str
    originator: str
    number: str
    text: str
    received_at_ms: int
    is_incomplete: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing owed. `key` names it for ever: every try makes the same Message-ID from it."""

    notice_id: int
    key: str
    kind: str
    """"report", "inbound", "low_credit" or "low_credit_text"."""
    address: str
    attempt: int
    """1 for the first try."""
    created_at_ms: int
    account_name: str
    message: MessageView | None = None
    inbound: InboundView | None = None
    credit: CreditView | None = None
    """Of a warning about credit; read where it is written, not on the writer's thread."""


@dataclass(frozen=True, slots=True)
class NoticeClaim:
    count_max: int
    now_ms: int
    is_for_texts: bool = False
    """Those that go out as texts of ours; else those that go out by mail. Neither service sees the other's."""


@dataclass(frozen=True, slots=True)
class NoticeOutcome:
    """What became of one try. Neither done nor given up: it is tried again at `retry_at_ms`."""

    notice_id: int
    is_done: bool
    at_ms: int = 0
    retry_at_ms: int = 0
    reason: str = ""
    is_given_up: bool = False


@dataclass(slots=True)
class Finished:
    """A message that has just ended, and who may want to hear of it. Not frozen: made in the hot path."""

    message_id: int
    """Its row number."""
    event: MessageState
    account_id: int
    mail_events: str
    reply_to: str
    """Address of the mail it came by, or empty."""
    email: str
    """Its account's own address, or empty."""
    lane: int
    registered_delivery: int
    """What its ESME wants to hear; 0 for a message of nobody's."""


def finished_of(tx: Transaction, message_ids: set[int]) -> list[Finished]:
    """Those of these messages that have ended, and of which somebody may want to hear."""
    parts: dict[int, list[Row]] = {}
    for row in tx.packed("reports_wanted", [(one,) for one in message_ids]):
        parts.setdefault(row[0], []).append(row)
    finished = []
    for message_id, rows in parts.items():
        # Most messages have one part; the end of that is the end of the message.
        event = _ENDS.get(rows[0][1]) if len(rows) == 1 else fold(PartState(row[1]) for row in rows)
        if event is not None and event.is_final:
            finished.append(Finished(message_id, event, *rows[0][2:]))
    return finished


_ENDS = {state.value: MessageState(state.value) for state in FINAL_STATES}


def owe_reports(tx: Transaction, finished: list[Finished], now_ms: int, *, is_by_account: bool = False) -> None:
    """Owe a report by mail for each of these messages whose account wants to hear of it.

    It goes to the sender of the mail. A message that came without an address to answer, as an alarm panel's GET does,
    is reported to its account's own address when it failed; not in the bulk lane, where failures come by the thousand,
    and not when the account ended it itself.
    """
    rows = []
    for f in finished:
        is_wanted = f.mail_events != "none" and (f.event.is_failure or (f.mail_events == "all" and f.reply_to))
        address = f.reply_to or (f.email if f.lane != Lane.BULK and not is_by_account else "")
        if is_wanted and address:
            cause = f"message:{f.message_id}:{f.event}"
            rows.append(("report", cause, f.account_id, f.message_id, None, f.event.value, address, now_ms, now_ms))
    if rows:
        tx.many("notices_insert", rows)
        bells.ring_notices(tx)


def owe_inbound(tx: Transaction, owed: list[tuple[int, int, str]], now_ms: int) -> None:
    """Owe a mail for inbound messages: (inbound_id, account_id, address)."""
    rows = [
        ("inbound", f"inbound:{inbound_id}", account_id, None, inbound_id, "inbound", address, now_ms, now_ms)
        for inbound_id, account_id, address in owed
        if address
    ]
    if rows:
        tx.many("notices_insert", rows)
        bells.ring_notices(tx)


def claim_notices(tx: Transaction, claims: list[NoticeClaim]) -> list[list[Notice]]:
    """Take what is owed and due, with all that is needed to write the mail."""
    return [_claim(tx, request) for request in claims]


def _claim(tx: Transaction, request: NoticeClaim) -> list[Notice]:
    values = {"now_ms": request.now_ms, "count": min(request.count_max, NOTICES_MAX)}
    ids = [row[0] for row in tx.rows("notices_due_as_texts" if request.is_for_texts else "notices_due", values)]
    if not ids:
        return []
    tx.by_ids("notices_claim", ids)
    rows = tx.by_ids("notices_for_sending", ids)
    key = id_key(tx)
    messages = _messages(tx, [row[3] for row in rows if row[3] is not None], key)
    inbounds = _inbounds(tx, [row[4] for row in rows if row[4] is not None], key)
    return [
        Notice(
            notice_id=row[0],
            key=f"{row[2].replace(':', '.')}.{notice_mark(row[2], key)}",
            kind=row[1],
            address=row[6],
            attempt=row[7],
            created_at_ms=row[8],
            account_name=row[9],
            message=replace(messages[row[3]], state=MessageState(row[5])) if row[3] is not None else None,
            inbound=inbounds.get(row[4]),
        )
        for row in rows
    ]


def notice_mark(cause: str, key: int) -> str:
    """A short mark of this ledger and cause, so that two appliances never make the same Message-ID."""
    return hashlib.blake2s(cause.encode(), key=key.to_bytes(8, "big"), digest_size=8).hexdigest()


def _messages(tx: Transaction, ids: list[int], key: int) -> dict[int, MessageView]:
    """Messages as they stand now; a notice replaces the state by the one it tells."""
    if not ids:
        return {}
    parts: dict[int, list[PartView]] = {}
    texts: dict[int, str] = {}
    for row in tx.by_ids("parts_for_notices", ids):
        parts.setdefault(row[0], []).append(_part_view(row))
        texts[row[0]] = texts.get(row[0], "") + row[8]
    return {
        row[0]: MessageView(
            message_id=public_id(row[0], key),
            state=fold(part.state for part in parts[row[0]]),
            recipient=row[1],
            originator=row[2],
            text=texts[row[0]],
            accepted_at_ms=row[3],
            thread=MailThread(row[4], row[5], row[6], row[7]) if row[4] is not None else None,
            parts=parts[row[0]],
            is_test=row[8] == TEST_LINK,
        )
        for row in tx.by_ids("messages_for_notices", ids)
    }


def _part_view(row: Row) -> PartView:
    return PartView(row[1], PartState(row[2]), row[3], row[4], row[5], row[6], row[7], bool(row[9]), row[10])


def _inbounds(tx: Transaction, ids: list[int], key: int) -> dict[int, InboundView]:
    return {
        row[0]: InboundView(public_id(row[0], key), row[1], row[2], row[3], row[4], bool(row[5]))
        for row in (tx.by_ids("inbounds_for_notices", ids) if ids else [])
    }


def settle_notices(tx: Transaction, groups: list[list[NoticeOutcome]]) -> list[None]:
    """Book what became of tries; an outcome for a notice that is not claimed changes nothing."""
    for outcome in (outcome for group in groups for outcome in group):
        state = "done" if outcome.is_done else "given_up" if outcome.is_given_up else "owed"
        values = {
            "notice_id": outcome.notice_id,
            "state": state,
            "retry_at_ms": outcome.retry_at_ms,
            "reason": outcome.reason,
            "done_at_ms": outcome.at_ms if outcome.is_done else None,
        }
        tx.run("notice_settle", values)
    return [None] * len(groups)
