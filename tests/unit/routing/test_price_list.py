"""Price lists as spreadsheets make them: read leniently, every mistake told with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ledger.prices import TARIFF_ROWS_MAX
from bridge.routing import price_list
from bridge.routing.tariff import Row

DECEMBER_MS = 1_796_083_200_000
"""2026-12-01 00:00 UTC"""
WANTED: list[Row] = [("", "", 0, 1000), ("hospital", "46", DECEMBER_MS, 850)]
HEAD = "prefix,class,price,valid_from\n"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + ",,1,\n46,hospital,0.85,2026-12-01\n",
        "\ufeff" + HEAD + ",,1,\r\n46,hospital,0.850,2026-12-01\r\n",
        "\n\n" + HEAD + '\n"","",1.000,""\n , , , \n46, hospital ,"0.85",2026-12-01T00:00Z',
        "prefix;class;price;valid_from\n;;1;\n46;hospital;0.85;2026-12-01 00:00:00\n",
        "prefix\tclass\tprice\tvalid_from\n\t\t1\t\n46\thospital\t0,85\t2026-12-01T02:00+02:00\n",
        "Valid From;Price;CLASS;Prefix;;\n;1;;;;\n2026-12-01;0,85;hospital;46;;\n",
    ],
    ids=["plain", "byte order mark and CRLF", "empty lines and quotes", "semicolons", "tabs", "other order"],
)
def test_what_spreadsheets_write_is_understood(text: str) -> None:
    assert price_list.parse(text) == price_list.PriceList(WANTED)


def test_columns_that_may_be_left_out_mean_always_and_every_class() -> None:
    assert price_list.parse("price,prefix\n0.8,46\n").rows == [("", "46", 0, 800)]


def test_every_wrong_line_is_told_with_its_number() -> None:
    text = HEAD + (
        "+46,,0.8,\n"  # 2
        "46,,0.8000,\n"
        "46,,-1,\n"
        "46,,,\n"
        "\n"  # 6
        "46,,0.8,01/12/2026\n"
        "46,,0.8,2026-02-30\n"
        "46,,0.8,1969-12-31\n"
        "46,=cmd,0.8,\n"
        "46,,0.8,,x\n"  # 11
        "46,,0.8,\n"
        "46,,0.9,\n"
        "1234567890123456,,1,\n"
        "４６,,1,\n"  # noqa: RUF001 - full-width digits, as some keyboards make them
    )
    found = price_list.parse(text)
    assert found.rows == [("", "46", 0, 800)]
    assert [line for line, _ in found.errors] == [2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 14, 15]
    told = dict(found.errors)
    assert "without a plus: '+46'" in told[2]
    assert "at most three decimals" in told[3]
    assert told[4] == "a price is 0 or more: '-1'"
    assert told[5] == "no price"
    assert told[7] == "not a date: '01/12/2026'; write it like 2026-12-01 or 2026-12-01T06:00Z (UTC), or leave it empty"
    assert "day is out of range" in told[8]
    assert "before 1970" in told[9]
    assert "the first a letter or digit" in told[10]
    assert told[13] == "the same prefix, class and valid_from as in line 12"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("", 1, "no prices"),
        ("\n\n", 1, "no prices"),
        (HEAD, 1, "no prices"),
        ("preffix,price\n46,1\n", 1, "unknown column 'preffix'"),
        ("\nprefix,class\n46,a\n", 2, "no column price"),
        ("prefix,price,price\n46,1,2\n", 1, "a column comes twice"),
        ("46,,0.8,\n", 1, "unknown column '46', '0.8'"),
        (HEAD + '46,,"0.8\n47,,1,\n', 2, "not CSV"),
        ("prefix;price\n46;1,000\n", 2, "can be read in two ways"),
        (HEAD + "46,,1\x00,\n", 2, "not a price"),
    ],
)
def test_what_is_no_price_list_says_so(text: str, line: int, told: str) -> None:
    found = price_list.parse(text)
    assert found.rows == []
    ((where, wrong),) = found.errors
    assert where == line
    assert told in wrong


def test_a_decimal_comma_needs_another_delimiter_and_one_reading() -> None:
    assert price_list.parse("prefix;price\n46;0,800\n47;12,5\n").rows == [("", "46", 0, 800), ("", "47", 0, 12_500)]
    assert price_list.parse('prefix,price\n46,"0,8"\n').errors[0][0] == 2


def test_too_many_prices_are_refused_as_a_whole() -> None:
    text = "prefix,price\n" + "".join(f"{n},1\n" for n in range(price_list.ROWS_MAX + 1))
    assert price_list.parse(text).errors == [
        (price_list.ROWS_MAX + 2, f"{price_list.ROWS_MAX + 1} prices; a tariff has at most {price_list.ROWS_MAX}")
    ]
    assert price_list.ROWS_MAX == TARIFF_ROWS_MAX


classes = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=30).map(lambda text: f"A{text}z")
rows = st.dictionaries(
    st.tuples(
        st.just("") | classes,
        st.text("0123456789", max_size=15),
        st.just(0) | st.integers(0, 4_000_000_000_000) | st.integers(0, 40_000).map(lambda day: day * 86_400_000),
    ),
    st.integers(0, 10**15),
    min_size=1,
    max_size=20,
)


@given(rows)
def test_what_is_written_is_read_back_row_by_row(table: dict[tuple[str, str, int], int]) -> None:
    written: list[Row] = [(*name, price) for name, price in table.items()]
    found = price_list.parse(price_list.write(written))
    assert found.errors == []
    assert found.rows == sorted(written)
    assert price_list.write(found.rows) == price_list.write(written)


@given(st.text(), st.booleans())
def test_any_text_is_read_or_told(text: str, has_head: bool) -> None:
    found = price_list.parse(HEAD * has_head + text)
    assert found.rows or found.errors
