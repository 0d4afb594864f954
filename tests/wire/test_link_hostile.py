"""A hostile SMSC: wrong and double answers, rubbish, floods, silence. It may cost us its own parts' certainty, and
nothing else: no part is lost or sent twice, memory keeps its bounds, nothing spins."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.runtime.backoff import Backoff
from bridge.smpp import pdus
from bridge.smpp.codec import decode, encode
from bridge.smpp.constants import EsmClass, Tag
from bridge.smpp.framing import FrameBuffer
from bridge.smpp_out import connection as connections
from bridge.smpp_out.link import LinkState
from tests.fuzz.mutations import Mutations
from tests.support import asyncio_test, eventually
from tests.wire.link_bench import Bench, bench

HOLD_S = 600
"""No part in doubt is sent again during a test."""


class Hostile:
    """An SMSC on a bare socket: accepts binds, keeps what it is sent, and says what `answer` makes of a submit_sm."""

    def __init__(self) -> None:
        self.binds = 0
        self.submits: Counter[str] = Counter()
        """How often each recipient's part came."""
        self.answered: Counter[int] = Counter()
        """Status of each response to a request of its own."""
        self.answer: Callable[[pdus.SubmitSm, int], bytes] = lambda pdu, sequence: encode(
            pdus.SubmitSmResp(message_id=pdu.destination_addr[-4:]), sequence
        )
        self.on_bound: Callable[[asyncio.StreamWriter], None] = lambda writer: None
        self.is_deaf = False
        self.writer: asyncio.StreamWriter | None = None
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        frames = FrameBuffer()
        try:
            while data := await reader.read(65_536):
                frames.feed(data)
                while (frame := frames.next()) is not None:
                    self._take(*decode(frame), writer)
                while self.is_deaf:
                    await asyncio.sleep(0.01)
        except ConnectionError:
            pass
        writer.close()

    def _take(self, pdu: pdus.Pdu, sequence: int, writer: asyncio.StreamWriter) -> None:
        if isinstance(pdu, pdus.Bind):
            self.binds += 1
            writer.write(encode(pdus.BindTransceiverResp(tlvs={Tag.SC_INTERFACE_VERSION: b"\x34"}), sequence))
            self.on_bound(writer)
        elif isinstance(pdu, pdus.SubmitSm):
            self.submits[pdu.destination_addr] += 1
            writer.write(self.answer(pdu, sequence))
        elif isinstance(pdu, pdus.EnquireLink):
            writer.write(encode(pdus.EnquireLinkResp(), sequence))
        elif isinstance(pdu, pdus.Unbind):
            writer.write(encode(pdus.UnbindResp(), sequence))
        elif pdu.is_response():
            self.answered[pdu.status] += 1


@asynccontextmanager
async def hostile(folder: Path) -> AsyncIterator[tuple[Bench, Hostile]]:
    smsc = Hostile()
    server = await asyncio.start_server(smsc.serve, "127.0.0.1", 0)
    smsc.port = server.sockets[0].getsockname()[1]
    async with bench(folder) as made:
        yield made, smsc
    smsc.is_deaf = False
    server.close()
    if smsc.writer is not None:
        smsc.writer.transport.abort()


def numbers(count: int) -> list[str]:
    return [f"4670174{n:04d}" for n in range(count)]


def yes(sequence: int, name: str, **facts: Any) -> bytes:
    return encode(pdus.SubmitSmResp(message_id=name, **facts), sequence)


WAYS: dict[str, tuple[Callable[[pdus.SubmitSm, int], bytes], str]] = {
    "another number first": (lambda p, n: yes(n + 100_000, "wrong") + yes(n, p.destination_addr), "submitted"),
    "twice": (lambda p, n: yes(n, p.destination_addr) + yes(n, "again"), "submitted"),
    "a yes and then a no": (lambda p, n: yes(n, p.destination_addr) + yes(n, "", status=8), "submitted"),
    "a no and then a yes": (lambda p, n: yes(n, "", status=11) + yes(n, "late"), "rejected"),
    "of another kind first": (
        lambda p, n: encode(pdus.DataSmResp(message_id="wrong"), n) + yes(n, p.destination_addr),
        "submitted",
    ),
    "of another kind only": (lambda p, n: encode(pdus.DeliverSmResp(), n), "in_doubt"),
    "with a number that nobody asked": (lambda p, n: yes(0xFFFFFFFF, "wrong") + yes(0, "wrong"), "in_doubt"),
    "a bind response instead": (lambda p, n: encode(pdus.BindTransceiverResp(), n), "in_doubt"),
}


@pytest.mark.parametrize(("answer", "state"), WAYS.values(), ids=list(WAYS))
@asyncio_test
async def test_odd_answers(tmp_path: Path, answer: Callable[[pdus.SubmitSm, int], bytes], state: str) -> None:
    """The first answer of the right number and kind counts, no other; without one the part stays in doubt."""
    async with hostile(tmp_path) as (b, smsc):
        smsc.answer = answer
        link = await b.bound(port=smsc.port, response_timeout_s=1, in_doubt_hold_s=HOLD_S)
        messages = await b.queue(*numbers(5))
        await b.reach(messages, **{state: 5})
        assert smsc.submits == dict.fromkeys(numbers(5), 1)
        assert (smsc.binds, link.state) == (1, LinkState.BOUND)
        if state == "submitted":
            ids = {(await b.parts(each))[0]["smsc_id"] for each in messages}
            assert ids == set(numbers(5))


