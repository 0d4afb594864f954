"""A price list as people keep it: CSV with the columns prefix, class, price, valid_from; read leniently, told exactly.

Lenient about what spreadsheets do by themselves (byte order mark, semicolons or tabs, empty lines, order and case of
the headers, a decimal comma where the delimiter is another) and strict about everything that has two readings. What
`write` makes, `parse` reads back row by row.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bridge.messages.money import format_credits, parse_credits
from bridge.routing.prefixes import DIGITS_MAX
from bridge.routing.tariff import ALWAYS_MS, Row

COLUMNS = ("prefix", "class", "price", "valid_from")
REQUIRED = ("prefix", "price")
CLASS_MAX = 32
"""Characters of an account class in a price list."""
CELL_MAX = 200
"""Characters looked at of one cell; a longer one is none of ours."""
ROWS_MAX = 20_000
"""Rows of a whole tariff: a world-wide list by operator has some thousand; so many pass the control socket at once,
and are judged in a moment."""
TEXT_MAX = 4_000_000
"""Characters of a file: more than ROWS_MAX of the longest lines."""

_CLASS = re.compile(rf"[^\W_][^\x00-\x1f\x7f]{{0,{CLASS_MAX - 1}}}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_COMMA = re.compile(r"\d+,\d{1,3}", re.ASCII)
_THOUSANDS = re.compile(r"[1-9]\d*,\d{3}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@dataclass(slots=True)
class PriceList:
    """What a file says: `rows` that are right, and `errors` as (line number from 1, what is wrong and its cure)."""

    rows: list[Row] = field(default_factory=list)
    errors: list[tuple[int, str]] = field(default_factory=list)


def parse(text: str) -> PriceList:
    """Read a whole price list; every line that is wrong is told, the first thing that is wrong with it."""
    found = PriceList()
    if len(text) > TEXT_MAX:
        found.errors.append((1, f"the file has {len(text)} characters; a price list has at most {TEXT_MAX}"))
        return found
    text = text.removeprefix("\ufeff")
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    lines: dict[tuple[str, str, int], int] = {}
    line = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            break
        except csv.Error as error:
            found.errors.append((line, f"not CSV ({error}); from here on nothing was read"))
            break
        if not any(cells):
            continue
        try:
            if columns is None:
                columns = _columns(cells)
                continue
            row = _row(columns, cells, has_comma_decimals=delimiter != ",")
        except ValueError as error:
            found.errors.append((line, str(error)))
            if columns is None:
                return found
            continue
        if row[:3] in lines:
            found.errors.append((line, f"the same prefix, class and valid_from as in line {lines[row[:3]]}"))
            continue
        lines[row[:3]] = line
        found.rows.append(row)
    if not found.rows and not found.errors:
        found.errors.append((1, f"no prices; the first line names the columns: {','.join(COLUMNS)}"))
    if len(found.rows) > ROWS_MAX:
        found.errors.append((lines[found.rows[-1][:3]], f"{len(found.rows)} prices; a tariff has at most {ROWS_MAX}"))
    return found


def write(rows: Iterable[Row]) -> str:
    """The price list of these rows, sorted by class, prefix and time; lines end in a newline."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for account_class, prefix, valid_from_ms, price_mc in sorted(rows):
        writer.writerow((prefix, account_class, format_credits(price_mc), time_text(valid_from_ms)))
    return out.getvalue()


def time_text(at_ms: int) -> str:
    """A time as the column valid_from has it: a date, or a date and time in UTC; empty for "always"."""
    if at_ms == ALWAYS_MS:
        return ""
    moment = _EPOCH + at_ms * _MS
    if at_ms % 86_400_000 == 0:
        return moment.date().isoformat()
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds" if at_ms % 1000 else "seconds") + "Z"


def parse_time(text: str) -> int:
    """ms UTC of a date (its first moment, UTC) or a date and time (UTC unless it says otherwise); empty is always.

    Raises ValueError saying how to write it.
    """
    if not text:
        return ALWAYS_MS
    how = "write it like 2026-12-01 or 2026-12-01T06:00Z (UTC), or leave it empty"
    if not _TIME.fullmatch(text):
        raise ValueError(f"not a date: {_shown(text)}; {how}")
    try:
        moment = datetime.fromisoformat(text)
        at_ms = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MS
    except (ValueError, OverflowError) as error:
        raise ValueError(f"not a date: {_shown(text)} ({error}); {how}") from None
    if at_ms < 0:
        raise ValueError(f"{_shown(text)} is before 1970; {how}")
    return at_ms


def check_prefix(prefix: str) -> str:
    """A prefix as a tariff has it: up to 15 digits; empty is everywhere. Raises ValueError."""
    if prefix and not (prefix.isascii() and prefix.isdigit() and len(prefix) <= DIGITS_MAX):
        raise ValueError(f"a prefix is up to {DIGITS_MAX} digits, without a plus: {_shown(prefix)}")
    return prefix


def check_class(account_class: str) -> str:
    """A class as a tariff has it: empty for every class. Raises ValueError.

    It begins with a letter or digit, so that no spreadsheet takes it for a formula.
    """
    if account_class and not (
        _CLASS.fullmatch(account_class) and account_class.isprintable() and account_class == account_class.strip()
    ):
        raise ValueError(
            f"a class has at most {CLASS_MAX} printable characters, the first a letter or digit:"
            f" {_shown(account_class)}"
        )
    return account_class


def _delimiter(text: str) -> str:
    """What separates the columns: what stands between the names in the first line that is not empty."""
    first = next((line for line in text.splitlines() if line.strip(" \t;,")), "")
    return max(",;\t", key=first.count)


def _columns(cells: Sequence[str]) -> list[str]:
    names = [cell.casefold().replace(" ", "_") for cell in cells]
    written = [name for name in names if name]
    unknown = [name for name in written if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in written]
    if unknown or missing or len(set(written)) != len(written):
        wrong = f"no column {', '.join(missing)}" if missing else "a column comes twice"
        wrong = f"unknown column {', '.join(map(_shown, unknown))}" if unknown else wrong
        raise ValueError(f"{wrong}; the first line names the columns: {','.join(COLUMNS)}")
    return names


def _row(columns: Sequence[str], cells: Sequence[str], *, has_comma_decimals: bool) -> Row:
    if len(cells) > len(columns) and any(cells[len(columns) :]):
        raise ValueError(f"{len(cells)} cells, but the first line names {len(columns)} columns")
    values = dict.fromkeys(COLUMNS, "") | dict(zip(columns, cells, strict=False))
    if values.get(""):
        raise ValueError(f"a cell in a column without a name: {_shown(values[''])}")
    if not values["price"]:
        raise ValueError("no price")
    return (
        check_class(values["class"]),
        check_prefix(values["prefix"]),
        parse_time(values["valid_from"]),
        _price_mc(values["price"], has_comma_decimals=has_comma_decimals),
    )


def _price_mc(text: str, *, has_comma_decimals: bool) -> int:
    if has_comma_decimals and _COMMA.fullmatch(text):
        if _THOUSANDS.fullmatch(text):
            raise ValueError(f"{text} can be read in two ways; write the price with a point")
        text = text.replace(",", ".")
    try:
        price_mc = parse_credits(text[:CELL_MAX])
    except ValueError:
        raise ValueError(
            f"not a price: {_shown(text)}; write credits with a point and at most three decimals, like 0.8"
        ) from None
    if price_mc < 0:
        raise ValueError(f"a price is 0 or more: {_shown(text)}")
    return price_mc


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
