"""Before the schema of a ledger climbs, the ledger goes into a verified backup; without one it stays as it is."""

import sqlite3
from pathlib import Path

from bridge.ledger import backup, backup_folder, migrate
from bridge.ledger.migrate import WrongLedger


def prepare(connection: sqlite3.Connection, ledger: Path, folder: Path, now_ms: int) -> Path | None:
    """Make the open ledger one of this program; gives the backup that was taken because its schema climbed, if it did.

    Raises WrongLedger when a newer program wrote it, or when it must climb and no backup can be made.
    """
    taken: list[Path] = []

    def keep(version: int) -> None:
        at_ms = now_ms
        # A clock that was set back may come by the time of an earlier try; no copy stands in the way of an upgrade.
        while (target := backup_folder.upgrade_path(folder, version, at_ms)).exists():
            at_ms += 1
        try:
            taken.append(backup.make(ledger, target, now_ms=now_ms).path)
        except backup.BackupFailed as failure:
            what = f"the ledger must be upgraded from schema {version} to {migrate.newest()}, and not without a backup"
            raise WrongLedger(f"{what}: {failure}; then start again, or go back to the older program") from None

    migrate.prepare(connection, keep)
    return taken[0] if taken else None
