"""Amounts as people write them."""

import pytest

from bridge.messages.money import AMOUNT_MAX, format_credits, parse_credits


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("12", 12_000),
        ("12.5", 12_500),
        ("12.500", 12_500),
        ("0.001", 1),
        ("-0.125", -125),
        ("+7", 7_000),
        (" 3.25 ", 3_250),
        ("0", 0),
        ("-0", 0),
        ("007", 7_000),
        ("1000000000000", AMOUNT_MAX),
    ],
)
def test_amounts_are_read_exactly(text: str, millis: int) -> None:
    assert parse_credits(text) == millis


@pytest.mark.parametrize(
    "text",
    ["", "-", ".5", "5.", "1.2345", "1,5", "1 000", "1e3", "0x10", "NaN", "inf", "--1", "1.2.3", "£5", "١٢", "1_000"],
)
def test_anything_but_a_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount of credit"):
        parse_credits(text)


def test_an_amount_beyond_the_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="too large"):
        parse_credits("1000000000000.001")


@pytest.mark.parametrize(
    ("millis", "text"), [(12_500, "12.500"), (0, "0.000"), (1, "0.001"), (-125, "-0.125"), (-1000, "-1.000")]
)
def test_amounts_are_shown_with_three_places(millis: int, text: str) -> None:
    assert format_credits(millis) == text
