"""Erasing what is known of one phone number: the ids come from the reading side, each round is one bounded transaction.

What has not ended yet is left and named: it is still to be sent, or somebody is still to be told. Numbers are replaced
by ERASED, texts by nothing. Charges, refunds and states stay, for they tell of nobody.
"""

from typing import Any

from bridge.ledger import actions
from bridge.ledger.database import Transaction
from bridge.ledger.queue import id_key
from bridge.ledger.retention import OVERDUE_MS, ROUND_MAX, erase_what_was_said, standings
from bridge.messages.ids import public_id

ERASED = "erased"
"""Stands where a number was."""

Erased = tuple[int, list[str]]
"""How many rows were erased, and what was left, in words."""


def person_erase(
    tx: Transaction, *, place: str, ids: list[int], number: str, sender: str | None, now_ms: int
) -> dict[str, Any]:
    """Erase rows of one place (a table of `reports_person.PLACES`), at most ROUND_MAX ids.

    `sender` is the number where it stands as an originator, or None when that is left alone. Gives {"erased": rows,
    "left": what has not ended yet, in words}.
    """
    ids = ids[:ROUND_MAX]
    if place == "message":
        erased, left = _messages(tx, ids, number, sender, now_ms)
    elif place == "inbound":
        erased, left = _inbounds(tx, ids)
    elif place == "part":
        gone = {row[0] for row in tx.many("person_parts_erase", [(one, now_ms - OVERDUE_MS) for one in ids])}
        erased, left = len(gone), ["a part that waits"] * (len(ids) - len(gone))
    elif place == "mail_thread":
        erased, left = _of_ended(tx, "mail_threads_delete", ids, now_ms)
    elif place == "esme_message":
        erased, left = _of_ended(tx, "person_esme_messages_erase", ids, now_ms)
    else:
        statement, words = _PLAIN[place]
        gone = {row[0] for row in tx.by_ids(statement, ids)}
        erased, left = len(gone), [words] * (len(ids) - len(gone))
    return {"erased": erased, "left": left}


_PLAIN = {
    "history": ("person_histories_erase", ""),
    "notice": ("person_notices_erase", "a mail that is still owed"),
    "inbound_part": ("person_inbound_parts_erase", "a piece of a text that is not whole yet"),
    "refusal": ("person_refusals_erase", ""),
    "parked_receipt": ("person_receipts_erase", ""),
    "pool_use": ("person_pool_uses_erase", ""),
    "retry_key": ("person_retry_keys_erase", "the sender's name for a message"),
}
"""Place -> its statement, and what a row is called that it leaves."""


def _messages(tx: Transaction, ids: list[int], number: str, sender: str | None, now_ms: int) -> Erased:
    found = standings(tx, ids)
    ended = [message_id for message_id, standing in found.items() if standing.has_ended(now_ms)]
    if not ended:
        return 0, _named(tx, "message", ids)
    rows = tx.many("person_messages_erase", [(message_id, number, sender) for message_id in ended])
    erase_what_was_said(tx, ended)
    return len(rows), _named(tx, "message", [one for one in ids if one not in set(ended)])


def _inbounds(tx: Transaction, ids: list[int]) -> Erased:
    gone = {row[0] for row in tx.by_ids("person_inbounds_erase", ids)}
    if gone:
        tx.many("inbound_notices_blank", [(f"inbound:{inbound_id}",) for inbound_id in gone])
    return len(gone), _named(tx, "text", [one for one in ids if one not in gone])


def _of_ended(tx: Transaction, statement: str, ids: list[int], now_ms: int) -> Erased:
    """What is kept beside a message, once that has ended."""
    ended = [message_id for message_id, standing in standings(tx, ids).items() if standing.has_ended(now_ms)]
    if ended:
        tx.by_ids(statement, ended)
    return len(ended), _named(tx, "message", [one for one in ids if one not in set(ended)])


def _named(tx: Transaction, kind: str, ids: list[int]) -> list[str]:
    if not ids:
        return []
    key = id_key(tx)
    return [f"{kind} {public_id(one, key)}" for one in ids]


def person_note(tx: Transaction, *, action: str, detail: str, actor: str, now_ms: int) -> None:
    """Write down that somebody's data were erased or exported; `detail` holds counts, never the number."""
    actions.note(tx, action, detail, actor=actor, now_ms=now_ms)
