"""The SMPP door under attack: slow, silent, deaf, greedy and broken ESMEs, over TCP and over TLS."""

import asyncio
import functools
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.smpp import pdus
from bridge.smpp.codec import encode
from bridge.smpp.constants import Status, Tag
from bridge.smpp.session import Timers
from bridge.smpp_in import connection as connections
from bridge.smpp_in import service
from tests.fuzz.mutations import Mutations
from tests.support import asyncio_test, eventually
from tests.wire.smpp_door import PIN, Door, Esme, bind, open_door, submit
from tests.wire.test_smpp_in_bind import client_context, tls_settings

BOTH = pytest.mark.parametrize("is_tls", [False, True], ids=["tcp", "tls"])


@asynccontextmanager
async def open_door_with(folder: Path, *, is_tls: bool, **settings: Any) -> AsyncIterator[Door]:
    """A door whose `connect` speaks TLS when told so."""
    extra: dict[str, Any] = {}
    certificate: Path | None = None
    if is_tls:
        extra, (certificate, _) = tls_settings(folder / "tls")
    async with open_door(folder, **(extra | settings)) as door:
        if certificate is not None:
            context, connect = client_context(certificate), door.connect
            door.connect = lambda **options: connect(ssl=context, server_hostname="localhost", **options)  # type: ignore[method-assign]
        yield door


async def in_octets(esme: Esme, octets: bytes) -> None:
    """One write for each octet; TLS makes a record of each."""
    for n in range(len(octets)):
        esme.writer.write(octets[n : n + 1])
        if n % 64 == 0:
            await esme.writer.drain()
            await asyncio.sleep(0)


# Bursts


@BOTH
@pytest.mark.parametrize("is_slow", [False, True], ids=["in one write", "octet by octet"])
@asyncio_test
async def test_fifty_pdus(tmp_path: Path, is_tls: bool, is_slow: bool) -> None:
    async with open_door_with(tmp_path, is_tls=is_tls) as door:
        esme = await door.bound()
        burst = [encode(submit(f"number {n}"), 1000 + n) for n in range(50)]
        if is_slow:
            await in_octets(esme, b"".join(burst))
        else:
            esme.writer.write(b"".join(burst))
        answers = [await esme.answer(1000 + n) for n in range(50)]
        assert {answer.status for answer in answers} == {0}
        assert len({answer.message_id for answer in answers}) == 50
        assert len(await door.house.messages(count_max=100)) == 50
        assert len(esme.got) == 51, "one answer each"


@BOTH
@asyncio_test
async def test_more_than_a_window_at_once_is_held_back_and_not_refused(tmp_path: Path, is_tls: bool) -> None:
    async with open_door_with(tmp_path, is_tls=is_tls, requests_max=7, account=False) as door:
        await door.house.add_account(pin=PIN, credit_mc=10_000_000)
        esme = await door.bound()
        sequences = esme.send(*[submit(f"number {n}") for n in range(400)])
        held: set[int] = set()

        def is_answered() -> bool:
            held.update(line["unanswered_by_us"] for line in door.smpp.sessions())
            return len(esme.got) == 401

        await eventually(is_answered, 30, 0.001)
        assert {pdu.status for pdu, _ in esme.got} == {0}
        assert sorted(sequence for _, sequence in esme.got[1:]) == sequences
        assert max(held) <= 7


@asyncio_test
async def test_what_comes_right_behind_a_bind_is_answered_as_the_standard_says(tmp_path: Path) -> None:
    """Before its bind is answered an ESME is not bound (SMPP 3.4, 2.2): a refusal for each, and the bind stands."""
    async with open_door(tmp_path) as door:
        esme = await door.connect()
        binding, *asked, probe = esme.send(bind(), submit("one"), submit("two"), bind(), pdus.EnquireLink())
        assert [(await esme.answer(sequence)).status for sequence in asked] == [
            Status.RINVBNDSTS,
            Status.RINVBNDSTS,
            Status.RALYBND,
        ]
        assert (await esme.answer(probe)).status == 0
        assert (await esme.answer(binding)).status == 0
        assert (await esme.ask(submit("three"))).status == 0
        assert len(await door.house.messages()) == 1


# Slow and silent ones


