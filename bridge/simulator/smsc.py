"""A scripted SMSC on our own Session: what a carrier does with a part, and all it does wrong, on demand.

Listens, lets one account bind, answers submit_sm as the script says, sends receipts later and inbound texts
when asked to. Receipts and texts wait for a session that takes them, at most `window` of them unanswered;
one that is answered "later" (ESME_RX_T_APPN and the like), or not at all, is sent again.
"""

import asyncio
import heapq
import itertools
import time
from collections import deque
from dataclasses import dataclass
from typing import cast

from bridge.runtime import logs
from bridge.runtime.loop import monotonic_ms, now_ms, running
from bridge.simulator.connection import SmscConnection
from bridge.simulator.deliveries import Delivery, inbound_parts, receipt_of
from bridge.simulator.script import Script
from bridge.simulator.settings import SimulatorSettings
from bridge.smpp import pdus, translate
from bridge.smpp.constants import RegisteredDelivery, Status, Tag
from bridge.smpp.session import Answered, Event, Requested, Role, Session, TimedOut

RECEIPT_ASKED = RegisteredDelivery.FINAL | RegisteredDelivery.FAILURE_ONLY
TICK_S = 0.005
"""Receipts that fall due within this time are sent together: one write instead of many."""
AGAIN_MS = 1_000
"""After which time a receipt or text that could not be taken is sent again."""

AGAIN_STATUSES = frozenset({Status.RX_T_APPN, Status.RMSGQFUL, Status.RTHROTTLED, Status.RSYSERR})
"""Answers to deliver_sm that mean "later"; any other refusal is final (SMPP 3.4, 5.1.3)."""

log = logs.get("simulator")


@dataclass(slots=True)
class Submitted:
    """One part in the journal."""

    at_ms: int
    """Monotonic."""
    pdu: pdus.SubmitSm
    status: int
    message_id: str
    """Empty when it was refused."""

    @property
    def text(self) -> str:
        """The characters of this part."""
        return translate.content_of(self.pdu)[0]


