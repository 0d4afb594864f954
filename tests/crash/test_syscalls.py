"""The order of system calls, as the kernel sees them, and the process ended at one of them after the other."""

import asyncio
import itertools
import random
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash import journal
from tests.crash.errands import errands
from tests.crash.kill_harness import Run
from tests.crash.side_by_side import IS_LONG, side_by_side, spread
from tests.support import need_program

REQUESTS = 1000 if IS_LONG else 60
READ, WRITE = {"recvfrom", "read", "recvmsg", "readv"}, {"sendto", "write", "sendmsg", "writev"}
SYNC = "fdatasync"
SWEPT = ("fdatasync", "pwrite64", "sendto")
"""System calls that the process is ended at, one after the other."""
NUMBERS = 300
"""How far each of them is counted; a thread counts its own."""
PER_RUN = 25

_ANSWER = re.compile(r'"(250 2\.0\.0 queued|HTTP/1\.1 200)|\\0\\0\\0\\31\\200\\0\\0\\4\\0\\0\\0\\0')
"""How a yes begins by mail and over HTTP, as strace writes it; and a submit_sm_resp of 25 octets with ESME_ROK, which
may stand behind a receipt."""
_CALL = re.compile(r"^(\d+) +(?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))$", re.DOTALL)


def calls(trace: Path) -> Iterator[tuple[str, str]]:
    """Name and arguments of each call in the order they ended; what one sent, in the order it was begun."""
    begun: dict[tuple[str, str], str] = {}
    for line in trace.read_text(encoding="latin-1").splitlines():
        found = _CALL.match(line)
        if found is None:
            continue
        thread, name, arguments, resumed, rest = found.groups()
        if resumed:
            name, arguments = resumed, begun.pop((thread, resumed), "") + rest
            if name in WRITE:
                continue
        elif "<unfinished ...>" in arguments:
            begun[thread, name] = arguments.partition("<unfinished")[0]
            if name not in WRITE:
                continue
        yield name, arguments


def order(trace: Path, marks: set[str]) -> dict[str, list[tuple[str, int]]]:
    """For each mark of an errand: where it was seen ("asked", "answered", "sent") and how many syncs were done then.

    An answer belongs to the errand that was asked last: the requests come one at a time.
    """
    seen: dict[str, list[tuple[str, int]]] = {mark: [] for mark in marks}
    synced = 0
    latest = ""
    for name, arguments in calls(trace):
        if name == SYNC and "ledger.sqlite-wal" in arguments and arguments.rstrip().endswith("= 0"):
            synced += 1
        # A receipt repeats how its text began.
        marked = [mark for mark in re.findall(r"(?<!text:)E\d{7}", arguments) if mark in marks]
        if "<TCP:" not in arguments:
            continue
        if name in READ and marked:
            latest = marked[0]
            seen[latest].append(("asked", synced))
        elif name in WRITE and _ANSWER.search(arguments) and latest:
            seen[latest].append(("answered", synced))
        elif name in WRITE:
            for mark in marked:  # Parts that left together share one write.
                seen[mark].append(("sent", synced))
    return seen


async def _one_at_a_time(folder: Path) -> set[str]:
    """Requests one after the other under strace; gives the marks of those that were answered."""
    run = Run(folder, seed=1)
    try:
        names = ",".join(sorted(READ | WRITE | {SYNC}))
        run.target.wrapper = ["strace", "-f", "-qq", "-yy", "-s", "8000", "-o", str(folder / "trace"), "-e", names]
        await run.prepare()
        for errand in itertools.islice(errands(1, first=1), REQUESTS):
            run.load.send(
                replace(errand, account="plant", recipients=errand.recipients[:1], text=f"{errand.text[:8]} alarm")
            )
            await run.load.finish(30)
        report = await run.finish()
        assert report.is_ok, str(report)
        entries = journal.read(folder / "clients.journal")
        texts = {entry["number"]: entry["text"][:8] for entry in entries if entry["what"] == "errand"}
        return {texts[entry["errand"]] for entry in entries if entry["what"] == "heard" and entry["errand"] <= REQUESTS}
    finally:
        run.close()


@pytest.mark.peer("strace")
@pytest.mark.timeout(1200 if IS_LONG else 120)
def test_no_answer_leaves_before_its_sync_and_no_part_before_its_claims(tmp_path: Path) -> None:
    need_program("strace", "apt-get install strace")
    marks = asyncio.run(_one_at_a_time(tmp_path))
    seen = order(tmp_path / "trace", marks)
    assert len(marks) >= REQUESTS
    for mark in sorted(marks):
        first = dict(reversed(seen[mark]))
        assert {"asked", "answered", "sent"} <= set(first), (mark, seen[mark])
        assert first["answered"] > first["asked"], f"{mark} was answered before a sync: {seen[mark]}"
        assert first["sent"] > first["asked"], f"{mark} was sent before its claim was synced: {seen[mark]}"


@pytest.mark.peer("strace")
@pytest.mark.skipif(not IS_LONG, reason="./test --long ends the process at 900 system calls")
@pytest.mark.timeout(4 * 3600)
def test_ended_at_any_system_call_every_promise_holds(tmp_path: Path) -> None:
    need_program("strace", "apt-get install strace")
    seed = random.SystemRandom().randrange(1_000_000)
    places = [f"syscall.{name}:{number}" for name in SWEPT for number in range(1, NUMBERS + 1)]
    jobs = [
        ["--failpoints", ",".join(places[first : first + PER_RUN]), "--seed", str(seed + first)]
        for first in range(0, len(places), PER_RUN)
    ]
    started = time.monotonic()
    runs = []
    for run in side_by_side(tmp_path, jobs):
        print(run.said, flush=True)
        assert not run.facts.get("broken"), run.said
        assert run.facts, run.said
        runs.append(run)
    missed = [name for run in runs for name in run.facts["never_reached"]]
    print(f"\nsystem calls from seed {seed}, {time.monotonic() - started:.0f} s\n{spread(runs)}")
    print(f"  {len(places) - len(missed)} of {len(places)} reached within 15 s of load")
    assert len(missed) < len(places) / 3, missed
