"""What the ledger knows of one phone number: counted, and page by page for an export or an erasure.

These reports read whole tables, because no index is kept for something so rare; they run on the reading side. A page
goes on where the last one ended, so that all pages together read each table once.
"""

from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from bridge.ledger.retention import ROUND_MAX
from bridge.messages.address import spellings
from bridge.messages.ids import public_id

SPELLINGS_MAX = 5

Record = dict[str, Any]


def _spelled(column: str) -> str:
    """Whether a column that holds a number as somebody wrote it means the wanted one."""
    digits = column
    for separator in (" ", "-", ".", "(", ")", "+"):
        digits = f"replace({digits}, '{separator}', '')"
    return f"{digits} IN ({', '.join(f':spelling_{index}' for index in range(SPELLINGS_MAX))})"


def _mentioned(*columns: str) -> str:
    """Whether the number stands anywhere in these columns."""
    return " OR ".join(f"instr({column}, :number) > 0" for column in columns)


@dataclass(frozen=True, slots=True)
class Place:
    """A table in which a number may stand."""

    key: str
    """The column that names a row."""
    where: str
    columns: str
    """What an export shows of a row."""


PLACES: dict[str, Place] = {
    "message": Place("message_id", "recipient = :number OR originator = :sender", "message_id"),
    "inbound": Place(
        "inbound_id", _spelled("originator"), "link, originator, number, text, is_incomplete, received_at_ms"
    ),
    "inbound_part": Place(
        "inbound_part_id", _spelled("originator"), "link, originator, number, part_no, total, text, received_at_ms"
    ),
    "refusal": Place(
        "refusal_id",
        f"missing = :number OR {_spelled('recipient')} OR {_spelled('originator')}",
        "created_at_ms, door, fault, detail, originator, recipient, text, reference, thread",
    ),
    "mail_thread": Place(
        "message_id",
        _mentioned("reply_to", "mail_message_id", "mail_references", "subject"),
        "message_id, reply_to, mail_message_id, mail_references, subject",
    ),
    "esme_message": Place(
        "message_id",
        f"{_spelled('destination_addr')} OR (:sender IS NOT NULL AND {_spelled('source_addr')})",
        "message_id, service_type, source_addr, destination_addr",
    ),
    "notice": Place(
        "notice_id",
        _mentioned("address", "waiting_for"),
        "kind, event, message_id, address, state, waiting_for AS reason, created_at_ms, done_at_ms",
    ),
    "history": Place("history_id", _mentioned("detail"), "message_id, part_no, at_ms, event, detail"),
    "part": Place(
        "part_id", _mentioned("smsc_id", "waiting_for", "error"), "message_id, part_no, smsc_id, waiting_for, error"
    ),
    "pool_use": Place("pool_use_id", "recipient = :number", "pool, recipient, number, used_at_ms"),
    "retry_key": Place("retry_key_id", "recipient = :number", "message_id, recipient, expires_at_ms"),
    "parked_receipt": Place(
        "parked_receipt_id", _spelled("originator"), "link, smsc_id, state, error, originator, received_at_ms"
    ),
}
"""Table -> how a number is found there; in the order in which they are erased."""


def person_show(database: Database, *, number: str) -> Record:
    """How much there is of a number (E.164 digits): {"counts": {table: rows}, "unfinished": public ids of messages,
    at most 20, "unfinished_count", "accounts": [names that have it as their mobile], "virtual": owner or ""}.
    """
    wanted = _values(database, number)
    counts = {
        name: _first(database, f"SELECT count(*) AS n FROM {name} WHERE {place.where}", wanted)["n"]  # noqa: S608
        for name, place in PLACES.items()
    }
    key = _id_key(database)
    unfinished = [row["message_id"] for row in database.query(_UNFINISHED, wanted)]
    accounts = database.query("SELECT name, mobile FROM account WHERE mobile != ''")
    names = spellings(number)
    owner = _owner(database, number)
    return {
        "counts": counts,
        "unfinished": [public_id(one, key) for one in unfinished[:20]],
        "unfinished_count": len(unfinished),
        "accounts": [row["name"] for row in accounts if _digits(row["mobile"]) in names],
        "virtual": owner,
    }


_UNFINISHED = """
    SELECT message_id FROM message WHERE (recipient = :number OR originator = :sender) AND (
        EXISTS (SELECT 1 FROM part WHERE part.message_id = message.message_id AND part.final_at_ms IS NULL)
        OR EXISTS (SELECT 1 FROM notice WHERE notice.message_id = message.message_id
            AND notice.state IN ('owed', 'claimed', 'held'))
        OR EXISTS (SELECT 1 FROM esme_notice WHERE esme_notice.message_id = message.message_id
            AND esme_notice.state IN ('owed', 'claimed', 'held')))
"""


def person_ids(database: Database, *, number: str, place: str, after: int) -> list[int]:
    """Ids of up to ROUND_MAX rows of one place above `after`, in order."""
    return [row["row_id"] for row in _rows(database, number, place, after, "")]


def person_sender(database: Database, *, number: str) -> str | None:
    """The number where it stands as an originator; None when it is a virtual number of ours, hence nobody's."""
    return None if _owner(database, number) else number


def person_rows(database: Database, *, number: str, place: str, after: int) -> list[Record]:
    """Up to ROUND_MAX rows of one place above `after`, in order, each with its `row_id` and for people's eyes.

    Of a message only the public id and the mail it came from: `message_show` tells the rest.
    """
    key = _id_key(database)
    rows = _rows(database, number, place, after, PLACES[place].columns)
    if place == "message":
        for row in rows:
            row["mail"] = next(iter(database.query(_MAIL, {"message_id": row["row_id"]})), None)
    return [_public(row, place, key) for row in rows]


_MAIL = "SELECT reply_to, mail_message_id, mail_references, subject FROM mail_thread WHERE message_id = :message_id"


def _rows(database: Database, number: str, place: str, after: int, columns: str) -> list[Record]:
    found = PLACES[place]
    more = f", {columns}" if columns else ""
    sql = (
        f"SELECT {found.key} AS row_id{more} FROM {place} WHERE {found.key} > :after AND ({found.where})"  # noqa: S608
        f" ORDER BY {found.key} LIMIT :count"
    )
    return list(database.query(sql, _values(database, number) | {"after": after, "count": ROUND_MAX}))


def _public(row: Record, place: str, key: int) -> Record:
    """Messages by the id that people know."""
    shown = dict(row)
    if place == "inbound":
        shown["inbound_id"] = public_id(row["row_id"], key)
    if shown.get("message_id") is not None:
        shown["message_id"] = public_id(shown["message_id"], key)
    return shown


def _id_key(database: Database) -> int:
    return int(_first(database, "SELECT value FROM setting_of_ledger WHERE name = 'id_key'", {})["value"])


def _values(database: Database, number: str) -> Record:
    spelled = sorted(spellings(number))
    padded = spelled + [number] * (SPELLINGS_MAX - len(spelled))
    values: Record = {"number": number, "sender": person_sender(database, number=number)}
    return values | {f"spelling_{index}": one for index, one in enumerate(padded)}


def _owner(database: Database, number: str) -> str:
    row = _first(
        database,
        "SELECT max(account.name) AS name FROM number JOIN account USING (account_id) WHERE number = :number",
        {"number": number},
    )
    return row["name"] or ""


def _first(database: Database, sql: str, values: Record) -> Record:
    return next(iter(database.query(sql, values)))


def _digits(written: str) -> str:
    return "".join(character for character in written if character.isdigit())
