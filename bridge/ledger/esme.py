"""What is owed to ESMEs: a receipt for each message whose sender asked for one, and the texts to their numbers.

Each is a row of `esme_notice`, written with the event it tells. A session of the account claims it, sends a deliver_sm
and books the answer; while nobody is bound it waits, KEPT_MS at most.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter

from bridge.ledger import bells
from bridge.ledger.database import Row, Transaction
from bridge.ledger.outbox import Finished, InboundView
from bridge.ledger.queue import id_key
from bridge.messages.esme import EsmeFacts
from bridge.messages.ids import public_id
from bridge.messages.message import Coding, PartState
from bridge.smpp.constants import RegisteredDelivery

CLAIM_MAX = 500
"""Notices of one claim: more than a window; the rest comes with the next one."""
KEPT_MS = 72 * 3600 * 1000
"""How long a notice waits for its ESME."""
GIVE_UP_MAX = 2_000
"""Notices that one tidying gives up; the next one takes the rest."""
ENROUTE, INBOUND = "enroute", "inbound"
"""Events that are no state of a message."""
_DELIVERED = PartState.DELIVERED.value
_BINARY = Coding.BINARY.value


class EsmeNoticeKind(StrEnum):
    """What became of one try."""

    DONE = "done"
    RETRY = "retry"
    GIVEN_UP = "given_up"


@dataclass(slots=True)
class EsmeMessageView:
    """A message as a receipt tells of it; times are ms UTC or None."""

    message_id: str
    """The id that the ESME was told: of a submit_multi that of its first message."""
    accepted_at_ms: int
    final_at_ms: int | None
    network_at_ms: int | None
    """When the network says that the last part ended."""
    parts_total: int
    parts_delivered: int
    error: str
    """The network's code, of the first part that failed if one did."""
    command_status: int
    """With which the carrier refused that part; 0: it did not."""
    text_start: str
    """The first 20 characters; of binary content and of an erased text none."""
    facts: EsmeFacts


@dataclass(slots=True)
class EsmeNotice:
    """One deliver_sm that is owed. Not frozen: made in the hot path, never changed."""

    esme_notice_id: int
    event: str
    """A state of a message, ENROUTE or INBOUND."""
    attempt: int
    """1 for the first try."""
    created_at_ms: int
    message: EsmeMessageView | None = None
    inbound: InboundView | None = None


@dataclass(frozen=True, slots=True)
class EsmeClaim:
    """The request of an account's sessions for work."""

    account_id: int
    count_max: int
    now_ms: int


@dataclass(slots=True)
class EsmeNoticeOutcome:
    """What became of one try."""

    esme_notice_id: int
    kind: EsmeNoticeKind
    at_ms: int
    retry_at_ms: int = 0
    """RETRY: when to try again; what would be later than KEPT_MS allows is given up."""
    reason: str = ""


# --- what is owed ---


def owe_receipts(tx: Transaction, finished: list[Finished], now_ms: int) -> None:
    """Owe a receipt for each of these messages whose registered_delivery asks for one.

    That the network still tried is no news then: what has not been taken by then is given up.
    """
    tried = [f.message_id for f in finished if f.registered_delivery & RegisteredDelivery.INTERMEDIATE]
    if tried:
        tx.many("esme_notices_overtaken", [(message_id, now_ms) for message_id in tried])
    _owe(tx, [(f.account_id, f.message_id, None, f.event.value) for f in finished if _is_wanted(f)], now_ms)


def _is_wanted(finished: Finished) -> bool:
    """Bits 0 and 1 of registered_delivery: 1 any end, 2 failures only, 3 success only (SMPP 5.0, 4.7.21)."""
    match finished.registered_delivery & 0x03:
        case 1:
            return True
        case 2:
            return finished.event.is_failure
        case 3:
            return not finished.event.is_failure
    return False


def owe_intermediate(tx: Transaction, message_ids: Iterable[int], now_ms: int) -> None:
    """The network still tries to deliver these messages: told once to those who asked for it."""
    ids = list(message_ids)
    rows = tx.by_ids("esme_wants_intermediate", ids) if ids else []
    _owe(tx, [(account_id, message_id, None, ENROUTE) for message_id, account_id in rows], now_ms)


def owe_inbound(tx: Transaction, owed: list[tuple[int, int]], now_ms: int) -> None:
    """Owe inbound messages to their ESMEs: (inbound_id, account_id)."""
    _owe(tx, [(account_id, None, inbound_id, INBOUND) for inbound_id, account_id in owed], now_ms)


def _owe(tx: Transaction, owed: list[tuple[int, int | None, int | None, str]], now_ms: int) -> None:
    if owed:
        tx.many("esme_notices_insert", [(*one, now_ms, now_ms) for one in owed])
        bells.ring_esmes(tx, {one[0] for one in owed})


