"""The tariff's rows: taken all together or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.ledger import prices
from bridge.messages.faults import Fault, FaultCode
from tests.books import Books

ROWS = [("", "", 0, 900), ("", "46", 0, 800), ("", "46", 5_000, 850), ("gold", "46", 0, 700)]


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    books = Books(tmp_path)
    yield books
    books.close()


def rows_of(books: Books) -> list[tuple[str, str, int, int]]:
    listed = books.read("tariff_list")
    return [(row["account_class"], row["prefix"], row["valid_from_ms"], row["price_mc"]) for row in listed]


def test_an_import_adds_and_changes_and_says_how_much(books: Books) -> None:
    books.do("tariff_set", prefix="46", price_mc=800)
    books.do("tariff_set", prefix="47", price_mc=1)
    done = books.do("tariff_import", rows=ROWS, is_replacing=False, is_trial=False)
    assert done == {"new": 2, "changed": 1, "same": 1, "gone": 0}
    assert rows_of(books) == sorted([*ROWS, ("", "47", 0, 1)])


def test_a_replacing_import_drops_the_rest(books: Books) -> None:
    books.do("tariff_set", prefix="47", price_mc=1)
    done = books.do("tariff_import", rows=ROWS, is_replacing=True, is_trial=False)
    assert done == {"new": 3, "changed": 1, "same": 0, "gone": 1}
    assert rows_of(books) == sorted(ROWS)


def test_a_trial_tells_the_same_and_changes_nothing(books: Books) -> None:
    before = rows_of(books)
    tried = books.do("tariff_import", rows=ROWS, is_replacing=True, is_trial=True)
    assert rows_of(books) == before
    assert books.do("tariff_import", rows=ROWS, is_replacing=True, is_trial=False) == tried


@pytest.mark.parametrize(
    "wrong", [("", "4a", 0, 1), ("", "47", 0, -1), ("", "47", -1, 1), ROWS[0]], ids=["prefix", "price", "time", "twice"]
)
def test_one_wrong_row_leaves_everything_as_it_was(books: Books, wrong: tuple[str, str, int, int]) -> None:
    before = rows_of(books)
    with pytest.raises(Fault) as refused:
        books.do("tariff_import", rows=[*ROWS, wrong], is_replacing=True, is_trial=False)
    assert refused.value.code is FaultCode.BAD_REQUEST
    assert rows_of(books) == before


def test_an_empty_list_is_refused_for_then_nothing_could_be_sent(books: Books) -> None:
    with pytest.raises(Fault, match="every message would be refused"):
        books.do("tariff_import", rows=[], is_replacing=True, is_trial=False)
    assert rows_of(books) == [("", "", 0, 1000)]


def test_the_tariff_as_a_whole_is_bounded(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "TARIFF_ROWS_MAX", 4)
    with pytest.raises(Fault, match="would have 5 prices, at most 4 fit"):
        books.do("tariff_import", rows=[("x", str(n), 0, 1) for n in range(4)], is_replacing=False, is_trial=False)
    assert rows_of(books) == [("", "", 0, 1000)]
    books.do("tariff_import", rows=ROWS, is_replacing=True, is_trial=False)
    with pytest.raises(Fault, match="at most 4 fit"):
        books.do("tariff_set", prefix="1", price_mc=1)


def test_a_coming_price_leaves_the_present_one(books: Books) -> None:
    books.do("tariff_set", prefix="", price_mc=1100, valid_from_ms=9_000)
    assert rows_of(books) == [("", "", 0, 1000), ("", "", 9_000, 1100)]
