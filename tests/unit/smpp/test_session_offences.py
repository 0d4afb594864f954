"""What the peer gets for octets that make no sense, and what the session goes on doing."""

import pytest

from bridge.smpp import pdus
from bridge.smpp.constants import CommandId, Status
from bridge.smpp.errors import RemoteProtocolError
from bridge.smpp.session import LinkDead, Role, Session, State
from tests.unit.smpp.wire import Pair, drain, frame, sm_body, tlv

GOOD = frame(CommandId.SUBMIT_SM, sm_body(), sequence=50)
SUBMIT, SUBMIT_RESP = CommandId.SUBMIT_SM, CommandId.SUBMIT_SM_RESP


@pytest.mark.parametrize(
    ("offence", "answer"),
    [
        (frame(0x00010200, b"vendor", sequence=7), frame(0x80000000, status=Status.RINVCMDID, sequence=7)),
        (frame(0x00000111, sequence=0), frame(0x80000000, status=Status.RINVCMDID, sequence=0)),
        (
            frame(SUBMIT, sm_body(source=b"9" * 30 + b"\0"), sequence=8),
            frame(SUBMIT_RESP, status=Status.RINVSRCADR, sequence=8),
        ),
        (
            frame(SUBMIT, sm_body(destination=b"9" * 30 + b"\0"), sequence=8),
            frame(SUBMIT_RESP, status=Status.RINVDSTADR, sequence=8),
        ),
        (
            frame(SUBMIT, sm_body(message=b"\xfehi"), sequence=9),
            frame(SUBMIT_RESP, status=Status.RINVMSGLEN, sequence=9),
        ),
        (
            frame(SUBMIT, sm_body(rest=b"\4\x24\1\0x"), sequence=9),
            frame(SUBMIT_RESP, status=Status.RINVOPTPARSTREAM, sequence=9),
        ),
        (
            frame(SUBMIT, sm_body(rest=tlv(0x020C, b"\1")), sequence=9),
            frame(SUBMIT_RESP, status=Status.RINVPARLEN, sequence=9),
        ),
        (
            frame(CommandId.QUERY_SM, b"x" * 70, sequence=3),
            frame(CommandId.QUERY_SM_RESP, status=Status.RINVMSGID, sequence=3),
        ),
    ],
)
def test_a_bad_request_is_answered_and_the_session_stays(offence: bytes, answer: bytes) -> None:
    pair = Pair().bind()
    pair.smsc.receive_data(offence + GOOD, 0)
    (event,) = drain(pair.smsc)
    assert event.sequence == 50
    assert pair.smsc.take_output() == answer
    assert pair.smsc.counts.unreadable_requests == 1
    assert pair.smsc.state is State.BOUND_TRX


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"x" * 70 + b"\0", Status.RINVSYSID), (b"pumps\0" + b"x" * 70, Status.RINVPASWD)],
)
def test_a_bind_with_bad_strings(body: bytes, status: int) -> None:
    smsc = Session(Role.SMSC, window_max=1, now_ms=0)
    smsc.receive_data(frame(CommandId.BIND_TRANSMITTER, body, sequence=1), 0)
    assert drain(smsc) == []
    assert smsc.take_output() == frame(CommandId.BIND_TRANSMITTER_RESP, status=status, sequence=1)


@pytest.mark.parametrize(
    "offence",
    [
        frame(0x80010200, b"vendor", sequence=7),
        frame(CommandId.QUERY_SM_RESP, b"x\0\0", sequence=7),
    ],
    ids=["unknown", "cut"],
)
def test_a_bad_response_is_counted_but_never_answered(offence: bytes) -> None:
    pair = Pair().bind()
    pair.ask_smsc(pdus.SubmitSm(), "part")
    pair.esme.receive_data(offence, 0)
    assert drain(pair.esme) == []
    assert pair.esme.take_output() == b""
    assert pair.esme.counts.unreadable_responses == 1
    assert pair.esme.unanswered_count == 1


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"\0\0\0\x0f" + GOOD, "command_length 15"),
        (b"\0\0\0\0", "command_length 0"),
        (b"\xff\xff\xff\xff", "command_length 4294967295"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
    ],
)
def test_a_length_that_cannot_be_ends_the_session(octets: bytes, message: str) -> None:
    pair = Pair().bind()
    pair.smsc.receive_data(GOOD + octets + GOOD, 0)
    assert pair.smsc.next_event().sequence == 50
    with pytest.raises(RemoteProtocolError, match=message):
        pair.smsc.next_event()
    assert pair.smsc.take_output() == frame(0x80000000, status=Status.RINVCMDLEN, sequence=0)
    assert drain(pair.smsc) == []
    assert (pair.smsc.room, pair.smsc.deadline_ms(), pair.smsc.tick(10**9)) == (0, None, [])
    pair.smsc.receive_data(GOOD, 0)
    assert drain(pair.smsc) == []
    assert pair.smsc.respond(50, pdus.SubmitSmResp()) == b""


def test_a_request_shorter_than_its_fields_ends_the_session() -> None:
    pair = Pair().bind()
    pair.smsc.receive_data(frame(SUBMIT, sm_body()[:-4], sequence=6) + GOOD, 0)
    with pytest.raises(RemoteProtocolError, match="ends before"):
        pair.smsc.next_event()
    assert pair.smsc.take_output() == frame(0x80000000, status=Status.RINVCMDLEN, sequence=6)
    assert drain(pair.smsc) == []


def test_what_was_sent_before_the_end_stays_in_doubt() -> None:
    pair = Pair().bind()
    pair.ask_smsc(pdus.SubmitSm(), "part")
    pair.esme.receive_data(b"\0\0\0\1", 0)
    with pytest.raises(RemoteProtocolError):
        pair.esme.next_event()
    assert pair.esme.connection_lost()[0].unanswered == ["part"]


def test_nothing_is_read_from_a_dead_link() -> None:
    session = Session(Role.SMSC, window_max=1, now_ms=0)
    assert session.tick(10_000) == [LinkDead("not bound within 10 s")]
    session.receive_data(frame(CommandId.BIND_TRANSMITTER, b"\0\0\0\0\0\0\0"), 10_000)
    assert drain(session) == []


def test_two_sessions_do_not_nack_each_other_for_ever() -> None:
    pair = Pair().bind()
    pair.smsc.receive_data(frame(0x00000111) + frame(0x80000111) + frame(0x80000000, status=3), 0)
    drain(pair.smsc)
    nack = pair.smsc.take_output()
    assert nack == frame(0x80000000, status=Status.RINVCMDID)
    pair.esme.receive_data(nack, 0)
    assert drain(pair.esme) == []
    assert pair.esme.take_output() == b""
