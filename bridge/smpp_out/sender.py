"""Parts go out: claims from the ledger what the window and the pace allow, writes it, and settles the answers.

The claim is committed before the first octet leaves, so after a crash every part that may have left is
known. One claim is with the ledger at a time, and waits there until something is due; as soon as it is
answered and there is room, the next one follows.
"""

import asyncio
import random
from typing import cast

from bridge import failpoints
from bridge.messages.message import ClaimedPart, Outcome
from bridge.runtime import logs
from bridge.runtime.books import Books, Counts, place
from bridge.runtime.link_ledger import SendLedger
from bridge.runtime.loop import monotonic_ms, now_ms, running, spawn
from bridge.runtime.pacer import Pacer
from bridge.runtime.waiting import happens
from bridge.smpp import translate
from bridge.smpp.constants import Status
from bridge.smpp.pdus import GenericNack, Pdu, SubmitSmResp
from bridge.smpp_out import outcome
from bridge.smpp_out.connection import LinkConnection
from bridge.smpp_out.settings import LinkSettings
from bridge.smpp_out.turns import Turns

RETRY_S = 1.0
"""Wait after the ledger failed us."""
REBIND_WAIT_S = 5.0
"""How long the answers to the rest of the window are awaited when the SMSC says that we are not bound, or unbinds."""
POLL_S = 1.0
"""How long a claim waits in the ledger: then the queue is looked at for parts whose time has come."""

log = logs.get("link")


