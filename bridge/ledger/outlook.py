"""How long an account's credit lasts: what a warning says, read when it is written and not while others are charged."""

from dataclasses import asdict
from typing import Any

from sqlite_utils import Database

from bridge.ledger.low_credit import CreditView

PERIOD_MS = 7 * 24 * 3600 * 1000
"""How far back the pace is looked at."""
PERIOD_MS_MIN = 3600 * 1000
"""A pace over less time than this says nothing about a day."""
MESSAGES_MAX = 50_000
"""Newest messages of the account that are looked at, about 0.2 s; with more of them in a week the period is shorter."""

_ACCOUNT = """
    SELECT account.account_id, created_at_ms, low_limit_mc AS limit_mc, amount_mc AS balance_mc,
        amount_mc - floor_mc - reserve_mc AS room_mc
    FROM account JOIN balance USING (account_id) WHERE book = 'credit' AND name = :name
"""
_NEWEST = """
    WITH newest AS (
        SELECT message_id, accepted_at_ms, book, price_mc * part_total AS cost_mc FROM message
        WHERE account_id = :account_id ORDER BY message_id DESC LIMIT :count
    )
"""
_CHARGED = """
    SELECT count(*) AS messages, min(accepted_at_ms) AS oldest_at_ms,
        coalesce(sum(cost_mc) FILTER (WHERE book = 'credit'), 0) AS charged_mc
    FROM newest WHERE accepted_at_ms >= :since_ms
"""
_REFUNDED = """
    SELECT coalesce(sum(posting.amount_mc), 0) AS refunded_mc FROM newest JOIN part USING (message_id) JOIN posting
        ON posting.account_id = :account_id AND posting.book = 'credit' AND posting.kind = 'refund'
        AND posting.cause = 'part:' || part.part_id
    WHERE newest.accepted_at_ms >= :since_ms AND newest.book = 'credit'
"""


def credit_outlook(database: Database, *, name: str, now_ms: int) -> dict[str, Any] | None:
    """The fields of a CreditView of one account; None: no such name.

    Spent is what its messages of the last seven days (or since it opened) cost, less what of that was given back.
    """
    account = next(iter(database.query(_ACCOUNT, {"name": name})), None)
    if account is None:
        return None
    since_ms = max(now_ms - PERIOD_MS, account["created_at_ms"])
    values = {"account_id": account["account_id"], "count": MESSAGES_MAX, "since_ms": since_ms}
    (charged,) = database.query(_NEWEST + _CHARGED, values)
    (refunded,) = database.query(_NEWEST + _REFUNDED, values)
    if charged["messages"] == MESSAGES_MAX:
        since_ms = charged["oldest_at_ms"]
    view = CreditView(
        balance_mc=account["balance_mc"],
        limit_mc=account["limit_mc"],
        room_mc=account["room_mc"],
        spent_mc=charged["charged_mc"] - refunded["refunded_mc"],
        period_ms=max(now_ms - since_ms, PERIOD_MS_MIN),
        at_ms=now_ms,
    )
    return asdict(view)
