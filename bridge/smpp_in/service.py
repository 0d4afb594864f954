"""The SMPP door as a service: its listeners, who is bound, and a stop that leaves no answer owed.

A connection walks: open -> (bind judged) -> bound -> requests and receipts -> unbound or lost. What a bound session
asks for goes to `submit` and `operations`, what the account's ESMEs are owed comes from `deliver`.
"""

import asyncio
import functools
import socket
import ssl
from typing import Any, cast

from bridge.intake import authenticate
from bridge.intake.authenticate import Identity
from bridge.messages.faults import Fault
from bridge.runtime import logs
from bridge.runtime.door import Door
from bridge.runtime.identity import Gatekeeper, Peer
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.listener import Listener, connections_possible
from bridge.runtime.loop import monotonic_ms, now_ms, running, spawn
from bridge.smpp.constants import Status
from bridge.smpp.events import Answered, Event, LinkDead, Requested, TimedOut, Unbound
from bridge.smpp.matrix import Role
from bridge.smpp.pdus import Bind, DataSm, SubmitSm
from bridge.smpp.session import Session, Timers
from bridge.smpp_in import bind, replies
from bridge.smpp_in.connection import EsmeConnection
from bridge.smpp_in.deliver import Deliveries
from bridge.smpp_in.delivery import Delivery
from bridge.smpp_in.operations import OtherRequests
from bridge.smpp_in.sessions import BIND_TYPES, RECEIVING, Accounts, EsmeAccount, Places, session_line, version_name
from bridge.smpp_in.settings import SmppSettings
from bridge.smpp_in.submit import Submits
from bridge.smpp_in.tls import ServerTls
from bridge.smpp_in.waiting import until

ANSWERS_WAIT_S = 10.0
"""At a stop: how long the answers to what was asked and sent may take; the door gives up before that."""
UNBIND_WAIT_S = 3.5
"""At a stop: how long ESMEs may take to answer unbind; a little more than a connection gives one."""
STORE_WAIT_S = 5.0
"""At a stop: how long the ledger may take to hear what became of receipts; what it does not hear is sent again."""
RETRY_S = 1.0
"""Wait after the ledger failed us."""
FULL_LOG_EVERY_MS = 10_000
"""One line so often for connections that are sent away, however many they are."""

log = logs.get("smpp")


