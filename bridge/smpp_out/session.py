"""One session of a link: how it comes to be bound, what happens on it, and how it ends.

    starting -> binding -> bound
        |          |         |
        +--------> lost <----+

A refused bind is a lost connection. When it is tried again is for the link to decide, which may have several sessions;
how long this one has to wait at least is told by its ladder.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

from twisted.internet import protocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from bridge.messages.message import ClaimedPart
from bridge.runtime import logs
from bridge.runtime.backoff import Backoff
from bridge.runtime.loop import monotonic_ms, now_ms
from bridge.runtime.waiting import happens
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
from bridge.smpp_out.asker import Asker
from bridge.smpp_out.connection import LinkConnection
from bridge.smpp_out.endpoint import endpoint_of
from bridge.smpp_out.receiver import Receiver
from bridge.smpp_out.sender import Sender
from bridge.smpp_out.settings import LinkSettings
from bridge.smpp_out.trouble import explain

UNBIND_WAIT_S = 3.0
"""At a clean stop: how long the SMSC may take to answer unbind and close."""
PROBE_ANSWER_S = 10.0
"""How long the answer to enquire_link or unbind may take, unless parts may not take even that."""

CREDENTIALS = (Status.RINVPASWD, Status.RINVSYSID)

log = logs.get("link")


class Way(Enum):
    """What a session is bound for."""

    BOTH = "both"
    OUT = "out"
    IN = "in"


BINDS: dict[Way, type[pdus.Bind]] = {
    Way.BOTH: pdus.BindTransceiver,
    Way.OUT: pdus.BindTransmitter,
    Way.IN: pdus.BindReceiver,
}


class SessionState(StrEnum):
    """How a session stands, the best last."""

    NEW = "new"
    """Not tried yet."""
    LOST = "lost"
    STARTING = "starting"
    BINDING = "binding"
    BOUND = "bound"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Who takes what happens on the sessions of a link."""

    sender: Sender
    receiver: Receiver
    asker: Asker

    def owner(self, token: object) -> Sender | Asker:
        """Whose request it was."""
        return self.sender if type(token) is ClaimedPart else self.asker


