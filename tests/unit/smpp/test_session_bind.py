"""Opening, binding and parting: which state follows, and what each state forbids."""

import pytest

from bridge.smpp import codec, pdus
from bridge.smpp.codec import encode
from bridge.smpp.constants import RESPONSE_BIT, CommandId, Status, Version
from bridge.smpp.errors import LocalProtocolError
from bridge.smpp.matrix import MAY_ASK
from bridge.smpp.session import BindRefused, Bound, Closed, Role, Session, State, Unbound
from tests.unit.smpp.wire import BIND_OF_STATE, Pair, drain, frame

BOUND = tuple(BIND_OF_STATE)


@pytest.mark.parametrize("state", BOUND)
def test_bind_makes_both_sides_bound(state: State) -> None:
    pair = Pair().bind(state)
    assert (pair.esme.peer_version, pair.smsc.peer_version) == (0x34, 0x34)


@pytest.mark.parametrize(
    ("state", "esme_room", "smsc_room"),
    [(State.BOUND_TX, 10, 0), (State.BOUND_RX, 0, 10), (State.BOUND_TRX, 10, 10)],
)
def test_room_only_where_messages_may_go(state: State, esme_room: int, smsc_room: int) -> None:
    pair = Pair()
    assert (pair.esme.room, pair.smsc.room) == (0, 0)
    pair.bind(state)
    assert (pair.esme.room, pair.smsc.room) == (esme_room, smsc_room)


def test_an_old_smsc_tells_no_version() -> None:
    pair = Pair()
    (requested,) = pair.ask_smsc(pdus.BindTransceiver(interface_version=0x33))
    (bound,) = pair.to_esme(pair.smsc.respond(requested.sequence, pdus.BindTransceiverResp(system_id="old")))
    assert isinstance(bound, Bound)
    assert (pair.esme.peer_version, pair.smsc.peer_version) == (0, 0x33)


@pytest.mark.parametrize(
    "answer", [pdus.BindTransceiverResp(status=Status.RINVPASWD), pdus.GenericNack(status=Status.RINVPASWD)]
)
def test_a_refused_bind(answer: pdus.Pdu) -> None:
    pair = Pair()
    (requested,) = pair.ask_smsc(pdus.BindTransceiver())
    assert pair.to_esme(pair.smsc.respond(requested.sequence, answer)) == [BindRefused(Status.RINVPASWD)]
    assert (pair.esme.state, pair.smsc.state) == (State.OPEN, State.OPEN)
    (again,) = pair.ask_smsc(pdus.BindTransmitter())
    pair.to_esme(pair.smsc.respond(again.sequence, pdus.BindTransmitterResp()))
    assert pair.esme.state is State.BOUND_TX


def test_a_nack_without_status_does_not_bind() -> None:
    pair = Pair()
    (requested,) = pair.ask_smsc(pdus.BindTransceiver())
    assert pair.to_esme(pair.smsc.respond(requested.sequence, pdus.GenericNack())) == [BindRefused(0)]
    assert (pair.esme.state, pair.smsc.state) == (State.OPEN, State.OPEN)


@pytest.mark.parametrize("state", BOUND)
def test_a_second_bind_is_refused_by_both_sides(state: State) -> None:
    pair = Pair().bind(state)
    with pytest.raises(LocalProtocolError, match="bind_receiver"):
        pair.esme.send(pdus.BindReceiver(), now_ms=0)
    pair.smsc.receive_data(frame(CommandId.BIND_RECEIVER, b"\0\0\0\x34\0\0\0", sequence=9), 0)
    assert drain(pair.smsc) == []
    assert pair.smsc.take_output() == frame(CommandId.BIND_RECEIVER_RESP, status=Status.RALYBND, sequence=9)
    assert pair.smsc.state is state


def test_a_bind_while_another_waits() -> None:
    pair = Pair()
    pair.ask_smsc(pdus.BindTransceiver())
    with pytest.raises(LocalProtocolError, match="on its way"):
        pair.esme.send(pdus.BindTransmitter(), now_ms=0)
    pair.smsc.receive_data(frame(CommandId.BIND_TRANSMITTER, b"\0\0\0\x34\0\0\0", sequence=2), 0)
    assert drain(pair.smsc) == []
    assert pair.smsc.take_output() == frame(CommandId.BIND_TRANSMITTER_RESP, status=Status.RALYBND, sequence=2)


REQUESTS = [pdu for pdu in pdus.ALL if not pdu.is_response()]


