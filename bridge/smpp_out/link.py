"""One link: keeps a session bound to the SMSC, comes back after every loss, and says how it stands.

    starting -> binding -> bound <-> throttled
                   |          |         |
                   +--------> lost <----+      (and from lost, after a while, to binding)

Twisted's ClientService does the connecting; the ladder of waits is ours, for it depends on why the last
try ended. The bind is part of the session, not of the connecting: a refused bind is a lost connection.
"""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol, cast

from twisted.application.internet import ClientService
from twisted.internet import protocol
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from bridge.messages.message import ClaimedPart
from bridge.runtime import logs
from bridge.runtime.loop import monotonic_ms, now_ms, running
from bridge.smpp import pdus
from bridge.smpp.constants import Status
from bridge.smpp.session import (
    Answered,
    BindRefused,
    Bound,
    Event,
    LateAnswer,
    LinkDead,
    Requested,
    Role,
    Session,
    TimedOut,
    Timers,
    Unbound,
)
from bridge.smpp_out.backoff import Backoff
from bridge.smpp_out.connection import LinkConnection
from bridge.smpp_out.endpoint import Watched, endpoint_of
from bridge.smpp_out.receiver import ReceiveLedger, Receiver
from bridge.smpp_out.sender import Hints, Sender, SendLedger
from bridge.smpp_out.settings import LinkSettings
from bridge.smpp_out.trouble import explain
from bridge.smpp_out.waiting import happens

ANSWERS_WAIT_S = 10.0
"""At a clean stop: how long the answers to what was sent are awaited."""
STORE_WAIT_S = 12.0
"""At a clean stop: how long the ledger may take to store what came in and what became of the parts. Longer than a
stranger's lock on the ledger may keep one try (5 s), or the carrier's yes would be forgotten."""
UNBIND_WAIT_S = 3.0
"""At a clean stop: how long the SMSC may take to answer unbind and close."""

PROBE_ANSWER_S = 10.0
"""How long the answer to enquire_link or unbind may take, unless parts may not take even that."""

CREDENTIALS = (Status.RINVPASWD, Status.RINVSYSID)

log = logs.get("link")


class LinkLedger(SendLedger, ReceiveLedger, Protocol):
    """What a link needs of the ledger."""


class LinkState(StrEnum):
    """How a link stands."""

    STARTING = "starting"
    BINDING = "binding"
    BOUND = "bound"
    THROTTLED = "throttled"
    LOST = "lost"
    STOPPED = "stopped"


