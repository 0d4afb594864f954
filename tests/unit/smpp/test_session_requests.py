"""Requests and their answers: window, tokens, order, and answers that nobody waits for."""

import pytest

from bridge.smpp import pdus
from bridge.smpp.codec import decode
from bridge.smpp.constants import CommandId, Status
from bridge.smpp.errors import LocalProtocolError
from bridge.smpp.session import OWED_MAX, SEQUENCE_MAX, Answered, Requested, State
from tests.unit.smpp.wire import Pair, drain, frame, sm_body


def test_answers_in_any_order() -> None:
    pair = Pair().bind()
    requests = [pair.ask_smsc(pdus.SubmitSm(), token)[0] for token in range(10)]
    octets = b"".join(
        pair.smsc.respond(one.sequence, pdus.SubmitSmResp(message_id=f"m{one.sequence}")) for one in reversed(requests)
    )
    events = pair.to_esme(octets)
    assert [(event.token, event.response.message_id) for event in events] == [
        (token, f"m{requests[token].sequence}") for token in reversed(range(10))
    ]
    assert pair.esme.room == 10


def test_the_window_is_never_exceeded() -> None:
    pair = Pair(window_max=2).bind()
    requests = [pair.ask_smsc(pdus.SubmitSm(), token)[0] for token in range(2)]
    assert (pair.esme.room, pair.esme.unanswered_count) == (0, 2)
    with pytest.raises(LocalProtocolError, match="window is full"):
        pair.esme.send(pdus.SubmitSm(), 3, now_ms=0)
    assert pair.esme.unanswered_count == 2
    pair.to_esme(pair.smsc.respond(requests[0].sequence, pdus.SubmitSmResp()))
    assert pair.esme.room == 1


def test_enquire_link_and_unbind_need_no_room() -> None:
    pair = Pair(window_max=1).bind()
    pair.ask_smsc(pdus.SubmitSm(), "part")
    assert pair.ask_smsc(pdus.EnquireLink()) == []
    assert pair.esme.room == 0
    assert pair.esme.send(pdus.Unbind(), now_ms=0)


def test_a_pdu_that_cannot_be_written_takes_no_place() -> None:
    pair = Pair().bind()
    with pytest.raises(LocalProtocolError, match="source_addr"):
        pair.esme.send(pdus.SubmitSm(source_addr="x" * 30), "part", now_ms=0)
    assert pair.esme.room == 10
    assert pair.esme.connection_lost()[0].unanswered == []


@pytest.mark.parametrize(
    ("state", "pdu"),
    [
        (State.OPEN, pdus.BindTransceiver()),
        (State.BOUND_TRX, pdus.Unbind()),
        (State.BOUND_TRX, pdus.EnquireLink()),
    ],
)
def test_what_answers_itself_takes_no_token(state: State, pdu: pdus.Pdu) -> None:
    pair = Pair()
    if state.is_bound:
        pair.bind(state)
    with pytest.raises(LocalProtocolError, match="takes no token"):
        pair.esme.send(pdu, "token", now_ms=0)


def test_responses_are_not_sent_as_requests_or_twice() -> None:
    pair = Pair().bind()
    with pytest.raises(LocalProtocolError, match="respond"):
        pair.smsc.send(pdus.SubmitSmResp(), now_ms=0)
    (requested,) = pair.ask_smsc(pdus.SubmitSm(), "part")
    with pytest.raises(LocalProtocolError, match="deliver_sm_resp"):
        pair.smsc.respond(requested.sequence, pdus.DeliverSmResp())
    with pytest.raises(LocalProtocolError, match="submit_sm"):
        pair.smsc.respond(requested.sequence, pdus.SubmitSm())
    with pytest.raises(LocalProtocolError):
        pair.smsc.respond(requested.sequence, pdus.SubmitSmResp(message_id="x" * 65))
    assert pair.smsc.respond(requested.sequence, pdus.SubmitSmResp())
    with pytest.raises(LocalProtocolError, match=f"{requested.sequence}"):
        pair.smsc.respond(requested.sequence, pdus.SubmitSmResp())


def test_a_nack_ends_the_token_too() -> None:
    pair = Pair().bind()
    (requested,) = pair.ask_smsc(pdus.SubmitSm(), "part")
    nack = pdus.GenericNack(status=Status.RINVCMDID)
    assert pair.to_esme(pair.smsc.respond(requested.sequence, nack)) == [Answered("part", nack)]


def test_both_directions_number_for_themselves() -> None:
    pair = Pair().bind()
    (submit,) = pair.ask_smsc(pdus.SubmitSm(), "mt")
    pair.smsc._sequence = submit.sequence - 1
    (deliver,) = pair.ask_esme(pdus.DeliverSm(), "mo")
    assert submit.sequence == deliver.sequence
    assert pair.to_smsc(pair.esme.respond(deliver.sequence, pdus.DeliverSmResp()))[0].token == "mo"
    assert pair.to_esme(pair.smsc.respond(submit.sequence, pdus.SubmitSmResp()))[0].token == "mt"


