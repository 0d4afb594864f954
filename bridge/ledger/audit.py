"""The audit: what must be true of every ledger, checked by reading it once. A row that a check finds is a defect."""

import json
from typing import Any

from sqlite_utils import Database

FOUND_MAX = 20
"""Offending rows shown for one check."""

CHECKS: dict[str, str] = {
    "the sum of postings is the balance, for every account and book": """
        SELECT balance.account_id, balance.book, balance.amount_mc, coalesce(posted.sum_mc, 0) AS posted_mc
        FROM balance LEFT JOIN (
            SELECT account_id, book, sum(amount_mc) AS sum_mc FROM posting GROUP BY account_id, book
        ) AS posted USING (account_id, book)
        WHERE balance.amount_mc != coalesce(posted.sum_mc, 0)
    """,
    "no posting is without a balance": """
        SELECT posting.posting_id FROM posting LEFT JOIN balance USING (account_id, book)
        WHERE balance.account_id IS NULL
    """,
    "no balance is below its floor": "SELECT account_id, book FROM balance WHERE amount_mc < floor_mc",
    "every message is charged exactly once, for all its parts": """
        SELECT message.message_id FROM message LEFT JOIN posting
            ON posting.account_id = message.account_id AND posting.book = 'credit' AND posting.kind = 'charge'
            AND posting.cause = 'message:' || message.message_id
        GROUP BY message.message_id
        HAVING count(posting.posting_id) != 1 OR sum(posting.amount_mc) != -message.price_mc * message.part_total
    """,
    "every refund gives back the price of one part that was never accepted upstream": """
        SELECT posting.posting_id FROM posting
            LEFT JOIN part ON posting.cause = 'part:' || part.part_id
            LEFT JOIN message USING (message_id)
        WHERE posting.kind = 'refund' AND (part.part_id IS NULL OR posting.amount_mc != message.price_mc
            OR part.state NOT IN ('rejected', 'expired', 'cancelled') OR part.is_possible_duplicate = 1)
    """,
    "every part that was never accepted upstream is refunded": """
        SELECT part.part_id FROM part JOIN message USING (message_id)
            LEFT JOIN posting ON posting.account_id = part.account_id AND posting.book = 'credit'
                AND posting.kind = 'refund' AND posting.cause = 'part:' || part.part_id
        WHERE part.state IN ('rejected', 'expired', 'cancelled') AND part.submitted_at_ms IS NULL
            AND part.is_possible_duplicate = 0
            AND posting.posting_id IS NULL
    """,
    "every message has all its parts": """
        SELECT message.message_id FROM message LEFT JOIN part USING (message_id)
        GROUP BY message.message_id HAVING count(part.part_id) != message.part_total
    """,
    "every submitted part has the SMSC's id or says that none was given": """
        SELECT part_id FROM part WHERE state = 'submitted' AND submitted_at_ms IS NULL
    """,
    "every finished part says when": """
        SELECT part_id FROM part WHERE final_at_ms IS NULL AND state IN
            ('delivered', 'undeliverable', 'expired', 'deleted', 'rejected', 'cancelled', 'unknown')
    """,
    "a part that may have been sent twice says so": """
        SELECT part.part_id FROM part WHERE is_possible_duplicate = 1 AND NOT EXISTS (
            SELECT 1 FROM history WHERE history.message_id = part.message_id AND history.part_no = part.part_no
                AND history.event = 'resend'
        )
    """,
    "no foreign key dangles": 'SELECT "table", rowid FROM pragma_foreign_key_check',
}
"""What must be true -> a statement that finds the rows where it is not."""


def ledger_audit(database: Database) -> dict[str, Any]:
    """Run every check in one snapshot: {"is_ok": bool, "checks": [{"name", "is_ok", "detail"}]}.

    Reads the whole ledger; on a large one this takes seconds, on its own connection.
    """
    database.conn.execute("BEGIN")
    try:
        checks = []
        for check, sql in CHECKS.items():
            found = list(database.query(f"SELECT * FROM ({sql}) LIMIT {FOUND_MAX}"))  # noqa: S608 - our own constants
            checks.append({"name": check, "is_ok": not found, "detail": json.dumps(found) if found else ""})
        broken = [row[0] for row in database.conn.execute("PRAGMA quick_check").fetchall() if row[0] != "ok"]
        checks.append({"name": "the file is sound", "is_ok": not broken, "detail": "; ".join(broken)})
    finally:
        database.conn.execute("COMMIT")
    return {"is_ok": all(check["is_ok"] for check in checks), "checks": checks}
