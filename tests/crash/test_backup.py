"""Backup, restore and upgrade, killed at every step; and what a restored appliance sends by itself: nothing."""

import asyncio
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from bridge.failpoints import VARIABLE
from bridge.ledger import backup, backup_folder, migrate, restore, sqlite
from bridge.simulator.settings import SimulatorSettings
from bridge.simulator.smsc import Smsc
from tests.books import NOW_MS, Books
from tests.system.appliance import PROGRAM, RECIPIENT, Appliance, until
from tests.unit.ledger.test_backup import first_ledger

IS_LONG = os.environ.get("SMSBRIDGE_LONG") == "1"
UPGRADE_KILLS = 200 if IS_LONG else 8
KILLED = -9
UPGRADE = """
import sys
from pathlib import Path
from bridge.ledger import sqlite, upgrade
path = Path(sys.argv[1])
print("begins", flush=True)
connection = sqlite.open_writer(path)
upgrade.prepare(connection, path, path.parent / "backups", int(sys.argv[2]))
print("done", flush=True)
"""


def smsbridge(state: Path, *words: str, failpoint: str = "", code: int = 0) -> str:
    """One command on a state folder that no appliance uses, killed at a failpoint if one is named; what it printed."""
    environment = os.environ | {VARIABLE: failpoint}
    done = subprocess.run(
        [*PROGRAM, "--state-folder", str(state), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )
    assert done.returncode == (KILLED if failpoint else code), done.stdout + done.stderr
    return done.stderr if code else done.stdout


def ledger_with(state: Path, *texts: str) -> None:
    """A ledger in `state` whose process was killed: some of it lies in the log beside it. One message for each text."""
    work = state.parent / "work"
    work.mkdir()
    books = Books(work)
    account = books.account()
    for text in texts:
        books.accept(account, books.prepared(text))
    state.mkdir(exist_ok=True)
    for suffix in ("", "-wal", "-shm"):
        shutil.copy(books.path.with_name(books.path.name + suffix), state)
    books.close()
    shutil.rmtree(work)


def texts_in(state: Path) -> list[str]:
    connection = sqlite.open_writer(state / "ledger.sqlite")
    try:
        return sorted(row[0] for row in connection.execute("SELECT text FROM part"))
    finally:
        connection.close()


# --- killed at every step ---


@pytest.mark.parametrize("place", ["backup.copied", "backup.verified", "backup.renamed"])
def test_a_backup_that_is_killed_is_whole_or_not_there(tmp_path: Path, place: str) -> None:
    state = tmp_path / "state"
    ledger_with(state, "first")
    smsbridge(state, "backup", failpoint=place)
    found = backup_folder.entries(state / "backups")
    assert len(found) == (1 if place == "backup.renamed" else 0)
    for entry in found:
        assert restore.look_at(entry.path).messages == 1
        assert backup.digest_beside(entry.path) is not None
    assert place == "backup.renamed" or list((state / "backups").iterdir()), "it was killed with something on the disk"
    made = json.loads(smsbridge(state, "backup", "--json"))
    kept = {entry.path for entry in found} | {Path(made["path"])}
    assert set((state / "backups").iterdir()) == kept | {backup.digest_file(path) for path in kept}


RESTORE_PLACES = [
    "restore.prepared",
    "restore.decided",
    "restore.moving:1",
    "restore.moving:2",
    "restore.moving:3",
    "restore.moved_aside",
    "restore.in_place",
]


@pytest.mark.parametrize("place", RESTORE_PLACES)
def test_a_restore_that_is_killed_leaves_the_old_ledger_or_the_new_one(tmp_path: Path, place: str) -> None:
    old, state = tmp_path / "old" / "state", tmp_path / "state"
    old.parent.mkdir()
    ledger_with(old, "from the backup")
    file = backup.make(old / "ledger.sqlite", tmp_path / "copy.sqlite", now_ms=NOW_MS).path
    ledger_with(state, "present", "accepted since")
    smsbridge(state, "restore", "--yes", str(file), failpoint=place)

    # A reading command is the first to come by; it must find a ledger and never make an empty one.
    smsbridge(state, "ledger", "audit")
    is_old = place == "restore.prepared"
    assert texts_in(state) == (["accepted since", "present"] if is_old else ["from the backup"])
    aside = [path for path in state.glob("*before-restore*") if not path.name.endswith(("-wal", "-shm"))]
    assert len(aside) == (0 if is_old else 1)
    if aside:
        kept = sqlite.open_writer(aside[0])
        assert kept.execute("SELECT count(*) FROM part").fetchone() == (2,), "with what was in its log"
        kept.close()

    smsbridge(state, "restore", "--yes", str(file))
    assert texts_in(state) == ["from the backup"]
    assert not list(state.glob("*.restor*"))
    back = Books(state)
    back.audit()
    back.close()


@pytest.mark.parametrize("place", ["backup.renamed", "migrate.before_commit", "migrate.committed"])
def test_an_upgrade_that_is_killed_leaves_a_whole_version(tmp_path: Path, place: str) -> None:
    state = tmp_path / "state"
    state.mkdir()
    first_ledger(state / "ledger.sqlite").close()
    smsbridge(state, "account", "list", failpoint=place)
    assert version_in(state) == (2 if place == "migrate.committed" else 1), "each step is a transaction of its own"
    (kept,) = backup_folder.entries(state / "backups")
    assert (kept.upgrade_from, restore.look_at(kept.path).schema) == (1, 1)
    smsbridge(state, "ledger", "audit")
    assert version_in(state) == migrate.newest()
    assert texts_in(state) == ["hello"]


def version_in(state: Path) -> int:
    with sqlite3.connect(state / "ledger.sqlite") as connection:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    connection.close()
    return version


@pytest.mark.timeout(1800 if IS_LONG else 120)
def test_an_upgrade_killed_at_any_time_leaves_a_whole_version(tmp_path: Path) -> None:
    made = first_ledger(tmp_path / "ledger.sqlite")
    made.execute("PRAGMA cache_size = -64000")
    made.execute("BEGIN")
    for number in range(2, 20_000):
        made.execute(
            "INSERT INTO message VALUES (?, 1, 'smtp', '', '46701740605', 'gsm7', 1, 0, 'upstream', 2, '')", (number,)
        )
        made.execute(
            "INSERT INTO posting (account_id, book, kind, cause, amount_mc, created_at_ms)"
            " VALUES (1, 'credit', 'charge', ?, 0, 2)",
            (f"message:{number}",),
        )
    made.execute("COMMIT")
    made.close()
    states: set[int] = set()
    chance = random.Random(3)
    for number in range(UPGRADE_KILLS):
        state = tmp_path / f"state{number}"
        state.mkdir()
        shutil.copy(tmp_path / "ledger.sqlite", state)
        with subprocess.Popen(
            [sys.executable, "-c", UPGRADE, str(state / "ledger.sqlite"), str(NOW_MS + number)], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begins\n"
            # Not a wait for something: the moment of the kill is the test's chance.
            threading.Timer(chance.uniform(0, 0.5), process.kill).start()
            process.wait()
        states.add(version_in(state))
        for entry in backup_folder.entries(state / "backups"):
            assert restore.look_at(entry.path).messages == 19_999
        again = subprocess.run(
            # The same time again: the copy from the first try is in the way of the second, and must not be.
            [sys.executable, "-c", UPGRADE, str(state / "ledger.sqlite"), str(NOW_MS + number)],
            capture_output=True,
            check=True,
        )
        assert again.stdout.endswith(b"done\n")
        assert version_in(state) == migrate.newest()
        assert backup.check_sound(state / "ledger.sqlite").messages == 19_999
        shutil.rmtree(state)
    assert states <= set(range(1, migrate.newest() + 1))


# --- the whole appliance ---


@contextmanager
def carrier(port: int) -> Iterator[Smsc]:
    """The built-in simulator on a thread of its own: it outlives the appliance, and remembers what it was given."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    smsc = Smsc(SimulatorSettings(port=port, receipt_delay_ms=10))
    try:
        with structlog.testing.capture_logs():
            asyncio.run_coroutine_threadsafe(smsc.start(), loop).result(20)
            try:
                yield smsc
            finally:
                asyncio.run_coroutine_threadsafe(smsc.stop(), loop).result(20)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    made = Appliance(tmp_path)
    made.has_simulator = False
    yield made
    try:
        if made.process is not None:
            made.stop()
        made.audit()
    finally:
        made.close()


def send(appliance: Appliance, *texts: str) -> list[str]:
    """Accept one message for each text; gives their ids."""
    sent: list[str] = []
    for text in texts:
        values: dict[str, Any] = {"account": "demo", "to": [RECIPIENT], "text": text}
        values |= {"originator": "", "lane": "", "reference": ""}
        sent += [one["message_id"] for one in appliance.ask("send", **values)]
    return sent


def test_a_restored_appliance_sends_nothing_from_before_by_itself(appliance: Appliance) -> None:
    appliance.start().add_account()
    waiting = send(appliance, "one", "two", "three")
    made = appliance.ask("backup_create", target="")
    with carrier(appliance.smsc_port) as smsc:
        later = send(appliance, "accepted after the backup")
        for message_id in (*waiting, *later):
            appliance.wait_for(message_id, "delivered")
        refused = appliance.command("restore", "--yes", made["path"], check=False)
        assert refused.returncode == 75
        assert "stop the appliance first" in refused.stderr
        appliance.stop()
        assert "held    3 parts" in appliance.command("restore", "--yes", made["path"]).stdout
        smsc.journal.clear()

        appliance.start()
        (new,) = send(appliance, "new")
        appliance.wait_for(new, "delivered")
        assert new not in (*waiting, *later), "a public id never comes back for something else"
        assert [submitted.text for submitted in smsc.journal] == ["new"]
        assert {appliance.message(message_id)["state"] for message_id in waiting} == {"held"}
        (held,) = appliance.ask("held_list")["parts"]
        assert (held["account"], held["link"], held["count"]) == ("demo", "simulator", 3)
        assert "may have been sent since" in appliance.message(waiting[0])["waiting_for"]

        told = appliance.command("held", "release").stdout
        assert told.startswith("released 3 parts to simulator and ")
        for message_id in waiting:
            part = appliance.wait_for(message_id, "delivered")["parts"][0]
            assert part["is_possible_duplicate"]
        assert [submitted.text for submitted in smsc.journal] == ["new", "one", "two", "three"]


def test_what_is_held_is_told_at_every_start_and_in_the_status(appliance: Appliance) -> None:
    appliance.start().add_account()
    send(appliance, "an alarm")
    made = appliance.ask("backup_create", target="")
    appliance.stop()
    appliance.command("restore", "--yes", made["path"])
    for times in (1, 2):
        appliance.start()
        (*_, line) = warned = [line for line in appliance.log().splitlines() if "held since a restore" in line]
        assert len(warned) == times
        assert "parts=1" in line
        assert "smsbridge held list" in line
        assert appliance.ask("status")["held"]["parts"] == 1
        assert "1 part, 0 notices since a restore" in appliance.command("status").stdout
        appliance.stop()
    assert appliance.command("held", "cancel").stdout.startswith("cancelled 1 part and 0 notices")
    appliance.start()
    assert "since a restore" not in appliance.command("status").stdout
    assert appliance.log().count("held since a restore") == 2


def test_a_backup_to_a_disk_that_is_not_mounted_is_refused(appliance: Appliance) -> None:
    appliance.start()
    disk = appliance.folder / "usb"
    for target, told in ((disk, "mount the disk"), (disk / "a.sqlite", "there is no folder")):
        refused = appliance.command("backup", str(target), check=False)
        assert refused.returncode == 65
        assert told in refused.stderr
        assert not disk.exists()
    disk.mkdir()
    appliance.command("backup", str(disk / "a.sqlite"))
    assert sorted(path.name for path in disk.iterdir()) == ["a.sqlite", "a.sqlite.sha256"]
    absent = appliance.command("restore", "--yes", str(disk / "b.sqlite"), check=False)
    assert absent.returncode == 75, "it runs"
    appliance.stop()
    absent = appliance.command("restore", "--yes", str(disk / "b.sqlite"), check=False)
    assert absent.returncode == 65
    assert "there is no such file" in absent.stderr
    assert "damaged" not in absent.stderr


def test_the_clock_makes_and_rotates_backups_and_the_folder_remembers_them(appliance: Appliance) -> None:
    appliance.extra = {"backup": {"every_h": 0}}
    appliance.start().stop()
    folder = appliance.state / "backups"
    assert not folder.exists(), "0 is never"
    folder.mkdir()
    old = [backup_folder.new_path(folder, NOW_MS - 200 * backup_folder.DAY_MS - n * 3_600_000) for n in range(5)]
    for path in old:
        path.touch()
    killed = folder / (backup_folder.new_path(folder, NOW_MS).name + ".partial")
    killed.touch()
    appliance.extra = {"backup": {"hourly_kept": 2, "daily_kept": 0}}
    appliance.start()
    until(lambda: len(list(folder.glob("*.sqlite"))) == 2)
    assert not killed.exists()
    newest, second = appliance.ask("backup_list")
    assert Path(second["path"]) == old[0]
    assert restore.look_at(Path(newest["path"])).messages == 0
    assert appliance.ask("status")["backup"]["last_at_ms"] == newest["taken_at_ms"]
    assert "0 min ago" in appliance.command("status").stdout
    appliance.stop()
    appliance.start().stop()
    assert appliance.answer("backup", "list") == [newest, second], "the last one is not an hour old"


def test_without_room_the_schedule_says_so_and_the_appliance_goes_on(appliance: Appliance) -> None:
    appliance.state.mkdir()
    (appliance.state / "backups").touch()
    appliance.start().add_account()
    until(lambda: "no backup" in appliance.log())
    assert "never (" in appliance.command("status").stdout
    refused = appliance.command("backup", check=False)
    assert refused.returncode == 65
    assert refused.stderr.startswith("smsbridge: no backup was made: ")
    assert refused.stderr.endswith("look at the disk\n")
    assert send(appliance, "goes on")
