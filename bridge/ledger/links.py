"""What people told links at run time: stopped, draining, started again, slowed. It outlives every restart."""

from typing import Any

from sqlite_utils import Database

from bridge.ledger.actions import note
from bridge.ledger.database import Transaction
from bridge.messages.faults import Fault, FaultCode

STATES = ("started", "draining", "stopped")
REASON_MAX = 200
"""Characters of a reason: a sentence."""
LINKS_MAX = 1_000
"""Links that anything is kept of: ten times as many as a configuration may have."""


def link_told(tx: Transaction, *, link: str, state: str, reason: str = "", actor: str, now_ms: int) -> dict[str, Any]:
    """Have a link be `state` (one of STATES) from now on. Gives {"was": the state before, "since_ms": int}.

    Telling it what it is already changes nothing. Raises Fault BAD_REQUEST.
    """
    if state not in STATES:
        raise Fault(FaultCode.BAD_REQUEST, f"a link is told to be one of {', '.join(STATES)}")
    _check(tx, reason)
    row = tx.row("link_state", {"link": link})
    was, since_ms = (row[0], row[3]) if row else ("started", 0)
    if was != state:
        values = {"link": link, "state": state, "reason": reason, "actor": actor, "now_ms": now_ms}
        tx.run("link_state_set", values)
        note(tx, f"link_{state}", f"{link}: {reason}" if reason else link, actor=actor, now_ms=now_ms)
        since_ms = now_ms
    return {"was": was, "since_ms": since_ms}


def link_paced(
    tx: Transaction, *, link: str, parts_per_second: float | None, until_ms: int = 0, actor: str, now_ms: int
) -> dict[str, Any]:
    """Have a link send so many parts per second at most, until `until_ms` (0: until told); None: as configured.

    Raises Fault BAD_REQUEST for a pace of 0 or less, or a time that is over.
    """
    if parts_per_second is not None and not parts_per_second > 0:
        raise Fault(FaultCode.BAD_REQUEST, "a pace is more than 0 parts per second; `link stop` sends none")
    if until_ms and until_ms <= now_ms:
        raise Fault(FaultCode.BAD_REQUEST, "that time is over already")
    _check(tx, "")
    values = {"link": link, "parts_per_second": parts_per_second, "until_ms": until_ms}
    tx.run("link_pace_set", values | {"actor": actor, "now_ms": now_ms})
    told = "as configured" if parts_per_second is None else f"{parts_per_second:g} parts/s"
    note(tx, "link_pace", f"{link}: {told}", actor=actor, now_ms=now_ms)
    return {}


def links_noted(tx: Transaction, *, detail: str, actor: str, now_ms: int) -> dict[str, Any]:
    """Write down that the configuration of the links was read again, and what that changed."""
    note(tx, "link_reload", detail, actor=actor, now_ms=now_ms)
    return {}


def _check(tx: Transaction, reason: str) -> None:
    if len(reason) > REASON_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"a reason has at most {REASON_MAX} characters")
    row = tx.row("link_states_count")
    if row is not None and row[0] >= LINKS_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"something is kept of {LINKS_MAX} links already")


def link_states(database: Database) -> list[dict[str, Any]]:
    """What is kept of links: link, state, actor, reason, since_ms, parts_per_second (None: as configured), pace_actor,
    pace_since_ms, pace_until_ms. A report.
    """
    return list(database.query("SELECT * FROM link_state ORDER BY link"))


def link_load(database: Database, *, link: str) -> dict[str, bool]:
    """What a link still has: {"has_queued", "has_open": parts being sent or in doubt}. A report."""
    (row,) = database.query(
        "SELECT EXISTS (SELECT 1 FROM part WHERE state = 'queued' AND link = :link) AS has_queued,"
        " EXISTS (SELECT 1 FROM part INDEXED BY part_open WHERE state IN ('claimed', 'in_doubt', 'scheduled')"
        " AND state != 'scheduled' AND link = :link) AS has_open",
        {"link": link},
    )
    return {name: bool(value) for name, value in row.items()}


def links_waited_for(database: Database) -> list[str]:
    """Names of the links that queued parts wait for. A report; from one link to the next in the index."""
    return [
        row["link"]
        for row in database.query(
            "WITH RECURSIVE waited_for (link) AS (SELECT min(link) FROM part WHERE state = 'queued' UNION ALL"
            " SELECT (SELECT min(link) FROM part WHERE state = 'queued' AND link > waited_for.link) FROM waited_for"
            " WHERE waited_for.link IS NOT NULL) SELECT link FROM waited_for WHERE link IS NOT NULL"
        )
    ]
