"""The alphabets by example; the laws are in tests/properties/test_charset.py."""

import pytest

from bridge.messages.charset import (
    BASIC,
    EXTENSION,
    choose,
    decode,
    downgrade,
    encode,
    forced_ucs2,
    nearest,
    normalise_text,
    roughly,
    unit_count,
)
from bridge.messages.message import Coding

GSM7, UCS2 = Coding.GSM7, Coding.UCS2


def test_the_basic_table_has_127_characters_and_the_escape() -> None:
    assert len(BASIC) == 128
    assert len(set(BASIC)) == 128
    assert BASIC[0x1B] == "\x1b"


def test_the_extension_table_has_ten_characters_of_its_own() -> None:
    assert len(EXTENSION) == 10
    assert not set(EXTENSION.values()) & set(BASIC)


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("@", "00"),
        ("£$¥", "010203"),
        ("Ç", "09"),
        ("Hello", "48656c6c6f"),
        ("_", "11"),
        ("§", "5f"),
        ("Ä Ö", "5b205c"),
        ("€", "1b65"),
        ("[~]", "1b3c1b3d1b3e"),
        ("{|}", "1b281b401b29"),
        ("\\^", "1b2f1b14"),
        ("\f", "1b0a"),
        ("a\nb", "610a62"),
        ("", ""),
    ],
)
def test_gsm_octets(text: str, octets: str) -> None:
    assert choose(text) is GSM7
    assert encode(text, GSM7).hex() == octets
    assert decode(bytes.fromhex(octets), GSM7) == text


@pytest.mark.parametrize(
    ("text", "octets"),
    [("Ж", "0416"), ("😀", "d83dde00"), ("aé", "006100e9"), ("\ufeffж", "feff0436"), ("", "")],
)
def test_ucs2_octets(text: str, octets: str) -> None:
    assert encode(text, UCS2).hex() == octets
    assert decode(bytes.fromhex(octets), UCS2) == text


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        ("plain", ""),
        ("", ""),
        ("caf\u00e9 {1}", ""),
        ("it`s", "`"),
        ("façade", "ç"),
        ("“quoted”", "“"),
        ("a\tb", "\t"),
        ("no\u00a0break", "\u00a0"),
        ("raw \x1b escape", "\x1b"),
        ("ok 😀 ж", "😀"),
    ],
)
def test_the_first_character_outside_of_gsm_is_named(text: str, culprit: str) -> None:
    assert forced_ucs2(text) == culprit
    assert choose(text) is (UCS2 if culprit else GSM7)


def test_what_gsm_cannot_carry_becomes_a_question_mark_when_forced() -> None:
    assert encode("1 ≥ 0\x1b`", GSM7) == b"1 ? 0??"


def test_a_lone_surrogate_is_replaced_not_fatal() -> None:
    assert encode("a\ud83d", UCS2).hex() == "0061fffd"
    assert encode("a\ude00b", GSM7) == b"a?b"


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"ab\x1b", "ab\ufffd"),
        (b"\x1b\x1be", " e"),
        (b"\x1bA", "A"),
        (b"\x1b\x0d", "\r"),
        (b"\x80\xff", "\ufffd\ufffd"),
        (b"\x1b\xe5", "\ufffd"),
    ],
)
def test_odd_gsm_octets_are_read_as_the_standard_asks(octets: bytes, text: str) -> None:
    assert decode(octets, GSM7) == text


@pytest.mark.parametrize(
    ("octets", "text"),
    [("0061 00", "a\ufffd"), ("d83d 0061", "\ufffda"), ("0061 de00", "a\ufffd"), ("00", "\ufffd")],
)
def test_broken_ucs2_shows_replacements(octets: str, text: str) -> None:
    assert decode(bytes.fromhex(octets), UCS2) == text


@pytest.mark.parametrize(
    ("text", "coding", "units"),
    [("", GSM7, 0), ("a€b", GSM7, 4), ("[]{}^~|\\€\f", GSM7, 20), ("жa", UCS2, 2), ("a😀", UCS2, 3), ("abc", UCS2, 3)],
)
def test_unit_count(text: str, coding: Coding, units: int) -> None:
    assert unit_count(text, coding) == units


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("one\r\ntwo\rthree\nfour", "one\ntwo\nthree\nfour"),
        ("a\x0bb\x0cc\x85d\u2028e\u2029f", "a\nb\nc\nd\ne\nf"),
        ("a\tb", "a b"),
        ("\x00a\x07b\x1bc\x7fd\x9be", "abcde"),
        ("a\r\x00\nb", "a\nb"),
        ("pay \u202ecod.exe\u202c now \u2066x\u2069", "pay cod.exe now x"),
        ("\ufefftext", "text"),
        ("\ud83d\ude00 \ud83d.", "😀 \ufffd."),
        ("  kept  \n\n", "  kept  \n\n"),
        ("שלום\u200f (1)", "שלום\u200f (1)"),
        ("👨\u200d👩\u200d👧 e\u0301", "👨\u200d👩\u200d👧 e\u0301"),
        ("plain text", "plain text"),
        ("", ""),
    ],
)
def test_normalise_text(written: str, normal: str) -> None:
    assert normalise_text(written) == normal


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("“It’s 5 – 7”", '"It\'s 5 - 7"'),
        ("wait… now", "wait... now"),
        ("10\u00a0% \u2022 a\u200bb\u00adc", "10 % * abc"),
        ("cafe\u0301", "café"),
        ("`quoted`", "'quoted'"),
    ],
)
def test_downgrade_respells_typography(text: str, plain: str) -> None:
    assert downgrade(text) == plain
    assert choose(plain) is GSM7


@pytest.mark.parametrize("text", ["", "plain [text]", "“Жизнь” – 1", "naïve…", "😀’"])
def test_downgrade_leaves_alone_what_it_cannot_save(text: str) -> None:
    assert downgrade(text) == text


def test_downgrade_does_not_trade_one_part_for_two() -> None:
    assert downgrade("…" * 70) == "…" * 70


@pytest.mark.parametrize(
    ("sign", "plain"),
    [
        ("ç", "c"),
        ("Å", "A"),
        ("€", "E"),
        ("“", '"'),
        ("…", "."),
        ("²", "2"),
        ("ł", "l"),
        ("½", ""),
        ("™", ""),
        ("ж", ""),
    ],
)
def test_the_nearest_letter(sign: str, plain: str) -> None:
    assert nearest(sign) == plain


def test_roughly_is_one_character_for_each() -> None:
    assert roughly("à ça, ж [½]", 99) == "à ca, ? [?]"
    assert roughly("€^{}\\[~]|\f", 19) == "E'()/(-)/\n"
    assert roughly("€^{}\\[~]|\f", 20) == "€^{}\\[~]|\f"
