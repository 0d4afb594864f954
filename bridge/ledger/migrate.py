"""Create a ledger, or bring an older one up to this program: numbered steps, one transaction for each."""

import secrets
import sqlite3
from collections.abc import Callable
from importlib.resources import files

from sqlite_utils import Database

from bridge import failpoints

APPLICATION_ID = 0x534D5342  # "SMSB": tells our files from anybody else's
_SQL = files("bridge.ledger") / "sql"


class WrongLedger(Exception):
    """The file is no ledger of ours, or was written by a newer program."""


def steps() -> dict[int, str]:
    """Every step: schema version it leads to -> its SQL."""
    found = {}
    for entry in (_SQL / "steps").iterdir():
        if entry.name.endswith(".sql"):
            found[int(entry.name[:4])] = entry.read_text(encoding="utf-8")
    return dict(sorted(found.items()))


def newest() -> int:
    return max(steps())


def version_of(connection: sqlite3.Connection) -> int:
    """Schema version of an open file; 0 for an empty one. Raises WrongLedger when it is not one of ours."""
    database = Database(connection, execute_plugins=False)
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if application == APPLICATION_ID:
        return version
    if application == 0 and version == 0 and not database.table_names():
        return 0
    raise WrongLedger("this file is not a ledger of smsbridge: choose another state folder or move the file away")


def prepare(connection: sqlite3.Connection, before_upgrade: Callable[[int], object] | None = None) -> int:
    """Make the open file a ledger of the newest version and give the version it had before.

    `before_upgrade` is called with that version before the first step of an upgrade; what it raises stops the upgrade,
    with nothing changed. Raises WrongLedger when a newer program wrote the file: an older one would misread it.
    """
    before = version_of(connection)
    if before > newest():
        raise WrongLedger(f"the ledger has schema {before}, this program knows {newest()}: start the newer program")
    if before == 0:
        apply(connection, (_SQL / "schema.sql").read_text(encoding="utf-8"), newest())
    elif before < newest() and before_upgrade is not None:
        before_upgrade(before)
    for version in range(max(before, 1) + 1, newest() + 1) if before else ():
        apply(connection, steps()[version], version)
    return before


def apply(connection: sqlite3.Connection, sql: str, version: int) -> None:
    """Run one schema script as one transaction and record the version it leads to."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in split(sql):
            connection.execute(statement)
        # The key of the public ids is made with the file and stays: another key would rename every message.
        connection.execute(
            "INSERT INTO setting_of_ledger (name, value) VALUES ('id_key', ?) ON CONFLICT DO NOTHING",
            (str(secrets.randbits(64)),),
        )
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        failpoints.reach("migrate.before_commit")
        connection.execute("COMMIT")
        failpoints.reach("migrate.committed")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def split(sql: str) -> list[str]:
    """Cut a script into complete statements (a trigger's inner semicolons do not end it)."""
    found, pending = [], ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending.strip())
            pending = ""
    if "".join(line for line in pending.splitlines() if not line.lstrip().startswith("--")).strip():
        raise ValueError(f"unfinished statement: {pending.strip()[:80]!r}")
    return found


def dump(connection: sqlite3.Connection) -> str:
    """The schema of an open file as text, for comparing an upgraded file with a fresh one."""
    return Database(connection, execute_plugins=False).schema
