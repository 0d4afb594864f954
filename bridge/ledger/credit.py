"""Money moves here and nowhere else: a posting and its balance, in the transaction that justifies them."""

from dataclasses import dataclass

from bridge.ledger.database import Transaction
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Lane
from bridge.messages.money import AMOUNT_MAX, MILLIS_PER_CREDIT, format_credits

CREDIT = "credit"
TRIAL = "trial"
"""The book of free parts; FREE_PART_MC of it pays one part."""
FREE_PART_MC = MILLIS_PER_CREDIT
BOOKS = (CREDIT, TRIAL)
OWN_KEYS = frozenset({"opening", "trial"})
"""Keys of what every account gets when it is opened."""
KEY_MAX = 100
"""Characters of an idempotency key."""
REASON_MAX = 200
"""Characters of a reason: a sentence, not a letter; it stands in one line of a statement."""


def open_book(tx: Transaction, account_id: int, overdraft_mc: int, book: str = CREDIT) -> None:
    """Give an account a book of its own; `overdraft_mc` (0 or more) is how far below zero it may go."""
    tx.run("balance_insert", {"account_id": account_id, "book": book, "floor_mc": -overdraft_mc})


def post(
    tx: Transaction,
    account_id: int,
    kind: str,
    cause: str,
    amount_mc: int,
    *,
    actor: str,
    reason: str,
    now_ms: int,
    book: str = CREDIT,
) -> bool:
    """Book one posting and move the balance with it; False when this cause was booked before (nothing moves).

    `amount_mc` is signed. The caller has seen that the balance stays above its floor and that the account is not
    closed: the database refuses the one, the audit finds the other.
    """
    values = {
        "account_id": account_id,
        "book": book,
        "kind": kind,
        "cause": cause,
        "amount_mc": amount_mc,
        "actor": actor,
        "reason": reason,
        "now_ms": now_ms,
    }
    if not tx.rows("posting_insert", values):
        return False
    tx.row("balance_move", {"account_id": account_id, "book": book, "amount_mc": amount_mc})
    return True


@dataclass(frozen=True, slots=True)
class Standing:
    """How one book of an account stands."""

    name: str
    closed_at_ms: int | None
    amount_mc: int
    floor_mc: int


def standing(tx: Transaction, account_id: int, book: str = CREDIT) -> Standing:
    """How a book stands; an account that never had this book has nothing in it."""
    row = tx.row("standing", {"account_id": account_id, "book": book})
    assert row is not None, "every account is a row"
    return Standing(*row)


def check_open(found: Standing) -> None:
    """Nothing but a late refund is booked on a closed account. Raises Fault BAD_REQUEST."""
    if found.closed_at_ms is not None:
        raise Fault(FaultCode.BAD_REQUEST, f"account {found.name} is closed; nothing more is booked on it")


def check_words(what: str, key: str, reason: str) -> None:
    """What people give a move of credit along. Raises Fault BAD_REQUEST."""
    if not 0 < len(key) <= KEY_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"{what} needs a key of 1 to {KEY_MAX} characters")
    if len(reason) > REASON_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"a reason has at most {REASON_MAX} characters, this one {len(reason)}")


@dataclass(slots=True)
class Purse:
    """What an account may spend while a batch is being accepted; thousandths."""

    is_disabled: bool
    amount_mc: int
    floor_mc: int
    reserve_mc: int
    trial_mc: int
    low_limit_mc: int
    """Below it the account is warned; 0: it was warned before, or never wants to be."""

    def room_mc(self, lane: Lane) -> int:
        """Credit that a message of this lane may use; the reserve is for alarms alone."""
        reserve_mc = 0 if lane is Lane.ALARM else self.reserve_mc
        return max(self.amount_mc - self.floor_mc - reserve_mc, 0)

    def pay(self, price_mc: int, part_total: int, lane: Lane) -> str | None:
        """Take a message's price; the book that pays, or None when neither can pay for all its parts.

        Free parts go first, and never for what costs nothing anyway.
        """
        if price_mc and self.trial_mc >= FREE_PART_MC * part_total:
            self.trial_mc -= FREE_PART_MC * part_total
            return TRIAL
        if price_mc * part_total > self.room_mc(lane):
            return None
        self.amount_mc -= price_mc * part_total
        return CREDIT

    def is_low_at(self, left_mc: int) -> bool:
        """Whether the account is to be warned when it has so much left."""
        return left_mc < self.low_limit_mc


