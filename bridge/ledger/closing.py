"""Closing an account: which credit is left, what of it is paid back, and the end of the account.

Credit is used oldest first, so what is left is the newest: the balance is laid on the latest purchases, and only what
remains of those made shortly before the request is paid back. All the rest is forfeited.
"""

from dataclasses import dataclass
from typing import Any

from bridge.ledger import actions, credit
from bridge.ledger.accounts import account_id_of
from bridge.ledger.database import Transaction
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.money import format_credits

DAY_MS = 24 * 3600 * 1000
PURCHASES_MAX = 10_000
"""Purchases that are looked at, the newest; what is left of still older ones is forfeited. Nobody buys so often in
the days for which credit is paid back."""
LOTS_TOLD_MAX = 500
"""Purchases in one answer, the newest; it must fit a line of the control socket."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """Credit that came in: a top-up, an adjustment up, or a transfer from another account."""

    kind: str
    cause: str
    amount_mc: int
    bought_at_ms: int


@dataclass(frozen=True, slots=True)
class Lot:
    """A purchase and what is left of it."""

    purchase: Purchase
    left_mc: int
    is_refundable: bool
    """Whether what is left is paid back: it was bought shortly before the request, and did not come by transfer."""


def lots_of(purchases: list[Purchase], balance_mc: int, since_ms: int | None) -> list[Lot]:
    """What is left of each purchase (given in the order of booking) when credit is used oldest first.

    `balance_mc` is what is left in all, `since_ms` from when on purchases are refundable (None: none is). What came by
    transfer never is: by moving between accounts credit must not become younger than its purchase. Refunded
    messages count as never charged. The law: what is left of all is the balance, as far as there are purchases, and
    nothing is left of one before another that is not whole.
    """
    lots: list[Lot] = []
    unplaced_mc = max(balance_mc, 0)
    for purchase in reversed(purchases):
        left_mc = min(purchase.amount_mc, unplaced_mc)
        unplaced_mc -= left_mc
        is_young = since_ms is not None and purchase.bought_at_ms >= since_ms
        lots.append(Lot(purchase, left_mc, is_young and purchase.kind != "transfer"))
    return lots[::-1]


def account_close(
    tx: Transaction,
    *,
    name: str,
    key: str,
    refund_days: int,
    is_dry_run: bool = False,
    reason: str = "",
    actor: str = "",
    now_ms: int,
) -> dict[str, Any]:
    """Close an account for good: book what is paid back and what is forfeited, and let it in no more.

    Once for each key; the same key gives the same amounts again. With `is_dry_run` nothing is written and the answer
    has the lots and, in "obstacle", why it cannot be closed yet. Gives {"account", "key", "is_new", "closed_at_ms",
    "balance_mc", "payout_mc", "forfeit_mc", "free_parts_mc", "lots": [...], "lots_before": int, "obstacle": str}.
    Raises Fault BAD_REQUEST where it cannot be closed.
    """
    credit.check_words("closing", key, reason)
    account_id = account_id_of(tx, name)
    cause = f"closing:{key}"
    earlier = _closed_before(tx, account_id, cause)
    if earlier is not None:
        return earlier | {"account": name, "key": key}
    standing = credit.standing(tx, account_id)
    credit.check_open(standing)
    since_ms = now_ms - refund_days * DAY_MS if refund_days else None
    lots = lots_of(_purchases(tx, account_id), standing.amount_mc, since_ms)
    payout_mc = sum(lot.left_mc for lot in lots if lot.is_refundable)
    answer = {
        "account": name,
        "key": key,
        "is_new": True,
        "closed_at_ms": None,
        "balance_mc": standing.amount_mc,
        "payout_mc": payout_mc,
        "forfeit_mc": max(standing.amount_mc - payout_mc, 0),
        "free_parts_mc": credit.standing(tx, account_id, credit.TRIAL).amount_mc,
        "lots": [_told(lot) for lot in lots[-LOTS_TOLD_MAX:]],
        "lots_before": max(len(lots) - LOTS_TOLD_MAX, 0),
        "obstacle": _obstacle(tx, account_id, standing),
    }
    if is_dry_run:
        return answer
    if answer["obstacle"]:
        raise Fault(FaultCode.BAD_REQUEST, f"account {name} cannot be closed yet: {answer['obstacle']}")
    _close(tx, account_id, cause, answer, reason=reason, actor=actor, now_ms=now_ms)
    return answer | {"closed_at_ms": now_ms}


def _close(
    tx: Transaction, account_id: int, cause: str, answer: dict[str, Any], *, reason: str, actor: str, now_ms: int
) -> None:
    """Book it. The forfeit of credit comes last and is always there: it marks the end in the account's postings."""

    def book(kind: str, amount_mc: int, book: str = credit.CREDIT) -> None:
        credit.post(tx, account_id, kind, cause, -amount_mc, actor=actor, reason=reason, now_ms=now_ms, book=book)

    if answer["free_parts_mc"]:
        book("forfeit", answer["free_parts_mc"], credit.TRIAL)
    if answer["payout_mc"]:
        book("payout", answer["payout_mc"])
    book("forfeit", answer["forfeit_mc"])
    tx.run("account_closed", {"account_id": account_id, "now_ms": now_ms})
    amounts = f"{format_credits(answer['payout_mc'])} paid back, {format_credits(answer['forfeit_mc'])} forfeited"
    detail = f"account {answer['account']}, key {answer['key']}: {amounts}"
    actions.note(tx, "account_close", detail, actor=actor, now_ms=now_ms)


def _closed_before(tx: Transaction, account_id: int, cause: str) -> dict[str, Any] | None:
    """The answer of an earlier closing with this key, from its postings."""
    booked = {(row[0], row[1]): -row[2] for row in tx.rows("closing_postings", {"id": account_id, "cause": cause})}
    if (credit.CREDIT, "forfeit") not in booked:
        return None
    payout_mc, forfeit_mc = booked.get((credit.CREDIT, "payout"), 0), booked[credit.CREDIT, "forfeit"]
    return {
        "is_new": False,
        "closed_at_ms": credit.standing(tx, account_id).closed_at_ms,
        "balance_mc": payout_mc + forfeit_mc,
        "payout_mc": payout_mc,
        "forfeit_mc": forfeit_mc,
        "free_parts_mc": booked.get((credit.TRIAL, "forfeit"), 0),
        "lots": [],
        "lots_before": 0,
        "obstacle": "",
    }


def _purchases(tx: Transaction, account_id: int) -> list[Purchase]:
    """In the order of booking."""
    rows = tx.rows("purchases", {"account_id": account_id, "count": PURCHASES_MAX})
    return [Purchase(*row) for row in reversed(rows)]


def _obstacle(tx: Transaction, account_id: int, standing: credit.Standing) -> str:
    """Why an account cannot be closed now, and what to do; "" when it can."""
    if standing.amount_mc < 0:
        owed = format_credits(-standing.amount_mc)
        return f"it owes {owed}; book the payment with `account top-up`, or let it go with `account adjust`"
    waiting = {row[0]: row[1] for row in tx.rows("parts_that_wait", {"account_id": account_id}) if row[1]}
    if not waiting:
        return ""
    told = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in waiting.items())
    return f"parts of it still wait ({told}) and may be refunded; `account disable` lets no more in, then try again"


def _told(lot: Lot) -> dict[str, Any]:
    return {
        "bought_at_ms": lot.purchase.bought_at_ms,
        "kind": lot.purchase.kind,
        "cause": lot.purchase.cause,
        "amount_mc": lot.purchase.amount_mc,
        "left_mc": lot.left_mc,
        "is_refundable": lot.is_refundable,
    }
