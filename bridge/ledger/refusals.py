"""Submissions of known accounts that were not taken: kept with their reason, without parts and without charge.

Everything that a deliberate resubmission needs is kept; nothing is ever sent from here by itself.
"""

import json
from dataclasses import dataclass

from bridge.ledger.database import Transaction
from bridge.messages.message import Lane, MailThread

REFUSALS_MAX = 10_000
"""Newest refusals kept: a device that repeats its mistake must not fill the disk."""


@dataclass(frozen=True, slots=True)
class Refusal:
    account_id: int
    door: str
    fault: str
    detail: str
    originator: str
    recipient: str
    """As the sender wrote it."""
    text: str
    at_ms: int
    lane: Lane | None = None
    """None: the account's."""
    reference: str = ""
    thread: MailThread | None = None
    is_cut: bool = False
    """The submission had more text, or a longer recipient or originator, than is kept: it cannot be resubmitted."""
    missing: str = ""
    """Digits of a recipient whose route or price was missing; empty: refused for another reason."""


def refuse(tx: Transaction, refusals: list[Refusal]) -> list[None]:
    """Keep refusals, and drop the oldest beyond REFUSALS_MAX."""
    rows = [
        (r.account_id, r.door, r.fault, r.detail, r.originator, r.recipient, r.text, r.at_ms)
        + (r.lane, r.reference, thread_json(r.thread), int(r.is_cut), r.missing)
        for r in refusals
    ]
    tx.many("refusals_insert", rows)
    forget(tx)
    return [None] * len(refusals)


def thread_json(thread: MailThread | None) -> str:
    """How a mail's thread is kept with a refusal; "" for none."""
    if thread is None:
        return ""
    return json.dumps(
        {
            "reply_to": thread.reply_to,
            "message_id": thread.message_id,
            "references": thread.references,
            "subject": thread.subject,
        },
        ensure_ascii=False,
    )


def thread_of(kept: str) -> MailThread | None:
    """The thread that `thread_json` kept."""
    return MailThread(**json.loads(kept)) if kept else None


def forget(tx: Transaction) -> int:
    """Drop all but the newest; gives how many went."""
    return tx.run("refusals_forget", {"keep": REFUSALS_MAX})