class Link:
    """One configured upstream: a service with a sending and a receiving half."""

    def __init__(
        self, settings: LinkSettings, ledger: LinkLedger, hints: Hints, backoff: Backoff | None = None
    ) -> None:
        self.name = f"link {settings.name}"
        self.settings = settings
        self._backoff = backoff or Backoff()
        self._sender = Sender(settings, ledger, hints)
        self._receiver = Receiver(settings.name, ledger)
        self._client: ClientService | None = None
        self._connection: LinkConnection | None = None
        self._state = LinkState.STARTING
        self._since_ms = 0
        self._bound_at_ms = 0
        self._is_refused = False
        self._is_stopping = False
        self._trouble = ""
        self._next_try_at_ms = 0
        self._gone = asyncio.Event()

    # The service

    async def start(self) -> None:
        """Begin to connect; returns at once, for the SMSC may be away. Raises OSError, ValueError for bad files."""
        self.settings.secret()
        self._move(LinkState.STARTING)
        self._client = ClientService(
            Watched(endpoint_of(self.settings), self._on_trying, self._on_unreachable),
            _Factory(self),
            retryPolicy=self._next_delay_s,
        )
        self._client.startService()
        self._sender.start()

    async def stop(self) -> None:
        """Claim no more, wait for the answers that are due, unbind, close. Nothing is in doubt then, if they came."""
        self._is_stopping = True
        await self._sender.stop(ANSWERS_WAIT_S)
        await self._receiver.drained(STORE_WAIT_S)
        connection = self._connection
        if connection is not None:
            await self._say_goodbye(connection)
        if self._client is not None:
            await maybeDeferred(self._client.stopService).asFuture(running())
        if not await self._sender.settled(STORE_WAIT_S):
            log.error("answers lost", link=self.settings.name, advice="the ledger did not take them; expect resends")
        self._move(LinkState.STOPPED)

    async def _say_goodbye(self, connection: LinkConnection) -> None:
        self._gone.clear()
        self._sender.unbound()
        connection.unbind()
        if not await happens(self._gone, UNBIND_WAIT_S):
            connection.abort("the SMSC did not answer unbind")
            await happens(self._gone, UNBIND_WAIT_S)

    # What the connection tells

    def on_connected(self, connection: LinkConnection) -> None:
        """The socket is open: bind."""
        self._connection = connection
        self._is_refused = False
        self._bound_at_ms = 0
        self._move(LinkState.BINDING)
        try:
            password = self.settings.secret()
        except (OSError, ValueError) as error:
            connection.close(f"the password cannot be read: {error}")
            return
        connection.send(
            pdus.BindTransceiver(
                system_id=self.settings.system_id, password=password, system_type=self.settings.system_type
            )
        )

    def on_event(self, connection: LinkConnection, event: Event) -> None:
        """One event of the session, in the order it happened."""
        if isinstance(event, Answered):
            self._sender.answered(cast(ClaimedPart, event.token), event.response)
        elif isinstance(event, Requested):
            self._receiver.requested(connection, event.pdu, event.sequence)
        elif isinstance(event, TimedOut):
            self._sender.timed_out(cast(ClaimedPart, event.token))
        elif isinstance(event, LateAnswer):
            self._sender.answered_late(cast(ClaimedPart, event.token), event.response)
        elif isinstance(event, Bound):
            self._on_bound(connection)
        elif isinstance(event, BindRefused):
            self._on_refused(connection, event.status)
        elif isinstance(event, Unbound):
            self._sender.unbound()
            by_whom = "the appliance was stopped" if self._is_stopping else "the SMSC ended the session (unbind)"
            connection.close(by_whom)
        elif isinstance(event, LinkDead):
            connection.abort(event.reason)

    def on_lost(self, connection: LinkConnection, unanswered: list[object], reason: str) -> None:
        """The socket is gone; what was written and not answered is in doubt."""
        self._connection = None
        self._trouble = reason
        self._sender.lost([token for token in unanswered if isinstance(token, ClaimedPart)], reason)
        if self._is_stopping:
            log.info("link closed", link=self.settings.name, unanswered=len(unanswered))
        else:
            log.warning("link lost", link=self.settings.name, reason=reason, unanswered=len(unanswered))
        self._move(LinkState.LOST)
        self._gone.set()

    def _on_bound(self, connection: LinkConnection) -> None:
        self._bound_at_ms = monotonic_ms()
        self._trouble = ""
        self._move(LinkState.BOUND)
        log.info("link bound", link=self.settings.name, host=self.settings.host, port=self.settings.port)
        self._sender.bound(connection)

    def _on_refused(self, connection: LinkConnection, status: int) -> None:
        self._is_refused = status in CREDENTIALS
        reason = f"the SMSC refused the bind: {Status.name_of(status)}"
        if self._is_refused:
            log.error(
                "link credentials refused",
                link=self.settings.name,
                status=Status.name_of(status),
                system_id=self.settings.system_id,
                advice="check system_id and password of this link; the next try is in five minutes",
            )
        connection.close(reason)

    def _next_delay_s(self, failed_attempts: int) -> float:
        """ClientService asks how long to wait; called after every try that failed or ended."""
        bound_for_s = (monotonic_ms() - self._bound_at_ms) / 1000 if self._bound_at_ms else 0.0
        delay_s = self._backoff.next_delay_s(bound_for_s, is_refused=self._is_refused)
        self._bound_at_ms = 0
        self._next_try_at_ms = now_ms() + round(delay_s * 1000)
        return delay_s

    def _on_trying(self) -> None:
        self._is_refused = False
        self._next_try_at_ms = 0
        if self._state is not LinkState.STARTING:
            self._move(LinkState.STARTING)

    def _on_unreachable(self, failure: Failure) -> Failure:
        """A try that did not even get a socket."""
        if self._is_stopping:
            return failure
        self._trouble = explain(failure)
        log.warning("link unreachable", link=self.settings.name, reason=self._trouble)
        self._move(LinkState.LOST)
        return failure

    def _move(self, state: LinkState) -> None:
        self._state = state
        self._since_ms = now_ms()

    # What people ask

    @property
    def state(self) -> LinkState:
        """How the link stands now."""
        if self._state is LinkState.BOUND and self._sender.is_throttled:
            return LinkState.THROTTLED
        return self._state

    def status(self) -> dict[str, Any]:
        """Facts for the command line and the console; times are UTC milliseconds, 0 for none."""
        settings, session = self.settings, self._connection and self._connection.session
        return {
            "link": settings.name,
            "state": self.state.value,
            "since_ms": self._since_ms,
            "host": settings.host,
            "port": settings.port,
            "system_id": settings.system_id,
            "window": settings.window,
            "unanswered": self._sender.unanswered,
            "parts_per_second": self._sender.parts_per_second,
            "peer_version": session.peer_version if session else 0,
            "trouble": self._trouble,
            "next_try_at_ms": self._next_try_at_ms,
            "waiting_reason": self.waiting_reason(),
            **asdict(self._sender.counts),
            "receipts": self._receiver.receipts,
            "inbound": self._receiver.inbound,
            "put_off": self._receiver.put_off,
        }

    def waiting_reason(self) -> str:
        """Why a part that is due has not left yet, as one sentence; "" when nothing holds it up."""
        name = f"link {self.settings.name}"
        where = f"{self.settings.host}:{self.settings.port}"
        if self._state is LinkState.LOST:
            until = f"; next try at {_clock(self._next_try_at_ms)} UTC" if self._next_try_at_ms else ""
            return f"{name} is not connected to {where}: {self._trouble or 'not tried yet'}{until}"
        if self._state is LinkState.STARTING:
            return f"{name} is connecting to {where}"
        if self._state is LinkState.BINDING:
            return f"{name} waits for {where} to accept the bind"
        if self._state is LinkState.STOPPED:
            return f"{name} is stopped"
        return self._sender.waiting_reason()


class _Factory(protocol.Factory):
    """Makes a connection with a fresh session for each try."""

    noisy = False

    def __init__(self, link: Link) -> None:
        self._link = link

    def buildProtocol(self, addr: IAddress | None) -> LinkConnection:
        settings = self._link.settings
        timers = Timers(
            bind_s=settings.bind_timeout_s,
            enquire_link_s=settings.enquire_link_s,
            response_s=settings.response_timeout_s,
            enquire_link_response_s=min(PROBE_ANSWER_S, settings.response_timeout_s),
        )
        session = Session(Role.ESME, window_max=settings.window, timers=timers, now_ms=monotonic_ms())
        return LinkConnection(session, self._link)


def _clock(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S")
