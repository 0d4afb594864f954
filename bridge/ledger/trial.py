"""Free parts of a trial account: a book of their own, granted once when the account is opened."""

from bridge.ledger import credit
from bridge.ledger.database import Transaction
from bridge.messages.faults import Fault, FaultCode

CAUSE = "top_up:trial"
PARTS_MAX = 10_000


def grant(tx: Transaction, account_id: int, part_total: int, *, actor: str, now_ms: int) -> None:
    """Give an account its free parts, each good for one part to anywhere. Raises Fault BAD_REQUEST."""
    if not 0 < part_total <= PARTS_MAX:
        raise Fault(FaultCode.BAD_REQUEST, "`intake.trial_messages` in the configuration says that trials get nothing")
    credit.open_book(tx, account_id, 0, credit.TRIAL)
    credit.post(
        tx,
        account_id,
        "top_up",
        CAUSE,
        part_total * credit.FREE_PART_MC,
        actor=actor,
        reason=f"{part_total} free parts of a trial",
        now_ms=now_ms,
        book=credit.TRIAL,
    )
