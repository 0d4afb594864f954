"""Operations on refusals: what was not taken, and its deliberate resubmission. Nothing here happens by itself."""

import asyncio
from typing import Any

from bridge.app.answers.messages import SentMessage
from bridge.app.answers.refusals import RefusedAgain, Resubmission
from bridge.app.operations.desk import Desk, own_actor
from bridge.intake.authenticate import Identity
from bridge.intake.times import validity_ms
from bridge.ledger.refusals import thread_of
from bridge.ledger.reports_missing import PAGE_MAX
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Accepted, Lane, Submission
from bridge.messages.number_plans import DIGITS_MAX
from bridge.runtime.loop import now_ms

RESUBMIT_MAX = 100
"""Refusals of one resubmission, as many as one mail may have recipients."""

RANGE_SHOWN_MAX = 7
"""Digits of a range that are noted: never a whole number."""


class RefusalOperations(Desk):
    """See `commands.RefusalCommands`."""

    async def refusal_list(
        self, *, account: str | None = None, fault: str | None = None, count_max: int = 50
    ) -> list[dict[str, Any]]:
        """The newest refused submissions first."""
        if account is not None:
            await self.known(account)
        found: list[dict[str, Any]] = await self._ledger.read(
            "refusal_list", account=account, fault=fault, count_max=count_max
        )
        return found

    async def refusal_resubmit(self, *, refusal_ids: list[int]) -> list[SentMessage]:
        """Submit refusals of one account once more, priced now: all of them or none, and each only once.

        Raises the Fault of what is in the way, naming the refusal; then nothing was submitted.
        """
        ids = list(dict.fromkeys(refusal_ids))
        if not 0 < len(ids) <= RESUBMIT_MAX:
            raise Fault(FaultCode.BAD_REQUEST, f"name 1 to {RESUBMIT_MAX} refusals")
        kept = {row["refusal_id"]: row for row in await self._ledger.read("refusals_kept", refusal_ids=ids)}
        for refusal_id in ids:
            if refusal_id not in kept:
                raise Fault(FaultCode.NOT_FOUND, f"refusal {refusal_id}")
            _check(kept[refusal_id])
        rows = [kept[refusal_id] for refusal_id in ids]
        accounts = {row["account"] for row in rows}
        if len(accounts) > 1:
            raise Fault(
                FaultCode.BAD_REQUEST, f"refusals of one account at a time, not of {', '.join(sorted(accounts))}"
            )
        identity = await self.identity(rows[0]["account"])
        submissions = [_submission(row) for row in rows]
        accepted = await self._door.submit(identity, submissions, resubmits=tuple(ids))
        return [_sent(one) for one in accepted]

    async def refusal_missing(self) -> list[dict[str, Any]]:
        """Ranges of numbers that look valid and that no route or price covers, the most wanted first."""
        found: list[dict[str, Any]] = await self._ledger.read("refusal_missing")
        return found

    async def refusal_waiting(self, *, prefix: str) -> list[dict[str, Any]]:
        """Whose refusals of a range could be resubmitted, and how many."""
        found: list[dict[str, Any]] = await self._ledger.read("refusal_waiting", prefix=_checked_prefix(prefix))
        return found

    async def refusal_resubmit_range(
        self, *, prefix: str, account: str, lane: int = 0, after: int = 0, is_old_too: bool = False, actor: str = ""
    ) -> Resubmission:
        """Submit one batch of an account's refusals of a range once more: alarm lane first, each by itself, only once.

        Charged at today's price. Those that are older than a message of their lane may wait are left alone, unless
        `is_old_too`; what is refused again stays as it was.
        """
        identity = await self.identity(account)
        rows = await self._ledger.read(
            "refusals_of_range", prefix=_checked_prefix(prefix), account=account, lane=lane, after=after
        )
        at_ms = now_ms()
        fresh = [row for row in rows if is_old_too or self._is_fresh(row, at_ms)]
        found = await asyncio.gather(*(self._resubmit_one(identity, row) for row in fresh))
        if count := sum(one is not None for one, _ in found):
            # Somebody said that the account agreed: let it be known who.
            await self._ledger.do(
                "person_note",
                action="resubmit",
                detail=f"{count} of {account}, range {prefix[:RANGE_SHOWN_MAX]}, as agreed",
                actor=actor or own_actor(),
                now_ms=now_ms(),
            )
        last = rows[-1] if rows else {"lane": lane, "refusal_id": after}
        return {
            "sent": [one for one, _ in found if one is not None],
            "refused": [again for _, again in found if again is not None],
            "too_old": len(rows) - len(fresh),
            "lane": last["lane"],
            "after": last["refusal_id"],
            "is_last": len(rows) < PAGE_MAX,
        }

    def _is_fresh(self, row: dict[str, Any], at_ms: int) -> bool:
        """Whether a message of its lane would still wait in the queue today."""
        return bool(row["created_at_ms"] + validity_ms(Lane(row["lane"]), self._settings.intake) > at_ms)

    async def _resubmit_one(
        self, identity: Identity, row: dict[str, Any]
    ) -> tuple[SentMessage | None, RefusedAgain | None]:
        try:
            (one,) = await self._door.submit(identity, [_submission(row)], resubmits=(row["refusal_id"],))
        except Fault as fault:
            return None, {"refusal_id": row["refusal_id"], "fault": fault.code.value, "why": fault.sentence}
        return _sent(one), None


def _sent(one: Accepted) -> SentMessage:
    return {
        "message_id": one.message_id,
        "recipient": one.recipient,
        "part_total": one.part_total,
        "price_mc": one.price_mc,
    }


def _checked_prefix(prefix: str) -> str:
    """Leading digits of E.164 numbers. Raises Fault BAD_REQUEST."""
    digits = prefix.strip().removeprefix("prefix:").removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= DIGITS_MAX):
        raise Fault(FaultCode.BAD_REQUEST, f"a range is named by its leading digits, like 4670; not by {prefix!r}")
    return digits


def _check(row: dict[str, Any]) -> None:
    """Raise Fault when a refusal cannot be resubmitted, saying what to do instead."""
    name = f"refusal {row['refusal_id']}"
    if row["resubmitted_as"]:
        raise Fault(FaultCode.ALREADY_EXISTS, f"{name} was resubmitted as message {row['resubmitted_as']}")
    if row["is_cut"]:
        raise Fault(FaultCode.BAD_REQUEST, f"{name} was too long to be kept whole; let its sender send it again")
    if not row["text"]:
        raise Fault(FaultCode.BAD_REQUEST, f"{name} has no text, or none any more; let its sender send it again")


def _submission(row: dict[str, Any]) -> Submission:
    return Submission(
        "cli",
        row["recipient"],
        row["text"],
        originator=row["originator"],
        lane=None if row["lane"] is None else Lane(row["lane"]),
        reference=row["reference"],
        thread=thread_of(row["thread"]),
    )
