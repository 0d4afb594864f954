"""A disk that tells what is done to it and fails when it is told to: an apsw VFS over real files.

Every write, truncation, sync, read and deletion of the database, its log and its journal passes through `Disk`. Sync
itself does nothing: what it would have made durable is for `power_loss` to know. The memory of the -shm file
is not a disk's business and goes straight through.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apsw

WRITE, TRUNCATE, SYNC, READ, DELETE = "write", "truncate", "sync", "read", "delete"
SECTOR = 512
"""Octets that a disk writes whole or not at all."""

_KEPT = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL
_names = itertools.count(1)


class Disk:
    """Sees every operation before it happens, and may refuse it by raising. This one only counts."""

    def __init__(self) -> None:
        self.operations = 0
        """Operations so far that change something or make it durable."""
        self.failed = 0
        """Operations refused."""

    def repair(self) -> None:
        """Refuse nothing any more."""

    def before(self, kind: str, file: str, offset: int = 0, data: bytes = b"") -> None:
        """`file` is the bare name; `offset` is the size for a truncation; reads carry no data."""
        if kind != READ:
            self.operations += 1


IO_ERRORS = {
    WRITE: apsw.SQLITE_IOERR_WRITE,
    TRUNCATE: apsw.SQLITE_IOERR_TRUNCATE,
    SYNC: apsw.SQLITE_IOERR_FSYNC,
    READ: apsw.SQLITE_IOERR_READ,
}


@dataclass(slots=True)
class Failure:
    """Fail the `nth` operation of a kind (1 is the first), and every later one too if it is for ever."""

    kind: str
    nth: int
    is_full: bool = False
    """SQLITE_FULL instead of an I/O error."""
    is_for_ever: bool = False

    def __str__(self) -> str:
        what = "full" if self.is_full else "I/O error"
        return f"{what} at {self.kind} {self.nth}{' and ever after' if self.is_for_ever else ''}"


class FailingDisk(Disk):
    """Fails as one Failure says, until it is repaired. A write that fails has written its first sector all the same."""

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self._failure = failure
        self.seen = 0
        """Operations of the failure's kind."""
        self._is_repaired = False

    def repair(self) -> None:
        self._is_repaired = True

    def before(self, kind: str, file: str, offset: int = 0, data: bytes = b"") -> None:
        Disk.before(self, kind, file, offset, data)
        if kind != self._failure.kind:
            return
        self.seen += 1
        is_due = self.seen >= self._failure.nth if self._failure.is_for_ever else self.seen == self._failure.nth
        if is_due and not self._is_repaired:
            self.failed += 1
            raise disk_full() if self._failure.is_full else io_error(kind)


class SmallDisk(Disk):
    """Holds so many octets and no more, until it gets room."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity
        self._sizes: dict[str, int] = {}

    def repair(self) -> None:
        self._capacity = 1 << 60

    def before(self, kind: str, file: str, offset: int = 0, data: bytes = b"") -> None:
        Disk.before(self, kind, file, offset, data)
        size = self._sizes.get(file, 0)
        if kind == WRITE:
            wanted = max(size, offset + len(data))
            if wanted > size and sum(self._sizes.values()) - size + wanted > self._capacity:
                self.failed += 1
                raise disk_full()
            self._sizes[file] = wanted
        elif kind == TRUNCATE:
            self._sizes[file] = min(size, offset)
        elif kind == DELETE:
            self._sizes.pop(file, None)


def io_error(kind: str) -> apsw.Error:
    error = apsw.IOError(f"{kind} failed")
    error.extendedresult = IO_ERRORS[kind]
    return error


def disk_full() -> apsw.Error:
    error = apsw.FullError("no space left")
    error.extendedresult = apsw.SQLITE_FULL
    return error


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._is_kept = bool(flags[0] & _KEPT)
        self._name = os.path.basename(name.filename() if hasattr(name, "filename") else name or "")

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._is_kept:
            try:
                self._disk.before(WRITE, self._name, offset, bytes(data))
            except apsw.IOError:
                super().xWrite(data[:SECTOR], offset)
                raise
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        if self._is_kept:
            self._disk.before(TRUNCATE, self._name, size)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        if self._is_kept:
            self._disk.before(SYNC, self._name)

    def xRead(self, amount: int, offset: int) -> bytes:
        if self._is_kept:
            self._disk.before(READ, self._name, offset)
        return super().xRead(amount, offset)


class _Vfs(apsw.VFS):
    def __init__(self, name: str, disk: Disk) -> None:
        super().__init__(name, "")
        self._disk = disk

    def xOpen(self, name: Any, flags: list[int]) -> _File:
        return _File(self._disk, name, flags)

    def xDelete(self, name: str, must_sync: bool) -> None:
        self._disk.before(DELETE, os.path.basename(name))
        super().xDelete(name, must_sync)


@contextmanager
def mounted(disk: Disk) -> Iterator[str]:
    """The disk as a VFS; gives its name."""
    name = f"disk{next(_names)}"
    vfs = _Vfs(name, disk)
    try:
        yield name
    finally:
        vfs.unregister()
