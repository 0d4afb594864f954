"""What is held after a restore: shown, let go, or cancelled, always by somebody.

Nobody knows whether a held part was sent after the backup was taken. Released, it is marked as a possible duplicate;
cancelled, its price comes back only when the operator says so. Each call moves a bounded number and says whether there
is more.
"""

from typing import Any

from sqlite_utils import Database

from bridge.ledger import bells, credit
from bridge.ledger.actions import note
from bridge.ledger.database import Row, Transaction
from bridge.ledger.finish import Ending, finish
from bridge.ledger.queue import id_key
from bridge.messages.ids import public_id
from bridge.messages.message import Lane, PartState

BATCH_MAX = 1000
"""Parts, and notices, that one transaction moves: the writer is back for others within a moment."""
EVER_MS = 1 << 60
"""Later than any message."""


def held_release(
    tx: Transaction, *, account: str = "", from_ms: int = 0, to_ms: int = EVER_MS, actor: str, now_ms: int
) -> dict[str, Any]:
    """Queue held parts again, marked; owe held notices again.

    They are of messages accepted from `from_ms` until before `to_ms`, of one account or (empty) of all. Gives
    {"parts", "notices", "links": names, "is_more"}.
    """
    wanted = {"account": account, "from_ms": from_ms, "to_ms": to_ms, "count": BATCH_MAX}
    parts, notices = tx.rows("held_parts", wanted), _notices(tx, wanted)
    if parts:
        tx.many("parts_release", [(row[0], now_ms) for row in parts])
        bells.ring_links(tx, {row[6] for row in parts})
        _tell(tx, parts, "released", f"by {actor}: it may arrive twice", now_ms)
    if notices:
        tx.many("notices_release", [(notice_id, now_ms) for notice_id in notices])
        bells.ring_notices(tx)
    esme_notices = tx.rows("held_esme_notices", wanted)
    if esme_notices:
        tx.many("esme_notices_release", [(notice_id, now_ms) for notice_id, _ in esme_notices])
        bells.ring_esmes(tx, {account_id for _, account_id in esme_notices})
    return _done(tx, "release", parts, notices, len(esme_notices), actor, now_ms)


def held_cancel(
    tx: Transaction,
    *,
    account: str = "",
    from_ms: int = 0,
    to_ms: int = EVER_MS,
    is_refunded: bool = False,
    actor: str,
    now_ms: int,
) -> dict[str, Any]:
    """End held parts as cancelled, with their price back if asked for; give held notices up.

    Which ones, and what it gives: as for `held_release`, and "refunded_mc" and "messages", their public ids.
    """
    wanted = {"account": account, "from_ms": from_ms, "to_ms": to_ms, "count": BATCH_MAX}
    parts, notices = tx.rows("held_parts", wanted), _notices(tx, wanted)
    reason = "cancelled after a restore; it may have been sent before" + (
        "" if is_refunded else ", so it stays charged"
    )
    refunded_mc = 0
    if parts:
        if is_refunded:
            refunded_mc = _refund(tx, parts, actor, now_ms)
        tx.by_ids("parts_mark_sent", [row[0] for row in parts])
        _tell(tx, parts, "cancelled", f"by {actor}" + (", refunded" if is_refunded else ", not refunded"), now_ms)
    given_up = f"cancelled by {actor} after a restore"
    if notices:
        tx.many("notices_cancel", [(notice_id, now_ms, given_up) for notice_id in notices])
    esme_notices = [row[0] for row in tx.rows("held_esme_notices", wanted)]
    if esme_notices:
        tx.many("esme_notices_cancel", [(notice_id, now_ms, given_up) for notice_id in esme_notices])
    # Last: what ends now is told, and that must not be taken for a notice from before.
    finish(tx, [Ending(row[0], row[1], PartState.CANCELLED, now_ms, reason=reason) for row in parts])
    key = id_key(tx)
    messages = sorted({public_id(row[1], key) for row in parts})
    done = _done(tx, "cancel", parts, notices, len(esme_notices), actor, now_ms)
    return done | {"refunded_mc": refunded_mc, "messages": messages}


def _notices(tx: Transaction, wanted: dict[str, Any]) -> list[int]:
    return [row[0] for row in tx.rows("held_notices", wanted)]


def _refund(tx: Transaction, parts: list[Row], actor: str, now_ms: int) -> int:
    """Give the prices back; a part that was refunded before is not refunded again. Gives thousandths of a credit."""
    total_mc = 0
    for part_id, _, account_id, _, price_mc, book, _ in parts:
        reason = "cancelled after a restore"
        if (
            credit.refund_part(tx, account_id, book, part_id, price_mc, reason=reason, now_ms=now_ms, actor=actor)
            and book == credit.CREDIT
        ):
            total_mc += price_mc
    return total_mc


def _tell(tx: Transaction, parts: list[Row], event: str, detail: str, now_ms: int) -> None:
    tx.many("history_insert", [(row[1], row[3], now_ms, event, detail) for row in parts])


def _done(
    tx: Transaction, action: str, parts: list[Row], mails: list[int], to_esmes: int, actor: str, now_ms: int
) -> dict[str, Any]:
    notices = len(mails) + to_esmes
    if parts or notices:
        note(tx, action, f"{len(parts)} held parts, {notices} held notices", actor=actor, now_ms=now_ms)
    return {
        "parts": len(parts),
        "notices": notices,
        "links": sorted({row[6] for row in parts}),
        "is_more": BATCH_MAX in (len(parts), len(mails), to_esmes),
    }


def held_count(database: Database) -> dict[str, int]:
    """How much is held: {"parts", "notices"}."""
    counts = (
        "SELECT (SELECT count(*) FROM part INDEXED BY part_held WHERE state = 'held') AS parts,"
        " (SELECT count(*) FROM notice INDEXED BY notice_held WHERE state = 'held') +"
        " (SELECT count(*) FROM esme_notice INDEXED BY esme_notice_open"
        " WHERE state IN ('claimed', 'held') AND state = 'held') AS notices"
    )
    return next(iter(database.query(counts)))


def held_list(database: Database) -> dict[str, Any]:
    """What is held: {"parts": by account, link, lane and reason, "notices": by account, kind and reason}."""
    parts = database.query(
        "SELECT account.name AS account, part.link, part.lane, part.waiting_for, count(*) AS count,"
        " min(message.accepted_at_ms) AS first_at_ms, max(message.accepted_at_ms) AS last_at_ms"
        " FROM part INDEXED BY part_held JOIN message USING (message_id)"
        " JOIN account ON account.account_id = message.account_id WHERE part.state = 'held'"
        " GROUP BY account.name, part.link, part.lane, part.waiting_for ORDER BY 1, 2, 3, 4"
    )
    notices = database.query(
        "SELECT account.name AS account, kind, waiting_for, count(*) AS count,"
        " min(notice.created_at_ms) AS first_at_ms, max(notice.created_at_ms) AS last_at_ms"
        " FROM notice INDEXED BY notice_held JOIN account USING (account_id)"
        " WHERE notice.state = 'held' GROUP BY account.name, kind, waiting_for"
        " UNION ALL SELECT account.name, 'to ESMEs', waiting_for, count(*), min(esme_notice.created_at_ms),"
        " max(esme_notice.created_at_ms) FROM esme_notice INDEXED BY esme_notice_open JOIN account USING (account_id)"
        " WHERE state IN ('claimed', 'held') AND state = 'held' GROUP BY account.name, waiting_for ORDER BY 1, 2, 3"
    )
    return {
        "parts": [row | {"lane": Lane(row["lane"]).name.lower()} for row in parts],
        "notices": list(notices),
    }
