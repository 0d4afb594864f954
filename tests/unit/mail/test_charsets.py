"""Octets to characters, whatever the mail claims."""

import codecs

import pytest

from bridge.mail import charsets

TEXT = "Größe 5 € – ok"


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("utf-8", "utf-8"),
        ("UTF-8", "utf-8"),
        ('"utf-8"', "utf-8"),
        ("windows-1252", "cp1252"),
        ("iso-8859-1", "cp1252"),  # what calls itself Latin-1 is mostly this
        ("ISO-8859-1", "cp1252"),
        ("utf-16", "utf-16"),
        ("utf-16le", "utf-16-le"),
        ("utf-16be", "utf-16-be"),
        ("gb18030", "gb18030"),
    ],
)
def test_a_declared_charset_is_believed(charset: str, codec: str) -> None:
    assert charsets.decode(TEXT.encode(codec), charset) == TEXT


@pytest.mark.parametrize("charset", ["", "us-ascii", "x-unknown", "unicode_escape", "utf-8\r\nX: y", "é" * 1000])
@pytest.mark.parametrize("codec", ["utf-8", "cp1252"])
def test_an_unknown_or_lying_charset_is_guessed(charset: str, codec: str) -> None:
    assert charsets.decode(TEXT.encode(codec), charset) == TEXT


@pytest.mark.parametrize("charset", ["zlib_codec", "punycode", "idna", "unicode_escape", "rot13", "undefined", "hex"])
def test_codecs_that_are_no_charsets_are_never_used(charset: str) -> None:
    """A body that names one is text all the same."""
    assert charsets.decode(b"\\x41 4142", charset) == "\\x41 4142"


def test_utf16_without_a_mark_is_read_in_the_order_that_makes_sense() -> None:
    assert charsets.decode("Pump 3".encode("utf-16-be"), "utf-16") == "Pump 3"
    assert charsets.decode("Pump 3".encode("utf-16-le"), "utf-16") == "Pump 3"


def test_damaged_utf8_stays_utf8_and_latin_that_claims_utf8_is_latin() -> None:
    assert (
        charsets.decode("größer als größte".encode()[:-2] + b"\xff", "utf-8")
        == "größer als größ\N{REPLACEMENT CHARACTER}"
    )
    assert charsets.decode("größer".encode("cp1252"), "utf-8") == "größer"


def test_every_name_in_the_list_has_a_codec() -> None:
    for codec in set(charsets._CHARSETS.values()):
        assert isinstance(b"Pump".decode(codec, "replace"), str)
        assert codecs.lookup(codec)._is_text_encoding  # type: ignore[attr-defined]
