"""How numbers may be written, and what is refused."""

import pytest

from bridge.messages.address import is_country, parse_originator, parse_recipient, shorten
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.numbers import RAW_MAX

SAMPLE = "46701740605"
TEST_RANGE = "447700900123"


@pytest.mark.parametrize(
    ("raw", "digits"),
    [
        (SAMPLE, SAMPLE),
        (TEST_RANGE, TEST_RANGE),
        ("447700999999", "447700999999"),
        ("+46701740605", SAMPLE),
        (" +46 70-174 06 05 ", SAMPLE),
        ("+46.70.174.06.05", SAMPLE),
        ("+44 (7700) 900123", TEST_RANGE),
        ("(+44) 7700 900123", TEST_RANGE),
        ("+44 (0)7700 900123", TEST_RANGE),
        ("+44 ( 0 ) 7700 900123", TEST_RANGE),
        ("44(0)7700900123", TEST_RANGE),
        ("+1 (202) 555-0123", "12025550123"),
        ("+39 06 1234 5678", "390612345678"),
        ("\u202a+44\u00a07700\u2011900123\u202c", TEST_RANGE),
        ("46701740605\r\n", SAMPLE),
        ("+80012345678", "80012345678"),
        ("0046701740605", SAMPLE),
        ("00 46 (0)70-174 06 05", SAMPLE),
        ("00447700900123", TEST_RANGE),
    ],
)
@pytest.mark.parametrize("home_country", ["", "SE", "GB", "US"])
def test_international_numbers_read_the_same_for_every_account(raw: str, digits: str, home_country: str) -> None:
    assert parse_recipient(raw, home_country) == digits


@pytest.mark.parametrize(
    ("raw", "home_country", "digits"),
    [
        ("0701740605", "SE", SAMPLE),
        ("0701740605", "se", SAMPLE),
        ("(070) 174 06 05", "SE", SAMPLE),
        ("0046701740605", "SE", SAMPLE),
        ("00 46 (0)70 174 06 05", "SE", SAMPLE),
        ("07700 900123", "GB", TEST_RANGE),
        ("00 46 70 174 06 05", "GB", SAMPLE),
        ("011 46 70 174 06 05", "US", SAMPLE),
        ("202-555-0123", "US", "12025550123"),
        ("1 202 555 0123", "US", "12025550123"),
        ("009 46 70 174 06 05", "NG", SAMPLE),
        ("612 34 56 78", "ES", "34612345678"),
        ("06 1234 5678", "IT", "390612345678"),
        ("8 912 345 67 89", "RU", "79123456789"),
        ("8 10 46 70 174 06 05", "RU", SAMPLE),
        ("7 912 345 67 89", "RU", "79123456789"),
        ("001 14155550123", "TH", "14155550123"),
        ("06 20 123 4567", "HU", "36201234567"),
    ],
)
def test_a_home_country_explains_the_prefixes_dialled_there(raw: str, home_country: str, digits: str) -> None:
    assert parse_recipient(raw, home_country) == digits


@pytest.mark.parametrize(
    ("raw", "home_country"),
    [
        ("", ""),
        ("+", ""),
        ("0701740605", ""),
        ("01146701740605", ""),
        ("00946701740605", ""),
        ("00146701740605", ""),
        ("0701740605", "XX"),
        ("0701740605", "S"),
        ("01146701740605", "GB"),
        ("00146701740605", "SE"),
        ("7700900123", "GB"),
        ("1740605", "SE"),
        ("112", "SE"),
        ("123456", ""),
        ("+123456", ""),
        ("1234567890123456", ""),
        ("9991234567", ""),
        ("4677", ""),
        ("+46 70 174 06 05 x12", ""),
        ("+46701740605;ext=3", ""),
        ("1-800-FLOWERS", "US"),
        ("46701740605,46701740606", ""),
        ("46701740605/6", ""),
        ("++46701740605", ""),
        ("46+701740605", ""),
        ("46701740605+", ""),
        ("+46\t701740605", ""),
        ("4670174\n0605", ""),
        ("4670174\x000605", ""),
        ("٤٦٧٠١٧٤٠٦٠٥", ""),
        ("４６７０１７４０６０５", ""),
        ("²6701740605", ""),
        ("tel:+46701740605", ""),
        ("4" * (RAW_MAX + 1), ""),
    ],
)
def test_everything_else_is_refused_with_what_to_do(raw: str, home_country: str) -> None:
    with pytest.raises(Fault) as caught:
        parse_recipient(raw, home_country)
    assert caught.value.code is FaultCode.BAD_RECIPIENT
    assert "write it with the country code, digits only, like 46701740605" in caught.value.sentence


