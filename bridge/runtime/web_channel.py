"""One HTTP connection: the shell between a transport, our request reader and Twisted's request objects.

It stands where twisted.web has its HTTPChannel, whose timers start again at every octet, whose bodies have no limit
and whose refusals say nothing. Requests are taken one at a time, so that answers keep their order. Three deadlines
are absolute: the head's (from the connection or the last answer), the body's (from the head), and the farewell's.

A farewell on plain TCP is a half-close: what still comes in is thrown away until the peer has read our answer and
closed, because closing over unread octets makes many systems discard the answer.
"""

from collections.abc import Iterable
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IPushProducer,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from zope.interface import implementer

from bridge.runtime.web_body import BadRequest
from bridge.runtime.web_reader import NEED_DATA, ContinueWanted, Phase, RequestReader, WireRequest

if TYPE_CHECKING:
    from bridge.runtime.web_site import WebRequest, WebSite

RETRY_AFTER_S = 10
"""What a peer that was turned away is told to wait; a restart takes less."""
PIPELINE_SIZE_MAX = 16_384
"""Octets read ahead while an answer is being made; then the peer has to wait."""
SEND_S = 60.0
"""How long a peer may take to let our last answer out of our buffers."""
FAREWELL_S = 2.0
"""How long a peer may take to close after that."""
FAREWELL_SIZE_MAX = 1_048_576
"""Octets thrown away during a farewell: the rest of an upload that was refused at its head."""


class State(Enum):
    READING = "reading"
    ANSWERING = "answering"
    LEAVING = "leaving"
    CLOSED = "closed"


