"""Answers about credit: where a move left it, what a closing did, what a statement holds."""

from typing import TypedDict


class TopUp(TypedDict):
    """Where a top-up or an adjustment left the account."""

    name: str
    amount_mc: int
    balance_mc: int
    key: str
    is_new: bool
    """False: this key was booked before; nothing moved now."""


class Transfer(TypedDict):
    """Where a transfer left both accounts."""

    giver: str
    taker: str
    amount_mc: int
    giver_balance_mc: int
    taker_balance_mc: int
    key: str
    is_new: bool
    """False: this key was booked before; nothing moved now."""


class RefundedPart(TypedDict):
    part_no: int
    amount_mc: int
    """What moved now."""
    outcome: str
    """"refunded", "was refunded before", "was delivered" or "cost nothing"."""


class Refund(TypedDict):
    """What was given back for a message."""

    message_id: str
    account: str
    book: str
    amount_mc: int
    balance_mc: int
    """Of the book that paid."""
    parts: list[RefundedPart]


class Lot(TypedDict):
    """Credit that came in at once, and what is left of it."""

    bought_at_ms: int
    kind: str
    cause: str
    amount_mc: int
    left_mc: int
    is_refundable: bool


class Closing(TypedDict):
    """What the closing of an account did, or would do."""

    account: str
    key: str
    is_new: bool
    """False: this key closed it before; the amounts are those of then."""
    closed_at_ms: int | None
    balance_mc: int
    """Before closing."""
    payout_mc: int
    """What is to be paid back, outside of this appliance."""
    forfeit_mc: int
    free_parts_mc: int
    """Free parts of a trial that end with it, 1000 for each."""
    refund_days: int
    lots: list[Lot]
    """The latest, oldest first."""
    lots_before: int
    """How many still older ones there are."""
    obstacle: str
    """Why it cannot be closed yet; empty when it can."""


class StatementTotal(TypedDict):
    kind: str
    count: int
    amount_mc: int


class StatementHead(TypedDict):
    """What a statement adds up to. Opening and totals make the closing, exactly."""

    account: str
    book: str
    from_at_ms: int | None
    to_at_ms: int | None
    """The first moment that is not in it."""
    opening_mc: int
    closing_mc: int
    count: int
    totals: list[StatementTotal]
    last: int
    """For the pages."""


class StatementLine(TypedDict):
    """One posting, and the balance after it."""

    at_ms: int
    kind: str
    cause: str
    amount_mc: int
    balance_mc: int
    actor: str
    reason: str


class StatementPage(TypedDict):
    """Some postings of a statement, in the order of booking."""

    postings: list[StatementLine]
    after: int | None
    """Where the next page begins; None: there is none."""
    balance_mc: int
