"""The ESMEs of the crash tests: one session for each account, bound as transceiver whenever the appliance is up.

A submission is answered, or lost with its session; whoever asked then sends it again exactly as it was. Every receipt
is written down before it is answered, and answered a moment later, so that a kill finds some that were not.
"""

import asyncio
import itertools
import random
import re
from collections.abc import Callable, Iterable
from contextlib import suppress

from bridge.messages import charset
from bridge.messages.message import Coding
from bridge.smpp import pdus
from bridge.smpp.codec import decode, encode
from bridge.smpp.constants import DataCoding, Tag
from bridge.smpp.framing import FrameBuffer
from tests.crash.errands import Errand
from tests.crash.journal import Journal

AGAIN_S = 0.05
"""Between two tries to bind."""
ANSWER_S_MAX = 0.1
"""A receipt is answered within so long."""
SHORT_MESSAGE_MAX = 254
ORIGINATOR = "Alarm"
_SAYS = re.compile(r"^id:(\w+) sub:\d{3} dlvrd:\d{3} .*\bstat:(\w+) err:\d{3} text:")


class Lost(Exception):
    """The session ended without an answer."""


class Esme:
    """The session of one account."""

    def __init__(self, account: str, pin: str, port: int, journal: Journal, is_up: asyncio.Event) -> None:
        self._account, self._pin, self._port = account, pin, port
        self._journal = journal
        self._is_up = is_up
        self._dice = random.Random(account)
        self._writer: asyncio.StreamWriter | None = None
        self._sequences = itertools.count(2)
        self._waiting: dict[int, asyncio.Future[pdus.Pdu]] = {}
        self.is_bound = False

    async def live(self) -> None:
        """Bind, and bind again when the session has ended."""
        while True:
            await self._is_up.wait()
            with suppress(OSError):
                await self._session()
            await asyncio.sleep(AGAIN_S)

    async def ask(self, request: pdus.Pdu) -> pdus.Pdu:
        """Send a request and give its response. Raises Lost."""
        if self._writer is None:
            raise Lost("no session")
        sequence = next(self._sequences)
        answer = self._waiting[sequence] = asyncio.get_running_loop().create_future()
        self._write(request, sequence)
        return await answer

    async def _session(self) -> None:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer = self._writer
        frames = FrameBuffer()
        try:
            self._write(pdus.BindTransceiver(system_id=self._account, password=self._pin, interface_version=0x34), 1)
            while octets := await reader.read(65_536):
                frames.feed(octets)
                while (frame := frames.next()) is not None:
                    self._on(*decode(frame))
        finally:
            self._writer = None
            self.is_bound = False
            writer.close()
            waiting, self._waiting = self._waiting, {}
            for answer in waiting.values():
                if not answer.done():
                    answer.set_exception(Lost("the session ended"))

    def _on(self, pdu: pdus.Pdu, sequence: int) -> None:
        if isinstance(pdu, pdus.BindTransceiverResp):
            if pdu.status:
                raise ConnectionError(f"bind refused with {pdu.status:#x}")
            self.is_bound = True
        elif isinstance(pdu, pdus.DeliverSm):
            self._on_receipt(pdu, sequence)
        elif isinstance(pdu, pdus.EnquireLink):
            self._write(pdus.EnquireLinkResp(), sequence)
        elif isinstance(pdu, pdus.Unbind):
            self._write(pdus.UnbindResp(), sequence)
        elif (answer := self._waiting.pop(sequence, None)) is not None and not answer.done():
            answer.set_result(pdu)

    def _on_receipt(self, pdu: pdus.DeliverSm, sequence: int) -> None:
        text = pdu.short_message.decode("latin-1")
        said = _SAYS.match(text)
        reference = pdu.tlvs.get(Tag.USER_MESSAGE_REFERENCE)
        self._journal.write(
            "receipt",
            account=self._account,
            id=said[1] if said else "",
            stat=said[2] if said else "",
            by_tlv=pdu.tlvs.get(Tag.RECEIPTED_MESSAGE_ID, b"").rstrip(b"\0").decode("latin-1"),
            reference=None if reference is None else int.from_bytes(reference, "big"),
            to=pdu.source_addr,
            text=text,
        )
        writer = self._writer

        def answer() -> None:
            if self._writer is writer:
                self._write(pdus.DeliverSmResp(), sequence)

        asyncio.get_running_loop().call_later(self._dice.uniform(0, ANSWER_S_MAX), answer)

    def _write(self, pdu: pdus.Pdu, sequence: int) -> None:
        if self._writer is not None:
            self._writer.write(encode(pdu, sequence))


class Esmes:
    """The sessions of all accounts."""

    def __init__(self, make: Callable[[str], Esme]) -> None:
        self._make = make
        self._esmes: dict[str, Esme] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def bind(self, accounts: Iterable[str]) -> None:
        """Let an ESME of each account bind, now and after every restart."""
        for account in accounts:
            self._esmes[account] = esme = self._make(account)
            self._tasks.append(asyncio.get_running_loop().create_task(esme.live()))

    def bound(self, account: str) -> Esme:
        """The ESME of an account. Raises ConnectionError while it is not bound."""
        esme = self._esmes[account]
        if not esme.is_bound:
            raise ConnectionError(f"{account} is not bound")
        return esme

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()


def submission(errand: Errand) -> pdus.SubmitSm:
    """What is submitted for an errand; the same, octet by octet, every time."""
    coding = charset.choose(errand.text)
    octets = charset.encode(errand.text, coding)
    tlvs: dict[int, bytes] = {}
    if errand.key:
        tlvs[Tag.USER_MESSAGE_REFERENCE] = reference_of(errand.number).to_bytes(2, "big")
    if len(octets) > SHORT_MESSAGE_MAX:
        octets, tlvs[Tag.MESSAGE_PAYLOAD] = b"", octets
    return pdus.SubmitSm(
        source_addr=ORIGINATOR,
        destination_addr=errand.recipients[0],
        data_coding=DataCoding.UCS2 if coding is Coding.UCS2 else DataCoding.DEFAULT,
        registered_delivery=errand.receipts,
        short_message=octets,
        tlvs=tlvs,
    )


def reference_of(number: int) -> int:
    """The user_message_reference of an errand."""
    return number & 0xFFFF
