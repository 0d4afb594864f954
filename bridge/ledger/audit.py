"""The audit: what must be true of every ledger, checked by reading it once. A row that a check finds is a defect."""

import json
from typing import Any

from sqlite_utils import Database

from bridge.ledger import sqlite

FOUND_MAX = 20
"""Offending rows shown for one check."""
FILE_CHECK = "the file is sound"
"""The check that is about the file and not about its books."""

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
    "every posting has the sign and the book of its kind": """
        SELECT posting_id, kind, book, amount_mc FROM posting WHERE book NOT IN ('credit', 'trial')
            OR (kind IN ('charge', 'payout', 'forfeit') AND amount_mc > 0)
            OR (kind IN ('refund', 'top_up') AND amount_mc < 0)
            OR (kind IN ('transfer', 'payout') AND book != 'credit')
    """,
    "every message is charged exactly once, for all its parts, in the book that paid": """
        SELECT message.message_id FROM message LEFT JOIN posting
            ON posting.account_id = message.account_id AND posting.book = message.book AND posting.kind = 'charge'
            AND posting.cause = 'message:' || message.message_id
        GROUP BY message.message_id
        HAVING count(posting.posting_id) != 1 OR sum(posting.amount_mc) != -message.price_mc * message.part_total
    """,
    "every charge is for one message of its account, also those that were erased since": """
        SELECT posting.posting_id, posting.cause FROM posting
            LEFT JOIN message ON message.message_id = CAST(substr(posting.cause, 9) AS INTEGER)
        WHERE posting.kind = 'charge' AND (substr(posting.cause, 1, 8) != 'message:'
            OR (message.message_id IS NULL AND CAST(substr(posting.cause, 9) AS INTEGER) >= coalesce((
                SELECT CAST(value AS INTEGER) FROM setting_of_ledger WHERE name = 'messages_erased_below'), 0))
            OR message.account_id != posting.account_id OR message.book != posting.book
            OR posting.cause != 'message:' || message.message_id)
    """,
    "every refund gives back the price of one part, to the account and the book that paid": """
        SELECT posting.posting_id, posting.cause FROM posting
            LEFT JOIN part ON part.part_id = CAST(substr(posting.cause, 6) AS INTEGER)
            LEFT JOIN message USING (message_id)
        WHERE posting.kind = 'refund' AND (substr(posting.cause, 1, 5) != 'part:'
            OR (part.part_id IS NULL AND CAST(substr(posting.cause, 6) AS INTEGER) >= coalesce((
                SELECT CAST(value AS INTEGER) FROM setting_of_ledger WHERE name = 'parts_erased_below'), 0))
            OR posting.amount_mc != message.price_mc OR posting.account_id != message.account_id
            OR posting.book != message.book OR posting.cause != 'part:' || part.part_id)
    """,
    "what the appliance itself refunds was not accepted upstream, or did not get through": """
        SELECT posting.posting_id, part.state FROM posting
            JOIN part ON part.part_id = CAST(substr(posting.cause, 6) AS INTEGER)
        WHERE posting.kind = 'refund' AND posting.actor = '' AND NOT (
            (part.submitted_at_ms IS NULL AND part.is_possible_duplicate = 0
                AND part.state IN ('rejected', 'expired', 'cancelled'))
            OR (part.submitted_at_ms IS NOT NULL AND part.state IN ('undeliverable', 'expired', 'deleted', 'rejected')))
    """,
    "what a person refunds has ended": """
        SELECT posting.posting_id, part.state FROM posting
            JOIN part ON part.part_id = CAST(substr(posting.cause, 6) AS INTEGER)
        WHERE posting.kind = 'refund' AND posting.actor != '' AND part.final_at_ms IS NULL
    """,
    "every part that was never accepted upstream is refunded": """
        SELECT part.part_id FROM part JOIN message USING (message_id)
            LEFT JOIN posting ON posting.account_id = part.account_id AND posting.book = message.book
                AND posting.kind = 'refund' AND posting.cause = 'part:' || part.part_id
        WHERE part.state IN ('rejected', 'expired', 'cancelled') AND part.submitted_at_ms IS NULL
            AND part.is_possible_duplicate = 0
            AND posting.posting_id IS NULL
    """,
    "the two sides of every transfer sum to zero": """
        SELECT cause, sum(amount_mc) AS sum_mc FROM posting WHERE kind IN ('adjustment', 'transfer')
            AND kind = 'transfer' GROUP BY cause HAVING count(*) != 2 OR sum(amount_mc) != 0 OR min(amount_mc) = 0
    """,
    "a closed account was emptied, and only refunds came after": """
        SELECT account.account_id, ended.posting_id FROM account LEFT JOIN posting AS ended
            ON ended.account_id = account.account_id AND ended.book = 'credit' AND ended.kind = 'forfeit'
        WHERE account.closed_at_ms IS NOT NULL AND (ended.posting_id IS NULL OR account.is_disabled = 0
            OR EXISTS (SELECT 1 FROM posting WHERE posting.account_id = account.account_id
                AND posting.posting_id > ended.posting_id AND posting.kind != 'refund')
            OR EXISTS (SELECT 1 FROM posting WHERE posting.account_id = account.account_id
                AND posting.posting_id <= ended.posting_id GROUP BY posting.book HAVING sum(posting.amount_mc) != 0))
    """,
    "only what belongs to a closed account was paid out or forfeited": """
        SELECT posting.posting_id FROM posting JOIN account USING (account_id)
        WHERE posting.kind IN ('payout', 'forfeit')
            AND (account.closed_at_ms IS NULL OR substr(posting.cause, 1, 8) != 'closing:')
    """,
    "as many messages are gone as were erased when their time was over": """
        WITH mark (below, erased) AS (SELECT
            coalesce((SELECT CAST(value AS INTEGER) FROM setting_of_ledger WHERE name = 'messages_erased_below'), 0),
            coalesce((SELECT CAST(value AS INTEGER) FROM setting_of_ledger WHERE name = 'messages_erased'), 0))
        SELECT erased, charged - there AS gone FROM (SELECT erased,
            (SELECT count(*) FROM posting
                WHERE kind = 'charge' AND CAST(substr(cause, 9) AS INTEGER) < below) AS charged,
            (SELECT count(*) FROM message WHERE message_id < below) AS there FROM mark)
        WHERE erased != charged - there
    """,
    "nobody was given back more than was charged, in any book": """
        SELECT account_id, book, sum(amount_mc) AS sum_mc FROM posting WHERE kind IN ('charge', 'refund')
        GROUP BY account_id, book HAVING sum(amount_mc) > 0
    """,
    "every message has all its parts, numbered from 1": """
        SELECT message.message_id FROM message LEFT JOIN part USING (message_id)
        GROUP BY message.message_id HAVING count(part.part_id) != message.part_total
            OR min(part.part_no) != 1 OR max(part.part_no) != message.part_total
    """,
    "every part is of the account of its message": """
        SELECT part.part_id FROM part JOIN message USING (message_id) WHERE part.account_id != message.account_id
    """,
    "every part that was submitted says when": """
        SELECT part_id FROM part WHERE submitted_at_ms IS NULL
            AND state IN ('submitted', 'delivered', 'undeliverable', 'deleted')
    """,
    "no part that was submitted waits to be sent": """
        SELECT part_id, state FROM part WHERE submitted_at_ms IS NOT NULL
            AND state IN ('queued', 'claimed', 'in_doubt', 'scheduled', 'held')
    """,
    "every part that waits to be sent has its text": """
        SELECT part_id, state FROM part WHERE text = ''
            AND state IN ('queued', 'claimed', 'in_doubt', 'scheduled', 'held')
            AND NOT EXISTS (SELECT 1 FROM user_data WHERE user_data.part_id = part.part_id AND header != x'')
    """,
    "every scheduled part says for when": """
        SELECT part_id FROM part WHERE state = 'scheduled'
            AND (next_action_at_ms <= 0 OR expires_at_ms <= next_action_at_ms)
    """,
    "the octets of every binary part that waits to be sent are there": """
        SELECT part.part_id FROM part JOIN message USING (message_id) LEFT JOIN user_data USING (part_id)
        WHERE message.coding = 'binary' AND part.state IN ('queued', 'claimed', 'in_doubt', 'scheduled', 'held')
            AND (user_data.body IS NULL OR hex(user_data.body) != part.text)
    """,
    "every user data is of a part": """
        SELECT user_data.part_id FROM user_data LEFT JOIN part USING (part_id) WHERE part.part_id IS NULL
    """,
    "every ESME was told the id of a message of its own account": """
        SELECT esme_message.message_id, told_id FROM esme_message JOIN message USING (message_id)
            LEFT JOIN message AS told ON told.message_id = esme_message.told_id
        WHERE told.account_id != message.account_id OR (told.message_id IS NULL AND told_id >= coalesce((
            SELECT CAST(value AS INTEGER) FROM setting_of_ledger WHERE name = 'messages_erased_below'), 0))
    """,
    "what is owed to an ESME is about a message or an inbound message of its account": """
        SELECT esme_notice_id FROM esme_notice
            LEFT JOIN message ON message.message_id = esme_notice.message_id
            LEFT JOIN esme_message ON esme_message.message_id = esme_notice.message_id
            LEFT JOIN inbound ON inbound.inbound_id = esme_notice.inbound_id
        WHERE (esme_notice.message_id IS NULL) = (esme_notice.inbound_id IS NULL)
            OR (esme_notice.inbound_id IS NULL) = (event = 'inbound')
            OR coalesce(message.account_id, inbound.account_id, -1) != esme_notice.account_id
            OR (esme_notice.message_id IS NOT NULL AND esme_message.message_id IS NULL)
    """,
    "an ESME is told the end of a message only when it has ended": """
        SELECT esme_notice.esme_notice_id, part.state FROM esme_notice JOIN part USING (message_id)
        WHERE esme_notice.event != 'enroute' AND part.final_at_ms IS NULL
    """,
    "every ESME that asked for a receipt is owed it, or has it": """
        SELECT esme_message.message_id FROM esme_message WHERE registered_delivery & 3 = 1
            AND NOT EXISTS (SELECT 1 FROM part
                WHERE part.message_id = esme_message.message_id AND part.final_at_ms IS NULL)
            AND NOT EXISTS (SELECT 1 FROM esme_notice
                WHERE esme_notice.message_id = esme_message.message_id AND esme_notice.event != 'enroute')
    """,
    "no part has ended that is not finished": """
        SELECT part_id, state FROM part WHERE final_at_ms IS NOT NULL
            AND state IN ('queued', 'claimed', 'submitted', 'in_doubt', 'scheduled', 'held')
    """,
    "every finished part says when": """
        SELECT part_id FROM part WHERE final_at_ms IS NULL AND state IN
            ('delivered', 'undeliverable', 'expired', 'deleted', 'rejected', 'cancelled', 'unknown')
    """,
    "a part that may have been sent twice says so": """
        SELECT part.part_id FROM part WHERE is_possible_duplicate = 1 AND NOT EXISTS (
            SELECT 1 FROM history WHERE history.message_id = part.message_id AND history.part_no = part.part_no
                AND (history.event IN ('resend', 'released')
                    OR (history.event = 'cancelled' AND part.state = 'cancelled'))
        )
    """,
    "every held part and notice says why": """
        SELECT 'part' AS kind, part_id AS id FROM part WHERE state = 'held' AND waiting_for = ''
        UNION ALL SELECT 'notice', notice_id FROM notice WHERE state = 'held' AND waiting_for = ''
        UNION ALL SELECT 'esme_notice', esme_notice_id FROM esme_notice WHERE state = 'held' AND waiting_for = ''
    """,
    "what repeats become is a message of the same account, or one that was erased": """
        WITH named (message_id, account_id) AS (
            SELECT message_id, account_id FROM retry_key UNION ALL SELECT message_id, account_id FROM unanswered)
        SELECT named.message_id, named.account_id FROM named LEFT JOIN message USING (message_id)
        WHERE message.account_id != named.account_id
            OR (message.message_id IS NULL AND named.message_id >= coalesce((
                SELECT CAST(value AS INTEGER) FROM setting_of_ledger WHERE name = 'messages_erased_below'), 0))
    """,
    "no number was given out that may be given out again": """
        WITH given (name, number) AS (VALUES
            ('message', (SELECT coalesce(max(message_id), 0) FROM message)),
            ('message', (SELECT coalesce(max(inbound_id), 0) FROM inbound)),
            ('part', (SELECT coalesce(max(part_id), 0) FROM part)))
        SELECT given.name, given.number, sequence.value FROM given LEFT JOIN sequence USING (name)
        WHERE sequence.value IS NULL OR sequence.value < given.number
    """,
    "the key of the public ids is there": """
        SELECT 'id_key' AS name WHERE NOT EXISTS (SELECT 1 FROM setting_of_ledger
            WHERE name = 'id_key' AND value != '' AND value NOT GLOB '*[^0-9]*')
    """,
    "postings and actions can only be added": """
        WITH guard (name, guarded) AS (VALUES ('posting_is_never_changed', 'posting'),
            ('posting_is_never_deleted', 'posting'), ('action_is_never_changed', 'action'),
            ('action_is_never_deleted', 'action'))
        SELECT guard.name FROM guard WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema AS known
            WHERE known.type = 'trigger' AND known.name = guard.name AND known.tbl_name = guard.guarded
                AND known.sql LIKE '%RAISE(ABORT%')
    """,
    "no foreign key dangles": 'SELECT "table", rowid FROM pragma_foreign_key_check',
}
"""What must be true -> a statement that finds the rows where it is not."""


def ledger_audit(database: Database) -> dict[str, Any]:
    """Run every check in one snapshot: {"is_ok": bool, "checks": [{"name", "is_ok", "detail"}]}.

    Reads the whole ledger; on a large one this takes seconds, on its own connection.
    """
    with sqlite.snapshot(database.conn):
        checks = []
        for check, sql in CHECKS.items():
            found = list(database.query(f"SELECT * FROM ({sql}) LIMIT {FOUND_MAX}"))  # noqa: S608 - our own constants
            checks.append({"name": check, "is_ok": not found, "detail": json.dumps(found) if found else ""})
        broken = sqlite.findings(database.conn, "quick_check", FOUND_MAX)
        checks.append({"name": FILE_CHECK, "is_ok": not broken, "detail": "; ".join(broken)})
    return {"is_ok": all(check["is_ok"] for check in checks), "checks": checks}
