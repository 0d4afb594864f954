"""When have the files of a certificate changed? Looked at now and then, when a connection comes anyway."""

from pathlib import Path

LOOK_EVERY_S = 10.0
"""How often a new connection makes us look whether the files have changed; a renewal may take that long to show."""

Stamp = tuple[tuple[int, int], ...]
"""Time of change (ns) and size of each file."""


class Renewal:
    """Watches files by their stamps. `now_s` is any clock that never steps."""

    def __init__(self, paths: tuple[Path, ...], now_s: float) -> None:
        """Raises OSError when a file is missing."""
        self._paths = paths
        self._looked_at_s = now_s
        self._stamp = self._fresh = self._look()

    def is_due(self, now_s: float) -> bool:
        """Whether the files differ from those last taken; looks at most every LOOK_EVERY_S. Raises OSError."""
        if now_s - self._looked_at_s < LOOK_EVERY_S:
            return False
        self._looked_at_s = now_s
        self._fresh = self._look()
        return self._fresh != self._stamp

    def taken(self) -> None:
        """The files found by the last look are in use; files that are no good are not taken and come up again."""
        self._stamp = self._fresh

    def _look(self) -> Stamp:
        return tuple((facts.st_mtime_ns, facts.st_size) for facts in (path.stat() for path in self._paths))
