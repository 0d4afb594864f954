"""Originators of accounts, what destinations make of them, pools of numbers; and hours of destinations."""

from typing import Any

from sqlite_utils import Database

from bridge.ledger.accounts import account_id_of
from bridge.ledger.actions import note
from bridge.ledger.database import Transaction
from bridge.messages.faults import Fault, FaultCode

Record = dict[str, Any]
ORIGINATORS_MAX = 1_000
"""Of one account: more is a mistake."""
USE_KEPT_MS = 365 * 24 * 3600 * 1000
"""How long the number that a recipient got is remembered after its latest message."""
FORGET_MAX = 1_000
"""Uses that one sweep forgets."""


def originator_add(tx: Transaction, *, originator: str, account: str, actor: str, now_ms: int) -> Record:
    """Let an account use an originator; from its first one on it may use no others. Gives {"is_new": bool}."""
    account_id = account_id_of(tx, account)
    if len(tx.rows("originators_of", {"account_id": account_id})) >= ORIGINATORS_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"an account has at most {ORIGINATORS_MAX} originators")
    values = {"account_id": account_id, "originator": originator, "now_ms": now_ms}
    is_new = tx.run("originator_insert", values) == 1
    if is_new:
        note(tx, "originator_add", f"account {account}", actor=actor, now_ms=now_ms)
    return {"is_new": is_new}


def originator_remove(tx: Transaction, *, originator: str, account: str, actor: str, now_ms: int) -> Record:
    """Take an originator from an account. Gives {"left": int}. Raises Fault NOT_FOUND."""
    account_id = account_id_of(tx, account)
    if not tx.run("originator_delete", {"account_id": account_id, "originator": originator}):
        raise Fault(FaultCode.NOT_FOUND, f"originator {originator} of account {account}")
    note(tx, "originator_remove", f"account {account}", actor=actor, now_ms=now_ms)
    return {"left": len(tx.rows("originators_of", {"account_id": account_id}))}


def originator_rules_replace(tx: Transaction, *, rows: list[list[str]], actor: str, now_ms: int) -> Record:
    """The whole table of rules anew: [destination, link, kind, replacement] each, judged before. Gives {"count"}."""
    tx.run("originator_rules_delete")
    if rows:
        tx.many("originator_rules_insert", [tuple(row) for row in rows])
    note(tx, "originator_rules", f"{len(rows)} rows", actor=actor, now_ms=now_ms)
    return {"count": len(rows)}


def pool_set(tx: Transaction, *, pool: str, numbers: list[str], actor: str, now_ms: int) -> Record:
    """The numbers of a pool; none: there is no such pool any more. Gives {"count": int}."""
    tx.run("pool_delete", {"pool": pool})
    if numbers:
        tx.many("pool_numbers_insert", [(pool, number) for number in numbers])
    note(tx, "pool_set", f"pool {pool}, {len(numbers)} numbers", actor=actor, now_ms=now_ms)
    return {"count": len(numbers)}


def hours_set(tx: Transaction, *, destination: str, hours: str, is_for_alarms: bool, actor: str, now_ms: int) -> Record:
    """When messages to a destination may be sent. Gives {}."""
    values = {"destination": destination, "hours": hours, "is_for_alarms": int(is_for_alarms)}
    tx.run("destination_hours_set", values)
    note(tx, "hours_set", destination or "everywhere", actor=actor, now_ms=now_ms)
    return {}


def hours_remove(tx: Transaction, *, destination: str, actor: str, now_ms: int) -> Record:
    """Let messages to a destination go at any time again. Gives {}. Raises Fault NOT_FOUND."""
    if not tx.run("destination_hours_delete", {"destination": destination}):
        raise Fault(FaultCode.NOT_FOUND, f"hours of {destination or 'everywhere'}")
    note(tx, "hours_remove", destination or "everywhere", actor=actor, now_ms=now_ms)
    return {}


def forget_uses(tx: Transaction, now_ms: int) -> int:
    """Forget which numbers recipients got long ago; gives how many."""
    return tx.run("pool_uses_forget", {"before_ms": now_ms - USE_KEPT_MS, "count": FORGET_MAX})


# --- reports ---


def originator_list(database: Database) -> list[Record]:
    """Every registered originator: account, account_id, originator, created_at_ms."""
    sql = """
        SELECT account.name AS account, account_id, originator.originator, originator.created_at_ms
        FROM originator JOIN account USING (account_id) ORDER BY account.name, originator.originator
    """
    return list(database.query(sql))


def originator_rule_list(database: Database) -> list[Record]:
    """Every rule: destination, link, kind, replacement."""
    return list(
        database.query(
            "SELECT destination, link, kind, replacement FROM originator_rule ORDER BY destination, link, kind"
        )
    )


def pool_list(database: Database) -> list[Record]:
    """Every number of a pool: pool, number, and towards how many recipients it was used."""
    sql = """
        SELECT pool, number, (SELECT count(*) FROM pool_use WHERE pool_use.number = pool_number.number) AS recipients
        FROM pool_number ORDER BY pool, number
    """
    return list(database.query(sql))


def destination_hours_list(database: Database) -> list[Record]:
    """The hours of destinations: destination, hours, is_for_alarms."""
    rows = database.query("SELECT destination, hours, is_for_alarms FROM destination_hours ORDER BY destination")
    return [row | {"is_for_alarms": bool(row["is_for_alarms"])} for row in rows]
