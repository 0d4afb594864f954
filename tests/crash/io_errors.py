"""Failing disks under the ledger: I/O errors, a disk that is full once or for long, and disks that are too small.

Every failure is met by the same workload. What was answered must be stored when the files are opened again; an I/O
error that reaches a commit stops the worker for good; a full disk only says "later", and what comes later is taken.

    python -m tests.crash.io_errors --points 60

prints what became of each kind of failure, and exits 1 when any of them is not as promised. An I/O error inside one of
SQLite's own checkpoints reaches nobody (the commit before it stands, and the next checkpoint does it again), so
the promise there is that everything goes on and nothing is missing.
"""

import argparse
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bridge.ledger import sqlite
from tests.crash.driver import ledger_on
from tests.crash.faulty_vfs import READ, SYNC, TRUNCATE, WRITE, Disk, FailingDisk, Failure, SmallDisk, mounted
from tests.crash.findings import come_again, examine
from tests.crash.workload import FILE, Desk, Journal, Stopped, Story, scratch

ROUNDS = 3
SIZE_MIN, SIZE_MAX = 40 * 4096, 256 * 4096
"""Disks from one that is too small for an empty ledger to one that the workload just does not fill."""


@dataclass(slots=True)
class Figures:
    """What became of the failures of one kind."""

    failures: int = 0
    met: int = 0
    """Faults that the workload lived long enough to meet."""
    unstarted: int = 0
    """Runs that could not even open the ledger, and said so."""
    stopped: int = 0
    """Runs that the worker ended because nobody knew what was stored."""
    went_on: int = 0
    """Runs that met their failure and ended well."""
    later: int = 0
    """Answers "later"."""
    unknown: int = 0
    """Requests whose outcome nobody knew."""
    unknown_stored: int = 0
    """Groups among them that were found stored after all; their peers come again, and each is there once."""
    answered: int = 0
    found: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.failures} failures, {self.met} met: {self.unstarted} did not start, {self.stopped} stopped, "
            f"{self.went_on} went on; {self.later} told later, {self.unknown} unknown "
            f"({self.unknown_stored} groups stored all the same), {self.answered} facts answered, "
            f"{len(self.found)} wrong"
        )


def quiet_length(kind: str, rounds: int = ROUNDS) -> int:
    """How many operations of a kind the workload makes on a sound disk."""
    disk = FailingDisk(Failure(kind, 1 << 60))
    journal = Journal(lambda: disk.operations)
    with scratch() as folder, mounted(disk) as vfs, ledger_on(vfs):
        desk = Desk(folder / FILE, journal)
        Story(desk, journal).tell(rounds)
        desk.close()
    assert not journal.surprises, journal.surprises
    return disk.seen