def example(pdu: type[pdus.Pdu]) -> pdus.Pdu:
    made = pdu()
    if isinstance(made, pdus.SubmitMulti):
        made.dest_address = [pdus.SmeAddress("46701740605")]
    return made


def in_state(role: Role, state: State) -> Session:
    pair = Pair()
    if state.is_bound:
        pair.bind(state)
    elif state is State.UNBOUND:
        pair.bind().ask_smsc(pdus.Unbind())
        drain(pair.esme)
    session = pair.esme if role is Role.ESME else pair.smsc
    if state is State.CLOSED:
        session.connection_lost()
    assert session.state is state
    return session


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("pdu", REQUESTS, ids=lambda pdu: pdu.__name__)
def test_nothing_is_sent_that_the_matrix_forbids(role: Role, state: State, pdu: type[pdus.Pdu]) -> None:
    session = in_state(role, state)
    if pdu.COMMAND_ID in MAY_ASK[role, state]:
        assert session.send(example(pdu), now_ms=0)
    else:
        with pytest.raises(LocalProtocolError, match=pdu.COMMAND_ID.name.lower()):
            session.send(example(pdu), now_ms=0)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("state", [state for state in State if state is not State.CLOSED])
@pytest.mark.parametrize(
    "pdu", [pdu for pdu in REQUESTS if pdu.COMMAND_ID in pdus.RESPONSE_TO], ids=lambda p: p.__name__
)
def test_nothing_is_taken_that_the_matrix_forbids(role: Role, state: State, pdu: type[pdus.Pdu]) -> None:
    session = in_state(role, state)
    session.receive_data(frame_of(pdu), 0)
    events = drain(session)
    output = session.take_output()
    response = pdu.COMMAND_ID | RESPONSE_BIT
    if pdu is pdus.EnquireLink:
        assert (events, output) == ([], frame(response, sequence=500))
    elif pdu.COMMAND_ID not in MAY_ASK[role.peer, state]:
        status = Status.RALYBND if issubclass(pdu, pdus.Bind) and state.is_bound else Status.RINVBNDSTS
        assert (events, output) == ([], frame(response, status=status, sequence=500))
        assert session.counts.refused_requests == 1
    elif pdu is pdus.Unbind:
        assert (events, output) == ([Unbound()], frame(response, sequence=500))
    else:
        assert [event.sequence for event in events] == [500]
        assert output == b""


def frame_of(pdu: type[pdus.Pdu]) -> bytes:
    return encode(example(pdu), 500)


def test_the_matrix_says_what_the_standard_says() -> None:
    """Spot checks of table 2-1 by hand, so that the table is not only compared with itself."""
    esme_tx = MAY_ASK[Role.ESME, State.BOUND_TX]
    assert {CommandId.SUBMIT_SM, CommandId.QUERY_SM, CommandId.UNBIND, CommandId.DATA_SM} <= esme_tx
    assert CommandId.SUBMIT_SM not in MAY_ASK[Role.ESME, State.BOUND_RX] | MAY_ASK[Role.ESME, State.OPEN]
    assert CommandId.DELIVER_SM in MAY_ASK[Role.SMSC, State.BOUND_RX] & MAY_ASK[Role.SMSC, State.BOUND_TRX]
    assert CommandId.DELIVER_SM not in MAY_ASK[Role.SMSC, State.BOUND_TX] | esme_tx
    assert not any(MAY_ASK[role, state] for role in Role for state in (State.UNBOUND, State.CLOSED))
    assert set(MAY_ASK) == {(role, state) for role in Role for state in State}


def test_unbind_by_the_esme() -> None:
    pair = Pair().bind()
    octets = pair.esme.send(pdus.Unbind(), now_ms=0)
    assert (pair.esme.state, pair.esme.room) == (State.BOUND_TRX, 0)
    with pytest.raises(LocalProtocolError, match="after unbind"):
        pair.esme.send(pdus.SubmitSm(), now_ms=0)
    pair.smsc.receive_data(octets, 0)
    assert drain(pair.smsc) == [Unbound()]
    pair.esme.receive_data(pair.smsc.take_output(), 0)
    assert drain(pair.esme) == [Unbound()]
    assert (pair.esme.state, pair.smsc.state) == (State.UNBOUND, State.UNBOUND)


