"""The ledger on another SQLite: apsw behind the face of a sqlite3 connection, so that a VFS of ours sees every octet.

`ledger_on(vfs)` makes the ledger's own opener use it; pragmas, schema, statements, verbs and worker stay the real ones.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import apsw

from bridge.ledger import sqlite

_AUTOCHECKPOINT = re.compile(r"PRAGMA wal_autocheckpoint = (\d+)")


@dataclass(slots=True)
class Answer:
    """What a statement gave; all of it is fetched at once."""

    _rows: list[tuple[Any, ...]]
    rowcount: int

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows, self._rows = self._rows, []
        return rows

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.fetchall())


class Connection:
    """As much of sqlite3.Connection as the ledger uses."""

    def __init__(self, path: str, vfs: str) -> None:
        self._pages_between_checkpoints = 1000
        with _as_sqlite3():
            self._apsw = apsw.Connection(path, vfs=vfs)
            self._apsw.set_wal_hook(self._committed)

    def _committed(self, connection: apsw.Connection, database: str, pages: int) -> int:
        """SQLite's own automatic checkpoint, which tells nobody when it fails; apsw would raise for it."""
        if 0 < self._pages_between_checkpoints <= pages:
            with suppress(apsw.Error):
                connection.wal_checkpoint(database, apsw.SQLITE_CHECKPOINT_PASSIVE)
        return apsw.SQLITE_OK

    def execute(self, sql: str, values: Mapping[str, Any] | Sequence[Any] = ()) -> Answer:
        if pages := _AUTOCHECKPOINT.fullmatch(sql):
            self._pages_between_checkpoints = int(pages[1])
            return Answer([], 0)
        with _as_sqlite3():
            before = self._apsw.total_changes()
            rows: list[tuple[Any, ...]] = list(self._apsw.execute(sql, values))
            return Answer(rows, self._apsw.total_changes() - before)

    @property
    def in_transaction(self) -> bool:
        return self._apsw.in_transaction

    def close(self) -> None:
        with _as_sqlite3():
            self._apsw.close()


@contextmanager
def _as_sqlite3() -> Iterator[None]:
    """apsw's errors as sqlite3 raises them: with SQLite's extended result code."""
    try:
        yield
    except apsw.Error as error:
        kind = sqlite3.IntegrityError if isinstance(error, apsw.ConstraintError) else sqlite3.OperationalError
        told = kind(str(error))
        told.sqlite_errorcode = getattr(error, "extendedresult", None) or getattr(error, "result", apsw.SQLITE_ERROR)
        raise told from error


class _Driver:
    """The module `sqlite3`, except that it opens files through a VFS; readers by URI stay as they are."""

    def __init__(self, vfs: str) -> None:
        self._vfs = vfs

    def connect(self, path: Any, **options: Any) -> Any:
        if options.get("uri"):
            return sqlite3.connect(path, **options)
        return Connection(str(path), self._vfs)

    def __getattr__(self, name: str) -> Any:
        return getattr(sqlite3, name)


@contextmanager
def ledger_on(vfs: str) -> Iterator[None]:
    """Inside, `bridge.ledger.sqlite.open_writer` opens through the apsw VFS of that name."""
    sqlite.sqlite3 = _Driver(vfs)  # type: ignore[assignment]
    try:
        yield
    finally:
        sqlite.sqlite3 = sqlite3
