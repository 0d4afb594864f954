"""The writer: groups commit together, a breaker is taken out, and a failing disk stops everything."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.ledger import migrate, sqlite
from bridge.ledger.database import Transaction
from bridge.ledger.worker import LedgerFailed, Result, Worker
from bridge.messages.faults import Fault, FaultCode


def keep(tx: Transaction, arguments: list[Any]) -> list[Any]:
    """Stores prefixes in the tariff; "fault" is refused, "bug" breaks, "bad" violates a constraint."""
    results: list[Any] = []
    for argument in arguments:
        if argument == "fault":
            results.append(Fault(FaultCode.NO_CREDIT))
            continue
        if argument == "bug":
            raise ZeroDivisionError("a bug in a verb")
        price = -1 if argument == "bad" else 1
        tx.run("tariff_upsert", {"account_class": "t", "prefix": argument, "valid_from_ms": 0, "price_mc": price})
        results.append(argument)
    return results


class Desk:
    """A worker and what it delivered."""

    def __init__(self, path: Path) -> None:
        connection = sqlite.open_writer(path)
        migrate.prepare(connection)
        self.groups: list[list[Result]] = []
        self.failures: list[Exception] = []
        self._done = threading.Semaphore(0)
        self.worker = Worker(connection, {"keep": keep}, self._deliver, self.failures.append)

    def _deliver(self, results: list[Result]) -> None:
        self.groups.append(results)
        for _ in results:
            self._done.release()

    def ask(self, *arguments: Any) -> dict[Any, Result]:
        """Hand all in before the worker runs, so that they form one group; gives the results by argument."""
        for argument in arguments:
            self.worker.submit("keep", argument, argument)
        if not self.worker.is_alive:
            self.worker.start()
        for _ in arguments:
            assert self._done.acquire(timeout=10)
        return {result.token: result for group in self.groups for result in group}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path / "ledger.sqlite")
    yield opened
    opened.worker.stop()


def kept(path: Path) -> set[str]:
    reader = sqlite.open_reader(path)
    rows = reader.execute("SELECT prefix FROM tariff WHERE account_class = 't'").fetchall()
    reader.close()
    return {row[0] for row in rows}


def test_what_waits_is_committed_together(desk: Desk, tmp_path: Path) -> None:
    results = desk.ask(*[str(n) for n in range(50)])
    assert len(desk.groups) == 1
    assert all(result.error is None for result in results.values())
    assert kept(tmp_path / "ledger.sqlite") == {str(n) for n in range(50)}


def test_a_refused_request_leaves_the_others_alone(desk: Desk, tmp_path: Path) -> None:
    results = desk.ask("1", "fault", "2")
    assert isinstance(results["fault"].error, Fault)
    assert kept(tmp_path / "ledger.sqlite") == {"1", "2"}


@pytest.mark.parametrize(("breaker", "error"), [("bug", ZeroDivisionError), ("bad", sqlite3.IntegrityError)])
def test_a_breaker_is_found_and_the_rest_commits(
    desk: Desk, tmp_path: Path, breaker: str, error: type[Exception]
) -> None:
    results = desk.ask("1", breaker, "2")
    assert isinstance(results[breaker].error, error)
    assert results["1"].error is None
    assert results["2"].error is None
    assert kept(tmp_path / "ledger.sqlite") == {"1", "2"}


def test_a_lock_held_by_a_stranger_is_temporary_and_nothing_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    desk = Desk(path)
    desk.worker._connection.execute("PRAGMA busy_timeout = 50")
    stranger = sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    refused = desk.ask("1")["1"].error
    assert isinstance(refused, Fault)
    assert refused.is_temporary
    stranger.execute("ROLLBACK")
    stranger.close()
    assert desk.ask("2")["2"].error is None
    desk.worker.stop()
    assert kept(path) == {"2"}


def test_a_full_disk_is_temporary_and_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    desk = Desk(path)
    assert desk.ask("1")["1"].error is None
    pages = desk.worker._connection.execute("PRAGMA page_count").fetchone()[0]
    desk.worker._connection.execute(f"PRAGMA max_page_count = {pages}")
    many = [f"{n:015d}" for n in range(2000)]
    results = desk.ask(*many)
    refused = [results[one].error for one in many if results[one].error is not None]
    assert refused
    assert all(isinstance(error, Fault) and error.is_temporary for error in refused)
    desk.worker._connection.execute("PRAGMA max_page_count = 1000000")
    assert desk.ask("2")["2"].error is None
    desk.worker.stop()
    assert {"1", "2"} <= kept(path)


def test_a_broken_file_stops_everything(tmp_path: Path) -> None:
    """After corruption nothing is acknowledged any more, and somebody is told."""
    path = tmp_path / "ledger.sqlite"
    desk = Desk(path)
    desk.worker._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    desk.worker._connection.execute("PRAGMA cache_size = 0")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    assert isinstance(desk.ask("1")["1"].error, LedgerFailed)
    assert len(desk.failures) == 1
    assert not desk.worker.is_alive
    with pytest.raises(LedgerFailed):
        desk.worker.submit("keep", "2", "2")
    desk.worker.stop()


def test_stop_commits_what_was_handed_in(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    desk = Desk(path)
    for n in range(20):
        desk.worker.submit("keep", str(n), n)
    desk.worker.start()
    desk.worker.stop()
    assert kept(path) == {str(n) for n in range(20)}
    with pytest.raises(LedgerFailed, match="closed"):
        desk.worker.submit("keep", "late", "late")