def test_unbind_by_both_at_once_is_one_event_each() -> None:
    pair = Pair().bind()
    from_esme, from_smsc = pair.esme.send(pdus.Unbind(), now_ms=0), pair.smsc.send(pdus.Unbind(), now_ms=0)
    assert pair.to_smsc(from_esme) == [Unbound()]
    pair.esme.receive_data(from_smsc, 0)
    events = drain(pair.esme)
    pair.smsc.receive_data(pair.esme.take_output(), 0)
    assert events + drain(pair.smsc) == [Unbound()]
    assert (pair.esme.deadline_ms(), pair.smsc.deadline_ms()) == (None, None)


def test_answers_still_count_after_the_peers_unbind() -> None:
    pair = Pair().bind()
    (requested,) = pair.ask_smsc(pdus.SubmitSm(), "part")
    assert pair.ask_esme(pdus.Unbind()) == [Unbound()]
    (answered,) = pair.to_esme(pair.smsc.respond(requested.sequence, pdus.SubmitSmResp(message_id="1")))
    assert answered.token == "part"


def test_a_lost_connection_leaves_its_tokens_in_doubt() -> None:
    pair = Pair().bind()
    requests = [pair.ask_smsc(pdus.SubmitSm(), token)[0] for token in ("a", "b", "c")]
    pair.to_esme(pair.smsc.respond(requests[1].sequence, pdus.SubmitSmResp(message_id="1")))
    assert pair.esme.connection_lost() == [Closed(["a", "c"])]
    assert (pair.esme.state, pair.esme.room, pair.esme.deadline_ms()) == (State.CLOSED, 0, None)
    assert pair.esme.connection_lost() == []
    assert pair.to_esme(pair.smsc.respond(requests[0].sequence, pdus.SubmitSmResp(message_id="1"))) == []
    pair.smsc.connection_lost()
    assert pair.smsc.respond(requests[2].sequence, pdus.SubmitSmResp(message_id="1")) == b""


def test_outbind_reaches_the_esme_and_owes_no_answer() -> None:
    pair = Pair()
    (event,) = pair.ask_esme(pdus.Outbind(system_id="smsc"))
    assert event.pdu == pdus.Outbind(system_id="smsc")
    with pytest.raises(LocalProtocolError):
        pair.esme.respond(event.sequence, pdus.BindReceiverResp())


@pytest.mark.parametrize(
    ("said", "spoken", "tlvs"),
    [
        (0x00, Version.V33, {}),
        (0x33, Version.V33, {}),
        (0x34, Version.V34, {0x0210: b"\x34"}),
        (0x40, Version.V34, {0x0210: b"\x34"}),
        (0x50, Version.V50, {0x0210: b"\x50"}),
        (0xFF, Version.V50, {0x0210: b"\x50"}),
    ],
)
@pytest.mark.parametrize("bind", BIND_OF_STATE.values())
def test_versions_are_agreed_on(bind: type[pdus.Bind], said: int, spoken: Version, tlvs: dict[int, bytes]) -> None:
    """The shell need not think of sc_interface_version: a peer that knows TLVs gets it, an older one gets no TLV."""
    response = pdus.RESPONSE_TO[bind.COMMAND_ID]
    for given in ({}, {0x0210: bytes((spoken,))}, {0x0210: b"\x34", 0x1400: b"x"}):
        pair = Pair()
        (requested,) = pair.ask_smsc(bind(interface_version=said))
        (bound,) = pair.to_esme(pair.smsc.respond(requested.sequence, response(system_id="smsc", tlvs=given)))
        assert bound.pdu.tlvs == ({**tlvs, **given} if tlvs else {})
        assert pair.smsc.version is spoken
        assert pair.smsc.peer_version == said


def test_what_an_esme_takes_its_smsc_for() -> None:
    for tlvs, spoken in (({}, Version.V34), ({0x0210: b"\x33"}, Version.V33), ({0x0210: b"\x50"}, Version.V50)):
        pair = Pair()
        pair.esme.send(pdus.BindTransceiver(), now_ms=0)
        response = codec.encode(pdus.BindTransceiverResp(tlvs=tlvs), 1)
        pair.esme.receive_data(response, 0)
        assert [type(event) for event in drain(pair.esme)] == [Bound]
        assert pair.esme.version is spoken


def test_a_refused_bind_says_no_version() -> None:
    pair = Pair()
    (requested,) = pair.ask_smsc(pdus.BindTransceiver())
    octets = pair.smsc.respond(requested.sequence, pdus.BindTransceiverResp(status=Status.RBINDFAIL))
    assert octets == frame(CommandId.BIND_TRANSCEIVER_RESP, status=Status.RBINDFAIL, sequence=requested.sequence)
