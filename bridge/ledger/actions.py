"""What people did to this ledger: one line for each act that changes more than a setting; append-only."""

from typing import Any

from sqlite_utils import Database

from bridge.ledger.database import Transaction

ACTIONS_MAX = 10_000
"""Rows of one list."""


def note(tx: Transaction, action: str, detail: str, *, actor: str, now_ms: int) -> None:
    """Write down that somebody did something, in the transaction that does it.

    `action` is one word, as "account_close"; `detail` never holds a phone number or a text.
    """
    tx.run("action_insert", {"now_ms": now_ms, "actor": actor, "action": action, "detail": detail})


def action_list(database: Database, *, count_max: int = 50) -> list[dict[str, Any]]:
    """What people did, the newest first: at_ms, actor, action, detail. A report."""
    return list(
        database.query(
            "SELECT at_ms, actor, action, detail FROM action ORDER BY action_id DESC LIMIT :count",
            {"count": min(count_max, ACTIONS_MAX)},
        )
    )
