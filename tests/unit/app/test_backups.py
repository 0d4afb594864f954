"""The schedule of backups: when it is time for one, and what is told when there is none."""

from pathlib import Path

import structlog.testing

from bridge.app.backup_settings import BackupSettings
from bridge.app.backups import HOUR_MS, LOOK_S, Backups
from bridge.app.settings import Settings
from bridge.ledger import backup_folder
from bridge.runtime.loop import now_ms
from tests.house import open_house
from tests.support import asyncio_test


def settings(state: Path, **values: object) -> Settings:
    return Settings(state_folder=state, backup=BackupSettings(**values))  # type: ignore[arg-type]


def aged(folder: Path, age_ms: int) -> None:
    """Let the newest backup look older."""
    newest = backup_folder.entries(folder)[0]
    newest.path.rename(backup_folder.new_path(folder, newest.taken_at_ms - age_ms))


@asyncio_test
async def test_a_backup_is_made_when_the_last_one_is_old_enough(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        backups = Backups(settings(tmp_path, every_h=2), house.ledger)
        with structlog.testing.capture_logs():
            await backups.look()
            await backups.look()
            assert len(backups.entries()) == 1
            aged(backups.folder, 2 * HOUR_MS - 60_000)
            await backups.look()
            assert len(backups.entries()) == 1
            aged(backups.folder, 60_000)
            await backups.look()
        assert len(backups.entries()) == 2
        assert backups.status()["problem"] == ""
        assert [service.name for service in backups.services()] == ["backup"]
        assert LOOK_S < HOUR_MS / 1000


@asyncio_test
async def test_a_backup_from_the_future_does_not_stop_the_schedule_nor_make_it_run_wild(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        backups = Backups(settings(tmp_path), house.ledger)
        with structlog.testing.capture_logs():
            await backups.look()
            aged(backups.folder, -backup_folder.DAY_MS)
            await backups.look()
            await backups.look()
        assert len(backups.entries()) == 2
        assert backups.status()["last_at_ms"] <= now_ms()


@asyncio_test
async def test_what_is_in_the_way_is_told_until_a_backup_is_made(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        backups = Backups(settings(tmp_path, folder=tmp_path / "elsewhere"), house.ledger)
        (tmp_path / "elsewhere").touch()
        with structlog.testing.capture_logs() as log:
            await backups.look()
            assert backups.status()["problem"] != ""
            assert [(line["event"], line["log_level"]) for line in log] == [("no backup", "warning")]
            (tmp_path / "elsewhere").unlink()
            await backups.look()
        assert backups.status()["problem"] == ""
        assert backups.status()["last_at_ms"] is not None


def test_without_a_schedule_nothing_runs(tmp_path: Path) -> None:
    class NoLedger:
        disk = None

    assert Backups(settings(tmp_path, every_h=0), NoLedger()).services() == []  # type: ignore[arg-type]
