"""The built-in link `test`: takes what is queued for test numbers and answers it as a carrier would; no socket.

It stands on the ledger like every link: it claims parts, settles them, and hands in receipts. What waits for its
receipt is kept in memory for speed and found again in the ledger at a start, so that a restart only makes it later.
"""

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from bridge.ledger.worker import LedgerFailed
from bridge.messages.faults import Fault
from bridge.messages.message import TEST_LINK, ClaimedPart, Outcome, OutcomeKind
from bridge.messages.receipt import Receipt
from bridge.runtime import logs
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import monotonic_ms, now_ms, spawn
from bridge.test_out.outcome import ending_of
from bridge.test_out.settings import TestLinkSettings

POLL_S = 1.0
"""How long a claim waits in the ledger."""
RETRY_S = 1.0
"""Wait after the ledger failed us."""
CLAIM_MAX = 100
"""Parts of one claim."""
WAITING_MAX = 10_000
"""Parts that wait for their receipt; beyond it nothing is claimed until some have theirs."""
STOP_TIMEOUT_S = 5.0
REFUSED = "this test number is always refused"

log = logs.get("link")

Value = TypeVar("Value")
Item = TypeVar("Item")
TOLD_MAX = 10
"""Names in one line of the log."""


class TestLink:
    """Ends messages to test numbers. One task claims and settles, one hands in receipts."""

    __test__ = False

    name = "test link"

    def __init__(self, settings: TestLinkSettings, ledger: LedgerClient) -> None:
        self._delay_ms = settings.receipt_delay_ms
        self._ledger = ledger
        self._waiting: deque[tuple[int, Receipt]] = deque()
        """When each receipt is due (monotonic ms), soonest first."""
        self._news = asyncio.Event()
        self._is_stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Find what an earlier process submitted, and begin to claim."""
        await self._find_waiting()
        self._tasks = [spawn(self._take(), "test link"), spawn(self._report(), "test receipts")]

    async def stop(self) -> None:
        """Claim no more and finish what is being settled; receipts that are not due are found at the next start."""
        self._is_stopping = True
        self._ledger.wake_link(TEST_LINK)
        if self._tasks:
            take, report = self._tasks
            await asyncio.wait({take}, timeout=STOP_TIMEOUT_S)
            for task in (take, report):
                task.cancel()
            await asyncio.gather(take, report, return_exceptions=True)

    async def _find_waiting(self) -> None:
        above, at_ms, start_ms = 0, now_ms(), monotonic_ms()
        while rows := await self._ledger.read("parts_submitted", link=TEST_LINK, above=above):
            for row in rows:
                # A clock that was set meanwhile changes nothing about how long they wait at most.
                left_ms = min(max(row["submitted_at_ms"] + self._delay_ms - at_ms, 0), self._delay_ms)
                self._waiting.append((start_ms + left_ms, _receipt(row["smsc_id"], row["recipient"])))
            above = rows[-1]["part_id"]
        self._waiting = deque(sorted(self._waiting, key=lambda waiting: waiting[0]))

    async def _take(self) -> None:
        while not self._is_stopping:
            room = WAITING_MAX - len(self._waiting)
            if room <= 0:
                await asyncio.sleep(POLL_S)
            elif parts := await self._claim(min(CLAIM_MAX, room)):
                await self._answer(parts)

    async def _claim(self, count_max: int) -> list[ClaimedPart]:
        try:
            return await self._insist(lambda: self._ledger.claim_when_due(TEST_LINK, count_max, POLL_S), [])
        except Exception:  # The outermost hook of claiming: our bug.
            log.exception("claim failed", link=TEST_LINK)
            await asyncio.sleep(POLL_S)
            return []

    async def _answer(self, parts: list[ClaimedPart]) -> None:
        at_ms = now_ms()
        answers = [(part, _outcome(part, at_ms)) for part in parts]
        booked = await self._book(answers, self._settle, lambda answer: answer[0].message_id)
        due_ms = monotonic_ms() + self._delay_ms
        for part, outcome in booked:
            log.info(outcome.kind.value, link=TEST_LINK, message=part.message_id, part=part.part_no)
            if outcome.smsc_id:
                self._waiting.append((due_ms, _receipt(outcome.smsc_id, part.recipient)))
        self._news.set()

    async def _settle(self, answers: list[tuple[ClaimedPart, Outcome]]) -> None:
        await self._ledger.settle(TEST_LINK, [outcome for _, outcome in answers])

    async def _report(self) -> None:
        while True:
            self._news.clear()
            wait_ms = self._waiting[0][0] - monotonic_ms() if self._waiting else None
            if wait_ms is None or wait_ms > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if wait_ms is None else wait_ms / 1000):
                        await self._news.wait()
                continue
            await self._hand_in()

    async def _hand_in(self) -> None:
        """Give the ledger the receipts that are due, at most CLAIM_MAX of them."""
        until_ms, at_ms = monotonic_ms(), now_ms()
        due = list(itertools.takewhile(lambda waiting: waiting[0] <= until_ms, self._waiting))[:CLAIM_MAX]
        receipts = [replace(receipt, network_at_ms=at_ms) for _, receipt in due]
        await self._book(
            receipts, lambda some: self._ledger.receive(TEST_LINK, list(some), at_ms), lambda receipt: receipt.smsc_id
        )
        for _ in due:
            self._waiting.popleft()

    async def _book(
        self, items: list[Item], call: Callable[[list[Item]], Awaitable[object]], name: Callable[[Item], str]
    ) -> list[Item]:
        """Hand them to the ledger, however long it is busy; gives those that it took. `name` is what the log calls one.

        One that breaks the ledger's verb is left for the next start, and its neighbours are handed over one by one.
        """
        try:
            await self._insist(lambda: call(items), None)
        except Exception:  # The outermost hook of booking: our bug, met by one and not by its neighbours.
            names = [name(item) for item in items[:TOLD_MAX]]
            log.exception("booking failed", link=TEST_LINK, count=len(items), names=names)
            if len(items) == 1:
                return []
            return [taken for item in items for taken in await self._book([item], call, name)]
        return items

    async def _insist(self, call: Callable[[], Awaitable[Value]], stopped: Value) -> Value:
        """Do it, however long the ledger is busy; `stopped` when the appliance stops meanwhile."""
        while True:
            try:
                return await call()
            except (Fault, LedgerFailed) as trouble:
                log.error("ledger in trouble", link=TEST_LINK, why=str(trouble))
            if self._is_stopping:
                return stopped
            await asyncio.sleep(RETRY_S)


def _outcome(part: ClaimedPart, at_ms: int) -> Outcome:
    if ending_of(part.recipient).is_refused:
        return Outcome(part.part_id, OutcomeKind.REJECTED, at_ms, reason=REFUSED)
    return Outcome(part.part_id, OutcomeKind.SUBMITTED, at_ms, smsc_id=f"test-{part.part_id}")


def _receipt(smsc_id: str, recipient: str) -> Receipt:
    ending = ending_of(recipient)
    receipt = Receipt(smsc_id, ending.state, ending.error or "000", originator=recipient)
    receipt.explain()
    return receipt
