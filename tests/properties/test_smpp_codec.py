"""Laws of the codec: what is written reads back, and any octets parse or are a RemoteProtocolError."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.smpp import codec, pdus
from bridge.smpp.errors import RemoteProtocolError
from bridge.smpp.framing import FRAME_SIZE_MAX, FrameBuffer
from tests.properties.smpp_strategies import any_pdu, of_kind, sequences

COMMAND_IDS = st.sampled_from([int(pdu.COMMAND_ID) for pdu in pdus.ALL]) | st.integers(0, 0xFFFFFFFF)


@pytest.mark.parametrize("pdu", pdus.ALL, ids=lambda pdu: pdu.__name__)
def test_what_is_written_reads_back(pdu: type[pdus.Pdu]) -> None:
    @given(of_kind(pdu), sequences)
    def law(value: pdus.Pdu, sequence: int) -> None:
        octets = codec.encode(value, sequence)
        assert int.from_bytes(octets[:4], "big") == len(octets)
        assert codec.decode(octets) == (value, sequence)

    law()


def outcome(octets: bytes) -> tuple[pdus.Pdu, int] | RemoteProtocolError:
    try:
        return codec.decode(octets)
    except RemoteProtocolError as error:
        return error


def check(octets: bytes) -> None:
    """A PDU that can be written again, or an offence that says what to answer to whom."""
    result = outcome(octets)
    if isinstance(result, RemoteProtocolError):
        assert result.status
        assert result.message
        if len(octets) >= 16:
            assert (result.command_id, result.sequence) == struct.unpack_from(">IxxxxI", octets, 4)
        return
    pdu, sequence = result
    assert sequence == int.from_bytes(octets[12:16], "big")
    if not pdu.is_response():
        assert codec.decode(codec.encode(pdu, 1)) == (pdu, 1)


def headed(command_id: int, status: int, body: bytes) -> bytes:
    return struct.pack(">IIII", 16 + len(body), command_id, status, 7) + body


@given(st.builds(headed, COMMAND_IDS, st.sampled_from([0, 0x58]), st.binary(max_size=120)) | st.binary(max_size=40))
def test_any_octets_parse_or_are_an_offence(octets: bytes) -> None:
    check(octets)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good PDU with some octets changed, cut out or put in, under a command_length that is true again."""
    body = bytearray(codec.encode(draw(any_pdu), 7)[4:])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        size = draw(st.integers(0, 12))
        body[at : at + size] = draw(st.binary(max_size=12))
    return struct.pack(">I", 4 + len(body)) + bytes(body)


@given(mutated())
def test_a_good_pdu_gone_bad_parses_or_is_an_offence(octets: bytes) -> None:
    check(octets)


@given(st.lists(any_pdu, max_size=6), st.data())
def test_any_chopping_gives_the_same_frames(values: list[pdus.Pdu], data: st.DataObject) -> None:
    frames = [codec.encode(pdu, number) for number, pdu in enumerate(values)]
    stream = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    buffer, found = FrameBuffer(), []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        buffer.feed(stream[start:stop])
        while (one := buffer.next()) is not None:
            found.append(one)
    assert found == frames
    assert len(buffer) == 0


@given(st.binary(min_size=4, max_size=64))
def test_a_buffer_gives_frames_of_their_length_or_refuses(stream: bytes) -> None:
    buffer = FrameBuffer()
    buffer.feed(stream)
    length = int.from_bytes(stream[:4], "big")
    if 16 <= length <= FRAME_SIZE_MAX:
        assert buffer.next() == (stream[:length] if length <= len(stream) else None)
    else:
        with pytest.raises(RemoteProtocolError, match="command_length|speaks"):
            buffer.next()
