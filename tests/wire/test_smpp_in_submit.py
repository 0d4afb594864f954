"""What an ESME submits: what is taken, how it is answered, and what holds a careless one."""

import asyncio
import random
import socket
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.intake.settings import IntakeSettings
from bridge.ledger import sqlite
from bridge.messages.message import Coding, Lane
from bridge.messages.user_data import UserData
from bridge.runtime.loop import now_ms
from bridge.smpp import pdus, times
from bridge.smpp.codec import encode
from bridge.smpp.constants import EsmClass, Status, Tag
from bridge.smpp.fields import DistributionList, SmeAddress
from bridge.smpp_in import connection as connections
from tests.support import asyncio_test, eventually
from tests.wire.smpp_door import NUMBER, OTHER, PIN, Door, bind, open_door, submit


@asynccontextmanager
async def locked_ledger(door: Door) -> AsyncIterator[None]:
    """Somebody else holds the ledger: nothing can be committed."""
    other = sqlite3.connect(door.house.ledger.path)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


@asyncio_test
async def test_a_submission_is_charged_and_queued(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        response = await esme.ask(submit(service_type="bill1", priority_flag=3))
        (message,) = await door.house.messages()
        assert (response.status, response.message_id) == (0, message["message_id"])
        assert (message["recipient"], message["state"]) == (NUMBER, "queued")
        assert await door.house.balance_mc() == 99_000
        shown = await door.show(response.message_id)
        assert (shown["text"], shown["originator"], shown["door"]) == ("Pump 2 stopped", "Pumps", "smpp")
        assert (shown["reference"], shown["lane"]) == ("bill1", "alarm")


@asyncio_test
async def test_nothing_is_answered_before_the_commit(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        async with locked_ledger(door):
            (submitted, asked) = esme.send(submit(), pdus.EnquireLink())
            assert (await esme.answer(asked)).status == 0
            await asyncio.sleep(0.2)  # Nothing to wait for: an answer now would be the fault.
            assert not any(sequence == submitted for _, sequence in esme.got)
        assert (await esme.answer(submitted)).status == 0


@asyncio_test
async def test_every_request_has_exactly_one_response(tmp_path: Path) -> None:
    """Four sessions, 50 requests in one write each, good and bad ones mixed, sequence numbers all their own."""
    async with open_door(tmp_path, account=False) as door:
        await door.house.add_account(pin=PIN, credit_mc=1_000_000)
        esmes = [await door.bound() for _ in range(4)]
        sent: list[list[int]] = []
        for esme in esmes:
            requests: list[pdus.Pdu] = []
            for n in range(50):
                bad = {0: {"destination_addr": "bob"}, 1: {"priority_flag": 9}, 2: {"schedule_delivery_time": "soon"}}
                requests.append(submit(f"number {n}", **bad.get(n % 10, {})))
                if n % 7 == 0:
                    requests.append(pdus.EnquireLink())
            sent.append(esme.send(*requests))
        for esme, sequences in zip(esmes, sent, strict=True):
            await eventually(lambda esme=esme, sequences=sequences: len(esme.got) >= len(sequences) + 1)
            answered = Counter(sequence for pdu, sequence in esme.got if not isinstance(pdu, pdus.BindTransceiverResp))
            assert answered == Counter(sequences)
            statuses = Counter(pdu.status for pdu, _ in esme.got if isinstance(pdu, pdus.SubmitSmResp))
            assert statuses == {0: 35, Status.RINVDSTADR: 5, Status.RINVPRTFLG: 5, Status.RINVSCHED: 5}
        ids = [p.message_id for esme in esmes for p, _ in esme.got if isinstance(p, pdus.SubmitSmResp) and not p.status]
        assert len(set(ids)) == 140
        assert len(await door.house.messages(count_max=1000)) == 140


@asyncio_test
async def test_what_came_together_is_one_request_to_the_ledger(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        one, two = await door.bound(), await door.bound()
        asked: list[int] = []
        begin = door.house.ledger.accepting_each
        door.house.ledger.accepting_each = lambda groups: asked.append(len(groups)) or begin(groups)  # type: ignore[method-assign, func-returns-value]
        one.writer.write(b"")
        first, second = (
            one.send(*[submit(f"one {n}") for n in range(30)]),
            two.send(*[submit(f"two {n}") for n in range(30)]),
        )
        for esme, sequences in ((one, first), (two, second)):
            for sequence in sequences:
                assert (await esme.answer(sequence)).status == 0
        assert sum(asked) == 60
        assert len(asked) <= 3, asked


# Content


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"short_message": b"\x00\x02\x1b\x65"}, "@$€"),
        ({"short_message": b"caf\xe9", "data_coding": 3}, "café"),
        ({"short_message": "Łódź".encode("utf-16-be"), "data_coding": 8}, "Łódź"),
        ({"short_message": b"", "tlvs": {Tag.MESSAGE_PAYLOAD: b"a" * 400}}, "a" * 400),
        ({"short_message": b"hi", "data_coding": 1}, "hi"),
    ],
)
@asyncio_test
async def test_texts_arrive_as_they_were_meant(tmp_path: Path, facts: dict[str, Any], text: str) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        response = await esme.ask(submit(**facts))
        assert response.status == 0
        assert (await door.show(response.message_id))["text"] == text


