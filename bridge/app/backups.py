"""Backups of a running appliance: made on a thread of their own, by the clock or when asked for, one at a time."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bridge.app.answers.backup import BackupState
from bridge.app.settings import Settings
from bridge.ledger import backup, backup_folder
from bridge.ledger.backup import BackupFailed, Copy
from bridge.ledger.backup_folder import Entry
from bridge.runtime import logs
from bridge.runtime.ledger_client import BACKUP_FOLDER_NAME, LedgerClient
from bridge.runtime.loop import now_ms
from bridge.runtime.service import Periodic

LOOK_S = 60.0
"""How often the schedule looks at the clock."""
HOUR_MS = 3_600_000
OVERDUE_FACTOR = 2
"""A last good backup older than so many intervals is worth a word in `smsbridge status`."""

Result = TypeVar("Result")
log = logs.get("backup")


def folder_of(settings: Settings) -> Path:
    """Where these settings keep backups."""
    return settings.backup.folder or settings.state_folder / BACKUP_FOLDER_NAME


def newest_backup(settings: Settings) -> Path | None:
    """The newest backup in the folder; None when there is none, or the folder cannot be read."""
    with contextlib.suppress(OSError):
        return next((entry.path for entry in backup_folder.entries(folder_of(settings))), None)
    return None


class Backups:
    """Makes them, and knows of earlier ones by what is in the folder."""

    def __init__(self, settings: Settings, ledger: LedgerClient) -> None:
        self.folder = folder_of(settings)
        self._settings = settings.backup
        self._ledger = ledger
        self._one_at_a_time = asyncio.Lock()
        self.problem = ""
        """Why the last scheduled backup was not made; empty when it was."""

    def services(self) -> list[Periodic]:
        """The schedule, if there is to be one."""
        return [Periodic("backup", LOOK_S, self.look)] if self._settings.every_h else []

    def entries(self) -> list[Entry]:
        """The backups in the folder, the newest first. Raises OSError for a folder that cannot be read."""
        return backup_folder.entries(self.folder)

    def last_at_ms(self) -> int | None:
        """When the newest usual backup was taken; None: there is none.

        One from the future, made before the clock was set back, does not keep the next one from being made.
        """
        now = now_ms()
        usual = (entry.taken_at_ms for entry in self.entries() if entry.upgrade_from is None)
        return next((at_ms for at_ms in usual if at_ms <= now), None)

    async def make(self, target: Path | None = None) -> Copy:
        """Make a backup: at `target`, in the folder `target`, or in the usual folder. Raises BackupFailed.

        A caller that is cancelled leaves the thread to finish or, when the process ends, to leave a file behind that
        the next start clears away.
        """
        async with self._one_at_a_time:
            at_ms = now_ms()
            if target is None:
                path = backup_folder.new_path(self.folder, at_ms)
            else:
                path = backup_folder.chosen_path(target, at_ms)
            spare = self._spare_bytes()
            made = await _on_a_thread(lambda: backup.make(self._ledger.path, path, now_ms=at_ms, spare_bytes=spare))
        log.info("made", file=made.path.name, octets=made.size, ms=made.duration_ms)
        return made

    def _spare_bytes(self) -> int:
        """Octets a backup must leave free, or it would close the doors."""
        return self._ledger.disk.intake_min if self._ledger.disk else 0

    async def look(self) -> None:
        """Make a backup when the last one is old enough, and delete those that are not to be kept."""
        last_at_ms = self.last_at_ms()
        if last_at_ms is not None and now_ms() - last_at_ms < self._settings.every_h * HOUR_MS:
            return
        try:
            await self.make()
        except BackupFailed as failure:
            self.problem = str(failure)
            log.warning("no backup", reason=self.problem, last_at_ms=last_at_ms)
            return
        self.problem = ""
        self.rotate()

    def rotate(self) -> None:
        """Delete what is not to be kept."""
        gone = backup_folder.rotate(
            self.folder, hourly=self._settings.hourly_kept, daily=self._settings.daily_kept, now_ms=now_ms()
        )
        if gone:
            log.info("rotated", deleted=len(gone))

    def status(self) -> BackupState:
        """How the backups are, for `smsbridge status`."""
        try:
            last_at_ms, problem = self.last_at_ms(), self.problem
        except OSError as error:
            last_at_ms, problem = None, f"the folder cannot be read ({error.strerror})"
        interval_ms = self._settings.every_h * HOUR_MS
        if (
            not problem
            and last_at_ms is not None
            and interval_ms
            and now_ms() - last_at_ms > OVERDUE_FACTOR * interval_ms
        ):
            problem = "overdue; the log says why"
        return {
            "folder": str(self.folder.absolute()),
            "last_at_ms": last_at_ms,
            "every_h": self._settings.every_h,
            "problem": problem,
        }


async def _on_a_thread(work: Callable[[], Result]) -> Result:
    """Run blocking work on a thread that the end of the process does not wait for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - it is raised again where it is waited for
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="backup", daemon=True).start()
    return await done
