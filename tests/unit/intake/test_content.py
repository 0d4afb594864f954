"""What an ESME settled itself goes out as it came; the rest is text, coded by us."""

import pytest

from bridge.intake.content import Content, content_of
from bridge.intake.settings import IntakeSettings
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Coding
from bridge.messages.user_data import UserData

SHORT, LONG = bytes.fromhex("050003070201"), bytes.fromhex("06080400070201")
PORTS = bytes.fromhex("0605040B8423F0")


def content(text: str, user_data: UserData | None, *, downgrade: bool = False) -> Content:
    return content_of(text, user_data, IntakeSettings(downgrade=downgrade))


@pytest.mark.parametrize(
    ("text", "header", "coding"),
    [
        ("x" * 153, SHORT, Coding.GSM7),
        ("x" * 152, LONG, Coding.GSM7),
        ("€" * 76, SHORT, Coding.GSM7),
        ("ж" * 67, SHORT, Coding.UCS2),
        ("ж" * 66, LONG, Coding.UCS2),
        ("", SHORT, Coding.GSM7),
        ("   ", SHORT, Coding.GSM7),
    ],
)
def test_a_segment_of_text_is_one_part_with_its_header(text: str, header: bytes, coding: Coding) -> None:
    for data_coding in (None, 0, 3, 8):
        found = content(text, UserData(header, data_coding=data_coding))
        assert found == Content(coding, (text,), UserData(header))


@pytest.mark.parametrize(
    ("text", "header"), [("x" * 154, SHORT), ("x" * 153, LONG), ("ж" * 68, SHORT), ("ж", b"x" * 139)]
)
def test_a_segment_that_does_not_fit_is_refused(text: str, header: bytes) -> None:
    with pytest.raises(Fault) as refused:
        content(text, UserData(header))
    assert refused.value.code is FaultCode.MESSAGE_TOO_LARGE


def test_a_segment_falls_back_on_its_octets() -> None:
    """Text where it fits; else what came, such as the half of an escape pair or 100 letters of Latin-1."""
    assert content("abc", UserData(SHORT, b"abc", 3)) == Content(Coding.GSM7, ("abc",), UserData(SHORT))
    torn = UserData(SHORT, b"x" * 152 + b"\x1b", 0)
    assert content("x" * 152 + "\ufffd", torn) == Content(Coding.GSM7, ("x" * 152 + "\ufffd",), torn)
    latin = UserData(SHORT, b"\xff" * 100, 3)
    assert content("ÿ" * 100, latin) == Content(Coding.UCS2, ("ÿ" * 100,), latin)
    for too_long in (UserData(SHORT, b"x" * 154, 0), UserData(SHORT, b"\xff" * 135, 3)):
        with pytest.raises(Fault) as refused:
            content("\ufffd", too_long)
        assert refused.value.code is FaultCode.MESSAGE_TOO_LARGE


def test_binary_content_is_untouched() -> None:
    body = bytes(range(133))
    for user_data in (UserData(PORTS, body, 0xF5), UserData(PORTS, body, 0x04), UserData(b"", body + b"1234567", 2)):
        assert user_data.body is not None
        text = user_data.body.hex().upper()
        assert content(text, user_data) == Content(Coding.BINARY, (text,), user_data)
    assert content("", UserData(PORTS, b"", 4)) == Content(Coding.BINARY, ("",), UserData(PORTS, b"", 4))
    for user_data, code in (
        (UserData(PORTS, body + b"1", 4), FaultCode.MESSAGE_TOO_LARGE),
        (UserData(b"", b"", 4), FaultCode.EMPTY_TEXT),
        (UserData(b"", b" ", 0), FaultCode.EMPTY_TEXT),
    ):
        assert user_data.body is not None
        text = user_data.body.hex().upper() if user_data.data_coding else " "
        with pytest.raises(Fault) as refused:
            content(text, user_data)
        assert refused.value.code is code


@pytest.mark.parametrize(
    ("text", "data_coding", "kept"),
    [
        ("flash", 0x10, 0x10),
        ("flash", 0xF0, 0x10),
        ("flash", 0x18, 0x10),
        ("flash ж", 0x10, 0x18),
        ("flash ж", 0x18, 0x18),
        ("for the SIM", 0xF2, 0x12),
        ("plain", 0x00, None),
        ("plain", 0x08, None),
        ("plain ж", 0x03, None),
    ],
)
def test_the_class_stays_and_the_alphabet_is_ours(text: str, data_coding: int, kept: int | None) -> None:
    bare = content(text, UserData(data_coding=data_coding))
    assert bare.user_data == (UserData(data_coding=kept) if kept is not None else None)
    segment = content(text, UserData(SHORT, text.encode("utf-16-be"), data_coding))
    assert segment.user_data == UserData(SHORT, data_coding=kept)


def test_the_protocol_id_stays_whatever_becomes_of_the_rest() -> None:
    assert content("hi", UserData(protocol_id=0x41)).user_data == UserData(protocol_id=0x41)
    assert content("hi", UserData(SHORT, b"hi", 3, 0x41)).user_data == UserData(SHORT, protocol_id=0x41)
    assert content("hi", UserData(data_coding=0xF0, protocol_id=0x41)).user_data == UserData(b"", None, 0x10, 0x41)
    long = content("x" * 161, UserData(protocol_id=0x41))
    assert (len(long.texts), long.user_data) == (2, UserData(protocol_id=0x41))


def test_a_whole_text_with_a_class_has_as_many_parts_as_it_needs() -> None:
    found = content("x" * 161, UserData(data_coding=0x10))
    assert (len(found.texts), found.user_data) == (2, UserData(data_coding=0x10))
    assert content("x" * 161, None).user_data is None


def test_text_behind_a_port_header_counts_as_it_is_packed() -> None:
    """A septet has an octet of its own on the wire: 152 of them, packed, fit beside a header of seven octets."""
    for data_coding in (0, 1, 0xF1):
        fits = UserData(PORTS, b"x" * 152, data_coding)
        assert content((b"x" * 152).hex().upper(), fits).user_data == fits
        with pytest.raises(Fault) as refused:
            content((b"x" * 153).hex().upper(), UserData(PORTS, b"x" * 153, data_coding))
        assert refused.value.detail == "153 octets, one part has room for 152 of them"


def test_a_segment_is_downgraded_like_any_text() -> None:
    assert content("\u201cquoted\u201d", UserData(SHORT), downgrade=True).texts == ('"quoted"',)
