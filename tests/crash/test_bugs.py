"""The harness has teeth: every deliberate bug in bugs/ is caught by the detector that its patch names."""

import os
from dataclasses import replace

import pytest

from tests.crash.bug_runner import Bug, Hunk, StalePatch, bugs, changes, check_sound, hunt, hunt_all

IS_LONG = os.environ.get("SMSBRIDGE_LONG") == "1"
BUGS = bugs()
HUNTED = [bug for bug in BUGS if IS_LONG or not bug.is_slow]
"""The short form leaves out those that need whole appliances to be killed."""
NAMES = [bug.name for bug in HUNTED]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """Bug -> "" or why it was not caught; all are hunted at the first question, several at a time."""
    return hunt_all(HUNTED)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", NAMES)
def test_the_bug_is_caught(name: str, outcomes: dict[str, str]) -> None:
    assert not outcomes[name], outcomes[name]


def test_there_are_bugs_of_every_kind() -> None:
    assert len(NAMES) >= 20
    assert {bug.detector[0] for bug in BUGS} == {
        "power_loss",
        "io_errors",
        "quiet_day",
        "ledger_machine",
        "kill_harness",
        "test",
    }


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_the_patch_still_fits(bug: Bug) -> None:
    assert all(before != after for before, after in changes(bug).values())


def _with(old: str, new: str) -> Bug:
    """A patch of one line of the money room."""
    hunk = Hunk("bridge/ledger/credit.py", (old,), (new,))
    return Bug("made_up", "made up", ("quiet_day",), "lost:", (hunk,))


def test_a_patch_that_does_not_fit_any_more_names_its_hunk() -> None:
    with pytest.raises(StalePatch, match=r"made_up.patch, hunk 1 \(bridge/ledger/credit.py\): its lines are not there"):
        changes(_with("a line that was there once", ""))
    with pytest.raises(StalePatch, match="its lines are there [0-9]+ times"):
        changes(_with("", "# now here"))
    nowhere = replace(_with("x", "y"), hunks=(Hunk("bridge/gone.py", ("x",), ("y",)),))
    with pytest.raises(StalePatch, match="there is no such file"):
        changes(nowhere)


@pytest.mark.timeout(120)
def test_a_bug_that_is_none_is_not_called_caught() -> None:
    assert "not caught by quiet_day" in hunt(_with('TRIAL = "trial"', 'TRIAL = "trial"  # all is well'))


@pytest.mark.timeout(120)
def test_a_program_that_only_breaks_is_not_called_caught() -> None:
    assert "failed without saying 'lost:'" in hunt(_with('TRIAL = "trial"', 'TRIAL = "trial'))


@pytest.mark.timeout(900)
def test_no_detector_cries_without_a_bug() -> None:
    """In the short form only the one that no other test of the suite runs as it is."""
    detectors = list(dict.fromkeys(bug.detector for bug in BUGS)) if IS_LONG else [("quiet_day",)]
    assert not check_sound(detectors)
