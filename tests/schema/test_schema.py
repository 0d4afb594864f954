"""The schema: a ledger that climbed every step is the same as a fresh one, and every statement fits it."""

import re
import sqlite3
from pathlib import Path

import pytest

from bridge.ledger import migrate, sqlite
from bridge.ledger.smsc_ids import smsc_key
from bridge.ledger.statements import statements
from bridge.messages.message import PartState

PLACEHOLDER_ROW = re.compile(r"\{rows\}")


def made_by_steps(path: Path, up_to: int) -> sqlite3.Connection:
    connection = sqlite.open_writer(path)
    for version in range(1, up_to + 1):
        migrate.apply(connection, migrate.steps()[version], version)
    return connection


@pytest.mark.parametrize("version", sorted(migrate.steps()))
def test_upgraded_from_any_version_equals_fresh(tmp_path: Path, version: int) -> None:
    old = made_by_steps(tmp_path / "old.sqlite", version)
    fresh = sqlite.open_writer(tmp_path / "fresh.sqlite")
    assert migrate.prepare(old) == version
    assert migrate.prepare(fresh) == 0
    assert without_comments(migrate.dump(old)) == without_comments(migrate.dump(fresh))
    assert rows_of(old) == rows_of(fresh)
    assert migrate.version_of(old) == migrate.version_of(fresh) == migrate.newest()
    old.close()
    fresh.close()


def without_comments(schema: str) -> list[str]:
    """One entry for each statement, blanks and layout aside: a column that was added stands in the last line."""
    bare = " ".join(line.partition("--")[0] for line in schema.splitlines())
    tight = re.sub(r"\s*([,()])\s*", r"\1", " ".join(bare.split()))
    return sorted(statement.strip() for statement in tight.split(";"))


def rows_of(connection: sqlite3.Connection) -> list[object]:
    """What a ledger is born with."""
    return [
        connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in ("sequence", "tariff")
    ] + [connection.execute("SELECT name FROM setting_of_ledger ORDER BY 1").fetchall()]


def test_the_steps_are_numbered_without_gaps() -> None:
    assert list(migrate.steps()) == list(range(1, migrate.newest() + 1))


@pytest.mark.parametrize("name", sorted(statements()))
def test_every_statement_fits_the_schema(tmp_path: Path, name: str) -> None:
    connection = sqlite.open_writer(tmp_path / "ledger.sqlite")
    migrate.prepare(connection)
    for width in range(1, 21):
        row = "(" + ", ".join(["NULL"] * width) + ")"
        sql = PLACEHOLDER_ROW.sub(row, statements()[name])
        names = set(re.findall(r":(\w+)", sql))
        try:
            connection.execute("EXPLAIN " + sql, dict.fromkeys(names))
        except sqlite3.OperationalError as error:
            if "{rows}" in statements()[name] and "values" in str(error):
                continue
            raise
        break
    else:
        pytest.fail("no row width fits this statement")
    connection.close()


KEYS_OF_VERSION_3 = {
    "3F2504E0-4F89-11D3-9A0C-0305E82C3301": "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "0E999F21-4F89-11D3-9A0C-0305E82C3301": "e999f21-4f89-11d3-9a0c-0305e82c3301",
    "00000000-4F89-11D3-9A0C-0305E82C3301": "-4f89-11d3-9a0c-0305e82c3301",
    "-3192925121525060116": "-3192925121525060116",
    "-1": "-1",
    "-1000000000": "-1000000000",
    "-9223372036854775808": "-9223372036854775808",
    "-9223372036854775809": "-9223372036854775809",
    "-12ab": "-12ab",
    "3F2504E0-4F89-11D3": "3f2504e0-4f89-11d3",
    "3F2504EX-4F89-11D3-9A0C-0305E82C3301": "3f2504ex-4f89-11d3-9a0c-0305e82c3301",
    "0A1B2C3D": "a1b2c3d",
    "": None,
}
"""Ids, and the normal forms that the ledger of version 3 made of them."""


def test_ids_that_wait_for_their_receipts_get_the_normal_form_of_now(tmp_path: Path) -> None:
    old = made_by_steps(tmp_path / "old.sqlite", 3)
    old.execute("PRAGMA foreign_keys = OFF")
    for number, (name, key) in enumerate(KEYS_OF_VERSION_3.items(), 1):
        old.execute(
            "INSERT INTO part (message_id, account_id, part_no, text, state, link, lane, next_action_at_ms,"
            " expires_at_ms, smsc_id, smsc_key) VALUES (1, 1, ?, '', 'submitted', 'upstream', 1, 0, 0, ?, ?)",
            (number, name, key),
        )
        if key:
            old.execute(
                "INSERT INTO parked_receipt (link, smsc_id, smsc_key, state, error, originator, received_at_ms)"
                " VALUES ('upstream', ?, ?, 'delivered', '', '', 0)",
                (name, key),
            )
    migrate.apply(old, migrate.steps()[4], 4)
    wanted = [(name, smsc_key(name) or None) for name in KEYS_OF_VERSION_3]
    assert old.execute("SELECT smsc_id, smsc_key FROM part ORDER BY part_no").fetchall() == wanted
    assert old.execute("SELECT smsc_id, smsc_key FROM parked_receipt ORDER BY 1").fetchall() == sorted(
        (name, key) for name, key in wanted if key
    )
    old.close()


def test_a_step_that_fails_leaves_the_version_before(tmp_path: Path) -> None:
    connection = made_by_steps(tmp_path / "ledger.sqlite", migrate.newest())
    before = migrate.dump(connection)
    with pytest.raises(sqlite3.OperationalError):
        migrate.apply(connection, "CREATE TABLE half (a INTEGER) STRICT;\nSELECT nonsense FROM nowhere;", 99)
    assert migrate.dump(connection) == before
    assert migrate.version_of(connection) == migrate.newest()
    connection.close()


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    connection = made_by_steps(tmp_path / "ledger.sqlite", migrate.newest())
    connection.execute(f"PRAGMA user_version = {migrate.newest() + 1}")
    with pytest.raises(migrate.WrongLedger, match="start the newer program"):
        migrate.prepare(connection)
    connection.close()


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    connection = sqlite.open_writer(tmp_path / "ledger.sqlite")
    connection.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(migrate.WrongLedger, match="not a ledger"):
        migrate.prepare(connection)
    connection.close()


def test_the_id_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    keys = []
    for _ in range(2):
        connection = sqlite.open_writer(path)
        migrate.prepare(connection)
        keys.append(connection.execute("SELECT value FROM setting_of_ledger WHERE name = 'id_key'").fetchall())
        connection.close()
    assert keys[0] == keys[1]
    assert len(keys[0]) == 1


def test_the_schema_knows_exactly_the_published_states(tmp_path: Path) -> None:
    connection = sqlite.open_writer(tmp_path / "ledger.sqlite")
    migrate.prepare(connection)
    (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'part'").fetchone()
    inside = re.search(r"state IN\s*\((.*?)\)", sql, re.DOTALL)
    assert inside is not None
    assert set(re.findall(r"'(\w+)'", inside.group(1))) == {state.value for state in PartState}
    connection.close()


def test_a_ledger_is_opened_for_durability(tmp_path: Path) -> None:
    connection = sqlite.open_writer(tmp_path / "ledger.sqlite")
    pragmas = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    connection.close()


def test_a_reader_can_neither_write_nor_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    writer = sqlite.open_writer(path)
    migrate.prepare(writer)
    reader = sqlite.open_reader(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("UPDATE sequence SET value = 1")
    reader.close()
    writer.close()
