"""A transaction as the ledger's rooms see it: named statements on the one writing connection."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bridge.ledger.statements import statements

Row = tuple[Any, ...]
Values = Mapping[str, Any]

ROWS_PER_STATEMENT_MAX = 256
"""Rows of one multi-row statement; with at most 20 columns this stays far below SQLite's 32,766 parameters."""

ROWS_EXACT_MAX = 16
"""So many rows at most are one statement whatever their number: beside a busy loop every statement has to wait."""


_SIZES = (ROWS_PER_STATEMENT_MAX, 192, 128, 96, 64, 48, 32, 24, ROWS_EXACT_MAX)


class Transaction:
    """One open transaction. Rooms of the ledger take it as their first argument and never commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._statements = statements()
        self._filled: dict[tuple[str, int, int], str] = {}
        self.constants: dict[str, int] = {}
        """What was read of the file and never changes in it."""
        self.memory: dict[str, Any] = {}
        """What a verb remembers from one transaction to the next, by its name. It must do without, too: a restart
        forgets it, and what a transaction that was taken back has put there stays."""
        self.bells: set[str] = set()
        """What was made due in this transaction: see bells.py."""
        self.due_in_ms: dict[str, int] = {}
        """By bell: after how many ms something more is due there by the clock alone, as far as a claim has seen."""

    def run(self, name: str, values: Values | Sequence[Any] = ()) -> int:
        """Run a named statement; gives the number of rows it changed."""
        return self._connection.execute(self._statements[name], values).rowcount

    def rows(self, name: str, values: Values | Sequence[Any] = ()) -> list[Row]:
        """Run a named statement and give all its rows."""
        return self._connection.execute(self._statements[name], values).fetchall()

    def row(self, name: str, values: Values | Sequence[Any] = ()) -> Row | None:
        """Run a named statement and give its first row, or None."""
        found: Row | None = self._connection.execute(self._statements[name], values).fetchone()
        return found

    def many(self, name: str, rows: Sequence[Sequence[Any]]) -> list[Row]:
        """Run a multi-row statement for all `rows` (all of one width) and give what it returns.

        Many rows go in chunks of a few sizes, so that a handful of prepared statements serves every count.
        """
        returned: list[Row] = []
        for chunk in _chunks(rows):
            sql = self._fill(name, len(chunk), len(chunk[0]))
            returned += self._connection.execute(sql, [value for row in chunk for value in row]).fetchall()
        return returned

    def packed(self, name: str, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """The same for a statement that gives its rows as one JSON array, in no order; octets do not fit in there.

        Every step of a statement lets go of the interpreter, and beside a busy loop it takes ten times as long to get
        it back as to find a row. So what is read for each message is read in a single step.
        """
        return [one for (text,) in self.many(name, rows) for one in json.loads(text)]

    def _fill(self, name: str, row_count: int, width: int) -> str:
        key = (name, row_count, width)
        if key not in self._filled:
            one = "(" + ", ".join("?" * width) + ")"
            self._filled[key] = self._statements[name].replace("{rows}", ", ".join([one] * row_count))
        return self._filled[key]

    def by_ids(self, name: str, ids: Iterable[int]) -> list[Row]:
        """Run a multi-row statement whose rows are single ids, each once."""
        return self.many(name, [(one,) for one in dict.fromkeys(ids)])

    def next_numbers(self, sequence: str, count: int) -> int:
        """Reserve `count` consecutive numbers and give the first."""
        row = self.row("sequence_next", {"name": sequence, "count": count})
        if row is None:
            raise KeyError(f"no sequence {sequence!r}")
        return int(row[0]) - count + 1

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Everything inside happens or nothing of it does; the transaction around it goes on either way."""
        self._connection.execute("SAVEPOINT one")
        try:
            yield
        except BaseException:
            # A full disk ends the whole transaction by itself; then there is no savepoint to go back to.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO one")
                self._connection.execute("RELEASE one")
            raise
        self._connection.execute("RELEASE one")


def _chunks(rows: Sequence[Sequence[Any]]) -> Iterator[Sequence[Sequence[Any]]]:
    start = 0
    while start < len(rows):
        left = len(rows) - start
        size = left if left <= ROWS_EXACT_MAX else next(size for size in _SIZES if size <= left)
        yield rows[start : start + size]
        start += size
