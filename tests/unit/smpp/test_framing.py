"""Cutting a stream into frames, and lengths nobody should believe."""

import pytest

from bridge.smpp.constants import Status
from bridge.smpp.errors import RemoteProtocolError
from bridge.smpp.framing import FRAME_SIZE_MAX, FrameBuffer
from tests.unit.smpp.wire import frame

ONE = frame(0x15, sequence=1)
TWO = frame(0x00000004, b"body of two", sequence=2)


def frames_of(buffer: FrameBuffer) -> list[bytes]:
    found = []
    while (one := buffer.next()) is not None:
        found.append(one)
    return found


def test_whole_frames_and_what_follows() -> None:
    buffer = FrameBuffer()
    buffer.feed(ONE + TWO + ONE[:7])
    assert frames_of(buffer) == [ONE, TWO]
    assert len(buffer) == 7
    buffer.feed(ONE[7:])
    assert frames_of(buffer) == [ONE]
    assert len(buffer) == 0


def test_octet_by_octet() -> None:
    buffer = FrameBuffer()
    found = []
    for octet in ONE + TWO:
        buffer.feed(bytes((octet,)))
        found += frames_of(buffer)
    assert found == [ONE, TWO]


def test_smallest_and_largest() -> None:
    largest = frame(0x00000103, b"x" * (FRAME_SIZE_MAX - 16))
    buffer = FrameBuffer()
    buffer.feed(ONE + largest)
    assert frames_of(buffer) == [ONE, largest]


@pytest.mark.parametrize("length", [0, 1, 15, FRAME_SIZE_MAX + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_impossible_length_is_fatal_at_once(length: int) -> None:
    buffer = FrameBuffer()
    buffer.feed(ONE + length.to_bytes(4, "big"))
    assert buffer.next() == ONE
    with pytest.raises(RemoteProtocolError, match=str(length)) as caught:
        buffer.next()
    assert (caught.value.status, caught.value.sequence, caught.value.is_fatal) == (Status.RINVCMDLEN, 0, True)


@pytest.mark.parametrize(
    ("start", "protocol"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
        (b"GET / HTTP/1.0\r\n", "HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"220 mail.example ESMTP\r\n", "SMTP"),
        (b"EHLO panel\r\n", "SMTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "TLS"),
        (b"\x16\x03\x01\x02\x00\x01", "TLS"),
    ],
)
def test_another_protocol_is_named(start: bytes, protocol: str) -> None:
    buffer = FrameBuffer()
    buffer.feed(start)
    with pytest.raises(RemoteProtocolError, match=f"speaks {protocol}"):
        buffer.next()


def test_half_a_length_waits() -> None:
    buffer = FrameBuffer()
    buffer.feed(b"\xff\xff\xff")
    assert buffer.next() is None
