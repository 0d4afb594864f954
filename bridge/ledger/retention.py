"""Retention: texts and addresses go some days after their message has ended, the message itself much later.

Each verb is one round of at most ROUND_MAX messages, so that a large backlog takes several transactions and nobody
waits for long between them. What happened to the money stays: postings name a message by its number only.

A text is never erased while it may still be sent, nor while somebody is still to be told what became of it. After
OVERDUE_MS it is not waited any longer: a receipt that has not come by then never comes, and a mail that could not be
sent by then goes without the text.
"""

from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from bridge.ledger.database import Transaction

ROUND_MAX = 250
"""Messages of one round: some milliseconds of the writer's time."""
DAY_MS = 24 * 3600 * 1000
OVERDUE_MS = 30 * DAY_MS
"""How much longer than usual the text of a message is kept that has not ended, or that somebody is still to be told of.

Carriers try for a week at most, and a mail is given up after five days; the rest is for an appliance that was off."""
SETTLED_MS_MIN = 60_000
"""How long a text is kept at least: a start after a crash still compares the texts of the last seconds."""

MESSAGES_ERASED_BELOW = "messages_erased_below"
"""Name of the mark in setting_of_ledger: messages below this number may be gone, and were not lost."""
PARTS_ERASED_BELOW = "parts_erased_below"
MESSAGES_ERASED = "messages_erased"
"""How many messages are gone, for the audit."""
_UNHEARD_BELOW = "unheard_texts_below"
"""Messages below this number have been looked at for parts that never ended."""
_INBOUND_BELOW = "inbound_texts_below"
"""Inbound messages below this number have no text any more."""
_FORGET_FROM = "forget_messages_from"
"""The walk that deletes messages goes on here; it starts over again and again, for what it passed by may end later."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a message is."""

    on_its_way: int
    """Parts that may still be sent."""
    unheard: int
    """Parts that were submitted and never reported on."""
    latest_ms: int
    """When its last part ended, or was submitted if that was later."""
    part_id_max: int
    owed: int
    """Notices about it that were not sent yet."""

    def has_ended(self, before_ms: int) -> bool:
        """Whether all of it ended by then and everything has been told, or nothing more is to be waited for."""
        if self.on_its_way or self.latest_ms > before_ms:
            return False
        return not (self.unheard or self.owed) or self.latest_ms <= before_ms - OVERDUE_MS


def standings(tx: Transaction, message_ids: list[int]) -> dict[int, Standing]:
    """Messages by row number; those that are gone are left out."""
    rows = tx.by_ids("messages_standing", message_ids) if message_ids else []
    return {row[0]: Standing(*row[1:]) for row in rows}


def texts_due(database: Database, *, before_ms: int) -> list[int]:
    """Messages (row numbers, at most ROUND_MAX) that ended by then, whose text is kept and that owe no notice.

    A report, for the reading side: what stands in the way of many costs the writer nothing.
    """
    rows = database.query(
        "SELECT DISTINCT message_id FROM part INDEXED BY part_text"
        " WHERE final_at_ms <= :before_ms AND final_at_ms IS NOT NULL AND text != ''"
        " AND NOT EXISTS (SELECT 1 FROM part AS other WHERE other.message_id = part.message_id"
        " AND (other.final_at_ms IS NULL OR other.final_at_ms > :before_ms))"
        " AND NOT EXISTS (SELECT 1 FROM notice WHERE notice.message_id = part.message_id"
        " AND notice.state IN ('owed', 'claimed', 'held'))"
        " AND NOT EXISTS (SELECT 1 FROM esme_notice WHERE esme_notice.message_id = part.message_id"
        " AND esme_notice.state IN ('owed', 'claimed', 'held')) LIMIT :count",
        {"before_ms": before_ms, "count": ROUND_MAX},
    )
    return [row["message_id"] for row in rows]


def text_limit_ms(now_ms: int, text_days: int) -> int:
    """Texts of what ended by then are erased."""
    return now_ms - max(text_days * DAY_MS, SETTLED_MS_MIN)


def erase_texts(tx: Transaction, *, message_ids: list[int], before_ms: int) -> dict[str, Any]:
    """One round: texts of these messages (see `texts_due`), of those overdue, of inbound messages and of refusals.

    Gives how many of each, and `is_more`: whether another round has work.
    """
    messages = _erase_ended(tx, message_ids, before_ms)
    unheard, are_more_unheard = _erase_unheard(tx, before_ms)
    inbound, is_more_inbound = _erase_inbound(tx, before_ms)
    refusals = tx.run("refusal_texts_erase", {"before_ms": before_ms, "count": ROUND_MAX})
    is_full = len(message_ids) >= ROUND_MAX or refusals >= ROUND_MAX
    return {
        "messages": messages + unheard,
        "inbound": inbound,
        "refusals": refusals,
        "is_more": bool(is_full or are_more_unheard or is_more_inbound),
    }


def _erase_ended(tx: Transaction, message_ids: list[int], before_ms: int) -> int:
    """Erase the texts of those that have ended; gives how many had one."""
    found = standings(tx, message_ids)
    ended = [message_id for message_id, standing in found.items() if standing.has_ended(before_ms)]
    return erase_what_was_said(tx, ended)


def erase_what_was_said(tx: Transaction, message_ids: list[int]) -> int:
    """Texts and octets, mail threads, and addresses of finished notices; gives how many messages had a text."""
    if not message_ids:
        return 0
    tx.by_ids("user_data_of_messages_delete", message_ids)
    tx.by_ids("mail_threads_delete", message_ids)
    tx.by_ids("message_notices_blank", message_ids)
    return len(set(tx.by_ids("part_texts_erase", message_ids)))


