"""Questions about parts whose receipt does not come: query_sm, now and then, while a session has room to spare.

The ledger says which parts are due and when each is due again, so nothing is kept here: an answer that is lost is
asked for another time. A final state in an answer moves the part as a receipt would; every other answer leaves it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from bridge.ledger.questions import Question
from bridge.ledger.worker import LedgerFailed
from bridge.messages.faults import Fault
from bridge.messages.receipt import Receipt
from bridge.routing.pacing import Pace
from bridge.runtime import logs
from bridge.runtime.loop import monotonic_ms, now_ms, spawn
from bridge.smpp import queries
from bridge.smpp.constants import Status
from bridge.smpp.errors import LocalProtocolError
from bridge.smpp.pdus import Pdu, QuerySmResp
from bridge.smpp_out.connection import LinkConnection
from bridge.smpp_out.settings import LinkSettings
from bridge.smpp_out.turns import Turns

LOOK_S = 1.0
"""How often due questions are looked for."""
ASK_MAX = 100
"""Questions of one look: as many as the highest setting allows in that time."""

log = logs.get("link")


class AskLedger(Protocol):
    """What asking needs of the ledger."""

    def do(self, verb: str, **values: Any) -> Awaitable[Any]:
        """Run `claim_questions`."""


class Asker:
    """Asks for one link. Does nothing unless the settings say after what time to ask.

    `on_room` is told that a question has given back its place in the window.
    """

    def __init__(
        self,
        settings: LinkSettings,
        ledger: AskLedger,
        turns: Turns,
        on_receipt: Callable[[Receipt], None],
        on_room: Callable[[], None],
    ) -> None:
        self.asked = 0
        """Questions sent since the process started."""
        self._name = settings.name
        self._is_asking = settings.query_after_s is not None
        self._options = settings.submit_options()
        self._ledger = ledger
        self._turns = turns
        self._on_receipt = on_receipt
        self._on_room = on_room
        per_second = settings.queries_per_minute / 60
        self._pace = Pace.of(per_second, monotonic_ms(), burst=max(1.0, per_second))
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for what is to be asked."""
        if self._is_asking:
            self._task = spawn(self._run(), f"ask {self._name}")

    async def stop(self) -> None:
        """Ask no more; answers that are due come to nothing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def answered(self, connection: LinkConnection, token: object, response: Pdu) -> None:
        """The SMSC says how a part stands, or that it does not know it."""
        self._on_room()
        question = cast(Question, token)
        if not isinstance(response, QuerySmResp) or response.status != Status.ROK:
            log.info(
                "question refused",
                link=self._name,
                message=question.message_id,
                part=question.part_no,
                status=Status.name_of(response.status),
            )
            return
        receipt = queries.from_query_sm_resp(response, question.smsc_id, question.recipient, now_ms())
        self._on_receipt(receipt)

    def answered_late(self, token: object, response: Pdu) -> None:
        """An answer is no worse for being late, but the question is asked again anyway."""

    def timed_out(self, token: object) -> None:
        """No answer: the question is due again by itself."""
        self._on_room()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._ask()
            except (Fault, LedgerFailed) as trouble:
                log.warning("questions put off", link=self._name, why=str(trouble))
            except Exception:  # The asker's outermost hook: our bug must not end the asking.
                log.exception("asking failed", link=self._name)

    async def _ask(self) -> None:
        now = monotonic_ms()
        count = min(self._turns.room, self._pace.available(now), ASK_MAX)
        if not count:
            return
        questions: list[Question] = await self._ledger.do(
            "claim_questions", link=self._name, count_max=count, now_ms=now_ms()
        )
        for question in questions:
            connection = self._turns.next()
            if connection is None:
                break
            self._write(connection, question)
        self._pace = self._pace.take(min(len(questions), self._pace.available(now)), now)

    def _write(self, connection: LinkConnection, question: Question) -> None:
        where = {"link": self._name, "message": question.message_id, "part": question.part_no}
        try:
            connection.send(queries.query_sm(question.smsc_id, question.originator, self._options), question)
        except LocalProtocolError as error:  # An id longer than the standard's fits no query; the others do.
            log.warning("question unsendable", **where, why=str(error))
            return
        self.asked += 1
        log.info("asked", **where)
