"""Time passes: probes, timeouts, late answers, and peers that are slow or gone. No clock runs here."""

import pytest

from bridge.smpp import pdus
from bridge.smpp.constants import CommandId, Status
from bridge.smpp.errors import LocalProtocolError
from bridge.smpp.session import LateAnswer, LinkDead, Role, Session, State, TimedOut, Timers, Unbound
from tests.unit.smpp.wire import Pair, drain, frame, sm_body

ENQUIRE = CommandId.ENQUIRE_LINK
QUIET = Timers(enquire_link_s=0, busy_probe_s=0)


def run(session: Session, until_ms: int) -> list[tuple[int, object]]:
    """Tick at every deadline up to `until_ms`; what happened when. Automatic output is thrown away."""
    happened: list[tuple[int, object]] = []
    while (due_at_ms := session.deadline_ms()) is not None and due_at_ms <= until_ms:
        assert session.tick(due_at_ms - 1) == []
        happened += [(due_at_ms, event) for event in session.tick(due_at_ms)]
        if session.take_output():
            happened.append((due_at_ms, "probe"))
    return happened


@pytest.mark.parametrize("role", Role)
def test_a_peer_that_never_binds(role: Role) -> None:
    session = Session(role, window_max=1, now_ms=500)
    assert run(session, 60_000) == [(10_500, LinkDead("not bound within 10 s"))]
    assert session.deadline_ms() is None


def test_a_bind_that_is_never_answered() -> None:
    session = Session(Role.ESME, window_max=1, now_ms=0)
    session.send(pdus.BindTransceiver(), now_ms=4_000)
    assert run(session, 60_000) == [(14_000, LinkDead("not bound within 10 s"))]


def test_enquire_link_before_bind_is_answered_and_does_not_prolong_it() -> None:
    pair = Pair()
    pair.now_ms = 9_000
    pair.smsc.receive_data(frame(ENQUIRE, sequence=3), 9_000)
    assert drain(pair.smsc) == []
    assert pair.smsc.take_output() == frame(CommandId.ENQUIRE_LINK_RESP, sequence=3)
    assert run(pair.smsc, 60_000) == [(10_000, LinkDead("not bound within 10 s"))]


@pytest.mark.parametrize("is_esme", [True, False])
def test_a_silent_peer_is_probed_and_found_dead_within_40_s(is_esme: bool) -> None:
    pair = Pair().bind()
    session = pair.esme if is_esme else pair.smsc
    assert run(session, 100_000) == [(30_000, "probe"), (40_000, LinkDead("enquire_link was not answered"))]
    with pytest.raises(LocalProtocolError, match="dead"):
        session.send(pdus.Unbind(), now_ms=41_000)
    assert session.room == 0


def test_an_answered_probe_starts_the_silence_anew() -> None:
    pair = Pair().bind()
    pair.now_ms = 30_000
    assert pair.esme.tick(30_000) == []
    pair.settle()
    pair.now_ms = 30_020
    drain(pair.smsc)
    pair.settle()
    assert drain(pair.esme) == []
    assert pair.esme.deadline_ms() == 60_020


def test_a_peer_that_owes_answers_is_found_dead_within_15_s() -> None:
    pair = Pair().bind()
    pair.esme.send(pdus.SubmitSm(), "part", now_ms=1_000)
    assert run(pair.esme, 100_000) == [(6_000, "probe"), (16_000, LinkDead("enquire_link was not answered"))]
    assert pair.esme.connection_lost()[0].unanswered == ["part"]


def test_a_peer_that_talks_is_not_dead_even_if_it_ignores_the_probe() -> None:
    pair = Pair().bind()
    assert run(pair.esme, 30_000) == [(30_000, "probe")]
    pair.esme.receive_data(frame(CommandId.DELIVER_SM, sm_body(), sequence=1), 39_000)
    assert len(drain(pair.esme)) == 1
    assert run(pair.esme, 48_999) == []
    assert run(pair.esme, 49_000) == [(49_000, LinkDead("enquire_link was not answered"))]


def test_no_probes_when_they_are_switched_off() -> None:
    pair = Pair(timers=QUIET).bind()
    assert (pair.esme.deadline_ms(), pair.smsc.deadline_ms()) == (None, None)


def test_requests_time_out_one_by_one() -> None:
    pair = Pair(timers=QUIET).bind()
    for token, sent_at_ms in (("a", 0), ("b", 5_000), ("c", 5_000)):
        pair.esme.send(pdus.SubmitSm(), token, now_ms=sent_at_ms)
    assert pair.esme.room == 7
    assert run(pair.esme, 100_000) == [(60_000, TimedOut("a")), (65_000, TimedOut("b")), (65_000, TimedOut("c"))]
    assert pair.esme.room == 10
    assert pair.esme.connection_lost()[0].unanswered == []


