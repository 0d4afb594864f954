"""What time does to the ledger, looked after by the clock: doubt, validity, and what only piles up."""

from collections.abc import Callable, Mapping, Sequence

from bridge.app.settings import AnyLinkSettings
from bridge.runtime import logs
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import boottime_ms, now_ms
from bridge.runtime.service import Periodic

SWEEP_S = 1.0
TIDY_S = 60.0
TIDY_ROUNDS_MAX = 40
"""Rounds of one tidying: 200,000 names of submissions a minute, more than any machine accepts in that time."""
RELEASE_ROUNDS_MAX = 40
"""Rounds of one sweep: what was scheduled for the same minute is queued at 20,000 a second."""
WAL_SIZE_MAX = 64 * 1_048_576
"""Octets of the ledger's log that are worth a warning; some 8 MiB are usual."""
STEP_MS_MIN = 5_000
"""A wall clock that gains or loses this much between two looks was set; less is drift or a busy machine."""

log = logs.get("housekeeping")


class Housekeeping:
    """The sweeps; each is one bounded transaction, so a large backlog takes several rounds.

    `hearing_ms` tells for how long each link, by name, could hear receipts without a break until now; `usable` which
    links can send, None: all.
    """

    def __init__(
        self,
        ledger: LedgerClient,
        links: Sequence[AnyLinkSettings],
        hearing_ms: Callable[[], Mapping[str, int]] = dict,
        usable: Callable[[], Sequence[str] | None] = lambda: None,
    ) -> None:
        self._ledger = ledger
        self._links = links
        self._hearing_ms = hearing_ms
        self._usable = usable
        self._offset_ms = now_ms() - boottime_ms()

    def services(self) -> list[Periodic]:
        return [Periodic("sweep", SWEEP_S, self.sweep), Periodic("tidy", TIDY_S, self.tidy)]

    async def recover(self, crashed_at_ms: int | None) -> None:
        """Before anything is sent: what was being sent when the last process ended is in doubt.

        `crashed_at_ms`: when it ended, if that was a crash.
        """
        hold_ms = max((round(link.in_doubt_hold_s * 1000) for link in self._links), default=0)
        found = await self._ledger.do("recover", now_ms=now_ms(), hold_ms=hold_ms, crashed_at_ms=crashed_at_ms)
        if any(found.values()):
            log.warning("recovered", **found)

    async def watch_the_clock(self) -> None:
        """When the wall clock steps, move everything that waits along with it. A machine that slept is no step."""
        offset_ms = now_ms() - boottime_ms()
        by_ms = offset_ms - self._offset_ms
        if abs(by_ms) >= STEP_MS_MIN:
            moved = await self._ledger.do("shift", by_ms=by_ms, now_ms=now_ms())
            log.warning("clock stepped", by_s=round(by_ms / 1000), **moved)
        # Only now: a ledger that is busy just now must not make the step forgotten.
        self._offset_ms = offset_ms

    async def sweep(self) -> None:
        """Resolve parts whose time in doubt is over, queue what was scheduled for now, expire what waited too long."""
        await self.watch_the_clock()
        never = [link.name for link in self._links if link.in_doubt == "never_resend"]
        now = now_ms()
        resolved = await self._ledger.do(
            "resolve_doubts",
            now_ms=now,
            never_resend=never,
            not_before_ms=self._not_before_ms(now),
            usable=self._usable(),
        )
        released = await self._release_scheduled()
        expired = await self._ledger.do("expire", now_ms=now_ms())
        happened = {**resolved, "expired": released + expired["expired"]}
        for event, messages in happened.items():
            for message in messages:
                log.warning(event, message=message)

    def _not_before_ms(self, now: int) -> dict[str, int]:
        """Of each link that has not heard for as long as it holds doubts: when it will have, if nothing happens."""
        hearing_ms = self._hearing_ms()
        left_ms = {
            link.name: round(link.in_doubt_hold_s * 1000) - hearing_ms[link.name]
            for link in self._links
            if link.name in hearing_ms
        }
        return {name: now + left for name, left in left_ms.items() if left > 0}

    async def _release_scheduled(self) -> list[str]:
        """Queue what was scheduled for now; gives the public ids of what was too late."""
        expired: list[str] = []
        for _ in range(RELEASE_ROUNDS_MAX):
            done = await self._ledger.do("release_scheduled", now_ms=now_ms())
            expired += done["expired"]
            if not done["is_more"]:
                break
        return expired

    async def tidy(self) -> None:
        """Drop what only piles up."""
        for _ in range(TIDY_ROUNDS_MAX):
            done = await self._ledger.do("tidy", now_ms=now_ms())
            is_more = done.pop("is_more")
            if any(done.values()):
                log.info("tidied", **done)
            if not is_more:
                break
        # SQLite tells nobody when writing its log back fails by itself; asked for, it does.
        is_cut = await self._ledger.truncate_wal()
        if not is_cut and (size := self._ledger.wal_size) > WAL_SIZE_MAX:
            hint = "a long report, or somebody's own sqlite3 shell, keeps it: end that"
            log.warning("the ledger's log grows", mib=size // 1_048_576, hint=hint)