class SmppDoor:
    """Listens on every address of `settings.listen`."""

    name = "smpp_in"

    def __init__(
        self,
        settings: SmppSettings,
        gatekeeper: Gatekeeper,
        door: Door,
        ledger: LedgerClient,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._doorkeeper = bind.Doorkeeper(gatekeeper, settings.password_networks)
        self._places = Places(connections_possible(settings.connections_max), settings.connections_per_address_max)
        self._accounts = Accounts()
        self._deliveries: dict[int, Deliveries] = {}
        """By account: of those that had a receiver bound."""
        self._submits = Submits(door)
        self._others = OtherRequests(door, ledger)
        self._listeners: list[Listener] = []
        self._tls: ServerTls | None = None
        self._timers = Timers(
            bind_s=settings.bind_timeout_s,
            enquire_link_s=settings.enquire_link_s,
            response_s=settings.response_timeout_s,
            # An ESME that is busy with what it was given may be silent for as long as any other.
            busy_probe_s=0,
            inactivity_s=settings.inactivity_s,
            pdu_s=settings.pdu_timeout_s,
        )
        self._is_stopping = False
        self._is_stale = False
        self._changes = 0
        """Of accounts and credentials, since the start."""
        self._looking: asyncio.Task[None] | None = None
        self._full_logged_at_ms = 0
        gatekeeper.on_forget(self._on_change)

    # The service

    async def start(self) -> None:
        """Open every listener, or none. Raises OSError for a port that is taken, ssl.SSLError for bad files."""
        self._tls = ServerTls(self._settings, running().time())
        if self._settings.listen and self._places.connections_max < self._settings.connections_max:
            log.warning(
                "fewer connections",
                wanted=self._settings.connections_max,
                possible=self._places.connections_max,
                advice="raise the limit of open files (LimitNOFILE), or lower smpp.connections_max",
            )
        try:
            for listen in self._settings.listen:
                take = functools.partial(self._take, self._tls.context(listen))
                self._listeners.append(Listener(listen.address, listen.port, take, self._send_away))
                log.info("listening", address=listen.address, port=self.addresses[-1][1], tls=listen.tls)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Take no more, answer what was asked, wait for the answers that are due, say goodbye, close."""
        self._is_stopping = self._submits.is_stopping = self._others.is_stopping = True
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for connection in list(self._places.open):
            if connection.account is None:
                connection.close("the appliance stops")
        drains = (each.drain(ANSWERS_WAIT_S) for each in self._deliveries.values())
        await asyncio.gather(until(self._owes_nothing, ANSWERS_WAIT_S), *drains)
        for connection in list(self._places.open):
            connection.leave("the appliance stops")
        if not await until(lambda: not self._places.open, UNBIND_WAIT_S):
            for connection in list(self._places.open):
                connection.abort("the appliance stops, and the ESME did not answer unbind")
            await until(lambda: not self._places.open, UNBIND_WAIT_S)
        stops = [await each.stop(STORE_WAIT_S) for each in self._deliveries.values()]
        if not all(stops):
            log.error("answers lost", advice="the ledger did not take them; ESMEs may get some receipts twice")

    def _owes_nothing(self) -> bool:
        return not any(connection.owed for connection in self._places.open)

    # What others ask

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Address and port of each listener as it really is, in the settings' order."""
        return [listener.address for listener in self._listeners]

    def sessions(self) -> list[dict[str, Any]]:
        """Every bound session in plain values: see sessions.session_line."""
        return [session_line(one) for account in self._accounts.bound() for one in account.sessions]

    # What a connection tells

    def _take(self, context: ssl.SSLContext | None, sock: socket.socket, address: str) -> None:
        """A connection was made: give it a place, or close it."""
        if self._tls is not None:
            self._tls.renew(running().time())
        settings, now = self._settings, monotonic_ms()
        session = Session(Role.SMSC, window_max=settings.window, timers=self._timers, now_ms=now)
        peer = Peer(address, is_encrypted=context is not None)
        connection = EsmeConnection(session, self, peer, requests_max=settings.requests_max, window_max=settings.window)
        if self._is_stopping or not self._places.take(connection, now):
            sock.close()
            self._send_away("no place is left for it", address)
        else:
            connection.open(sock, context, settings.bind_timeout_s)

    def _send_away(self, why: str, address: str = "") -> None:
        now = monotonic_ms()
        if now - self._full_logged_at_ms >= FULL_LOG_EVERY_MS:
            self._full_logged_at_ms = now
            log.warning("connections sent away", peer=address, open=len(self._places.open), why=why)

    def on_event(self, connection: EsmeConnection, event: Event) -> None:
        if type(event) is Requested:
            pdu = event.pdu
            if type(pdu) is SubmitSm or type(pdu) is DataSm:
                self._submits.add(connection, event.sequence, pdu)
            elif isinstance(pdu, Bind):
                spawn(self._bind(connection, pdu, event.sequence), "bind")
            else:
                self._others.add(connection, event.sequence, pdu)
        elif type(event) is Answered:
            if (deliveries := self._of(connection)) is not None:
                deliveries.answered(cast(Delivery, event.token), connection, event.response)
        elif isinstance(event, TimedOut):
            if (deliveries := self._of(connection)) is not None:
                deliveries.unanswered(cast(Delivery, event.token), is_lost=False)
        elif isinstance(event, Unbound):
            self._release(connection)
            connection.close_when_answered("unbound")
        elif isinstance(event, LinkDead):
            connection.abort(event.reason)

    def on_room(self, connection: EsmeConnection) -> None:
        if (deliveries := self._of(connection)) is not None:
            deliveries.wake()

    def on_lost(self, connection: EsmeConnection, unanswered: list[object], unheard: list[str], reason: str) -> None:
        self._places.leave(connection)
        self._submits.lost(connection, unheard)
        self._others.lost(connection)
        deliveries = self._of(connection)
        self._release(connection)
        if deliveries is not None:
            for token in unanswered:
                deliveries.unanswered(cast(Delivery, token), is_lost=True)
            deliveries.left(connection)
        if connection.bound_at_ms:
            log.info(
                "session ended",
                account=connection.account_name,
                peer=connection.peer.ip,
                reason=reason,
                accepted=connection.accepted,
                delivered=connection.delivered,
                unanswered=len(unanswered),
                refused=" ".join(f"{Status.name_of(s)}:{n}" for s, n in connection.refusals.items()),
            )

    def _of(self, connection: EsmeConnection) -> Deliveries | None:
        return self._deliveries.get(connection.account_id)

    # Bind and release

    async def _bind(self, connection: EsmeConnection, pdu: Bind, sequence: int) -> None:
        changes = self._changes
        found = await self._doorkeeper.judge(connection, pdu)
        status = self._join(connection, found, pdu) if isinstance(found, Identity) else found
        is_heard = connection.respond(sequence, bind.answer_to(pdu, status, self._settings.system_id))
        if status or not is_heard:
            self._release(connection)
            connection.close("the bind was refused")
            return
        self._places.bound(connection)
        connection.bound_at_ms = now_ms()
        log.info(
            "bound",
            account=connection.account_name,
            peer=connection.peer.ip,
            bind=BIND_TYPES[connection.session.state],
            version=version_name(connection.session.version),
            tls=connection.peer.is_encrypted,
        )
        account = connection.account
        if account is not None and connection.session.state in RECEIVING:
            self._deliver_to(account)
        if changes != self._changes:  # It was judged by what its account was before.
            self._on_change()

    def _join(self, connection: EsmeConnection, identity: Identity, pdu: Bind) -> Status:
        """Give the session its place among those of its account, or say how the bind is refused."""
        if self._is_stopping or not connection.is_open:
            return Status.RBINDFAIL
        try:
            self._accounts.of(identity).join(connection, identity)
        except Fault as fault:
            bind.refused(connection, pdu.system_id, fault.private)
            return replies.bind_status_of(fault)
        return Status.ROK

    def _deliver_to(self, account: EsmeAccount) -> None:
        deliveries = self._deliveries.get(account.account_id)
        if deliveries is None:
            deliveries = self._deliveries[account.account_id] = Deliveries(account, self._ledger)
        deliveries.wake()

    def _release(self, connection: EsmeConnection) -> None:
        """The session's place is free, at once."""
        if connection.account is not None:
            connection.account.leave(connection)

    # Accounts that change while they are bound

    def _on_change(self) -> None:
        self._is_stale = True
        self._changes += 1
        if self._looking is None and self._accounts.bound():
            self._looking = spawn(self._look_again(), "look again who is bound")

    async def _look_again(self) -> None:
        """Let every bound session go on as what its account is now, or say goodbye to it."""
        try:
            while self._is_stale and not self._is_stopping:
                self._is_stale = False
                try:
                    await self._look_at_all()
                except Exception:  # A ledger in trouble must not leave a session that was forbidden.
                    log.exception("accounts cannot be read")
                    self._is_stale = True
                    await asyncio.sleep(RETRY_S)
        finally:
            self._looking = None

    async def _look_at_all(self) -> None:
        for account in self._accounts.bound():
            facts = await self._ledger.read("credentials_of", name=account.name)
            for connection in list(account.sessions):
                self._renew(account, connection, facts)

    def _renew(self, account: EsmeAccount, connection: EsmeConnection, facts: Any) -> None:
        credential = _still_good(facts["credentials"], connection)
        why = "its password was changed or taken away"
        if facts["account"] and credential is not None:
            try:
                identity = authenticate.identify(facts["account"], credential, bind.SCOPE, connection.peer.ip)
            except Fault as fault:
                why = fault.sentence
            else:
                account.renew(identity)
                return
        log.warning("unbinding", account=account.name, peer=connection.peer.ip, why=why)
        connection.leave(why)
        self._release(connection)


def _still_good(credentials: list[dict[str, Any]], connection: EsmeConnection) -> dict[str, Any] | None:
    """The credential that a session bound with, if it would still open a bind; one made since then is another one."""
    now = now_ms()
    for credential in credentials:
        if credential["credential_id"] == connection.credential_id:
            is_over = credential["expires_at_ms"] is not None and credential["expires_at_ms"] <= now
            return None if is_over or credential["created_at_ms"] > connection.bound_at_ms else credential
    return None
