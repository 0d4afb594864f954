"""Receipts and inbound texts go out: claims what the ledger owes an account's ESMEs, and sends it as deliver_sm.

While a receiver or transceiver of the account is bound, what is owed is claimed, as much as their windows have room
for, and sent to them in turn. An answer settles it: done, given up, or owed again after a growing wait; silence and a
lost connection count as "again", so an ESME may get something twice, and loses nothing. Nothing is claimed while
nobody is bound.
"""

import asyncio
from collections import deque

from bridge.ledger.esme import EsmeNoticeKind, EsmeNoticeOutcome
from bridge.ledger.worker import LedgerFailed
from bridge.messages.faults import Fault
from bridge.runtime import logs
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms, running, spawn
from bridge.smpp.pdus import Pdu
from bridge.smpp_in import replies
from bridge.smpp_in.connection import EsmeConnection
from bridge.smpp_in.delivery import LOST, SILENT, Delivery, pdus_of, status_of, verdict, wait_ms
from bridge.smpp_in.sessions import EsmeAccount
from bridge.smpp_in.waiting import until

CLAIM_MAX = 500
"""What one claim takes, whatever the windows: the rest comes with the next."""
POLL_S = 30.0
"""How long a claim waits in the ledger, which is looked at anew then; and sooner when something put off is due."""
RETRY_S = 1.0
"""Wait after the ledger failed us."""
REST_S = 1.0
"""A session that says "not now" is left alone for so long, whatever else is owed."""

log = logs.get("smpp")


