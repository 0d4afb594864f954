"""Money moves here and nowhere else: a posting and its balance, in the transaction that justifies them."""

from bridge.ledger.database import Transaction
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.money import AMOUNT_MAX, format_credits

CREDIT = "credit"
KEY_MAX = 100
"""Characters of an idempotency key."""


def open_book(tx: Transaction, account_id: int, overdraft_mc: int) -> None:
    """Give a new account its credit book; `overdraft_mc` (0 or more) is how far below zero it may go."""
    tx.run("balance_insert", {"account_id": account_id, "book": CREDIT, "floor_mc": -overdraft_mc})


def post(
    tx: Transaction, account_id: int, kind: str, cause: str, amount_mc: int, *, actor: str, reason: str, now_ms: int
) -> bool:
    """Book one posting and move the balance with it; False when this cause was booked before (nothing moves).

    `amount_mc` is signed. Raises Fault NO_CREDIT when the balance would fall through its floor.
    """
    values = {
        "account_id": account_id,
        "book": CREDIT,
        "kind": kind,
        "cause": cause,
        "amount_mc": amount_mc,
        "actor": actor,
        "reason": reason,
        "now_ms": now_ms,
    }
    if not tx.rows("posting_insert", values):
        return False
    tx.row("balance_move", {"account_id": account_id, "book": CREDIT, "amount_mc": amount_mc})
    return True


def standings(tx: Transaction, account_ids: set[int]) -> dict[int, tuple[bool, int]]:
    """Who may spend how much: account -> (is disabled, thousandths above the floor)."""
    return {row[0]: (bool(row[1]), row[2]) for row in tx.by_ids("standings", sorted(account_ids))}


def charge_all(tx: Transaction, charges: list[tuple[int, int, int, int]]) -> None:
    """Charge many accepted messages: (account_id, message_id, amount_mc, now_ms), amounts 0 or more.

    One posting for each message and one balance move for each account. A charge that exists already is a broken
    promise and fails the group.
    """
    rows = [(account_id, f"message:{message_id}", -amount, now) for account_id, message_id, amount, now in charges]
    tx.many("postings_charge", rows)
    spent: dict[int, int] = {}
    for account_id, _, amount_mc, _ in charges:
        spent[account_id] = spent.get(account_id, 0) + amount_mc
    for account_id, amount_mc in spent.items():
        tx.row("balance_move", {"account_id": account_id, "book": CREDIT, "amount_mc": -amount_mc})


def refund_part(tx: Transaction, account_id: int, part_id: int, amount_mc: int, reason: str, now_ms: int) -> bool:
    """Give back the price of one part that was never accepted upstream; at most once whatever happens."""
    return post(tx, account_id, "refund", f"part:{part_id}", amount_mc, actor="", reason=reason, now_ms=now_ms)


def top_up(
    tx: Transaction, account_id: int, amount_mc: int, *, key: str, actor: str, reason: str, now_ms: int
) -> dict[str, object]:
    """Add credit once for each idempotency key; the same key with another amount is refused.

    Gives {"is_new": bool, "balance_mc": int}. Raises Fault BAD_REQUEST for a bad amount, key or a reused key.
    """
    if not 0 < amount_mc <= AMOUNT_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"a top-up is more than 0 and at most {format_credits(AMOUNT_MAX)} credits")
    if not 0 < len(key) <= KEY_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"a top-up needs a key of 1 to {KEY_MAX} characters")
    cause = f"top_up:{key}"
    is_new = post(tx, account_id, "top_up", cause, amount_mc, actor=actor, reason=reason, now_ms=now_ms)
    if not is_new:
        earlier = tx.row(
            "posting_of_cause", {"account_id": account_id, "book": CREDIT, "kind": "top_up", "cause": cause}
        )
        if earlier is None or earlier[0] != amount_mc:
            raise Fault(FaultCode.BAD_REQUEST, f"key {key} was used before with another amount")
    row = tx.row("balance_move", {"account_id": account_id, "book": CREDIT, "amount_mc": 0})
    return {"is_new": is_new, "balance_mc": row[0] if row else 0}
