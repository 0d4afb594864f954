"""Operations on what is known of one phone number: show, export, erase; and what people did to the ledger."""

import asyncio
import json
from typing import Any

from bridge.app.answers.person import PersonCounts, PersonErased, PersonPage
from bridge.app.backup_settings import BackupSettings
from bridge.app.operations.desk import Desk, own_actor
from bridge.app.times import with_times
from bridge.ledger.reports_person import PLACES
from bridge.ledger.retention import ROUND_MAX
from bridge.messages import address
from bridge.messages.faults import Fault, FaultCode
from bridge.runtime.loop import now_ms

PAGE_SIZE = 400_000
"""Characters of JSON after which a page of an export ends: with one more message it still fits the control socket."""
PAUSE_S = 0.01
"""Between two rounds of an erasure, for what people wait for."""
LEFT_MAX = 20
"""Names of what an erasure had to leave that are told; the others are counted."""


class PersonOperations(Desk):
    """See `commands.PersonCommands`."""

    async def person_show(self, *, number: str) -> PersonCounts:
        """How much is known of a number, and what of it has not ended."""
        digits = address.parse_recipient(number)
        found = await self._ledger.read("person_show", number=digits)
        return {
            "number": digits,
            "counts": found["counts"],
            "unfinished": found["unfinished"],
            "unfinished_count": found["unfinished_count"],
            "accounts": found["accounts"],
            "virtual": found["virtual"],
        }

    async def person_list(self, *, number: str, place: str, after: int = 0) -> PersonPage:
        """One page of one table; times are also there as text. `next` begins the next page, None: that was all."""
        if place not in PLACES:
            raise Fault(FaultCode.BAD_REQUEST, f"a place is one of {', '.join(PLACES)}")
        digits = address.parse_recipient(number)
        rows = await self._ledger.read("person_rows", number=digits, place=place, after=after)
        told: list[dict[str, Any]] = []
        size = 0
        for row in rows:
            after = row.pop("row_id")
            if place == "message":
                row |= await self._ledger.read("message_show", message_id=row["message_id"]) or {}
            told.append(with_times(row))
            size += len(json.dumps(told[-1]))
            if size >= PAGE_SIZE:
                return {"rows": told, "next": after}
        return {"rows": told, "next": after if len(rows) == ROUND_MAX else None}

    async def person_erase(self, *, number: str, actor: str = "") -> PersonErased:
        """Erase what has ended, in bounded rounds; name what has not. The books stay as they are."""
        digits = address.parse_recipient(number)
        sender = await self._ledger.read("person_sender", number=digits)
        counts: dict[str, int] = {}
        left: list[str] = []
        for place in PLACES:
            # A receipt that waits for its answer belongs to a message that is still on its way, if there is one.
            if place == "parked_receipt" and left:
                continue
            counts[place] = await self._erase(place, digits, sender, left)
        left = list(dict.fromkeys(left))
        detail = ", ".join(f"{place} {count}" for place, count in counts.items() if count) or "nothing found"
        detail += f"; {len(left)} not ended yet" if left else ""
        await self._ledger.do(
            "person_note", action="person_erase", detail=detail, actor=actor or own_actor(), now_ms=now_ms()
        )
        self._ledger.has_erased = True
        await self._ledger.truncate_wal()
        found = await self._ledger.read("person_show", number=digits)
        return {
            "number": digits,
            "counts": counts,
            "left": left[:LEFT_MAX],
            "left_count": len(left),
            "accounts": found["accounts"],
            "virtual": found["virtual"],
            "backup_days": _backup_days(self._settings.backup),
            "is_log_cut": not self._ledger.has_erased,
        }

    async def _erase(self, place: str, number: str, sender: str | None, left: list[str]) -> int:
        """Erase one table's rows; gives how many, and adds what was left to `left`."""
        erased = after = 0
        while ids := await self._ledger.read("person_ids", number=number, place=place, after=after):
            values = {"place": place, "ids": ids, "number": number, "sender": sender}
            done = await self._ledger.do("person_erase", **values, now_ms=now_ms())
            erased += done["erased"]
            left += done["left"]
            after = ids[-1]
            if len(ids) < ROUND_MAX:
                break
            await asyncio.sleep(PAUSE_S)
        return erased

    async def action_list(self, *, count_max: int = 50) -> list[dict[str, Any]]:
        """What people did to this ledger, the newest first."""
        found: list[dict[str, Any]] = await self._ledger.read("action_list", count_max=count_max)
        return found


def _backup_days(backup: BackupSettings) -> int:
    """How long the oldest of the scheduled backups is kept, in days that are begun."""
    return max(backup.daily_kept, -(-backup.hourly_kept // 24)) + 1