@asyncio_test
async def test_the_accounts_own_alphabet(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await door.house.ledger.do("account_set", name="demo", facts={"smpp_alphabet_0": "latin1"})
        door.house.gatekeeper.forget()
        esme = await door.bound()
        response = await esme.ask(submit(short_message=b"\xfcber"))
        assert (await door.show(response.message_id))["text"] == "über"


@pytest.mark.parametrize("header", [b"\x05\x00\x03\x07\x02\x01", b"\x06\x08\x04\x01\x07\x02\x01"])
@asyncio_test
async def test_a_segment_is_a_message_of_its_own(tmp_path: Path, header: bytes) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        response = await esme.ask(submit(short_message=header + b"a" * 152, esm_class=EsmClass.UDHI))
        assert response.status == 0
        (part,) = await door.claim()
        assert part.message_id == response.message_id
        assert (part.text, part.part_total) == ("a" * 152, 1)
        assert part.user_data is not None
        assert part.user_data.header == header
        assert await door.house.balance_mc() == 99_000


@asyncio_test
async def test_a_segment_by_sar_tlvs(tmp_path: Path) -> None:
    tlvs = {Tag.SAR_MSG_REF_NUM: b"\x01\x07", Tag.SAR_TOTAL_SEGMENTS: b"\x02", Tag.SAR_SEGMENT_SEQNUM: b"\x02"}
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        assert (await esme.ask(submit(tlvs=tlvs))).status == 0
        (part,) = await door.claim()
        assert part.user_data is not None
        assert part.user_data.header == b"\x05\x00\x03\x07\x02\x02"


@asyncio_test
async def test_binary_content_is_untouched(tmp_path: Path) -> None:
    octets = bytes(range(256))[:134]
    header = b"\x06\x05\x04\x0b\x84\x23\xf0"
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        response = await esme.ask(submit(short_message=header + octets[:133], esm_class=EsmClass.UDHI, data_coding=4))
        assert response.status == 0
        (part,) = await door.claim()
        assert part.coding is Coding.BINARY
        assert part.user_data == UserData(header, octets[:133], 4)


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"destination_addr": "123"}, Status.RINVDSTADR),
        ({"destination_addr": ""}, Status.RINVDSTADR),
        ({"source_addr": "much too long name"}, Status.RINVSRCADR),
        ({"short_message": b""}, Status.RINVMSGLEN),
        ({"short_message": b"x", "tlvs": {Tag.MESSAGE_PAYLOAD: b"y"}}, Status.RINVMSGLEN),
        ({"short_message": b"", "tlvs": {Tag.MESSAGE_PAYLOAD: b"y" * 1600}}, Status.RINVMSGLEN),
        ({"short_message": b"abc", "data_coding": 8}, Status.RINVMSGLEN),
        ({"short_message": b"\x50abc", "esm_class": EsmClass.UDHI}, Status.RINVESMCLASS),
        ({"data_coding": 0x0B}, Status.RSUBMITFAIL),
        ({"priority_flag": 4}, Status.RINVPRTFLG),
        ({"schedule_delivery_time": "tomorrow"}, Status.RINVSCHED),
        ({"validity_period": "1"}, Status.RINVEXPIRY),
        ({"validity_period": "200101000000000+"}, Status.RINVEXPIRY),
        ({"sm_default_msg_id": 3}, Status.RINVDFTMSGID),
        ({"tlvs": {Tag.SAR_MSG_REF_NUM: b"\x01"}}, Status.RINVPARLEN),
    ],
)
@asyncio_test
async def test_what_is_refused_and_how(tmp_path: Path, facts: dict[str, Any], status: int) -> None:
    """Nothing is charged, the response has no body, and the log holds no text and no number."""
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        with capture_logs() as lines:
            (sequence,) = await send_raw(esme, submit(**facts))
            response = await esme.answer(sequence)
        assert (response.status, response.message_id) == (status, "")
        assert await door.house.messages() == []
        assert await door.house.balance_mc() == 100_000
        assert NUMBER not in str(lines)
        assert "Pump 2" not in str(lines)


