"""What every door calls: judge submissions, charge and queue them, and only then say yes."""

from collections.abc import Sequence

from bridge.intake import accept, prepare
from bridge.intake.authenticate import Identity
from bridge.intake.prepare import Tables
from bridge.intake.settings import IntakeSettings
from bridge.ledger.refusals import Refusal
from bridge.messages.address import shorten
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Accepted, Submission
from bridge.runtime import logs
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms

KEPT_TEXT_MAX = 1600
"""Characters of a refused text that are kept: all of it in the usual case of ten parts, and not a flood on the disk."""
KEPT_MAX = 200
"""Characters of a refused originator or recipient that are kept."""

log = logs.get("door")


class Door:
    """The way from any door to the queue."""

    def __init__(self, ledger: LedgerClient, tables: Tables, settings: IntakeSettings) -> None:
        self._ledger = ledger
        self.tables = tables
        """Replaced as a whole when prices or routes change."""
        self._settings = settings

    def check_recipient(self, identity: Identity, raw: str) -> str:
        """Normalised digits of a recipient, or Fault BAD_RECIPIENT: what can be refused before the text is known."""
        return prepare.check_recipient(identity, raw)

    async def submit(self, identity: Identity, submissions: Sequence[Submission]) -> list[Accepted]:
        """Charge and queue all of them or none; returns after the commit.

        Raises the Fault that stopped the first bad one; the refusal is kept and logged, nothing is charged.
        """
        if not submissions:
            raise Fault(FaultCode.NO_RECIPIENT)
        at_ms = now_ms()
        current = submissions[0]
        try:
            prepared = []
            for current in submissions:
                prepared.append(prepare.prepare(identity, current, self.tables, self._settings, at_ms))
            accepted = await self._ledger.accept(accept.Group(identity.account_id, at_ms, tuple(prepared)))
        except Fault as fault:
            await self._refused(identity, current, fault, at_ms)
            raise
        for one in accepted:
            log.info(
                "accepted",
                message=one.message_id,
                to=shorten(one.recipient),
                parts=one.part_total,
                door=submissions[0].door,
                account=identity.account_name,
            )
        return accepted

    async def _refused(self, identity: Identity, submission: Submission, fault: Fault, at_ms: int) -> None:
        log.warning(
            "refused",
            fault=fault.code.value,
            why=fault.detail,
            private=fault.private,
            to=shorten(submission.recipient),
            door=submission.door,
            account=identity.account_name,
        )
        if fault.is_temporary:
            return
        refusal = Refusal(
            account_id=identity.account_id,
            door=submission.door,
            fault=fault.code.value,
            detail=prepare.storable(fault.detail),
            originator=prepare.storable(submission.originator[:KEPT_MAX]),
            recipient=prepare.storable(submission.recipient[:KEPT_MAX]),
            text=prepare.storable(submission.text[:KEPT_TEXT_MAX]),
            at_ms=at_ms,
        )
        await self._ledger.refuse(refusal)
