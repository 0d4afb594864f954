"""The octets of an answer that is not as it should be."""

import struct

from bridge.simulator.answers import chosen, shaped
from bridge.simulator.behaviour import WHOLE_ANSWER, Behaviour
from bridge.simulator.sessions import NOISE, STRAY_SEQUENCE, Noise, without_probe_answers
from bridge.smpp.codec import decode, encode
from bridge.smpp.constants import Status
from bridge.smpp.pdus import EnquireLinkResp, GenericNack, SubmitSmResp

ANSWER = SubmitSmResp(message_id="0A1B2C3D")
OCTETS = encode(ANSWER, 7)


def test_an_answer_can_be_a_generic_nack() -> None:
    assert chosen(ANSWER, Behaviour()) is ANSWER
    assert chosen(ANSWER, Behaviour(is_nack=True)) == GenericNack(status=Status.RSYSERR)
    assert chosen(ANSWER, Behaviour(is_nack=True, status=Status.RINVCMDID)) == GenericNack(status=Status.RINVCMDID)


def test_shapes() -> None:
    assert shaped(OCTETS, Behaviour()) == OCTETS
    assert shaped(OCTETS, Behaviour(is_silent=True)) == b""
    assert shaped(OCTETS, Behaviour(answer_total=3)) == OCTETS * 3
    assert shaped(OCTETS, Behaviour(drops=True, drops_at=20)) == OCTETS[:20]
    assert shaped(OCTETS, Behaviour(drops=True)) == b""
    assert shaped(OCTETS, Behaviour(drops=True, drops_at=WHOLE_ANSWER)) == OCTETS
    assert shaped(b"", Behaviour(answer_total=2, is_stray=False)) == b"", "the peer has gone"


def test_an_answer_without_a_body_is_a_whole_pdu() -> None:
    octets = shaped(OCTETS, Behaviour(is_bodyless=True))
    assert struct.unpack(">IIII", octets) == (16, 0x80000004, 0, 7)


def test_a_stray_answer_differs_only_in_its_number() -> None:
    pdu, sequence = decode(shaped(OCTETS, Behaviour(is_stray=True)))
    assert (pdu, sequence) == (ANSWER, STRAY_SEQUENCE)


def test_noise_is_whole_pdus() -> None:
    assert set(NOISE) == set(Noise)
    assert all(int.from_bytes(octets[:4], "big") == len(octets) for octets in NOISE.values())


def test_answers_to_probes_are_taken_out_and_nothing_else() -> None:
    probe = encode(EnquireLinkResp(), 3)
    assert without_probe_answers(probe + OCTETS + probe) == OCTETS
    assert without_probe_answers(b"") == b""
