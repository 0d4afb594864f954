"""What the octets of an account with an alphabet of its own say, where they cannot just be decoded and sent anew."""

import pytest

from bridge.intake.content import content_of
from bridge.intake.settings import IntakeSettings
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Coding
from bridge.messages.user_data import UserData
from bridge.smpp import content
from bridge.smpp.constants import EsmClass
from bridge.smpp.content import Content
from bridge.smpp.submission import DefaultRules

SEGMENT, PORTS = bytes.fromhex("050003070201"), bytes.fromhex("06050423F40000")
MIXED = bytes.fromhex("0B0003070201050423F40000")
LATIN, WINDOWS = DefaultRules(alphabet_0="latin1"), DefaultRules(alphabet_0="cp1252")


def read(header: bytes, body: bytes, rules: DefaultRules = LATIN, data_coding: int = 0) -> Content:
    return content.content_of(header + body, EsmClass.UDHI, data_coding, {}, rules, 0x34)


@pytest.mark.parametrize("data_coding", [0, 3, 0x10, 0xF1])
def test_a_full_segment_with_a_letter_outside_gsm_goes_as_near_as_it_can(data_coding: int) -> None:
    """It was refused as too long, and with it the whole text: in UCS-2 it does not fit, nor as 8-bit octets."""
    found = read(SEGMENT, "Français, m² ½ ".encode("latin-1") + b"x" * 138, LATIN, data_coding)
    assert (found.text, found.is_rough, found.is_damaged) == ("Francais, m2 ? " + "x" * 138, True, False)
    sent = content_of(found.text, found.user_data, IntakeSettings())
    kept = {0x10: 0x10, 0xF1: 0x11}.get(data_coding)
    assert (sent.coding, sent.user_data) == (Coding.GSM7, UserData(SEGMENT, data_coding=kept))


def test_one_that_fits_as_it_is_stays_so() -> None:
    for body in ("ç" * 67, "ç" * 134, "à" * 153):
        found = read(SEGMENT, body.encode("latin-1"))
        assert found == Content(body, UserData(SEGMENT, body.encode("latin-1"), 3))
        assert content_of(found.text, found.user_data, IntakeSettings()).texts == (body,)
    flash = read(SEGMENT, "ç".encode("latin-1") * 67, LATIN, 0x10)
    assert (flash.text, flash.is_rough) == ("ç" * 67, False)


def test_characters_of_two_septets_give_way_where_there_is_no_room_for_them() -> None:
    full = read(SEGMENT, "5 € [a]".encode("cp1252") + b"x" * 146, WINDOWS)
    assert (full.text, full.is_rough) == ("5 E (a)" + "x" * 146, True)
    enough = read(SEGMENT, "5 € [a]".encode("cp1252") + b"x" * 143, WINDOWS)
    assert (enough.text, enough.is_rough) == ("5 € [a]" + "x" * 143, False)


def test_what_is_too_long_in_septets_too_is_refused_for_what_it_is() -> None:
    found = read(SEGMENT, "ç".encode("latin-1") * 154)
    with pytest.raises(Fault, match="154 characters do not fit one part beside its header") as refused:
        content_of(found.text, found.user_data, IntakeSettings())
    assert refused.value.code is FaultCode.MESSAGE_TOO_LARGE


def test_other_scripts_are_not_spelled_with_question_marks() -> None:
    body = "ж".encode("iso8859_5") * 140
    assert read(SEGMENT, body, LATIN, 6) == Content("ж" * 140, UserData(SEGMENT, body, 6))


@pytest.mark.parametrize("header", [PORTS, MIXED])
@pytest.mark.parametrize(
    ("text", "data_coding", "octets", "kept"),
    [
        ("BEGIN:VCARD\r\nN:Bäck@home", 0, b"BEGIN:VCARD\r\nN:B\x7bck\x00home", 0),
        ("[tag]", 0, b"\x1b\x3ctag\x1b\x3e", 0),
        ("ça", 0, "ça".encode("utf-16-be"), 8),
        ("ç" * 120, 0, b"\xe7" * 120, 3),
        ("@", 0x10, b"\x00", 0x10),
        ("@", 0xF1, b"\x00", 0x11),
        ("ç", 0xF1, b"\0\xe7", 0x19),
        ("ç" * 120, 0xF1, b"\xe7" * 120, 3),
        ("ça", 3, b"\xe7a", 3),
        ("@", 4, b"@", 4),
        ("@", 0xF5, b"@", 0xF5),
    ],
)
def test_text_for_an_application_says_the_same_to_a_carrier(
    header: bytes, text: str, data_coding: int, octets: bytes, kept: int
) -> None:
    """Latin-1 under data_coding 0 went out as it came, and GSM 03.38 was read from it: "@" was an inverted "!"."""
    found = read(header, text.encode("latin-1"), LATIN, data_coding)
    assert found == Content(octets.hex().upper(), UserData(header, octets, kept))
    assert content_of(found.text, found.user_data, IntakeSettings()).coding is Coding.BINARY


@pytest.mark.parametrize(
    ("rules", "data_coding", "body", "octets", "kept"),
    [
        (DefaultRules(), 0, b"\x00\x1b\x65", b"\x00\x1b\x65", 0),
        (DefaultRules(), 0xF1, b"\x00", b"\x00", 0xF1),
        (DefaultRules(alphabet_1="gsm"), 1, b"\x00", b"\x00", 0),
        (DefaultRules(), 1, b"@", b"@", 1),
        (DefaultRules(alphabet_0="ascii"), 0, b"@{", b"\x00\x1b\x28", 0),
        (DefaultRules(alphabet_0="ascii"), 0, b"\xff", b"\xff", 1),
        (WINDOWS, 0, b"\x80", b"\x1b\x65", 0),
        (WINDOWS, 0, b"\x81@", b"\x81@", 3),
        (DefaultRules(), 8, b"\0a", b"\0a", 8),
    ],
)
def test_octets_for_an_application_are_touched_only_to_say_what_they_are(
    rules: DefaultRules, data_coding: int, body: bytes, octets: bytes, kept: int
) -> None:
    assert read(PORTS, body, rules, data_coding).user_data == UserData(PORTS, octets, kept)