async def send_raw(esme: Any, pdu: pdus.SubmitSm) -> list[int]:
    """What our codec will not write, written all the same."""
    try:
        return list(esme.send(pdu))
    except Exception:
        tlvs, pdu.tlvs = pdu.tlvs, {}
        octets = encode(pdu, 77)
        for tag, value in tlvs.items():
            octets += tag.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value
        esme.writer.write(len(octets).to_bytes(4, "big") + octets[4:])
        return [77]


@asyncio_test
async def test_a_data_coding_that_does_not_exist_has_a_name_from_5_0_on(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound(interface_version=0x50)
        assert (await esme.ask(submit(data_coding=0x0B))).status == Status.RINVDCS


@asyncio_test
async def test_no_credit_is_final_and_no_route_is_a_bad_destination(tmp_path: Path) -> None:
    async with open_door(tmp_path, account=False) as door:
        await door.house.add_account(pin=PIN, credit_mc=1_500)
        esme = await door.bound()
        first, second = await esme.ask_all(submit("one"), submit("two"))
        assert (first.status, second.status) == (0, Status.RSUBMITFAIL)
        door.house.door.tables = type(door.house.door.tables)(door.house.door.tables.tariff, _no_routes())
        assert (await esme.ask(submit("three"))).status == Status.RINVDSTADR
        assert await door.house.balance_mc() == 500


def _no_routes() -> Any:
    from bridge.routing.routes import RouteTable

    return RouteTable([])


@asyncio_test
async def test_times(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        later_ms = now_ms() + 3_600_000
        absolute = times.format_absolute(later_ms)
        response = await esme.ask(submit(schedule_delivery_time=absolute, validity_period="000000020000000R"))
        assert response.status == 0
        assert await door.claim() == []
        shown = await door.show(response.message_id)
        assert shown["state"] == "scheduled"
        (part,) = shown["parts"]
        assert abs(part["next_action_at_ms"] - later_ms) <= 1_000
        assert abs(part["expires_at_ms"] - now_ms() - 7_200_000) <= 5_000


# Throughput and back-pressure


@asyncio_test
async def test_parts_per_second(tmp_path: Path) -> None:
    """Parts count, not messages; and one that was throttled may come again."""
    async with open_door(tmp_path) as door:
        await door.house.ledger.do("account_set", name="demo", facts={"smpp_parts_per_second": 4.0})
        door.house.gatekeeper.forget()
        one, two = await door.bound(), await door.bound()
        responses = await one.ask_all(
            submit("x" * 300, short_message=b"x" * 250), submit("b"), submit("c"), submit("d")
        )
        responses += await two.ask_all(submit("e"))
        assert [response.status for response in responses] == [0, 0, 0, Status.RTHROTTLED, Status.RTHROTTLED]
        await asyncio.sleep(0.5)
        assert (await two.ask(submit("e"))).status == 0


@asyncio_test
async def test_a_text_that_is_refused_for_its_length_does_not_use_up_the_throughput(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await door.house.ledger.do("account_set", name="demo", facts={"smpp_parts_per_second": 2.0})
        door.house.gatekeeper.forget()
        esme = await door.bound()
        endless = submit(short_message=b"", tlvs={Tag.MESSAGE_PAYLOAD: b"x" * 36_000})
        responses = await esme.ask_all(endless, submit())
        assert [response.status for response in responses] == [Status.RINVMSGLEN, 0]


@asyncio_test
async def test_a_full_window_is_left_in_the_socket(tmp_path: Path) -> None:
    """Nothing is dropped and nothing throttled, however much an ESME sends at once; we just do not read."""
    async with open_door(tmp_path, account=False, requests_max=10) as door:
        await door.house.add_account(pin=PIN, credit_mc=10_000_000)
        esme, other = await door.bound(), await door.bound()
        async with locked_ledger(door):
            sequences = esme.send(*[submit(f"number {n}") for n in range(3_000)])
            await eventually(lambda: max(line["unanswered_by_us"] for line in door.smpp.sessions()) == 10)
            assert (await other.ask(pdus.EnquireLink())).status == 0
            assert max(line["unanswered_by_us"] for line in door.smpp.sessions()) == 10
        assert {(await esme.answer(sequence)).status for sequence in sequences[::500]} == {0}
        await eventually(lambda: sum(isinstance(p, pdus.SubmitSmResp) for p, _ in esme.got) == 3_000, 60)
        assert {p.status for p, _ in esme.got} == {0}
        assert await door.house.balance_mc() == 10_000_000 - 3_000_000


@asyncio_test
async def test_an_esme_that_does_not_read_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "OUTPUT_SIZE_MAX", 65_536)
    async with open_door(tmp_path) as door:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sock.connect(("127.0.0.1", door.port))
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, encode(bind(), 1))
        await eventually(door.smpp.sessions)
        probe = encode(pdus.EnquireLink(), 1) * 1_000

        async def flood() -> None:
            for _ in range(5_000):
                await loop.sock_sendall(sock, probe)

        with capture_logs() as lines, pytest.raises(ConnectionError):
            await flood()
        sock.close()
        await eventually(lambda: door.smpp._places.open == set())
        (ended,) = [line for line in lines if line["event"] == "session ended"]
        assert "does not read" in ended["reason"]
        good = await door.bound()
        assert (await good.ask(submit())).status == 0


# Lost answers and trouble


@asyncio_test
async def test_who_is_gone_before_the_answer_may_send_it_again(tmp_path: Path) -> None:
    """The message of the first try is the message of the second: one charge, one id."""
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        async with locked_ledger(door):
            esme.send(submit("Door 4 open"))
            await eventually(lambda: door.smpp.sessions()[0]["unanswered_by_us"] == 1)
            esme.reset()
            await eventually(lambda: door.smpp.sessions() == [])
            # Before anybody knows what became of the first try.
            again = await door.bound()
            (sequence,) = again.send(submit("Door 4 open"))
            await eventually(lambda: door.smpp.sessions()[0]["unanswered_by_us"] == 1)
        response = await again.answer(sequence)
        assert response.status == 0
        (message,) = await door.house.messages()
        assert message["message_id"] == response.message_id
        assert await door.house.balance_mc() == 99_000
        # Answered now: the same text once more is a new message.
        assert (await again.ask(submit("Door 4 open"))).message_id != response.message_id


@asyncio_test
async def test_a_submit_multi_whose_answer_was_lost_may_come_again(tmp_path: Path) -> None:
    """Its repeat waits until the first try is known: each destination is charged once."""
    multi = pdus.SubmitMulti(
        source_addr="Pumps", dest_address=[SmeAddress(NUMBER), SmeAddress(OTHER)], short_message=b"Door 4 open"
    )
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        async with locked_ledger(door):
            esme.send(multi)
            await eventually(lambda: door.smpp.sessions()[0]["unanswered_by_us"] == 1)
            esme.reset()
            await eventually(lambda: door.smpp.sessions() == [])
            again = await door.bound()
            (sequence,) = again.send(multi)
            await eventually(lambda: door.smpp.sessions()[0]["unanswered_by_us"] == 1)
        response = await again.answer(sequence)
        assert (response.status, response.unsuccess_sme) == (0, [])
        messages = await door.house.messages()
        assert {message["recipient"] for message in messages} == {NUMBER, OTHER}
        assert len(messages) == 2
        assert await door.house.balance_mc() == 98_000


@asyncio_test
async def test_a_ledger_that_cannot_write_is_worth_a_retry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.1)
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        async with locked_ledger(door):
            assert (await esme.ask(submit())).status == Status.RSYSERR
            cancelled = await esme.ask(pdus.CancelSm(message_id="", destination_addr=NUMBER))
            assert cancelled.status == Status.RSYSERR
        assert (await esme.ask(submit())).status == 0


