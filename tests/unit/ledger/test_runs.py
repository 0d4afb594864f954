"""How a run ended is known, a crashed ledger is checked, and readers cannot touch the file."""

import random
import sqlite3
from pathlib import Path

import pytest

from bridge.ledger import runs, sqlite
from bridge.ledger.migrate import WrongLedger
from bridge.ledger.reports import REPORTS
from tests.books import NOW_MS, Books

FLIPS = 60
"""Bits that are turned over, each in a copy of its own."""


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path)


def test_a_goodbye_makes_the_next_start_clean(books: Books) -> None:
    clean = {"was_clean": True, "crashed_at_ms": None}
    assert books.do("run_begin", now_ms=NOW_MS) == clean
    assert books.do("run_end", now_ms=NOW_MS) == {"is_clean": True}
    assert books.do("run_begin", now_ms=NOW_MS, last_seen_ms=1) == clean
    books.close()


def test_the_crash_was_when_it_was_last_seen_or_last_accepted(books: Books) -> None:
    books.do("run_begin", now_ms=NOW_MS)
    crash = {"was_clean": False, "crashed_at_ms": NOW_MS - 500}
    assert books.do("run_begin", now_ms=NOW_MS, last_seen_ms=NOW_MS - 500) == crash
    # Whoever opens it later changes nothing about that, and says no goodbye for it.
    assert books.do("run_end", now_ms=NOW_MS) == {"is_clean": False}
    assert books.do("run_begin", now_ms=NOW_MS + 9, last_seen_ms=NOW_MS) == crash
    books.do("run_recovered")
    assert books.do("run_end", now_ms=NOW_MS) == {"is_clean": True}
    books.close()


def test_the_newest_acceptance_may_be_later_than_the_last_sign_of_life(books: Books) -> None:
    books.do("run_begin", now_ms=NOW_MS)
    books.accept(books.account(), books.prepared("x"))
    assert books.do("run_begin", now_ms=NOW_MS, last_seen_ms=NOW_MS - 9000)["crashed_at_ms"] == books.now_ms
    books.close()


def test_the_newest_acceptance_is_not_the_highest_number(books: Books) -> None:
    """One commit numbers what came by mail before what came from ESMEs, whichever was first: 30 ms were missed, and
    the repeat of a mail accepted in them became a second message."""
    account = books.account()
    books.do("run_begin", now_ms=NOW_MS)
    books.now_ms += 30
    (later,) = books.accept(account, books.prepared("by mail"))
    books.now_ms -= 30
    books.accept(account, books.prepared("from an ESME"))
    crashed_at_ms = books.do("run_begin", now_ms=NOW_MS + 900)["crashed_at_ms"]
    assert crashed_at_ms == NOW_MS + 30
    books.now_ms += 1000
    books.do("recover", now_ms=books.now_ms, hold_ms=0, crashed_at_ms=crashed_at_ms)
    (again,) = books.accept(account, books.prepared("by mail"))
    assert (again.is_repeat, again.message_id) == (True, later.message_id)
    books.close()


def test_without_any_sign_the_crash_is_now(books: Books) -> None:
    books.do("run_begin", now_ms=1)
    assert books.do("run_begin", now_ms=NOW_MS)["crashed_at_ms"] == NOW_MS
    books.close()


def test_a_clean_ledger_is_not_checked_and_a_crashed_one_is(books: Books) -> None:
    assert runs.examine(books.path).was_clean
    books.do("run_begin", now_ms=NOW_MS)
    found = runs.examine(books.path)
    assert not found.was_clean
    assert found.check_s > 0
    assert found.version > 0
    books.close()


def with_messages(folder: Path) -> Path:
    """A closed ledger with some messages in it whose run did not end well."""
    books = Books(folder)
    account_id = books.account()
    for number in range(40):
        books.accept(account_id, books.prepared(f"text {number}"))
    books.do("run_begin", now_ms=NOW_MS)
    books.close()
    return folder / "ledger.sqlite"


def balances(path: Path) -> list[tuple[object, ...]]:
    reader = sqlite.open_reader(path)
    try:
        return reader.execute("SELECT account_id, book, amount_mc FROM balance ORDER BY 1, 2").fetchall()
    finally:
        reader.close()


def test_a_turned_bit_is_found_or_does_no_harm(tmp_path: Path) -> None:
    path = with_messages(tmp_path)
    whole, before = path.read_bytes(), balances(path)
    copy = tmp_path / "copy.sqlite"
    chance = random.Random(3)
    found = 0
    for _ in range(FLIPS):
        flipped = bytearray(whole)
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        copy.write_bytes(flipped)
        try:
            runs.examine(copy)
            is_served = balances(copy) == before or _audit_fails(copy)
        except WrongLedger:
            found += 1
            is_served = True
        assert is_served, "a wrong balance was served"
        assert copy.read_bytes() == bytes(flipped), "looking at it changed it"
    assert found


def _audit_fails(path: Path) -> bool:
    from sqlite_utils import Database

    reader = sqlite.open_reader(path)
    try:
        return not REPORTS["ledger_audit"](Database(reader, execute_plugins=False))["is_ok"]
    finally:
        reader.close()


def test_readers_can_neither_write_nor_checkpoint(books: Books) -> None:
    """Only with a second connection that writes or checkpoints can SQLite 3.7.0 to 3.51.2 lose what was committed."""
    books.account()
    wal = books.path.with_name("ledger.sqlite-wal")
    before = books.path.read_bytes(), wal.read_bytes()
    assert before[1], "there is something to checkpoint"
    reader = sqlite.open_reader(books.path)
    for statement in ("DELETE FROM balance", "PRAGMA user_version = 9", "CREATE TABLE x (y)", "VACUUM"):
        with pytest.raises(sqlite3.OperationalError, match="readonly|read-only|query_only"):
            reader.execute(statement)
    for mode in ("PASSIVE", "FULL", "RESTART", "TRUNCATE"):
        try:
            (busy, _, moved) = reader.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
            assert busy or moved <= 0
        except sqlite3.OperationalError:
            pass
    reader.close()
    assert (books.path.read_bytes(), wal.read_bytes()) == before
    assert books.connection.execute("PRAGMA synchronous").fetchone() == (2,)
    books.close()