def test_an_answer_in_time_stops_its_timer() -> None:
    pair = Pair(timers=QUIET).bind()
    (first,) = pair.ask_smsc(pdus.SubmitSm(), "a")
    pair.now_ms = 10
    pair.ask_smsc(pdus.SubmitSm(), "b")
    pair.to_esme(pair.smsc.respond(first.sequence, pdus.SubmitSmResp()))
    assert pair.esme.deadline_ms() == 60_010


def test_a_late_answer_is_a_postscript() -> None:
    pair = Pair(timers=QUIET).bind()
    (requested,) = pair.ask_smsc(pdus.SubmitSm(), "part")
    assert pair.esme.tick(60_000) == [TimedOut("part")]
    response = pdus.SubmitSmResp(message_id="1")
    octets = pair.smsc.respond(requested.sequence, response)
    assert pair.to_esme(octets) == [LateAnswer("part", response)]
    assert pair.to_esme(octets) == []
    assert (pair.esme.counts.late_answers, pair.esme.counts.unmatched_responses) == (1, 1)


def test_a_number_whose_late_answer_may_come_is_not_given_away() -> None:
    pair = Pair(timers=QUIET).bind()
    (requested,) = pair.ask_smsc(pdus.SubmitSm(), "part")
    pair.esme.tick(60_000)
    pair.esme._sequence = requested.sequence - 1
    (again,) = pair.ask_smsc(pdus.SubmitSm(), "other")
    assert again.sequence == requested.sequence + 1


def test_half_a_pdu_may_take_ten_seconds() -> None:
    pair = Pair().bind()
    octets = frame(CommandId.SUBMIT_SM, sm_body())
    for at_ms, octet in enumerate(octets[:20]):
        pair.smsc.receive_data(bytes((octet,)), 1_000 * at_ms)
        drain(pair.smsc)
    assert run(pair.smsc, 19_000) == [(10_000, LinkDead("a PDU was not complete within 10 s"))]
    assert drain(pair.smsc) == []


def test_each_pdu_has_its_own_ten_seconds() -> None:
    pair = Pair().bind()
    octets = frame(ENQUIRE)
    for start_ms in (0, 8_000, 16_000):
        pair.smsc.receive_data(octets[:5], start_ms)
        drain(pair.smsc)
        pair.smsc.receive_data(octets[5:] + octets[:1], start_ms + 7_000)
        drain(pair.smsc)
        assert pair.smsc.tick(start_ms + 7_999) == []
        pair.smsc.receive_data(octets[1:], start_ms + 7_999)
        drain(pair.smsc)
    assert pair.smsc.deadline_ms() == 23_999 + 30_000


def test_an_unbind_that_is_never_answered() -> None:
    pair = Pair().bind()
    pair.esme.send(pdus.Unbind(), now_ms=1_000)
    assert run(pair.esme, 100_000) == [(11_000, LinkDead("unbind was not answered"))]


def test_unbind_in_time() -> None:
    pair = Pair().bind()
    assert pair.ask_smsc(pdus.Unbind()) == [Unbound()]
    assert drain(pair.esme) == [Unbound()]
    assert pair.esme.state is State.UNBOUND


def test_inactivity_counts_requests_but_not_enquire_link() -> None:
    pair = Pair(timers=Timers(enquire_link_s=0, inactivity_s=20)).bind()
    pair.now_ms = 12_000
    pair.ask_smsc(pdus.EnquireLink())
    assert pair.smsc.deadline_ms() == 20_000
    (requested,) = pair.ask_smsc(pdus.SubmitSm(), "part")
    pair.to_esme(pair.smsc.respond(requested.sequence, pdus.SubmitSmResp()))
    assert run(pair.smsc, 100_000) == [(32_000, LinkDead("no request for 20 s"))]
    assert run(pair.esme, 100_000) == [(32_000, LinkDead("no request for 20 s"))]


def test_a_tick_without_need_does_nothing() -> None:
    pair = Pair().bind()
    pair.ask_smsc(pdus.SubmitSm(), "part")
    assert pair.esme.tick(4_999) == []
    assert pair.esme.take_output() == b""


def test_a_refused_probe_is_an_answer_too() -> None:
    pair = Pair().bind()
    pair.esme.tick(30_000)
    probe = pair.esme.take_output()
    nack = frame(CommandId.GENERIC_NACK, status=Status.RINVCMDID, sequence=int.from_bytes(probe[12:], "big"))
    pair.esme.receive_data(nack, 30_100)
    assert drain(pair.esme) == []
    assert pair.esme.deadline_ms() == 60_100


def test_after_unbind_only_open_tokens_have_a_deadline() -> None:
    pair = Pair().bind()
    pair.esme.send(pdus.SubmitSm(), "part", now_ms=1_000)
    pair.esme.tick(6_000)
    assert pair.ask_esme(pdus.Unbind()) == [Unbound()]
    assert run(pair.esme, 100_000) == [(61_000, TimedOut("part"))]
    assert pair.esme.deadline_ms() is None
