"""The simulated SMSC on loopback, seen by an ESME made of our Session, and by smpplib, which nobody here wrote."""

import asyncio
import sys

from bridge.messages.inbound import InboundPart
from bridge.messages.message import PartState
from bridge.simulator.script import Behaviour
from bridge.simulator.spelling import IdSpelling
from bridge.smpp import pdus
from bridge.smpp.codec import encode
from bridge.smpp.constants import Status
from bridge.smpp.session import Answered, BindRefused, Requested, Unbound
from tests.support import asyncio_test, eventually
from tests.wire.simulator_bench import bound_to, simulated


async def closed(reader: asyncio.StreamReader) -> bool:
    """Wait until the peer closes; whether it said nothing before."""
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


@asyncio_test
async def test_a_part_is_answered_and_its_receipt_follows() -> None:
    async with simulated() as smsc, bound_to(smsc) as esme:
        esme.submit("447700900123")
        await eventually(lambda: esme.arrivals)
        answer = esme.of(Answered)[0].response
        receipt = esme.arrivals[0]
        assert answer.status == 0
        assert len(answer.message_id) == 8
        assert int(answer.message_id, 16) >= 0
        assert (receipt.smsc_id, receipt.state, receipt.error) == (answer.message_id, PartState.DELIVERED, "000")
        assert receipt.originator == "447700900123"
        assert [entry.text for entry in smsc.journal] == ["hello"]


@asyncio_test
async def test_the_numbers_of_the_table() -> None:
    async with simulated() as smsc, bound_to(smsc) as esme:
        for suffix in ("1001", "1002", "1003", "1005", "1006", "1008", "1009", "1010"):
            esme.submit(f"44770090{suffix}", suffix)
        await eventually(lambda: len(esme.arrivals) == 7)
        ids = {event.token: event.response.message_id for event in esme.of(Answered)}
        states = {receipt.originator[-4:]: receipt.state for receipt in esme.arrivals}
        assert states["1001"] is PartState.UNDELIVERABLE
        assert states["1002"] is PartState.EXPIRED
        assert states["1010"] is PartState.DELIVERED
        assert esme.statuses["1003"] == Status.RINVDSTADR
        assert "1003" not in states
        assert "1005" not in esme.statuses
        assert "1005" not in states
        spelled = {receipt.originator[-4:]: receipt.smsc_id for receipt in esme.arrivals}
        assert spelled["1008"] == str(int(ids["1008"], 16))
        assert [receipt.originator[-4:] for receipt in esme.arrivals].count("1009") == 2


@asyncio_test
async def test_a_receipt_can_come_before_the_answer() -> None:
    async with simulated() as smsc, bound_to(smsc) as esme:
        esme.submit("447700901006")
        await eventually(lambda: esme.of(Answered))
        kinds = [type(event) for event in esme.events]
        assert kinds.index(Requested) < kinds.index(Answered)


@asyncio_test
async def test_throttled_twice_then_taken() -> None:
    async with simulated() as smsc, bound_to(smsc) as esme:
        for token in ("first", "second", "third"):
            esme.submit("447700901004", token)
        await eventually(lambda: len(esme.statuses) == 3)
        assert list(esme.statuses.values()) == [Status.RTHROTTLED, Status.RTHROTTLED, 0]


@asyncio_test
async def test_a_dropped_connection_answers_what_came_before_and_nothing_after() -> None:
    async with simulated() as smsc, bound_to(smsc) as esme:
        smsc.script.then([Behaviour(), Behaviour(), Behaviour(drops=True)])
        for n in range(5):
            esme.submit(f"44770090020{n}", f"part {n}")
        await eventually(lambda: esme.is_gone)
        assert esme.statuses == {"part 0": 0, "part 1": 0}
        assert len(smsc.journal) == 3


@asyncio_test
async def test_receipts_wait_for_the_next_session() -> None:
    async with simulated() as smsc:
        async with bound_to(smsc, bind=pdus.BindTransmitter) as esme:
            esme.submit("447700900123")
            await eventually(lambda: esme.of(Answered))
        await eventually(lambda: not smsc.connections)
        async with bound_to(smsc) as esme:
            await eventually(lambda: esme.arrivals)
            assert esme.arrivals[0].state is PartState.DELIVERED


@asyncio_test
async def test_a_delivery_that_cannot_be_taken_comes_again() -> None:
    async with simulated() as smsc, bound_to(smsc) as esme:
        esme.deliver_status = Status.RX_T_APPN
        sending = asyncio.create_task(smsc.send_inbound("447700900555", "447700900001", "again"))
        await eventually(lambda: len(esme.arrivals) == 1)
        esme.deliver_status = 0
        assert await sending == [0]
        assert [arrival.text for arrival in esme.arrivals] == ["again", "again"]
        assert [status for _, status in smsc.answers] == [Status.RX_T_APPN, 0]


@asyncio_test
async def test_a_refusal_of_a_delivery_is_final() -> None:
    async with simulated() as smsc, bound_to(smsc) as esme:
        esme.deliver_status = Status.RX_R_APPN
        assert await smsc.send_inbound("447700900555", "447700900001", "no") == [Status.RX_R_APPN]
        assert len(esme.arrivals) == 1


