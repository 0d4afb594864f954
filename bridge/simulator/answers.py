"""The octets of an answer as a behaviour wants them on the wire: twice, cut, without a body, under another number."""

from bridge.simulator.behaviour import Behaviour
from bridge.simulator.sessions import STRAY_SEQUENCE
from bridge.smpp.constants import Status
from bridge.smpp.framing import HEADER_SIZE
from bridge.smpp.pdus import GenericNack, Pdu

_SEQUENCE_AT = 12


def chosen(answer: Pdu, does: Behaviour) -> Pdu:
    """The PDU to answer with."""
    return GenericNack(status=does.status or Status.RSYSERR) if does.is_nack else answer


def shaped(octets: bytes, does: Behaviour) -> bytes:
    """What is written of one encoded answer."""
    if does.is_silent:
        return b""
    if does.is_bodyless:
        octets = HEADER_SIZE.to_bytes(4, "big") + octets[4:HEADER_SIZE]
    if does.is_stray:
        octets = octets[:_SEQUENCE_AT] + STRAY_SEQUENCE.to_bytes(4, "big") + octets[HEADER_SIZE:]
    octets *= does.answer_total
    return octets[: does.drops_at] if does.drops else octets
