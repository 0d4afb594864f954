"""An SMSC without habits: it lets everybody bind, keeps every other request, and answers what the test says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from bridge.runtime.loop import monotonic_ms, now_ms
from bridge.smpp import pdus
from bridge.smpp.constants import EsmClass, Tag
from bridge.smpp.pdus import RESPONSE_TO, Bind, Pdu
from bridge.smpp.session import NEED_DATA, Answered, Requested, Role, Session
from tests.support import eventually


@dataclass(eq=False)
class Asked:
    """A request that waits for the test to answer it."""

    session: "RawSession"
    pdu: Any
    sequence: int

    def answer(self, pdu: Pdu) -> None:
        self.session.unanswered -= 1
        self.session.write(self.session.session.respond(self.sequence, pdu))


class RawSession(asyncio.Protocol):
    """One connection to it."""

    def __init__(self, smsc: "RawSmsc") -> None:
        self.session = Session(Role.SMSC, window_max=1000, now_ms=monotonic_ms())
        self.unanswered = 0
        self.unanswered_max = 0
        self.bind: Bind | None = None
        self._smsc = smsc

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._smsc.sessions.append(self)

    def data_received(self, data: bytes) -> None:
        self.session.receive_data(data, monotonic_ms())
        while (event := self.session.next_event()) is not NEED_DATA:
            if isinstance(event, Requested) and isinstance(event.pdu, Bind):
                self._bind(event.pdu, event.sequence)
            elif isinstance(event, Requested):
                self.unanswered += 1
                self.unanswered_max = max(self.unanswered_max, self.unanswered)
                self._smsc.take(Asked(self, event.pdu, event.sequence))
            elif isinstance(event, Answered):
                self._smsc.answers.append((event.token, event.response.status))
        self.write(self.session.take_output())

    def _bind(self, pdu: Bind, sequence: int) -> None:
        self._smsc.binds.append(pdu)
        status = self._smsc.bind_status(pdu)
        self.write(self.session.respond(sequence, RESPONSE_TO[pdu.COMMAND_ID](status=status)))
        if status:
            self._transport.close()
        else:
            self.bind = pdu

    def connection_lost(self, exc: Exception | None) -> None:
        self._smsc.sessions.remove(self)

    def write(self, octets: bytes) -> None:
        self._transport.write(octets)

    def deliver(self, pdu: pdus.DeliverSm) -> None:
        self.write(self.session.send(pdu, pdu, now_ms=monotonic_ms()))

    def drop(self) -> None:
        self._transport.abort()


@dataclass
class RawSmsc:
    """The listener, and what it was asked."""

    on_request: Callable[[Asked], object] | None = None
    """Answers by itself, where a test does not want to."""
    bind_status: Callable[[Bind], int] = lambda bind: 0
    sessions: list[RawSession] = field(default_factory=list)
    binds: list[Bind] = field(default_factory=list)
    """Every bind that was asked for."""
    asked: list[Asked] = field(default_factory=list)
    """Every request but binds, in order."""
    answers: list[tuple[Any, int]] = field(default_factory=list)
    """What we sent and how it was answered."""
    port: int = 0

    def take(self, asked: Asked) -> None:
        self.asked.append(asked)
        if self.on_request is not None:
            self.on_request(asked)

    @property
    def submits(self) -> list[Asked]:
        return [asked for asked in self.asked if isinstance(asked.pdu, pdus.SubmitSm)]

    @property
    def queries(self) -> list[Asked]:
        return [asked for asked in self.asked if isinstance(asked.pdu, pdus.QuerySm)]

    @property
    def receiving(self) -> RawSession:
        """A session that takes receipts."""
        takes = (pdus.BindTransceiver, pdus.BindReceiver)
        return next(session for session in self.sessions if isinstance(session.bind, takes))

    async def submitted(self, count: int) -> list[Asked]:
        """Wait for so many parts."""
        await eventually(lambda: len(self.submits) >= count)
        return self.submits

    def receipt(self, submit: pdus.SubmitSm, smsc_id: str, stat: str = "DELIVRD", **facts: Any) -> pdus.DeliverSm:
        """A receipt for a part as a plain carrier writes it; `facts` replace fields of the deliver_sm, or of the text.

        `submitted_at_ms` is when the SMSC says it took the part, None to leave that out; `error` the network's code.
        """
        submitted_at_ms = facts.pop("submitted_at_ms", now_ms())
        moment = f" submit date:{_minute(submitted_at_ms)}" if submitted_at_ms is not None else ""
        error = facts.pop("error", "000")
        text = f"id:{smsc_id} sub:001 dlvrd:001{moment} done date:{_minute(now_ms())} stat:{stat} err:{error} text:"
        values = {
            "source_addr_ton": submit.dest_addr_ton,
            "source_addr": submit.destination_addr,
            "dest_addr_ton": submit.source_addr_ton,
            "destination_addr": submit.source_addr,
            "esm_class": EsmClass.DELIVERY_RECEIPT,
            "short_message": text.encode(),
        }
        if Tag.USER_MESSAGE_REFERENCE in submit.tlvs:
            values["tlvs"] = {Tag.USER_MESSAGE_REFERENCE: submit.tlvs[Tag.USER_MESSAGE_REFERENCE]}
        return pdus.DeliverSm(**(values | facts))  # type: ignore[arg-type]

    def deliver(self, pdu: pdus.DeliverSm) -> None:
        """Send a receipt on a session that takes it."""
        self.receiving.deliver(pdu)


def accepting(asked: Asked) -> None:
    """Take every part, under its own number."""
    if isinstance(asked.pdu, pdus.SubmitSm):
        asked.answer(pdus.SubmitSmResp(message_id=f"{asked.pdu.destination_addr[-4:]}"))


def _minute(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%y%m%d%H%M}"


@asynccontextmanager
async def raw_smsc(**facts: Any) -> AsyncIterator[RawSmsc]:
    smsc = RawSmsc(**facts)
    server = await asyncio.get_running_loop().create_server(lambda: RawSession(smsc), "127.0.0.1", 0)
    smsc.port = server.sockets[0].getsockname()[1]
    try:
        yield smsc
    finally:
        server.close()
        for session in list(smsc.sessions):
            with suppress(OSError):
                session.drop()
