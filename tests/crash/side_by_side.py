"""Several runs of the kill harness at a time, each a process of its own, and their reports added up."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.appliance import OWN_TREE

AT_ONCE = 2
"""Runs at a time: the machines we test on have two cores."""
TIMEOUT_S = 1800.0

IS_LONG = os.environ.get("SMSBRIDGE_LONG") == "1"
"""Whether the full figures are asked for: `./test --long`."""


@dataclass(frozen=True, slots=True)
class Done:
    """One run of the harness."""

    code: int
    said: str
    facts: dict[str, Any]


def harness(folder: Path, *arguments: str) -> Done:
    """Run the kill harness; `folder` is kept when it finds something."""
    folder.mkdir(parents=True)
    report = folder / "report.json"
    command = [sys.executable, "-m", "tests.crash.kill_harness", "--keep", str(folder), "--json", str(report)]
    environment = os.environ | {"PYTHONPATH": str(OWN_TREE)}
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=OWN_TREE,
        env=environment,
    )  # fmt: skip
    facts = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    return Done(done.returncode, done.stdout + done.stderr, facts)


def side_by_side(folder: Path, jobs: Iterable[list[str]]) -> Iterator[Done]:
    """Run every job, AT_ONCE at a time, and give each as it ends, in order."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        runs = [pool.submit(harness, folder / f"run{number}", *job) for number, job in enumerate(jobs)]
        for run in runs:
            yield run.result()
    finally:
        # Whoever stops listening after a failure waits for the runs that have begun, not for all of them.
        pool.shutdown(cancel_futures=True)


def spread(runs: Iterable[Done]) -> str:
    """How the kills of all runs were spread over the states of parts, and what came of them, for people."""
    kills = [kill for run in runs for kill in run.facts["kills"]]
    figures: Counter[str] = Counter()
    states: Counter[str] = Counter()
    for run in runs:
        figures.update(run.facts["figures"])
    for kill in kills:
        states.update(kill["states"])
    asked = sorted(kill["unanswered"] for kill in kills) or [0]
    lines = [
        f"{len(kills)} kills, {sum(kill['counts'] for kill in kills)} of them counted",
        f"requests unanswered at a kill: {asked[0]} to {asked[-1]}, median {asked[len(asked) // 2]},"
        f" {sum(asked)} in all, {sum(kill['committed'] for kill in kills)} of them committed",
        "parts at the kills by state: " + ", ".join(f"{state} {count}" for state, count in states.most_common()),
        "in the end: " + ", ".join(f"{count} {name}" for name, count in figures.items()),
    ]
    return "\n".join(f"  {line}" for line in lines)
