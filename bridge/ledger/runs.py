"""How the last run ended: with a goodbye, or in a crash; and what is looked at before a ledger is trusted again.

The row `run` of setting_of_ledger says `running` while a process has the ledger open and `stopped` after it closed it.
Who opens one that still says `running` finds a crash: the row becomes `crashed <ms>`, with the time of the crash, and
stays so until the appliance has recovered. Commands that come between them, and open the same ledger, leave it alone.
"""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.ledger import migrate, sqlite
from bridge.ledger.database import Transaction
from bridge.ledger.statements import statements
from bridge.ledger.worker import is_damage

RUNNING, STOPPED, CRASHED = "running", "stopped", "crashed"
COMMIT_MESSAGES_MAX = 50_000
"""Messages at the end of a ledger that may be of its last commits: more than one of them holds. Some 20 ms of a start,
after a crash only."""
FINDINGS_MAX = 3
"""Lines of a failed check that are told; the first says enough."""


class LedgerDamaged(migrate.WrongLedger):
    """The file is broken: it is not served, not written, and kept as it is."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the file, before it is opened for writing, found."""

    version: int
    """Its schema version; 0: there is nothing in it yet."""
    was_clean: bool
    check_s: float
    """How long checking it took; 0 when there was no need to."""


def examine(path: Path) -> Found:
    """Look at the file of a ledger without changing it, and check all of it when its last run crashed.

    Raises LedgerDamaged, WrongLedger when it is not one of ours, or sqlite3.Error when it cannot be read.
    """
    reader = sqlite.open_reader(path)
    try:
        version = migrate.version_of(reader)
        mark = reader.execute(statements()["run_mark"]).fetchone() if version else None
        if mark is None or mark[0] == STOPPED:
            return Found(version, was_clean=True, check_s=0.0)
        started = time.perf_counter()
        if findings := sqlite.findings(reader, "quick_check", FINDINGS_MAX):
            raise LedgerDamaged("; ".join(findings))
        return Found(version, was_clean=False, check_s=time.perf_counter() - started)
    except UnicodeDecodeError as error:
        raise LedgerDamaged("its texts cannot be read") from error
    except sqlite3.DatabaseError as error:
        # A statement of ours that makes no sense to this file met a broken schema.
        if is_damage(error) or error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
            raise LedgerDamaged(str(error)) from error
        raise
    finally:
        reader.close()


def run_begin(tx: Transaction, *, now_ms: int, last_seen_ms: int | None = None) -> dict[str, Any]:
    """Note that a process has the ledger open. `last_seen_ms`: when the process before was last seen alive.

    Gives {"was_clean": bool, "crashed_at_ms": int | None}: the crash is taken to be at the later of `last_seen_ms` and
    the newest answer, for both can only be too early.
    """
    row = tx.row("run_mark")
    mark = str(row[0]) if row else STOPPED
    if mark == STOPPED:
        tx.run("run_mark_set", {"value": RUNNING})
        return {"was_clean": True, "crashed_at_ms": None}
    word, _, at_ms = mark.partition(" ")
    if word == CRASHED:
        return {"was_clean": False, "crashed_at_ms": int(at_ms)}
    answered = tx.row("newest_answer_at", {"count": COMMIT_MESSAGES_MAX})
    known = [at for at in (last_seen_ms, answered[0] if answered else None) if at is not None]
    crashed_at_ms = max(known, default=now_ms)
    tx.run("run_mark_set", {"value": f"{CRASHED} {crashed_at_ms}"})
    return {"was_clean": False, "crashed_at_ms": crashed_at_ms}


def run_recovered(tx: Transaction) -> None:
    """What the crash left is put in order; from here this run is one like any other."""
    tx.run("run_mark_set", {"value": RUNNING})


def run_end(tx: Transaction, *, now_ms: int) -> dict[str, bool]:
    """Note that the ledger is closed with a goodbye; a crash that nobody recovered stays one. {"is_clean": bool}"""
    row = tx.row("run_mark")
    is_clean = row is not None and row[0] == RUNNING
    if is_clean:
        tx.run("run_mark_set", {"value": STOPPED})
    return {"is_clean": is_clean}
