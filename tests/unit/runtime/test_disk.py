"""The disk's room: levels that do not flap, a ballast that is really there, and what the ledger takes at each level."""

import os
from pathlib import Path

import pytest
import structlog.testing
from hypothesis import given
from hypothesis import strategies as st

from bridge.ledger.worker import LedgerFailed, is_damage
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Submission
from bridge.runtime import disk as disk_module
from bridge.runtime.ballast import NAME, Ballast
from bridge.runtime.disk import MIB, DiskWatch, Level, Limits, judge, limits_of, resume_at
from bridge.runtime.disk_settings import DiskSettings
from bridge.runtime.loop import now_ms
from tests.house import LINK, House, open_house
from tests.support import asyncio_test

GIB = 1024 * MIB
LIMITS = Limits(256 * MIB, 64 * MIB)


@pytest.mark.parametrize(
    ("room_mib", "before", "after"),
    [
        (1000, Level.OPEN, Level.OPEN),
        (256, Level.OPEN, Level.OPEN),
        (255, Level.OPEN, Level.NO_INTAKE),
        (64, Level.OPEN, Level.NO_INTAKE),
        (63, Level.OPEN, Level.NO_SENDING),
        (256, Level.NO_INTAKE, Level.NO_INTAKE),
        (287, Level.NO_INTAKE, Level.NO_INTAKE),
        (288, Level.NO_INTAKE, Level.OPEN),
        (71, Level.NO_SENDING, Level.NO_SENDING),
        (72, Level.NO_SENDING, Level.NO_INTAKE),
        (287, Level.NO_SENDING, Level.NO_INTAKE),
        (288, Level.NO_SENDING, Level.OPEN),
        (-32, Level.NO_SENDING, Level.NO_SENDING),
    ],
)
def test_down_at_once_and_up_with_room_to_spare(room_mib: int, before: Level, after: Level) -> None:
    assert judge(room_mib * MIB, before, LIMITS) is after


@given(st.integers(0, 400), st.sampled_from(Level), st.integers(0, 300), st.integers(0, 300))
def test_the_same_room_gives_the_same_level_for_good(room: int, before: Level, intake: int, sending: int) -> None:
    """Nothing flaps while the room stays; less room never allows more."""
    limits = Limits(max(intake, sending) * MIB, sending * MIB)
    once = judge(room * MIB, before, limits)
    assert judge(room * MIB, once, limits) is once
    assert judge((room - 1) * MIB, before, limits) >= once


def test_the_largest_of_the_thresholds_counts() -> None:
    settings = DiskSettings()
    assert limits_of(settings, 2 * GIB, MIB) == Limits(256 * MIB, 64 * MIB)
    assert limits_of(settings, 100 * GIB, MIB).intake_min == 5 * GIB
    assert limits_of(settings, 2 * GIB, 400 * MIB).intake_min == 600 * MIB
    odd = limits_of(DiskSettings(free_min_mib=10, free_min_percent=0, sending_min_mib=20), GIB, MIB)
    assert odd == Limits(20 * MIB, 20 * MIB)
    assert resume_at(256 * MIB) == 288 * MIB
    assert resume_at(50 * GIB) == 50 * GIB + 64 * MIB


def test_the_ballast_holds_what_it_says(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path, 2 * MIB)
    assert ballast.held == 0
    ballast.make()
    assert ballast.held == 2 * MIB
    assert (tmp_path / NAME).stat().st_blocks * 512 >= 2 * MIB
    assert ballast.give_back() is True
    assert ballast.give_back() is False
    assert not (tmp_path / NAME).exists()
    with (tmp_path / NAME).open("wb") as file:
        file.truncate(2 * MIB)
    assert ballast.held == 0, "a sparse file holds nothing"
    ballast.make()
    assert ballast.held == 2 * MIB


