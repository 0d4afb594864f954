"""Warnings about credit that go out as text messages: submitted for the account itself, like any other message.

Exactly once: the submission is named after the notice, so that a warning that was submitted and not yet settled when
the appliance ended becomes the same message when it is submitted again.
"""

import asyncio
from collections.abc import Awaitable, Callable

from bridge import failpoints
from bridge.intake.authenticate import Identity
from bridge.ledger.low_credit import CreditView
from bridge.ledger.outbox import Notice, NoticeOutcome
from bridge.ledger.worker import LedgerFailed
from bridge.mail import credit_words
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import RetryKey, Submission
from bridge.runtime import logs
from bridge.runtime.door import Door
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms
from bridge.runtime.service import Periodic

POLL_S = 2.0
CLAIM_MAX = 20
RETRY_MS = 60_000
AGE_MS_MAX = 12 * 3600 * 1000
"""How long a warning is tried: far less than its name is remembered, and later it would be no news."""

log = logs.get("warnings")


class WarningsByText:
    """Sends what the outbox owes as texts. `identity_of` gives the account that pays, by its name."""

    def __init__(self, ledger: LedgerClient, door: Door, identity_of: Callable[[str], Awaitable[Identity]]) -> None:
        self._ledger = ledger
        self._door = door
        self._identity_of = identity_of

    def services(self) -> list[Periodic]:
        return [Periodic("credit warnings by text", POLL_S, self.send_due)]

    async def send_due(self) -> None:
        """Send what is due, each as one message."""
        for notice in await self._ledger.claim_notices(CLAIM_MAX, now_ms(), is_for_texts=True):
            await self._settle(await self._send(notice))

    async def _settle(self, outcome: NoticeOutcome) -> None:
        """Book it, however long the ledger is busy: an unsettled notice would wait for the next start."""
        while True:
            try:
                await self._ledger.settle_notices([outcome])
                return
            except (Fault, LedgerFailed) as trouble:
                log.warning("outcome of a warning waits for the ledger", why=str(trouble))
                await asyncio.sleep(POLL_S)
            except Exception:  # The outermost hook of settling: our bug; the next start finds the notice claimed.
                log.exception("outcome of a warning not booked", notice=outcome.notice_id)
                return

    async def _send(self, notice: Notice) -> NoticeOutcome:
        try:
            message_id = await self._submit(notice)
        except Exception as error:
            fault = error if isinstance(error, Fault) else Fault(FaultCode.TRY_LATER)
            if fault is not error:  # Our bug, or the disk's: the warning must not stay claimed for it.
                log.exception("credit warning by text failed", account=notice.account_name, notice=notice.notice_id)
            is_last = not fault.is_temporary or now_ms() - notice.created_at_ms > AGE_MS_MAX
            facts = {"account": notice.account_name, "fault": fault.code.value, "why": fault.detail}
            if is_last:
                log.error("credit warning by text given up", **facts)
            else:
                log.warning("credit warning by text waits", **facts)
            return NoticeOutcome(
                notice.notice_id,
                is_done=False,
                at_ms=now_ms(),
                retry_at_ms=now_ms() + RETRY_MS,
                reason=fault.sentence,
                is_given_up=is_last,
            )
        failpoints.reach("warning.submitted")
        log.info("credit warning sent by text", account=notice.account_name, message=message_id)
        return NoticeOutcome(notice.notice_id, is_done=True, at_ms=now_ms())

    async def _submit(self, notice: Notice) -> str:
        identity = await self._identity_of(notice.account_name)
        view = CreditView(**await self._ledger.read("credit_outlook", name=notice.account_name, now_ms=now_ms()))
        submission = Submission(
            "warning",
            notice.address,
            credit_words.text(view, notice.account_name),
            # What it says changes with the hour; what it is does not.
            retry=RetryKey(notice.key, notice.key),
        )
        (accepted,) = await self._door.submit(identity, [submission])
        return accepted.message_id
