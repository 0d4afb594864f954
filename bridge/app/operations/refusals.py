"""Operations on refusals: what was not taken, and its deliberate resubmission. Nothing here happens by itself."""

from typing import Any

from bridge.app.answers.messages import SentMessage
from bridge.app.operations.desk import Desk
from bridge.ledger.refusals import thread_of
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Lane, Submission

RESUBMIT_MAX = 100
"""Refusals of one resubmission, as many as one mail may have recipients."""


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
        return [
            {"message_id": a.message_id, "recipient": a.recipient, "part_total": a.part_total, "price_mc": a.price_mc}
            for a in accepted
        ]


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
