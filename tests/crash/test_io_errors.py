"""A disk that fails or is full: nothing is answered that is not stored, and the worker stops or says "later"."""

import os

import pytest

from tests.crash.faulty_vfs import READ, SYNC, TRUNCATE, WRITE, Failure
from tests.crash.io_errors import ROUNDS, Figures, quiet_length, rehearse, rehearse_small_disks, sample, small_disks

IS_LONG = os.environ.get("SMSBRIDGE_LONG") == "1"
POINTS = 15
"""Moments of each kind of failure, in the short form; the long form takes every one."""
SMALL_DISKS = 200 if IS_LONG else 20


def rounds_for(kind: str) -> int:
    """So many that even the rare syncs come 300 times in the long form."""
    return 12 if IS_LONG and kind == SYNC else ROUNDS


def moments(kind: str) -> list[int]:
    return list(range(1, quiet_length(kind, rounds_for(kind)) + 1)) if IS_LONG else sample(kind, POINTS)


def show(capsys: pytest.CaptureFixture[str], name: str, figures: Figures) -> None:
    with capsys.disabled():
        print(f"\n{name}: {figures}")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("is_for_ever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize("kind", [WRITE, SYNC, READ, TRUNCATE])
def test_an_io_error_stops_the_worker_and_nothing_answered_is_missing(
    kind: str, is_for_ever: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = rehearse([Failure(kind, n, is_for_ever=is_for_ever) for n in moments(kind)], rounds_for(kind))
    show(capsys, f"I/O error at a {kind}, {'for ever' if is_for_ever else 'once'}", figures)
    assert figures.met >= figures.failures - 1, "only the end of the workload is too late for a failure"
    if kind != TRUNCATE:  # Only checkpoints truncate, and their failures stop nobody.
        assert figures.stopped > 0
    assert not figures.found, figures.found[:10]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("is_for_ever", [False, True], ids=["once", "for ever"])
def test_a_full_disk_says_later_and_takes_it_later(is_for_ever: bool, capsys: pytest.CaptureFixture[str]) -> None:
    figures = rehearse([Failure(WRITE, n, is_full=True, is_for_ever=is_for_ever) for n in moments(WRITE)])
    show(capsys, f"full disk at a write, {'for ever' if is_for_ever else 'once'}", figures)
    assert figures.stopped == 0
    assert figures.later > 0
    assert not figures.found, figures.found[:10]


@pytest.mark.timeout(900)
def test_a_disk_of_any_size_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    figures = rehearse_small_disks(small_disks(SMALL_DISKS))
    show(capsys, "disk too small", figures)
    assert figures.unstarted > 0
    assert figures.later > 0
    assert figures.met < figures.failures, "the largest is large enough"
    assert not figures.found, figures.found[:10]


def test_the_workload_meets_every_kind_of_operation() -> None:
    assert quiet_length(WRITE, ROUNDS) > 300
    assert quiet_length(SYNC, ROUNDS) > 50
    assert quiet_length(READ, ROUNDS) > 300
    assert quiet_length(TRUNCATE, ROUNDS) > 10