@implementer(IHalfCloseableProtocol, IPushProducer)
class WebChannel(Protocol):
    """Made by WebSite for each connection; it also plays the channel of Twisted's Request objects."""

    factory: "WebSite"
    site: "WebSite"
    transport: Any

    def __init__(self, reader: RequestReader) -> None:
        self._reader = reader
        self._state = State.READING
        self._request: WebRequest | None = None
        self._is_persistent = False
        self._is_advancing = False
        self._is_choked = False
        self._is_paused = False
        self._has_peer_ended = False
        self._thrown_away = 0
        self._timer: IDelayedCall | None = None
        self._timed_phase: Phase | None = None

    # What the transport says

    def connectionMade(self) -> None:
        cast(ITCPTransport, self.transport).setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        if self.factory.connections.open(self, self.factory.reactor.seconds()):
            self._watch()
        else:
            # No long farewell: it would hold a socket that is not counted.
            self._has_peer_ended = True
            self._refuse(503, "Too many connections; try again later")

    def dataReceived(self, data: bytes) -> None:
        if self._state is State.LEAVING:
            self._thrown_away += len(data)
            if self._thrown_away > FAREWELL_SIZE_MAX:
                self.transport.abortConnection()
            return
        self._reader.receive_data(data)
        self._advance()

    def readConnectionLost(self) -> None:
        """The peer has sent all it will; it may still read."""
        self._has_peer_ended = True
        if self._state is State.LEAVING:
            self.transport.loseConnection()
        else:
            self._advance()

    def writeConnectionLost(self) -> None:
        """Our own half-close is done: the answer is on its way."""
        self._arm(FAREWELL_S, self.abort)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._state = State.CLOSED
        self._disarm()
        self.factory.connections.close(self)
        request, self._request = self._request, None
        if request is not None:
            request.connectionLost(reason)

    def pauseProducing(self) -> None:
        """The peer does not read its answers: do not make more of them."""
        self._is_choked = True

    def resumeProducing(self) -> None:
        self._is_choked = False
        self._advance()

    def stopProducing(self) -> None:
        """The transport is gone; connectionLost follows."""

    # Requests, one at a time

    def _advance(self) -> None:
        """Take and answer what has come in, until something is missing."""
        if self._is_advancing:
            return
        self._is_advancing = True
        try:
            while self._state is State.READING and not self._is_choked:
                event = self._reader.next_event()
                if event is NEED_DATA:
                    break
                if isinstance(event, ContinueWanted):
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                elif isinstance(event, WireRequest):
                    self._answer(event)
        except BadRequest as refusal:
            self._refuse(refusal.status, refusal.sentence)
        finally:
            self._is_advancing = False
        self._watch()

    def _answer(self, wire: WireRequest) -> None:
        self._state = State.ANSWERING
        self._disarm()
        self.factory.connections.work(self)
        self._is_persistent = wire.is_persistent and not self.factory.connections.is_draining
        request = self.factory.requestFactory(self, wire)
        self._request = request
        if not self._is_persistent:
            request.setHeader(b"Connection", b"close")
        request.process()

    def requestDone(self, request: "WebRequest") -> None:
        """Called by the request when its answer is written."""
        self._request = None
        if self._state is not State.ANSWERING:
            return
        if self._is_persistent and not self.factory.connections.is_draining:
            self._state = State.READING
            self._wait()
            self._advance()
        else:
            self._leave()

    def _wait(self) -> None:
        self.factory.connections.wait(self, self.factory.reactor.seconds())

    # Deadlines, backpressure and the end

    def _watch(self) -> None:
        """Set what has to be watched now that nothing more can be done."""
        if self._state is State.READING and self._has_peer_ended:
            if self._reader.phase is Phase.BETWEEN:
                self._leave()
            else:
                self._refuse(400, "The request ended before it was complete")
        must_pause = self._state is State.ANSWERING or (self._state is State.READING and self._is_choked)
        if must_pause and not self._is_paused and self._reader.pending > PIPELINE_SIZE_MAX:
            self._is_paused = True
            self.transport.pauseProducing()
        elif self._is_paused and not must_pause and self._state is not State.CLOSED:
            self._resume()
        if self._state is State.READING:
            self._arm_for(self._reader.phase)

    def _resume(self) -> None:
        self._is_paused = False
        self.transport.resumeProducing()

    def _arm_for(self, phase: Phase) -> None:
        """A deadline is set once for a head and once for a body; octets that trickle in do not move it."""
        is_body = phase is Phase.BODY
        if self._timer is not None and is_body == (self._timed_phase is Phase.BODY):
            return
        settings = self.factory.settings
        self._arm(settings.body_timeout_s if is_body else settings.header_timeout_s, self._on_late)
        self._timed_phase = phase

    def _arm(self, delay_s: float, function: Any) -> None:
        self._disarm()
        self._timer = self.factory.reactor.callLater(delay_s, function)

    def _disarm(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()

    def _on_late(self) -> None:
        if self._reader.phase is Phase.BETWEEN:
            self._leave()
        else:
            self._refuse(408, "The request did not arrive in time")

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer without a request object, then leave."""
        peer = str(getattr(self.transport.getPeer(), "host", ""))
        self.factory.events.info("refused", door="http", peer=peer, status=status, reason=sentence)
        body = sentence.encode() + b"\n"
        head = [f"HTTP/1.0 {status} {HTTPStatus(status).phrase}", "Content-Type: text/plain; charset=utf-8"]
        head += [f"Content-Length: {len(body)}", "Connection: close"]
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            head.append(f"Retry-After: {RETRY_AFTER_S}")
        self.transport.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        self._leave()

    def end(self) -> None:
        """Close a connection that waits, because its place is needed or the listener stops."""
        if self._state is State.READING and self._reader.phase is Phase.BETWEEN:
            self._leave()
        elif self._state is State.READING:
            self._refuse(503, "No more requests here just now")

    def abort(self) -> None:
        """Cut the connection without a word."""
        self.transport.abortConnection()

    def _leave(self) -> None:
        """Let the answer reach the peer, then close."""
        if self._state in (State.LEAVING, State.CLOSED):
            return
        self._state = State.LEAVING
        self._wait()
        self.transport.unregisterProducer()
        if self._is_paused:
            self._resume()
        if self._has_peer_ended or self.isSecure():
            self.transport.loseConnection()
        else:
            self.transport.loseWriteConnection()
        self._arm(SEND_S, self.abort)

    # What Twisted's Request asks of its channel

    def getPeer(self) -> IAddress:
        return self.transport.getPeer()

    def getHost(self) -> IAddress:
        return self.transport.getHost()

    def isSecure(self) -> bool:
        return ISSLTransport(self.transport, None) is not None

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        lines = [b"%s %s %s" % (version, code, reason)]
        lines += [name + b": " + value for name, values in headers.getAllRawHeaders() for value in values]
        self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n")

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.transport.writeSequence(data)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """The request writes a long answer at the peer's pace; meanwhile it, not we, hears of that pace."""
        self.transport.unregisterProducer()
        self.transport.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        self.transport.unregisterProducer()
        if self._state is State.ANSWERING:
            self.transport.registerProducer(self, True)

    def loseConnection(self) -> None:
        self._is_persistent = False
        self._leave()
