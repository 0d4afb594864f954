"""submit_sm and data_sm: what all sessions of an account ask for in one turn of the loop becomes one call of the door.

A request that is no message (a bad time, a broken header, an alphabet that does not exist) is refused here by number;
everything else is the door's to judge. The answer leaves after the commit. No task and no future is made for a single
message, and nothing is logged for it but what the door writes.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from bridge.intake.authenticate import Identity
from bridge.ledger.worker import LedgerFailed
from bridge.messages import charset
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Accepted, Submission
from bridge.messages.segment import PART_MAX, SINGLE_MAX
from bridge.runtime import logs
from bridge.runtime.door import Door
from bridge.runtime.loop import monotonic_ms, now_ms, running, spawn
from bridge.smpp import submission as reading
from bridge.smpp.constants import Status
from bridge.smpp.message_ids import message_id_of
from bridge.smpp.pdus import DataSm, DataSmResp, Pdu, SubmitSm, SubmitSmResp
from bridge.smpp_in import replies
from bridge.smpp_in.connection import EsmeConnection
from bridge.smpp_in.sessions import EsmeAccount

BATCH_MAX = 100
"""Messages judged in one turn of the loop: some 5 ms, in which nobody else is served."""
SHARE_MIN = 10
"""What an account may have of it at least, when many send at once."""

log = logs.get("smpp")

Request = SubmitSm | DataSm


@dataclass(slots=True)
class Asked:
    """One request that is owed an answer. Not frozen: made in the hot path."""

    connection: EsmeConnection
    sequence: int
    pdu: Request


@dataclass(slots=True)
class _Waiting:
    """The requests of one credential's sessions, in the order they came."""

    account: EsmeAccount
    credential_id: int
    asked: deque[Asked] = field(default_factory=deque)


