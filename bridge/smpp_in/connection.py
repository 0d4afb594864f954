"""One TCP connection of an ESME: moves bytes between the socket and the Session, and owns the one timer.

An asyncio protocol rather than a Twisted one, for this is the hot way in: whatever one turn of the loop has to say to
an ESME leaves in one write. Two bounds hold a careless ESME: while `requests_max` of its requests wait for our answer
its socket is not read, and when OUTPUT_SIZE_MAX octets wait to be read by it, it is cut off.
"""

import asyncio
import select
import socket
import ssl
import struct
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

from bridge.runtime.identity import Peer
from bridge.runtime.loop import monotonic_ms, now_ms, running, spawn
from bridge.smpp.errors import LocalProtocolError, RemoteProtocolError
from bridge.smpp.events import NEED_DATA, Closed, Event
from bridge.smpp.matrix import State
from bridge.smpp.pdus import Pdu, Unbind
from bridge.smpp.session import Session
from bridge.smpp_in.told import Told

if TYPE_CHECKING:
    from bridge.smpp_in.sessions import EsmeAccount

OUTPUT_SIZE_MAX = 1_048_576
"""Octets that may wait for an ESME that does not read: ten thousand answers, or a window of receipts many times."""
UNREAD_ROUNDS_MAX = 64
"""Turns of the loop the timer waits for unread octets. Each turn reads up to 256 KiB."""
PAUSED_LOOK_S = 1.0
"""While a socket is not read nothing is known of its ESME; the timer looks again after this."""
HANDSHAKE_TIMEOUT_S = 10.0
"""How long a TLS handshake may take, at most: the time for the bind runs from the connection, too."""
CLOSE_WAIT_S = 3.0
"""How long an ESME may take to answer unbind, or to read what is left for it."""
_RESET = struct.pack("ii", 1, 0)


class Owner(Protocol):
    """Who hears what happens on a connection."""

    def on_event(self, connection: "EsmeConnection", event: Event) -> None:
        """The Session says `event`."""

    def on_room(self, connection: "EsmeConnection") -> None:
        """The ESME reads again what is written to it."""

    def on_lost(self, connection: "EsmeConnection", unanswered: list[object], unheard: list[str], reason: str) -> None:
        """The socket is gone; these tokens were sent and will never be answered, and the answers to these messages
        (public ids) never got there."""


