"""The instance lock: one process at a time writes a ledger.

Its file also remembers two things for whoever comes next: when the holder was last seen alive (the time of its last
change, moved on every second), and that there is a ledger in this folder (a second line).
"""

import fcntl
import os
from pathlib import Path

LOCK_NAME = "instance.lock"
LEDGER_NAME = "ledger.sqlite"
HAS_LEDGER = "has a ledger"
SIZE_MAX = 256
"""Octets of the file that are read; ours are fewer."""


class AlreadyRunning(Exception):
    """Another process holds this state folder."""


class InstanceLock:
    """Held from `take` to `release`, or until the process ends in whatever way: the kernel lets go of it."""

    def __init__(self, state_folder: Path) -> None:
        self._path = state_folder / LOCK_NAME
        self._file: int | None = None
        self.last_seen_ms: int | None = None
        """When the holder before was last seen alive, wall clock; None when there was none."""
        self.has_ledger = False
        """Whether a ledger was ever opened in this folder."""

    def take(self) -> None:
        """Make the state folder if need be and lock it. Raises AlreadyRunning, or OSError for an unusable folder.

        What the file remembers of the holder before stays as it is until `touch`.
        """
        self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder, *_ = _lines(file) or ["?"]
            os.close(file)
            raise AlreadyRunning(f"process {holder} uses {self._path.parent} already") from None
        self._file = file
        before, changed_at_ns = _lines(file), os.fstat(file).st_mtime_ns
        self.last_seen_ms = changed_at_ns // 1_000_000 if before else None
        self.has_ledger = HAS_LEDGER in before
        self._write(file)
        os.utime(file, ns=(changed_at_ns, changed_at_ns))

    def touch(self) -> None:
        """Be seen alive. May be called on any thread; after `release` it does nothing."""
        if (file := self._file) is not None:
            os.utime(file)

    def remember_ledger(self) -> None:
        """From now on this folder has a ledger: an empty one in its place is a loss and not a beginning."""
        if self._file is not None and not self.has_ledger:
            self.has_ledger = True
            self._write(self._file)
            os.fsync(self._file)

    def _write(self, file: int) -> None:
        """Never shorter than before for a moment: a crash in between must not make it forget."""
        content = f"{os.getpid()}\n" + (f"{HAS_LEDGER}\n" if self.has_ledger else "")
        os.pwrite(file, content.encode(), 0)
        os.ftruncate(file, len(content))

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _lines(file: int) -> list[str]:
    return os.pread(file, SIZE_MAX, 0).decode(errors="replace").split("\n")[:-1]
