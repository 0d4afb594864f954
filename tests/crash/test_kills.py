"""SIGKILL at random moments under load, many times on one ledger: nothing lost, nothing twice, nothing hidden."""

import random
from pathlib import Path

import pytest

from tests.crash.appliance import WINDOW
from tests.crash.side_by_side import IS_LONG, side_by_side, spread

KILLS, PER_RUN = (1000, 25) if IS_LONG else (20, 10)
"""Kills that count, in all and on one ledger."""
POLICIES = ("hold_then_resend_once", "never_resend")


@pytest.mark.timeout(4 * 3600 if IS_LONG else 300)
def test_killed_at_random_under_load_every_promise_holds(tmp_path: Path) -> None:
    """Half of the ledgers send a part in doubt once more, the others never. The seeds are printed."""
    seed = random.SystemRandom().randrange(1_000_000)
    jobs = [
        ["--kills", str(PER_RUN), "--seed", str(seed + number), "--in-doubt", POLICIES[number % len(POLICIES)]]
        for number in range(KILLS // PER_RUN)
    ]
    runs = []
    for run in side_by_side(tmp_path, jobs):
        print(run.said, flush=True)
        assert run.code == 0, run.said
        runs.append(run)
    print(f"\nrandom kills from seed {seed}\n{spread(runs)}")
    kills = [kill for run in runs for kill in run.facts["kills"]]
    assert sum(kill["counts"] for kill in kills) >= KILLS
    # The run must have been worth it: doubts, repeats that were merged, and answers that were lost after the commit.
    assert sum(kill["committed"] for kill in kills)
    assert max(kill["states"].get("claimed", 0) for kill in kills) <= WINDOW
    for what in ("merged", "in doubt", "resent", "unknown", "parked receipts", "inbound"):
        assert sum(run.facts["figures"][what] for run in runs), what
