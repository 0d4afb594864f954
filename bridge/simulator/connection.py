"""One connection of the simulated SMSC: moves bytes between the socket and a Session, and owns its one timer.

An asyncio protocol rather than a Twisted one, for this is the peer of the benchmarks: all that one read
leads to is written at once.
"""

import asyncio
import socket
import struct
from typing import Any, Protocol, cast

from bridge.runtime.loop import monotonic_ms, running
from bridge.simulator.sessions import Hangs, without_probe_answers
from bridge.smpp.errors import LocalProtocolError, RemoteProtocolError
from bridge.smpp.events import NEED_DATA, Event
from bridge.smpp.pdus import Pdu
from bridge.smpp.session import Closed, LinkDead, Session, Unbound

LINGER_NONE = struct.pack("ii", 1, 0)
"""SO_LINGER that makes close() send a reset."""


class Owner(Protocol):
    """Who hears what happens on a connection."""

    is_mute: bool

    def on_open(self, connection: "SmscConnection") -> bool:
        """A peer has connected; False sends it away."""

    def on_event(self, connection: "SmscConnection", event: Event) -> None:
        """The Session says `event`."""

    def on_read(self, connection: "SmscConnection") -> None:
        """All events of one read were told: the place to send what there is room for."""

    def on_lost(self, connection: "SmscConnection", unanswered: list[object]) -> None:
        """The socket is gone; these tokens were never answered."""


class SmscConnection(asyncio.Protocol):
    """An asyncio protocol around one Session in the role of the SMSC."""

    def __init__(self, session: Session, owner: Owner) -> None:
        self.session = session
        self.account: Any = None
        """Whom the owner knows the peer as, once it is bound."""
        self.is_deaf = False
        """Reads and says nothing more."""
        self.ignores_probes = False
        """Leaves enquire_link unanswered."""
        self.taken = 0
        """Parts that came, when the script counts them."""
        self.write_octets = 0
        """When not 0: at most so many octets are written at a time."""
        self._is_stalled = False
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._output: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, pdu: Pdu, token: object = None) -> None:
        """Queue a request for the next flush. Raises LocalProtocolError when window or state forbid it."""
        self._output.append(self.session.send(pdu, token, now_ms=monotonic_ms()))

    def respond(self, sequence: int, pdu: Pdu) -> None:
        """Queue the answer to a request for the next flush; to a peer that has gone, nothing."""
        self._output.append(self.response(sequence, pdu))

    def response(self, sequence: int, pdu: Pdu) -> bytes:
        """The octets of an answer that is written later, or never; none for a peer that has gone."""
        try:
            return self.session.respond(sequence, pdu)
        except LocalProtocolError:
            return b""

    def queue(self, octets: bytes) -> None:
        """Queue octets as they are for the next flush."""
        self._output.append(octets)

    def flush(self) -> None:
        """Write all that is queued."""
        own = self.session.take_output()
        if own:
            self._output.append(without_probe_answers(own) if self.ignores_probes else own)
        if self._output:
            if self.is_open:
                self._write(b"".join(self._output))
            self._output.clear()

    def hang(self, how: Hangs) -> None:
        """From now on leave unanswered what `how` says; parts are their owner's to ignore."""
        self.is_deaf = self.is_deaf or how is Hangs.ALL
        self.ignores_probes = self.ignores_probes or how is Hangs.PROBES

    def stall(self) -> None:
        """Read nothing more, so that the peer's writes pile up, until `go_on`."""
        if self._transport is not None and not self._is_stalled:
            self._is_stalled = True
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        if self._transport is not None and self._is_stalled:
            self._is_stalled = False
            if self.is_open:
                self._transport.resume_reading()

    def close(self) -> None:
        """Write what is queued, then close."""
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Write what is queued, then reset the connection."""
        self.flush()
        if self._transport is not None:
            sock = cast(socket.socket, self._transport.get_extra_info("socket"))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
            self._transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        sock = cast(socket.socket, transport.get_extra_info("socket"))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._owner.on_open(self):
            transport.close()
            return
        self._arm()

    def data_received(self, data: bytes) -> None:
        if self.is_deaf or self._owner.is_mute:
            return
        self.session.receive_data(data, monotonic_ms())
        try:
            while self.is_open and not self.is_deaf and (event := self.session.next_event()) is not NEED_DATA:
                self._owner.on_event(self, event)
                if isinstance(event, Unbound):
                    self.close()
        except RemoteProtocolError:
            self.close()
            return
        self._owner.on_read(self)
        self.flush()
        self._arm()

    def pause_writing(self) -> None:
        """The peer does not read: take no more of its requests, so that the answers do not pile up here."""
        if self._transport is not None and not self._is_stalled:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None and self.is_open and not self._is_stalled:
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        unanswered: list[object] = []
        for event in self.session.connection_lost():
            if isinstance(event, Closed):
                unanswered += event.unanswered
        self._owner.on_lost(self, unanswered)

    # The timer

    def _arm(self) -> None:
        """Have the timer ring at the Session's deadline; one that rings too early looks again."""
        if self._timer is None and self.is_open and (deadline_ms := self.session.deadline_ms()) is not None:
            self._timer = running().call_later(max(0, deadline_ms - monotonic_ms()) / 1000, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self.is_deaf or self._owner.is_mute:
            return
        for event in self.session.tick(monotonic_ms()):
            self._owner.on_event(self, event)
            if isinstance(event, LinkDead) and self._transport is not None:
                self._transport.abort()
        self.flush()
        self._arm()

    def _write(self, octets: bytes) -> None:
        if not octets or self._transport is None:
            return
        size = self.write_octets or len(octets)
        for at in range(0, len(octets), size):
            self._transport.write(octets[at : at + size])