def _erase_unheard(tx: Transaction, before_ms: int) -> tuple[int, bool]:
    """Walk on through the messages, in order, once they are overdue; most of them lost their text long ago.

    What is still on its way then expires, and `texts_due` finds it. Gives how many had a text, and whether the walk
    goes on.
    """
    overdue_ms = before_ms - OVERDUE_MS
    rows = tx.rows("messages_from", {"from_id": mark(tx, _UNHEARD_BELOW), "count": ROUND_MAX})
    old = [message_id for message_id, accepted_at_ms in rows if accepted_at_ms <= overdue_ms]
    found = standings(tx, old)
    ended = [message_id for message_id, standing in found.items() if standing.has_ended(before_ms)]
    waiting = [message_id for message_id, standing in found.items() if standing.unheard and message_id not in ended]
    young = [message_id for message_id, accepted_at_ms in rows if accepted_at_ms > overdue_ms]
    stop = min([*waiting, *young], default=rows[-1][0] + 1 if rows else 0)
    _advance(tx, _UNHEARD_BELOW, stop, rows)
    return erase_what_was_said(tx, ended), len(rows) == ROUND_MAX and stop > rows[-1][0]


def _erase_inbound(tx: Transaction, before_ms: int) -> tuple[int, bool]:
    """Walk on through the inbound messages, in order; gives how many had a text, and whether the walk goes on."""
    rows = tx.rows("inbounds_from", {"from_id": mark(tx, _INBOUND_BELOW), "count": ROUND_MAX})
    over = [row for row in rows if _is_over(row[1], is_owed=bool(row[3]), before_ms=before_ms)]
    erased = [row[0] for row in over if row[2]]
    if erased:
        tx.by_ids("inbound_texts_erase", erased)
        tx.many("inbound_notices_blank", _causes(erased))
    waiting = {row[0] for row in rows} - {row[0] for row in over}
    stop = min(waiting, default=rows[-1][0] + 1 if rows else 0)
    _advance(tx, _INBOUND_BELOW, stop, rows)
    return len(erased), len(rows) == ROUND_MAX and stop > rows[-1][0]


def _is_over(at_ms: int, *, is_owed: bool, before_ms: int) -> bool:
    return at_ms <= before_ms - (OVERDUE_MS if is_owed else 0)


def _causes(inbound_ids: list[int]) -> list[tuple[str]]:
    return [(f"inbound:{inbound_id}",) for inbound_id in inbound_ids]


def mark(tx: Transaction, name: str) -> int:
    """A mark of the retention; 0 when it was never set."""
    row = tx.row("ledger_setting", {"name": name})
    return int(row[0]) if row is not None else 0


def _advance(tx: Transaction, name: str, to: int, rows: list[tuple[Any, ...]]) -> None:
    if rows and to > rows[0][0]:
        tx.run("retention_mark", {"name": name, "value": to})


def forget_messages(tx: Transaction, *, before_ms: int) -> dict[str, Any]:
    """One round: delete messages, inbound messages, refusals and notices whose last moment was before that.

    Gives how many of each, and `is_more`: whether another round has work.
    """
    messages, is_more_messages = _forget_ended(tx, before_ms)
    inbounds = [
        row[0]
        for row in tx.rows("inbounds_from", {"from_id": 0, "count": ROUND_MAX})
        if _is_over(row[1], is_owed=bool(row[3]), before_ms=before_ms)
    ]
    if inbounds:
        tx.many("inbound_notices_delete", _causes(inbounds))
        tx.by_ids("esme_inbound_notices_delete", inbounds)
        tx.by_ids("inbounds_delete", inbounds)
    refusals = tx.run("refusals_delete_old", {"before_ms": before_ms, "count": ROUND_MAX})
    notices = tx.run("notices_delete_old", {"before_ms": before_ms, "count": ROUND_MAX})
    counts = {"messages": messages, "inbound": len(inbounds), "refusals": refusals, "notices": notices}
    return counts | {"is_more": is_more_messages or ROUND_MAX in counts.values()}


def _forget_ended(tx: Transaction, before_ms: int) -> tuple[int, bool]:
    """Walk on through the old messages, in order, past those that have not ended; at the young ones start over.

    Gives how many were deleted, and whether the walk goes on.
    """
    from_id = mark(tx, _FORGET_FROM)
    rows = tx.rows("messages_from", {"from_id": from_id, "count": ROUND_MAX})
    old = [message_id for message_id, accepted_at_ms in rows if accepted_at_ms <= before_ms]
    found = {one: standing for one, standing in standings(tx, old).items() if standing.has_ended(before_ms)}
    _delete_messages(tx, found)
    is_more = bool(old) and len(rows) == ROUND_MAX
    next_id = rows[-1][0] + 1 if is_more else 0
    if next_id != from_id:
        tx.run("retention_place", {"name": _FORGET_FROM, "value": next_id})
    return len(found), is_more


def _delete_messages(tx: Transaction, found: dict[int, Standing]) -> None:
    """Delete messages with all that hangs on them, and remember how far that went: their postings stay."""
    if not found:
        return
    for statement in (
        "histories_delete",
        "message_notices_delete",
        "esme_notices_delete",
        "esme_messages_delete",
        "user_data_of_messages_delete",
        "message_times_delete",
        "mail_threads_delete",
        "unanswered_delete",
        "parts_delete",
        "messages_delete",
    ):
        tx.by_ids(statement, found)
    tx.run("retention_mark", {"name": MESSAGES_ERASED_BELOW, "value": max(found) + 1})
    tx.run("retention_mark", {"name": PARTS_ERASED_BELOW, "value": max(s.part_id_max for s in found.values()) + 1})
    tx.run("retention_count", {"name": MESSAGES_ERASED, "by": len(found)})