@BOTH
@asyncio_test
async def test_a_pdu_that_trickles_in_has_one_deadline(tmp_path: Path, is_tls: bool) -> None:
    """An octet now and then does not prolong it, and a good session beside does not notice."""
    async with open_door_with(tmp_path, is_tls=is_tls, pdu_timeout_s=0.4) as door:
        good, slow = await door.bound(), await door.bound()
        octets = encode(submit("x" * 100), 9)
        sent = 0
        with capture_logs() as lines:
            while not slow.is_closed and sent < len(octets) - 1:
                slow.writer.write(octets[sent : sent + 1])
                sent += 1
                await asyncio.sleep(0.02)
            await slow.closed()
        assert 1 < sent < len(octets) - 1
        (ended,) = [line for line in lines if line["event"] == "session ended"]
        assert "not complete within" in ended["reason"]
        assert (await good.ask(submit())).status == 0
        assert len(await door.house.messages()) == 1


@BOTH
@asyncio_test
async def test_who_has_not_bound_is_closed_at_the_deadline_whatever_it_says(tmp_path: Path, is_tls: bool) -> None:
    """Silence, half a PDU, enquire_link without end, submissions: nothing prolongs it."""
    async with open_door_with(tmp_path, is_tls=is_tls, bind_timeout_s=0.5, pdu_timeout_s=600) as door:
        good = await door.bound()
        crowd = [await door.connect() for _ in range(12)]
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        while not all(esme.is_closed for esme in crowd):
            assert loop.time() < started_s + 10
            for n, esme in enumerate(crowd):
                if esme.is_closed or n % 4 == 0:
                    continue
                if n % 4 == 1:
                    esme.writer.write(b"\0")
                else:
                    esme.send(pdus.EnquireLink() if n % 4 == 2 else submit())
            await asyncio.sleep(0.02)
        assert loop.time() - started_s >= 0.4
        await eventually(lambda: len(door.smpp._places.open) == 1)
        assert (await good.ask(submit())).status == 0