class LinkSession:
    """One session, bound anew whenever the link says so."""

    def __init__(
        self,
        settings: LinkSettings,
        way: Way,
        label: str,
        traffic: Traffic,
        on_change: Callable[[], None],
        backoff: Backoff,
    ) -> None:
        self.way = way
        self.label = label
        """Which of the link's sessions this is, for people: "" when it is the only one."""
        self.state = SessionState.NEW
        self.since_ms = now_ms()
        self.trouble = ""
        """Why it is not bound, or how it was lost; "" when nothing is wrong."""
        self.next_try_at_ms = 0
        """Wall clock; 0 when no try is planned."""
        self.connection: LinkConnection | None = None
        self._settings = settings
        self._traffic = traffic
        self._on_change = on_change
        self._backoff = backoff
        self._attempt: Deferred[Any] | None = None
        self._decided = asyncio.Event()
        self._due_at_ms = 0
        self._bound_at_ms = 0
        self._is_refused = False
        self._is_ending = False

    @property
    def can_send(self) -> bool:
        """Whether parts go out here once it is bound."""
        return self.way is not Way.IN

    @property
    def can_receive(self) -> bool:
        """Whether receipts come in here once it is bound."""
        return self.way is not Way.OUT

    @property
    def bound_for_ms(self) -> int:
        """How long it has been bound; 0 while it is not."""
        return monotonic_ms() - self._bound_at_ms if self.is_bound else 0

    @property
    def is_bound(self) -> bool:
        return self.state is SessionState.BOUND

    @property
    def wait_s(self) -> float:
        """Seconds until it may be tried again; 0: now."""
        return max(0, self._due_at_ms - monotonic_ms()) / 1000

    def hurry(self) -> None:
        """It need not wait any longer for its next try."""
        self._due_at_ms = 0

    async def open(self) -> None:
        """Try once to be bound; returns when it is, or when that has failed."""
        self._is_refused = False
        self.next_try_at_ms = 0
        self._decided.clear()
        self._move(SessionState.STARTING)
        try:
            endpoint = endpoint_of(self._settings)
        except (OSError, ValueError) as error:
            self._fail(f"ca_file cannot be read: {error}")
            return
        self._attempt = endpoint.connect(_Factory(self)).addErrback(self._unreachable)
        await self._decided.wait()

    async def close(self) -> None:
        """Say goodbye and close; a try that is under way is given up."""
        self._is_ending = True
        if self._attempt is not None:
            self._attempt.cancel()
        if (connection := self.connection) is None:
            return
        self._decided.clear()
        self._traffic.sender.unbound(connection)
        connection.unbind()
        if not await happens(self._decided, UNBIND_WAIT_S):
            connection.abort("the SMSC did not answer unbind")
            await happens(self._decided, UNBIND_WAIT_S)

    # What the connection tells

    def on_connected(self, connection: LinkConnection) -> None:
        """The socket is open: bind."""
        self.connection = connection
        self._move(SessionState.BINDING)
        settings = self._settings
        try:
            password = settings.secret()
        except (OSError, ValueError) as error:
            connection.close(f"the password cannot be read: {error}")
            return
        connection.send(
            BINDS[self.way](
                system_id=settings.system_id,
                password=password,
                system_type=settings.system_type,
                address_range=settings.address_range,
            )
        )

    def on_event(self, connection: LinkConnection, event: Event) -> None:
        """One event of the session, in the order it happened; the most frequent ones first."""
        if isinstance(event, Answered):
            self._traffic.owner(event.token).answered(connection, event.token, event.response)
        elif isinstance(event, Requested):
            self._traffic.receiver.requested(connection, event.pdu, event.sequence)
        elif isinstance(event, TimedOut):
            self._traffic.owner(event.token).timed_out(event.token)
        elif isinstance(event, LateAnswer):
            self._traffic.owner(event.token).answered_late(event.token, event.response)
        elif isinstance(event, Bound):
            self._on_bound(connection)
        elif isinstance(event, BindRefused):
            self._on_refused(connection, event.status)
        elif isinstance(event, Unbound):
            by_whom = "the appliance was stopped" if self._is_ending else "the SMSC ended the session (unbind)"
            self._traffic.sender.leave(connection, by_whom)
        elif isinstance(event, LinkDead):
            connection.abort(event.reason)

    def on_lost(self, connection: LinkConnection, unanswered: list[object], reason: str) -> None:
        """The socket is gone; what was written and not answered is in doubt."""
        self.connection = None
        parts = [token for token in unanswered if isinstance(token, ClaimedPart)]
        self._traffic.sender.lost(connection, parts, reason)
        if self._is_ending:
            log.info("link closed", link=self._settings.name, session=self.label, unanswered=len(parts))
        else:
            log.warning("link lost", link=self._settings.name, session=self.label, reason=reason, unanswered=len(parts))
        self._fail(reason)

    def _on_bound(self, connection: LinkConnection) -> None:
        self._bound_at_ms = monotonic_ms()
        self.trouble = ""
        settings = self._settings
        log.info("link bound", link=settings.name, session=self.label, host=settings.host, port=settings.port)
        self._move(SessionState.BOUND)
        self._decided.set()
        if self.can_send:
            self._traffic.sender.bound(connection)

    def _on_refused(self, connection: LinkConnection, status: int) -> None:
        self._is_refused = status in CREDENTIALS
        if self._is_refused:
            log.error(
                "link credentials refused",
                link=self._settings.name,
                status=Status.name_of(status),
                system_id=self._settings.system_id,
                advice="check system_id and password of this link; next try in five minutes, or by `link retry`",
            )
        connection.close(f"the SMSC refused the bind: {Status.name_of(status)}")

    def _unreachable(self, failure: Failure) -> None:
        """A try that did not even get a socket."""
        reason = explain(failure)
        if not self._is_ending:
            log.warning("link unreachable", link=self._settings.name, session=self.label, reason=reason)
        self._fail(reason)

    def _fail(self, reason: str) -> None:
        """A try or a session has ended: when may it be tried again?"""
        self.trouble = reason
        bound_for_s = (monotonic_ms() - self._bound_at_ms) / 1000 if self._bound_at_ms else 0.0
        self._bound_at_ms = 0
        delay_ms = round(self._backoff.next_delay_s(bound_for_s, is_refused=self._is_refused) * 1000)
        self._due_at_ms = monotonic_ms() + delay_ms
        self.next_try_at_ms = 0 if self._is_ending else now_ms() + delay_ms
        self._move(SessionState.LOST)
        self._decided.set()

    def _move(self, state: SessionState) -> None:
        self.state = state
        self.since_ms = now_ms()
        self._on_change()


class _Factory(protocol.Factory):
    """Makes a connection with a fresh session for each try."""

    noisy = False

    def __init__(self, session: LinkSession) -> None:
        self._session = session

    def buildProtocol(self, addr: IAddress | None) -> LinkConnection:
        settings = self._session._settings
        timers = Timers(
            bind_s=settings.bind_timeout_s,
            enquire_link_s=settings.enquire_link_s,
            response_s=settings.response_timeout_s,
            enquire_link_response_s=min(PROBE_ANSWER_S, settings.response_timeout_s),
        )
        session = Session(Role.ESME, window_max=settings.window, timers=timers, now_ms=monotonic_ms())
        return LinkConnection(session, self._session)