@asyncio_test
async def test_unbind_behind_what_was_just_submitted(tmp_path: Path) -> None:
    """The place is free at once, and the answers still come."""
    async with open_door(tmp_path) as door:
        await door.house.ledger.do("account_set", name="demo", facts={"smpp_binds_max": 1})
        door.house.gatekeeper.forget()
        esme = await door.bound()
        async with locked_ledger(door):
            *sequences, unbinding = esme.send(submit("one"), submit("two"), pdus.Unbind())
            assert (await esme.answer(unbinding)).status == 0
            assert door.smpp.sessions() == []
        assert [(await esme.answer(sequence)).status for sequence in sequences] == [0, 0]
        await esme.closed()


@asyncio_test
async def test_a_stop_answers_what_was_asked_and_says_goodbye(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme, idle = await door.bound(), await door.connect()
        port = door.port
        (sequence,) = esme.send(submit())
        await eventually(lambda: esme.got and door.smpp.sessions()[0]["unanswered_by_us"] or len(esme.got) > 1)
        await door.smpp.stop()
        assert (await esme.answer(sequence)).status == 0
        assert isinstance(esme.got[-1][0], pdus.Unbind)
        await esme.closed()
        await idle.closed()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


@asyncio_test
async def test_an_esme_that_does_not_answer_unbind_does_not_hold_up_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CLOSE_WAIT_S", 0.2)
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        esme._reading.cancel()
        await door.smpp.stop()
        assert door.smpp._places.open == set()


@asyncio_test
async def test_garbage_is_answered_and_disturbs_nobody(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        good = await door.bound()
        for octets, status in (
            (b"\x00\x00\x00\x04", Status.RINVCMDLEN),
            (b"GET / HTTP/1.1\r\n\r\n", Status.RINVCMDLEN),
            (b"\xff" * 64, Status.RINVCMDLEN),
        ):
            bad = await door.bound()
            bad.writer.write(octets)
            await bad.closed()
            assert (bad.got[-1][0].status, type(bad.got[-1][0])) == (status, pdus.GenericNack)
        unknown = await door.bound()
        unknown.writer.write(b"\x00\x00\x00\x10\x00\x00\x09\x99\x00\x00\x00\x00\x00\x00\x00\x2a")
        nack = await unknown.answer(42)
        assert (type(nack), nack.status) == (pdus.GenericNack, Status.RINVCMDID)
        assert (await unknown.ask(submit())).status == 0
        assert (await good.ask(submit("hello"))).status == 0


# submit_multi, data_sm, query_sm, cancel_sm, replace_sm


@asyncio_test
async def test_data_sm(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        request = pdus.DataSm(source_addr="Pumps", destination_addr=NUMBER, tlvs={Tag.MESSAGE_PAYLOAD: b"hello"})
        response = await esme.ask(request)
        assert (type(response), response.status) == (pdus.DataSmResp, 0)
        assert (await door.show(response.message_id))["text"] == "hello"


@asyncio_test
async def test_submit_multi_takes_what_it_can(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        request = pdus.SubmitMulti(
            source_addr="Pumps",
            dest_address=[
                SmeAddress("bob", 1, 1),
                SmeAddress(NUMBER, 1, 1),
                DistributionList("all"),
                SmeAddress(OTHER),
            ],
            short_message=b"hello",
        )
        response = await esme.ask(request)
        assert response.status == 0
        failed = {one.destination_addr: one.error_status_code for one in response.unsuccess_sme}
        assert failed == {"bob": Status.RINVDSTADR, "all": Status.RINVDLNAME}
        messages = await door.house.messages()
        assert {message["recipient"] for message in messages} == {NUMBER, OTHER}
        first = next(message for message in messages if message["recipient"] == NUMBER)
        assert response.message_id == first["message_id"]
        nobody = pdus.SubmitMulti(dest_address=[SmeAddress("bob")], short_message=b"hello")
        assert (await esme.ask(nobody)).status == Status.RINVDSTADR


@asyncio_test
async def test_query_sm(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await door.house.add_account("other", pin=PIN)
        esme, other = await door.bound(), await door.bound(system_id="other")
        message_id = (await esme.ask(submit())).message_id
        query = pdus.QuerySm(message_id=message_id, source_addr="Pumps")
        response = await esme.ask(query)
        assert (response.status, response.message_id, response.message_state, response.final_date) == (
            0,
            message_id,
            1,
            "",
        )
        await door.finish()
        response = await esme.ask(pdus.QuerySm(message_id=message_id.lower(), source_addr="Pumps"))
        assert (response.message_id, response.message_state) == (message_id.lower(), 2)
        assert times.parse_moment(response.final_date, now_ms()) > now_ms() - 60_000
        for asking, wrong in (
            (esme, pdus.QuerySm(message_id=message_id, source_addr="Doors")),
            (esme, pdus.QuerySm(message_id="00000000", source_addr="Pumps")),
            (esme, pdus.QuerySm(message_id="not an id")),
            (other, query),
        ):
            assert (await asking.ask(wrong)).status == Status.RQUERYFAIL


@asyncio_test
async def test_cancel_sm_gives_the_price_back(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        message_id = (await esme.ask(submit())).message_id
        cancel = pdus.CancelSm(message_id=message_id, source_addr="Pumps", destination_addr=NUMBER)
        assert (await esme.ask(cancel)).status == 0
        assert (await door.show(message_id))["state"] == "cancelled"
        assert await door.house.balance_mc() == 100_000
        assert (await esme.ask(cancel)).status == Status.RCANCELFAIL
        await esme.ask_all(submit("one"), submit("two"), submit("three", destination_addr=OTHER))
        between = pdus.CancelSm(source_addr="Pumps", destination_addr=NUMBER)
        assert (await esme.ask(between)).status == 0
        states = Counter((m["recipient"], m["state"]) for m in await door.house.messages())
        assert states == {(NUMBER, "cancelled"): 3, (OTHER, "queued"): 1}
        sent = await door.submit_up()
        late = pdus.CancelSm(message_id=sent[0].message_id, source_addr="Pumps")
        assert (await esme.ask(late)).status == Status.RCANCELFAIL


@asyncio_test
async def test_only_one_cancel_sm_without_an_id_is_searched_for_at_a_time(tmp_path: Path) -> None:
    """Each reads thousands of messages: a hundred of them in one commit would hold up everybody."""
    async with open_door(tmp_path) as door:
        esme = await door.bound(pdus.BindTransmitter)
        before = door.house.ledger.worker.tally.commits
        answers = await esme.ask_all(*[pdus.CancelSm(source_addr="Pumps", destination_addr=OTHER)] * 20)
        assert [answer.status for answer in answers] == [Status.RCANCELFAIL] * 20
        assert door.house.ledger.worker.tally.commits - before >= 20


@asyncio_test
async def test_replace_sm(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        message_id = (await esme.ask(submit())).message_id
        replace = pdus.ReplaceSm(message_id=message_id, source_addr="Pumps", short_message=b"Pump 2 runs again")
        assert (await esme.ask(replace)).status == 0
        assert (await door.show(message_id))["text"] == "Pump 2 runs again"
        assert await door.house.balance_mc() == 99_000
        for wrong in ({"source_addr": "Doors"}, {"message_id": "00000000"}, {"short_message": b"x" * 250}):
            values = {"message_id": message_id, "source_addr": "Pumps", "short_message": b"hi"} | wrong
            assert (await esme.ask(pdus.ReplaceSm(**values))).status == Status.RREPLACEFAIL
        await door.submit_up()
        assert (await esme.ask(replace)).status == Status.RREPLACEFAIL


@pytest.mark.parametrize("data_coding", [0, 4, 8, 0x10])
@asyncio_test
async def test_a_replace_sm_without_a_text_changes_the_times_only(tmp_path: Path, data_coding: int) -> None:
    due_at_ms = now_ms() + 3_600_000
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        message_id = (await esme.ask(submit(data_coding=data_coding))).message_id
        before = (await door.show(message_id))["text"]
        later = pdus.ReplaceSm(
            message_id=message_id, source_addr="Pumps", schedule_delivery_time=times.format_absolute(due_at_ms)
        )
        assert (await esme.ask(later)).status == 0
        message = await door.show(message_id)
        assert message["text"] == before
        assert abs(message["next_action_at_ms"] - due_at_ms) < 1_000


@pytest.mark.parametrize(
    ("asked", "due_days", "expires_days"),
    [
        ({"validity_period": "000025000000000R"}, 20, 25),
        ({"validity_period": "000029000000000R"}, 20, 27),
        ({"schedule_delivery_time": "000025000000000R"}, 25, 26),
        ({"schedule_delivery_time": "000000000000000R"}, 0, 1),
        ({"schedule_delivery_time": "000025000000000R", "validity_period": "000026000000000R"}, 25, 26),
    ],
)
@asyncio_test
async def test_a_replace_sm_may_change_one_of_both_times(
    tmp_path: Path, asked: dict[str, str], due_days: int, expires_days: int
) -> None:
    """All but the last were RREPLACEFAIL, or (at once) changed nothing."""
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        message_id = (await esme.ask(submit(schedule_delivery_time="000020000000000R"))).message_id
        assert (await esme.ask(pdus.ReplaceSm(message_id=message_id, source_addr="Pumps", **asked))).status == 0
        (part,) = (await door.show(message_id))["parts"]
        for at_ms, days in ((part["next_action_at_ms"], due_days), (part["expires_at_ms"], expires_days)):
            assert abs(at_ms - now_ms() - days * 86_400_000) < 10_000


@asyncio_test
async def test_a_segment_that_is_too_full_for_its_letters_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """153 letters of Latin-1 with one that GSM 03.38 lacks were RINVMSGLEN."""
    async with open_door(tmp_path) as door:
        await door.house.ledger.do("account_set", name="demo", facts={"smpp_alphabet_0": "latin1"})
        door.house.gatekeeper.forget()
        esme = await door.bound()
        octets = b"\5\0\3\7\2\1" + "ça [va]".encode("latin-1") + b"x" * 146
        assert (await esme.ask(submit(short_message=octets, esm_class=0x40))).status == 0
        assert (await esme.ask(submit(short_message=octets + b"x", esm_class=0x40))).status == Status.RINVMSGLEN
        (part,) = await door.claim()
        assert (part.text, part.coding) == ("ca (va)" + "x" * 146, Coding.GSM7)
        assert "letters that GSM 03.38 lacks" in capsys.readouterr().out


@asyncio_test
async def test_a_replace_sm_with_odd_text_is_told_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        message_id = (await esme.ask(submit("plain"))).message_id
        replace = pdus.ReplaceSm(message_id=message_id, source_addr="Pumps", short_message=b"caf\xe9")
        assert (await esme.ask(replace)).status == 0
        assert "some octets mean nothing in its alphabet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data_coding", "octets", "text", "kept"),
    [
        (3, b"H\xe4j", "Häj", None),
        (8, "Łódź".encode("utf-16-be"), "Łódź", None),
        (0x10, b"\x00", "@", 0x10),
        (4, b"\x00\xff", "00FF", 4),
    ],
)
@asyncio_test
async def test_replace_sm_is_read_in_the_data_coding_of_the_message(
    tmp_path: Path, data_coding: int, octets: bytes, text: str, kept: int | None
) -> None:
    """It has no data_coding of its own."""
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        first = submit(short_message=b"\0a\0b", data_coding=data_coding)
        message_id = (await esme.ask(first)).message_id
        replace = pdus.ReplaceSm(message_id=message_id, source_addr="Pumps", short_message=octets)
        assert (await esme.ask(replace)).status == 0
        (part,) = await door.claim()
        assert part.text == text
        assert (part.user_data and part.user_data.data_coding) == kept


@asyncio_test
async def test_replace_if_present_takes_back_what_waits(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        old = await esme.ask(submit(schedule_delivery_time="000000010000000R", registered_delivery=1))
        other = await esme.ask(submit(service_type="OTP"))
        new = await esme.ask(submit("Pump 2 runs again", replace_if_present_flag=1))
        assert [pdu.status for pdu in (old, other, new)] == [0, 0, 0]
        assert (await door.show(old.message_id))["state"] == "cancelled"
        assert await door.house.balance_mc() == 98_000
        (receipt,) = await eventually(esme.delivered)
        assert f"id:{old.message_id} ".encode() in receipt.short_message
        assert b"stat:DELETED" in receipt.short_message
        assert {part.message_id for part in await door.claim()} == {other.message_id, new.message_id}


@asyncio_test
async def test_the_protocol_id_goes_with_the_part(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        assert (await esme.ask(submit(protocol_id=0x41))).status == 0
        (part,) = await door.claim()
        assert part.user_data is not None
        assert part.user_data.protocol_id == 0x41


@pytest.mark.parametrize(("form", "told"), [("hex", 8), ("decimal", 10), ("hex_decimal", 8), ("decimal_hex", 10)])
@asyncio_test
async def test_one_spelling_of_the_id_in_every_answer(tmp_path: Path, form: str, told: int) -> None:
    async with open_door(tmp_path) as door:
        await door.house.ledger.do("account_set", name="demo", facts={"smpp_id_form": form})
        door.house.gatekeeper.forget()
        esme = await door.bound()
        message_id = (await esme.ask(submit())).message_id
        assert len(message_id) == told
        (message,) = await door.house.messages()
        assert int(message_id, 16 if form.startswith("hex") else 10) == int(message["message_id"], 16)
        response = await esme.ask(pdus.QuerySm(message_id=message_id, source_addr="Pumps"))
        assert (response.status, response.message_id) == (0, message_id)
        replace = pdus.ReplaceSm(message_id=message_id, source_addr="Pumps", short_message=b"new")
        assert (await esme.ask(replace)).status == 0
        assert (await door.show(message["message_id"]))["text"] == "new"
        assert (await esme.ask(pdus.CancelSm(message_id=message_id, source_addr="Pumps"))).status == 0
        assert (await door.show(message["message_id"]))["state"] == "cancelled"


@asyncio_test
async def test_a_lane_and_a_validity_from_the_settings(tmp_path: Path) -> None:
    async with open_door(tmp_path, intake=IntakeSettings(validity_h=2)) as door:
        esme = await door.bound()
        response = await esme.ask(submit(priority_flag=1))
        (part,) = (await door.show(response.message_id))["parts"]
        assert part["lane"] == Lane.NORMAL.name.lower()
        assert abs(part["expires_at_ms"] - now_ms() - 7_200_000) < 10_000


# Neighbours


@asyncio_test
async def test_one_account_in_a_hurry_leaves_the_others_their_turn(tmp_path: Path) -> None:
    async with open_door(tmp_path, account=False) as door:
        await door.house.add_account(pin=PIN, credit_mc=10_000_000)
        await door.house.add_account("other", pin=PIN)
        busy, other = [await door.bound() for _ in range(4)], await door.bound(system_id="other")
        with capture_logs() as lines:
            for esme in busy:
                esme.send(*[submit(f"number {n}") for n in range(500)])
            assert (await other.ask(submit())).status == 0
            for esme in busy:
                await eventually(lambda esme=esme: len(esme.got) == 501, 60)
        accounts = [line["account"] for line in lines if line["event"] == "accepted"]
        assert len(accounts) == 2_001
        assert accounts.index("other") < 1_500


@asyncio_test
async def test_bad_pdus_disturb_no_neighbour(tmp_path: Path) -> None:
    """Thousands of mutated PDUs, whole and chopped, beside sessions that go on as if nothing was."""
    chance = random.Random(4)  # noqa: S311 - the same bad PDUs in every run
    sound = [encode(pdu, 5) for pdu in (bind(), submit(), submit(esm_class=0x40), pdus.EnquireLink(), pdus.QuerySm())]

    def bad() -> bytes:
        octets = bytearray(chance.choice(sound))
        for _ in range(chance.randint(1, 4)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        return bytes(octets[: chance.randint(1, len(octets))] if chance.random() < 0.2 else octets)

    async with open_door(tmp_path, connections_per_address_max=200) as door:
        good = [await door.bound() for _ in range(5)]
        with capture_logs() as lines:
            for _ in range(50):
                reckless = await (
                    door.bound() if chance.random() < 0.5 and len(door.smpp.sessions()) < 10 else door.connect()
                )
                for _ in range(40):
                    reckless.writer.write(bad())
                await asyncio.sleep(0)
                reckless.reset()
            for n, esme in enumerate(good):
                assert (await esme.ask(submit(f"number {n}", destination_addr=OTHER))).status == 0
        assert not [line for line in lines if line["log_level"] == "error"]
        await eventually(lambda: len(door.smpp._places.open) == 5)
        assert not any(esme.is_closed for esme in good)
