"""One notice becomes one mail, and the relay's answer becomes the notice's outcome."""

from bridge.inbound_mail.relay import Answer, Fate, Relay
from bridge.ledger.outbox import Notice, NoticeOutcome
from bridge.mail import compose
from bridge.routing import retry
from bridge.runtime import logs

log = logs.get("mail")


async def send_back(notice: Notice, relay: Relay, sender: str, domain: str) -> Answer:
    """Compose the mail for a notice and give it to the relay."""
    return await relay.send(notice.address, compose.mail(notice, sender, domain))


def decide(notice: Notice, answer: Answer, now_ms: int, random_fraction: float) -> NoticeOutcome:
    """What is booked after an answer: done, given up, or tried again on the mail ladder for up to five days."""
    retry_at_ms: int | None = 0
    if answer.fate is Fate.LATER:
        retry_at_ms = retry.mail_retry_at_ms(notice.attempt, notice.created_at_ms, now_ms, random_fraction)
    is_given_up = answer.fate is Fate.REFUSED or retry_at_ms is None
    return NoticeOutcome(
        notice_id=notice.notice_id,
        is_done=answer.fate is Fate.DONE,
        at_ms=now_ms,
        retry_at_ms=retry_at_ms or 0,
        reason="" if answer.fate is Fate.DONE else answer.reason,
        is_given_up=is_given_up,
    )


def tell(notice: Notice, answer: Answer, outcome: NoticeOutcome) -> None:
    """One log line for one attempt; the address is shown by its domain only."""
    facts = {
        "kind": notice.kind,
        "message": notice.message.message_id if notice.message else None,
        "inbound": notice.inbound.inbound_id if notice.inbound else None,
        "to": "...@" + notice.address.rpartition("@")[2],
        "attempt": notice.attempt,
    }
    if outcome.is_done:
        log.info("mailed", **facts, relay=answer.reason)
    elif outcome.is_given_up:
        log.error("mail given up", **facts, why=answer.reason)
    else:
        log.warning("mail waits", **facts, why=answer.reason)
