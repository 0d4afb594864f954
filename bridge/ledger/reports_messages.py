"""Reports about messages: lists, the whole life of one, what is unfinished, and what came in."""

from sqlite_utils import Database

from bridge.ledger.reading import LIST_MAX, Record, first_of, id_key, named_lane, rows_of
from bridge.ledger.reports_esme import esme_of
from bridge.messages import causes
from bridge.messages.ids import public_id, row_of
from bridge.messages.message import PartState, fold

SCAN_MAX = 50_000
"""Messages that a list looks through for a rare state, about two seconds."""


def message_list(
    database: Database, *, account: str | None = None, state: str | None = None, count_max: int = 50
) -> list[Record]:
    """The newest messages, newest first, of one account and in one state if asked; at most LIST_MAX.

    A state is looked for among the newest SCAN_MAX messages.
    """
    key = id_key(database)
    found: list[Record] = []
    below = 1 << 62
    wanted = min(count_max, LIST_MAX)
    scanned = 0
    while len(found) < wanted and scanned < SCAN_MAX:
        rows = rows_of(database, _messages_below(account), below=below, account=account, count=max(wanted, 100))
        if not rows:
            break
        below = rows[-1]["row"]
        scanned += len(rows)
        messages = [_summary(database, row, key) for row in rows]
        found += [message for message in messages if state in (None, message["state"])]
    return found[:wanted]


def _messages_below(account: str | None) -> str:
    of_account = "AND account.name = :account" if account is not None else ""
    return f"""
        SELECT message.message_id AS row, account.name AS account, door, message.originator, recipient, part_total,
            price_mc * part_total AS price_mc, message.links, coding, accepted_at_ms, reference, book
        FROM message JOIN account USING (account_id)
        WHERE message.message_id < :below {of_account} ORDER BY message.message_id DESC LIMIT :count
    """  # noqa: S608 - the only variable piece is one of two constants


def _summary(database: Database, row: Record, key: int) -> Record:
    """A message as a list shows it: its state is folded, its reason is that of its first waiting part."""
    parts = rows_of(
        database,
        "SELECT state, link, lane, waiting_for, next_action_at_ms FROM part WHERE message_id = :row ORDER BY part_no",
        row=row["row"],
    )
    state = fold(PartState(part["state"]) for part in parts)
    telling = next((part for part in parts if not PartState(part["state"]).is_final), parts[0])
    facts = {name: value for name, value in row.items() if name != "row"}
    waiting = {name: telling[name] for name in ("link", "lane", "waiting_for", "next_action_at_ms")}
    return {"message_id": public_id(row["row"], key), "state": state.value} | facts | named_lane(waiting)


NO_TIMES: Record = {"validity_ms": 0, "worthless_at_ms": 0, "hours": ""}
"""Of a message of whose times nothing is said."""


def message_show(database: Database, *, message_id: str) -> Record | None:
    """The whole life of a message: its parts, its history, its postings and its notices; None: no such id."""
    key = id_key(database)
    number = row_of(message_id, key)
    if number is None or number >= 1 << 62:
        return None
    rows = rows_of(database, _messages_below(None), below=number + 1, account=None, count=1)
    if not rows or rows[0]["row"] != number:
        return None
    parts = rows_of(
        database,
        "SELECT part_no, state, link, lane, text, attempt, waiting_for, next_action_at_ms, expires_at_ms,"
        " claimed_at_ms, submitted_at_ms, final_at_ms, network_at_ms, smsc_id, command_status, error, cause,"
        " is_possible_duplicate, coalesce(hex(header), '') AS header, data_coding, protocol_id"
        " FROM part LEFT JOIN user_data USING (part_id) WHERE message_id = :row ORDER BY part_no",
        row=number,
    )
    history = rows_of(
        database,
        "SELECT at_ms, part_no, event, detail FROM history WHERE message_id = :row ORDER BY history_id",
        row=number,
    )
    postings = rows_of(
        database,
        "SELECT kind, amount_mc, created_at_ms AS at_ms, reason FROM posting WHERE account_id ="
        " (SELECT account_id FROM message WHERE message_id = :row) AND book IN ('credit', 'trial') AND (cause ="
        " 'message:' || :row"
        " OR cause IN (SELECT 'part:' || part_id FROM part WHERE message_id = :row)) ORDER BY posting_id",
        row=number,
    )
    notices = rows_of(
        database,
        "SELECT kind, event, address, state, attempt, waiting_for AS reason, next_action_at_ms, created_at_ms,"
        " done_at_ms FROM notice WHERE message_id = :row ORDER BY notice_id",
        row=number,
    )
    times = first_of(
        database, "SELECT validity_ms, worthless_at_ms, hours FROM message_time WHERE message_id = :row", row=number
    )
    return (
        _summary(database, rows[0], key)
        | (times or NO_TIMES)
        | {
            "text": "".join(part["text"] for part in parts),
            "expires_at_ms": parts[0]["expires_at_ms"],
            "parts": [
                named_lane(part | {"smsc_id": part["smsc_id"] or "", "why": causes.sentence(part["cause"])})
                for part in parts
            ],
            "history": [line | {"part_no": line["part_no"] or None} for line in history],
            "postings": postings,
            "notices": notices,
            "esme": esme_of(database, number, key),
        }
    )


