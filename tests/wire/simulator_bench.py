"""A bench for the simulator: the SMSC on loopback, ESMEs made of our Session, and raw sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bridge.messages.inbound import InboundPart
from bridge.messages.receipt import Receipt
from bridge.runtime.loop import monotonic_ms
from bridge.simulator.script import Script
from bridge.simulator.settings import SimulatorSettings
from bridge.simulator.smsc import Smsc
from bridge.smpp import pdus, translate
from bridge.smpp.codec import encode
from bridge.smpp.session import NEED_DATA, Answered, BindRefused, Bound, Event, Requested, Role, Session
from tests.support import eventually

RECEIPT_DELAY_MS = 10


class Esme:
    """A plain ESME over asyncio streams: records events, answers deliver_sm with `deliver_status`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.session = Session(Role.ESME, window_max=100, now_ms=monotonic_ms())
        self.events: list[Event] = []
        self.deliver_status = 0
        self.is_gone = False
        self.unanswered_max = 0
        """Deliveries that came in one read, before any of them was answered."""
        self._reader, self._writer = reader, writer
        self.reading = asyncio.create_task(self._read())

    def send(self, pdu: pdus.Pdu, token: object = None) -> None:
        self._writer.write(self.session.send(pdu, token, now_ms=monotonic_ms()))

    def submit(self, recipient: str, token: object = None, **fields: Any) -> None:
        values = {"source_addr": "Test", "registered_delivery": 1, "short_message": b"hello"} | fields
        self.send(pdus.SubmitSm(destination_addr=recipient, **values), recipient if token is None else token)

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def answers(self) -> dict[object, pdus.Pdu]:
        """The answers by their tokens."""
        return {event.token: event.response for event in self.of(Answered)}

    @property
    def deliveries(self) -> list[pdus.DeliverSm]:
        """Every deliver_sm that came, receipts and texts."""
        return [event.pdu for event in self.of(Requested) if isinstance(event.pdu, pdus.DeliverSm)]

    @property
    def statuses(self) -> dict[object, int]:
        return {event.token: event.response.status for event in self.of(Answered)}

    @property
    def arrivals(self) -> list[Receipt | InboundPart]:
        return [translate.from_deliver_sm(pdu) for pdu in self.deliveries]

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(65_536):
                self.session.receive_data(data, monotonic_ms())
                asked = []
                while (event := self.session.next_event()) is not NEED_DATA:
                    self.events.append(event)
                    if isinstance(event, Requested) and isinstance(event.pdu, pdus.DeliverSm):
                        asked.append(event.sequence)
                self.unanswered_max = max(self.unanswered_max, len(asked))
                for sequence in asked:
                    answer = pdus.DeliverSmResp(status=self.deliver_status)
                    self._writer.write(self.session.respond(sequence, answer))
                self._writer.write(self.session.take_output())
        except ConnectionError:
            pass
        self.is_gone = True

    async def close(self) -> None:
        self.reading.cancel()
        self._writer.close()
        await asyncio.gather(self.reading, self._writer.wait_closed(), return_exceptions=True)


@asynccontextmanager
async def simulated(script: Script | None = None, **settings: Any) -> AsyncIterator[Smsc]:
    values = {"port": 0, "receipt_delay_ms": RECEIPT_DELAY_MS} | settings
    smsc = Smsc(SimulatorSettings.model_validate(values), script)
    await smsc.start()
    try:
        yield smsc
    finally:
        await smsc.stop()
        await eventually(lambda: not smsc.connections)


@asynccontextmanager
async def bound_to(
    smsc: Smsc,
    *,
    system_id: str = "simulator",
    password: str = "simulate",
    bind: type[pdus.Bind] = pdus.BindTransceiver,
    version: int = 0x34,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Esme]:
    esme = Esme(*await asyncio.open_connection("127.0.0.1", smsc.port, ssl=tls))
    esme.send(bind(system_id=system_id, password=password, interface_version=version))
    await eventually(lambda: esme.of(Bound) or esme.of(BindRefused))
    try:
        yield esme
    finally:
        await esme.close()


@asynccontextmanager
async def raw(smsc: Smsc) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A plain connection, on which nobody has said anything yet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", smsc.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def bind_frame() -> bytes:
    """A bind as transceiver with sequence_number 1."""
    return encode(pdus.BindTransceiver(system_id="simulator", password="simulate"), 1)


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """One whole PDU."""
    length = await reader.readexactly(4)
    return length + await reader.readexactly(int.from_bytes(length, "big") - 4)


async def read_to_end(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """All that still comes, and whether the end was a reset."""
    got = b""
    try:
        while more := await reader.read(65_536):
            got += more
    except ConnectionResetError:
        return got, True
    return got, False
