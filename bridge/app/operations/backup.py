"""Operations on backups, and on what a restore holds back."""

from pathlib import Path
from typing import Any

from bridge.app.answers.backup import BackupLine, HeldDone, NewBackup
from bridge.app.operations.desk import Desk, own_actor
from bridge.ledger.backup import BackupFailed
from bridge.ledger.backup_folder import Entry
from bridge.ledger.held import EVER_MS
from bridge.runtime.loop import now_ms


def listed(entry: Entry) -> BackupLine:
    """A backup in the folder as a list shows it."""
    return {
        "path": str(entry.path.absolute()),
        "taken_at_ms": entry.taken_at_ms,
        "size": entry.size,
        "upgrade_from": entry.upgrade_from,
    }


class BackupOperations(Desk):
    """See `commands.BackupCommands`."""

    async def backup_create(self, *, target: str = "") -> NewBackup:
        """Make a verified backup now; the answer says why if there is none."""
        try:
            made = await self.backups.make(Path(target) if target else None)
        except BackupFailed as failure:
            # No fault: a person must read all of it, and none of the faults says what this is.
            return {"problem": str(failure), "path": "", "size": 0, "sha256": "", "taken_at_ms": 0, "duration_ms": 0}
        return {
            "problem": "",
            "path": str(made.path.absolute()),
            "size": made.size,
            "sha256": made.sha256,
            "taken_at_ms": made.taken_at_ms,
            "duration_ms": made.duration_ms,
        }

    async def backup_list(self) -> list[BackupLine]:
        """The backups in the usual folder, the newest first."""
        return [listed(entry) for entry in self.backups.entries()]

    async def held_list(self) -> dict[str, Any]:
        """What a restore holds back."""
        found: dict[str, Any] = await self._ledger.read("held_list")
        return found

    async def held_release(
        self, *, account: str = "", from_ms: int = 0, to_ms: int = EVER_MS, actor: str = ""
    ) -> HeldDone:
        """Let held parts go, marked as possible duplicates, and held notices."""
        if account:
            await self.known(account)
        done: HeldDone = {"parts": 0, "notices": 0, "refunded_mc": 0, "links": []}
        is_more = True
        while is_more:
            step = await self._ledger.release_held(
                account=account, from_ms=from_ms, to_ms=to_ms, actor=actor or own_actor(), now_ms=now_ms()
            )
            _add(done, step)
            is_more = step["is_more"]
        return done

    async def held_cancel(
        self, *, account: str = "", from_ms: int = 0, to_ms: int = EVER_MS, is_refunded: bool = False, actor: str = ""
    ) -> HeldDone:
        """End held parts and give held notices up."""
        if account:
            await self.known(account)
        done: HeldDone = {"parts": 0, "notices": 0, "refunded_mc": 0, "links": []}
        is_more = True
        while is_more:
            step = await self._ledger.cancel_held(
                account=account,
                from_ms=from_ms,
                to_ms=to_ms,
                is_refunded=is_refunded,
                actor=actor or own_actor(),
                now_ms=now_ms(),
            )
            _add(done, step)
            is_more = step["is_more"]
        return done


def _add(done: HeldDone, step: dict[str, Any]) -> None:
    done["parts"] += step["parts"]
    done["notices"] += step["notices"]
    done["refunded_mc"] += step.get("refunded_mc", 0)
    done["links"] = sorted({*done["links"], *step["links"]})
