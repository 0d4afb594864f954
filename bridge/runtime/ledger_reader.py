"""A read-only connection to the ledger, and the one thread that uses it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from bridge.ledger import sqlite


class LedgerReader:
    """A read-only connection and the one thread that uses it."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def open(self, path: Path) -> None:
        self._database = Database(sqlite.open_reader(path), execute_plugins=False)

    async def run(self, work: Callable[[Database], Any]) -> Any:
        """What `work` reads, all of it as it stood at one moment, however much is written meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, _at_one_moment, self._database, work)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._database.conn.close)
        self._thread.shutdown()


def _at_one_moment(database: Database, work: Callable[[Database], Any]) -> Any:
    with sqlite.snapshot(database.conn):
        return work(database)
