"""One SMPP 3.4 session without I/O, for either side of the connection.

A shell owns the socket and the one timer, and does this:

    on data:   session.receive_data(data, now_ms)
               while (event := session.next_event()) is not NEED_DATA: handle it
               write session.take_output()
    to send:   write session.send(pdu, token, now_ms=now_ms)
    to answer: write session.respond(sequence, pdu)
    on timer:  for event in session.tick(now_ms): handle it; write session.take_output()
    after any: arm the timer for session.deadline_ms()
    on loss:   for event in session.connection_lost(): handle it

The session answers enquire_link and unbind itself, probes a silent peer with enquire_link, refuses what the peer may
not ask in this state (RINVBNDSTS, RALYBND), answers what cannot be parsed, and never lets the window overflow.
What happens in which state is in `matrix.py`; nothing here asks which role it plays. `now_ms` is any clock that
never goes back. A response is matched by sequence_number and kind; one that matches nothing is counted and ignored.
"""

from dataclasses import dataclass, replace

from bridge.smpp.clocks import NEVER_MS, Clocks, Timers
from bridge.smpp.codec import decode, encode
from bridge.smpp.constants import RESPONSE_BIT, CommandId, Status, Tag, Version
from bridge.smpp.errors import LocalProtocolError, RemoteProtocolError
from bridge.smpp.events import (
    NEED_DATA,
    Answered,
    BindRefused,
    Bound,
    Closed,
    Event,
    LateAnswer,
    LinkDead,
    NeedData,
    Requested,
    TimedOut,
    Unbound,
)
from bridge.smpp.framing import FrameBuffer
from bridge.smpp.matrix import BOUND_BY_BIND, MAY_ASK, ONE_WAY, UNWINDOWED, Role, State, can_send_messages
from bridge.smpp.pdus import RESPONSE_TO, Bind, EnquireLink, EnquireLinkResp, GenericNack, Pdu, UnbindResp
from bridge.smpp.window import Request, Window

__all__ = [
    "NEED_DATA",
    "Answered",
    "BindRefused",
    "Bound",
    "Closed",
    "Counts",
    "Event",
    "LateAnswer",
    "LinkDead",
    "Requested",
    "Role",
    "Session",
    "State",
    "TimedOut",
    "Timers",
    "Unbound",
]

SEQUENCE_MAX = 0x7FFFFFFF
"""The last number we use before we start again at 1 (SMPP 3.4, 5.1.4)."""

_VERSIONS = (Version.V50, Version.V34)
"""What a peer may speak with us, the newest first; anything older is 3.3."""

OWED_MAX = 1000
"""Requests of the peer that the shell may owe an answer to; beyond it the peer is told to slow down."""


@dataclass(slots=True)
class Counts:
    """What a session put up with, for the operator."""

    unmatched_responses: int = 0
    unreadable_responses: int = 0
    unreadable_requests: int = 0
    refused_requests: int = 0
    late_answers: int = 0


