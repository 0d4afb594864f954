"""A power cut loses nothing that was answered, and the same cuts show what a weaker setting would lose."""

import os
import sqlite3
from pathlib import Path

import pytest

from bridge.ledger import migrate
from tests.books import Books
from tests.crash.findings import examine
from tests.crash.power_loss import Figures, images, live, rehearse, upgrade
from tests.crash.quiet_day import quiet_day
from tests.crash.workload import FILE, scratch
from tests.schema.test_schema import without_comments

IS_LONG = os.environ.get("SMSBRIDGE_LONG") == "1"
IMAGES = 2000 if IS_LONG else 400
ROUNDS = 8 if IS_LONG else 4
UPGRADE_IMAGES = 600 if IS_LONG else 120
CONTROL_IMAGES = 1000 if IS_LONG else 150
SEEDS = 3 if IS_LONG else 1


@pytest.mark.timeout(600)
def test_a_power_cut_at_any_moment_loses_nothing_that_was_answered(capsys: pytest.CaptureFixture[str]) -> None:
    life = live(rounds=ROUNDS)
    # In the long form every moment has so many chances; a life is longer than IMAGES / SEEDS operations.
    figures = rehearse(life, max(IMAGES, SEEDS * len(life.record)) if IS_LONG else IMAGES)
    with capsys.disabled():
        print(f"\npower loss, synchronous=FULL: {len(life.record)} operations, {figures}")
    assert figures.images >= IMAGES
    assert figures.answers_max > 100
    assert not figures.found, figures.found[:10]


def test_the_same_cuts_lose_answers_when_commits_are_not_synced(capsys: pytest.CaptureFixture[str]) -> None:
    figures = rehearse(live("NORMAL"), CONTROL_IMAGES)
    with capsys.disabled():
        print(f"\npower loss, control with synchronous=NORMAL: {figures}")
    assert figures.spread.keys() == {"lost"}, "NORMAL loses what was answered, and nothing else"
    assert figures.spread["lost"] > figures.images // 10


def test_the_same_cuts_break_the_file_when_nothing_is_synced(capsys: pytest.CaptureFixture[str]) -> None:
    figures = rehearse(live("OFF"), CONTROL_IMAGES)
    with capsys.disabled():
        print(f"\npower loss, control with synchronous=OFF: {figures}")
    assert figures.spread["lost"] > figures.images // 10
    assert figures.spread["unreadable"] > 0


def test_a_power_cut_while_the_schema_climbs_leaves_the_old_or_the_new_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    life = upgrade()
    figures = Figures()
    found: set[int] = set()
    fresh = Books(tmp_path)
    for number, (moment, name, files) in enumerate(images(life, UPGRADE_IMAGES, seed=1)):
        with scratch() as place:
            for file, content in files.items():
                (place / file).write_bytes(content)
            found.add(schema_of(place / FILE))
            facts = life.journal.until(moment)
            figures.enter(moment, name, len(facts), examine(place, facts, {}))
            if number % 10 == 0:
                books = Books(place)
                schemas = [without_comments(migrate.dump(each.connection)) for each in (books, fresh)]
                assert schemas[0] == schemas[1]
                books.close()
    fresh.close()
    with capsys.disabled():
        print(f"\npower loss while the schema climbs: {len(life.record)} operations, {figures}")
    assert not figures.found, figures.found[:10]
    assert found == set(range(migrate.newest() + 1))


def schema_of(path: Path) -> int:
    """Schema version that a file has before anybody changes it; 0 for none."""
    if not path.exists():
        return 0
    connection = sqlite3.connect(path)
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    connection.close()
    return version


@pytest.mark.parametrize("start", [0, 4096], ids=["not a database", "broken inside"])
def test_a_broken_file_is_never_replaced_by_an_empty_one(tmp_path: Path, start: int) -> None:
    assert not quiet_day(tmp_path, rounds=1)
    path = tmp_path / FILE
    good = path.read_bytes()
    broken = good[:start] + b"\xff" * (len(good) - start)
    path.write_bytes(broken)
    (finding,) = examine(tmp_path, [], {})
    assert finding.startswith("unreadable: DatabaseError")
    assert path.read_bytes() == broken