@pytest.mark.parametrize(
    "octets",
    [b"\x00\x01\x11\x71" + b"x" * 66_000, b"\xff" * 4_096, b"\x00\x00\x00\x08" * 2, b"HTTP/1.1 400 Bad Request\r\n"],
    ids=["too long by one", "all ones", "too short", "http"],
)
@asyncio_test
async def test_a_length_that_cannot_be_costs_the_session_and_no_part(tmp_path: Path, octets: bytes) -> None:
    async with hostile(tmp_path) as (b, smsc):
        link = await b.bound(port=smsc.port, window=2, in_doubt_hold_s=HOLD_S)
        first = await b.queue(*numbers(3))
        await b.reach(first, submitted=3)
        assert smsc.writer is not None
        smsc.writer.write(octets)
        await eventually(lambda: smsc.binds == 2 and link.state is LinkState.BOUND)
        later = await b.queue("46701749001", "46701749002")
        await b.reach(later, submitted=2)
        assert set(smsc.submits.values()) == {1}


@asyncio_test
async def test_rubbish_in_between_costs_certainty_at_most(tmp_path: Path) -> None:
    """Mutated PDUs around every answer: each part is told once, and ends submitted, refused or in doubt.

    Those with a command_length that swallows the answers behind it are left out; with them nearly all are in doubt.
    """
    mutations = Mutations(random.Random(5))  # noqa: S311 - the same rubbish in every run
    rubbish = (frame for frame in iter(mutations.next, b"") if int.from_bytes(frame[:4], "big") == len(frame))

    def answer(pdu: pdus.SubmitSm, sequence: int) -> bytes:
        around = [next(rubbish) for _ in range(10)]
        return b"".join((*around[:5], yes(sequence, pdu.destination_addr), *around[5:]))

    async with hostile(tmp_path) as (b, smsc):
        smsc.answer = answer
        with capture_logs() as lines:
            link = await b.bound(port=smsc.port, window=2, response_timeout_s=1, in_doubt_hold_s=HOLD_S)
            messages = await b.queue(*numbers(120))
            await b.until(messages, lambda states: not (states["queued"] or states["claimed"]) and bool(states), 60)
        states = await b.states(messages)
        assert sum(states.values()) == 120
        assert states["submitted"] > 60, states
        assert set(smsc.submits.values()) == {1}, "sent twice"
        assert len(smsc.submits) == 120
        assert smsc.binds > 1
        assert not [line for line in lines if line["log_level"] == "error"]
        smsc.answer = lambda pdu, sequence: yes(sequence, pdu.destination_addr)
        await eventually(lambda: link.state is LinkState.BOUND)
        (after,) = await b.queue("46701749001")
        await b.until([after], lambda states: bool(states["submitted"] or states["in_doubt"]))


def receipt(n: int) -> bytes:
    text = f"id:NOBODY{n:06d} sub:001 dlvrd:001 submit date:2611241252 done date:2611241252 stat:DELIVRD err:000 text:"
    pdu = pdus.DeliverSm(
        source_addr=f"4670{n:07d}",
        destination_addr="Pumps",
        esm_class=EsmClass.DELIVERY_RECEIPT,
        short_message=text.encode(),
    )
    return encode(pdu, n + 1)


@asyncio_test
async def test_a_flood_of_receipts_that_mean_nothing(tmp_path: Path) -> None:
    """Each has one answer: stored, or come again; parts go out beside, and no more is kept than there is room for."""
    count = 6_000
    async with hostile(tmp_path) as (b, smsc):
        link = await b.bound(port=smsc.port)
        assert smsc.writer is not None
        held: list[int] = []
        messages = await b.queue(*numbers(20))
        for n in range(0, count, 500):
            smsc.writer.write(b"".join(map(receipt, range(n, n + 500))))
            await smsc.writer.drain()
            held.append(link._receiver._arrivals.count)
        await b.reach(messages, submitted=20)

        def all_answered() -> bool:
            held.append(link._receiver._arrivals.count)
            return smsc.answered.total() == count

        await eventually(all_answered, 60)
        assert set(smsc.answered) <= {0, 0x64}
        assert smsc.answered[0] >= 1_000
        assert max(held) <= 1_000, "no more than a session may owe"
        assert (smsc.binds, link.state) == (1, LinkState.BOUND)
        assert link.status()["receipts"] == smsc.answered[0]


@asyncio_test
async def test_a_flood_without_reading_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks and asks and does not read our answers: they pile up to a bound, then the session ends."""
    monkeypatch.setattr(connections, "OUTPUT_SIZE_MAX", 200_000)
    async with hostile(tmp_path) as (b, smsc):
        link = await b.bound(port=smsc.port)
        smsc.is_deaf = True
        flood = encode(pdus.EnquireLink(), 7) * 4_000
        writer = smsc.writer
        assert writer is not None
        while smsc.binds == 1 and not writer.is_closing() and link.state is LinkState.BOUND:
            writer.write(flood)
            while writer.transport.get_write_buffer_size() > 1 << 20 and link.state is LinkState.BOUND:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0)
        assert "does not read" in link.status()["trouble"]
        writer.transport.abort()
        smsc.is_deaf = False
        await eventually(lambda: link.state is LinkState.BOUND)
        (message,) = await b.queue("46701749001")
        await b.reach([message], submitted=1)


@asyncio_test
async def test_one_that_binds_and_drops_is_not_hammered(tmp_path: Path) -> None:
    """The ladder of waits climbs although every bind succeeds."""
    async with hostile(tmp_path) as (b, smsc):
        smsc.on_bound = lambda writer: writer.close()
        await b.queue(*numbers(3))
        link = b.link(port=smsc.port, backoff=Backoff(first_s=0.1, longest_s=60, chance=lambda: 0.5))
        await link.start()
        await eventually(lambda: smsc.binds >= 3)
        await asyncio.sleep(0.5)  # Nothing to wait for: more binds now would be the fault.
        assert smsc.binds <= 4
        assert link.status()["next_try_at_ms"] > 0
        smsc.on_bound = lambda writer: None
