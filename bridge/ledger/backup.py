"""Backups: a verified copy of a ledger in use, and what it takes to believe that a file is a sound ledger.

A copy is made under another name, checked whole, synced, and only then renamed to what was asked for, with its SHA-256
beside it in the format of sha256sum(1). So a file with the right name is a good backup, whenever the process ended.
"""

import hashlib
import os
import shutil
import sqlite3
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bridge import failpoints
from bridge.ledger import migrate, sqlite
from bridge.ledger.audit import CHECKS

DIGEST_SUFFIX = ".sha256"
PARTIAL_SUFFIX = ".partial"
"""What a copy is called until it is whole."""
COMPANIONS = ("-wal", "-shm", "-journal")
"""Files that belong to an SQLite file while it is in use."""
FILE_MODE = 0o640
ROOM_FACTOR = 2
"""A copy, and as much again for its journal and for what the writer adds meanwhile."""
FOUND_MAX = 3
"""Defects of a file that are told."""
BALANCE_CHECK = "the sum of postings is the balance, for every account and book"
TAKEN_AT = "backup_at_ms"
"""The row of setting_of_ledger in which a copy says when it was taken."""


class BackupFailed(Exception):
    """No backup was made; the message says why and what to do."""


class NotSound(Exception):
    """A file that is no sound ledger of ours; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One backup that was made and verified."""

    path: Path
    size: int
    """Octets."""
    sha256: str
    """Hex digits."""
    taken_at_ms: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a sound ledger file holds."""

    schema: int
    taken_at_ms: int | None
    """When the copy was taken; None when it is no backup of ours."""
    messages: int
    last_message_at_ms: int | None
    waiting: int
    """Parts that were still to be sent: queued, claimed, in doubt or scheduled."""


def make(ledger: Path, target: Path, *, now_ms: int, spare_bytes: int = 0) -> Copy:
    """Copy the ledger to a new file `target` and verify the copy; the ledger may be in use.

    `spare_bytes` are left free on the disk of the ledger. Raises BackupFailed; then there is nothing at `target`.
    """
    started = time.monotonic_ns()
    _check_target(target)
    partial = target.with_name(target.name + PARTIAL_SUFFIX)
    try:
        if not target.parent.exists():
            target.parent.mkdir(mode=0o750, parents=True)
            give_back(target.parent, ledger)
        _check_room(ledger, target.parent, spare_bytes)
        remove(partial)
        _write(ledger, partial, now_ms)
        failpoints.reach("backup.copied")
        check_sound(partial)
        digest = sha256_of(partial)
        failpoints.reach("backup.verified")
        # Its digest first: a digest without a backup is rubbish, a backup without a digest would be believed.
        _write_digest(target, digest, ledger)
        partial.rename(target)
        sync_folder(target.parent)
        failpoints.reach("backup.renamed")
    except (OSError, sqlite3.Error, NotSound) as error:
        with suppress(OSError):
            remove(partial)
            if not target.exists():
                digest_file(target).unlink(missing_ok=True)
        raise BackupFailed(_plain(error, target)) from None
    size = target.stat().st_size
    return Copy(target, size, digest, now_ms, (time.monotonic_ns() - started) // 1_000_000)


def _check_target(target: Path) -> None:
    """A backup never replaces a file, and never looks like a part of another one."""
    if target.exists() or target.is_symlink():
        raise BackupFailed(f"{target} exists already; name a new file or a folder")
    if target.name.endswith((*COMPANIONS, DIGEST_SUFFIX, PARTIAL_SUFFIX)) or not target.name.isprintable():
        raise BackupFailed(f"{target} is no name for a backup; name it like ledger.sqlite")


def _check_room(ledger: Path, folder: Path, spare_bytes: int) -> None:
    is_same_disk = folder.stat().st_dev == ledger.stat().st_dev
    needed, free = room_needed(ledger) + spare_bytes * is_same_disk, shutil.disk_usage(folder).free
    if free < needed:
        what = f"the disk of {folder} has {_megabytes(free)} free and a backup needs {_megabytes(needed)}"
        raise BackupFailed(f"{what}; make room, or choose a folder on another disk")


def room_needed(ledger: Path) -> int:
    """Octets that must be free for a copy of this ledger."""
    files = [ledger, ledger.with_name(ledger.name + "-wal")]
    return ROOM_FACTOR * sum(file.stat().st_size for file in files if file.exists())


def _write(ledger: Path, partial: Path, now_ms: int) -> None:
    """The copy under its temporary name, with its date inside, synced."""
    partial.touch(mode=FILE_MODE)
    # Again: a service's umask may have taken the group away.
    partial.chmod(FILE_MODE)
    give_back(partial, ledger)
    sqlite.copy_online(ledger, partial)
    connection = sqlite.open_alone(partial)
    try:
        connection.execute(
            "INSERT INTO setting_of_ledger (name, value) VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET value = excluded.value",
            (TAKEN_AT, str(now_ms)),
        )
    finally:
        connection.close()
    sync_file(partial)


def _write_digest(target: Path, digest: str, ledger: Path) -> None:
    file = digest_file(target)
    partial = file.with_name(file.name + PARTIAL_SUFFIX)
    partial.write_text(f"{digest}  {target.name}\n", encoding="utf-8")
    partial.chmod(FILE_MODE)
    give_back(partial, ledger)
    sync_file(partial)
    partial.rename(file)


def check_sound(path: Path) -> Facts:
    """Read a ledger file whole and give what it holds; nobody may be writing to it.

    Raises NotSound when it is no ledger, is of a newer program, is damaged, or its books do not add up.
    """
    try:
        connection = sqlite.open_sealed(path)
        try:
            schema = migrate.version_of(connection)
            if not 0 < schema <= migrate.newest():
                raise NotSound(_of_schema(schema))
            _check_pages(connection)
            found = connection.execute(f"SELECT * FROM ({CHECKS[BALANCE_CHECK]}) LIMIT {FOUND_MAX}").fetchall()  # noqa: S608 - our own constants
            if found:
                raise NotSound(f"its books are wrong: {found}")
            return _facts(connection, schema)
        finally:
            connection.close()
    except migrate.WrongLedger:
        raise NotSound("it is not a ledger of smsbridge") from None
    except sqlite3.Error as error:
        raise NotSound(f"it is damaged ({error})") from None


def _of_schema(schema: int) -> str:
    if schema == 0:
        return "it is empty"
    return f"it has schema {schema}, this program knows {migrate.newest()}: use the newer program"


def _check_pages(connection: sqlite3.Connection) -> None:
    """Every page, index and reference. Raises NotSound."""
    broken = sqlite.findings(connection, "integrity_check", FOUND_MAX)
    if broken:
        raise NotSound(f"it is damaged ({'; '.join(broken)})")
    dangling = connection.execute("PRAGMA foreign_key_check").fetchmany(FOUND_MAX)
    if dangling:
        raise NotSound(f"rows in it refer to rows that are not there: {dangling}")


def _facts(connection: sqlite3.Connection, schema: int) -> Facts:
    taken = connection.execute("SELECT value FROM setting_of_ledger WHERE name = ?", (TAKEN_AT,)).fetchone()
    messages, last = connection.execute("SELECT count(*), max(accepted_at_ms) FROM message").fetchone()
    (waiting,) = connection.execute(
        "SELECT count(*) FROM part WHERE state IN ('queued', 'claimed', 'in_doubt', 'scheduled')"
    ).fetchone()
    return Facts(schema, int(taken[0]) if taken else None, messages, last, waiting)


def sha256_of(path: Path) -> str:
    """Hex digits of a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_file(path: Path) -> Path:
    """Where the digest of a backup lies."""
    return path.with_name(path.name + DIGEST_SUFFIX)


