"""The disk under the ledger: how much room is left, and what may still be done with it.

Three levels. OPEN: everything goes. NO_INTAKE: every door answers "try again later", while what was accepted is sent,
and receipts and reports go on. NO_SENDING: nothing is claimed, because the carrier's answer could not be written down,
and the carrier is asked to bring its receipts later. Down at once, up again only with some room to spare, so that the
level does not flap. `LedgerClient` asks `level` before it takes anything.
"""

import os
import threading
import time
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from bridge.messages.faults import Fault, FaultCode
from bridge.runtime import logs
from bridge.runtime.ballast import Ballast
from bridge.runtime.disk_settings import DiskSettings

MIB = 1024 * 1024
LOOK_S = 1.0
"""Between two looks. One costs microseconds, and a second of a busy appliance writes far less than any threshold."""
RESUME_SHARE = 8
"""An eighth above a threshold, it counts as passed again ..."""
RESUME_MAX = 64 * MIB
"""... but never more than this above it, or a large disk would stay shut for a long time."""
FULL_HOLD_S = 10.0
"""After a write found the disk full nothing is taken for this long, whatever the free space says."""
SUBMISSION_SHARE = 1.5
"""Room for the largest submission and for the work that it makes."""
BALLAST_RETRY_S = 60.0
"""Between two tries to make the ballast: a try that fails costs time on a full disk."""

log = logs.get("disk")


class Level(IntEnum):
    """What the free space allows; false in a condition exactly when everything is allowed."""

    OPEN = 0
    NO_INTAKE = 1
    NO_SENDING = 2


_EFFECTS = {
    Level.OPEN: "everything goes on",
    Level.NO_INTAKE: "submissions are answered with try later; sending, receipts and reports go on",
    Level.NO_SENDING: "nothing is accepted or sent; carriers are asked to bring receipts later",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Octets of room below which a level begins; `sending_min` is at most `intake_min`."""

    intake_min: int
    sending_min: int


def limits_of(settings: DiskSettings, total: int, submission_size_max: int) -> Limits:
    """The thresholds on a disk of `total` octets, when one submission has at most `submission_size_max` octets."""
    sending_min = settings.sending_min_mib * MIB
    share = int(total * settings.free_min_percent / 100)
    least = int(SUBMISSION_SHARE * submission_size_max)
    return Limits(max(settings.free_min_mib * MIB, share, least, sending_min), sending_min)


def resume_at(threshold: int) -> int:
    """Octets of room at which a level that began below `threshold` ends."""
    return threshold + min(threshold // RESUME_SHARE, RESUME_MAX)


def judge(room: int, before: Level, limits: Limits) -> Level:
    """The level that `room` octets allow, after the level `before`."""
    sending_min = resume_at(limits.sending_min) if before is Level.NO_SENDING else limits.sending_min
    if room < sending_min:
        return Level.NO_SENDING
    intake_min = limits.intake_min if before is Level.OPEN else resume_at(limits.intake_min)
    return Level.NO_INTAKE if room < intake_min else Level.OPEN


class DiskWatch:
    """Knows the level. `look` and `full` may be called on any thread."""

    def __init__(self, folder: Path, settings: DiskSettings, submission_size_max: int) -> None:
        self.level = Level.OPEN
        self.free = 0
        """Octets that were free at the last look, without those of the ballast."""
        self.total = 0
        self.ballast = Ballast(folder, settings.ballast_mib * MIB)
        self._folder = folder
        self._settings = settings
        self._submission_size_max = submission_size_max
        self._limits = Limits(0, 0)
        self._lock = threading.Lock()
        self._shut_until_s = 0.0
        self._next_ballast_s = 0.0

    @property
    def intake_min(self) -> int:
        """Octets that others must leave free, or the doors shut."""
        return resume_at(self._limits.intake_min) + self.ballast.size - self.ballast.held

    @property
    def needed(self) -> int:
        """Octets of free space that open everything again; below OPEN only."""
        return resume_at(self._limits.intake_min) + self.ballast.size - self.ballast.held if self.level else 0

    @property
    def effect(self) -> str:
        """What the level means for messages, in words."""
        return _EFFECTS[self.level]

    def refuse_if_short(self, level: Level) -> None:
        """Raise Fault DISK_FULL when the disk is at `level` or worse."""
        if self.level >= level:
            raise Fault(FaultCode.DISK_FULL, private=f"disk: {self.free // MIB} MiB are free in {self._folder}")

    def look(self, *, keeps_ballast: bool = True) -> Level:
        """See how much is free and judge; `keeps_ballast` also makes the ballast where there is room for it.

        Raises OSError when the folder cannot be looked at.
        """
        with self._lock:
            self._judge()
            if self.level is Level.NO_SENDING and self.ballast.give_back():
                log.warning("ballast given back", mib=self.ballast.size // MIB)
                self._judge()
            elif keeps_ballast:
                self._keep_ballast()
        return self.level

    def full(self) -> None:
        """A write found the disk full: give the ballast back and take nothing for a while."""
        with self._lock:
            self._shut_until_s = time.monotonic() + FULL_HOLD_S
            if self.ballast.give_back():
                log.warning("ballast given back", mib=self.ballast.size // MIB)
            self._judge()

    def _judge(self) -> None:
        found = os.statvfs(self._folder)
        self.free, self.total = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
        self._limits = limits_of(self._settings, self.total, self._submission_size_max)
        # The ballast's place is spoken for: what giving it back frees is for finishing, and opens nothing.
        room = self.free - (self.ballast.size - self.ballast.held)
        is_shut = time.monotonic() < self._shut_until_s
        before, self.level = self.level, Level.NO_SENDING if is_shut else judge(room, self.level, self._limits)
        if self.level is not before:
            self._tell(before)

    def _tell(self, before: Level) -> None:
        """One line for a change: what happens now, and what to do about it."""
        facts = {"state": self.level.name.lower(), "free_mib": self.free // MIB, "effect": _EFFECTS[self.level]}
        if self.level is Level.OPEN:
            log.info("disk has room", **facts)
            return
        hint = f"free space on the disk of {self._folder}: {-(-self.needed // MIB)} MiB open everything again"
        (log.error if self.level > before else log.warning)("disk is short", **facts, hint=hint)

    def _keep_ballast(self) -> None:
        """Make the ballast if it is missing. While nothing is sent there is no room for it; the level counted that."""
        size = self.ballast.size
        if not size or self.level is Level.NO_SENDING or time.monotonic() < self._next_ballast_s or self.ballast.held:
            return
        try:
            self.ballast.make()
        except OSError as error:
            self._next_ballast_s = time.monotonic() + BALLAST_RETRY_S
            hint = "free space, or make disk.ballast_mib smaller"
            log.warning("no ballast", mib=size // MIB, free_mib=self.free // MIB, why=error.strerror, hint=hint)
            return
        self._judge()