class Session:
    """The state of one connection. Raises LocalProtocolError when the shell asks for what the state forbids."""

    def __init__(self, role: Role, *, window_max: int, timers: Timers | None = None, now_ms: int) -> None:
        self.role = role
        self._enter(State.OPEN)
        self._heard_version(0)
        self.counts = Counts()
        self._window = Window(window_max)
        self._frames = FrameBuffer()
        self._clocks = Clocks(timers or Timers(), now_ms)
        self._output = bytearray()
        self._sequence = 0
        self._control: dict[int, Request] = {}
        """Our bind, unbind and enquire_link on their way; outside the window."""
        self._owed: dict[tuple[int, int], int] = {}
        """(sequence, command_id) of the peer's requests to how often each waits for our response."""
        self._owed_count = 0
        self._is_dead = False

    @property
    def room(self) -> int:
        """Requests that may be sent before the window is full; 0 unless bound for sending."""
        if self._is_dead or not self._can_send_messages or self._clocks.unbind_since_ms is not None:
            return 0
        return self._window.room

    @property
    def owed_count(self) -> int:
        """Requests of the peer that wait for `respond`.

        A shell that stops reading while there are many holds the peer up by TCP alone; beyond OWED_MAX the peer is
        told to slow down.
        """
        return self._owed_count

    @property
    def unanswered_count(self) -> int:
        """Requests in the window: sent, not answered, not timed out."""
        return len(self._window)

    def send(self, pdu: Pdu, token: object = None, *, now_ms: int) -> bytes:
        """The octets of a request. `token` comes back exactly once: in Answered, TimedOut or Closed.

        bind, unbind, enquire_link, outbind and alert_notification take no token and no room in the window.
        Raises LocalProtocolError when the state forbids it, the window is full or the PDU cannot be written;
        nothing has happened then.
        """
        command_id = pdu.COMMAND_ID
        is_windowed = self._check_may_send(command_id, token)
        sequence = self._next_sequence()
        data = encode(pdu, sequence)
        if is_windowed:
            self._window.add(sequence, Request(command_id, token, now_ms))
        elif command_id not in ONE_WAY:
            self._control[sequence] = Request(command_id, None, now_ms)
        if command_id in BOUND_BY_BIND:
            self._clocks.bind_since_ms = now_ms
        elif command_id == CommandId.UNBIND:
            self._clocks.unbind_since_ms = now_ms
        if command_id == CommandId.ENQUIRE_LINK:
            self._clocks.probe_since_ms = now_ms
        else:
            self._clocks.active_at_ms = now_ms
        return data

    def respond(self, sequence: int, pdu: Pdu) -> bytes:
        """The octets of the answer to a Requested; a bind's answer with status 0 makes this session bound.

        Such an answer says which version was agreed on (sc_interface_version) to a peer that knows TLVs. Empty once
        the link is dead or closed: nobody is there. Raises LocalProtocolError when no request of this sequence waits
        for such a response, or it cannot be written.
        """
        if self._is_dead:
            return b""
        key = self._owed_key(sequence, pdu)
        is_binding = pdu.status == Status.ROK and key[1] in BOUND_BY_BIND and pdu.COMMAND_ID != CommandId.GENERIC_NACK
        data = encode(self._in_version(pdu) if is_binding else pdu, sequence)
        self._owed_count -= 1
        if self._owed[key] > 1:
            self._owed[key] -= 1
        else:
            del self._owed[key]
        if is_binding:
            self._become_bound(BOUND_BY_BIND[key[1]])
        return data

    def take_output(self) -> bytes:
        """The octets the session wants written by itself, once. Call it after receive_data, next_event and tick."""
        if not self._output:
            return b""
        output = bytes(self._output)
        self._output.clear()
        return output

    def receive_data(self, data: bytes, now_ms: int) -> None:
        """Take what the socket gave. Drain `next_event` before feeding more, so that the buffer stays bounded."""
        if data and not self._is_dead:
            self._frames.feed(data)
            self._clocks.heard_at_ms = now_ms

    def next_event(self) -> Event | NeedData:
        """The next event, or NEED_DATA.

        Raises RemoteProtocolError once when framing is lost; the answer is in take_output(), the shell writes
        it and closes. Every smaller offence is answered here and counted.
        """
        while not self._is_dead:
            try:
                frame = self._frames.next()
                if frame is None:
                    self._note_incomplete()
                    break
                self._clocks.pdu_since_ms = None
                pdu, sequence = decode(frame)
            except RemoteProtocolError as error:
                self._answer_offence(error)
                if error.is_fatal:
                    self._is_dead = True
                    raise
                continue
            if pdu.COMMAND_ID & RESPONSE_BIT:
                event = self._take_response(pdu, sequence)
            else:
                event = self._take_request(pdu, sequence)
            if event is not None:
                return event
        return NEED_DATA

    def deadline_ms(self) -> int | None:
        """When `tick` should be called next; None when nothing is waited for."""
        if self._is_dead:
            return None
        due_at_ms = self._clocks.due_at_ms(self._window.oldest_sent_at_ms)
        return None if due_at_ms >= NEVER_MS else due_at_ms

    def tick(self, now_ms: int) -> list[Event]:
        """Do what is due: give up requests, probe a silent peer, declare the link dead. Harmless when nothing is.

        A response that has arrived must not count as missing: after a busy loop the shell reads its socket first.
        """
        if self._is_dead:
            return []
        clocks, window = self._clocks, self._window
        overdue = window.give_up(clocks.overdue_since_ms(now_ms))
        events: list[Event] = [TimedOut(request.token) for request in overdue]
        reason = clocks.death(now_ms)
        if reason is not None:
            self._is_dead = True
            events.append(LinkDead(reason))
        elif clocks.wants_probe(now_ms, window.oldest_sent_at_ms):
            self._output += self.send(EnquireLink(), now_ms=now_ms)
        return events

    def connection_lost(self) -> list[Event]:
        """The shell has lost or closed the socket: `Closed` with the tokens that are in doubt now. Once only."""
        if self.state is State.CLOSED:
            return []
        self._enter(State.CLOSED)
        self._is_dead = True
        self._output.clear()
        self._owed.clear()
        self._control.clear()
        return [Closed([request.token for request in self._window.abandon()])]

    # sending

    def _in_version(self, pdu: Pdu) -> Pdu:
        """The answer to a bind with the version that was agreed on, or without any TLV."""
        if self.version < Version.V34:
            return replace(pdu, tlvs={})
        return replace(pdu, tlvs={Tag.SC_INTERFACE_VERSION: bytes((self.version,)), **pdu.tlvs})

    def _check_may_send(self, command_id: CommandId, token: object) -> bool:
        """Whether the request takes a place in the window; LocalProtocolError if it may not go now."""
        is_windowed = command_id not in UNWINDOWED
        if command_id & RESPONSE_BIT:
            problem = "is a response: use respond()"
        elif self._is_dead or command_id not in self._may_ask:
            problem = f"may not be sent by {self.role.name} when {self._condition}"
        elif self._clocks.unbind_since_ms is not None and command_id != CommandId.ENQUIRE_LINK:
            problem = "may not be sent after unbind"
        elif command_id in BOUND_BY_BIND and any(one.command_id in BOUND_BY_BIND for one in self._control.values()):
            problem = "may not be sent while a bind is on its way"
        elif token is not None and not is_windowed:
            problem = "takes no token"
        elif is_windowed and self._window.room < 1:
            problem = f"must wait: the window is full ({self._window.size_max})"
        else:
            return is_windowed
        raise LocalProtocolError(f"{command_id.name.lower()} {problem}")

    @property
    def _condition(self) -> str:
        return "dead" if self._is_dead and self.state is not State.CLOSED else self.state.value

    def _next_sequence(self) -> int:
        """The next number that no request of ours still uses: 1..0x7FFFFFFF, then 1 again."""
        sequence = self._sequence
        while True:
            sequence = sequence + 1 if sequence < SEQUENCE_MAX else 1
            if sequence not in self._window and sequence not in self._control:
                self._sequence = sequence
                return sequence

    def _owed_key(self, sequence: int, pdu: Pdu) -> tuple[int, int]:
        if pdu.COMMAND_ID == CommandId.GENERIC_NACK:
            key = next((key for key in self._owed if key[0] == sequence), None)
        else:
            key = (sequence, pdu.COMMAND_ID & ~RESPONSE_BIT)
        if key is None or key not in self._owed or not pdu.is_response():
            raise LocalProtocolError(f"no request {sequence} waits for {pdu.COMMAND_ID.name.lower()}")
        return key

    # states

    def _heard_version(self, interface_version: int) -> None:
        self.peer_version = interface_version
        """The peer's interface_version (0x34 = 3.4) as it told it; 0 until then, and some SMSCs never do."""
        self.version = next((version for version in _VERSIONS if interface_version >= version), Version.V33)
        """What both sides speak: below 3.4 there are no TLVs. An SMSC that does not tell is taken for 3.4."""
        if not interface_version and self.role is Role.ESME:
            self.version = Version.V34

    def _enter(self, state: State) -> None:
        self.state = state
        self._may_ask = MAY_ASK[self.role, state]
        self._peer_may_ask = MAY_ASK[self.role.peer, state]
        self._can_send_messages = can_send_messages(self.role, state)

    def _become_bound(self, state: State) -> None:
        self._enter(state)
        self._clocks.bind_since_ms = None
        self._clocks.is_bound = True

    def _become_unbound(self) -> Event | None:
        """The handshake is complete; reported once even when both sides began it."""
        self._clocks.unbind_since_ms = self._clocks.probe_since_ms = None
        self._clocks.is_bound = False
        if self.state is State.UNBOUND:
            return None
        self._enter(State.UNBOUND)
        return Unbound()

    # receiving

    def _note_incomplete(self) -> None:
        if self._frames and self._clocks.pdu_since_ms is None:
            self._clocks.pdu_since_ms = self._clocks.heard_at_ms

    def _answer_offence(self, error: RemoteProtocolError) -> None:
        """Answer what cannot be parsed: with its own response where that exists, else with generic_nack.

        A bad response is never answered: two implementations could go on answering each other.
        """
        command_id = error.command_id
        if command_id is not None and command_id & RESPONSE_BIT:
            self.counts.unreadable_responses += 1
            return
        self.counts.unreadable_requests += 1
        answer = RESPONSE_TO.get(command_id) if command_id is not None and not error.is_fatal else None
        self._output += encode((answer or GenericNack)(status=error.status), error.sequence)

    def _take_request(self, pdu: Pdu, sequence: int) -> Event | None:
        command_id = pdu.COMMAND_ID
        if command_id == CommandId.ENQUIRE_LINK:
            self._output += encode(EnquireLinkResp(), sequence)
            return None
        self._clocks.active_at_ms = self._clocks.heard_at_ms
        if command_id in ONE_WAY:
            return Requested(pdu, sequence)
        status = self._refusal(command_id)
        if status:
            self.counts.refused_requests += 1
            self._output += encode(RESPONSE_TO[command_id](status=status), sequence)
            return None
        if command_id == CommandId.UNBIND:
            self._output += encode(UnbindResp(), sequence)
            return self._become_unbound()
        if isinstance(pdu, Bind):
            self._heard_version(pdu.interface_version)
        key = (sequence, int(command_id))
        self._owed[key] = self._owed.get(key, 0) + 1
        self._owed_count += 1
        return Requested(pdu, sequence)

    def _refusal(self, command_id: CommandId) -> int:
        """The command_status that refuses this request of the peer now; 0 when it is welcome."""
        if command_id in BOUND_BY_BIND and (self.state.is_bound or any(key[1] in BOUND_BY_BIND for key in self._owed)):
            return Status.RALYBND
        if command_id not in self._peer_may_ask:
            return Status.RINVBNDSTS
        if self._owed_count >= OWED_MAX and command_id != CommandId.UNBIND:
            return Status.RX_T_APPN if self.role is Role.ESME else Status.RTHROTTLED
        return Status.ROK

    def _take_response(self, pdu: Pdu, sequence: int) -> Event | None:
        command_id = pdu.COMMAND_ID
        request = self._window.answer(sequence, command_id)
        if request is not None:
            return Answered(request.token, pdu)
        control = self._control.get(sequence)
        if control is not None and control.is_answered_by(command_id):
            del self._control[sequence]
            return self._take_control_response(control.command_id, pdu)
        request = self._window.answer_late(sequence, command_id)
        if request is not None:
            self.counts.late_answers += 1
            return LateAnswer(request.token, pdu)
        self.counts.unmatched_responses += 1
        return None

    def _take_control_response(self, asked: int, pdu: Pdu) -> Event | None:
        if asked == CommandId.ENQUIRE_LINK:
            self._clocks.probe_since_ms = None
            return None
        if asked == CommandId.UNBIND:
            return self._become_unbound()
        if pdu.status != Status.ROK or pdu.COMMAND_ID == CommandId.GENERIC_NACK:
            return BindRefused(pdu.status)
        self._heard_version(int.from_bytes(pdu.tlvs.get(Tag.SC_INTERFACE_VERSION, b"")[:1], "big"))
        self._become_bound(BOUND_BY_BIND[asked])
        return Bound(pdu)
