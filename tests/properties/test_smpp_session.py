"""Laws of the session: chopping does not matter, nothing else than a protocol error comes out, tokens end once."""

from collections import Counter

import hypothesis.strategies as st
from hypothesis import given
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bridge.smpp import codec, pdus
from bridge.smpp.constants import Status
from bridge.smpp.errors import RemoteProtocolError
from bridge.smpp.session import (
    NEED_DATA,
    Answered,
    Closed,
    Event,
    LateAnswer,
    LinkDead,
    Requested,
    Role,
    Session,
    State,
    TimedOut,
)
from tests.properties.smpp_strategies import any_pdu
from tests.unit.smpp.wire import BIND_OF_STATE, Pair

roles = st.sampled_from(Role)
states = st.sampled_from([State.OPEN, *BIND_OF_STATE])
pieces = st.builds(codec.encode, any_pdu, st.integers(0, 5)) | st.binary(max_size=20)
streams = st.lists(pieces, max_size=8).map(b"".join)


def session_in(role: Role, state: State) -> Session:
    """A session in this state with three requests in its window, where it may have any."""
    pair = Pair()
    if state.is_bound:
        pair.bind(state)
    session, pdu = (pair.esme, pdus.SubmitSm()) if role is Role.ESME else (pair.smsc, pdus.DeliverSm())
    if session.room:
        for token in range(3):
            session.send(pdu, token, now_ms=0)
    return session


def transcript(session: Session, stream: bytes, cuts: list[int]) -> list[object]:
    """All that happens when the stream arrives in these pieces: events, the fatal error, octets, state and counts."""
    happened: list[object] = []
    output = b""
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        session.receive_data(stream[start:stop], 0)
        try:
            while (event := session.next_event()) is not NEED_DATA:
                happened.append(event)
        except RemoteProtocolError as error:
            happened.append((error.message, error.status, error.sequence, error.command_id))
        output += session.take_output()
    return [*happened, output, session.state, session.counts, session.unanswered_count]


@given(roles, states, streams, st.data())
def test_any_chopping_gives_the_same_events(role: Role, state: State, stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    whole = transcript(session_in(role, state), stream, [])
    assert transcript(session_in(role, state), stream, cuts) == whole
    assert transcript(session_in(role, state), stream, list(range(len(stream)))) == whole


@given(roles, states, streams)
def test_any_octets_give_events_or_one_protocol_error(role: Role, state: State, stream: bytes) -> None:
    session = session_in(role, state)
    happened = transcript(session, stream, [])
    errors = [one for one in happened if isinstance(one, tuple)]
    assert len(errors) <= 1
    if errors:
        assert session.deadline_ms() is None
        assert session.room == 0
    ends = Counter(event.token for event in happened if isinstance(event, Answered))
    ends.update(session.connection_lost()[0].unanswered)
    assert set(ends.values()) <= {1}


WINDOW_MAX = 4
STATUSES = st.sampled_from([Status.ROK, Status.ROK, Status.RTHROTTLED, Status.RX_T_APPN])
SIDES = st.sampled_from(["esme", "smsc"])


class Conversation(RuleBasedStateMachine):
    """An ESME and an SMSC on a wire that delays and cuts the stream anywhere, in any order of steps."""

    def __init__(self) -> None:
        super().__init__()
        pair = Pair(window_max=WINDOW_MAX).bind()
        self.sessions = {"esme": pair.esme, "smsc": pair.smsc}
        self.wires = {"esme": bytearray(), "smsc": bytearray()}
        self.owed: dict[str, list[Requested]] = {"esme": [], "smsc": []}
        self.sent: dict[str, list[int]] = {"esme": [], "smsc": []}
        self.ends: Counter[object] = Counter()
        self.is_dead = False
        self.now_ms = 0

    def write(self, side: str, octets: bytes) -> None:
        self.wires["smsc" if side == "esme" else "esme"] += octets

    def handle(self, side: str, events: list[Event]) -> None:
        for event in events:
            match event:
                case Answered() | TimedOut():
                    self.ends[event.token] += 1
                case LateAnswer():
                    assert self.ends[event.token] == 1
                case Requested():
                    self.owed[side].append(event)
                case Closed():
                    self.ends.update(event.unanswered)
                case LinkDead():
                    self.is_dead = True

    @rule(side=SIDES)
    def send(self, side: str) -> None:
        session = self.sessions[side]
        if session.room:
            token = sum(map(len, self.sent.values()))
            pdu = pdus.SubmitSm(short_message=b"x") if side == "esme" else pdus.DeliverSm(short_message=b"y")
            self.write(side, session.send(pdu, token, now_ms=self.now_ms))
            self.sent[side].append(token)

    @rule(side=SIDES, index=st.integers(0, 20), status=STATUSES)
    def respond(self, side: str, index: int, status: int) -> None:
        if self.owed[side]:
            request = self.owed[side].pop(index % len(self.owed[side]))
            response = pdus.RESPONSE_TO[request.pdu.COMMAND_ID](status=status)
            self.write(side, self.sessions[side].respond(request.sequence, response))

    @rule(side=SIDES, size=st.integers(1, 200))
    def flow(self, side: str, size: int) -> None:
        session, wire = self.sessions[side], self.wires[side]
        session.receive_data(bytes(wire[:size]), self.now_ms)
        del wire[:size]
        while (event := session.next_event()) is not NEED_DATA:
            self.handle(side, [event])
        self.write(side, session.take_output())

    @rule(duration_ms=st.integers(1, 45_000))
    def wait(self, duration_ms: int) -> None:
        self.now_ms += duration_ms
        for side, session in self.sessions.items():
            self.handle(side, session.tick(self.now_ms))
            self.write(side, session.take_output())

    @precondition(lambda self: not self.is_dead)
    @rule(side=SIDES)
    def unbind(self, side: str) -> None:
        session = self.sessions[side]
        if session.room and sum(self.ends.values()) > 3:
            self.write(side, session.send(pdus.Unbind(), now_ms=self.now_ms))

    @invariant()
    def window_holds_what_is_open(self) -> None:
        for side, session in self.sessions.items():
            open_count = sum(not self.ends[token] for token in self.sent[side])
            assert session.unanswered_count == open_count <= WINDOW_MAX
            assert session.room in (0, WINDOW_MAX - open_count)

    @invariant()
    def no_token_ends_twice(self) -> None:
        assert not any(count > 1 for count in self.ends.values())

    def teardown(self) -> None:
        """Let everything flow and be answered: nothing may hang. Then cut: what is left ends as unanswered."""
        while any(self.wires.values()) or any(self.owed.values()):
            for side in self.sessions:
                while self.wires[side]:
                    self.flow(side, 1 << 20)
                while self.owed[side]:
                    self.respond(side, 0, Status.ROK)
        if not self.is_dead:
            assert [session.unanswered_count for session in self.sessions.values()] == [0, 0]
        for side, session in self.sessions.items():
            self.handle(side, session.connection_lost())
        assert self.ends == Counter(token for tokens in self.sent.values() for token in tokens)


TestConversation = Conversation.TestCase