class EsmeConnection(asyncio.Protocol):
    """An asyncio protocol around one Session in the role of the SMSC."""

    def __init__(self, session: Session, owner: Owner, peer: Peer, *, requests_max: int, window_max: int) -> None:
        self.session = session
        self.window_max = window_max
        self.peer = peer
        self.has_certificate = False
        """Whether the ESME has shown a certificate of an authority we know."""
        self.account: EsmeAccount | None = None
        """Whose session this is, once it is bound and until it is not."""
        self.account_id = self.credential_id = 0
        self.account_name = ""
        """These three stay what they were at the bind."""
        self.connected_at_ms = now_ms()
        self.bound_at_ms = 0
        self.refusals: Counter[int] = Counter()
        """How often each command_status was answered to a request for sending, for the log."""
        self.is_advised = False
        """Whether the log has said that its texts are odd."""
        self.accepted = 0
        """Messages accepted."""
        self.delivered = 0
        """Receipts and inbound texts that the ESME has taken."""
        self._owner = owner
        self._requests_max = requests_max
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._output: list[bytes] = []
        self._is_flushing = False
        self._is_paused = False
        self._is_unread = False
        self._is_leaving = False
        self._is_aborted = False
        self._told = Told(None)
        self._resting: asyncio.TimerHandle | None = None
        self._rounds = 0
        self._timer: asyncio.TimerHandle | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._reason = ""

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def owed(self) -> int:
        """Requests of the ESME that wait for our answer."""
        return self.session.owed_count

    @property
    def room(self) -> int:
        """Requests that may be sent to the ESME now; none while it does not read what it has, or rests."""
        if self._is_unread or self._is_leaving or self._resting is not None or not self.is_open:
            return 0
        return self.session.room

    def send(self, pdu: Pdu, token: object = None) -> None:
        """Write a request this turn. Raises LocalProtocolError when the window, the state or a field forbids it."""
        self._put(self.session.send(pdu, token, now_ms=monotonic_ms()))

    def respond(self, sequence: int, pdu: Pdu, *message_ids: str) -> bool:
        """Write the answer to a request this turn; False when the ESME has gone and will not hear it.

        `message_ids`: the messages (public ids) that the answer says were accepted; see on_lost.
        """
        if not self.is_open:
            return False
        try:
            octets = self.session.respond(sequence, pdu)
        except LocalProtocolError:
            return False
        self._put(octets, message_ids)
        return True

    def rest(self, for_s: float) -> None:
        """The ESME has asked for a pause: send it no requests for so long."""
        if self._resting is None:
            self._resting = running().call_later(for_s, self._rested)

    def _rested(self) -> None:
        self._resting = None
        self._owner.on_room(self)

    def leave(self, reason: str) -> None:
        """Say goodbye by unbind, and close when it is answered or CLOSE_WAIT_S later; at once if it was not bound."""
        self._reason = self._reason or reason
        if self._is_leaving or not self.is_open:
            return
        self._is_leaving = True
        try:
            self.send(Unbind())
        except LocalProtocolError:
            self.close(reason)
            return
        self._closing = self._closing or running().call_later(CLOSE_WAIT_S, self.close, reason)

    def close_when_answered(self, reason: str) -> None:
        """Close as soon as every request has its answer: an ESME may unbind behind what it has just submitted."""
        self._reason = self._reason or reason
        self._is_leaving = True
        if not self.owed:
            self.close(reason)

    def close(self, reason: str) -> None:
        """Close once what was written has left, or CLOSE_WAIT_S later; `reason` is what the owner hears."""
        self._reason = self._reason or reason
        self._write()
        if self._transport is None:
            self.abort(reason)
        elif not self._transport.is_closing():
            self._transport.close()
            if self._closing is not None:
                self._closing.cancel()
            self._closing = running().call_later(CLOSE_WAIT_S, self.abort, reason)

    def abort(self, reason: str) -> None:
        """Close at once."""
        self._reason = self._reason or reason
        if self._transport is not None:
            # A reset, so that nothing that still waits is delivered when we no longer count on it.
            sock = cast(socket.socket, self._transport.get_extra_info("socket"))
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._is_aborted = True
            self._transport.abort()
        elif self._opening is not None:
            self._opening.cancel()

    def open(self, sock: socket.socket, context: ssl.SSLContext | None, timeout_s: float) -> None:
        """Begin on a socket that was taken: by a TLS handshake, if there is a context, which may take so long."""

        def opened(_: object) -> None:
            self._opening = None
            if self._transport is None:  # TLS came to nothing, and asyncio tells nobody else.
                sock.close()
                self._owner.on_lost(self, [], [], self._reason or "no TLS")

        self._opening = spawn(self._open(sock, context, timeout_s), "open an SMPP connection")
        self._opening.add_done_callback(opened)

    async def _open(self, sock: socket.socket, context: ssl.SSLContext | None, timeout_s: float) -> None:
        patience_s = min(timeout_s, HANDSHAKE_TIMEOUT_S) if context else None
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await running().connect_accepted_socket(lambda: self, sock, ssl=context, ssl_handshake_timeout=patience_s)

    def flush(self) -> None:
        """Write all that waits for the end of this turn."""
        self._is_flushing = False
        self._write()
        if self._is_leaving and not self.owed and self.session.state is State.UNBOUND:
            self.close(self._reason)

    def _write(self) -> None:
        self._output.append(self.session.take_output())
        octets = b"".join(self._output)
        self._output.clear()
        if octets and self._transport is not None and self.is_open:
            self._transport.write(octets)
            self._told.wrote(len(octets), monotonic_ms())
            if self._transport.get_write_buffer_size() > OUTPUT_SIZE_MAX:
                self.abort(f"it does not read: {OUTPUT_SIZE_MAX} octets wait for it")

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        tls = transport.get_extra_info("ssl_object")
        self.has_certificate = bool(tls is not None and tls.getpeercert())
        if tls is None:
            self._told = Told(transport.get_extra_info("socket"))
        self._arm()

    def data_received(self, data: bytes) -> None:
        self.session.receive_data(data, monotonic_ms())
        self._take()

    def pause_writing(self) -> None:
        """Asyncio: the ESME is slow to read. It gets no more requests until it has caught up."""
        self._is_unread = True

    def resume_writing(self) -> None:
        self._is_unread = False
        self._owner.on_room(self)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._timer, self._closing, self._resting):
            if timer is not None:
                timer.cancel()
        self._timer = self._closing = self._resting = None
        unanswered: list[object] = []
        for event in self.session.connection_lost():
            if isinstance(event, Closed):
                unanswered += event.unanswered
        reason = self._reason or ("the connection broke" if exc else "the ESME closed the connection")
        unheard = self._told.unheard(monotonic_ms(), is_broken=exc is not None or self._is_aborted)
        self._owner.on_lost(self, unanswered, unheard, reason)

    # Reading

    def _take(self) -> None:
        """Handle what was read, as far as there is room for requests; the rest waits, and so does the socket."""
        session = self.session
        try:
            while session.owed_count < self._requests_max and self.is_open:
                event = session.next_event()
                if event is NEED_DATA:
                    self._resume()
                    break
                self._owner.on_event(self, event)
            else:
                self._pause()
        except RemoteProtocolError as error:
            self.close(error.message)
            return
        if not self._is_flushing:
            self.flush()
        self._arm()

    def _pause(self) -> None:
        if not self._is_paused and self._transport is not None and self.is_open:
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused and self._transport is not None and self.is_open:
            self._is_paused = False
            self._transport.resume_reading()

    def _put(self, octets: bytes, message_ids: tuple[str, ...] = ()) -> None:
        self._output.append(octets)
        self._told.put(len(octets), message_ids)
        if not self._is_flushing:
            self._is_flushing = True
            running().call_soon(self._end_of_turn)

    def _end_of_turn(self) -> None:
        self.flush()
        if self._is_paused and self.owed <= self._requests_max // 2 and self.is_open:
            self._take()
        else:
            self._arm()

    # The timer

    def _arm(self) -> None:
        """Have the timer ring at the Session's deadline; one that rings too early looks again."""
        deadline_ms = self.session.deadline_ms()
        if deadline_ms is None or not self.is_open:
            return
        self._ring_in(max(0, deadline_ms - monotonic_ms()) / 1000)

    def _ring_in(self, wait_s: float) -> None:
        loop = running()
        when = loop.time() + wait_s
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = loop.call_at(when, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._is_paused:  # An answer may wait in the socket that we do not read.
            self._ring_in(PAUSED_LOOK_S)
            return
        if self._rounds < UNREAD_ROUNDS_MAX and self._has_unread():
            self._rounds += 1
            self._ring_in(0)
            return
        self._rounds = 0
        for event in self.session.tick(monotonic_ms()):
            self._owner.on_event(self, event)
        self.flush()
        self._arm()

    def _has_unread(self) -> bool:
        """Whether octets wait in the socket."""
        sock = self._transport.get_extra_info("socket") if self._transport is not None else None
        if sock is None or sock.fileno() < 0:
            return False
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return bool(poll.poll(0))
