"""Reports on credit: the statement of an account, in pieces that fit one answer each.

A statement has a head (what was there before, what came and went by kind, what is left) and its postings, page by page.
The head names the last posting it knows, so that what is booked while somebody reads changes nothing.
"""

from typing import Any

from sqlite_utils import Database

from bridge.ledger import sqlite
from bridge.ledger.credit import BOOKS, REASON_MAX
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.ids import public_id

Record = dict[str, Any]

EVER_MS = 1 << 60
"""Later than any posting."""
PAGE_OCTETS = 700_000
"""What the postings of one page may take on the control socket, whose line is at most 1 MiB."""
LINE_OCTETS = 260
"""Of one posting without its free texts."""
OCTETS_PER_CHARACTER = 12
"""The most that JSON makes of one: two escapes for one that is beyond the first 65,536."""
PAGE_ROWS_MAX = PAGE_OCTETS // LINE_OCTETS
SORTED_MAX = 20_000
"""Postings up to which a page looks them up by account; beyond, it walks all postings in the order of booking once."""


def account_statement_show(
    database: Database, *, name: str, from_ms: int = 0, to_ms: int = EVER_MS, book: str = "credit"
) -> Record | None:
    """The head of a statement over the postings booked from `from_ms` until before `to_ms`; None: no such account.

    {"account", "book", "from_at_ms", "to_at_ms" (None: no bound), "opening_mc", "closing_mc", "count", "totals":
    [{"kind", "count", "amount_mc"}], "last": the number of the last posting that counts}. The opening is the sum of
    what was booked before, the closing is the balance less what was booked after; the books must agree that the one
    leads to the other. Raises Fault BAD_REQUEST for an unknown book, TRY_LATER when the books are wrong.
    """
    if book not in BOOKS:
        raise Fault(FaultCode.BAD_REQUEST, f"a book is one of {', '.join(BOOKS)}")
    values = {"name": name, "book": book, "from_ms": from_ms, "to_ms": to_ms}
    with sqlite.snapshot(database.conn):
        found = list(database.query(_BALANCE, values))
        kinds = list(database.query(_KINDS, values))
        (last,) = database.conn.execute("SELECT coalesce(max(posting_id), 0) FROM posting").fetchone()
    if not found:
        return None
    opening_mc = sum(kind["before_mc"] for kind in kinds)
    closing_mc = (found[0]["amount_mc"] or 0) - sum(kind["after_mc"] for kind in kinds)
    if opening_mc + sum(kind["amount_mc"] for kind in kinds) != closing_mc:
        raise Fault(FaultCode.TRY_LATER, "the postings do not add up to the balance; run `smsbridge ledger audit`")
    return {
        "account": name,
        "book": book,
        "from_at_ms": from_ms or None,
        "to_at_ms": to_ms if to_ms < EVER_MS else None,
        "opening_mc": opening_mc,
        "closing_mc": closing_mc,
        "count": sum(kind["count"] for kind in kinds),
        "totals": [{n: kind[n] for n in ("kind", "count", "amount_mc")} for kind in kinds if kind["count"]],
        "last": last,
    }


_BALANCE = """
    SELECT balance.amount_mc FROM account
        LEFT JOIN balance ON balance.account_id = account.account_id AND balance.book = :book
    WHERE account.name = :name
"""
_KINDS = """
    SELECT kind,
        sum(CASE WHEN created_at_ms < :from_ms THEN amount_mc ELSE 0 END) AS before_mc,
        sum(CASE WHEN created_at_ms >= :from_ms AND created_at_ms < :to_ms THEN amount_mc ELSE 0 END) AS amount_mc,
        sum(CASE WHEN created_at_ms >= :from_ms AND created_at_ms < :to_ms THEN 1 ELSE 0 END) AS count,
        sum(CASE WHEN created_at_ms >= :from_ms AND created_at_ms >= :to_ms THEN amount_mc ELSE 0 END) AS after_mc
    FROM posting
    WHERE account_id = (SELECT account_id FROM account WHERE name = :name) AND book = :book
    GROUP BY kind ORDER BY kind
"""


def account_statement_list(
    database: Database,
    *,
    name: str,
    from_ms: int = 0,
    to_ms: int = EVER_MS,
    book: str = "credit",
    count: int,
    last: int,
    after: int,
    balance_mc: int,
) -> Record:
    """One page of the postings of a statement, in the order of booking.

    `count` and `last` are those of the head; `after` and `balance_mc` are 0 and the opening for the first page, then
    what the page before gave. Gives {"postings": [{"at_ms", "kind", "cause", "amount_mc", "balance_mc", "actor",
    "reason"}], "after": int or None when this was the last page, "balance_mc": int}.
    """
    # The plus keeps SQLite from the index by account, which would sort all of a large account for every page.
    sql = _POSTINGS.format(by_walk="+" if count > SORTED_MAX else "")
    values = {"name": name, "book": book, "from_ms": from_ms, "to_ms": to_ms, "after": after, "last": last}
    rows = list(database.query(sql, values | {"count": PAGE_ROWS_MAX}))
    # As text: SQLite's integers end at half of what a key may be.
    ((key,),) = database.conn.execute("SELECT value FROM setting_of_ledger WHERE name = 'id_key'")
    postings: list[Record] = []
    octets = 0
    for row in rows:
        cause, reason = shown_cause(database, row["cause"], int(key)), row["reason"][:REASON_MAX]
        octets += LINE_OCTETS + OCTETS_PER_CHARACTER * (len(cause) + len(reason) + len(row["actor"]))
        if postings and octets > PAGE_OCTETS:
            break
        balance_mc += row["amount_mc"]
        after = row["posting_id"]
        facts = {n: row[n] for n in ("at_ms", "kind", "amount_mc", "actor")}
        postings.append(facts | {"cause": cause, "reason": reason, "balance_mc": balance_mc})
    is_last = len(postings) == len(rows) < PAGE_ROWS_MAX
    return {"postings": postings, "after": None if is_last else after, "balance_mc": balance_mc}


_POSTINGS = """
    SELECT posting_id, created_at_ms AS at_ms, kind, cause, amount_mc, actor, reason FROM posting
    WHERE posting_id > :after AND posting_id <= :last
        AND {by_walk}account_id = (SELECT account_id FROM account WHERE name = :name) AND {by_walk}book = :book
        AND created_at_ms >= :from_ms AND created_at_ms < :to_ms
    ORDER BY posting_id LIMIT :count
"""


def shown_cause(database: Database, cause: str, key: int) -> str:
    """What justified a posting, by the public id that people know: "message 6FD54FA2", "message 6FD54FA2 part 2"."""
    kind, _, name = cause.partition(":")
    if kind == "message":
        return f"message {public_id(int(name), key)}"
    if kind == "part":
        rows = database.query("SELECT message_id, part_no FROM part WHERE part_id = :id", {"id": int(name)})
        part = next(iter(rows), None)
        return f"message {public_id(part['message_id'], key)} part {part['part_no']}" if part else cause
    return cause
