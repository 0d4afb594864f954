"""What reports are made with: rows as plain dicts, read-only, and how some columns are shown."""

from typing import Any

from sqlite_utils import Database

from bridge.messages.message import Lane

LIST_MAX = 10_000
"""Rows of one list."""

Record = dict[str, Any]


def rows_of(database: Database, sql: str, **values: Any) -> list[Record]:
    return list(database.query(sql, values))


def first_of(database: Database, sql: str, **values: Any) -> Record | None:
    return next(iter(database.query(sql, values)), None)


def id_key(database: Database) -> int:
    """The key of this ledger's public ids."""
    row = first_of(database, "SELECT value FROM setting_of_ledger WHERE name = 'id_key'")
    assert row is not None, "a ledger has an id key from its first transaction on"
    return int(row["value"])


def named_lane(row: Record) -> Record:
    """Lanes by name, flags as truth values, "nothing to do" as None."""
    shown = row | {"lane": Lane(row["lane"]).name.lower()}
    for name in ("is_disabled", "is_possible_duplicate", "is_low_texted", "hours_for_alarms"):
        if name in shown:
            shown[name] = bool(shown[name])
    if shown.get("next_action_at_ms") == 0:
        shown["next_action_at_ms"] = None
    return shown
