"""The way back by mail as a service: claim what the outbox owes, send it, book what became of it.

One task claims; `concurrency` tasks send, each over a connection of its own that it keeps while there is
work. A notice is settled whatever happens to it, and a stop gives back what was not sent; only a crash leaves it
claimed, and the next start sends it again with the same Message-ID.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

from bridge import failpoints
from bridge.inbound_mail import sendback
from bridge.inbound_mail.relay import Answer, Fate, Relay
from bridge.inbound_mail.settings import RelaySettings
from bridge.ledger import low_credit
from bridge.ledger.low_credit import CreditView
from bridge.ledger.outbox import Notice, NoticeOutcome
from bridge.ledger.worker import LedgerFailed
from bridge.messages.faults import Fault
from bridge.runtime import logs
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms, spawn

POLL_S = 1.0
"""How long a claim waits in the ledger: then the outbox is looked at for mails whose time has come."""
IDLE_S = 5.0
"""How long a connection without work is kept; a relay closes it after minutes by itself."""
TROUBLE_WAIT_S = 10.0
"""Pause after the relay could not be reached, so that a long outbox does not knock all day; also after trouble
with the ledger."""
STOP_TIMEOUT_S = 10.0
"""How long a stop waits for the mails that are on the wire."""
BOOK_TIMEOUT_S = 5.0
"""How long a stop waits for the ledger to hear what became of the others."""

log = logs.get("mail")


class SendbackService:
    """Sends what the outbox owes through the relay. `clock` tells the time in ms UTC."""

    name = "sendback"

    def __init__(
        self,
        settings: RelaySettings,
        domain: str,
        ledger: LedgerClient,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._settings = settings
        self._domain = domain
        self._sender = settings.sender or f"sms@{domain}"
        self._ledger = ledger
        self._clock = clock
        self._claimed: asyncio.Queue[Notice] = asyncio.Queue()
        self._free = asyncio.Semaphore(settings.concurrency)
        self._open: dict[int, NoticeOutcome | None] = {}
        """Claimed and not settled, by notice, with what became of it as soon as that is known."""
        self._is_relay_down = False
        self._claimer: asyncio.Task[None] | None = None
        self._claiming: asyncio.Task[list[Notice]] | None = None
        """The claim that the ledger has not answered yet: never cancelled, for what it takes must be given back."""
        self._carriers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to send; a relay that is down does not matter."""
        self._carriers = [spawn(self._carry(), f"mail {n}") for n in range(self._settings.concurrency)]
        self._claimer = spawn(self._claim(), "claim notices")

    async def stop(self) -> None:
        """Claim no more, finish the mails on the wire, close the connections, and owe the others again."""
        if self._claimer is not None:
            self._claimer.cancel()
            await asyncio.gather(self._claimer, return_exceptions=True)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._claimed.join()
        except TimeoutError:
            log.warning("mails left on the wire", hint="they are sent again after the next start")
        for carrier in self._carriers:
            carrier.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)
        try:
            async with asyncio.timeout(BOOK_TIMEOUT_S):
                await self._give_back()
        except (Fault, LedgerFailed, TimeoutError) as trouble:
            log.warning("mails left claimed", why=str(trouble), hint="the next start sends them again")

    async def _give_back(self) -> None:
        """What was claimed and not sent is owed again, at once; what was sent and not booked is booked."""
        if self._claiming is not None:
            self._ledger.wake_notices()
            for notice in await self._claiming:
                self._open[notice.notice_id] = None
            self._claiming = None
        now = self._clock()
        reason = "the appliance stopped before it was sent"
        outcomes = [
            outcome or NoticeOutcome(notice_id, is_done=False, at_ms=now, retry_at_ms=now, reason=reason)
            for notice_id, outcome in self._open.items()
        ]
        if outcomes:
            await self._ledger.settle_notices(outcomes)
        self._open.clear()

    async def _claim(self) -> None:
        """Claim as many notices as there are carriers free, for ever."""
        while True:
            await self._free.acquire()
            room = 1
            while not self._free.locked():
                await self._free.acquire()
                room += 1
            notices = await self._claim_some(room)
            for notice in notices:
                self._open[notice.notice_id] = None
                self._claimed.put_nowait(notice)
            self._claiming = None
            for _ in range(room - len(notices)):
                self._free.release()
            if self._is_relay_down:
                self._is_relay_down = False
                await asyncio.sleep(TROUBLE_WAIT_S)

    async def _claim_some(self, count_max: int) -> list[Notice]:
        claim = self._ledger.claim_notices_when_due(count_max, POLL_S, self._clock)
        self._claiming = asyncio.get_running_loop().create_task(claim, name="claim some notices")
        try:
            return await asyncio.shield(self._claiming)
        except Exception:
            self._claiming = None
            log.exception("outbox cannot be read")
            await asyncio.sleep(TROUBLE_WAIT_S)
            return []

    async def _carry(self) -> None:
        """Send one notice after another over one connection, closed when there is nothing to do."""
        relay = Relay(self._settings, self._domain)
        try:
            while True:
                try:
                    async with asyncio.timeout(IDLE_S):
                        notice = await self._claimed.get()
                except TimeoutError:
                    await relay.close()
                    continue
                try:
                    await self._send(notice, relay)
                finally:
                    self._claimed.task_done()
                    self._free.release()
        finally:
            await relay.close()

    async def _send(self, notice: Notice, relay: Relay) -> None:
        try:
            answer = await sendback.send_back(await self._whole(notice), relay, self._sender, self._domain)
        except Exception as error:
            # Our bug, and of this one notice: it is tried again, and the others go on.
            log.exception("mail failed", kind=notice.kind, message=notice.message.message_id if notice.message else "")
            answer = Answer(Fate.LATER, f"it could not be written: {type(error).__name__}")
        failpoints.reach("relay.answered")
        self._is_relay_down = self._is_relay_down or answer.is_unreachable
        outcome = sendback.decide(notice, answer, self._clock(), random.random())  # noqa: S311 - only spreads retries
        sendback.tell(notice, answer, outcome)
        self._open[notice.notice_id] = outcome
        await self._settle(outcome)
        del self._open[notice.notice_id]

    async def _whole(self, notice: Notice) -> Notice:
        """The notice with what is read only when it is written: how the credit stands that a warning is about."""
        if notice.kind != low_credit.MAIL:
            return notice
        outlook = await self._ledger.read("credit_outlook", name=notice.account_name, now_ms=self._clock())
        return replace(notice, credit=CreditView(**outlook))

    async def _settle(self, outcome: NoticeOutcome) -> None:
        """Book it, however long the ledger is busy: an unsettled notice would wait for the next start."""
        while True:
            try:
                await self._ledger.settle_notices([outcome])
                return
            except Fault as fault:
                log.warning("outcome of a mail waits for the ledger", fault=fault.code.value)
                await asyncio.sleep(TROUBLE_WAIT_S)
