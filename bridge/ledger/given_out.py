"""The numbers that a ledger has given out, and the jump that one makes when it comes back from a backup.

A number names one thing for ever. What was given out since the backup is known to the ledger that it replaces; when
that cannot be read, the jump is random, so that a second restore of the same backup does not land where the first did.
"""

import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from bridge.ledger import migrate, sqlite
from bridge.ledger.database import Transaction
from bridge.ledger.statements import statements

NUMBERS_SKIPPED = 1_000_000
"""How far the numbers of messages and parts jump ahead: more than any appliance gives out between two backups."""
NUMBERS_A_SECOND, GUESS_MAX = 100, 100_000_000
"""What is skipped for each second of a backup's age when nobody can say what was given out; and at most: two weeks."""
NUMBER_MAX = 1 << 40
"""No ledger gets there; a greater number is damage, and a jump from it would use the ids up."""
FIRST_WITH_WARNINGS = 2
"""The schema from which on accounts count their warnings of low credit."""


@dataclass(frozen=True, slots=True)
class GivenOut:
    """The last numbers that a ledger gave out."""

    sequences: dict[str, int]
    low_count: int
    """The highest of any account: it names the mails that warn of low credit."""


def read(ledger: Path) -> GivenOut | None:
    """What a ledger that nobody uses gave out; None when it is missing, empty, not ours or cannot be read."""
    try:
        # SQLite would delete the log beside an empty file.
        if not ledger.stat().st_size:
            return None
        has_log = ledger.with_name(f"{ledger.name}-wal").exists()
        # Without a log the file says all, and nothing need be made beside it to read it.
        reader = sqlite.open_reader(ledger) if has_log else sqlite.open_sealed(ledger)
        try:
            version = migrate.version_of(reader)
            rows = reader.execute(statements()["sequences"]).fetchall() if version else []
            has_warnings = version >= FIRST_WITH_WARNINGS
            low_count = reader.execute(statements()["low_count_highest"]).fetchone()[0] if has_warnings else 0
        finally:
            reader.close()
    except (OSError, sqlite3.Error, UnicodeDecodeError, migrate.WrongLedger):
        return None
    sequences = dict(rows)
    is_sane = all(type(value) is int and 0 <= value <= NUMBER_MAX for value in (*sequences.values(), low_count))
    return GivenOut(sequences, low_count) if sequences and is_sane else None


def jump(tx: Transaction, replaced: GivenOut | None, age_ms: int) -> None:
    """Let the open ledger give out only numbers that neither it nor the one that it replaces ever gave out.

    `age_ms` is how long ago the backup was taken: what a ledger that cannot be read gave out since is a guess by that.
    """
    count = NUMBERS_SKIPPED
    if replaced is None:
        guess = min(max(age_ms, 0) // 1000 * NUMBERS_A_SECOND, GUESS_MAX)
        count += guess + secrets.randbelow(NUMBERS_SKIPPED)
        replaced = GivenOut({}, 0)
    for name, _ in tx.rows("sequences"):
        tx.run("sequence_jump", {"name": name, "given_out": replaced.sequences.get(name, 0), "count": count})
    tx.run("low_counts_jump", {"given_out": replaced.low_count, "count": count})