@BOTH
@asyncio_test
async def test_who_never_reads_is_cut_off(tmp_path: Path, is_tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answers pile up to a bound. Requests of ours stop much earlier."""
    monkeypatch.setattr(connections, "OUTPUT_SIZE_MAX", 65_536)
    async with open_door_with(tmp_path, is_tls=is_tls) as door:
        deaf = await door.bound()
        deaf._reading.cancel()
        transport: Any = deaf.writer.transport
        transport.pause_reading()
        probe = encode(pdus.EnquireLink(), 1) * 1_000
        held = 0
        with capture_logs() as lines:
            while door.smpp.sessions():
                transport.write(probe)
                (connection,) = door.smpp._places.open or {None}
                if connection is not None and connection.is_open:
                    held = max(held, connection._transport.get_write_buffer_size())
                while transport.get_write_buffer_size() > 1 << 20 and door.smpp.sessions():
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0)
        assert held <= 65_536 * 2 + (1 << 18), held
        (ended,) = [line for line in lines if line["event"] == "session ended"]
        assert "does not read" in ended["reason"]
        good = await door.bound()
        assert (await good.ask(submit())).status == 0
        transport.abort()


@BOTH
@asyncio_test
async def test_an_esme_that_vanishes_without_a_word_is_given_up_and_its_receipts_go_to_the_next(
    tmp_path: Path, is_tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was switched off, or a router that forgot the connection: no FIN comes, and no answer."""
    monkeypatch.setattr(service, "Timers", functools.partial(Timers, enquire_link_response_s=0.3))
    async with open_door_with(tmp_path, is_tls=is_tls, enquire_link_s=1) as door:
        gone = await door.bound()
        assert (await gone.ask(submit(registered_delivery=1))).status == 0
        gone._reading.cancel()
        gone.writer.transport.pause_reading()  # type: ignore[attr-defined]
        with capture_logs() as lines:
            await door.finish()
            await eventually(lambda: not door.smpp.sessions())
        (ended,) = [line for line in lines if line["event"] == "session ended"]
        assert "enquire_link" in ended["reason"]
        assert ended["unanswered"] == 1
        back = await door.bound()
        await eventually(back.delivered)
        gone.writer.transport.abort()


@asyncio_test
async def test_a_handshake_that_never_ends_takes_a_place_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever opens many and says nothing is held by the same limits as without TLS."""
    async with open_door_with(tmp_path, is_tls=True, connections_per_address_max=5) as door:
        silent = []
        for _ in range(8):
            sock = socket.create_connection(("127.0.0.1", door.port))
            sock.setblocking(False)
            silent.append(sock)
        loop = asyncio.get_running_loop()

        async def is_sent_away(sock: socket.socket) -> bool:
            try:
                return await asyncio.wait_for(loop.sock_recv(sock, 1), 1) == b""
            except ConnectionError:
                return True
            except TimeoutError:
                return False

        away = [await is_sent_away(sock) for sock in silent[5:]]
        assert away == [True] * 3
        elsewhere = await door.connect(local_addr=("127.0.0.2", 0))
        assert (await elsewhere.ask(bind())).status == 0
        for sock in silent:
            sock.close()


# Broken connections


@BOTH
@asyncio_test
async def test_a_connection_cut_at_every_octet_of_a_submit(tmp_path: Path, is_tls: bool) -> None:
    """Half a request is none; a whole one whose answer nobody heard becomes the same message when it comes again."""
    octets = encode(submit("Door 4 open"), 7)
    places = range(len(octets) + 1) if not is_tls else range(0, len(octets) + 1, 5)
    async with open_door_with(tmp_path, is_tls=is_tls, account=False) as door:
        await door.house.add_account(pin=PIN, credit_mc=10_000_000)
        for cut in places:
            text = f"Door {cut:04d}"
            whole = encode(submit(text), 7)
            esme = await door.bound()
            esme.writer.write(whole[:cut])
            await esme.writer.drain()
            esme.reset()
            again = await door.bound()
            answer = await again.ask(submit(text))
            assert answer.status == 0
            again.reset()
        messages = await door.house.messages(count_max=1000)
        assert len(messages) == len(places), "one for each text, however often it came"
        assert await door.house.balance_mc() == 10_000_000 - 1_000 * len(places)


@asyncio_test
async def test_answers_that_never_got_there_are_no_answers(tmp_path: Path) -> None:
    """An ESME stops reading, and its connection breaks while most answers still wait in our machine. It sends all of it
    again: what its TCP had taken are new messages, all others become the messages they were."""
    count = 1_000
    async with open_door(tmp_path, account=False, requests_max=1_000) as door:
        await door.house.add_account(pin=PIN, credit_mc=10_000_000)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", door.port))
        await loop.sock_sendall(sock, encode(bind(), 1))
        await eventually(door.smpp.sessions)
        texts = [submit(f"Door {n}") for n in range(count)]
        await loop.sock_sendall(sock, b"".join(encode(pdu, 10 + n) for n, pdu in enumerate(texts)))
        await eventually(lambda: door.smpp.sessions()[0]["accepted"] == count, 30)
        await eventually(lambda: not door.smpp.sessions()[0]["unanswered_by_us"])
        taken = struct.unpack_from("=Q", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136), 128)[0]
        bind_size = len(
            encode(pdus.BindTransceiverResp(system_id="smsbridge", tlvs={Tag.SC_INTERFACE_VERSION: b"4"}), 1)
        )
        answer_size = len(encode(pdus.SubmitSmResp(message_id="6FD54FA2"), 1))
        heard = (taken - bind_size) // answer_size
        assert 0 < heard < count // 2
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        await eventually(lambda: door.smpp.sessions() == [])
        again = await door.bound()
        answers = [await again.answer(sequence) for sequence in again.send(*texts)]
        assert {answer.status for answer in answers} == {0}
        assert await door.house.balance_mc() == 10_000_000 - 1_000 * (count + heard)


# Rubbish


@asyncio_test
async def test_bad_pdus_and_how_much_the_log_says_of_them(tmp_path: Path) -> None:
    """A few lines for each session, however much rubbish it sends, and none of them an error."""
    mutations = Mutations(random.Random(4))  # noqa: S311 - the same bad PDUs in every run
    async with open_door(tmp_path, connections_per_address_max=200) as door:
        good = [await door.bound() for _ in range(5)]
        with capture_logs() as lines:
            for _ in range(20):
                reckless = await door.bound(system_id="demo") if len(door.smpp.sessions()) < 9 else await door.connect()
                for _ in range(60):
                    reckless.writer.write(mutations.next())
                await asyncio.sleep(0)
                reckless.reset()
                await eventually(lambda: len(door.smpp._places.open) == 5)
            for n, esme in enumerate(good):
                assert (await esme.ask(submit(f"number {n}"))).status == 0
        assert not [line for line in lines if line["log_level"] == "error"]
        # One line for each kind of refusal of a session, or of what it submitted together.
        refused = [line for line in lines if line["event"] == "refused"]
        assert 0 < len(refused) < 20 * 5
        assert not any(esme.is_closed for esme in good)
