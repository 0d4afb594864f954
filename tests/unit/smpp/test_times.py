"""Times as SMPP writes them."""

import calendar

import pytest

from bridge.smpp import times


def utc_ms(*parts: int) -> int:
    return calendar.timegm((*parts, *[0] * (6 - len(parts)))) * 1000


NOON_MS = utc_ms(2026, 11, 24, 12)


def test_absolute() -> None:
    assert times.format_absolute(NOON_MS) == "261124120000000+"
    assert times.format_absolute(NOON_MS + 61_950) == "261124120101900+"


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [
        (60_000, "000000000100000R"),
        (86_400_000, "000001000000000R"),
        (90_061_999, "000001010101000R"),
        (0, "000000000001000R"),
        (-5, "000000000001000R"),
        (400 * 86_400_000, "000099000000000R"),
    ],
)
def test_relative(duration_ms: int, text: str) -> None:
    assert times.format_relative(duration_ms) == text
    assert len(text) == 16


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("", None),
        ("261124120000000+", NOON_MS),
        ("261124120000500-", NOON_MS + 500),
        ("261124130000004+", NOON_MS),
        ("261124080000016-", NOON_MS),
        ("261124174500023+", NOON_MS),
        ("000000000100000R", NOON_MS + 60_000),
        ("010203040506000R", NOON_MS + (365 + 60 + 3) * 86_400_000 + (4 * 3600 + 5 * 60 + 6) * 1000),
        ("000000000000000R", NOON_MS),
    ],
)
def test_parse(text: str, at_ms: int | None) -> None:
    assert times.parse(text, NOON_MS) == at_ms


@pytest.mark.parametrize(
    "text",
    [
        "26112412000000+",
        "2611241200000000+",
        "261324120000000+",
        "261132120000000+",
        "261124250000000+",
        "261124120000049+",
        "261124120000000",
        "000000000100001R",
        "٢٦١١٢٤١٢٠٠٠٠٠٠٠+",
        "x" * 16,
        "000000000100000R ",
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="time|date"):
        times.parse(text, NOON_MS)


@pytest.mark.parametrize(
    ("digits", "at_ms"),
    [
        ("2611241200", NOON_MS),
        ("261124120000", NOON_MS),
        ("261124120059", NOON_MS + 59_000),
        ("202611241200", NOON_MS),
        ("20261124120059", NOON_MS + 59_000),
        ("7001010000", 0),
        ("6812312359", utc_ms(2068, 12, 31, 23, 59)),
        ("6901010000", utc_ms(1969, 1, 1)),
        ("19700101000000", 0),
    ],
)
def test_dates_in_receipts(digits: str, at_ms: int) -> None:
    assert times.parse_receipt_date(digits) == at_ms


@pytest.mark.parametrize(
    "digits",
    [
        "",
        "0000000000",
        "000000000000",
        "00000000000000",
        "2613241200",
        "26112412",
        "261124120",
        "2611241200x",
        "٢٦١١٢٤١٢٠٠",
    ],
)
def test_no_dates_in_receipts(digits: str) -> None:
    assert times.parse_receipt_date(digits) is None


def test_writing_receipt_dates() -> None:
    assert times.format_receipt_date(NOON_MS + 59_999) == "2611241200"
    assert times.format_receipt_date(None) == "0000000000"


def test_a_moment_is_a_number_and_0_for_none() -> None:
    assert times.parse_moment("", NOON_MS) == 0
    assert times.parse_moment("261124120000000+", 0) == NOON_MS
    assert times.parse_moment("000000000100000R", NOON_MS) == NOON_MS + 60_000
    with pytest.raises(ValueError, match="not an SMPP time"):
        times.parse_moment("soon", NOON_MS)
