"""What a part costs, by account class and destination."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.routing.tariff import Tariff

ROWS = [
    ("", "", 0, 1000),
    ("", "46", 0, 800),
    ("", "447700900", 0, 0),
    ("partner", "46", 0, 500),
    ("partner", "467", 0, 450),
    ("closed", "1", 0, 300),
]
NOW_MS = 1_795_498_300_000
times = st.integers(0, 9)
names = st.tuples(st.sampled_from(["", "a", "b"]), st.text("01", max_size=4), times)
tables = st.dictionaries(names, st.integers(0, 10_000), max_size=20)


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
    assert Tariff(ROWS).price_mc(account_class, recipient, NOW_MS) == price_mc


def test_the_own_class_wins_over_a_longer_prefix_of_every_class() -> None:
    tariff = Tariff([("", "4670174", 0, 900), ("partner", "4", 0, 100)])
    assert tariff.price_mc("partner", "46701740605", NOW_MS) == 100


def test_what_has_no_row_has_no_price() -> None:
    tariff = Tariff([("", "46", 0, 800)])
    assert tariff.price_mc("", "447700900123", NOW_MS) is None
    assert Tariff([]).price_mc("partner", "46701740605", NOW_MS) is None


def test_a_price_of_nothing_is_a_price() -> None:
    assert Tariff([("a", "46", 0, 0), ("", "46", 0, 5)]).price_mc("a", "46701740605", NOW_MS) == 0


def test_a_negative_price_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        Tariff([("", "46", 0, -1)])


def test_two_prices_for_the_same_are_refused() -> None:
    with pytest.raises(ValueError, match="comes twice"):
        Tariff([("a", "46", 0, 1), ("a", "46", 0, 2)])


def test_of_several_prices_the_latest_that_has_begun_counts() -> None:
    tariff = Tariff([("", "46", 2000, 900), ("", "46", 0, 800), ("", "46", 3000, 950), ("", "", 0, 1000)])
    assert [tariff.price_mc("", "46701740605", at_ms) for at_ms in (0, 1999, 2000, 2999, 3000, 9999)] == [
        800,
        800,
        900,
        900,
        950,
        950,
    ]


def test_a_clock_that_steps_back_pays_the_earlier_price_again() -> None:
    tariff = Tariff([("", "46", 0, 800), ("", "46", 2000, 900)])
    assert [tariff.price_mc("", "46701740605", at_ms) for at_ms in (2000, 1999)] == [900, 800]


def test_before_its_first_day_a_prefix_has_the_price_of_a_shorter_one_or_none() -> None:
    tariff = Tariff([("", "467", 2000, 900), ("", "46", 0, 800), ("", "47", 2000, 700)])
    assert tariff.price_mc("", "46701740605", 1999) == 800
    assert tariff.price_mc("", "4790000000", 1999) is None
    assert tariff.price_mc("", "4790000000", 2000) == 700


def test_a_coming_price_that_is_no_price_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="up to 15 digits"):
        Tariff([("", "4a", 1 << 50, 1)])
    with pytest.raises(ValueError, match="0 or more"):
        Tariff([("", "46", 1 << 50, -1)])


@given(tables, st.sampled_from(["", "a", "b", "c"]), st.text("01", max_size=6), st.lists(times, min_size=1))
def test_the_price_is_that_of_the_best_row(
    table: dict[tuple[str, str, int], int], own: str, recipient: str, moments: list[int]
) -> None:
    tariff = Tariff([(*name, price) for name, price in table.items()])
    for at_ms in moments:
        fitting = [row for row in table if row[0] in (own, "") and recipient.startswith(row[1]) and row[2] <= at_ms]
        best = max(fitting, key=lambda row: (row[0] == own, len(row[1]), row[2]), default=None)
        assert tariff.price_mc(own, recipient, at_ms) == (None if best is None else table[best])
