"""What the ledger tells about messages of ESMEs: to the ESME itself (query_sm), and to people."""

from typing import Any

from sqlite_utils import Database

from bridge.messages.ids import public_id, row_of
from bridge.messages.message import PartState, fold

Record = dict[str, Any]


def esme_query(database: Database, *, account_id: int, message_id: str) -> Record | None:
    """How a message of this account stands; None: it has none of that public id.

    {"state": of MessageState, "final_at_ms": when the network says it ended (else when we heard), or None, "error": the
    network's code of the first part that failed, or "", "command_status": with which the carrier refused that part, or
    0, "source_addr": as its ESME wrote it, "service_type": str, "coding": of Coding, "data_coding": as its ESME
    gave it, or None for a message that came another way}. Of a submit_multi the first message is told.
    """
    key = _first(database, "SELECT value FROM setting_of_ledger WHERE name = 'id_key'", {})
    row = row_of(message_id, int(key["value"])) if key else None
    if row is None:
        return None
    facts = _first(
        database,
        "SELECT coalesce(source_addr, originator) AS source_addr, coalesce(service_type, '') AS service_type, coding,"
        " data_coding"
        " FROM message LEFT JOIN esme_message USING (message_id)"
        " WHERE message.message_id = :row AND message.account_id = :account_id",
        {"row": row, "account_id": account_id},
    )
    if facts is None:
        return None
    parts = list(
        database.query(
            "SELECT state, final_at_ms, network_at_ms, error, command_status FROM part WHERE message_id = :row"
            " ORDER BY part_no",
            {"row": row},
        )
    )
    state = fold(PartState(part["state"]) for part in parts)
    telling = next((part for part in parts if part["state"] != PartState.DELIVERED), parts[0])
    ends = [part["network_at_ms"] or part["final_at_ms"] for part in parts]
    return facts | {
        "state": state.value,
        "final_at_ms": max(ends) if state.is_final else None,
        "error": telling["error"],
        "command_status": telling["command_status"],
    }


def esme_of(database: Database, row: int, key: int) -> Record | None:
    """What an ESME said of a message and what it is owed, for people; None: the message came another way.

    {"told_id": public id that the ESME was told, its fields, "notices": [{"event", "state", "attempt", "reason",
    "next_action_at_ms", "created_at_ms", "done_at_ms"}]}.
    """
    facts = _first(database, "SELECT * FROM esme_message WHERE message_id = :row", {"row": row})
    if facts is None:
        return None
    notices = database.query(
        "SELECT event, state, attempt, waiting_for AS reason, nullif(next_action_at_ms, 0) AS next_action_at_ms,"
        " created_at_ms, done_at_ms FROM esme_notice WHERE message_id = :row ORDER BY esme_notice_id",
        {"row": row},
    )
    del facts["message_id"]
    return facts | {"told_id": public_id(facts["told_id"], key), "notices": list(notices)}


def _first(database: Database, sql: str, values: Record) -> Record | None:
    return next(iter(database.query(sql, values)), None)
