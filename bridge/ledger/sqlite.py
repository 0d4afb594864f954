"""The one place where SQLite is opened.

One connection writes and checkpoints; readers are read-only and never checkpoint. That keeps this file clear of
the WAL-reset defect of SQLite 3.7.0 to 3.51.2, which needs two connections that write or checkpoint at once.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY_TIMEOUT_S = 5.0
"""How long a statement waits for somebody else's lock (an operator's own sqlite3 shell) before it is deferred."""
STATEMENT_CACHE = 512
"""Prepared statements kept per connection: all named ones, times the row counts of the multi-row ones."""
WAL_AUTOCHECKPOINT_PAGES = 2000
"""About 8 MiB of log between checkpoints: few long pauses, bounded recovery."""


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the ledger's single writing connection: WAL, synchronous=FULL, foreign keys on, explicit transactions.

    Raises sqlite3.DatabaseError when the file is no ledger or cannot be opened.
    """
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=STATEMENT_CACHE
    )
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        connection.close()
        raise sqlite3.OperationalError(f"the ledger needs WAL, but this file system gives {mode!r}: use a local disk")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # What is deleted or overwritten is gone from the file too, not only out of its index.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_AUTOCHECKPOINT_PAGES}")
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a read-only connection for reports; it can neither write nor checkpoint."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """What is read inside is read as it stood at one moment, however much is written meanwhile; may be nested."""
    is_first = not connection.in_transaction
    if is_first:
        connection.execute("BEGIN")
    try:
        yield
    finally:
        # What finds a file damaged may have ended it already.
        if is_first and connection.in_transaction:
            connection.execute("ROLLBACK")


def truncate_wal(connection: sqlite3.Connection) -> bool:
    """Write the log back into the file and cut it to nothing, so that it holds no erased page any more.

    For the writing connection, between two transactions. False when a reader still needs the log: it is not waited
    for, because nothing can be accepted meanwhile.
    """
    timeout_ms = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        connection.execute(f"PRAGMA busy_timeout = {timeout_ms}")
    return not is_busy


def findings(connection: sqlite3.Connection, check: str, count_max: int) -> list[str]:
    """What `integrity_check` or `quick_check` finds wrong, one line each, at most `count_max`; none in a sound file."""
    rows = connection.execute(f"PRAGMA {check}({count_max})")
    lines = [" ".join(line.split()) for row in rows for line in str(row[0]).splitlines()]
    # "*** in database main ***" is a heading of SQLite's.
    return [line for line in lines if line not in ("", "ok") and not line.startswith("***")][:count_max]


def open_alone(path: Path) -> sqlite3.Connection:
    """Open a ledger file that nobody else has open (a copy being made, a restore being prepared), to write to it.

    It stays, or becomes, one plain file without -wal and -shm beside it.
    """
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def open_sealed(path: Path) -> sqlite3.Connection:
    """Open a finished file that nobody writes to, to read it; nothing is made beside it."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def copy_online(source: Path, target: Path) -> None:
    """Copy a ledger that is in use into a new plain file: one read snapshot, taken in one step.

    Step by step, a copy starts again whenever somebody commits, and under load it never ends. The interpreter is free
    while SQLite copies; the writer goes on, only its log cannot be wound back until the copy is done. Raises
    sqlite3.Error.
    """
    reader = open_reader(source)
    try:
        copy = sqlite3.connect(target, isolation_level=None, check_same_thread=False)
        try:
            # The caller syncs the file when it is whole; until then it is nobody's backup.
            copy.execute("PRAGMA synchronous = OFF")
            reader.backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode = DELETE")
        finally:
            copy.close()
    finally:
        reader.close()