@pytest.mark.parametrize(
    "octets",
    [
        frame(CommandId.SUBMIT_SM_RESP, b"id\0", sequence=99),
        frame(CommandId.SUBMIT_SM_RESP, b"id\0", sequence=0),
        frame(CommandId.QUERY_SM_RESP, b"id\0\0\2\0", sequence=2),
        frame(CommandId.BIND_TRANSCEIVER_RESP, b"x\0", sequence=2),
        frame(CommandId.GENERIC_NACK, status=3, sequence=0),
        frame(CommandId.UNBIND_RESP, sequence=1),
        frame(CommandId.ENQUIRE_LINK_RESP, sequence=2),
    ],
    ids=["unknown", "zero", "wrong kind", "unasked bind", "nack of nothing", "unasked unbind", "unasked enquire_link"],
)
def test_a_response_nobody_waits_for_is_counted_and_ignored(octets: bytes) -> None:
    pair = Pair().bind()
    (requested,) = pair.ask_smsc(pdus.SubmitSm(), "part")
    assert requested.sequence == 2
    assert pair.to_esme(octets) == []
    assert pair.esme.counts.unmatched_responses == 1
    assert (pair.esme.state, pair.esme.unanswered_count) == (State.BOUND_TRX, 1)


def test_an_answer_twice_counts_once() -> None:
    pair = Pair().bind()
    (requested,) = pair.ask_smsc(pdus.SubmitSm(), "part")
    octets = pair.smsc.respond(requested.sequence, pdus.SubmitSmResp(message_id="1"))
    assert [event.token for event in pair.to_esme(octets + octets)] == ["part"]
    assert pair.esme.counts.unmatched_responses == 1


def test_a_sequence_number_used_again_while_waiting_gets_both_answers() -> None:
    pair = Pair().bind()
    octets = frame(CommandId.SUBMIT_SM, sm_body(), sequence=0xFFFFFFFF)
    events = pair.to_smsc(octets + octets)
    assert [event.sequence for event in events] == [0xFFFFFFFF] * 2
    for _ in range(2):
        answer = pair.smsc.respond(0xFFFFFFFF, pdus.SubmitSmResp(message_id="1"))
        assert answer == frame(CommandId.SUBMIT_SM_RESP, b"1\0", sequence=0xFFFFFFFF)
    with pytest.raises(LocalProtocolError):
        pair.smsc.respond(0xFFFFFFFF, pdus.SubmitSmResp())


def test_our_numbers_wrap_and_step_over_those_in_use() -> None:
    pair = Pair().bind()
    pair.esme._sequence = SEQUENCE_MAX - 1
    sequences = [decode(pair.esme.send(pdus.SubmitSm(), n, now_ms=0))[1] for n in range(3)]
    assert sequences == [SEQUENCE_MAX, 1, 2]
    pair.esme._sequence = SEQUENCE_MAX
    assert decode(pair.esme.send(pdus.SubmitSm(), 3, now_ms=0))[1] == 3


@pytest.mark.parametrize(("is_esme", "status"), [(True, Status.RX_T_APPN), (False, Status.RTHROTTLED)])
def test_a_peer_that_never_waits_is_told_to_slow_down(is_esme: bool, status: int) -> None:
    pair = Pair().bind()
    session, command_id = (pair.esme, CommandId.DELIVER_SM) if is_esme else (pair.smsc, CommandId.SUBMIT_SM)
    session.receive_data(b"".join(frame(command_id, sm_body(), sequence=n) for n in range(OWED_MAX + 2)), 0)
    assert len(drain(session)) == OWED_MAX
    answers = session.take_output()
    response = command_id | 0x80000000
    assert answers == frame(response, status=status, sequence=OWED_MAX) + frame(
        response, status=status, sequence=OWED_MAX + 1
    )
    answer = pdus.RESPONSE_TO[command_id]()
    session.respond(0, answer)
    session.receive_data(frame(command_id, sm_body(), sequence=OWED_MAX + 2), 0)
    assert [type(event) for event in drain(session)] == [Requested]


def test_the_same_number_over_and_over_is_bounded_too() -> None:
    pair = Pair().bind()
    pair.smsc.receive_data(frame(CommandId.SUBMIT_SM, sm_body(), sequence=5) * (OWED_MAX + 1), 0)
    assert len(drain(pair.smsc)) == OWED_MAX


def test_alert_notification_owes_no_answer() -> None:
    pair = Pair().bind()
    (event,) = pair.ask_esme(pdus.AlertNotification(source_addr="46701740605"))
    assert event.pdu.source_addr == "46701740605"
    assert pair.smsc.room == 10
    with pytest.raises(LocalProtocolError):
        pair.esme.respond(event.sequence, pdus.GenericNack())


def test_messages_other_than_submit_and_deliver() -> None:
    pair = Pair().bind()
    query = pdus.QuerySm(message_id="1", source_addr="46")
    (requested,) = pair.ask_smsc(query, "query")
    assert requested.pdu == query
    response = pdus.QuerySmResp(message_id="1", final_date="261124053800000+", message_state=2)
    assert pair.to_esme(pair.smsc.respond(requested.sequence, response)) == [Answered("query", response)]
    (data,) = pair.ask_esme(pdus.DataSm(tlvs={0x0424: b"hi"}), "data")
    assert pair.to_smsc(pair.esme.respond(data.sequence, pdus.DataSmResp()))[0].token == "data"


def test_what_is_owed_is_counted_for_the_shells_back_pressure() -> None:
    pair = Pair().bind()
    assert pair.smsc.owed_count == 0
    requests = [pair.ask_smsc(pdus.SubmitSm(), token)[0] for token in range(3)]
    pair.ask_smsc(pdus.EnquireLink())
    assert (pair.smsc.owed_count, pair.esme.owed_count) == (3, 0)
    pair.smsc.respond(requests[1].sequence, pdus.SubmitSmResp(message_id="1"))
    assert pair.smsc.owed_count == 2
    with pytest.raises(LocalProtocolError):
        pair.smsc.respond(99, pdus.SubmitSmResp())
    assert pair.smsc.owed_count == 2