# --- claiming and settling ---


def claim_esme_notices(tx: Transaction, claims: list[EsmeClaim]) -> list[list[EsmeNotice]]:
    """Take what is owed to each account and due, with all that a deliver_sm needs."""
    ids = [_due(tx, claim) for claim in claims]
    receipts = [one for due in ids for one, message_id in due if message_id is not None]
    inbounds = [one for due in ids for one, message_id in due if message_id is None]
    if not receipts and not inbounds:
        return [[] for _ in claims]
    tx.by_ids("esme_notices_claim", receipts + inbounds)
    key = id_key(tx)
    notices = _receipts(tx, receipts, key) | _inbounds(tx, inbounds, key)
    # Two claims of one account in a group find the same: the first has it.
    return [[notices.pop(one) for one, _ in due if one in notices] for due in ids]


def _due(tx: Transaction, claim: EsmeClaim) -> list[Row]:
    """Rows (notice, its message or None), the longest due first."""
    count = min(claim.count_max, CLAIM_MAX)
    values = {"account_id": claim.account_id, "now_ms": claim.now_ms, "count": count}
    text, next_at_ms = tx.rows("esme_notices_due", values)[0]
    if next_at_ms is not None:
        bells.due_in(tx, bells.of_esmes(claim.account_id), next_at_ms - claim.now_ms)
    due: list[Row] = json.loads(text)
    return due


_PLACE = itemgetter(0, 1)
"""Of a row: its notice, and the number of the part."""


def _receipts(tx: Transaction, ids: list[int], key: int) -> dict[int, EsmeNotice]:
    notices: dict[int, EsmeNotice] = {}
    rows = tx.packed("esme_receipts_for_sending", [(one,) for one in ids]) if ids else []
    for row in sorted(rows, key=_PLACE):
        notice = notices.get(row[0])
        if notice is None:
            notices[row[0]] = _receipt(row, key)
        elif notice.message is not None:
            _add_part(notice.message, row)
    return notices


def _receipt(row: Row, key: int) -> EsmeNotice:
    """A notice from the row of its message's first part."""
    notice_id, _, event, attempt, created_at_ms, accepted_at_ms, coding, told_id, facts = row[:9]
    state, final_at_ms, network_at_ms, error, command_status, text_start = row[9:]
    view = EsmeMessageView(
        public_id(told_id, key),
        accepted_at_ms,
        final_at_ms,
        network_at_ms,
        1,
        1 if state == _DELIVERED else 0,
        error,
        command_status,
        "" if coding == _BINARY else text_start,
        EsmeFacts(*facts),
    )
    return EsmeNotice(notice_id, event, attempt, created_at_ms, view)


def _add_part(view: EsmeMessageView, row: Row) -> None:
    """Another part of the same message: the latest times, and the code of the first part that failed."""
    state, final_at_ms, network_at_ms, error, command_status, _ = row[9:]
    view.final_at_ms = _later(view.final_at_ms, final_at_ms)
    view.network_at_ms = _later(view.network_at_ms, network_at_ms)
    if state == _DELIVERED:
        view.parts_delivered += 1
    elif view.parts_delivered == view.parts_total:
        view.error, view.command_status = error, command_status
    view.parts_total += 1


def _later(one: int | None, other: int | None) -> int | None:
    return other if one is None or (other is not None and other > one) else one


def _inbounds(tx: Transaction, ids: list[int], key: int) -> dict[int, EsmeNotice]:
    found: dict[int, EsmeNotice] = {}
    for row in tx.by_ids("esme_inbounds_for_sending", ids) if ids else []:
        view = InboundView(public_id(row[4], key), row[5], row[6], row[7], row[8], bool(row[9]))
        found[row[0]] = EsmeNotice(row[0], row[1], row[2], row[3], inbound=view)
    return found


_STATES = {EsmeNoticeKind.DONE: "done", EsmeNoticeKind.RETRY: "owed", EsmeNoticeKind.GIVEN_UP: "given_up"}


def settle_esme_notices(tx: Transaction, groups: list[list[EsmeNoticeOutcome]]) -> list[None]:
    """Book what became of tries; an outcome for a notice that is not claimed changes nothing."""
    rows = [
        (o.esme_notice_id, _STATES[o.kind], o.retry_at_ms, o.reason, o.at_ms, KEPT_MS)
        for group in groups
        for o in group
    ]
    if rows:
        tx.many("esme_notices_settle", rows)
    return [None] * len(groups)


def give_up_old(tx: Transaction, now_ms: int) -> int:
    """Nobody came for these in KEPT_MS; gives how many."""
    values = {"now_ms": now_ms, "before_ms": now_ms - KEPT_MS, "count": GIVE_UP_MAX}
    return tx.run("esme_notices_give_up", values | {"reason": "no ESME of the account came for it"})
