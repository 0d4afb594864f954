"""CSV for spreadsheets: lines end as RFC 4180 has it, and no text of ours is taken for a formula."""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet calculate a cell, or look at its second character."""


def csv_lines(rows: Iterable[Iterable[str | Decimal | int]]) -> str:
    """Rows as lines of CSV. Numbers stay numbers; a text that a spreadsheet would calculate gets an apostrophe."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _cell(value: str | Decimal | int) -> str:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
    return str(value)
