"""Money survives being written and read."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bridge.messages.money import AMOUNT_MAX, format_credits, parse_credits

amounts = st.integers(-AMOUNT_MAX, AMOUNT_MAX)


@given(amounts)
def test_what_is_written_reads_back(millis: int) -> None:
    assert parse_credits(format_credits(millis)) == millis


@given(amounts)
def test_the_text_is_the_decimal_value(millis: int) -> None:
    assert Decimal(format_credits(millis)) == Decimal(millis) / 1000


@given(st.text() | st.text("0123456789.+- ,eE_"))
def test_any_text_is_an_amount_or_a_value_error(text: str) -> None:
    try:
        millis = parse_credits(text)
    except ValueError:
        return
    assert abs(millis) <= AMOUNT_MAX
    assert Decimal(text.strip()) * 1000 == millis
