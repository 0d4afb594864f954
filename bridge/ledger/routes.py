"""The table of routes: replaced as a whole, in one transaction of its own. What a row means, `routing` knows."""

from typing import Any

from sqlite_utils import Database

from bridge.ledger.database import Transaction
from bridge.messages.faults import Fault, FaultCode

ROUTE_ROWS_MAX = 20_000
"""Rows of the whole table: as many as one file may have."""

RouteRow = tuple[str, str, str, str, str, str, str, str]
"""destination, account_class, originator, hours, coding, kind; then what may change about it: links, note."""
CONDITIONS = 6
"""Cells that say for which messages a row is; no two rows are the same in them."""


def route_import(tx: Transaction, *, rows: list[RouteRow], is_trial: bool) -> dict[str, Any]:
    """Put these rows in the place of all others; `is_trial`: change nothing and tell what would change.

    A row for the same messages keeps its number. Gives {"new", "changed", "same", "gone"}: numbers of rows. Raises
    Fault BAD_REQUEST.
    """
    given = {tuple(row[:CONDITIONS]): tuple(row) for row in rows}
    if len(given) != len(rows):
        raise Fault(FaultCode.BAD_REQUEST, "two routes for the same messages")
    if len(rows) > ROUTE_ROWS_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"{len(rows)} routes, at most {ROUTE_ROWS_MAX} fit")
    present = {tuple(row[1 : CONDITIONS + 1]): tuple(row) for row in tx.rows("route_rows")}
    same = sum(name in present and present[name][1:] == row for name, row in given.items())
    new = len(given.keys() - present.keys())
    if not is_trial:
        last = tx.row("route_last")
        next_id = (last[0] if last else 0) + 1
        tx.run("routes_delete")
        numbered = []
        for name, row in given.items():
            if name in present:
                numbered.append((present[name][0], *row))
            else:
                numbered.append((next_id, *row))
                next_id += 1
        if numbered:
            tx.many("routes_insert", numbered)
    return {
        "new": new,
        "changed": len(given) - new - same,
        "same": same,
        "gone": len(present.keys() - given.keys()),
    }


def route_list(database: Database) -> list[dict[str, Any]]:
    """Every route as it is kept, by number."""
    return list(
        database.query(
            "SELECT route_id, destination, account_class, originator, hours, coding, kind, links, note FROM route"
            " ORDER BY route_id"
        )
    )