def test_a_ballast_without_room_leaves_nothing_behind(tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bfree * os.statvfs(tmp_path).f_frsize
    with pytest.raises(OSError, match=r"."):
        Ballast(tmp_path, free * 2).make()
    assert list(tmp_path.iterdir()) == []


def needing(folder: Path, *, more_mib: int, sending: bool, ballast_mib: int = 1) -> DiskSettings:
    """Settings that this real disk does not meet by `more_mib` MiB."""
    free_mib = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize // MIB
    wanted = free_mib + more_mib
    return DiskSettings(
        free_min_mib=wanted, free_min_percent=0, sending_min_mib=wanted if sending else 0, ballast_mib=ballast_mib
    )


def test_a_change_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    watch = DiskWatch(tmp_path, needing(tmp_path, more_mib=10_000, sending=False), MIB)
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            assert watch.look() is Level.NO_INTAKE
    assert [line["event"] for line in lines] == ["disk is short"]
    assert (lines[0]["log_level"], lines[0]["state"]) == ("error", "no_intake")
    assert f"free space on the disk of {tmp_path}" in lines[0]["hint"]
    assert watch.ballast.held == MIB, "sending goes on, so there is room for it"


def test_the_ballast_is_given_back_when_nothing_can_be_sent(tmp_path: Path) -> None:
    Ballast(tmp_path, MIB).make()
    watch = DiskWatch(tmp_path, needing(tmp_path, more_mib=10_000, sending=True), MIB)
    with structlog.testing.capture_logs() as lines:
        assert watch.look() is Level.NO_SENDING
        assert watch.look() is Level.NO_SENDING
    assert watch.ballast.held == 0
    assert [line["event"] for line in lines] == ["disk is short", "ballast given back"]


def test_a_full_disk_shuts_for_a_while_and_opens_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_module, "FULL_HOLD_S", 0.3)
    watch = DiskWatch(tmp_path, DiskSettings(free_min_mib=0, free_min_percent=0, sending_min_mib=0, ballast_mib=1), MIB)
    assert watch.look() is Level.OPEN
    assert watch.ballast.held == MIB
    with structlog.testing.capture_logs() as lines:
        watch.full()
        assert (watch.level, watch.ballast.held) == (Level.NO_SENDING, 0)
        while watch.look() is not Level.OPEN:
            pass
        watch.look()
    assert watch.ballast.held == MIB, "made again"
    assert [line["event"] for line in lines] == ["ballast given back", "disk is short", "disk has room"]


@asyncio_test
async def test_a_ledger_that_cannot_be_trusted_says_why(tmp_path: Path) -> None:
    house = House(tmp_path)
    await house.ledger.start()
    path = tmp_path / "ledger.sqlite"
    assert house.ledger.trouble() == ""
    path.rename(tmp_path / "elsewhere")
    assert "cannot be found" in house.ledger.trouble()
    path.touch()
    assert "another file" in house.ledger.trouble()
    (tmp_path / "elsewhere").rename(path)
    assert house.ledger.trouble() == ""
    house.gatekeeper.close()
    await house.ledger.stop()
    assert "writer has ended" in house.ledger.trouble()


@asyncio_test
async def test_a_failure_that_only_a_reader_meets_counts_too(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    async with open_house(tmp_path / "whole") as house:
        await house.add_account()
    ledger = tmp_path / "whole" / "ledger.sqlite"
    size = ledger.stat().st_size
    broken = House(tmp_path / "whole")
    await broken.ledger.start()
    with ledger.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(size - 4096))
    with pytest.raises(LedgerFailed):
        await broken.ledger.read("account_list")
    assert [is_damage(error) for error in broken.failures] == [True]
    broken.gatekeeper.close()
    await broken.ledger.stop()


@asyncio_test
async def test_what_the_ledger_takes_at_each_level(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        identity = await house.identity("demo", "SECRETPIN2")
        await house.door.submit(identity, [Submission("http", "46701740605", "before")])
        watch = house.ledger.disk = DiskWatch(tmp_path, DiskSettings(), MIB)

        watch.level = Level.NO_INTAKE
        for submission in (Submission("http", "46701740605", "x"), Submission("http", "not a number", "x")):
            with pytest.raises(Fault) as full:
                await house.door.submit(identity, [submission])
            assert full.value.code is FaultCode.DISK_FULL
            assert "disk" in full.value.private
            assert str(tmp_path) not in full.value.sentence
        await house.ledger.receive(LINK, [], 1)

        watch.level = Level.NO_SENDING
        assert await house.ledger.claim(LINK, 10, now_ms()) == []
        assert await house.ledger.claim_notices(10, now_ms()) == []
        with pytest.raises(Fault, match="disk_full"):
            await house.ledger.receive(LINK, [], 1)

        watch.level = Level.NO_INTAKE
        (part,) = await house.ledger.claim(LINK, 10, now_ms())
        assert part.text == "before"
        watch.level = Level.OPEN
        await house.door.submit(identity, [Submission("http", "46701740605", "after")])
        assert [claimed.text for claimed in await house.ledger.claim(LINK, 10, now_ms())] == ["after"]
