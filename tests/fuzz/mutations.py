"""Real PDUs, spoiled where it hurts: lengths, command_ids, strings, TLVs, user data headers. Same seed, same octets."""

import random
import struct
from collections.abc import Callable

from bridge.smpp import pdus
from bridge.smpp.codec import encode
from bridge.smpp.constants import EsmClass, Tag
from bridge.smpp.fields import DistributionList, SmeAddress

HEADER_SIZE = 16
LENGTHS = (0, 1, 15, 16, 17, 69_999, 70_000, 70_001, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
SEQUENCES = (0, 1, 5, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
TAGS = (*map(int, Tag), 0x0000, 0x1400, 0x3FFF, 0xFFFF)
FATAL_CHANCE = 0.03
"""A command_length that cannot be believed ends the connection; the others are to be met, too."""

_ADDRESSES = {"source_addr": "Pumps", "destination_addr": "447911123123"}


def sound_pdus() -> list[bytes]:
    """What an ESME sends, and what it has no business to send: one frame of each kind, some in several forms."""
    text = {**_ADDRESSES, "short_message": b"Pump 2 stopped", "registered_delivery": 1}
    segment = b"\x05\x00\x03\x07\x02\x01" + b"a" * 100
    sar = {Tag.SAR_MSG_REF_NUM: b"\x01\x07", Tag.SAR_TOTAL_SEGMENTS: b"\x02", Tag.SAR_SEGMENT_SEQNUM: b"\x01"}
    several: list[SmeAddress | DistributionList] = [SmeAddress("447911123124", 1, 1), DistributionList("all")]
    made: list[pdus.Pdu] = [
        pdus.SubmitSm(**text),
        pdus.SubmitSm(**text, schedule_delivery_time="000000010000000R", validity_period="000001000000000R"),
        pdus.SubmitSm(**_ADDRESSES, short_message=segment, esm_class=EsmClass.UDHI),
        pdus.SubmitSm(**_ADDRESSES, short_message=b"\x06\x05\x04\x0b\x84\x23\xf0" + bytes(90), esm_class=EsmClass.UDHI),
        pdus.SubmitSm(**_ADDRESSES, short_message="Łódź".encode("utf-16-be"), data_coding=8),
        pdus.SubmitSm(**text, tlvs=sar),  # type: ignore[arg-type]
        pdus.SubmitSm(**_ADDRESSES, tlvs={Tag.MESSAGE_PAYLOAD: b"x" * 300, Tag.USER_MESSAGE_REFERENCE: b"\x00\x07"}),
        pdus.DataSm(**_ADDRESSES, tlvs={Tag.MESSAGE_PAYLOAD: b"hello"}),
        pdus.SubmitMulti(source_addr="Pumps", dest_address=several, short_message=b"hello"),
        pdus.QuerySm(message_id="6FD54FA2", source_addr="Pumps"),
        pdus.CancelSm(message_id="6FD54FA2", source_addr="Pumps"),
        pdus.ReplaceSm(message_id="6FD54FA2", source_addr="Pumps", short_message=b"hello"),
        pdus.BindTransceiver(system_id="hostile", password="SECRET22"),  # noqa: S106 - of a test
        pdus.DeliverSm(**text),
        pdus.DeliverSmResp(),
        pdus.SubmitSmResp(message_id="6FD54FA2"),
        pdus.BindTransceiverResp(system_id="smsbridge"),
        pdus.Outbind(system_id="smsbridge", password="SECRET22"),  # noqa: S106 - of a test
        pdus.AlertNotification(source_addr="447911123123", esme_addr="Pumps"),
        pdus.EnquireLink(),
        pdus.EnquireLinkResp(),
        pdus.GenericNack(status=3),
    ]
    return [encode(pdu, 5) for pdu in made]


class Mutations:
    """An endless row of bad PDUs. Nearly all of them keep a true command_length, so that the stream goes on."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._sound = sound_pdus()
        self._ways: tuple[Callable[[bytearray], None], ...] = (
            self._flip,
            self._flip,
            self._rename,
            self._renumber,
            self._cut,
            self._append,
            self._no_terminator,
            self._more_terminators,
            self._long_string,
            self._bad_tlv,
            self._bad_tlv,
            self._bad_header,
            self._swap,
        )

    def next(self) -> bytes:
        """One frame, most likely bad; now and then one whose command_length lies, or no PDU at all."""
        chance = self._chance
        frame = bytearray(chance.choice(self._sound))
        struct.pack_into(">I", frame, 12, chance.choice(SEQUENCES) if chance.random() < 0.1 else chance.getrandbits(31))
        for _ in range(chance.randint(1, 3)):
            chance.choice(self._ways)(frame)
        struct.pack_into(">I", frame, 0, max(len(frame), HEADER_SIZE))
        frame += bytes(max(0, HEADER_SIZE - len(frame)))
        if chance.random() < FATAL_CHANCE:
            self._lie(frame)
        return bytes(frame)

    def pieces(self, octets: bytes) -> list[bytes]:
        """The same octets as several writes, cut anywhere."""
        count = self._chance.choice((1, 1, 1, 2, 5))
        cuts = sorted(self._chance.randrange(len(octets) + 1) for _ in range(count - 1))
        return [octets[a:b] for a, b in zip([0, *cuts], [*cuts, len(octets)], strict=True)]

    # Ways to spoil a frame; all leave room for a header

    def _flip(self, frame: bytearray) -> None:
        for _ in range(self._chance.randint(1, 4)):
            frame[self._chance.randrange(4, len(frame))] = self._chance.randrange(256)

    def _rename(self, frame: bytearray) -> None:
        """Another PDU's name on this body, or one that does not exist."""
        known = int.from_bytes(self._chance.choice(self._sound)[4:8], "big")
        unknown = self._chance.choice((known ^ 0x80000000, 0x00000999, 0x00010200, self._chance.getrandbits(32)))
        struct.pack_into(">I", frame, 4, self._chance.choice((known, unknown)))

    def _renumber(self, frame: bytearray) -> None:
        struct.pack_into(">I", frame, 8, self._chance.choice((1, 8, 0x58, 0x400, 0xFFFFFFFF)))

    def _cut(self, frame: bytearray) -> None:
        if self._chance.random() < 0.3:  # A request that ends before its fields do ends the connection.
            del frame[self._chance.randint(HEADER_SIZE, len(frame)) :]

    def _append(self, frame: bytearray) -> None:
        frame += self._chance.randbytes(self._chance.choice((1, 2, 3, 4, 5, 300)))

    def _no_terminator(self, frame: bytearray) -> None:
        at = frame.find(0, self._chance.randint(HEADER_SIZE, len(frame)))
        if at > 0:
            del frame[at]

    def _more_terminators(self, frame: bytearray) -> None:
        at = self._chance.randint(HEADER_SIZE, len(frame))
        frame[at:at] = bytes(self._chance.randint(1, 3))

    def _long_string(self, frame: bytearray) -> None:
        at = self._chance.randint(HEADER_SIZE, len(frame))
        frame[at:at] = self._chance.choice((b"1", b"\xff", b"%s", b"'")) * self._chance.choice((8, 22, 70, 300, 5_000))

    def _bad_tlv(self, frame: bytearray) -> None:
        """A TLV that is too short, too long, empty, cut, or there twice."""
        tag = self._chance.choice(TAGS)
        value = self._chance.randbytes(self._chance.choice((0, 1, 2, 3, 4, 64, 300)))
        told = self._chance.choice((len(value), len(value), len(value) + 1, 0, 0xFFFF))
        one = struct.pack(">HH", tag, told) + value
        frame += one * self._chance.choice((1, 1, 2))

    def _bad_header(self, frame: bytearray) -> None:
        """A text with a user data header that lies about itself: its own length, an element's, or its numbers."""
        header = bytes(self._chance.choice((0, 1, 2, 3, 5, 6, 140, 255)) for _ in range(self._chance.randint(1, 8)))
        esm_class = self._chance.choice((EsmClass.UDHI, EsmClass.UDHI | 0x3C, 0xFF))
        text = header + b"a" * self._chance.choice((0, 1, 100))
        facts = {**_ADDRESSES, "short_message": text, "esm_class": esm_class}
        facts["data_coding"] = self._chance.choice((0, 4, 8, 0x10, 0xF5, 0x0B))
        frame[:] = encode(pdus.SubmitSm(**facts), self._chance.getrandbits(31))

    def _swap(self, frame: bytearray) -> None:
        """The tail of another PDU."""
        other = self._chance.choice(self._sound)
        at = self._chance.randint(HEADER_SIZE, len(frame))
        frame[at:] = other[self._chance.randint(HEADER_SIZE, len(other)) :]

    def _lie(self, frame: bytearray) -> None:
        """A command_length that is not that of the frame."""
        near = len(frame) + self._chance.choice((-1, 1, -4, 4, 100))
        struct.pack_into(">I", frame, 0, self._chance.choice((*LENGTHS, max(near, 0))))
