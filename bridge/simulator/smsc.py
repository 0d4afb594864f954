"""A scripted SMSC on our own Session: what a carrier does with a part, and all it does wrong, on demand.

Listens, lets its accounts bind, answers their requests as the script says, sends receipts later and inbound texts
when asked to. What is done with requests is in centre.py; here are the listener and the sessions.
"""

import asyncio
import ssl
from typing import cast

from bridge.runtime import logs
from bridge.runtime.loop import monotonic_ms, running
from bridge.simulator.accounts import Account
from bridge.simulator.centre import Centre
from bridge.simulator.connection import SmscConnection
from bridge.simulator.deliveries import Delivery, inbound_parts
from bridge.simulator.journal import Submitted
from bridge.simulator.script import Script
from bridge.simulator.sessions import CALM, GREETINGS, Ending, Speaks
from bridge.simulator.settings import SimulatorSettings
from bridge.smpp import pdus
from bridge.smpp.constants import Status, Tag, Version
from bridge.smpp.matrix import State
from bridge.smpp.session import Answered, Event, Requested, Role, Session, TimedOut

__all__ = ["Smsc", "Submitted"]

TAKES_TEXTS = (State.BOUND_RX, State.BOUND_TRX)

log = logs.get("simulator")


class Smsc(Centre):
    """The simulated SMSC: a service, and the programmatic handle that tests hold."""

    name = "simulator"

    def __init__(self, settings: SimulatorSettings, script: Script | None = None) -> None:
        super().__init__(settings, script)
        self.bind_status = 0
        """When not 0: every bind is refused with it."""
        self.is_mute = False
        """Reads and says nothing, as a hung SMSC does."""
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when the address is taken, ValueError when the certificate cannot be used."""
        settings = self.settings
        tls = await asyncio.to_thread(_tls, settings)
        self._server = await running().create_server(self._connection, settings.address, settings.port, ssl=tls)
        log.info("listening", address=self.settings.address, port=self.port)

    async def stop(self) -> None:
        """Stop listening and close every session."""
        self.agenda.stop()
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

    @property
    def bind_total(self) -> int:
        """Binds asked for, good or bad."""
        return self.counts.binds

    @property
    def dropped(self) -> int:
        """Receipts and texts given up because too many waited."""
        return self.counts.dropped

    async def send_inbound(self, originator: str, recipient: str, text: str, system_id: str = "") -> list[int]:
        """Send a text from a handset, in parts when it is long; gives the status of each part's answer.

        Returns once all parts are answered for good; until a session of the account takes them they wait.
        """
        account = self.accounts[system_id or self.settings.system_id]
        deliveries = inbound_parts(originator, recipient, text, self._reference())
        for delivery in deliveries:
            delivery.answer = running().create_future()
            account.enqueue(delivery)
        self.send_waiting()
        return [await delivery.answer for delivery in deliveries if delivery.answer is not None]

    def unbind_all(self) -> None:
        """Say goodbye to every bound session."""
        for connection in list(self.connections):
            self._end(connection, Ending.UNBIND)

    def reset_all(self) -> None:
        """Reset every connection."""
        for connection in list(self.connections):
            self._end(connection, Ending.RESET)

    # What a connection tells

    def on_open(self, connection: SmscConnection) -> bool:
        self.connections.append(connection)
        sessions = self.script.sessions
        if sessions is not CALM:
            connection.write_octets = sessions.write_octets
        if sessions.speaks is not Speaks.SMPP:
            connection.is_deaf = True
            connection.queue(GREETINGS[sessions.speaks])
            connection.flush()
        return len(self.connections) <= self.settings.connections_max

    def on_event(self, connection: SmscConnection, event: Event) -> None:
        if isinstance(event, Requested):
            if connection.account is not None:
                self.on_request(connection, event.pdu, event.sequence)
            elif isinstance(event.pdu, pdus.Bind):
                self._on_bind(connection, event.pdu, event.sequence)
        elif isinstance(event, Answered):
            self.on_delivery_answer(connection.account, cast(Delivery, event.token), event.response.status)
        elif isinstance(event, TimedOut):
            self.again(connection.account, cast(Delivery, event.token))

    def on_read(self, connection: SmscConnection) -> None:
        if connection.account is not None:
            connection.account.send_to(connection)

    def on_lost(self, connection: SmscConnection, unanswered: list[object]) -> None:
        self.connections.remove(connection)
        account: Account | None = connection.account
        if account is None:
            return
        account.connections.remove(connection)
        for delivery in unanswered:
            if isinstance(delivery, Delivery):
                self.again(account, delivery)

    # Sessions

    def _connection(self) -> SmscConnection:
        session = Session(Role.SMSC, window_max=self.settings.window, now_ms=monotonic_ms())
        return SmscConnection(session, self)

    def _on_bind(self, connection: SmscConnection, pdu: pdus.Bind, sequence: int) -> None:
        self.counts.binds += 1
        if self.script.sessions.is_bind_silent:
            connection.is_deaf = True
            return
        status = self._refusal(pdu)
        tlvs: dict[int, bytes] = {}
        if pdu.interface_version >= Version.V34 and not status:
            tlvs[Tag.SC_INTERFACE_VERSION] = bytes((Version.V34,))
        system_id = "" if status else "simulator"
        answer_class = pdus.RESPONSE_TO[pdu.COMMAND_ID]
        connection.respond(sequence, answer_class(system_id=system_id, status=status, tlvs=tlvs))  # type: ignore[call-arg]
        log.info("bind", system_id=pdu.system_id[:16], status=Status.name_of(status))
        if status:
            self.counts.binds_refused[status] += 1
            connection.close()
            return
        self._bound(connection, self.accounts[pdu.system_id])

    def _refusal(self, pdu: pdus.Bind) -> int:
        """The command_status that refuses a bind; 0 when it is welcome."""
        sessions = self.script.sessions
        if self.bind_status:
            return self.bind_status
        if sessions.bind_status and (not sessions.binds_refused or self.counts.binds <= sessions.binds_refused):
            return sessions.bind_status
        account = self.accounts.get(pdu.system_id)
        if account is None:
            return Status.RINVSYSID
        return Status.ROK if pdu.password == account.password else Status.RINVPASWD

    def _bound(self, connection: SmscConnection, account: Account) -> None:
        connection.account = account
        account.connections.append(connection)
        self.begin(account, connection.session.state in TAKES_TEXTS)
        sessions = self.script.sessions
        if not sessions.hangs_after:
            connection.hang(sessions.hangs)
        if sessions.lasts_s:
            self.agenda.at(monotonic_ms() + round(sessions.lasts_s * 1000), self._flap, connection, sessions.ends_by)

    def _flap(self, connection: SmscConnection, by: Ending) -> None:
        if connection.is_open:
            self.counts.cut += 1
            self._end(connection, by)

    def _end(self, connection: SmscConnection, by: Ending) -> None:
        if by is Ending.RESET:
            connection.reset()
        elif by is Ending.CLOSE:
            connection.close()
        elif connection.session.state.is_bound:
            connection.send(pdus.Unbind())
            connection.flush()


def _tls(settings: SimulatorSettings) -> ssl.SSLContext | None:
    """What the port speaks TLS with; None for plain SMPP. Raises ValueError when the files cannot be used."""
    if settings.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.certificate, settings.private_key)
    except OSError as error:  # ssl.SSLError is one.
        why = "not a PEM certificate and its key" if isinstance(error, ssl.SSLError) else error.strerror
        raise ValueError(f"{settings.certificate} and {settings.private_key} cannot be used: {why}") from None
    return context
