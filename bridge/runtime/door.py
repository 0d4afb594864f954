"""What every door calls: judge submissions, charge and queue them, and only then say yes.

A submission whose sender is gone before the answer (its door cancels `submit`), or that took too long to commit, may
be in the ledger all the same. It is marked there as unanswered, so that the sender's repeat becomes the same message.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from bridge.intake import accept, prepare
from bridge.intake.authenticate import Identity
from bridge.intake.prepare import Tables
from bridge.intake.settings import IntakeSettings
from bridge.ledger.refusals import Refusal
from bridge.ledger.worker import LedgerFailed
from bridge.messages.address import shorten
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Accepted, Submission
from bridge.runtime import logs
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import monotonic_ms, now_ms, running, spawn

KEPT_TEXT_MAX = 1600
"""Characters of a refused text that are kept: all of it in the usual case of ten parts, and not a flood on the disk."""
KEPT_MAX = 200
"""Characters of a refused originator, recipient or reference that are kept."""

ANSWER_S_MAX = 9.0
"""A commit that takes longer is answered as temporary: every peer has an answer within 10 s, however slow the disk."""
REFUSAL_S_MAX = 5.0
"""A refusal is told after it is kept, but not later: a disk that hangs must not keep the sender from hearing no."""
MARK_RETRY_S = 1.0
"""Between two tries to mark a message, while the ledger is busy."""
PATIENCE_MS_MIN = 1_000
"""Who hangs up sooner never meant to read an answer, as panels that send and forget: their next alarm is a new one."""

log = logs.get("door")


class Door:
    """The way from any door to the queue."""

    def __init__(self, ledger: LedgerClient, tables: Tables, settings: IntakeSettings) -> None:
        self._ledger = ledger
        self.tables = tables
        """Replaced as a whole when prices or routes change."""
        self._settings = settings
        self._unheard: dict[int, set[asyncio.Task[None]]] = {}
        """By account: submissions that nobody waits for any more and that are not marked yet."""

    def check_recipient(self, identity: Identity, raw: str) -> str:
        """Normalised digits of a recipient, or Fault BAD_RECIPIENT: what can be refused before the text is known."""
        return prepare.check_recipient(identity, raw, self._settings)

    async def submit(
        self, identity: Identity, submissions: Sequence[Submission], *, resubmits: tuple[int, ...] = ()
    ) -> list[Accepted]:
        """Charge and queue all of them or none; returns after the commit. `resubmits`: see intake.accept.Group.

        Raises the Fault that stopped the first bad one; the refusal is kept and logged, nothing is charged. To cancel
        it says that the peer is gone.
        """
        if not submissions:
            raise Fault(FaultCode.NO_RECIPIENT)
        at_ms = now_ms()
        current = submissions[0]
        try:
            prepared = []
            for current in submissions:
                prepared.append(prepare.prepare(identity, current, self.tables, self._settings, at_ms))
            accepted = await self._accept(
                identity, accept.Group(identity.account_id, at_ms, tuple(prepared), resubmits)
            )
        except Fault as fault:
            # What cannot be paid is refused as a whole; of anything else one submission is to blame.
            whole = fault.code is FaultCode.NO_CREDIT
            await self._refused(identity, submissions if whole else [current], fault, at_ms, is_kept=not resubmits)
            raise
        self._tell(identity, submissions[0].door, accepted)
        return accepted

    def _tell(self, identity: Identity, door: str, accepted: list[Accepted]) -> None:
        for one in accepted:
            log.info(
                "repeated" if one.is_repeat else "accepted",
                message=one.message_id,
                to=shorten(one.recipient),
                parts=one.part_total,
                door=door,
                account=identity.account_name,
            )

    async def _accept(self, identity: Identity, group: accept.Group) -> list[Accepted]:
        started_ms = monotonic_ms()
        late = Fault(FaultCode.TRY_LATER, private=f"no commit within {ANSWER_S_MAX:g} s")
        if any(message.retry is None for message in group.messages):
            # It may repeat one of these, which the ledger cannot tell yet.
            if unheard := self._unheard.get(group.account_id):
                await asyncio.wait(unheard, timeout=ANSWER_S_MAX)
            if self._unheard.get(group.account_id):
                raise late
        commit = self._ledger.accepting(group)
        try:
            left_s = max(ANSWER_S_MAX - (monotonic_ms() - started_ms) / 1000, 0)
            is_done = await _happens(commit, left_s)
        except asyncio.CancelledError:
            has_waited = monotonic_ms() - started_ms >= PATIENCE_MS_MIN
            self._leave(identity, group, commit, may_repeat=has_waited)
            raise
        if not is_done:
            self._leave(identity, group, commit, may_repeat=True)
            raise late
        accepted = commit.result()
        self._ledger.hint(group)
        return accepted

    def _leave(
        self, identity: Identity, group: accept.Group, commit: "asyncio.Future[list[Accepted]]", *, may_repeat: bool
    ) -> None:
        """Nobody waits for this commit any more; the account's next submission waits until it is known what it is."""
        task = spawn(self._unanswered(identity, group, commit, may_repeat=may_repeat), "unanswered")
        tasks = self._unheard.setdefault(group.account_id, set())
        tasks.add(task)

        def known(task: "asyncio.Task[None]") -> None:
            tasks.discard(task)
            if not tasks:
                self._unheard.pop(group.account_id, None)

        task.add_done_callback(known)

    async def _unanswered(
        self, identity: Identity, group: accept.Group, commit: "asyncio.Future[list[Accepted]]", *, may_repeat: bool
    ) -> None:
        """See a commit through, and mark what a repeat could not be told from by its name."""
        try:
            accepted = await commit
        except (Fault, LedgerFailed) as error:
            log.warning("refused", account=identity.account_name, why="and nobody waited for it", private=str(error))
            return
        self._ledger.hint(group)
        self._tell(identity, group.messages[0].door, accepted)
        unnamed = [one.message_id for one, m in zip(accepted, group.messages, strict=True) if m.retry is None]
        while may_repeat and unnamed:
            try:
                await self._ledger.do("mark_unanswered", message_ids=unnamed, now_ms=now_ms())
                return
            except Fault as fault:
                log.warning("not marked yet", account=identity.account_name, why=str(fault))
                await asyncio.sleep(MARK_RETRY_S)

    async def _refused(
        self, identity: Identity, submissions: Sequence[Submission], fault: Fault, at_ms: int, *, is_kept: bool
    ) -> None:
        """Log a refusal, and keep each submission so that it can be resubmitted. `is_kept`: it is not one already."""
        log.warning(
            "refused",
            fault=fault.code.value,
            why=fault.detail,
            private=fault.private,
            to=shorten(submissions[0].recipient),
            recipients=len(submissions),
            door=submissions[0].door,
            account=identity.account_name,
        )
        if not fault.is_temporary and is_kept:
            kept = spawn(self._keep([_kept(identity, one, fault, at_ms) for one in submissions]), "keep refusals")
            await asyncio.wait({kept}, timeout=REFUSAL_S_MAX)
            # A refusal that the ledger could not take just now is none yet: its sender shall come again.
            if kept.done() and (trouble := kept.result()) is not None:
                raise trouble

    async def _keep(self, refusals: list[Refusal]) -> Exception | None:
        try:
            await asyncio.gather(*map(self._ledger.refuse, refusals))
        except (Fault, LedgerFailed) as trouble:
            log.warning("refusals not kept", count=len(refusals), why=str(trouble))
            return trouble
        return None


