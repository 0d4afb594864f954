"""A table as people keep it, CSV: read leniently, every mistake told with line and column.

Lenient about what spreadsheets do by themselves: byte order mark, semicolons or tabs, empty lines, order and case of
the headers. What `write_sheet` makes, `read_sheet` reads back.
"""

import csv
import io
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")

TEXT_MAX = 4_000_000
"""Characters of a file: more than the most rows of the longest lines."""
SHOWN_MAX = 40
"""Characters of a cell that are shown in an error."""

Wrong = tuple[int, str, str]
"""Line number from 1, column ("" is the whole line), what is wrong and its cure."""


@dataclass(slots=True)
class Sheet(Generic[Value]):
    """What a file says: the rows that are right with their lines, and what is wrong."""

    rows: list[tuple[int, Value]] = field(default_factory=list)
    errors: list[Wrong] = field(default_factory=list)

    @property
    def values(self) -> list[Value]:
        return [value for _, value in self.rows]


def read_sheet(
    text: str,
    columns: Sequence[str],
    required: Sequence[str],
    rows_max: int,
    make: Callable[[dict[str, str], dict[str, str]], Value],
    key: Callable[[Value], Hashable] | None = None,
) -> Sheet[Value]:
    """Read a whole table.

    `make` gets the cells of a line by column and a dict in which it puts, by column, what is wrong; what it gives then
    is not used. Two rows with the same `key` are one too many. Columns that are not `required` may be left out.
    """
    found: Sheet[Value] = Sheet()
    if len(text) > TEXT_MAX:
        found.errors.append((1, "", f"the file has {len(text)} characters, at most {TEXT_MAX} are read"))
        return found
    first: dict[Hashable, int] = {}
    for line, cells in _lines(text, columns, required, found.errors):
        wrong: dict[str, str] = {}
        value = make(cells, wrong)
        for column, why in wrong.items():
            found.errors.append((line, column, told(cells.get(column, ""), why)))
        if wrong:
            continue
        name = key(value) if key is not None else line
        if name in first:
            found.errors.append((line, columns[0], f"the same as in line {first[name]}"))
            continue
        first[name] = line
        found.rows.append((line, value))
    if len(found.rows) > rows_max:
        found.errors.append((found.rows[rows_max][0], "", f"{len(found.rows)} rows, at most {rows_max} fit"))
    return found


def write_sheet(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows under their headers; lines end in a newline."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()


def told(cell: str, why: str) -> str:
    """What is wrong with a cell, and the cell where that does not show it."""
    return why if shown(cell) in why else f"{shown(cell)}: {why}" if cell else f"empty: {why}"


def shown(text: str) -> str:
    """A cell as an error shows it."""
    return repr(text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 1] + "…")


def _lines(
    text: str, columns: Sequence[str], required: Sequence[str], errors: list[Wrong]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Cells by column, with the line they stand in; headers and empty lines are left out."""
    text = text.removeprefix("\ufeff")
    head = next((line for line in text.splitlines() if line.strip(" \t;,")), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    names: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            break
        except csv.Error as error:
            errors.append((line, "", f"not CSV ({error}); from here on nothing was read"))
            return
        if not any(cells):
            continue
        if names is None:
            names = [cell.casefold().replace(" ", "_") for cell in cells]
            if why := _wrong_names(names, columns, required):
                errors.append((line, "", f"{why}; the first line names the columns: {','.join(columns)}"))
                return
            continue
        if any(cells[len(names) :]):
            errors.append((line, "", f"{len(cells)} cells, but the first line names {len(names)} columns"))
            continue
        values = dict.fromkeys(columns, "") | dict(zip(names, cells, strict=False))
        if stray := values.pop("", ""):
            errors.append((line, "", f"a cell in a column without a name: {shown(stray)}"))
            continue
        yield line, values
    if names is None:
        errors.append((1, "", f"empty; the first line names the columns: {','.join(columns)}"))


def _wrong_names(names: Sequence[str], columns: Sequence[str], required: Sequence[str]) -> str:
    written = [name for name in names if name]
    if unknown := [name for name in written if name not in columns]:
        return f"unknown column {', '.join(map(shown, unknown))}"
    if missing := [name for name in required if name not in written]:
        return f"no column {', '.join(missing)}"
    return "a column comes twice" if len(set(written)) != len(written) else ""