def sample(kind: str, points: int, rounds: int = ROUNDS) -> list[int]:
    """At most so many moments for a failure, evenly over the workload's operations of that kind."""
    length = quiet_length(kind, rounds)
    return sorted({1 + (length - 1) * n // max(1, points - 1) for n in range(points)})


def rehearse(failures: list[Failure], rounds: int = ROUNDS) -> Figures:
    """Let every failure happen once, in a life of so many rounds, and look at what is left."""
    figures = Figures()
    for failure in failures:
        _meet(FailingDisk(failure), str(failure), figures, must_stop=not failure.is_full, rounds=rounds)
    return figures


def rehearse_small_disks(capacities: list[int]) -> Figures:
    """The same on disks of so many octets, which get room when the workload has met their end."""
    figures = Figures()
    for capacity in capacities:
        _meet(SmallDisk(capacity), f"disk of {capacity} octets", figures, must_stop=False, rounds=ROUNDS)
    return figures


def _meet(disk: Disk, name: str, figures: Figures, *, must_stop: bool, rounds: int) -> None:
    """One life on one disk. `must_stop`: its failure is one that ends the worker when a commit meets it."""
    journal = Journal(lambda: disk.operations)
    findings: list[str] = []
    with scratch() as folder:
        left = folder / "left"
        with mounted(disk) as vfs, ledger_on(vfs):
            desk = _open(folder / FILE, journal)
            if desk is not None:
                findings += _live(desk, disk, journal, figures, must_stop, rounds)
            # A kill leaves the files as they are now; closing them would write.
            _copy(folder, left)
            disk.repair()
            if desk is not None:
                desk.close()
        findings += journal.surprises + examine(left, journal.until(disk.operations), journal.groups)
        figures.unknown_stored += _stored(left, [one.name for one in journal.unknown if one.name])
        findings += come_again(left, journal.unknown)
    figures.failures += 1
    figures.met += bool(disk.failed)
    figures.unstarted += desk is None
    figures.later += journal.refused
    figures.unknown += len(journal.unknown)
    figures.answered += len(journal.facts)
    figures.found += [f"{name}: {finding}" for finding in findings]


def _open(path: Path, journal: Journal) -> Desk | None:
    """The ledger, or None when it says that it cannot be opened."""
    try:
        return Desk(path, journal)
    except sqlite3.Error:
        return None


def _live(desk: Desk, disk: Disk, journal: Journal, figures: Figures, must_stop: bool, rounds: int) -> Iterator[str]:
    story = Story(desk, journal)
    try:
        story.tell(rounds)
    except Stopped as error:
        figures.stopped += 1
        if not must_stop:
            yield f"a full disk stopped the worker: {error}"
        if desk.takes_requests():
            yield "the worker failed and takes requests all the same"
        return
    figures.went_on += bool(disk.failed)
    if must_stop and journal.refused:
        yield "an I/O error was called temporary"
    disk.repair()
    before = journal.refused, journal.unknown[:]
    try:
        story.tell_more()
    except Stopped as error:
        yield f"stopped after the repair: {error}"
    if (journal.refused, journal.unknown) != before:
        yield "requests were not taken after the repair"


def _stored(folder: Path, names: list[str]) -> int:
    """How many of these groups are there."""
    reader = sqlite.open_reader(folder / FILE)
    there = {row[0] for row in reader.execute("SELECT reference FROM message")}
    reader.close()
    return len(there & set(names))


def _copy(folder: Path, target: Path) -> None:
    target.mkdir()
    for file in folder.iterdir():
        if file.is_file():
            shutil.copy(file, target)


def every_kind(points: int) -> dict[str, list[Failure]]:
    """Faults by a name for the report: each kind of operation, once and for ever, an I/O error or a full disk."""
    found: dict[str, list[Failure]] = {}
    for kind in (WRITE, SYNC, READ, TRUNCATE):
        moments = sample(kind, points)
        for is_for_ever in (False, True):
            how = "for ever" if is_for_ever else "once"
            found[f"I/O error at a {kind}, {how}"] = [Failure(kind, n, False, is_for_ever) for n in moments]
            if kind == WRITE:
                found[f"full disk at a {kind}, {how}"] = [Failure(kind, n, True, is_for_ever) for n in moments]
    return found


def small_disks(count: int) -> list[int]:
    """So many sizes, evenly."""
    return [SIZE_MIN + (SIZE_MAX - SIZE_MIN) * n // max(1, count - 1) for n in range(count)]


def main() -> int:
    parser = argparse.ArgumentParser(description="failing disks under the ledger")
    parser.add_argument("--points", type=int, default=60, help="moments of each kind of failure")
    parser.add_argument("--only", default="", help="only failures whose name has this in it")
    options = parser.parse_args()
    wrong = []
    for name, failures in every_kind(options.points).items():
        if options.only not in name:
            continue
        figures = rehearse(failures)
        print(f"{name}: {figures}")
        wrong += figures.found
    if options.only in "disk too small":
        figures = rehearse_small_disks(small_disks(options.points))
        print(f"disk too small: {figures}")
        wrong += figures.found
    for line in wrong[:20]:
        print(f"  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
