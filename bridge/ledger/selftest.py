"""Heartbeats: a message through exactly one link, at an interval, so that its time to receipt is a measured number.

They belong to an account of their own, which pays nothing, has no credentials and is told nothing. A heartbeat whose
receipt does not come within its limit makes its link silent, until a later one is answered.
"""

from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from bridge.ledger import accounts, credit
from bridge.ledger.database import Row, Transaction
from bridge.ledger.queue import Prepared, Taken, enqueue_all, id_key
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.ids import public_id
from bridge.messages.message import FINAL_STATES, Coding, Lane, PartState

ACCOUNT = "selftest"
"""Name and class of the account that heartbeats belong to."""
DOOR = "selftest"
DAY_MS = 24 * 3600 * 1000
KEPT_MS = 3 * DAY_MS
"""How long heartbeats are kept: the last day is shown, and a weekend can be looked back on. One every ten seconds is
26,000 rows a link."""


def selftest_begin(
    tx: Transaction,
    *,
    link: str,
    recipient: str,
    originator: str,
    text: str,
    limit_ms: int,
    validity_ms: int,
    now_ms: int,
) -> dict[str, Any]:
    """Queue a heartbeat for a link, and forget its oldest ones. `text` is one part of GSM 03.38.

    It is not worth sending after `validity_ms`. Gives {"message_id": public id}. Raises Fault ALREADY_EXISTS when
    somebody else has the account's name.
    """
    account_id = _account_id(tx, now_ms)
    prepared = Prepared(
        door=DOOR,
        originator=originator,
        recipient=recipient,
        coding=Coding.GSM7,
        lane=Lane.NORMAL,
        texts=(text,),
        price_mc=0,
        links=(link,),
        expires_at_ms=now_ms + validity_ms,
    )
    message_id = tx.next_numbers("message", 1)
    enqueue_all(tx, [(message_id, Taken(account_id, now_ms, prepared, credit.CREDIT))])
    credit.charge_all(tx, [credit.Charge(account_id, message_id, credit.CREDIT, 0, now_ms)])
    tx.run("selftest_insert", {"link": link, "message_id": message_id, "now_ms": now_ms, "limit_ms": limit_ms})
    tx.run("selftest_forget", {"link": link, "before_ms": now_ms - KEPT_MS})
    return {"message_id": public_id(message_id, id_key(tx))}


def _account_id(tx: Transaction, now_ms: int) -> int:
    row = tx.row("selftest_account", {"name": ACCOUNT})
    if row is None:
        opened = accounts.account_add(tx, name=ACCOUNT, account_class=ACCOUNT, mail_events="none", now_ms=now_ms)
        return int(opened["account_id"])
    if row[1] != ACCOUNT:
        detail = f"an account is called {ACCOUNT} and is not the appliance's own; heartbeats need that name"
        raise Fault(FaultCode.ALREADY_EXISTS, detail)
    return int(row[0])


def selftest_look(tx: Transaction, *, now_ms: int) -> dict[str, Any]:
    """See what became of the heartbeats that are under way, or that were given up as silent.

    Gives {"changed": [(link, state before, state now)], "is_open": whether any is under way}.
    """
    changed, moves, is_open = [], [], False
    for row in tx.rows("selftests_open", {"since_ms": now_ms - KEPT_MS}):
        selftest_id, link, was = row[:3]
        state, submitted_ms, receipt_ms = _standing(row, now_ms)
        is_open = is_open or state in ("waiting", "submitted")
        if state != was:
            moves.append((selftest_id, state, submitted_ms, receipt_ms))
            changed.append((link, was, state))
    if moves:
        tx.many("selftests_move", moves)
    return {"changed": changed, "is_open": is_open}


def _standing(row: Row, now_ms: int) -> tuple[str, int | None, int | None]:
    """State, time to submit and time to receipt of a heartbeat, by its part."""
    _, _, _, at_ms, limit_ms, part_state, submitted_at_ms, final_at_ms = row
    state = PartState(part_state)
    if submitted_at_ms is None:
        # Taken or not, the carrier never said a word: that is silence too.
        if state is PartState.UNKNOWN:
            return "silent", None, None
        return ("unsent" if state in FINAL_STATES else "waiting"), None, None
    submitted_ms = max(0, submitted_at_ms - at_ms)
    if state in FINAL_STATES and state is not PartState.UNKNOWN:
        # A receipt may come before the answer that names its part.
        receipt_ms = max(0, (final_at_ms or now_ms) - submitted_at_ms)
        return ("delivered" if state is PartState.DELIVERED else "failed"), submitted_ms, receipt_ms
    return ("silent" if now_ms - submitted_at_ms > limit_ms else "submitted"), submitted_ms, None


def selftest_list(database: Database, *, link: str, count_max: int = 20) -> list[dict[str, Any]]:
    """The newest heartbeats of a link first: at_ms, submitted_ms, receipt_ms (None: not yet), limit_ms, state.

    A report.
    """
    return list(
        database.query(
            "SELECT at_ms, submitted_ms, receipt_ms, limit_ms, state FROM selftest WHERE link = :link"
            " ORDER BY at_ms DESC, selftest_id DESC LIMIT :count",
            {"link": link, "count": min(count_max, 1_000)},
        )
    )


def selftest_summary(database: Database, *, now_ms: int) -> dict[str, dict[str, Any]]:
    """Of each link that has heartbeats: the last one and the last day.

    Gives {link: {"last_at_ms", "last_state", "last_submitted_ms", "last_receipt_ms", "count", "p50_ms", "p95_ms" (time
    to receipt over 24 h, None without any), "silent_since_ms" (0: it is heard), "limit_ms"}}. A report.
    """
    found: dict[str, dict[str, Any]] = {}
    links = [row["link"] for row in database.query("SELECT DISTINCT link FROM selftest")]
    for link in links:
        (last,) = selftest_list(database, link=link, count_max=1)
        values = {"link": link, "since_ms": now_ms - DAY_MS}
        times = [
            row["receipt_ms"]
            for row in database.query(
                "SELECT receipt_ms FROM selftest WHERE link = :link AND at_ms >= :since_ms AND receipt_ms IS NOT NULL"
                " ORDER BY receipt_ms",
                values,
            )
        ]
        found[link] = {
            "last_at_ms": last["at_ms"],
            "last_state": last["state"],
            "last_submitted_ms": last["submitted_ms"],
            "last_receipt_ms": last["receipt_ms"],
            "limit_ms": last["limit_ms"],
            "count": len(times),
            "p50_ms": percentile(times, 0.50),
            "p95_ms": percentile(times, 0.95),
            "silent_since_ms": _silent_since_ms(database, link),
        }
    return found


def percentile(sorted_values: Sequence[int], share: float) -> int | None:
    """The smallest value that at least `share` of them do not exceed; None of nothing."""
    if not sorted_values:
        return None
    rank = -(-len(sorted_values) * round(share * 100) // 100)
    return sorted_values[max(rank, 1) - 1]


def _silent_since_ms(database: Database, link: str) -> int:
    """Since when the newest heartbeats that were decided are silent ones; 0: the last one was answered."""
    (row,) = database.query(
        "SELECT coalesce(min(at_ms), 0) AS since_ms FROM selftest WHERE link = :link AND state = 'silent' AND at_ms >"
        " coalesce((SELECT max(at_ms) FROM selftest WHERE link = :link AND state IN ('delivered', 'failed')), -1)",
        {"link": link},
    )
    return int(row["since_ms"])
