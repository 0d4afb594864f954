"""Parts go out: claims from the ledger what the window and the pace allow, writes it, and settles the answers.

The claim is committed before the first octet leaves, so after a crash every part that may have left is
known. One claim call is on its way at a time; as soon as answers make room, the next one follows.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

from bridge import failpoints
from bridge.messages.message import ClaimedPart, OutcomeKind
from bridge.runtime import logs
from bridge.runtime.loop import monotonic_ms, now_ms, running, spawn
from bridge.smpp import translate
from bridge.smpp.constants import Status
from bridge.smpp.pdus import GenericNack, Pdu, SubmitSmResp
from bridge.smpp_out import outcome
from bridge.smpp_out.books import Books, Counts, SettleLedger, place
from bridge.smpp_out.connection import LinkConnection
from bridge.smpp_out.pacer import Pacer
from bridge.smpp_out.settings import LinkSettings
from bridge.smpp_out.waiting import happens

RETRY_S = 1.0
"""Wait after the ledger failed us."""
REBIND_WAIT_S = 5.0
"""How long the answers to the rest of the window are awaited when the SMSC says that we are not bound."""
POLL_S = 1.0
"""A hint may be lost: the queue is looked at this often all the same, and for parts whose time has come."""

log = logs.get("link")


class SendLedger(SettleLedger, Protocol):
    """The verbs of the ledger that sending needs."""

    def claim(self, link: str, count_max: int, now_ms: int) -> Awaitable[list[ClaimedPart]]:
        """Take due parts of `link`; returns after the commit."""


class Hints(Protocol):
    """Where a hint that something is queued arrives."""

    def wait(self, name: str, timeout_s: float) -> Awaitable[bool]:
        """Wait for the hint `name`."""


class Sender:
    """The sending half of one link. The link tells it when a session is bound, answered or lost."""

    def __init__(self, settings: LinkSettings, ledger: SendLedger, hints: Hints) -> None:
        self._name = settings.name
        self._hold_ms = round(settings.in_doubt_hold_s * 1000)
        self._options = translate.SubmitOptions(
            source_ton=settings.source_ton,
            source_npi=settings.source_npi,
            dest_ton=settings.dest_ton,
            dest_npi=settings.dest_npi,
        )
        self._ledger = ledger
        self._hints = hints
        self._window = settings.window
        self._pacer = Pacer(settings.parts_per_second, monotonic_ms())
        self._connection: LinkConnection | None = None
        self._leaving: Callable[[], None] | None = None
        self._in_flight: dict[int, ClaimedPart] = {}
        self._books = Books(settings.name, ledger)
        self._news = asyncio.Event()
        self._is_drained = False
        self._is_hinted = False
        self._is_stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to claim as soon as a session is bound."""
        self._tasks = [spawn(self._run(), f"send {self._name}"), spawn(self._listen(), f"hints {self._name}")]

    async def stop(self, answers_wait_s: float) -> None:
        """Claim no more; wait for the answers that are due, at most `answers_wait_s`."""
        self._is_stopping = True
        self._news.set()
        if self._tasks:
            send, listen = self._tasks
            listen.cancel()
            await asyncio.wait({send, listen})
        deadline = running().time() + answers_wait_s
        while self._in_flight and (left_s := deadline - running().time()) > 0:
            self._news.clear()
            await happens(self._news, left_s)

    async def settled(self, timeout_s: float) -> bool:
        """Wait until the ledger knows every outcome; False when it did not take them in time."""
        return await self._books.closed(timeout_s)

    # What the link asks

    @property
    def counts(self) -> Counts:
        """What was done since the process started."""
        return self._books.counts

    @property
    def unanswered(self) -> int:
        """Parts written and not yet answered."""
        return len(self._in_flight)

    @property
    def parts_per_second(self) -> float:
        """The present pace; 0 for no limit."""
        return round(self._pacer.rate, 2)

    @property
    def is_throttled(self) -> bool:
        """Whether the SMSC made us slower."""
        return self._pacer.is_slowed

    def waiting_reason(self) -> str:
        """What holds a due part up while a session is bound; "" for nothing."""
        if self._pacer.is_slowed:
            return f"link {self._name} was throttled by the carrier and sends {self._pacer.rate:.3g} parts/s"
        if len(self._in_flight) >= self._window:
            return f"link {self._name} waits for the answers to {len(self._in_flight)} parts (its window is full)"
        if self._pacer.rate:
            return f"link {self._name} sends {self._pacer.rate:.3g} parts/s at most"
        return ""

    # What the link tells

    def bound(self, connection: LinkConnection) -> None:
        """Parts may be written to `connection`."""
        self._connection = connection
        self._is_drained = False
        self._news.set()

    def unbound(self) -> None:
        """Nothing may be written any more; answers may still come."""
        self._connection = None

    def answered(self, part: ClaimedPart, response: Pdu) -> None:
        """The SMSC answered the submit_sm of `part`."""
        failpoints.reach("link.answered")
        self._in_flight.pop(part.part_id, None)
        self._news.set()
        status, smsc_id = status_of(response)
        decision = outcome.decide(status, part.attempt, random.random())  # noqa: S311 - spreads waits, hides nothing
        if decision.slows_link:
            self._pacer.throttled(monotonic_ms())
        elif decision.kind is OutcomeKind.SUBMITTED:
            self._pacer.accepted(monotonic_ms())
        self._books.enter(part, outcome.answered(part, decision, status=status, smsc_id=smsc_id, at_ms=now_ms()))
        if decision.needs_rebind:
            self._rebind(decision.reason)
        if self._leaving is not None and not self._in_flight:
            self._leaving()

    def _rebind(self, reason: str) -> None:
        """The SMSC says that we are not bound: write no more, and close once the other answers are in, or soon."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._leaving = lambda: connection.close(reason)
        running().call_later(REBIND_WAIT_S, self._leaving)

    def timed_out(self, part: ClaimedPart) -> None:
        """The answer is overdue: taken or not, nobody knows."""
        self._in_flight.pop(part.part_id, None)
        self._news.set()
        self._books.enter(
            part, outcome.in_doubt(part, "the carrier did not answer in time", at_ms=now_ms(), hold_ms=self._hold_ms)
        )

    def answered_late(self, part: ClaimedPart, response: Pdu) -> None:
        """The answer to a part that is in doubt already. A late refusal settles nothing: the part may be out again."""
        status, smsc_id = status_of(response)
        self.counts.late += 1
        log.info("late answer", link=self._name, message=part.message_id, part=place(part), status=status)
        if status == Status.ROK:
            self._books.enter(
                part,
                outcome.answered(
                    part, outcome.decide(status, part.attempt), status=status, smsc_id=smsc_id, at_ms=now_ms()
                ),
            )

    def lost(self, unanswered: list[ClaimedPart], reason: str) -> None:
        """The connection is gone, with these parts written and not answered."""
        self._connection = self._leaving = None
        reason = f"no answer before the link was lost: {reason}"
        for part in unanswered:
            self._in_flight.pop(part.part_id, None)
            self._books.enter(part, outcome.in_doubt(part, reason, at_ms=now_ms(), hold_ms=self._hold_ms))
        self._news.set()

    # Claim and write

    async def _listen(self) -> None:
        while True:
            await self._hints.wait(f"link:{self._name}", POLL_S)
            self._is_hinted = True
            self._is_drained = False
            self._news.set()

    async def _run(self) -> None:
        while not self._is_stopping:
            self._news.clear()
            count, pause_s = self._allowance()
            if count:
                await self._claim_and_write(count)
            else:
                await happens(self._news, pause_s)

    def _allowance(self) -> tuple[int, float | None]:
        """How many parts to claim now; when none, after how many seconds to look again (None: at the next news)."""
        connection = self._connection
        if connection is None or self._is_drained:
            return 0, None
        room = connection.room
        if not room:
            return 0, None
        now = monotonic_ms()
        count = self._pacer.allow(room, now)
        return count, None if count else self._pacer.wait_s(now)

    async def _claim_and_write(self, count: int) -> None:
        connection = self._connection
        self._is_hinted = False
        # The room in the window is that of answered parts: they are settled no later than the next are claimed, so
        # that a crash never finds more claims than the window is wide.
        await self._books.told()
        try:
            parts = await self._ledger.claim(self._name, count, now_ms())
        except Exception:  # The sender's outermost hook: a ledger in trouble must not end the link.
            log.exception("claim failed", link=self._name)
            await asyncio.sleep(RETRY_S)
            return
        if len(parts) < count and not self._is_hinted:
            self._is_drained = True
        written = self.counts.written
        for part in parts:
            if connection is None or connection is not self._connection or self._is_stopping or not connection.room:
                self._books.enter(
                    part, outcome.unwritten(part, "the link was lost before the part was sent", at_ms=now_ms())
                )
            else:
                self._write(part, connection)
        self._pacer.wrote(self.counts.written - written, monotonic_ms())

    def _write(self, part: ClaimedPart, connection: LinkConnection) -> None:
        try:
            connection.send(translate.submit_sm(part, self._options), part)
        except Exception as error:  # One part that cannot be written must not stop those behind it.
            log.exception("part unsendable", link=self._name, message=part.message_id, part=place(part))
            self._books.enter(
                part, outcome.unsendable(part, f"it cannot be sent: {type(error).__name__}", at_ms=now_ms())
            )
            return
        self._in_flight[part.part_id] = part
        self.counts.written += 1
        failpoints.reach("link.written")


def status_of(response: Pdu) -> tuple[int, str]:
    """The command_status of an answer and the id it gives; a generic_nack is never a yes."""
    if isinstance(response, SubmitSmResp):
        return response.status, response.message_id
    if isinstance(response, GenericNack) and response.status == Status.ROK:
        return outcome.NO_STATUS, ""
    return response.status, ""