class Smsc:
    """The simulated SMSC: a service, and the programmatic handle that tests hold."""

    name = "simulator"

    def __init__(self, settings: SimulatorSettings, script: Script | None = None) -> None:
        self.settings = settings
        self.script = script or Script()
        self.journal: deque[Submitted] = deque(maxlen=settings.journal_max)
        """Every part that was submitted, the oldest first."""
        self.answers: deque[tuple[pdus.DeliverSm, int]] = deque(maxlen=settings.journal_max)
        """Every receipt and inbound part that was answered, with the answer's status."""
        self.connections: list[SmscConnection] = []
        self.bind_total = 0
        """Binds asked for, good or bad."""
        self.bind_status = 0
        """When not 0: every bind is refused with it."""
        self.is_mute = False
        """Reads and says nothing, as a hung SMSC does."""
        self.dropped = 0
        """Receipts and texts given up because too many waited."""
        self._server: asyncio.Server | None = None
        self._ids = itertools.count(int(time.time() * 1000))
        self._waiting: deque[Delivery] = deque()
        self._later: list[tuple[int, int, Delivery]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when the address is taken."""
        self._server = await running().create_server(self._connection, self.settings.address, self.settings.port)
        log.info("listening", address=self.settings.address, port=self.port)

    async def stop(self) -> None:
        """Stop listening and close every session."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.close()

    @property
    def port(self) -> int:
        """The port listened on; of interest when the settings say 0."""
        if self._server is None or not self._server.sockets:
            raise RuntimeError("the simulator is not started")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def is_bound(self) -> bool:
        """Whether a session is bound, of whatever kind."""
        return any(connection.session.state.is_bound for connection in self.connections)

    async def send_inbound(self, originator: str, recipient: str, text: str) -> list[int]:
        """Send a text from a handset, in parts when it is long; gives the status of each part's answer.

        Returns once all parts are answered for good; until a session takes them they wait.
        """
        deliveries = inbound_parts(originator, recipient, text, reference=next(self._order) & 0xFF)
        for delivery in deliveries:
            delivery.answer = running().create_future()
            self._enqueue(delivery)
        self.send_waiting()
        return [await delivery.answer for delivery in deliveries if delivery.answer is not None]

    def unbind_all(self) -> None:
        """Say goodbye to every bound session."""
        for connection in list(self.connections):
            if connection.session.state.is_bound:
                connection.send(pdus.Unbind())
                connection.flush()

    def reset_all(self) -> None:
        """Reset every connection."""
        for connection in list(self.connections):
            connection.reset()

    def send_waiting(self) -> None:
        """Send what waits, as far as the windows allow."""
        for connection in self.connections:
            if self._send_to(connection):
                connection.flush()

    # What a connection tells

    def on_open(self, connection: SmscConnection) -> bool:
        self.connections.append(connection)
        return len(self.connections) <= self.settings.connections_max

    def on_event(self, connection: SmscConnection, event: Event) -> None:
        if isinstance(event, Requested):
            self._on_request(connection, event.pdu, event.sequence)
        elif isinstance(event, Answered):
            self._on_answer(cast(Delivery, event.token), event.response.status)
        elif isinstance(event, TimedOut):
            self._again(cast(Delivery, event.token))

    def on_read(self, connection: SmscConnection) -> None:
        self._send_to(connection)

    def on_lost(self, connection: SmscConnection, unanswered: list[object]) -> None:
        self.connections.remove(connection)
        for delivery in unanswered:
            if isinstance(delivery, Delivery):
                self._again(delivery)

    # Requests

    def _connection(self) -> SmscConnection:
        session = Session(Role.SMSC, window_max=self.settings.window, now_ms=monotonic_ms())
        return SmscConnection(session, self)

    def _on_request(self, connection: SmscConnection, pdu: pdus.Pdu, sequence: int) -> None:
        if isinstance(pdu, pdus.SubmitSm):
            self._on_submit(connection, pdu, sequence)
        elif isinstance(pdu, pdus.Bind):
            self._on_bind(connection, pdu, sequence)
        elif isinstance(pdu, pdus.QuerySm):
            connection.respond(sequence, pdus.QuerySmResp(status=Status.RQUERYFAIL))
        else:
            connection.respond(sequence, pdus.GenericNack(status=Status.RINVCMDID))

    def _on_bind(self, connection: SmscConnection, pdu: pdus.Bind, sequence: int) -> None:
        self.bind_total += 1
        status = self.bind_status
        if not status and pdu.system_id != self.settings.system_id:
            status = Status.RINVSYSID
        if not status and pdu.password != self.settings.password:
            status = Status.RINVPASWD
        answer = pdus.RESPONSE_TO[pdu.COMMAND_ID](status=status, tlvs={Tag.SC_INTERFACE_VERSION: b"\x34"})
        connection.respond(sequence, answer)
        log.info("bind", system_id=pdu.system_id[:16], status=Status.name_of(status))
        if status:
            connection.close()

    def _on_submit(self, connection: SmscConnection, pdu: pdus.SubmitSm, sequence: int) -> None:
        behaviour = self.script.behaviour(pdu.destination_addr)
        message_id = ""
        if not behaviour.status:
            message_id = self._new_id() if behaviour.message_id is None else behaviour.message_id
        self.journal.append(Submitted(monotonic_ms(), pdu, behaviour.status, message_id))
        has_receipt = not behaviour.status and behaviour.state and pdu.registered_delivery & RECEIPT_ASKED
        if has_receipt and behaviour.is_receipt_first:
            self._enqueue(receipt_of(pdu, message_id, behaviour, now_ms()))
            self._send_to(connection)
        elif has_receipt:
            receipt = receipt_of(pdu, message_id, behaviour, now_ms())
            for _ in range(behaviour.receipt_total):
                self._enqueue(receipt, self.settings.receipt_delay_ms)
        if behaviour.drops:
            connection.reset()
        elif not behaviour.is_silent:
            answer = pdus.SubmitSmResp(message_id=message_id, status=behaviour.status)
            self._answer(connection, sequence, answer, behaviour.answer_delay_ms)

    def _answer(self, connection: SmscConnection, sequence: int, answer: pdus.Pdu, delay_ms: int) -> None:
        if not delay_ms:
            connection.respond(sequence, answer)
            return

        def respond() -> None:
            connection.respond(sequence, answer)
            connection.flush()

        running().call_later(delay_ms / 1000, respond)

    def _new_id(self) -> str:
        """Eight hex digits, counted up from the time of the start: unique for 49 days, restarts included."""
        return f"{next(self._ids) & 0xFFFFFFFF:08X}"

    # Receipts and inbound texts

    def _enqueue(self, delivery: Delivery, delay_ms: int = 0) -> None:
        """Have `delivery` sent after `delay_ms`, as soon as there is room."""
        if delay_ms:
            heapq.heappush(self._later, (monotonic_ms() + delay_ms, next(self._order), delivery))
            self._arm()
            return
        self._waiting.append(delivery)
        if len(self._waiting) > self.settings.waiting_max:
            self._give_up(self._waiting.popleft(), Status.RMSGQFUL)
            self.dropped += 1

    def _send_to(self, connection: SmscConnection) -> bool:
        """Queue on `connection` what waits and has room; whether there was any."""
        waiting = self._waiting
        count = min(len(waiting), connection.session.room) if waiting and connection.is_open else 0
        for _ in range(count):
            delivery = waiting.popleft()
            connection.send(delivery.pdu, delivery)
        return count > 0

    def _on_answer(self, delivery: Delivery, status: int) -> None:
        self.answers.append((delivery.pdu, status))
        if status in AGAIN_STATUSES:
            self._again(delivery)
        else:
            self._give_up(delivery, status)

    def _again(self, delivery: Delivery) -> None:
        self._enqueue(delivery, AGAIN_MS)

    def _give_up(self, delivery: Delivery, status: int) -> None:
        if delivery.answer is not None and not delivery.answer.done():
            delivery.answer.set_result(status)

    def _arm(self) -> None:
        """Have the timer ring when the next receipt is due."""
        if not self._later:
            return
        loop = running()
        when = loop.time() + max(TICK_S, (self._later[0][0] - monotonic_ms()) / 1000)
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = monotonic_ms()
        while self._later and self._later[0][0] <= now:
            self._enqueue(heapq.heappop(self._later)[2])
        self.send_waiting()
        self._arm()
