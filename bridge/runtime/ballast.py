"""The ballast: a file that holds space while there is plenty, and gives it back when the disk is full.

A full disk stops more than new messages: without room for a few rows nobody can write down that a part was sent, and
what is not written down would be sent again. Giving the ballast back makes that room.
"""

import os
from pathlib import Path

NAME = "ballast"


class Ballast:
    """The file `ballast` in the state folder; `size` 0: there is none."""

    def __init__(self, folder: Path, size: int) -> None:
        self.size = size
        """Octets it holds while it is there."""
        self._path = folder / NAME

    @property
    def held(self) -> int:
        """Octets that it holds now: all of them, or 0. A file that only looks large holds nothing."""
        try:
            found = self._path.stat()
        except OSError:
            return 0
        return self.size if self.size and found.st_blocks * 512 >= self.size else 0

    def make(self) -> None:
        """Take the space; it is really allocated. Raises OSError (ENOSPC) and then leaves nothing behind."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.posix_fallocate(file, 0, self.size)
            os.ftruncate(file, self.size)
        except OSError:
            self._path.unlink(missing_ok=True)
            raise
        finally:
            os.close(file)

    def give_back(self) -> bool:
        """Free the space; False when there was none to free. Never raises: it is called when all else fails."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
