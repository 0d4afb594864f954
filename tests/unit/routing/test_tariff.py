"""What a part costs, by account class and destination."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.routing.tariff import Tariff

ROWS = [
    ("", "", 1000),
    ("", "46", 800),
    ("", "447700900", 0),
    ("partner", "46", 500),
    ("partner", "467", 450),
    ("closed", "1", 300),
]
prefixes = st.text("01", max_size=4)
tables = st.dictionaries(st.tuples(st.sampled_from(["", "a", "b"]), prefixes), st.integers(0, 10_000), max_size=15)


@pytest.mark.parametrize(
    ("account_class", "recipient", "price_mc"),
    [
        ("", "46701740605", 800),
        ("", "33123456789", 1000),
        ("", "447700900123", 0),
        ("partner", "46701740605", 450),
        ("partner", "46812345678", 500),
        ("partner", "33123456789", 1000),
        ("partner", "447700900123", 0),
        ("closed", "12025550123", 300),
        ("closed", "46701740605", 800),
        ("unheard of", "46701740605", 800),
    ],
)
def test_price(account_class: str, recipient: str, price_mc: int) -> None:
    assert Tariff(ROWS).price_mc(account_class, recipient) == price_mc


def test_the_own_class_wins_over_a_longer_prefix_of_every_class() -> None:
    tariff = Tariff([("", "4670174", 900), ("partner", "4", 100)])
    assert tariff.price_mc("partner", "46701740605") == 100


def test_what_has_no_row_has_no_price() -> None:
    tariff = Tariff([("", "46", 800)])
    assert tariff.price_mc("", "447700900123") is None
    assert Tariff([]).price_mc("partner", "46701740605") is None


def test_a_price_of_nothing_is_a_price() -> None:
    assert Tariff([("a", "46", 0), ("", "46", 5)]).price_mc("a", "46701740605") == 0


def test_a_negative_price_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        Tariff([("", "46", -1)])


def test_two_prices_for_the_same_are_refused() -> None:
    with pytest.raises(ValueError, match="comes twice"):
        Tariff([("a", "46", 1), ("a", "46", 2)])


@given(tables, st.sampled_from(["", "a", "b", "c"]), st.text("01", max_size=6))
def test_the_price_is_that_of_the_best_row(table: dict[tuple[str, str], int], own: str, recipient: str) -> None:
    fitting = [(name, prefix) for name, prefix in table if name in (own, "") and recipient.startswith(prefix)]
    best = max(fitting, key=lambda row: (row[0] == own, len(row[1])), default=None)
    tariff = Tariff([(name, prefix, price) for (name, prefix), price in table.items()])
    assert tariff.price_mc(own, recipient) == (None if best is None else table[best])
