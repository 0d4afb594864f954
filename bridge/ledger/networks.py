"""The table of networks, replaced as a whole; and how fast and well the links reach each country and network."""

from typing import Any

from sqlite_utils import Database

from bridge.ledger.database import Transaction
from bridge.messages.faults import Fault, FaultCode

NETWORK_ROWS_MAX = 20_000
"""Rows of the whole table: as many as one file may have."""
MEASURED_PARTS_MAX = 50_000
"""Parts that a measurement looks at, the newest first: about half a second."""


def network_import(tx: Transaction, *, rows: list[tuple[str, str, str, str]], is_trial: bool) -> dict[str, Any]:
    """Put these rows (prefix, mcc_mnc, country, name) in the place of all others.

    `is_trial`: change nothing and tell what would change. Gives {"new", "changed", "same", "gone"}: numbers of rows.
    Raises Fault BAD_REQUEST.
    """
    given = {row[0]: tuple(row) for row in rows}
    if len(given) != len(rows):
        raise Fault(FaultCode.BAD_REQUEST, "two networks with the same prefix")
    if len(rows) > NETWORK_ROWS_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"{len(rows)} prefixes of networks, at most {NETWORK_ROWS_MAX} fit")
    present = {row[0]: tuple(row) for row in tx.rows("network_rows")}
    if not is_trial:
        tx.run("networks_delete")
        if given:
            tx.many("networks_insert", list(given.values()))
    same = sum(present.get(prefix) == row for prefix, row in given.items())
    new = len(given.keys() - present.keys())
    return {
        "new": new,
        "changed": len(given) - new - same,
        "same": same,
        "gone": len(present.keys() - given.keys()),
    }


def network_list(database: Database) -> list[dict[str, Any]]:
    """Every network by prefix."""
    return list(database.query("SELECT prefix, mcc_mnc, country, name FROM network ORDER BY prefix"))


def parts_measured(database: Database, *, from_ms: int) -> list[tuple[str, str, str, int | None]]:
    """What became of the newest parts, at most MEASURED_PARTS_MAX, that were accepted from `from_ms` on.

    Rows (link, recipient, state, ms from the submission to the receipt or None) of parts that a link took.
    """
    newest = database.execute("SELECT max(part_id) FROM part").fetchone()[0] or 0
    return list(
        database.execute(
            "SELECT part.link, message.recipient, part.state,"
            " CASE WHEN part.state = 'delivered' AND part.final_at_ms >= part.submitted_at_ms"
            " THEN part.final_at_ms - part.submitted_at_ms END"
            " FROM part JOIN message USING (message_id)"
            " WHERE part.part_id > :least AND part.submitted_at_ms >= :from_ms",
            {"least": newest - MEASURED_PARTS_MAX, "from_ms": from_ms},
        ).fetchall()
    )
