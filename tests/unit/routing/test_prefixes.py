"""The longest prefix wins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.routing.prefixes import PrefixTable

digits = st.text("0123456789", max_size=15)
short_digits = st.text("01", max_size=5)
rows = st.dictionaries(short_digits, st.integers(), max_size=20)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("46701740605", "Swedish mobiles"),
        ("46812345678", "Sweden"),
        ("447700900123", "everywhere"),
        ("4", "everywhere"),
        ("", "everywhere"),
    ],
)
def test_find(number: str, value: str) -> None:
    table = PrefixTable([("46", "Sweden"), ("", "everywhere"), ("467", "Swedish mobiles")])
    assert table.find(number) == value


def test_without_an_empty_prefix_some_numbers_match_nothing() -> None:
    table = PrefixTable([("46", 1)])
    assert table.find("47701740605") is None
    assert table.find("4") is None
    assert PrefixTable([]).find("46") is None


def test_a_value_that_is_false_is_found_all_the_same() -> None:
    assert PrefixTable([("", 1), ("46", 0)]).find("46701740605") == 0


@pytest.mark.parametrize("prefix", ["+46", "46 ", "abc", "٤٦", "1" * 16, "²"])
def test_a_prefix_is_digits(prefix: str) -> None:
    with pytest.raises(ValueError, match="a prefix is up to 15 digits"):
        PrefixTable([(prefix, 1)])


def test_the_same_prefix_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="comes twice: '46'"):
        PrefixTable([("46", 1), ("46", 2)])


@given(rows, short_digits | digits)
def test_the_answer_is_that_of_comparing_with_every_row(table: dict[str, int], number: str) -> None:
    matching = [prefix for prefix in table if number.startswith(prefix)]
    expected = table[max(matching, key=len)] if matching else None
    assert PrefixTable(table.items()).find(number) == expected


@given(rows, short_digits)
def test_the_order_of_the_rows_does_not_matter(table: dict[str, int], number: str) -> None:
    listed = list(table.items())
    assert PrefixTable(listed).find(number) == PrefixTable(listed[::-1]).find(number)
