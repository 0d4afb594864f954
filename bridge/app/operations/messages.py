"""Operations on messages: send, list, show; what waits, and what came in."""

from dataclasses import replace
from typing import Any

from bridge.app.answers.messages import Cancelled, Rescheduled, SentMessage
from bridge.app.operations import owed
from bridge.app.operations.desk import Desk, own_actor
from bridge.intake.authenticate import Identity
from bridge.intake.times import check_due, validity_ms
from bridge.intake.when import Said, moment_ms, span_ms
from bridge.ledger.accounts import lane_of
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.hours import HELD_FOR_HOURS
from bridge.messages.message import TEST_LINK, Lane, Submission
from bridge.runtime.loop import now_ms

RECIPIENTS_MAX = 100
"""Recipients of one `send`, as for one mail."""


class MessageOperations(Desk):
    """See `commands.MessageCommands`."""

    async def send(
        self,
        *,
        account: str,
        to: list[str],
        text: str,
        originator: str = "",
        lane: str = "",
        reference: str = "",
        at: str = "",
        after: str = "",
        worthless_after: str = "",
        validity: str = "",
        queue_age: str = "",
    ) -> list[SentMessage]:
        """Submit for an account, all recipients or none. Whoever may use this command may act for every account."""
        if len(to) > RECIPIENTS_MAX:
            raise Fault(FaultCode.TOO_MANY_RECIPIENTS, f"{len(to)}, at most {RECIPIENTS_MAX}")
        identity = await self.identity(account)
        numbers: dict[str, str] = {}
        for number in to:
            numbers.setdefault(self._check_recipient(identity, number), number)
        chosen = Lane(lane_of(lane)) if lane else None
        said = Said(at, after, worthless_after, validity, queue_age)
        submission = Submission("cli", "", text, originator=originator, lane=chosen, reference=reference)
        timed = said.on(submission, identity.times.time_zone, now_ms())
        submissions = [replace(timed, recipient=number) for number in numbers.values()]
        accepted = await self._door.submit(identity, submissions)
        return [
            {"message_id": a.message_id, "recipient": a.recipient, "part_total": a.part_total, "price_mc": a.price_mc}
            for a in accepted
        ]

    def _check_recipient(self, identity: Identity, number: str) -> str:
        """Normalised digits; a refusal names the number that is wrong, for the sender has several."""
        try:
            return self._door.check_recipient(identity, number)
        except Fault as fault:
            raise Fault(fault.code, f"{number}: {fault.detail}") from None

    async def message_list(
        self, *, account: str | None = None, state: str | None = None, count_max: int = 50
    ) -> list[dict[str, Any]]:
        """The newest messages first."""
        if account is not None:
            await self.known(account)
        found: list[dict[str, Any]] = await self._ledger.read(
            "message_list", account=account, state=state, count_max=count_max
        )
        return [self._with_reason(message) for message in found]

    async def message_show(self, *, message_id: str) -> dict[str, Any]:
        """The whole life of a message."""
        message: dict[str, Any] | None = await self._ledger.read("message_show", message_id=message_id)
        if message is None:
            raise Fault(FaultCode.NOT_FOUND, f"message {message_id}")
        parts = [
            self._with_reason(part, owed.fresh_until_ms(part["lane"], message["accepted_at_ms"]), message)
            for part in message["parts"]
        ]
        message["notices"] = [
            line | {"kept_until_ms": owed.mail_kept_until_ms(line["kind"], line["created_at_ms"])}
            for line in message["notices"]
        ]
        if message["esme"]:
            told = message["esme"]["notices"]
            message["esme"]["notices"] = [
                self._for_esme(line, message["account"], line["created_at_ms"]) for line in told
            ]
        return self._with_reason(message) | {"parts": parts}

    async def message_cancel(self, *, message_id: str, actor: str = "") -> Cancelled:
        """Take a message back that no carrier has yet, with its price."""
        done: Cancelled = await self._ledger.do(
            "message_cancel", message_id=message_id, actor=actor or own_actor(), now_ms=now_ms()
        )
        return done

    async def message_reschedule(
        self, *, message_id: str, at: str = "", after: str = "", actor: str = ""
    ) -> Rescheduled:
        """Send a message that no carrier has yet at another time."""
        if bool(at) == bool(after):
            raise Fault(FaultCode.BAD_REQUEST, "say when to send it (--at) or in how long (--in)")
        message = await self.message_show(message_id=message_id)
        account = await self.known(message["account"])
        at_ms = now_ms()
        due_at_ms = moment_ms(at, account["time_zone"]) if at else at_ms + span_ms(after)
        check_due(due_at_ms, at_ms)
        done: Rescheduled = await self._ledger.do(
            "message_reschedule",
            message_id=message_id,
            due_at_ms=due_at_ms,
            lane_validity_ms=tuple(validity_ms(lane, self._settings.intake) for lane in Lane),
            actor=actor or own_actor(),
            now_ms=at_ms,
        )
        return done

    async def inbound_list(self, *, count_max: int = 50) -> list[dict[str, Any]]:
        """The newest texts from handsets first, also those to numbers that nobody owns."""
        found: list[dict[str, Any]] = await self._ledger.read("inbound_list", count_max=count_max)
        return found

    async def queue(self) -> dict[str, Any]:
        """What waits, why and until when."""
        found: dict[str, Any] = await self._ledger.read("queue")
        return {
            "parts": [self._of_queue(line) for line in found["parts"]],
            "notices": [self._owed(line) for line in found["notices"]],
        }

    def _of_queue(self, line: dict[str, Any]) -> dict[str, Any]:
        told = self._with_reason(line)
        return told | {"waiting_for": told["waiting_for"].removeprefix(f"link {line['link']} ")}

    def _owed(self, line: dict[str, Any]) -> dict[str, Any]:
        if line["kind"] == owed.TO_ESMES:
            return self._for_esme(line, line["account"], line["oldest_at_ms"])
        return line | {"kept_until_ms": owed.mail_kept_until_ms(line["kind"], line["oldest_at_ms"])}

    def _for_esme(self, line: dict[str, Any], account: str, created_at_ms: int) -> dict[str, Any]:
        sessions = self._smpp.sessions() if self._smpp is not None else None
        return owed.to_esme(line, account, created_at_ms, sessions, now_ms())

    def _with_reason(
        self, line: dict[str, Any], fresh_until_ms: int | None = None, sender: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """What a line of parts waits for, and what comes then, where its ledger row does not say it.

        A queued one without a reason waits for its link: how that one stands, and whose parts it holds back. `sender`
        has the account and the originator of the parts, where the line itself does not.
        """
        if line["state"] == "in_doubt" and "is_possible_duplicate" in line:
            links = {link.name: link for link in self._settings.links}
            is_resending = line["link"] not in links or links[line["link"]].in_doubt != "never_resend"
            then = owed.after_doubt(line, is_resending=is_resending, fresh_until_ms=fresh_until_ms)
            return line | {"then": then}
        line = line | {"then": ""}
        may_go = line["state"] == "queued" and line["waiting_for"] != HELD_FOR_HOURS
        if may_go and self._links is not None and (stopped := self._links.stopped_words(line["link"])):
            return line | {"waiting_for": stopped}
        if line["state"] != "queued" or line["waiting_for"]:
            return line
        if line["link"] == TEST_LINK and self._links is not None:
            return line | {"waiting_for": "its turn"}
        if self._links is None:
            return line | {"waiting_for": owed.NOT_RUNNING}
        reason, held = self._links.waiting_reason(line["link"]), self._ledger.paced(line["link"])
        return owed.paced(line, reason, held, now_ms(), sender or (line if "account" in line else None))
