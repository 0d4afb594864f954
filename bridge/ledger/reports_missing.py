"""Refusals of numbers that look valid and that no route or price covers: by range, and what of them can be resubmitted.

At most refusals.REFUSALS_MAX rows are kept, so that counting them all takes some 20 ms on the reading side.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlite_utils import Database

from bridge.messages.number_plans import place_of
from bridge.messages.numbers import range_of

Record = dict[str, Any]

RANGES_MAX = 500
"""Ranges of one list: more than a person reads."""
ACCOUNTS_MAX = 20
"""Accounts named with one range."""
PAGE_MAX = 100
"""Refusals of one batch of a resubmission."""

_WAITS = "missing != '' AND resubmitted_as IS NULL"
_CAN_BE_SENT = f"{_WAITS} AND is_cut = 0 AND text != ''"
# ':' comes right behind '9'.
_IN_RANGE = "missing >= :prefix AND missing < :prefix || ':'"


@dataclass(slots=True)
class _Range:
    country: str = ""
    count: int = 0
    accounts: set[str] = field(default_factory=set)
    newest_at_ms: int = 0


def refusal_missing(database: Database) -> list[Record]:
    """What is missing, by range: [{"prefix", "country", "detail", "count", "accounts": [names], "account_count",
    "newest_at_ms"}], the largest first, at most RANGES_MAX. What was resubmitted does not count any more.
    """
    found: dict[tuple[str, str], _Range] = {}
    rows = database.query(
        f"SELECT missing, detail, account.name AS account, count(*) AS count, max(refusal.created_at_ms) AS newest"  # noqa: S608
        f" FROM refusal JOIN account USING (account_id) WHERE {_WAITS} GROUP BY missing, detail, account.name"
    )
    for row in rows:
        one = found.setdefault((range_of(row["missing"]), row["detail"]), _Range())
        if not one.country and (place := place_of(row["missing"])) is not None:
            one.country = place.country
        one.count += row["count"]
        one.accounts.add(row["account"])
        one.newest_at_ms = max(one.newest_at_ms, row["newest"])
    largest = sorted(found.items(), key=lambda item: (-item[1].count, item[0]))[:RANGES_MAX]
    return [
        {
            "prefix": prefix,
            "country": one.country,
            "detail": detail,
            "count": one.count,
            "accounts": sorted(one.accounts)[:ACCOUNTS_MAX],
            "account_count": len(one.accounts),
            "newest_at_ms": one.newest_at_ms,
        }
        for (prefix, detail), one in largest
    ]


def refusal_waiting(database: Database, *, prefix: str) -> list[Record]:
    """Refusals of a range that can be resubmitted, by account: {"account", "count", "oldest_at_ms", "newest_at_ms"}."""
    rows = database.query(
        f"SELECT account.name AS account, count(*) AS count, min(refusal.created_at_ms) AS oldest_at_ms,"  # noqa: S608
        f" max(refusal.created_at_ms) AS newest_at_ms FROM refusal JOIN account USING (account_id)"
        f" WHERE {_IN_RANGE} AND {_CAN_BE_SENT} GROUP BY account.name ORDER BY count(*) DESC, account.name",
        {"prefix": prefix},
    )
    return list(rows)


def refusals_of_range(database: Database, *, prefix: str, account: str, lane: int, after: int) -> list[Record]:
    """Up to PAGE_MAX refusals of a range of one account, alarm lane first, those after (`lane`, `after`)."""
    rows = database.query(
        f"SELECT refusal_id, refusal.created_at_ms, refusal.originator, recipient, text, reference, thread,"  # noqa: S608
        f" coalesce(refusal.lane, account.lane) AS its_lane FROM (SELECT * FROM refusal WHERE {_IN_RANGE}"
        f" AND {_CAN_BE_SENT}) AS refusal JOIN account USING (account_id) WHERE account.name = :account"
        " AND (its_lane, refusal_id) > (:lane, :after) ORDER BY its_lane, refusal_id LIMIT :count",
        {"prefix": prefix, "account": account, "lane": lane, "after": after, "count": PAGE_MAX},
    )
    return [{"lane": row.pop("its_lane")} | row for row in rows]