def purses(tx: Transaction, account_ids: set[int]) -> dict[int, Purse]:
    """Who may spend how much, by account."""
    return {
        row[0]: Purse(bool(row[1]), row[2], row[3], row[4], row[5], row[6])
        for row in tx.by_ids("purses", sorted(account_ids))
    }


@dataclass(slots=True)
class Charge:
    """What one accepted message costs, in the book that pays for it."""

    account_id: int
    message_id: int
    book: str
    amount_mc: int
    """0 or more."""
    now_ms: int


def charge_all(tx: Transaction, charges: list[Charge]) -> dict[int, int]:
    """Charge many accepted messages; gives the credit that is left, by account, where it moved.

    One posting for each message and one balance move for each account and book. A charge that exists already is a
    broken promise and fails the group.
    """
    rows = [(c.account_id, c.book, f"message:{c.message_id}", -c.amount_mc, c.now_ms) for c in charges]
    tx.many("postings_charge", rows)
    spent: dict[tuple[int, str], int] = {}
    for charge in charges:
        spent[charge.account_id, charge.book] = spent.get((charge.account_id, charge.book), 0) + charge.amount_mc
    left: dict[int, int] = {}
    for (account_id, book), amount_mc in spent.items():
        moved = tx.row("balance_move", {"account_id": account_id, "book": book, "amount_mc": -amount_mc})
        if book == CREDIT and moved is not None:
            left[account_id] = moved[0]
    return left


def refund_part(
    tx: Transaction,
    account_id: int,
    book: str,
    part_id: int,
    amount_mc: int,
    *,
    reason: str,
    now_ms: int,
    actor: str = "",
) -> bool:
    """Give back the price of one part to the book that paid it; at most once whatever happens.

    `actor` is "" where a rule of the appliance asks for it. False: it was given back before.
    """
    cause = f"part:{part_id}"
    return post(tx, account_id, "refund", cause, amount_mc, actor=actor, reason=reason, now_ms=now_ms, book=book)


def top_up(
    tx: Transaction, account_id: int, amount_mc: int, *, key: str, actor: str, reason: str, now_ms: int
) -> dict[str, object]:
    """Add credit once for each idempotency key; the same key with another amount or account is refused.

    Only the keys of OWN_KEYS, which the appliance gives itself, are of each account.

    Gives {"is_new": bool, "balance_mc": int}. Raises Fault BAD_REQUEST for a bad amount, key or a reused key.
    """
    if not 0 < amount_mc <= AMOUNT_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"a top-up is more than 0 and at most {format_credits(AMOUNT_MAX)} credits")
    check_words("a top-up", key, reason)
    cause = f"top_up:{key}"
    before = standing(tx, account_id)
    earlier = tx.row("posting_of_cause", {"account_id": account_id, "book": CREDIT, "kind": "top_up", "cause": cause})
    if earlier is not None:
        if earlier[0] != amount_mc:
            raise Fault(FaultCode.BAD_REQUEST, f"key {key} was used before with another amount")
        return {"is_new": False, "balance_mc": before.amount_mc}
    if key not in OWN_KEYS and tx.rows("postings_of_key", {"kind": "top_up", "cause": cause}):
        raise Fault(FaultCode.BAD_REQUEST, f"key {key} was used before with another account")
    check_open(before)
    post(tx, account_id, "top_up", cause, amount_mc, actor=actor, reason=reason, now_ms=now_ms)
    return {"is_new": True, "balance_mc": before.amount_mc + amount_mc}
