"""Tools of the SMPP tests: frames by hand, and two sessions tied together without a socket."""

import struct

from bridge.smpp import pdus
from bridge.smpp.session import NEED_DATA, Event, Role, Session, State, Timers

BIND_OF_STATE: dict[State, type[pdus.Bind]] = {
    State.BOUND_TX: pdus.BindTransmitter,
    State.BOUND_RX: pdus.BindReceiver,
    State.BOUND_TRX: pdus.BindTransceiver,
}


def frame(command_id: int, body: bytes = b"", *, status: int = 0, sequence: int = 1) -> bytes:
    """A frame with a true command_length."""
    return struct.pack(">IIII", 16 + len(body), command_id, status, sequence) + body


def tlv(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


def sm_body(
    *,
    service_type: bytes = b"\0",
    source: bytes = b"1\0",
    destination: bytes = b"2\0",
    schedule: bytes = b"\0",
    validity: bytes = b"\0",
    message: bytes = b"\x02hi",
    rest: bytes = b"",
) -> bytes:
    """The body of a submit_sm or deliver_sm, each variable field as raw octets."""
    return b"".join(
        (service_type, b"\1\1", source, b"\1\1", destination, b"\0\0\0", schedule, validity, b"\1\0\0\0", message, rest)
    )


def drain(session: Session) -> list[Event]:
    """All events that wait."""
    events = []
    while (event := session.next_event()) is not NEED_DATA:
        events.append(event)
    return events


class Pair:
    """An ESME and an SMSC whose wire is this object. `now_ms` is theirs; nothing happens by itself."""

    def __init__(self, *, window_max: int = 10, timers: Timers | None = None, now_ms: int = 0) -> None:
        self.now_ms = now_ms
        self.esme = Session(Role.ESME, window_max=window_max, timers=timers, now_ms=now_ms)
        self.smsc = Session(Role.SMSC, window_max=window_max, timers=timers, now_ms=now_ms)

    def to_smsc(self, octets: bytes) -> list[Event]:
        """Give octets to the SMSC and what it answers by itself to the ESME; the SMSC's events."""
        self.smsc.receive_data(octets, self.now_ms)
        events = drain(self.smsc)
        self.settle()
        return events

    def to_esme(self, octets: bytes) -> list[Event]:
        """Give octets to the ESME and what it answers by itself to the SMSC; the ESME's events."""
        self.esme.receive_data(octets, self.now_ms)
        events = drain(self.esme)
        self.settle()
        return events

    def settle(self) -> None:
        """Carry automatic output over the wire; it must not cause events on the way."""
        self.smsc.receive_data(self.esme.take_output(), self.now_ms)
        self.esme.receive_data(self.smsc.take_output(), self.now_ms)

    def ask_smsc(self, pdu: pdus.Pdu, token: object = None) -> list[Event]:
        """The ESME sends a request; the SMSC's events."""
        return self.to_smsc(self.esme.send(pdu, token, now_ms=self.now_ms))

    def ask_esme(self, pdu: pdus.Pdu, token: object = None) -> list[Event]:
        """The SMSC sends a request; the ESME's events."""
        return self.to_esme(self.smsc.send(pdu, token, now_ms=self.now_ms))

    def bind(self, state: State = State.BOUND_TRX) -> "Pair":
        """Bind both sides and return the pair."""
        bind = BIND_OF_STATE[state]
        (requested,) = self.ask_smsc(bind(system_id="pumps", password="secret"))
        response = pdus.RESPONSE_TO[bind.COMMAND_ID](tlvs={0x0210: b"\x34"})
        (bound,) = self.to_esme(self.smsc.respond(requested.sequence, response))
        assert bound.pdu == response
        assert (self.esme.state, self.smsc.state) == (state, state)
        return self
