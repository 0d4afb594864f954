"""The two kinds of ESME of a fuzz run: good ones that must not notice anything, and hostile ones."""

import asyncio
import random
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from bridge.runtime.loop import monotonic_ms
from bridge.smpp import pdus
from bridge.smpp.codec import decode, encode
from bridge.smpp.constants import Tag
from bridge.smpp.errors import RemoteProtocolError
from bridge.smpp.framing import FrameBuffer
from bridge.smpp.session import NEED_DATA, Answered, BindRefused, Bound, Requested, Role, Session
from tests.fuzz.mutations import Mutations

PASSWORD = "SECRET22"  # noqa: S105 - of a test
ENQUIRE_LINK = b"\x00\x00\x00\x10\x00\x00\x00\x15"
BATCH = 25
"""Bad PDUs in one go."""
PATIENT = 0.9
"""Chance to wait a little longer for the answer to the bind: most bad PDUs are to meet a session that is bound."""
HEARD_S = 0.3
"""How long the answer to a batch is awaited: some swallow the question, and some do not read."""
PROBE = encode(pdus.EnquireLink(), 0x70726F62)
PROBE_ANSWER = encode(pdus.EnquireLinkResp(), 0x70726F62)
LIFE_MAX = 400
"""Bad PDUs of one hostile connection at most."""


class GoodEsme(asyncio.Protocol):
    """A transceiver that submits one message after the other and answers its receipts. Several share `receipts`."""

    def __init__(self, name: str, receipts: set[str], pause_s: float) -> None:
        self.is_lost = False
        self.answered: list[str] = []
        """Ids of its messages."""
        self.refused: list[int] = []
        self.slowest_s = 0.0
        """The longest wait for an answer."""
        self.is_over = False
        self.is_idle = asyncio.Event()
        self._name = name
        self._receipts = receipts
        self._pause_s = pause_s
        self._count = 0
        self._asked_s = 0.0
        self._session = Session(Role.ESME, window_max=10, now_ms=monotonic_ms())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        bind = pdus.BindTransceiver(system_id="good", password=PASSWORD)
        self._transport.write(self._session.send(bind, now_ms=monotonic_ms()))

    def data_received(self, data: bytes) -> None:
        session = self._session
        session.receive_data(data, monotonic_ms())
        while (event := session.next_event()) is not NEED_DATA:
            if isinstance(event, Bound):
                self._submit()
            elif isinstance(event, Answered):
                self._take(event.response)
            elif isinstance(event, Requested) and isinstance(event.pdu, pdus.DeliverSm):
                self._receipts.add(event.pdu.tlvs[Tag.RECEIPTED_MESSAGE_ID].rstrip(b"\0").decode())
                self._transport.write(session.respond(event.sequence, pdus.DeliverSmResp()))
        self._transport.write(session.take_output())

    def _submit(self) -> None:
        if self.is_over or self.is_lost:
            self.is_idle.set()
            return
        self._count += 1
        text = f"{self._name} {self._count}".encode()
        pdu = pdus.SubmitSm(destination_addr="46701740605", short_message=text, registered_delivery=1)
        self._asked_s = time.monotonic()
        self._transport.write(self._session.send(pdu, now_ms=monotonic_ms()))

    def _take(self, response: pdus.Pdu) -> None:
        self.slowest_s = max(self.slowest_s, time.monotonic() - self._asked_s)
        if isinstance(response, pdus.SubmitSmResp) and not response.status:
            self.answered.append(response.message_id)
        else:
            self.refused.append(response.status)
        asyncio.get_running_loop().call_later(self._pause_s, self._submit)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self.is_idle.set()

    def close(self) -> None:
        self._transport.close()