@pytest.mark.parametrize(
    ("raw", "home_country"),
    [
        ("+4407700900123", ""),
        ("+460701740605", ""),
        ("00460701740605", "SE"),
        ("+39 (0) 6 1234 5678", ""),
        ("+39 (06) (0) 1234 5678", ""),
        ("+44 7700 (0) 900123", ""),
        ("+46 (0)(0) 701740605", ""),
        ("+1 (0) 202 555 0123", ""),
        ("0000001", "AE"),
    ],
)
def test_a_surplus_zero_is_refused_where_dropping_it_would_be_a_guess(raw: str, home_country: str) -> None:
    with pytest.raises(Fault) as caught:
        parse_recipient(raw, home_country)
    assert caught.value.code is FaultCode.BAD_RECIPIENT
    assert caught.value.detail


def test_digits_that_can_be_read_in_two_ways_are_refused() -> None:
    """As an Italian number of twelve digits or a British one; neither lies in an assigned range."""
    with pytest.raises(Fault, match="two ways"):
        parse_recipient(TEST_RANGE, "IT")
    assert parse_recipient("+" + TEST_RANGE, "IT") == TEST_RANGE


def test_of_two_readings_the_assigned_one_is_taken() -> None:
    assert parse_recipient(SAMPLE, "IT") == SAMPLE
    assert parse_recipient("2025550123", "US") == "12025550123"


@pytest.mark.parametrize(("code", "is_one"), [("SE", True), ("gb", True), ("", False), ("XX", False), ("SWE", False)])
def test_is_country(code: str, is_one: bool) -> None:
    assert is_country(code) is is_one


@pytest.mark.parametrize(
    ("raw", "originator"),
    [
        ("72404", "72404"),
        ("123", "123"),
        ("12345678", "12345678"),
        (SAMPLE, SAMPLE),
        ("+46 70-174 06 05", SAMPLE),
        ("0046701740605", SAMPLE),
        ("Acme", "Acme"),
        ("  Acme  ", "Acme"),
        ("A", "A"),
        ("Acme Alarms", "Acme Alarms"),
        ("Müller & Co", "Müller & Co"),
        ("24h", "24h"),
        ("[Acme] 12", "[Acme] 12"),
    ],
)
def test_originators(raw: str, originator: str) -> None:
    assert parse_originator(raw) == originator


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " ",
        "12",
        "+12",
        "0701740605",
        "123456789012345678",
        "24/7",
        "@@@",
        "Twelve chars",
        "[[[[[[",
        "[Acme] 1234",
        "Ac\nme",
        "Ac\x00me",
        "Acme\r\n",
        "Ac\x1bme",
        "Ак",
        "Δελτα",
        "ΔΩΣ",
        "A“b”",
        "a" * 5000,
        "٧٢٤٠٤",
    ],
)
def test_refused_originators(raw: str) -> None:
    with pytest.raises(Fault) as caught:
        parse_originator(raw)
    assert caught.value.code is FaultCode.BAD_ORIGINATOR
    assert caught.value.detail


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (SAMPLE, "4670…605"),
        (TEST_RANGE, "4477…123"),
        ("1234567890", "1234…890"),
        ("123456789", "1…"),
        ("72404", "7…"),
        ("", ""),
        ("Acme", "A…"),
        ("4670\n1740605", "4670…605"),
        ("\n\n\n\n1740605\x1b\x1b", "????…5??"),
    ],
)
def test_shorten(number: str, shown: str) -> None:
    assert shorten(number) == shown
