"""Journals: what each side saw, written down outside of the appliance, one JSON object a line.

Every line is one write() to a file of the process that saw it, before it acts on it, and that process is never
killed: what the journals say is the truth that a ledger is held against. `at` is the wall clock in seconds; all
processes share one machine.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class Journal:
    """One file, appended to."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, what: str, **facts: Any) -> float:
        """Write one entry; gives its time."""
        at = time.time()
        os.write(self._file, (json.dumps({"at": round(at, 6), "what": what} | facts) + "\n").encode())
        return at

    def close(self) -> None:
        os.close(self._file)


def read(path: Path) -> list[Entry]:
    """All entries, in order."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