class Deliveries:
    """What goes to the ESMEs of one account."""

    def __init__(self, account: EsmeAccount, ledger: LedgerClient) -> None:
        self._account = account
        self._ledger = ledger
        self._queue: deque[Delivery] = deque()
        """Claimed and not wholly written."""
        self._open: set[Delivery] = set()
        """Claimed and not settled."""
        self._outcomes: list[EsmeNoticeOutcome] = []
        """Settled and not yet told to the ledger."""
        self._news = asyncio.Event()
        self._is_stopping = False
        self._is_pumping = False
        self._task: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[None] | None = None

    # What the service tells

    def wake(self) -> None:
        """A receiver was bound, or has room again."""
        if (self._task is None or self._task.done()) and not self._is_stopping:
            self._task = spawn(self._claim(), f"deliver to {self._account.name}")
        self._pump_soon()

    def answered(self, delivery: Delivery, connection: EsmeConnection, response: Pdu) -> None:
        """The ESME answered one deliver_sm."""
        status = status_of(response)
        if status in replies.COME_AGAIN:
            connection.rest(REST_S)
        elif not status:
            connection.delivered += 1
        self._one_ended(delivery, status)

    def unanswered(self, delivery: Delivery, *, is_lost: bool) -> None:
        """No answer came in time, or the connection is gone."""
        self._one_ended(delivery, LOST if is_lost else SILENT)

    def _one_ended(self, delivery: Delivery, status: int) -> None:
        delivery.unanswered -= 1
        delivery.status = delivery.status or status
        self._settle_if_ended(delivery)
        self._pump_soon()

    def left(self, connection: EsmeConnection) -> None:
        """A session ended: what it had begun to get begins anew elsewhere, and without anybody bound it waits."""
        self._break_off([one for one in self._queue if one.connection is connection])
        if not self._account.receivers:
            self._give_back()
            self._look_now()
        self._pump_soon()

    async def drain(self, timeout_s: float) -> None:
        """Claim no more, and wait for the answers that are due, at most so long."""
        self._is_stopping = True
        self._give_back()
        self._look_now()
        self._news.set()
        # What a claim is still to give would be nobody's.
        await until(lambda: not self._open and (self._task is None or self._task.done()), timeout_s)

    async def stop(self, timeout_s: float) -> bool:
        """Once nobody is bound: end, as soon as the ledger knows every outcome; False when it did not in time."""
        is_settled = await until(lambda: not (self._open or self._outcomes or self._settling), timeout_s)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        return is_settled

    # Claim

    async def _claim(self) -> None:
        """Claim as long as there is room; a claim waits in the ledger until something is owed."""
        while self._account.receivers and not self._is_stopping:
            waits = bool(self._queue) and self._queue[-1].connection is None
            count = 0 if waits else min(self._room(), CLAIM_MAX)
            if not count:
                self._news.clear()
                await self._news.wait()
                continue
            try:
                notices = await self._ledger.claim_esme_notices_when_due(self._account.account_id, count, POLL_S)
            except Exception:  # The outermost hook of claiming: a ledger in trouble must not end it.
                log.exception("claim failed", account=self._account.name)
                await asyncio.sleep(RETRY_S)
                continue
            for notice in notices:
                delivery = Delivery(notice)
                self._open.add(delivery)
                self._queue.append(delivery)
            self._pump()
            if self._is_stopping or not self._account.receivers:
                self._give_back()

    def _look_now(self) -> None:
        """Have a claim that waits in the ledger answered, as something was put off or nobody is bound any more."""
        self._ledger.wake_esmes(self._account.account_id)

    def _room(self) -> int:
        return sum(connection.room for connection in self._account.sessions)

    # Write

    def _pump_soon(self) -> None:
        """Write what waits at the end of this turn, and claim more."""
        if not self._is_pumping:
            self._is_pumping = True
            running().call_soon(self._pump)

    def _pump(self) -> None:
        self._is_pumping = False
        begun: list[Delivery] = []
        while self._queue:
            delivery = self._queue[0]
            if not self._write(delivery):
                if delivery.connection is None:
                    break
                begun.append(delivery)  # Its session is full; what is behind it may go to another one.
            self._queue.popleft()
        self._queue.extendleft(reversed(begun))
        self._news.set()

    def _write(self, delivery: Delivery) -> bool:
        """Write a delivery; False while there is no room for the rest of it."""
        connection = delivery.connection or self._account.next_receiver()
        if connection is None:
            return False
        try:
            if delivery.connection is None:
                delivery.connection = connection
                delivery.waiting = pdus_of(delivery.notice, self._account.rules, connection.session.version)
            while delivery.waiting:
                if connection.room <= 0:
                    return False
                connection.send(delivery.waiting[0], delivery)
                del delivery.waiting[0]
                delivery.unanswered += 1
        except Exception:  # One that cannot be written must not stop those behind it.
            notice = delivery.notice
            log.exception("undeliverable", account=self._account.name, what=notice.event, notice=notice.esme_notice_id)
            self._settle(delivery, EsmeNoticeKind.GIVEN_UP, "it cannot be written")
        return True

    def _give_back(self) -> None:
        """What was claimed and not written is owed again, at once."""
        for delivery in self._queue:
            if delivery.connection is None:
                self._settle(delivery, EsmeNoticeKind.RETRY, "an ESME that takes it", after_ms=0)
        self._break_off(list(self._queue))
        self._queue.clear()

    def _break_off(self, deliveries: list[Delivery]) -> None:
        """The rest of these is not written any more."""
        for delivery in deliveries:
            delivery.waiting.clear()
            delivery.status = delivery.status or LOST
            self._settle_if_ended(delivery)

    # Settle

    def _settle_if_ended(self, delivery: Delivery) -> None:
        if delivery.has_ended:
            delivery.waiting.clear()
            self._settle(delivery, *verdict(delivery.status))

    def _settle(self, delivery: Delivery, kind: EsmeNoticeKind, reason: str, after_ms: int | None = None) -> None:
        """`after_ms`: when it is owed again, instead of the usual wait."""
        if delivery.is_settled:
            return
        delivery.is_settled = True
        self._open.discard(delivery)
        at_ms = now_ms()
        retry_at_ms = 0
        if kind is EsmeNoticeKind.RETRY:
            retry_at_ms = at_ms + (wait_ms(delivery) if after_ms is None else after_ms)
        elif kind is EsmeNoticeKind.GIVEN_UP:
            log.warning("given up", account=self._account.name, what=delivery.notice.event, why=reason)
        self._outcomes.append(EsmeNoticeOutcome(delivery.notice.esme_notice_id, kind, at_ms, retry_at_ms, reason))
        if self._settling is None:
            self._settling = spawn(self._tell(), f"settle for {self._account.name}")

    async def _tell(self) -> None:
        """Let the ledger know, everything of this turn at once."""
        await asyncio.sleep(0)
        try:
            while self._outcomes:
                outcomes, self._outcomes = self._outcomes, []
                await self._book(outcomes)
                if any(outcome.kind is EsmeNoticeKind.RETRY for outcome in outcomes):
                    self._look_now()  # The next claim sees when that is due again.
        finally:
            self._settling = None

    async def _book(self, outcomes: list[EsmeNoticeOutcome]) -> None:
        """Book outcomes, however long the ledger is busy."""
        while True:
            try:
                await self._ledger.settle_esme_notices(outcomes)
            except (Fault, LedgerFailed) as trouble:
                log.error("settle put off", account=self._account.name, count=len(outcomes), why=str(trouble))
                await asyncio.sleep(RETRY_S)
            except Exception:  # The outermost hook of settling: our bug; they are owed again at the next start.
                notices = [outcome.esme_notice_id for outcome in outcomes[:10]]
                log.exception("settle failed", account=self._account.name, count=len(outcomes), notices=notices)
                return
            else:
                return