class HostileEsme(asyncio.Protocol):
    """One connection that binds or does not, sends bad PDUs in any pieces, reads or does not, and goes somehow."""

    def __init__(self, chance: random.Random, mutations: Mutations) -> None:
        self.is_lost = False
        self.got = 0
        """Octets it was answered."""
        self._chance = chance
        self._mutations = mutations
        self._frames = FrameBuffer()
        self._is_answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.got += len(data)
        self._is_answered = self._is_answered or PROBE_ANSWER in data

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True

    async def rage(self, may_send: Callable[[], bool]) -> None:
        """Send until the life is over, the appliance has closed, or `may_send` (asked for every PDU) says no."""
        chance = self._chance
        if chance.random() < 0.7:
            kind = chance.choice((pdus.BindTransceiver, pdus.BindTransceiver, pdus.BindTransmitter, pdus.BindReceiver))
            version = chance.choice((0x33, 0x34, 0x34, 0x50))
            self._transport.write(encode(kind(system_id="hostile", password=PASSWORD, interface_version=version), 1))
            while chance.random() < PATIENT and not self.is_lost and not self.got:
                await asyncio.sleep(0.005)
        if chance.random() < 0.1:
            self._transport.pause_reading()
        left = chance.randint(1, LIFE_MAX)
        while left > 0 and not self.is_lost:
            batch = b""
            for _ in range(BATCH):
                if left <= 0 or not may_send():
                    left = 0
                    break
                batch += (frame := self._mutations.next())
                left = 0 if self._is_the_end(frame) else left - 1
            for piece in self._mutations.pieces(batch + PROBE):
                self._transport.write(piece)
                await asyncio.sleep(0)
            await self._heard()
        await self._go()

    def _is_the_end(self, frame: bytes) -> bool:
        """Whether the appliance has to close the connection here, so that what follows would meet nobody."""
        self._frames.feed(frame)
        while True:
            try:
                if (whole := self._frames.next()) is None:
                    return False
                decode(whole)
            except RemoteProtocolError as error:
                if error.is_fatal:
                    return True

    async def _heard(self) -> None:
        """Wait for the answer to the enquire_link behind a batch, so that nothing is lost behind a reset. After a
        command_length that swallows it there is none."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + HEARD_S
        while not self.is_lost and not self._is_answered and loop.time() < until_s:
            await asyncio.sleep(0.002)
        self._is_answered = False

    async def _go(self) -> None:
        way = self._chance.random()
        if way < 0.3:  # Half a PDU that never gets whole.
            self._transport.write(self._mutations.next()[:-1])
            await asyncio.sleep(0.2)
        if way < 0.6:
            sock = cast(socket.socket, self._transport.get_extra_info("socket"))
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        else:
            self._transport.close()


class IdleEsme(asyncio.Protocol):
    """A transceiver that says nothing by itself. Counts what it is asked, and can be told to submit."""

    def __init__(self) -> None:
        self.is_lost = False
        self.bind_status: int | None = None
        self.bound = asyncio.Event()
        """Set when the bind is answered, or the connection lost."""
        self.answers: list[pdus.Pdu] = []
        self.receipts = 0
        self.probes = 0
        """How often it was asked whether it is there."""
        self._session = Session(Role.ESME, window_max=10, now_ms=monotonic_ms())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        bind = pdus.BindTransceiver(system_id="good", password=PASSWORD)
        self._transport.write(self._session.send(bind, now_ms=monotonic_ms()))

    def data_received(self, data: bytes) -> None:
        session = self._session
        self.probes += data.count(ENQUIRE_LINK)
        session.receive_data(data, monotonic_ms())
        while (event := session.next_event()) is not NEED_DATA:
            if isinstance(event, Bound | BindRefused):
                self.bind_status = event.status if isinstance(event, BindRefused) else 0
                self.bound.set()
            elif isinstance(event, Answered):
                self.answers.append(event.response)
            elif isinstance(event, Requested):
                self.receipts += 1
                self._transport.write(session.respond(event.sequence, pdus.DeliverSmResp()))
        self._transport.write(session.take_output())

    def submit(self) -> None:
        pdu = pdus.SubmitSm(destination_addr="46701740605", short_message=b"hello", registered_delivery=1)
        self._transport.write(self._session.send(pdu, now_ms=monotonic_ms()))

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self.bound.set()

    async def leave(self) -> None:
        """Close, and wait until that is done."""
        self._transport.close()
        while not self.is_lost:
            await asyncio.sleep(0.001)
