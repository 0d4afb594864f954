"""The instance lock: one process at a time writes a ledger."""

import fcntl
import os
from pathlib import Path

LOCK_NAME = "instance.lock"
LEDGER_NAME = "ledger.sqlite"


class AlreadyRunning(Exception):
    """Another process holds this state folder."""


class InstanceLock:
    """Held from `take` to `release`, or until the process ends in whatever way: the kernel lets go of it."""

    def __init__(self, state_folder: Path) -> None:
        self._path = state_folder / LOCK_NAME
        self._file: int | None = None

    def take(self) -> None:
        """Make the state folder if need be and lock it. Raises AlreadyRunning, or OSError for an unusable folder."""
        self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 32).decode(errors="replace").strip()
            os.close(file)
            raise AlreadyRunning(f"process {holder or '?'} uses {self._path.parent} already") from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
