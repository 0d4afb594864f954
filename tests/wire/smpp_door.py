"""A house with its SMPP door open, and an ESME that does what a test tells it."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bridge.intake.settings import IntakeSettings
from bridge.messages.message import ClaimedPart, Outcome, OutcomeKind, PartState
from bridge.messages.receipt import Receipt
from bridge.runtime.loop import now_ms
from bridge.smpp import pdus
from bridge.smpp.codec import decode, encode
from bridge.smpp.framing import FrameBuffer
from bridge.smpp_in.service import SmppDoor
from bridge.smpp_in.settings import SmppListen, SmppSettings
from tests.house import LINK, House, open_house
from tests.support import eventually

PIN = "SECRET22"
NUMBER = "447911123456"
OTHER = "447911123123"
WAIT_S = 10.0


class Esme:
    """One connection that sends what it is told and keeps what it gets; `answers` answers every deliver_sm."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.got: list[tuple[pdus.Pdu, int]] = []
        """What came, with its sequence number, in order."""
        self.answers: Callable[[pdus.DeliverSm], int | None] = lambda pdu: 0
        """The status for a deliver_sm; None: no answer."""
        self.is_closed = False
        self._sequence = 0
        self._reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        frames = FrameBuffer()
        try:
            while data := await self.reader.read(65_536):
                frames.feed(data)
                while (frame := frames.next()) is not None:
                    pdu, sequence = decode(frame)
                    self.got.append((pdu, sequence))
                    if isinstance(pdu, pdus.DeliverSm) and (status := self.answers(pdu)) is not None:
                        self.writer.write(encode(pdus.DeliverSmResp(status=status), sequence))
                    elif isinstance(pdu, pdus.Unbind):
                        self.writer.write(encode(pdus.UnbindResp(), sequence))
        except ConnectionError:
            pass
        self.is_closed = True

    def send(self, *requests: pdus.Pdu) -> list[int]:
        """Write requests at once; gives their sequence numbers."""
        sequences = []
        octets = b""
        for pdu in requests:
            self._sequence += 1
            sequences.append(self._sequence)
            octets += encode(pdu, self._sequence)
        self.writer.write(octets)
        return sequences

    async def answer(self, sequence: int) -> Any:
        """The response to a request of ours."""
        found: Any = await eventually(
            lambda: next((p for p, s in self.got if s == sequence and p.is_response()), None), WAIT_S
        )
        return found

    async def ask(self, pdu: pdus.Pdu) -> Any:
        """Send a request and give its response."""
        (sequence,) = self.send(pdu)
        return await self.answer(sequence)

    async def ask_all(self, *requests: pdus.Pdu) -> list[Any]:
        return [await self.answer(sequence) for sequence in self.send(*requests)]

    def delivered(self) -> list[pdus.DeliverSm]:
        return [pdu for pdu, _ in self.got if isinstance(pdu, pdus.DeliverSm)]

    async def closed(self) -> None:
        """Wait until the other side has closed."""
        await eventually(lambda: self.is_closed, WAIT_S)

    async def close(self) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)

    def reset(self) -> None:
        """Go away without a word."""
        sock = self.writer.get_extra_info("socket")
        import socket

        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Door:
    """A house with its SMPP door open on one port."""

    def __init__(self, house: House, smpp: SmppDoor) -> None:
        self.house = house
        self.smpp = smpp
        self._esmes: list[Esme] = []

    @property
    def port(self) -> int:
        return self.smpp.addresses[0][1]

    async def connect(self, **options: Any) -> Esme:
        """An ESME that has not bound."""
        reader, writer = await asyncio.open_connection("127.0.0.1", options.pop("port", self.port), **options)
        esme = Esme(reader, writer)
        self._esmes.append(esme)
        return esme

    async def bound(self, kind: type[pdus.Bind] = pdus.BindTransceiver, **facts: Any) -> Esme:
        """An ESME that is bound."""
        esme = await self.connect()
        response = await esme.ask(bind(kind, **facts))
        assert response.status == 0, response
        return esme

    async def show(self, message_id: str) -> dict[str, Any]:
        return dict(await self.house.ledger.read("message_show", message_id=message_id))

    async def claim(self) -> list[ClaimedPart]:
        """As a link takes parts."""
        return await self.house.ledger.claim(LINK, 500, now_ms())

    async def submit_up(self) -> list[ClaimedPart]:
        """As a link that has handed over all that is queued, with 1000, 1001 ... for ids."""
        parts = await self.claim()
        outcomes = [
            Outcome(part.part_id, OutcomeKind.SUBMITTED, now_ms(), smsc_id=str(1000 + part.part_id)) for part in parts
        ]
        await self.house.ledger.settle(LINK, outcomes)
        return parts

    async def finish(self, state: PartState | None = PartState.DELIVERED, error: str = "000") -> list[ClaimedPart]:
        """Hand over all that is queued, and have the network say what became of it."""
        parts = await self.submit_up()
        receipts = [Receipt(str(1000 + part.part_id), state, error, now_ms(), part.recipient) for part in parts]
        await self.house.ledger.receive(LINK, list(receipts), now_ms())
        return parts

    async def close(self) -> None:
        for esme in self._esmes:
            await esme.close()


def bind(kind: type[pdus.Bind] = pdus.BindTransceiver, **facts: Any) -> pdus.Bind:
    return kind(**({"system_id": "demo", "password": PIN} | facts))


def submit(text: str = "Pump 2 stopped", **facts: Any) -> pdus.SubmitSm:
    values: dict[str, Any] = {"source_addr": "Pumps", "destination_addr": NUMBER, "short_message": text.encode()}
    return pdus.SubmitSm(**(values | facts))


@asynccontextmanager
async def open_door(
    folder: Path, *, account: bool = True, intake: IntakeSettings | None = None, **settings: Any
) -> AsyncIterator[Door]:
    """`account`: with the account demo in it; more `settings` are those of the door."""
    async with open_house(folder, intake) as house:
        if account:
            await house.add_account(pin=PIN)
        values = SmppSettings.model_validate({"listen": [SmppListen(port=0)], **settings})
        smpp = SmppDoor(values, house.gatekeeper, house.door, house.ledger)
        await smpp.start()
        door = Door(house, smpp)
        try:
            yield door
        finally:
            await smpp.stop()
            await door.close()
