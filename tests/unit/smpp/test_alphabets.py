"""data_coding understood: which alphabet, which class, what is binary, and what is refused."""

import pytest

from bridge.smpp import alphabets
from bridge.smpp.alphabets import Alphabet, Kind

TEXT = {0: "gsm", 1: "ascii", 3: "latin-1", 5: "shift_jis", 6: "iso8859_5", 7: "iso8859_8", 9: "shift_jis"}
TEXT |= {10: "iso2022_jp", 13: "euc_jp", 14: "euc_kr", 8: "utf-16-be"}


def test_every_data_coding() -> None:
    """The whole table of 256, by hand: text, octets, or refused."""
    for data_coding in range(256):
        scheme = alphabets.scheme_of(data_coding)
        if data_coding in TEXT:
            assert scheme is not None
            assert (scheme.codec, scheme.message_class) == (TEXT[data_coding], None)
        elif data_coding in (2, 4) or 0xC0 <= data_coding <= 0xEF:
            assert scheme is not None
            assert (scheme.kind, scheme.data_coding, scheme.message_class) == (Kind.BINARY, data_coding, None)
        elif 0x10 <= data_coding <= 0x1B or 0xF0 <= data_coding <= 0xF7:
            assert scheme is not None
            kind = [Kind.TEXT, Kind.BINARY, Kind.UCS2][data_coding >> 2 & 3]
            assert (scheme.kind, scheme.message_class) == (kind, data_coding & 3)
        else:
            assert scheme is None, hex(data_coding)


@pytest.mark.parametrize(
    ("alphabet", "octets", "text"),
    [
        ("gsm", b"\x00 \x11 \x1b\x65 \x7b", "@ _ € ä"),
        ("ascii", b"@ _ \xe4", "@ _ \ufffd"),
        ("latin1", b"@ _ \xe4 \x80", "@ _ ä \x80"),
        ("cp1252", b"@ _ \xe4 \x80 \x93 \x81", "@ _ ä € “ \ufffd"),
    ],
)
def test_the_accounts_alphabets_for_0_1_and_flash(alphabet: str, octets: bytes, text: str) -> None:
    assert alphabets.decode_text(octets, 0, alphabet) == text
    assert alphabets.decode_text(octets, 1, "gsm", alphabet) == text
    assert alphabets.decode_text(octets, 0x10, alphabet) == text
    assert alphabets.decode_text(octets, 0xF1, alphabet) == text


@pytest.mark.parametrize(
    ("text", "alphabet", "octets"),
    [
        ("Grüße", Alphabet.LATIN1, b"Gr\xfc\xdfe"),
        ("5 €", Alphabet.CP1252, b"5 \x80"),
        ("5 €", Alphabet.GSM, b"5 \x1b\x65"),
        ("5 €", Alphabet.LATIN1, None),
        ("é", Alphabet.ASCII, None),
        ("ж", Alphabet.GSM, None),
    ],
)
def test_encoding_in_a_carriers_alphabet(text: str, alphabet: str, octets: bytes | None) -> None:
    assert alphabets.encode(text, alphabet) == octets


@pytest.mark.parametrize(
    ("text", "alphabet", "octets"),
    [
        ("Crème à 5 €", Alphabet.ASCII, b"Creme a 5 E"),
        ("ΔÅ", Alphabet.LATIN1, b"?\xc5"),
        ("çж\U0001f600", Alphabet.GSM, b"c??"),
        ("\ud800", Alphabet.LATIN1, b"?"),
    ],
)
def test_what_an_alphabet_lacks_becomes_a_plain_letter_or_a_question_mark(
    text: str, alphabet: str, octets: bytes
) -> None:
    assert alphabets.encode_roughly(text, alphabet) == octets


SWAPPED = ["Hello world", "Żółw idzie", "Привет, как дела", "Hello\nthere", "Это не тест", "\ufeffok", "\ufeffПривет"]


@pytest.mark.parametrize("text", SWAPPED)
def test_swapped_octets_are_put_right(text: str) -> None:
    right = text.removeprefix("\ufeff")
    assert alphabets.decode_ucs2(text.encode("utf-16-le")) == (right, right.encode("utf-16-be"), True)


SIGNS = ["A", "一", "一一", "开最", "一一一一", "日本語のテキスト", "今天的一次最重要的开会", "😀😀"]


@pytest.mark.parametrize("text", [*SWAPPED, *SIGNS, "", "\u0100 \u0200", "\u2000x", "\u0100\u0200\n"])
def test_what_came_in_order_stays_so(text: str) -> None:
    right = text.removeprefix("\ufeff")
    assert alphabets.decode_ucs2(text.encode("utf-16-be")) == (right, right.encode("utf-16-be"), False)
