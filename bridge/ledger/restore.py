"""Restore: a backup becomes the ledger, and nothing from before is sent by itself.

Everything is prepared in a file beside the ledger. Giving it the name `ledger.sqlite.restored-<time>` decides the
restore: from then on it is only ever carried on, by `carry_on`, which every start calls before it opens the ledger. So
a restore that is killed leaves the old ledger or the new one, never none. The ledger it replaces is renamed to
`ledger.sqlite.before-restore-<time>` and kept.

Nobody may use the ledger meanwhile: the caller holds the instance lock.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from bridge import failpoints
from bridge.ledger import backup, given_out, migrate, sqlite
from bridge.ledger.actions import note
from bridge.ledger.backup import COMPANIONS, Facts, NotSound
from bridge.ledger.backup_folder import stamp
from bridge.ledger.database import Transaction
from bridge.ledger.given_out import GivenOut
from bridge.ledger.runs import STOPPED

PREPARED_SUFFIX = ".restoring"
DECIDED_MARK = ".restored-"
ASIDE_MARK = ".before-restore-"


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did."""

    taken_at_ms: int
    """Of the backup."""
    held_parts: int
    held_notices: int
    aside: Path | None
    """Where the ledger from before lies now; None: there was none."""


def look_at(file: Path) -> Facts:
    """Check a backup whole and give what it holds; changes nothing. Raises NotSound or OSError."""
    if not file.exists():
        raise NotSound("there is no such file")
    if not file.is_file():
        raise NotSound("it is not a file")
    for suffix in COMPANIONS:
        beside = file.with_name(file.name + suffix)
        if beside.exists():
            raise NotSound(f"{beside.name} lies beside it, so it was copied from a ledger in use and may be torn")
    wanted = backup.digest_beside(file)
    if wanted is not None and wanted != backup.sha256_of(file):
        raise NotSound(f"it is not what was backed up: its SHA-256 differs from {backup.digest_file(file).name}")
    return backup.check_sound(file)


def restore(file: Path, ledger: Path, *, actor: str, now_ms: int) -> Restored:
    """Put a backup in place of the ledger, with all that was unfinished in it held.

    Raises NotSound when the file is not good enough (nothing is changed then), OSError or sqlite3.Error.
    """
    carry_on(ledger)
    prepared = ledger.with_name(ledger.name + PREPARED_SUFFIX)
    backup.remove(prepared)
    try:
        facts = look_at(file)
        taken_at_ms = facts.taken_at_ms or file.stat().st_mtime_ns // 1_000_000
        # The owner may be anybody; the copy is ours.
        shutil.copyfile(file, prepared)
        prepared.chmod(backup.FILE_MODE)
        replaced = given_out.read(ledger)
        held_parts, held_notices = _hold(prepared, replaced, taken_at_ms, actor, now_ms)
        backup.sync_file(prepared)
        # What was read just now is checked again: the disk, or somebody, may have changed it in between.
        backup.check_sound(prepared)
    except BaseException:
        backup.remove(prepared)
        raise
    failpoints.reach("restore.prepared")
    prepared.rename(ledger.with_name(f"{ledger.name}{DECIDED_MARK}{stamp(now_ms)}"))
    backup.sync_folder(ledger.parent)
    failpoints.reach("restore.decided")
    return Restored(taken_at_ms, held_parts, held_notices, carry_on(ledger))


def is_decided(ledger: Path) -> bool:
    """Whether a restore was decided and not finished: then the ledger is not the one to read."""
    return any(ledger.parent.glob(f"{ledger.name}{DECIDED_MARK}*"))


def carry_on(ledger: Path) -> Path | None:
    """Finish a restore that was decided, if there is one; gives where the ledger from before lies now.

    It may be killed anywhere and called again. Raises OSError.
    """
    aside = None
    for decided in sorted(ledger.parent.glob(f"{ledger.name}{DECIDED_MARK}*")):
        at = decided.name.removeprefix(ledger.name + DECIDED_MARK)
        aside = _move_aside(ledger, ledger.with_name(f"{ledger.name}{ASIDE_MARK}{at}"))
        # The old names must be gone for good before the new file has one of them: the log of one ledger must never
        # be played into another.
        backup.sync_folder(ledger.parent)
        failpoints.reach("restore.moved_aside")
        decided.rename(ledger)
        backup.sync_folder(ledger.parent)
        failpoints.reach("restore.in_place")
    return aside


def _move_aside(ledger: Path, aside: Path) -> Path | None:
    """Rename the ledger with its companions, as far as they are (still) there."""
    for suffix in ("", *COMPANIONS):
        present = ledger.with_name(ledger.name + suffix)
        if present.exists():
            present.rename(aside.with_name(aside.name + suffix))
            failpoints.reach("restore.moving")
    return aside if aside.exists() else None


def _hold(prepared: Path, replaced: GivenOut | None, taken_at_ms: int, actor: str, now_ms: int) -> tuple[int, int]:
    """Bring the file up to this program and hold all that is unfinished; gives the numbers of parts and notices."""
    connection = sqlite.open_alone(prepared)
    try:
        migrate.prepare(connection)
        connection.execute("BEGIN IMMEDIATE")
        held = hold(Transaction(connection), replaced, taken_at_ms=taken_at_ms, actor=actor, now_ms=now_ms)
        connection.execute("COMMIT")
    finally:
        # Closing takes back a transaction that is still open.
        connection.close()
    return held


def hold(tx: Transaction, replaced: GivenOut | None, *, taken_at_ms: int, actor: str, now_ms: int) -> tuple[int, int]:
    """In a ledger that comes back: hold every unfinished part and notice, and skip the numbers given out since.

    `replaced`: what the ledger in its place gave out, if that can be told.
    """
    taken = _utc(taken_at_ms)
    values = {"now_ms": now_ms, "reason": f"restored from the backup of {taken}: it may have been sent since"}
    tx.run("parts_hold_history", values)
    parts = tx.run("parts_hold", values)
    notices = tx.run("notices_hold", values) + tx.run("esme_notices_hold", values)
    given_out.jump(tx, replaced, now_ms - taken_at_ms)
    tx.run("backup_mark_delete", {"name": backup.TAKEN_AT})
    # The run that made the backup went on; for the ledger that comes back nothing has crashed.
    tx.run("run_mark_set", {"value": STOPPED})
    # A repeat must not become a message that is held: who repeats now wants it sent.
    tx.run("unanswered_clear")
    detail = f"backup of {taken}; held {parts} parts, {notices} notices"
    note(tx, "restore", detail, actor=actor, now_ms=now_ms)
    return parts, notices


def _utc(at_ms: int) -> str:
    """As people write it: 2026-11-24 05:31:40Z."""
    name = stamp(at_ms)
    return f"{name[:4]}-{name[4:6]}-{name[6:8]} {name[9:11]}:{name[11:13]}:{name[13:15]}Z"
