"""The facts of an account that change while it lives."""

from typing import Any

from bridge.ledger import credit
from bridge.ledger.accounts import FACTS, NO_MOBILE, account_id_of, check_facts, lane_of
from bridge.ledger.database import Transaction
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.money import format_credits


def account_set(tx: Transaction, *, name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Change facts of an account: names and values of accounts.FACTS, or "overdraft_mc"; the lane by its name.

    Gives {"account_id": int}. Raises Fault BAD_REQUEST for a fact that cannot be, such as an overdraft that the
    balance has used up already, or a warning by text without a mobile.
    """
    check_facts(**facts)
    account_id = account_id_of(tx, name)
    values: dict[str, Any] = dict.fromkeys(FACTS) | {k: v for k, v in facts.items() if k != "overdraft_mc"}
    if values["lane"] is not None:
        values["lane"] = lane_of(values["lane"])
    if values["home_country"] is not None:
        values["home_country"] = values["home_country"].upper()
    row = tx.row("account_set", values | {"account_id": account_id})
    assert row is not None
    is_low_texted, mobile = row
    if is_low_texted and not mobile:
        raise Fault(FaultCode.BAD_REQUEST, NO_MOBILE if "mobile" not in facts else f"{NO_MOBILE} or --no-low-text")
    if facts.get("overdraft_mc") is not None:
        _set_overdraft(tx, account_id, facts["overdraft_mc"])
    return {"account_id": account_id}


def _set_overdraft(tx: Transaction, account_id: int, overdraft_mc: int) -> None:
    standing = credit.standing(tx, account_id)
    if standing.amount_mc < -overdraft_mc:
        detail = f"account {standing.name} is at {format_credits(standing.amount_mc)} already"
        raise Fault(FaultCode.BAD_REQUEST, f"{detail}; top it up first, or allow more overdraft")
    tx.run("balance_set_floor", {"account_id": account_id, "book": credit.CREDIT, "floor_mc": -overdraft_mc})
