"""Reports about refusals: the newest, and all that is kept of some."""

from sqlite_utils import Database

from bridge.ledger.reading import LIST_MAX, Record, first_of, id_key, rows_of
from bridge.messages.ids import public_id

_REFUSALS = """
    SELECT refusal_id, refusal.created_at_ms, account.name AS account, door, fault, detail, refusal.originator,
        recipient, text, refusal.lane, reference, thread, is_cut, resubmitted_as
    FROM refusal JOIN account USING (account_id)
"""


def refusal_list(
    database: Database, *, account: str | None = None, fault: str | None = None, count_max: int = 50
) -> list[Record]:
    """The newest refused submissions of known accounts, newest first: of one account and for one fault if asked."""
    rows = rows_of(
        database,
        _REFUSALS + " WHERE (:account IS NULL OR account.name = :account) AND (:fault IS NULL OR fault = :fault)"
        " ORDER BY refusal_id DESC LIMIT :count",
        account=account,
        fault=fault,
        count=min(count_max, LIST_MAX),
    )
    kept = ("lane", "reference", "thread")
    return [{name: value for name, value in row.items() if name not in kept} for row in _refusals(database, rows)]


def refusals_kept(database: Database, *, refusal_ids: list[int]) -> list[Record]:
    """All that is kept of these refusals, for a resubmission; those that do not exist are left out."""
    found = (first_of(database, _REFUSALS + " WHERE refusal_id = :id", id=one) for one in refusal_ids)
    return _refusals(database, [row for row in found if row is not None])


def _refusals(database: Database, rows: list[Record]) -> list[Record]:
    key = id_key(database)
    return [
        row
        | {
            "is_cut": bool(row["is_cut"]),
            "resubmitted_as": public_id(row["resubmitted_as"], key) if row["resubmitted_as"] else "",
        }
        for row in rows
    ]