class Sender:
    """The sending half of one link. Its sessions tell when they are bound, answered or lost; they are used in turn."""

    def __init__(self, settings: LinkSettings, ledger: SendLedger, turns: Turns) -> None:
        self._name = settings.name
        self._hold_ms = round(settings.in_doubt_hold_s * 1000)
        self._ask_after_ms = round((settings.query_after_s or 0) * 1000)
        self._options = settings.submit_options()
        self._meanings = settings.meanings()
        self._ledger = ledger
        self._turns = turns
        self._pacer = Pacer(settings.parts_per_second, monotonic_ms())
        self._originator_rate = settings.originator_parts_per_second or 0.0
        self._leaving: dict[LinkConnection, str] = {}
        """Sessions that the SMSC says are not bound, and why they are closed once their last answer is in."""
        self._unanswered = 0
        self._books = Books(settings.name, ledger)
        self._news = asyncio.Event()
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to claim as soon as a session is bound."""
        self._task = spawn(self._run(), f"send {self._name}")

    async def stop(self, answers_wait_s: float) -> None:
        """Claim no more; wait for the answers that are due, at most `answers_wait_s`."""
        self._is_stopping = True
        self._news.set()
        if self._task is not None:
            self._ledger.wake_link(self._name)
            await asyncio.wait({self._task})
        deadline = running().time() + answers_wait_s
        while self._unanswered and (left_s := deadline - running().time()) > 0:
            self._news.clear()
            await happens(self._news, left_s)

    async def settled(self, timeout_s: float) -> bool:
        """Wait until the ledger knows every outcome; False when it did not take them in time."""
        return await self._books.closed(timeout_s)

    async def told(self) -> None:
        """Let the ledger have every answer so far before what it is asked next."""
        await self._books.told()

    # What the link asks

    @property
    def counts(self) -> Counts:
        """What was done since the process started."""
        return self._books.counts

    @property
    def unanswered(self) -> int:
        """Parts written and not yet answered."""
        return self._unanswered

    @property
    def parts_per_second(self) -> float:
        """The present pace; 0 for no limit."""
        return round(self._pacer.rate, 2)

    @property
    def is_throttled(self) -> bool:
        """Whether the SMSC made us slower."""
        return self._pacer.is_slowed

    def throttle(self, parts_per_second: float | None) -> None:
        """Send so many parts per second at most; None: no limit."""
        self._pacer.set_rate(parts_per_second, monotonic_ms())
        self._news.set()
        self._ledger.wake_link(self._name)  # What waits there was asked for at the old pace.

    def waiting_reason(self) -> str:
        """What holds a due part up while a session is bound; "" for nothing."""
        if self._pacer.is_slowed:
            return f"link {self._name} was throttled by the carrier and sends {self._pacer.rate:.3g} parts/s"
        if self._unanswered and not self._turns.room:
            return f"link {self._name} waits for the answers to {self._unanswered} parts (its window is full)"
        if self._pacer.rate:
            return f"link {self._name} sends {self._pacer.rate:.3g} parts/s at most"
        return ""

    # What the link tells

    def bound(self, connection: LinkConnection) -> None:
        """Parts may be written to `connection`."""
        self._turns.add(connection)
        self._news.set()

    def unbound(self, connection: LinkConnection) -> None:
        """Nothing may be written to it any more; answers may still come."""
        self._leave_out(connection)

    def has_room(self) -> None:
        """Something else than a part has given back its place in a window."""
        self._news.set()

    def answered(self, connection: LinkConnection, token: object, response: Pdu) -> None:
        """The SMSC answered the submit_sm of a part."""
        failpoints.reach("link.answered")
        part = cast(ClaimedPart, token)
        self._unanswered -= 1
        self._news.set()
        status, smsc_id = status_of(response)
        if status == Status.ROK:
            self._pacer.accepted(monotonic_ms())
            self._books.enter(part, self._submitted(part, smsc_id))
        else:
            self._refused(connection, part, status)
        if connection in self._leaving and not connection.session.unanswered_count:
            connection.close(self._leaving.pop(connection))

    def _submitted(self, part: ClaimedPart, smsc_id: str) -> Outcome:
        return outcome.submitted(part, smsc_id, at_ms=now_ms(), ask_after_ms=self._ask_after_ms)

    def _refused(self, connection: LinkConnection, part: ClaimedPart, status: int) -> None:
        fraction = random.random()  # noqa: S311 - spreads waits, hides nothing
        tries, slowed = part.attempt - part.slowed, part.slowed
        decision = outcome.decide(status, tries, fraction, self._meanings, slowed=slowed)
        if decision.slows_link:
            self._pacer.throttled(monotonic_ms())
            self._ledger.wake_link(self._name)  # What waits there was asked for at the old pace.
        self._books.enter(part, outcome.refused(part, decision, status=status, at_ms=now_ms()))
        if decision.needs_rebind:
            self.leave(connection, decision.reason)

    def leave(self, connection: LinkConnection, reason: str) -> None:
        """The SMSC says that we are not bound (any more): write no more, and close once what it owes us is answered, or
        soon."""
        self._leave_out(connection)
        if not connection.session.unanswered_count:
            connection.close(self._leaving.pop(connection, reason))
        elif connection not in self._leaving:
            self._leaving[connection] = reason
            running().call_later(REBIND_WAIT_S, connection.close, reason)

    def timed_out(self, token: object) -> None:
        """The answer is overdue: taken or not, nobody knows."""
        self._unanswered -= 1
        self._news.set()
        self._doubt(cast(ClaimedPart, token), "the carrier did not answer in time")

    def answered_late(self, token: object, response: Pdu) -> None:
        """The answer to a part that is in doubt already. A late refusal settles nothing: the part may be out again."""
        part = cast(ClaimedPart, token)
        status, smsc_id = status_of(response)
        self.counts.late += 1
        log.info("late answer", link=self._name, message=part.message_id, part=place(part), status=status)
        if status == Status.ROK:
            self._books.enter(part, self._submitted(part, smsc_id))

    def lost(self, connection: LinkConnection, unanswered: list[ClaimedPart], reason: str) -> None:
        """The connection is gone, with these parts written and not answered."""
        self._leave_out(connection)
        self._leaving.pop(connection, None)
        self._unanswered -= len(unanswered)
        for part in unanswered:
            self._doubt(part, f"no answer before the link was lost: {reason}")
        self._news.set()

    def _doubt(self, part: ClaimedPart, reason: str) -> None:
        self._books.enter(part, outcome.in_doubt(part, reason, at_ms=now_ms(), hold_ms=self._hold_ms))

    def _leave_out(self, connection: LinkConnection) -> bool:
        """Write nothing more to it, and claim nothing for it; whether it was written to."""
        if not self._turns.remove(connection):
            return False
        self._ledger.wake_link(self._name)
        return True

    # Claim and write

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
        room = self._turns.room
        if not room:
            return 0, None
        now = monotonic_ms()
        count = self._pacer.allow(room, now)
        return count, None if count else self._pacer.wait_s(now)

    async def _claim_and_write(self, count: int) -> None:
        # The room in the window is that of answered parts: they are settled no later than the next are claimed, so
        # that a crash never finds more claims than the window is wide.
        await self.told()
        count = min(count, self._turns.room)
        if self._is_stopping or not count:
            return  # A session went meanwhile, or the link stops: what woke claims then did not meet this one.
        try:
            parts = await self._ledger.claim_when_due(self._name, count, POLL_S, self._originator_rate)
        except Exception:  # The sender's outermost hook: a ledger in trouble must not end the link.
            log.exception("claim failed", link=self._name)
            await asyncio.sleep(RETRY_S)
            return
        written = self.counts.written
        for part in parts:
            connection = None if self._is_stopping else self._turns.next()
            if connection is None:
                self._books.enter(part, outcome.unwritten(part, self._why_unwritten(), at_ms=now_ms()))
            else:
                self._write(part, connection)
        self._pacer.wrote(self.counts.written - written, monotonic_ms())

    def _why_unwritten(self) -> str:
        if self._is_stopping:
            return "the link stopped before the part was sent"
        if self._turns.is_bound:  # Questions took the room meanwhile; it waits for its turn.
            return "the window was full before the part was sent"
        return "the link was lost before the part was sent"

    def _write(self, part: ClaimedPart, connection: LinkConnection) -> None:
        try:
            connection.send(translate.submit_sm(part, self._options, now_ms=now_ms()), part)
        except Exception as error:  # One part that cannot be written must not stop those behind it.
            log.exception("part unsendable", link=self._name, message=part.message_id, part=place(part))
            self._books.enter(
                part, outcome.unsendable(part, f"it cannot be sent: {type(error).__name__}", at_ms=now_ms())
            )
            return
        self._unanswered += 1
        self.counts.written += 1
        failpoints.reach("link.written")


def status_of(response: Pdu) -> tuple[int, str]:
    """The command_status of an answer and the id it gives; a generic_nack is never a yes."""
    if isinstance(response, SubmitSmResp):
        return response.status, response.message_id
    if isinstance(response, GenericNack) and response.status == Status.ROK:
        return outcome.NO_STATUS, ""
    return response.status, ""