async def _happens(commit: "asyncio.Future[Any]", timeout_s: float) -> bool:
    """Wait for a future and leave it as it is, whoever stops waiting: asyncio.wait for one, at half its cost."""
    loop = running()
    waiter = loop.create_future()

    def release(*_: object) -> None:
        if not waiter.done():
            waiter.set_result(None)

    timer = loop.call_later(timeout_s, release)
    commit.add_done_callback(release)
    try:
        await waiter
    finally:
        timer.cancel()
        commit.remove_done_callback(release)
    return commit.done()


def _kept(identity: Identity, submission: Submission, fault: Fault, at_ms: int) -> Refusal:
    """All of a submission that is kept."""
    return Refusal(
        account_id=identity.account_id,
        door=submission.door,
        fault=fault.code.value,
        detail=prepare.storable(fault.detail),
        originator=prepare.storable(submission.originator[:KEPT_MAX]),
        recipient=prepare.storable(submission.recipient[:KEPT_MAX]),
        text=prepare.storable(submission.text[:KEPT_TEXT_MAX]),
        at_ms=at_ms,
        lane=identity.lane if submission.lane is None else submission.lane,
        reference=prepare.storable(submission.reference[:KEPT_MAX]),
        thread=prepare.storable_thread(submission.thread),
        is_cut=len(submission.text) > KEPT_TEXT_MAX
        or max(map(len, (submission.originator, submission.recipient, submission.reference))) > KEPT_MAX,
    )
