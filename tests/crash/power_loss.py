"""Power cuts at every moment of a ledger's life.

The workload runs once on a disk that records every operation. For any moment of that record this builds the files that
a power cut would leave: what was synced is there, what was not is dropped, kept or torn at a sector; sizes
and names of files likewise. Every image is opened by the ledger's own opener and held against what had been answered.

    python -m tests.crash.power_loss --images 200 --seed 1 --synchronous FULL

prints how many images lost an answered fact, and exits 1 when any image is not as promised.
Not modelled: a disk that says "synced" and lies.
"""

import argparse
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

from bridge.ledger import migrate, sqlite
from tests.crash.driver import ledger_on
from tests.crash.faulty_vfs import DELETE, READ, SECTOR, SYNC, TRUNCATE, WRITE, Disk, mounted
from tests.crash.findings import examine
from tests.crash.workload import FILE, ROUNDS, Desk, Fact, Journal, Story, scratch

LOST_SHARE = 0.4
TORN_SHARE = 0.2
"""Of the operations that were not synced; the rest is kept."""
OLD_ROWS = (
    "INSERT INTO account (account_id, name, name_folded, created_at_ms) VALUES (1, 'old', 'old', 1)",
    "INSERT INTO balance (account_id, book, amount_mc) VALUES (1, 'credit', 7000)",
    "INSERT INTO posting (account_id, book, kind, cause, amount_mc, created_at_ms) "
    "VALUES (1, 'credit', 'top_up', 'top_up:first', 7000, 1)",
)
"""An account of the first schema with its credit; the fact is answered when all three are committed."""


@dataclass(frozen=True, slots=True)
class Operation:
    kind: str
    file: str
    offset: int
    data: bytes


class RecordingDisk(Disk):
    """Remembers everything."""

    def __init__(self) -> None:
        super().__init__()
        self.record: list[Operation] = []

    def before(self, kind: str, file: str, offset: int = 0, data: bytes = b"") -> None:
        Disk.before(self, kind, file, offset, data)
        if kind != READ:
            self.record.append(Operation(kind, file, offset, data))


@dataclass(slots=True)
class Life:
    """What a run did to its disk and what it answered meanwhile."""

    record: list[Operation]
    journal: Journal


@dataclass(slots=True)
class Figures:
    """What became of the images."""

    images: int = 0
    answers_max: int = 0
    """Facts that had been answered, in the fullest image."""
    found: list[str] = field(default_factory=list)
    spread: dict[str, int] = field(default_factory=dict)
    """Finding -> images that have one such."""

    def enter(self, moment: int, seed: str, answers: int, findings: list[str]) -> None:
        self.images += 1
        self.answers_max = max(self.answers_max, answers)
        self.found += [f"image {moment}/{seed}: {finding}" for finding in findings]
        for kind in {finding.split(":")[0].split(" ")[0] for finding in findings}:
            self.spread[kind] = self.spread.get(kind, 0) + 1

    def __str__(self) -> str:
        spread = ", ".join(f"{kind} {count}" for kind, count in sorted(self.spread.items())) or "nothing wrong"
        return f"{self.images} images, up to {self.answers_max} answered facts, {spread}"


def live(synchronous: str = "", rounds: int = ROUNDS) -> Life:
    """Run the workload once on a recording disk; empty `synchronous`: as the ledger's opener sets it."""
    disk = RecordingDisk()
    journal = Journal(lambda: disk.operations)
    with scratch() as folder, mounted(disk) as vfs, ledger_on(vfs):
        desk = Desk(folder / FILE, journal, synchronous)
        Story(desk, journal).tell(rounds)
        desk.close()
    return Life(disk.record, journal)


def upgrade() -> Life:
    """The life of a ledger of the first schema with one account in it, while this program opens it."""
    disk = RecordingDisk()
    journal = Journal(lambda: disk.operations)
    with scratch() as folder, mounted(disk) as vfs, ledger_on(vfs):
        connection = sqlite.open_writer(folder / FILE)
        connection.execute("PRAGMA wal_autocheckpoint = 12")
        migrate.apply(connection, migrate.steps()[1], 1)
        connection.execute("BEGIN IMMEDIATE")
        for sql in OLD_ROWS:
            connection.execute(sql)
        connection.execute("COMMIT")
        sql = "SELECT count(*) FROM account JOIN posting USING (account_id) WHERE name = 'old' AND amount_mc = 7000"
        journal.facts.append((disk.operations, Fact("the account of before", sql, ())))
        migrate.prepare(connection)
        sql = "SELECT user_version >= ? FROM pragma_user_version"
        journal.facts.append((disk.operations, Fact("the new schema", sql, (migrate.newest(),))))
        connection.close()
    return Life(disk.record, journal)