@asyncio_test
async def test_a_long_inbound_text_comes_in_parts() -> None:
    text = "Привет, " * 40
    async with simulated() as smsc, bound_to(smsc) as esme:
        assert set(await smsc.send_inbound("447700900555", "447700900001", text)) == {0}
        pieces = [arrival for arrival in esme.arrivals if isinstance(arrival, InboundPart)]
        assert "".join(piece.text for piece in sorted(pieces, key=lambda piece: piece.concat.number)) == text
        assert {piece.concat.total for piece in pieces} == {len(pieces)}
        assert len({piece.concat.reference for piece in pieces}) == 1


@asyncio_test
async def test_the_window_towards_the_esme_is_kept() -> None:
    async with simulated(window=3) as smsc, bound_to(smsc) as esme:
        for n in range(60):
            esme.submit(f"4477009002{n:02d}")
        await eventually(lambda: len(smsc.answers) == 60)
        assert 0 < esme.unanswered_max <= 3


@asyncio_test
async def test_strangers_are_refused() -> None:
    async with simulated() as smsc:
        async with bound_to(smsc, password="wrong") as esme:
            assert esme.of(BindRefused)[0].status == Status.RINVPASWD
            await eventually(lambda: esme.is_gone)
        smsc.bind_status = Status.RBINDFAIL
        async with bound_to(smsc) as esme:
            assert esme.of(BindRefused)[0].status == Status.RBINDFAIL
        assert smsc.bind_total == 2


@asyncio_test
async def test_more_sessions_than_allowed_are_closed() -> None:
    async with simulated(connections_max=1) as smsc, bound_to(smsc):
        reader, writer = await asyncio.open_connection("127.0.0.1", smsc.port)
        writer.write(encode(pdus.BindTransceiver(system_id="simulator", password="simulate"), 1))
        assert await closed(reader)
        assert smsc.bind_total == 1
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


@asyncio_test
async def test_garbage_closes_the_connection_and_nothing_else() -> None:
    async with simulated() as smsc, bound_to(smsc) as esme:
        reader, writer = await asyncio.open_connection("127.0.0.1", smsc.port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        await reader.read()
        writer.close()
        await writer.wait_closed()
        esme.submit("447700900123")
        await eventually(lambda: esme.of(Answered))


@asyncio_test
async def test_it_says_goodbye() -> None:
    async with simulated() as smsc, bound_to(smsc) as esme:
        smsc.unbind_all()
        await eventually(lambda: esme.of(Unbound))
        await eventually(lambda: esme.is_gone)


@asyncio_test
async def test_waiting_receipts_are_bounded() -> None:
    async with simulated(waiting_max=5) as smsc:
        sending = [asyncio.create_task(smsc.send_inbound("447700900555", "1", str(n))) for n in range(8)]
        await eventually(lambda: smsc.dropped == 3)
        async with bound_to(smsc) as esme:
            await eventually(lambda: len(esme.arrivals) == 5)
            assert [arrival.text for arrival in esme.arrivals] == ["3", "4", "5", "6", "7"]
            results = await asyncio.gather(*sending)
            assert results == [[Status.RMSGQFUL]] * 3 + [[0]] * 5


@asyncio_test
async def test_the_traffic_generator_speaks_to_it_through_smpplib() -> None:
    async with simulated() as smsc:
        smsc.script.then([Behaviour(status=Status.RINVDSTADR)])
        command = [*("-m", "bridge.simulator.traffic", "--port", str(smsc.port)), *("--count", "120", "--rate", "0")]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, errors = await process.communicate()
        text = output.decode()
        assert (process.returncode, errors) == (1, b""), text
        assert "sent 120, accepted 119, unanswered 0" in text
        assert "receipts 119 DELIVRD" in text
        assert len(smsc.journal) == 120
        assert {entry.text for entry in smsc.journal} == {"Load from the simulator's traffic generator"}


@asyncio_test
async def test_the_traffic_generator_tells_receipts_of_other_messages_apart() -> None:
    """Those of an earlier load wait at the SMSC and come to whoever binds next."""
    async with simulated() as smsc:
        (account,) = smsc.accounts.values()
        smsc.script.then([Behaviour(receipt_delay_ms=1000)] * 5)
        told = await load(smsc.port, "--wait-s", "0")
        assert "accepted 5, unanswered 0" in told
        assert "receipts" not in told
        await eventually(lambda: len(account.waiting) == 5)
        smsc.script.then([Behaviour(id_spelling=IdSpelling.DECIMAL), Behaviour(is_receipt_first=True)] * 2)
        told = await load(smsc.port)
        assert "receipts 5 DELIVRD\nreceipts of other messages 5\n" in told


async def load(port: int, *words: str) -> str:
    """Five messages; gives what the command said of them."""
    command = [*("-m", "bridge.app.main", "simulator", "traffic"), *("--port", str(port), "--count", "5"), *words]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0, output
    return output.decode()


@asyncio_test
async def test_the_traffic_generator_says_why_there_is_no_session() -> None:
    async with simulated() as smsc:
        command = ["-m", "bridge.simulator.traffic", "--port", str(smsc.port), "--password", "wrong"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        _, errors = await process.communicate()
        assert process.returncode == 2
        assert b"ESME_RINVPASWD" in errors
