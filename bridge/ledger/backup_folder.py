"""The folder of backups: their names, which of them are kept, and what a killed backup left there."""

import calendar
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bridge.ledger.backup import DIGEST_SUFFIX, PARTIAL_SUFFIX, BackupFailed, digest_file

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
UPGRADE_KEPT = 3
"""Copies from before upgrades that are kept: a start that fails again and again must not fill the disk."""
UPGRADE_KEPT_MS = 35 * DAY_MS
"""And for how long: an old copy also keeps texts that were erased since."""

NAME_SUFFIX = ".sqlite"
"""How the name of a backup ends."""

_TIME = r"(\d{8}T\d{6}\.\d{3}Z)"
_NAME = re.compile(rf"(?:ledger|before-upgrade-v(\d+))-{_TIME}\.sqlite")
_OURS = re.compile(rf"{_NAME.pattern}({re.escape(DIGEST_SUFFIX)})?({re.escape(PARTIAL_SUFFIX)}(-journal|-wal|-shm)?)?")


@dataclass(frozen=True, slots=True)
class Entry:
    """One backup in the folder, by its name."""

    path: Path
    taken_at_ms: int
    size: int
    """Octets."""
    upgrade_from: int | None
    """The schema it was taken of, before an upgrade; None: a usual backup."""


def stamp(at_ms: int) -> str:
    """A time as names have it: 20261124T053140.000Z."""
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(at_ms // 1000)) + f".{at_ms % 1000:03}Z"


def _at_ms(text: str) -> int:
    return calendar.timegm(time.strptime(text[:15], "%Y%m%dT%H%M%S")) * 1000 + int(text[16:19])


def new_path(folder: Path, at_ms: int) -> Path:
    """Where a backup taken now goes."""
    return folder / f"ledger-{stamp(at_ms)}.sqlite"


def upgrade_path(folder: Path, version: int, at_ms: int) -> Path:
    """Where the copy goes that is taken before an upgrade from schema `version`."""
    return folder / f"before-upgrade-v{version}-{stamp(at_ms)}.sqlite"


def chosen_path(chosen: Path, at_ms: int) -> Path:
    """Where a backup goes for which somebody chose a folder or a new file. Raises BackupFailed.

    Nothing is made on the way: below the folder of a disk that is not mounted it would be on the wrong disk.
    """
    try:
        if chosen.is_dir():
            return new_path(chosen, at_ms)
        is_in_folder = chosen.parent.is_dir()
    except OSError as error:
        raise BackupFailed(f"the appliance may not use {chosen} ({error.strerror}); choose another place") from None
    if not is_in_folder:
        raise BackupFailed(f"there is no folder {chosen.parent}; make it, or mount the disk that it is on")
    if chosen.suffix != NAME_SUFFIX:
        how = f"make that folder, mount the disk that it is on, or name a file that ends in {NAME_SUFFIX}"
        raise BackupFailed(f"{chosen} is no folder and does not end in {NAME_SUFFIX}; {how}")
    return chosen


def entries(folder: Path) -> list[Entry]:
    """The backups in a folder, the newest first; other files are none of ours. No folder: none."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := _NAME.fullmatch(path.name):
            # A name of ours with a date that no calendar has is somebody else's.
            with suppress(ValueError, FileNotFoundError):
                version = int(match[1]) if match[1] else None
                found.append(Entry(path, _at_ms(match[2]), path.stat().st_size, version))
    return sorted(found, key=lambda entry: (entry.taken_at_ms, entry.path.name), reverse=True)


def kept(times_ms: Iterable[int], *, hourly: int, daily: int) -> set[int]:
    """Which backups stay: the newest of each of the latest `hourly` hours and `daily` days (UTC) that have any.

    Hours and days without a backup do not count, so that a machine that was off loses nothing. The very newest always
    stays.
    """
    newest_first = sorted(set(times_ms), reverse=True)
    stay = set(newest_first[:1])
    for span_ms, count in ((HOUR_MS, hourly), (DAY_MS, daily)):
        newest_of: dict[int, int] = {}
        for at_ms in newest_first:
            newest_of.setdefault(at_ms // span_ms, at_ms)
        stay |= set(list(newest_of.values())[:count])
    return stay


def rotate(folder: Path, *, hourly: int, daily: int, now_ms: int) -> list[Path]:
    """Delete the backups that are not to be kept, with their digests; gives them."""
    usual = [entry for entry in entries(folder) if entry.upgrade_from is None]
    stay = kept((entry.taken_at_ms for entry in usual), hourly=hourly, daily=daily)
    upgrades = [entry for entry in entries(folder) if entry.upgrade_from is not None]
    old = [entry for entry in usual if entry.taken_at_ms not in stay]
    old += upgrades[UPGRADE_KEPT:]
    old += [entry for entry in upgrades[:UPGRADE_KEPT] if entry.taken_at_ms < now_ms - UPGRADE_KEPT_MS]
    for entry in old:
        # The backup first: what is left of a deletion that was cut short is a digest, which is rubbish.
        entry.path.unlink(missing_ok=True)
        digest_file(entry.path).unlink(missing_ok=True)
    return [entry.path for entry in old]


def clear_leftovers(folder: Path) -> list[Path]:
    """Delete what a killed backup or rotation left: unfinished copies, and digests of nothing; gives them.

    Nobody may be making a backup here: call it under the instance lock, before the first one.
    """
    gone = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        match = _OURS.fullmatch(path.name)
        if match is None:
            continue
        is_lonely_digest = match[3] and not path.with_name(path.name.removesuffix(DIGEST_SUFFIX)).exists()
        if match[4] or is_lonely_digest:
            path.unlink(missing_ok=True)
            gone.append(path)
    return gone