def digest_beside(path: Path) -> str | None:
    """The digest kept beside a backup; None when there is none. Raises NotSound for one that cannot be read."""
    try:
        words = digest_file(path).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise NotSound(f"its {DIGEST_SUFFIX} file cannot be read ({error})") from None
    if not words or len(words[0]) != 64:
        raise NotSound(f"its {DIGEST_SUFFIX} file holds no SHA-256")
    return words[0].lower()


def remove(path: Path) -> None:
    """Delete a file and what SQLite may have left beside it, if they are there."""
    for name in (path.name, *(path.name + suffix for suffix in COMPANIONS)):
        path.with_name(name).unlink(missing_ok=True)


def give_back(path: Path, ledger: Path) -> None:
    """Let what root made belong to the owner of the ledger, or the appliance could not rotate its own backups."""
    owner = ledger.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def sync_file(path: Path) -> None:
    """Let a file's octets reach the disk."""
    _sync(path, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Let names given and taken away in a folder reach the disk."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _plain(error: Exception, target: Path) -> str:
    if isinstance(error, PermissionError):
        return f"the appliance may not write to {target.parent}; choose a folder it may write to"
    if isinstance(error, NotSound):
        return f"the copy is not sound: {error}; keep the older backups and run `smsbridge ledger audit`"
    return f"the copy to {target} failed ({' '.join(str(error).split())}); look at the disk"


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
