"""One TCP connection of a link: moves bytes between the socket and the Session, and owns the one timer.

The Session decides everything (SMPP 3.4); this shell reads, writes, and wakes it at `deadline_ms()`.
Events go to a `Listener`. Nothing is declared timed out while octets wait in the socket: after a busy
loop the answer may have been there all along, so what is there is read before the clock is looked at.
"""

import asyncio
import select
from typing import Protocol, cast

from twisted.internet import protocol
from twisted.internet.interfaces import IConsumer, IPushProducer, ITCPTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from bridge.runtime.loop import monotonic_ms, running
from bridge.smpp.errors import LocalProtocolError, RemoteProtocolError
from bridge.smpp.pdus import Pdu, Unbind
from bridge.smpp.session import NEED_DATA, Closed, Event, Session, State
from bridge.smpp_out.trouble import explain

UNREAD_ROUNDS_MAX = 128
"""Turns of the loop the timer waits for unread octets. Each turn reads 64 KiB, a Linux receive buffer holds 6 MiB."""
OUTPUT_SIZE_MAX = 1_048_576
"""Octets written while the peer does not read, at which it is cut off: a window of parts many times, or its answers."""
CLOSE_WAIT_S = 5.0
"""How long a peer that does not read may hold up the closing of a connection."""


class Listener(Protocol):
    """Who hears what happens on a connection."""

    def on_connected(self, connection: "LinkConnection") -> None:
        """The socket is open; nothing was sent yet."""

    def on_event(self, connection: "LinkConnection", event: Event) -> None:
        """The Session says `event`."""

    def on_lost(self, connection: "LinkConnection", unanswered: list[object], reason: str) -> None:
        """The socket is gone; these tokens were sent and will never be answered."""


@implementer(IPushProducer)
class LinkConnection(protocol.Protocol):
    """A Twisted protocol around one Session in the role of the ESME."""

    def __init__(self, session: Session, listener: Listener) -> None:
        self.session = session
        self._listener = listener
        self._timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._outgoing: list[bytes] = []
        self._is_unread = False
        self._unread_size = 0
        self._rounds = 0
        self._reason = ""

    @property
    def room(self) -> int:
        """Requests that may be sent before the window is full."""
        return self.session.room

    def send(self, pdu: Pdu, token: object = None) -> None:
        """Write a request. Raises LocalProtocolError when the window, the state or a field forbids it."""
        self._put(self.session.send(pdu, token, now_ms=monotonic_ms()))

    def respond(self, sequence: int, pdu: Pdu) -> None:
        """Write the answer to a request; on a connection that is gone, nothing."""
        try:
            octets = self.session.respond(sequence, pdu)
        except LocalProtocolError:
            return  # The peer has gone meanwhile; an SMSC repeats what it has no answer to.
        self._put(octets)

    def unbind(self) -> None:
        """Say goodbye and close: by unbind when bound, else at once."""
        try:
            self.send(Unbind())
        except LocalProtocolError:
            self.close("closed before it was bound")

    def close(self, reason: str) -> None:
        """Close once what was written has left, or soon after; `reason` is what the listener hears."""
        self._reason = self._reason or reason
        if self.transport is not None:
            self._flush()
            cast(IConsumer, self.transport).unregisterProducer()
            self.transport.loseConnection()
            self._closing = self._closing or running().call_later(CLOSE_WAIT_S, self.abort, reason)

    def abort(self, reason: str) -> None:
        """Close at once."""
        self._reason = self._reason or reason
        if self.transport is not None:
            cast(ITCPTransport, self.transport).abortConnection()

    # What Twisted calls

    def connectionMade(self) -> None:
        transport = cast(ITCPTransport, self.transport)
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        cast(IConsumer, transport).registerProducer(self, True)
        self._listener.on_connected(self)

    def pauseProducing(self) -> None:
        """Twisted, at every write while it is so: the peer has not read what was written before."""
        if not self._is_unread:
            self._is_unread = True
            self._unread_size = 0

    def resumeProducing(self) -> None:
        """Twisted: it has."""
        self._is_unread = False

    def stopProducing(self) -> None:
        """Twisted: the connection is gone."""

    def dataReceived(self, data: bytes) -> None:
        self.session.receive_data(data, monotonic_ms())
        try:
            while (event := self.session.next_event()) is not NEED_DATA:
                self._listener.on_event(self, event)
        except RemoteProtocolError as error:
            self._flush()
            self.close(error.message)
            return
        self._flush()
        self._arm()

    def connectionLost(self, reason: Failure = protocol.connectionDone) -> None:
        for timer in (self._timer, self._closing):
            if timer is not None:
                timer.cancel()
        self._timer = self._closing = None
        ending = explain(reason)
        if self.session.state is State.OPEN:
            ending += " before the bind was answered"
        unanswered = [
            token for event in self.session.connection_lost() if isinstance(event, Closed) for token in event.unanswered
        ]
        self._listener.on_lost(self, unanswered, self._reason or ending)

    # The timer

    def _arm(self) -> None:
        """Have the timer ring at the Session's deadline; one that rings too early looks again."""
        deadline_ms = self.session.deadline_ms()
        if deadline_ms is None:
            return
        loop = running()
        when = loop.time() + max(0, deadline_ms - monotonic_ms()) / 1000
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._rounds < UNREAD_ROUNDS_MAX and self._has_unread():
            self._rounds += 1
            self._timer = running().call_later(0, self._ring)
            return
        self._rounds = 0
        for event in self.session.tick(monotonic_ms()):
            self._listener.on_event(self, event)
        self._flush()
        self._arm()

    def _has_unread(self) -> bool:
        """Whether octets wait in the socket."""
        file_no = self.transport.fileno() if self.transport is not None else -1  # type: ignore[attr-defined]
        if not isinstance(file_no, int) or file_no < 0:
            return False
        poll = select.poll()
        poll.register(file_no, select.POLLIN)
        return bool(poll.poll(0))

    # Writing

    def _put(self, octets: bytes) -> None:
        """Have octets written with all others of this turn of the loop."""
        if not self._outgoing:
            running().call_soon(self._write_turn)
        self._outgoing.append(octets)

    def _write_turn(self) -> None:
        self._flush()
        self._arm()

    def _flush(self) -> None:
        """Write what waits, and what the Session has to say by itself."""
        if output := self.session.take_output():
            self._outgoing.append(output)
        if self._outgoing and self.transport is not None:
            octets = b"".join(self._outgoing)
            self.transport.write(octets)
            self._unread_size += len(octets)
            if self._is_unread and self._unread_size > OUTPUT_SIZE_MAX:
                self.abort(f"it does not read: {OUTPUT_SIZE_MAX} octets wait for it")
        self._outgoing.clear()
