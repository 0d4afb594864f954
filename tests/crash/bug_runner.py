"""Deliberate bugs: patches that are applied to a copy of the program, and the detectors that must catch them.

A patch in `bugs/` is a unified diff under three lines that say what is wrong, which detector catches it and which words
that detector then prints:

    Bug: the client hears yes before the commit
    Caught by: power_loss --images 150
    Shows: lost: message

Hunks are found by their own lines, wherever these have moved to; line numbers count for nothing. After a change of the
program nearby, `--refresh` writes the patches anew where they still fit, and the error names the hunk that does not.

    python -m tests.crash.bug_runner                 every bug
    python -m tests.crash.bug_runner charged_twice   some
    python -m tests.crash.bug_runner --refresh
"""

import argparse
import difflib
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUGS = Path(__file__).parent / "bugs"
AT_ONCE = 2
"""Detectors that run at the same time."""
TIMEOUT_S = 300
SHOWN_LINES = 15
DETECTORS = {
    "power_loss": ["-m", "tests.crash.power_loss"],
    "io_errors": ["-m", "tests.crash.io_errors"],
    "quiet_day": ["-m", "tests.crash.quiet_day"],
    "kill_harness": ["-m", "tests.crash.kill_harness"],
    "ledger_machine": ["-m", "tests.crash.ledger_machine"],
    "test": ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"],
}
"""Name -> arguments of Python, run in the copy; what stands behind the name in the patch follows."""
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "node_modules", "node", ".hypothesis", "results")


class StalePatch(Exception):
    """A hunk of a patch does not fit the program any more."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that are there, and lines that shall be there instead."""

    file: str
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bug:
    name: str
    what: str
    detector: tuple[str, ...]
    """The words after "Caught by"."""
    shows: str
    hunks: tuple[Hunk, ...]

    @property
    def is_slow(self) -> bool:
        """Whether its detector starts and kills whole appliances."""
        return self.detector[0] == "kill_harness"


def bugs() -> list[Bug]:
    """All of them, by name."""
    return [read(path) for path in sorted(BUGS.glob("*.patch"))]


def read(path: Path) -> Bug:
    """Read a patch. Raises KeyError when its header lacks a line, ValueError when the diff is none."""
    head, _, diff = path.read_text(encoding="utf-8").partition("--- a/")
    facts = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    hunks = tuple(_hunks("--- a/" + diff))
    if not hunks:
        raise ValueError(f"{path.name} has no hunk")
    return Bug(path.stem, facts["Bug"], tuple(facts["Caught by"].split()), facts["Shows"], hunks)


def _hunks(diff: str) -> list[Hunk]:
    found: list[Hunk] = []
    file, old, new = "", [], []

    def close() -> None:
        if old or new:
            found.append(Hunk(file, tuple(old), tuple(new)))
        old.clear()
        new.clear()

    for line in diff.splitlines():
        if line.startswith("--- "):
            close()
        elif line.startswith("+++ b/"):
            file = line.removeprefix("+++ b/")
        elif line.startswith("@@"):
            close()
        else:
            mark, text = line[:1], line[1:]
            if mark in (" ", "-", ""):
                old.append(text)
            if mark in (" ", "+", ""):
                new.append(text)
    close()
    return found


