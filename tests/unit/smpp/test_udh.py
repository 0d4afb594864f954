"""User data headers: the ones we build, the ones that arrive, and the ones that lie."""

import pytest

from bridge.messages.inbound import Concat
from bridge.smpp import udh


def test_build_is_the_usual_header() -> None:
    assert udh.build_concat(0x2A, 3, 2) == b"\x05\x00\x03\x2a\x03\x02"
    assert len(udh.build_concat(0, 2, 1)) == udh.CONCAT_SIZE


@pytest.mark.parametrize(("reference", "total", "number"), [(0, 1, 1), (0, 256, 1), (0, 2, 0), (0, 2, 3), (256, 2, 1)])
def test_no_such_piece(reference: int, total: int, number: int) -> None:
    with pytest.raises(ValueError):
        udh.build_concat(reference, total, number)


@pytest.mark.parametrize(
    ("octets", "concat", "rest"),
    [
        (b"\x05\x00\x03\x2a\x03\x02text", Concat(0x2A, 3, 2), b"text"),
        (b"\x06\x08\x04\x12\x34\x02\x01text", Concat(0x1234, 2, 1), b"text"),
        (b"\x0b\x05\x04\x0b\x84\x23\xf0\x00\x03\x07\xff\xff", Concat(7, 255, 255), b""),
        (b"\x06\x05\x04\x0b\x84\x23\xf0pushed", None, b"pushed"),
        (b"\x00text", None, b"text"),
        (b"\x05\x00\x03\x2a\x00\x00x", None, b"x"),
        (b"\x05\x00\x03\x2a\x02\x00x", None, b"x"),
        (b"\x05\x00\x03\x2a\x02\x03x", None, b"x"),
        (b"\x05\x00\x03\x2a\x01\x01x", None, b"x"),
        (b"\x04\x00\x02\x2a\x02x", None, b"x"),
        (b"\x0a\x00\x03\x01\x02\x01\x00\x03\x02\x02\x02x", Concat(2, 2, 2), b"x"),
        (b"\x0a\x00\x03\x01\x02\x01\x00\x03\x02\x02\x09x", Concat(1, 2, 1), b"x"),
    ],
    ids=[
        "8 bit",
        "16 bit",
        "with ports",
        "ports only",
        "empty",
        "total 0",
        "number 0",
        "number beyond total",
        "one of one",
        "short element",
        "the last of two counts",
        "the last valid one counts",
    ],
)
def test_parse(octets: bytes, concat: Concat | None, rest: bytes) -> None:
    header, found = udh.parse(octets)
    assert (header.concat, found) == (concat, rest)


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x05", b"\x05\x00\x03\x2a\x03", b"\xff" + b"x" * 254, b"\x05\x00\x04\x2a\x03\x02x", b"\x01\x00x"],
)
def test_lengths_that_lie(octets: bytes) -> None:
    with pytest.raises(udh.UdhError, match="longer"):
        udh.parse(octets)


@pytest.mark.parametrize(
    ("header", "concat"),
    [
        (b"\x05\x00\x03\x07\x02\x01", Concat(7, 2, 1)),
        (b"\x06\x08\x04\x01\x07\x02\x02", Concat(263, 2, 2)),
        (b"\x0b\x00\x03\x07\x02\x01\x05\x04\x23\xf4\x00\x00", None),
        (b"\x06\x05\x04\x23\xf4\x00\x00", None),
        (b"\x05\x00\x03\x07\x01\x01", None),
        (b"\x05\x00\x03\x07\x02\x01x", None),
        (b"\x05\x00", None),
        (b"\x00", None),
        (b"", None),
    ],
)
def test_a_header_that_only_numbers(header: bytes, concat: Concat | None) -> None:
    assert udh.pure_concat(header) == concat


def test_a_16_bit_reference() -> None:
    assert udh.build_concat(263, 2, 1, is_16_bit=True) == b"\x06\x08\x04\x01\x07\x02\x01"
    with pytest.raises(OverflowError):
        udh.build_concat(65_536, 2, 1, is_16_bit=True)
    with pytest.raises(ValueError, match="no such piece"):
        udh.build_concat(1, 1, 1, is_16_bit=True)


def test_building_is_parsing_backwards() -> None:
    elements = [(0x00, b"\x07\x02\x01"), (0x05, b"\x23\xf4\x00\x00"), (0x70, b"")]
    assert udh.parse(udh.build(elements) + b"rest") == (udh.Udh(elements), b"rest")
    with pytest.raises(ValueError, match="range"):
        udh.build([(0x70, bytes(254))])
