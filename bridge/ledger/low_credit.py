"""Warnings about credit: an account that falls through its limit is told once, and again only after it was filled up.

The warning is owed in the transaction that takes the credit; what it says is read when it is written (reports).
"""

from dataclasses import dataclass

from bridge.ledger import bells
from bridge.ledger.database import Transaction

MAIL = "low_credit"
TEXT = "low_credit_text"
"""Kinds of notices."""


@dataclass(frozen=True, slots=True)
class CreditView:
    """How an account's credit stands, as a warning tells it. Thousandths of a credit."""

    balance_mc: int
    limit_mc: int
    room_mc: int
    """What may still be spent: with the overdraft, without what is reserved for alarms."""
    spent_mc: int
    """Charges less refunds in the period that was looked at."""
    period_ms: int
    """How long that period is; at least an hour."""
    at_ms: int
    """When this was so."""

    @property
    def per_day_mc(self) -> int:
        return max(self.spent_mc, 0) * 86_400_000 // self.period_ms

    @property
    def runs_out_at_ms(self) -> int | None:
        """When nothing is left at this pace; None: not within a thousand days."""
        if self.room_mc <= 0:
            return self.at_ms
        if self.spent_mc <= 0 or self.room_mc * self.period_ms > self.spent_mc * 1000 * 86_400_000:
            return None
        return self.at_ms + self.room_mc * self.period_ms // self.spent_mc


def owe_warnings(tx: Transaction, fallen: list[tuple[int, int]], now_ms: int) -> None:
    """Owe a warning to each of these accounts (account_id, what it has left) that was not warned since it was filled.

    By mail to its address, and by text to its mobile when it wants that. Call it in the transaction that took the
    credit; an account without a limit is never warned.
    """
    rows = []
    for account_id, email, mobile, is_texted, count in tx.by_ids("low_credit_told", [one for one, _ in fallen]):
        if email:
            rows.append((MAIL, f"low:{account_id}:{count}", account_id, None, None, MAIL, email, now_ms, now_ms))
        if mobile and is_texted:
            cause = f"low_text:{account_id}:{count}"
            rows.append((TEXT, cause, account_id, None, None, TEXT, mobile, now_ms, now_ms))
    if rows:
        tx.many("notices_insert", rows)
        bells.ring_notices(tx)


def rearm(tx: Transaction, account_id: int) -> bool:
    """Credit came in from outside: if it lifts the account to its limit or above, the next fall is told again.

    Not for refunds: they give back what was there before. Gives whether it was armed by this.
    """
    return bool(tx.run("low_credit_rearm", {"account_id": account_id}))
