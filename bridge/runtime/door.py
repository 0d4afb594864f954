"""What every door calls: judge submissions, charge and queue them, and only then say yes.

A submission whose sender is gone before the answer (its door cancels `submit`), or that took too long to commit, may
be in the ledger all the same. It is marked there as unanswered, so that the sender's repeat becomes the same message.
"""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridge.intake import accept, prepare
from bridge.intake.authenticate import Identity
from bridge.intake.content import storable
from bridge.intake.prepare import Tables
from bridge.intake.settings import IntakeSettings
from bridge.ledger.refusals import Refusal
from bridge.ledger.worker import LedgerFailed
from bridge.messages.address import shorten
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Accepted, Replacement, Submission
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


_NOT_YET = Fault(FaultCode.TRY_LATER, private="not asked yet")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of the ledger in one request: one group by itself, or each of many."""

    identity: Identity
    groups: list[accept.Group]
    is_each: bool

    def answers(self, found: Any) -> list[list[Accepted] | Fault]:
        """What the ledger found, for each group."""
        answers: list[list[Accepted] | Fault] = found if self.is_each else [found]
        return answers


class Door:
    """The way from any door to the queue."""

    def __init__(self, ledger: LedgerClient, tables: Tables, settings: IntakeSettings) -> None:
        self._ledger = ledger
        self.tables = tables
        """Replaced as a whole when prices or routes change."""
        self._settings = settings
        self._unheard: dict[int, set[asyncio.Task[None]]] = {}
        """By account: submissions that nobody waits for any more and that are not marked yet."""
        self._multis = itertools.count(1)

    @property
    def parts_max(self) -> int:
        """Parts of the longest text that is taken."""
        return self._settings.parts_max

    def check_recipient(self, identity: Identity, raw: str) -> str:
        """Normalised digits of a recipient; raises Fault BAD_RECIPIENT or KIND_REFUSED before the text is known."""
        return prepare.read_recipient(identity, raw, self._settings).digits

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

    async def submit_each(
        self, identity: Identity, submissions: Sequence[Submission], *, is_multi: bool = False
    ) -> list[Accepted | Fault]:
        """Charge and queue each of them by itself, all in one commit; gives in order what became of each.

        `is_multi`: they are the destinations of one submit_multi, whose ESME is told the id of the first accepted one.
        Refusals are kept and logged as by `submit`, and so does the caller say that the peer is gone. Raises
        LedgerFailed.
        """
        at_ms = now_ms()
        multi = next(self._multis) if is_multi else 0
        answers: list[Accepted | Fault] = []
        groups: dict[int, accept.Group] = {}
        for place, submission in enumerate(submissions):
            try:
                ready = prepare.prepare(identity, submission, self.tables, self._settings, at_ms)
            except Fault as fault:
                answers.append(fault)
            else:
                answers.append(_NOT_YET)
                groups[place] = accept.Group(identity.account_id, at_ms, (ready,), multi=multi)
        found = await self._accept_each(identity, list(groups.values())) if groups else []
        for place, answer in zip(groups, found, strict=True):
            answers[place] = answer if isinstance(answer, Fault) else answer[0]
        return await self._told_each(identity, submissions, answers, at_ms)

    async def _told_each(
        self, identity: Identity, submissions: Sequence[Submission], answers: list[Accepted | Fault], at_ms: int
    ) -> list[Accepted | Fault]:
        """Log every answer and keep what was refused; one that could not be kept is none yet."""
        kept: dict[int, Refusal] = {}
        alike: dict[tuple[FaultCode, str], tuple[Fault, list[Submission]]] = {}
        for place, (submission, answer) in enumerate(zip(submissions, answers, strict=True)):
            if isinstance(answer, Accepted):
                self._tell(identity, submission.door, [answer])
                continue
            alike.setdefault((answer.code, answer.detail), (answer, []))[1].append(submission)
            if not answer.is_temporary:
                kept[place] = _kept(identity, submission, answer, at_ms)
        for fault, refused in alike.values():  # One line for all of a kind: an ESME may send them by the thousand.
            self._log_refused(identity, refused, fault)
        trouble = await self._try_to_keep(list(kept.values())) if kept else None
        if trouble is not None and not isinstance(trouble, Fault):
            raise trouble
        return [trouble if trouble is not None and place in kept else answer for place, answer in enumerate(answers)]

    async def replace(self, identity: Identity, replacement: Replacement) -> None:
        """Replace what a message says, or when it is sent: see ledger.changes.message_replace.

        Raises Fault NOT_FOUND, TOO_LATE, BAD_REQUEST, or what is wrong with the new text.
        """
        at_ms = now_ms()
        values = {"account_id": identity.account_id, "message_id": replacement.message_id}
        ready = prepare.replacement_of(replacement, self.tables, self._settings, at_ms)
        await self._ledger.do("message_replace", **values, **ready, now_ms=at_ms)
        log.info("replaced", message=replacement.message_id, account=identity.account_name)

    def mark_unheard(
        self, account_id: int, account_name: str, message_ids: Sequence[str]
    ) -> "asyncio.Task[None] | None":
        """The ESME of these accepted messages (public ids) was gone before their answers: its repeats become them.

        The account's next submission waits until they are marked, by the task that this gives; None: nothing to mark.
        """
        if not message_ids:
            return None
        task = spawn(self._mark(account_name, list(message_ids)), "unheard")
        self.not_before(account_id, task)
        return task

    def not_before(self, account_id: int, task: "asyncio.Task[None]") -> None:
        """The account's next submission waits for this task: only then it is known what it repeats."""
        tasks = self._unheard.setdefault(account_id, set())
        tasks.add(task)

        def known(task: "asyncio.Task[None]") -> None:
            tasks.discard(task)
            if not tasks and self._unheard.get(account_id) is tasks:
                del self._unheard[account_id]

        task.add_done_callback(known)

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
        (accepted,) = await self._commit(_Asked(identity, [group], is_each=False))
        assert not isinstance(accepted, Fault), "a group by itself raises its Fault"
        return accepted

    async def _accept_each(self, identity: Identity, groups: list[accept.Group]) -> list[list[Accepted] | Fault]:
        try:
            answers = await self._commit(_Asked(identity, groups, is_each=True))
        except Fault as fault:
            return [fault] * len(groups)
        return answers

    async def _commit(self, asked: _Asked) -> list[list[Accepted] | Fault]:
        """What the ledger says; one group by itself raises its Fault. Whoever stops waiting leaves it to be marked."""
        started_ms = monotonic_ms()
        late = Fault(FaultCode.TRY_LATER, private=f"no commit within {ANSWER_S_MAX:g} s")
        unheard = self._unheard.get(asked.identity.account_id)
        if unheard and any(message.retry is None for group in asked.groups for message in group.messages):
            # It may repeat one of these, which the ledger cannot tell yet.
            _, pending = await asyncio.wait(unheard, timeout=ANSWER_S_MAX)
            if pending:
                raise late
        commit = self._begin(asked)
        try:
            left_s = max(ANSWER_S_MAX - (monotonic_ms() - started_ms) / 1000, 0)
            is_done = await _happens(commit, left_s)
        except asyncio.CancelledError:
            has_waited = monotonic_ms() - started_ms >= PATIENCE_MS_MIN
            # An ESME reads every answer, and whatever it has none for it sends again.
            self._leave(asked, commit, may_repeat=has_waited or asked.is_each)
            raise
        if not is_done:
            self._leave(asked, commit, may_repeat=True)
            raise late
        return asked.answers(commit.result())

    def _begin(self, asked: _Asked) -> "asyncio.Future[Any]":
        return self._ledger.accepting_each(asked.groups) if asked.is_each else self._ledger.accepting(asked.groups[0])

    def _leave(self, asked: _Asked, commit: "asyncio.Future[Any]", *, may_repeat: bool) -> None:
        """Nobody waits for this commit any more."""
        task = spawn(self._unanswered(asked, commit, may_repeat=may_repeat), "unanswered")
        self.not_before(asked.identity.account_id, task)

    async def _unanswered(self, asked: _Asked, commit: "asyncio.Future[Any]", *, may_repeat: bool) -> None:
        """See a commit through, and mark what a repeat could not be told from by its name."""
        name = asked.identity.account_name
        try:
            answers = asked.answers(await commit)
        except (Fault, LedgerFailed) as error:
            log.warning("refused", account=name, why="and nobody waited for it", private=str(error))
            return
        unnamed: list[str] = []
        for group, answer in zip(asked.groups, answers, strict=True):
            if isinstance(answer, Fault):
                log.warning("refused", account=name, why="and nobody waited for it", private=str(answer))
                continue
            self._tell(asked.identity, group.messages[0].door, answer)
            unnamed += [one.message_id for one, m in zip(answer, group.messages, strict=True) if m.retry is None]
        if may_repeat and unnamed:
            await self._mark(name, unnamed)

    async def _mark(self, account_name: str, message_ids: list[str]) -> None:
        while True:
            try:
                await self._ledger.do("mark_unanswered", message_ids=message_ids, now_ms=now_ms())
                return
            except Fault as fault:
                log.warning("not marked yet", account=account_name, why=str(fault))
                await asyncio.sleep(MARK_RETRY_S)

    async def _refused(
        self, identity: Identity, submissions: Sequence[Submission], fault: Fault, at_ms: int, *, is_kept: bool
    ) -> None:
        """Log a refusal, and keep each submission so that it can be resubmitted. `is_kept`: it is not one already."""
        self._log_refused(identity, submissions, fault)
        if not fault.is_temporary and is_kept:
            trouble = await self._try_to_keep([_kept(identity, one, fault, at_ms) for one in submissions])
            # A refusal that the ledger could not take just now is none yet: its sender shall come again.
            if trouble is not None:
                raise trouble

    def _log_refused(self, identity: Identity, submissions: Sequence[Submission], fault: Fault) -> None:
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

    async def _try_to_keep(self, refusals: list[Refusal]) -> Exception | None:
        """Keep refusals, but do not let a disk that hangs hold up their answers; what was in the way, if known."""
        keeping = spawn(self._keep(refusals), "keep refusals")
        await asyncio.wait({keeping}, timeout=REFUSAL_S_MAX)
        return keeping.result() if keeping.done() else None

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
        detail=storable(fault.detail),
        originator=storable(submission.originator[:KEPT_MAX]),
        recipient=storable(submission.recipient[:KEPT_MAX]),
        text=storable(submission.text[:KEPT_TEXT_MAX]),
        at_ms=at_ms,
        lane=identity.lane if submission.lane is None else submission.lane,
        reference=storable(submission.reference[:KEPT_MAX]),
        thread=prepare.storable_thread(submission.thread),
        missing=prepare.missing_of(identity, submission, fault),
        # Nor is a refusal whole that came with octets of its own: only texts are kept.
        is_cut=len(submission.text) > KEPT_TEXT_MAX
        or (submission.user_data is not None and bool(submission.user_data.header or submission.user_data.body))
        or max(map(len, (submission.originator, submission.recipient, submission.reference))) > KEPT_MAX,
    )
