"""message_id in every spelling an account may choose, and back from every spelling an ESME may write."""

import pytest

from bridge.smpp.message_ids import IdForm, message_id_of, public_ids_of


@pytest.mark.parametrize(
    ("form", "in_response", "in_receipt"),
    [
        ("hex", "0A1B2C3D", "0A1B2C3D"),
        ("decimal", "0169552957", "0169552957"),
        ("hex_decimal", "0A1B2C3D", "0169552957"),
        ("decimal_hex", "0169552957", "0A1B2C3D"),
    ],
)
def test_forms(form: str, in_response: str, in_receipt: str) -> None:
    assert message_id_of("0A1B2C3D", form) == in_response
    assert message_id_of("0A1B2C3D", form, is_receipt=True) == in_receipt


def test_the_default_is_the_public_id() -> None:
    assert message_id_of("6FD54FA2") == message_id_of("6FD54FA2", is_receipt=True) == "6FD54FA2"


def test_the_largest_and_the_longest() -> None:
    assert message_id_of("FFFFFFFF", "decimal") == "4294967295"
    assert message_id_of("00000001", "decimal") == "0000000001"
    assert message_id_of("000100000000", "decimal") == "4294967296"
    assert message_id_of("FFFFFFFFFFFF", "decimal") == "281474976710655"


@pytest.mark.parametrize("form", IdForm)
@pytest.mark.parametrize("public_id", ["0A1B2C3D", "00000001", "FFFFFFFF", "12345678", "000100000000", "FFFFFFFFFFFF"])
def test_every_spelling_leads_back(form: str, public_id: str) -> None:
    told, reported = message_id_of(public_id, form), message_id_of(public_id, form, is_receipt=True)
    assert public_ids_of(told, form)[0] == public_ids_of(told.lower(), form)[0] == public_id
    decimal = str(int(public_id, 16))
    spellings = {
        told,
        told.lower(),
        told.lstrip("0"),
        f" {told} ",
        reported,
        reported.lstrip("0"),
        decimal,
        f"0x{public_id}",
    }
    for spelling in spellings:
        assert public_id in public_ids_of(spelling, form), spelling


def test_digits_can_be_read_both_ways_and_the_form_says_which_comes_first() -> None:
    assert public_ids_of("12345678", "hex") == ("12345678", "00BC614E")
    assert public_ids_of("12345678", "decimal") == ("00BC614E", "12345678")
    assert public_ids_of("0012345678", "hex_decimal") == ("00BC614E", "12345678")
    assert public_ids_of("12345678", "hex_decimal") == ("12345678", "00BC614E")
    assert public_ids_of("0012345678", "decimal_hex") == ("00BC614E", "12345678")
    assert public_ids_of("12345678", "decimal_hex") == ("12345678", "00BC614E")
    assert public_ids_of("112345678901", "decimal_hex") == ("001A28530435", "112345678901"), "the answer's form"


@pytest.mark.parametrize("message_id", ["", " ", "xyz", "-1", "1_0", "+5", "6FD54FA2-1", "F" * 13, "9" * 64, "９", "é"])
def test_what_is_none_of_ours(message_id: str) -> None:
    assert public_ids_of(message_id) == ()