def apply(bug: Bug, tree: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Put the bug into a tree; gives for every file its lines before and after. Raises StalePatch."""
    changed: dict[str, tuple[list[str], list[str]]] = {}
    for number, hunk in enumerate(bug.hunks, 1):
        where = f"{bug.name}.patch, hunk {number} ({hunk.file})"
        path = tree / hunk.file
        if not path.is_file():
            raise StalePatch(f"{where}: there is no such file")
        lines = path.read_text(encoding="utf-8").splitlines()
        size = len(hunk.old)
        places = [at for at in range(len(lines) - size + 1) if tuple(lines[at : at + size]) == hunk.old]
        if len(places) != 1:
            why = "its lines are not there any more" if not places else f"its lines are there {len(places)} times"
            raise StalePatch(f"{where}: {why}:\n" + "\n".join(f"    {line}" for line in hunk.old))
        before = changed[hunk.file][0] if hunk.file in changed else lines
        lines = lines[: places[0]] + list(hunk.new) + lines[places[0] + size :]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        changed[hunk.file] = before, lines
    return changed


def copy_tree(target: Path) -> None:
    """The program, its tests and what they read, without anything that was made from them."""
    for name in ("bridge", "tests", "config", "docs"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=_LEFT_OUT)
    for name in ("setup.cfg", "pyproject.toml"):
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, target / name)


def detect(detector: tuple[str, ...], tree: Path) -> tuple[int, str]:
    """Run a detector in a tree; gives its exit code and what it printed. The program under test is that tree's."""
    name, *arguments = detector
    if name == "kill_harness":
        arguments += ["--tree", str(tree)]
    environment = {key: value for key, value in os.environ.items() if key not in ("SMSBRIDGE_LONG", "PYTHONSAFEPATH")}
    done = subprocess.run(
        [sys.executable, *DETECTORS[name], *arguments],
        check=False,
        cwd=tree,
        env=environment | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_S,
        text=True,
    )
    return done.returncode, done.stdout


def hunt(bug: Bug) -> str:
    """Put one bug into a copy and run its detector; gives "" when it is caught, else what happened instead."""
    with tempfile.TemporaryDirectory(prefix="smsbridge-bug-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        try:
            apply(bug, tree)
        except StalePatch as error:
            return str(error)
        code, printed = detect(bug.detector, tree)
    if code and bug.shows in printed:
        return ""
    tail = "\n".join(f"    {line}" for line in printed.splitlines()[-SHOWN_LINES:])
    detector = " ".join(bug.detector)
    if not code:
        return f"{bug.name}: not caught by {detector}: {bug.what}\n{tail}"
    return f"{bug.name}: {detector} failed without saying {bug.shows!r}\n{tail}"


def check_sound(detectors: list[tuple[str, ...]]) -> list[str]:
    """Run detectors on a copy without any bug; gives those that cry all the same."""
    with tempfile.TemporaryDirectory(prefix="smsbridge-bug-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            outcomes = list(pool.map(lambda detector: detect(detector, tree), detectors))
    return [
        f"{' '.join(detector)} finds a bug where there is none:\n{printed}"
        for detector, (code, printed) in zip(detectors, outcomes, strict=True)
        if code
    ]


def hunt_all(wanted: list[Bug]) -> dict[str, str]:
    """Bug -> "" or what went wrong, in order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip([bug.name for bug in wanted], pool.map(hunt, wanted), strict=True))


def changes(bug: Bug) -> dict[str, tuple[list[str], list[str]]]:
    """What the patch makes of the program as it is: file -> lines before and after. Raises StalePatch."""
    with tempfile.TemporaryDirectory(prefix="smsbridge-bug-") as folder:
        tree = Path(folder)
        for file in {hunk.file for hunk in bug.hunks}:
            (tree / file).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / file).is_file():
                shutil.copy(ROOT / file, tree / file)
        return apply(bug, tree)


def refresh(bug: Bug) -> None:
    """Write the patch anew against the program as it is. Raises StalePatch."""
    path = BUGS / f"{bug.name}.patch"
    head = path.read_text(encoding="utf-8").partition("--- a/")[0]
    pieces: list[str] = []
    for file, (before, after) in changes(bug).items():
        pieces += difflib.unified_diff(before, after, f"a/{file}", f"b/{file}", n=1, lineterm="")
    path.write_text(head + "\n".join(pieces) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="put deliberate bugs into copies of the program and catch them")
    parser.add_argument("names", nargs="*", help="bugs; all when left out")
    parser.add_argument("--refresh", action="store_true", help="only write the patches anew")
    options = parser.parse_args()
    wanted = [bug for bug in bugs() if not options.names or bug.name in options.names]
    failed = False
    if options.refresh:
        for bug in wanted:
            try:
                refresh(bug)
            except StalePatch as error:
                failed = True
                print(error)
        return int(failed)
    for name, trouble in hunt_all(wanted).items():
        bug = next(bug for bug in wanted if bug.name == name)
        print(trouble or f"{name}: caught by {' '.join(bug.detector)}")
        failed = failed or bool(trouble)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