def queue(database: Database) -> Record:
    """What is unfinished: {"parts": by link, lane, state and reason, "notices": by kind and reason, those to ESMEs by
    account, too}, with ages. `is_possible_duplicate` is told of parts in doubt only."""
    parts = rows_of(
        database,
        "SELECT part.link, part.state, part.lane, part.waiting_for, count(*) AS count,"
        " min(message.accepted_at_ms) AS oldest_at_ms, min(part.next_action_at_ms) AS next_action_at_ms,"
        " min(part.expires_at_ms) AS expires_at_ms, part.state = 'in_doubt' AND part.is_possible_duplicate AS"
        " is_possible_duplicate FROM part JOIN message USING (message_id)"
        " WHERE part.state IN ('queued', 'claimed', 'submitted', 'in_doubt', 'scheduled', 'held')"
        " GROUP BY part.link, part.state, part.lane, part.waiting_for, 9 ORDER BY part.link, part.lane, part.state",
    )
    notices = rows_of(
        database,
        "SELECT kind, '' AS account, '' AS state, waiting_for AS reason, count(*) AS count,"
        " min(created_at_ms) AS oldest_at_ms, min(next_action_at_ms) AS next_action_at_ms FROM notice"
        " WHERE state IN ('owed', 'claimed') GROUP BY kind, waiting_for"
        " UNION ALL SELECT 'to ESMEs', account.name, state, waiting_for, count(*), min(esme_notice.created_at_ms),"
        " min(next_action_at_ms) FROM esme_notice JOIN account USING (account_id) WHERE state IN ('owed', 'claimed')"
        " GROUP BY account.name, state, waiting_for ORDER BY kind, account, state, reason",
    )
    return {"parts": [named_lane(row) for row in parts], "notices": notices}


def inbound_list(database: Database, *, count_max: int = 50) -> list[Record]:
    """The newest inbound messages, newest first; an empty account means that nobody owns the number."""
    key = id_key(database)
    rows = rows_of(
        database,
        "SELECT inbound_id, coalesce(account.name, '') AS account, inbound.link, inbound.originator, inbound.number,"
        " text, is_incomplete, received_at_ms FROM inbound LEFT JOIN account USING (account_id)"
        " ORDER BY inbound_id DESC LIMIT :count",
        count=min(count_max, LIST_MAX),
    )
    return [
        row | {"inbound_id": public_id(row["inbound_id"], key), "is_incomplete": bool(row["is_incomplete"])}
        for row in rows
    ]


SUBMITTED_MAX = 1_000
"""Parts of one page of `parts_submitted`."""


def parts_submitted(database: Database, *, link: str, above: int = 0) -> list[Record]:
    """Parts of a link that wait for their receipt, by part_id from `above` on, at most SUBMITTED_MAX.

    Looks at every part that the link ever named: for starts, not for the clock.
    """
    return rows_of(
        database,
        "SELECT part_id, smsc_id, submitted_at_ms, recipient FROM part INDEXED BY part_smsc JOIN message USING"
        " (message_id) WHERE part.link = :link AND smsc_key IS NOT NULL AND state = 'submitted' AND part_id > :above"
        " ORDER BY part_id LIMIT :count",
        link=link,
        above=above,
        count=SUBMITTED_MAX,
    )


def unfinished(database: Database) -> Record:
    """How much is waiting: parts by state, notices owed, receipts parked."""
    parts = rows_of(
        database,
        "SELECT state, count(*) AS parts FROM part"
        " WHERE state IN ('queued', 'claimed', 'submitted', 'in_doubt', 'scheduled') GROUP BY state",
    )
    notices = first_of(
        database,
        "SELECT (SELECT count(*) FROM notice WHERE state IN ('owed', 'claimed')) AS owed,"
        " (SELECT count(*) FROM esme_notice WHERE state IN ('owed', 'claimed')) AS owed_to_esmes",
    )
    parked = first_of(database, "SELECT count(*) AS parked FROM parked_receipt")
    return {row["state"]: row["parts"] for row in parts} | (notices or {}) | (parked or {})