class Submits:
    """Collects what is asked for, and answers it."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._waiting: dict[int, _Waiting] = {}
        """By credential; the first has its turn first."""
        self._is_due = False
        self._flying: dict[asyncio.Task[None], list[Asked]] = {}
        """Batches that the door has not answered yet; a few at a time."""
        self.is_stopping = False

    def lost(self, connection: EsmeConnection, unheard: list[str]) -> None:
        """The ESME will not hear the answers to what it has asked, and did not hear those to the messages `unheard`:
        its account's next submissions may repeat that."""
        self._door.mark_unheard(connection.account_id, connection.account_name, unheard)
        for task, asked in self._flying.items():
            if any(one.connection is connection for one in asked):
                self._door.not_before(connection.account_id, task)

    def add(self, connection: EsmeConnection, sequence: int, pdu: Request) -> None:
        """Take a request; it is answered when its message is committed."""
        account = connection.account
        if account is None or self.is_stopping:
            refuse(connection, sequence, pdu, Status.RSYSERR, "the appliance stops, or the session does")
            return
        waiting = self._waiting.get(connection.credential_id)
        if waiting is None:
            waiting = self._waiting[connection.credential_id] = _Waiting(account, connection.credential_id)
        waiting.asked.append(Asked(connection, sequence, pdu))
        self._call_soon()

    def _call_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            running().call_soon(self._hand_over)

    def _hand_over(self) -> None:
        """Hand a batch of each account to the door; what is beyond its share waits for the next turn."""
        self._is_due = False
        left = BATCH_MAX
        share = max(SHARE_MIN, BATCH_MAX // len(self._waiting)) if self._waiting else 0
        for waiting in list(self._waiting.values()):
            if left <= 0:
                break
            asked = waiting.asked
            batch = [asked.popleft() for _ in range(min(left, share, len(asked)))]
            left -= len(batch)
            del self._waiting[waiting.credential_id]
            if asked:  # Behind the others, so that everybody has a turn.
                self._waiting[waiting.credential_id] = waiting
            self._judge(waiting.account, waiting.account.identities[waiting.credential_id], batch)
        if self._waiting:
            self._call_soon()

    def _judge(self, account: EsmeAccount, identity: Identity, batch: list[Asked]) -> None:
        at_ms = now_ms()
        good: list[Asked] = []
        submissions: list[Submission] = []
        for asked in batch:
            connection, pdu = asked.connection, asked.pdu
            if not connection.is_open:
                continue  # Its ESME is gone and has no answer: whatever this was, it comes again.
            try:
                read = reading.read(pdu, identity.smpp, now_ms=at_ms, peer_version=connection.session.version)
            except reading.Refused as error:
                refuse(connection, asked.sequence, pdu, error.status, error.reason)
                continue
            if account.has_limit and not account.may_submit(
                parts_of(read.submission, self._door.parts_max), monotonic_ms()
            ):
                refuse(connection, asked.sequence, pdu, Status.RTHROTTLED, too_fast(account))
                continue
            if read.is_damaged or read.is_little_endian or read.is_rough:
                advise(connection, read)
            good.append(asked)
            submissions.append(read.submission)
        if good:
            task = spawn(self._submit(identity, good, submissions), "submit")
            self._flying[task] = good
            task.add_done_callback(self._flying.pop)

    async def _submit(self, identity: Identity, batch: list[Asked], submissions: list[Submission]) -> None:
        results = await submit_each(self._door, identity, submissions)
        unheard: list[str] = []
        for asked, result in zip(batch, results, strict=True):
            connection = asked.connection
            response = DataSmResp if type(asked.pdu) is DataSm else SubmitSmResp
            if isinstance(result, Fault):
                status = replies.status_of(result, connection.session.version)
                connection.refusals[status] += 1
                connection.respond(asked.sequence, response(status=status))
                continue
            connection.accepted += 1
            message_id = message_id_of(result.message_id, identity.smpp.id_form)
            if not connection.respond(asked.sequence, response(message_id=message_id), result.message_id):
                unheard.append(result.message_id)
        if (marking := self._door.mark_unheard(identity.account_id, identity.account_name, unheard)) is not None:
            await marking


async def submit_each(
    door: Door, identity: Identity, submissions: list[Submission], *, is_multi: bool = False
) -> list[Accepted | Fault]:
    """The door's word on each; what is our fault is temporary to the ESME."""
    try:
        return await door.submit_each(identity, submissions, is_multi=is_multi)
    except LedgerFailed:
        return [Fault(FaultCode.TRY_LATER)] * len(submissions)
    except Exception:  # The door's outermost hook: every request has an answer.
        log.exception("submit failed", account=identity.account_name, messages=len(submissions))
        return [Fault(FaultCode.TRY_LATER)] * len(submissions)


def refuse(connection: EsmeConnection, sequence: int, pdu: Pdu, status: int, why: str) -> None:
    """Answer with a status; the log has a line for the first refusal of each kind on a session, and a count later."""
    status = replies.for_version(status, connection.session.version)
    if not connection.refusals[status]:
        log.warning(
            "refused",
            account=connection.account.name if connection.account else "",
            peer=connection.peer.ip,
            request=pdu.COMMAND_ID.name.lower(),
            status=Status.name_of(status),
            why=why,
        )
    connection.refusals[status] += 1
    connection.respond(sequence, replies.refusal_of(pdu, status))


def too_fast(account: EsmeAccount) -> str:
    return f"more than {account.rules.parts_per_second:g} parts per second"


def advise(connection: EsmeConnection, read: reading.Reading | reading.ReplacementReading) -> None:
    """Tell the operator once per session that an ESME's texts do not fit what it says of them."""
    if connection.is_advised:
        return
    connection.is_advised = True
    hint = "its UCS-2 came with swapped octets and was put right"
    if read.is_damaged:
        hint = "some octets mean nothing in its alphabet; see `account set --smpp-alphabet-0|-1` and docs/smpp.md"
    elif read.is_rough:
        hint = "it cuts texts with letters that GSM 03.38 lacks as if it had them; they went as the nearest it has"
    name = connection.account.name if connection.account else ""
    log.warning("odd text", account=name, peer=connection.peer.ip, hint=hint)


def parts_of(submission: Submission, parts_max: int) -> int:
    """How many parts a submission is, for the account's throughput; the door has the last word.

    What is longer than `parts_max` is refused by the door, and so counts as one.
    """
    user_data = submission.user_data
    if user_data is not None and (user_data.header or user_data.body is not None):
        return 1
    coding = charset.choose(submission.text)
    size = charset.unit_count(submission.text, coding)
    count = 1 if size <= SINGLE_MAX[coding] else -(-size // PART_MAX[coding])
    return count if count <= parts_max else 1
