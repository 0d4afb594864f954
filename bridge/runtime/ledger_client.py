"""The ledger's async face: named verbs with plain values, answered after the commit that makes them true.

Writes go to the one writer thread in groups; reads run on a read-only connection in a thread of their own. Nothing
here blocks the loop.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from bridge.intake import accept
from bridge.ledger import accounts, migrate, outbox, queue, receive, refusals, settle, sqlite, timers
from bridge.ledger.database import Transaction
from bridge.ledger.receipts import Move
from bridge.ledger.receive import Received
from bridge.ledger.reports import REPORTS
from bridge.ledger.worker import LedgerFailed, Result, Verb, Worker
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.inbound import InboundPart
from bridge.messages.message import Accepted, ClaimedPart, Outcome, PartState
from bridge.messages.receipt import Receipt
from bridge.runtime import logs
from bridge.runtime.wakeups import Wakeups

log = logs.get("ledger")

_RARE_VERBS = (
    accounts.account_add,
    accounts.account_open,
    accounts.account_set_disabled,
    accounts.account_top_up,
    accounts.credential_add,
    accounts.tariff_set,
    accounts.number_add,
    timers.recover,
    timers.resolve_doubts,
    timers.expire,
    timers.shift,
    timers.tidy,
)


def _rare(function: Callable[..., Any]) -> Verb:
    """A verb for one argument at a time; a refusal takes back what it had written and leaves the others alone."""

    def verb(tx: Transaction, arguments: list[Any]) -> list[Any]:
        results: list[Any] = []
        for values in arguments:
            try:
                with tx.savepoint():
                    results.append(function(tx, **values))
            except Fault as fault:
                results.append(fault)
        return results

    return verb


VERBS: Mapping[str, Verb] = {
    "accept": accept.accept,
    "refuse": refusals.refuse,
    "claim": queue.claim,
    "settle": settle.settle,
    "receive": receive.receive,
    "claim_notices": outbox.claim_notices,
    "settle_notices": outbox.settle_notices,
    **{function.__name__: _rare(function) for function in _RARE_VERBS},
}
"""Everything that can change the ledger, by name."""


LOOKUPS = frozenset({"credentials_of", "network_credentials", "tariff_list"})
"""Reports that a login or a submission waits for: they never stand behind an audit that takes a minute."""


class LedgerClient:
    """Open it once per process; `stop` commits what was handed in.

    Every method raises Fault TRY_LATER or QUEUE_FULL when the ledger is busy or full, LedgerFailed when its disk
    failed.
    """

    name = "ledger"

    def __init__(self, path: Path, wakeups: Wakeups, on_failure: Callable[[Exception], None]) -> None:
        self.path = path
        self._wakeups = wakeups
        self._on_failure = on_failure
        self._lookups = _Reader("ledger-lookups")
        self._reports = _Reader("ledger-reports")

    async def start(self) -> None:
        """Open the ledger, or make it. Raises migrate.WrongLedger or sqlite3.Error."""
        self._loop = asyncio.get_running_loop()
        connection = sqlite.open_writer(self.path)
        migrate.prepare(connection)
        self.worker = Worker(connection, VERBS, self._deliver, self._failed)
        self.worker.start()
        self._lookups.open(self.path)
        self._reports.open(self.path)

    async def stop(self) -> None:
        await self._lookups.close()
        await self._reports.close()
        await self._loop.run_in_executor(None, self.worker.stop)

    # --- writing ---

    async def accept(self, group: accept.Group) -> list[Accepted]:
        """Charge and queue a group, all or nothing: see intake.accept."""
        accepted: list[Accepted] = await self._write("accept", group)
        for link in {message.links[0] for message in group.messages}:
            self._wakeups.ring(f"link:{link}")
        return accepted

    async def refuse(self, refusal: refusals.Refusal) -> None:
        """Keep a refused submission."""
        await self._write("refuse", refusal)

    async def claim(self, link: str, count_max: int, now_ms: int) -> list[ClaimedPart]:
        """Take up to `count_max` due parts of a link; committed before it returns."""
        claimed: list[ClaimedPart] = await self._write("claim", queue.Claim(link, count_max, now_ms))
        return claimed

    async def settle(self, link: str, outcomes: list[Outcome]) -> None:
        """Book what became of claimed parts."""
        _tell(link, await self._write("settle", settle.Settlement(link, outcomes)))
        self._wakeups.ring("notices")

    async def receive(self, link: str, arrivals: list[Receipt | InboundPart], now_ms: int) -> None:
        """Store receipts and inbound messages; when it returns they may be acknowledged."""
        received: Received = await self._write("receive", receive.Delivery(link, arrivals, now_ms))
        _tell(link, received.moves)
        for number in received.ownerless:
            log.warning("inbound for nobody", link=link, number=number, hint="smsbridge number add")
        self._wakeups.ring("notices")

    async def claim_notices(self, count_max: int, now_ms: int) -> list[outbox.Notice]:
        """Take up to `count_max` due notices."""
        notices: list[outbox.Notice] = await self._write("claim_notices", outbox.NoticeClaim(count_max, now_ms))
        return notices

    async def settle_notices(self, outcomes: list[outbox.NoticeOutcome]) -> None:
        """Book what became of notices."""
        await self._write("settle_notices", outcomes)

    async def do(self, verb: str, **values: Any) -> Any:
        """Run a rare verb: one of VERBS that takes keyword values."""
        return await self._write(verb, values)

    async def _write(self, verb: str, argument: Any) -> Any:
        answer = self._loop.create_future()
        self.worker.submit(verb, argument, answer)
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

    # --- reading ---

    async def read(self, report: str, **values: Any) -> Any:
        """Run a report of ledger.reports. Raises Fault NOT_FOUND for an unknown report."""
        if report not in REPORTS:
            raise Fault(FaultCode.NOT_FOUND, f"report {report}")
        reader = self._lookups if report in LOOKUPS else self._reports
        return await reader.run(lambda database: REPORTS[report](database, **values))


def _tell(link: str, moves: list[Move]) -> None:
    """One line for each part that a receipt moved; what did not get through is a warning."""
    for move in moves:
        write = log.info if move.state is PartState.DELIVERED else log.warning
        error = move.error if move.error.strip("0") else ""
        write(move.state.value, message=move.message_id, part=move.part_no, link=link, error=error)


class _Reader:
    """A read-only connection and the one thread that uses it."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def open(self, path: Path) -> None:
        self._database = Database(sqlite.open_reader(path), execute_plugins=False)

    async def run(self, work: Callable[[Database], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._database)

    async def close(self) -> None:
        await self.run(lambda database: database.conn.close())
        self._thread.shutdown()