class Platters:
    """What a disk holds for certain, and what it has only been told."""

    def __init__(self) -> None:
        self._certain: dict[str, bytearray] = {}
        self._told: dict[str, list[Operation]] = {}

    def take(self, operation: Operation) -> None:
        pending = self._told.setdefault(operation.file, [])
        pending.append(operation)
        if operation.kind == SYNC:
            if operation.file not in self._certain:
                self._sync_names()
            _play(self._certain, pending)
            pending.clear()

    def _sync_names(self) -> None:
        """The first sync of a new log or journal syncs its folder too: what was deleted before stays away."""
        for file, pending in self._told.items():
            deletions = [index for index, operation in enumerate(pending) if operation.kind == DELETE]
            if deletions:
                self._certain.pop(file, None)
                del pending[: deletions[-1] + 1]

    def cut(self, chance: random.Random, mood: str) -> dict[str, bytearray]:
        """The files after a power cut: `mood` is "dropped", "kept" or "torn"."""
        files = {name: bytearray(content) for name, content in self._certain.items()}
        if mood == "dropped":
            return files
        for pending in self._told.values():
            _play(files, pending if mood == "kept" else [o for told in pending for o in _torn(told, chance)])
        return files


def _play(files: dict[str, bytearray], operations: list[Operation]) -> None:
    for operation in operations:
        content = files.setdefault(operation.file, bytearray())
        if operation.kind == WRITE:
            if len(content) < operation.offset:
                content.extend(bytes(operation.offset - len(content)))
            content[operation.offset : operation.offset + len(operation.data)] = operation.data
        elif operation.kind == TRUNCATE:
            del content[operation.offset :]
        elif operation.kind == DELETE:
            files.pop(operation.file, None)


def _torn(operation: Operation, chance: random.Random) -> list[Operation]:
    """What is left of one operation that was not synced."""
    fate = chance.random()
    if fate < LOST_SHARE:
        if operation.kind == WRITE and chance.random() < TORN_SHARE:
            # The file grew, but what should be there never came.
            return [Operation(WRITE, operation.file, operation.offset, bytes(len(operation.data)))]
        return []
    if fate < LOST_SHARE + TORN_SHARE and operation.kind == WRITE:
        sectors = range(0, len(operation.data), SECTOR)
        return [
            Operation(WRITE, operation.file, operation.offset + start, operation.data[start : start + SECTOR])
            for start in sectors
            if chance.random() < 0.5
        ]
    return [operation]


def images(life: Life, count: int, seed: int) -> Iterator[tuple[int, str, dict[str, bytearray]]]:
    """At least `count` images, evenly over all moments: (moment, name of its chance, files)."""
    moods = ["dropped", "torn", "kept", "torn", "torn"]
    every = len(life.record) + 1
    step = max(1, every // count)
    turns = -(-count * step // every)
    platters = Platters()
    for moment in range(every):
        if moment:
            platters.take(life.record[moment - 1])
        if moment % step:
            continue
        for turn in range(turns):
            mood = moods[(moment // step + turn) % len(moods)]
            name = f"{mood}.{seed}.{turn}"
            yield moment, name, platters.cut(random.Random(f"{moment}.{name}"), mood)


def rehearse(life: Life, count: int, seed: int = 1) -> Figures:
    """Cut the power `count` times and look at every ledger that is left."""
    figures = Figures(found=[f"surprise: {surprise}" for surprise in life.journal.surprises])
    with scratch() as folder:
        for number, (moment, name, files) in enumerate(images(life, count, seed)):
            place = folder / str(number)
            place.mkdir()
            for file, content in files.items():
                (place / file).write_bytes(content)
            # The shared memory of a dead machine means nothing, whatever is in it.
            if number % 2:
                (place / f"{FILE}-shm").write_bytes(random.Random(number).randbytes(32768))
            facts = life.journal.until(moment)
            figures.enter(moment, name, len(facts), examine(place, facts, life.journal.groups))
            shutil.rmtree(place)
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description="power cuts at every moment of a ledger's life")
    parser.add_argument("--images", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--synchronous", default="", help="FULL, NORMAL or OFF; as the ledger sets it when left out")
    options = parser.parse_args()
    life = live(options.synchronous, options.rounds)
    figures = rehearse(life, options.images, options.seed)
    print(f"{options.synchronous or 'as it is'}: {len(life.record)} operations, {figures}")
    for line in figures.found[:10]:
        print(f"  {line}")
    return 1 if figures.found else 0


if __name__ == "__main__":
    raise SystemExit(main())
