"""The ledger's async face: named verbs with plain values, answered after the commit that makes them true.

Writes go to the one writer thread in groups; reads run on a read-only connection in a thread of their own. Nothing
here blocks the loop.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge.intake.accept import Group
from bridge.intake.claim import memory_of
from bridge.ledger import bells, esme, outbox, queue, receive, refusals, settle, sqlite, upgrade
from bridge.ledger.receipts import Move
from bridge.ledger.receive import Received
from bridge.ledger.reports import REPORTS
from bridge.ledger.requests import Result
from bridge.ledger.worker import LedgerFailed, Worker, is_fatal
from bridge.messages.address import shorten
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.inbound import InboundPart
from bridge.messages.message import Accepted, ClaimedPart, Outcome, Paced, PartState
from bridge.messages.receipt import Receipt
from bridge.runtime import logs
from bridge.runtime.disk import DiskWatch, Level
from bridge.runtime.health_watch import HealthWatch
from bridge.runtime.ledger_reader import LedgerReader
from bridge.runtime.ledger_verbs import VERBS
from bridge.runtime.loop import now_ms

log = logs.get("ledger")

BACKUP_FOLDER_NAME = "backups"
"""The usual folder of backups, beside the ledger."""

LOOKUPS = frozenset(
    {
        "credentials_of",
        "network_credentials",
        "tariff_list",
        "esme_query",
        "links_waited_for",
        "link_load",
        "link_states",
    }
)
"""Reports that a login, a submission, an ESME or a failover waits for: they never stand behind an audit that takes a
minute."""


class LedgerClient:
    """Open it once per process; `stop` commits what was handed in.

    Every method raises Fault TRY_LATER, QUEUE_FULL or DISK_FULL when the ledger is busy or full, and LedgerFailed when
    its disk failed. With a `disk`, what it has no room for is not begun.
    """

    name = "ledger"

    def __init__(self, path: Path, on_failure: Callable[[Exception], None], disk: DiskWatch | None = None) -> None:
        self.path = path
        self.disk = disk
        self.watch = HealthWatch()
        """What links take, refuse and deliver."""
        self._on_failure = on_failure
        self._lookups = LedgerReader("ledger-lookups")
        self._reports = LedgerReader("ledger-reports")
        self.backup_folder: Path | None = None
        """Where a copy goes before an upgrade; None: `backups` beside the ledger."""
        self.has_erased = True
        """Whether the log may still hold what was erased; who knows what the last run left."""
        self.upgrade_backup: Path | None = None
        """The copy that was taken because this start climbed schema steps; None: it did not."""

    async def start(self) -> None:
        """Open the ledger, or make it. Raises migrate.WrongLedger or sqlite3.Error."""
        self._loop = asyncio.get_running_loop()
        connection = sqlite.open_writer(self.path)
        # Where backups go is the app's to say; see Core.
        folder = self.backup_folder or self.path.parent / BACKUP_FOLDER_NAME
        self.upgrade_backup = upgrade.prepare(connection, self.path, folder, now_ms())
        self._file = _identity(self.path)
        on_full = self.disk.full if self.disk else lambda: None
        self.worker = Worker(connection, VERBS, self._deliver, self._failed, on_full)
        self.worker.start()
        self._lookups.open(self.path)
        self._reports.open(self.path)

    async def stop(self) -> None:
        await self._lookups.close()
        await self._reports.close()
        await self._loop.run_in_executor(None, self.worker.stop)

    # --- writing ---

    async def accept(self, group: Group) -> list[Accepted]:
        """Charge and queue a group, all or nothing: see intake.accept."""
        return await self.accepting(group)

    def accepting(self, group: Group) -> "asyncio.Future[list[Accepted]]":
        """The same for somebody who may stop waiting: the future is not cancelled with its waiter."""
        self._need(Level.NO_INTAKE)
        answer: asyncio.Future[list[Accepted]] = self._loop.create_future()
        self.worker.submit("accept", group, answer)
        return answer

    async def accept_each(self, groups: list[Group]) -> list[list[Accepted] | Fault]:
        """Many groups in one request, each all or nothing; what was refused stands in its place."""
        return await self.accepting_each(groups)

    def accepting_each(self, groups: list[Group]) -> "asyncio.Future[list[list[Accepted] | Fault]]":
        """The same for somebody who may stop waiting."""
        self._need(Level.NO_INTAKE)
        answer: asyncio.Future[list[list[Accepted] | Fault]] = self._loop.create_future()
        self.worker.submit("accept_each", groups, answer)
        return answer

    async def refuse(self, refusal: refusals.Refusal) -> None:
        """Keep a refused submission."""
        self._need(Level.NO_INTAKE)
        await self._write("refuse", refusal)

    async def claim(self, link: str, count_max: int, now_ms: int) -> list[ClaimedPart]:
        """Take up to `count_max` due parts of a link; committed before it returns.

        None when the disk has no room to write down what becomes of them.
        """
        if self._is_short(Level.NO_SENDING):
            return []
        claimed: list[ClaimedPart] = await self._write("claim", queue.Claim(link, count_max, now_ms))
        return claimed

    async def claim_when_due(
        self, link: str, count_max: int, wait_s: float, originator_parts_per_second: float = 0.0
    ) -> list[ClaimedPart]:
        """The same, but wait up to `wait_s` for something to be due. Not to be cancelled: end it by `wake_link`.

        `originator_parts_per_second`: how fast the link may send the parts of one originator; 0: no limit.
        """
        count_max = min(count_max, queue.CLAIM_MAX)
        claimed: list[ClaimedPart] = await self._wait(
            "claim",
            lambda: queue.Claim(link, self._allowed(count_max), now_ms(), originator_parts_per_second),
            bells.of_link(link),
            wait_s,
        )
        return claimed

    def paced(self, link: str) -> tuple[Paced, ...]:
        """Whose parts the latest claim of a link has held back, because they may leave no faster."""
        return memory_of(self.worker.memory).paced.get(link, ())

    def wake_link(self, link: str) -> None:
        """Have the claims that wait on a link answered now, whatever there is."""
        self.worker.ring(bells.of_link(link))

    async def settle(self, link: str, outcomes: list[Outcome]) -> None:
        """Book what became of claimed parts."""
        self._tell(await self._write("settle", settle.Settlement(link, outcomes)))

    def _tell(self, moves: list[Move]) -> None:
        """One line for each part that a receipt moved; what did not get through is a warning."""
        for move in moves:
            write = log.info if move.state is PartState.DELIVERED else log.warning
            error = move.error if move.error.strip("0") else ""
            write(move.state.value, message=move.message_id, part=move.part_no, link=move.link, error=error)
            self.watch.ended(move.link, move.recipient, move.submitted_at_ms, move.state)

    async def receive(self, link: str, arrivals: list[Receipt | InboundPart], now_ms: int) -> None:
        """Store receipts and inbound messages; when it returns they may be acknowledged."""
        self._need(Level.NO_SENDING)
        received: Received = await self._write("receive", receive.Delivery(link, arrivals, now_ms))
        self._tell(received.moves)
        for number in received.ownerless:
            hint = "`smsbridge message inbound` shows it; `smsbridge number add` gives it to somebody"
            log.warning("inbound for nobody", link=link, number=shorten(number), hint=hint)

    async def claim_notices(self, count_max: int, now_ms: int, *, is_for_texts: bool = False) -> list[outbox.Notice]:
        """Take up to `count_max` due notices; none when the disk has no room to write down that they went out."""
        if self._is_short(Level.NO_SENDING):
            return []
        claim = outbox.NoticeClaim(count_max, now_ms, is_for_texts)
        notices: list[outbox.Notice] = await self._write("claim_notices", claim)
        return notices

    async def settle_notices(self, outcomes: list[outbox.NoticeOutcome]) -> None:
        """Book what became of notices."""
        await self._write("settle_notices", outcomes)

    async def claim_notices_when_due(
        self, count_max: int, wait_s: float, clock: Callable[[], int] = now_ms
    ) -> list[outbox.Notice]:
        """Take up to `count_max` mails that are due by `clock`, or wait up to `wait_s` for one."""
        count_max = min(count_max, outbox.NOTICES_MAX)
        notices: list[outbox.Notice] = await self._wait(
            "claim_notices", lambda: outbox.NoticeClaim(self._allowed(count_max), clock()), bells.NOTICES, wait_s
        )
        return notices

    def wake_notices(self) -> None:
        """Have the claims that wait for mails answered now, whatever there is."""
        self.worker.ring(bells.NOTICES)

    async def claim_esme_notices(self, account_id: int, count_max: int, now_ms: int) -> list[esme.EsmeNotice]:
        """Take up to `count_max` due notices of an account's ESMEs; none when the disk has no room to book them."""
        if self._is_short(Level.NO_SENDING):
            return []
        claim = esme.EsmeClaim(account_id, count_max, now_ms)
        notices: list[esme.EsmeNotice] = await self._write("claim_esme_notices", claim)
        return notices

    async def claim_esme_notices_when_due(
        self, account_id: int, count_max: int, wait_s: float
    ) -> list[esme.EsmeNotice]:
        """The same, but wait up to `wait_s` for one to be due. Not to be cancelled: see `wake_esmes`."""
        count_max = min(count_max, esme.CLAIM_MAX)
        notices: list[esme.EsmeNotice] = await self._wait(
            "claim_esme_notices",
            lambda: esme.EsmeClaim(account_id, self._allowed(count_max), now_ms()),
            bells.of_esmes(account_id),
            wait_s,
        )
        return notices

    def wake_esmes(self, account_id: int) -> None:
        """Have the claims that wait for an account's ESMEs answered now, whatever there is."""
        self.worker.ring(bells.of_esmes(account_id))

    async def settle_esme_notices(self, outcomes: list[esme.EsmeNoticeOutcome]) -> None:
        """Book what became of them."""
        await self._write("settle_esme_notices", outcomes)

    async def truncate_wal(self) -> bool:
        """Cut the log, so that nothing erased is left in it; False when a reader needs it just now."""
        is_cut: bool = await self._write("truncate_wal", None)
        self.has_erased = self.has_erased and not is_cut
        return is_cut

    @property
    def wal_size(self) -> int:
        """Octets of the ledger's log."""
        try:
            return self.path.with_name(f"{self.path.name}-wal").stat().st_size
        except FileNotFoundError:
            return 0

    async def release_held(self, **values: Any) -> dict[str, Any]:
        """Queue held parts again and owe held notices again: see ledger.held."""
        done: dict[str, Any] = await self.do("held_release", **values)
        return done

    async def cancel_held(self, **values: Any) -> dict[str, Any]:
        """End held parts as cancelled: see ledger.held."""
        done: dict[str, Any] = await self.do("held_cancel", **values)
        return done

    async def do(self, verb: str, **values: Any) -> Any:
        """Run a rare verb: one of VERBS that takes keyword values."""
        return await self._write(verb, values)

    def _is_short(self, level: Level) -> bool:
        return self.disk is not None and self.disk.level >= level

    def _need(self, level: Level) -> None:
        if self.disk is not None and self.disk.level:
            self.disk.refuse_if_short(level)

    async def _write(self, verb: str, argument: Any) -> Any:
        answer = self._loop.create_future()
        self.worker.submit(verb, argument, answer)
        return await answer

    def _allowed(self, count_max: int) -> int:
        return 0 if self._is_short(Level.NO_SENDING) else count_max

    async def _wait(self, verb: str, make: Callable[[], Any], bell: str, wait_s: float) -> Any:
        answer = self._loop.create_future()
        self.worker.submit_waiting(verb, make, answer, bell=bell, wait_s=wait_s)
        return await answer

    def _deliver(self, results: list[Result]) -> None:
        """Called on the writer's thread after a commit: one hop to the loop for the whole group."""
        self._loop.call_soon_threadsafe(self._resolve, results)

    def _resolve(self, results: list[Result]) -> None:
        for result in results:
            if result.token.cancelled():
                continue
            if result.error is None:
                result.token.set_result(result.value)
                continue
            if not isinstance(result.error, Fault | LedgerFailed):
                log.error("verb failed", exc_info=result.error)
            result.token.set_exception(result.error)

    def _failed(self, error: Exception) -> None:
        self._loop.call_soon_threadsafe(self._on_failure, error)

    def trouble(self) -> str:
        """Why nothing written here can be trusted any more; "" while all is well. May be called on any thread."""
        if not self.worker.is_alive:
            return "its writer has ended"
        try:
            is_same = _identity(self.path) == self._file
        except OSError as error:
            hint = "put it back where it was, or restore a backup with `smsbridge restore FILE`"
            return f"its file cannot be found any more ({error.strerror}); {hint}"
        return "" if is_same else "another file was put in its place; see that the right one is there"

    # --- reading ---

    async def read(self, report: str, **values: Any) -> Any:
        """Run a report of ledger.reports. Raises Fault NOT_FOUND for an unknown report."""
        if report not in REPORTS:
            raise Fault(FaultCode.NOT_FOUND, f"report {report}")
        reader = self._lookups if report in LOOKUPS else self._reports
        try:
            return await reader.run(lambda database: REPORTS[report](database, **values))
        except sqlite3.Error as error:
            if is_fatal(error):
                self._on_failure(error)
                raise LedgerFailed(error) from error
            raise


def _identity(path: Path) -> tuple[int, int]:
    """What tells a file from another one of the same name."""
    found = path.stat()
    return found.st_dev, found.st_ino
