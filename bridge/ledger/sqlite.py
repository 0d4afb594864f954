"""The one place where SQLite is opened.

One connection writes and checkpoints; readers are read-only and never checkpoint. That keeps this file clear of
the WAL-reset defect of SQLite 3.7.0 to 3.51.2, which needs two connections that write or checkpoint at once.
"""

import sqlite3
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
