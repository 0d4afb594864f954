"""Scripts of the simulator on real sockets: every way in which a carrier goes wrong, seen by an ESME or by octets."""

import asyncio
import re
import socket
import sys
from collections import Counter
from typing import Any

import pytest

from bridge.app.config_file import read_as
from bridge.messages.inbound import InboundPart
from bridge.messages.receipt import Receipt
from bridge.simulator import ready
from bridge.simulator.script_file import ScriptFile, script
from bridge.simulator.sessions import GREETINGS, STRAY_SEQUENCE, Speaks
from bridge.smpp import pdus, translate
from bridge.smpp.codec import decode, encode
from bridge.smpp.constants import CommandId, MessageState, Status, Tag
from bridge.smpp.session import Answered, Bound, Requested, Unbound
from tests.support import asyncio_test, eventually
from tests.wire.simulator_bench import (
    Esme,
    bind_frame,
    bound_to,
    raw,
    read_frame,
    read_to_end,
    simulated,
)

RECIPIENT = "447700900123"
TCPI_DATA_SEGS_IN = 152
"""Where Linux counts the segments with data that came, in its struct tcp_info."""


def rule(**groups: Any) -> dict[str, Any]:
    """A script of one rule for every part."""
    return {"rules": [groups], "last_digits": False}


def submit_frame(sequence: int, recipient: str = RECIPIENT) -> bytes:
    pdu = pdus.SubmitSm(destination_addr=recipient, registered_delivery=1, short_message=b"hello")
    return encode(pdu, sequence)


async def one(values: dict[str, Any]) -> tuple[Esme, list[pdus.DeliverSm], str]:
    """Submit one part to an SMSC that plays this script; the ESME, the receipts that came, and the id it was given."""
    async with simulated(script(values)) as smsc, bound_to(smsc) as esme:
        esme.submit(RECIPIENT, "part")
        await eventually(lambda: esme.answers)
        entry = smsc.journal[-1]
        states = [entry.does.state, *entry.does.later_states] if entry.does.state is not None else []
        await eventually(lambda: len(esme.deliveries) >= len(states) * entry.does.receipt_total)
        return esme, esme.deliveries, entry.message_id


# Answers


@pytest.mark.parametrize("by", ["reset", "close"])
@asyncio_test
async def test_the_answer_is_cut_at_every_octet(by: str) -> None:
    whole = len(encode(pdus.SubmitSmResp(message_id="0A1B2C3D"), 1))
    for at_octet in (*range(whole), 1_000_000):
        playing = script(rule(disconnect={"at_octet": at_octet, "by": by}, receipt={"states": []}))
        async with simulated(playing) as smsc, raw(smsc) as (reader, writer):
            writer.write(bind_frame())
            await read_frame(reader)
            writer.write(submit_frame(2) + submit_frame(3))
            got, was_reset = await read_to_end(reader)
            assert len(got) == min(at_octet, whole)
            assert was_reset == (by == "reset")
            assert len(smsc.journal) == 1, "nothing is taken behind the end"
            assert smsc.counts.cut == 1


@asyncio_test
async def test_answers_overtake_each_other_one_octet_at_a_time_and_all_are_matched() -> None:
    values = rule(answer={"delay_ms": 1, "delay_max_ms": 60}, receipt={"delay_ms": 20})
    async with simulated(script(values | {"sessions": {"write_octets": 1}})) as smsc, bound_to(smsc) as esme:
        for n in range(100):
            esme.submit(f"4477009002{n:02d}")
        await eventually(lambda: len(esme.answers) == 100 and len(esme.deliveries) == 100)
        given = {entry.pdu.destination_addr: entry.message_id for entry in smsc.journal}
        assert {token: answer.message_id for token, answer in esme.answers.items()} == given
        assert list(esme.answers) != list(given), "no answer has overtaken another"
        kinds = [type(event) for event in esme.events]
        assert Requested in kinds[: len(kinds) - kinds[::-1].index(Answered)], "receipts come in between"


@pytest.mark.parametrize("name", ["RTHROTTLED", "RMSGQFUL", "RSYSERR", "RINVDSTADR"])
@asyncio_test
async def test_every_status_by_its_name(name: str) -> None:
    esme, receipts, _ = await one(rule(answer={"status": name}, receipt={"states": []}))
    assert esme.statuses == {"part": Status[name]}
    assert receipts == []


@asyncio_test
async def test_an_answer_that_is_late_still_comes_and_its_receipt_does_not_wait() -> None:
    esme, receipts, message_id = await one(rule(answer={"delay_ms": 150}))
    kinds = [type(event) for event in esme.events if not isinstance(event, Bound)]
    assert kinds == [Requested, Answered]
    assert esme.answers["part"].message_id == message_id  # type: ignore[attr-defined]
    assert len(receipts) == 1


@asyncio_test
async def test_an_answer_that_comes_twice_is_counted_by_the_peer() -> None:
    async with simulated(script(rule(answer={"copies": 3}))) as smsc, bound_to(smsc) as esme:
        esme.submit(RECIPIENT)
        await eventually(lambda: esme.session.counts.unmatched_responses == 2)
        assert len(esme.of(Answered)) == 1


@asyncio_test
async def test_an_answer_under_a_number_nobody_used() -> None:
    async with simulated(script(rule(answer={"stray": True}))) as smsc, raw(smsc) as (reader, writer):
        writer.write(bind_frame())
        await read_frame(reader)
        writer.write(submit_frame(2))
        answer, sequence = decode(await read_frame(reader))
        assert isinstance(answer, pdus.SubmitSmResp)
        assert sequence == STRAY_SEQUENCE


@pytest.mark.parametrize(
    ("answer", "pattern"),
    [
        ({"id": "empty"}, ""),
        ({"id": "longest"}, "[0-9A-F]{64}"),
        ({"id": "uuid"}, "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
        ({"id": "hex64"}, "8[0-9A-F]{15}"),
        ({"id": "decimal"}, "[0-9]{10}"),
        ({"body": False}, ""),
    ],
    ids=str,
)
@asyncio_test
async def test_ids_of_every_look(answer: dict[str, object], pattern: str) -> None:
    esme, _, _ = await one(rule(answer=answer))
    assert re.fullmatch(pattern, esme.answers["part"].message_id)  # type: ignore[attr-defined]
    assert esme.statuses == {"part": 0}


@asyncio_test
async def test_one_id_for_two_messages() -> None:
    async with simulated(script(rule(answer={"id": "same"}))) as smsc, bound_to(smsc) as esme:
        esme.submit(RECIPIENT, "one")
        esme.submit(RECIPIENT, "two")
        await eventually(lambda: len(esme.answers) == 2)
        assert len({answer.message_id for answer in esme.answers.values()}) == 1  # type: ignore[attr-defined]


@asyncio_test
async def test_a_generic_nack_in_place_of_the_answer() -> None:
    esme, _, _ = await one(rule(answer={"nack": True, "status": "RINVCMDID"}, receipt={"states": []}))
    assert esme.answers["part"] == pdus.GenericNack(status=Status.RINVCMDID)


@asyncio_test
async def test_silence_holds_no_place_at_the_smsc() -> None:
    """A session may owe a thousand answers; those that are never given do not count among them."""
    quiet = script(rule(answer={"silent": True}, receipt={"states": []}))
    async with simulated(quiet) as smsc, raw(smsc) as (reader, writer):
        writer.write(bind_frame())
        await read_frame(reader)
        writer.write(b"".join(submit_frame(n) for n in range(2, 1_202)) + encode(pdus.EnquireLink(), 5_000))
        answer, sequence = decode(await read_frame(reader))
        assert (answer, sequence) == (pdus.EnquireLinkResp(), 5_000)
        assert len(smsc.journal) == smsc.counts.unanswered == 1_200


@asyncio_test
async def test_the_third_part_of_a_long_message_is_refused() -> None:
    playing = script({"rules": [{"when": {"part": 3}, "answer": {"status": "RINVMSGLEN"}}]})
    async with simulated(playing) as smsc, bound_to(smsc) as esme:
        for number in (1, 2, 3):
            octets = bytes((5, 0, 3, 9, 3, number)) + b"piece"
            pdu = pdus.SubmitSm(destination_addr=RECIPIENT, esm_class=0x40, short_message=octets)
            esme.send(pdu, number)
        await eventually(lambda: len(esme.answers) == 3)
        assert esme.statuses == {1: 0, 2: 0, 3: Status.RINVMSGLEN}


# Receipts


@pytest.mark.parametrize(
    ("answer", "spelling", "expected"),
    [
        ("hex", "lower", str.lower),
        ("hex", "decimal", lambda given: str(int(given, 16))),
        ("decimal", "hex", lambda given: f"{int(given):X}"),
        ("zeros", "stripped", lambda given: given[3:].lstrip("0")),
        ("hex", "padded", lambda given: "00000000" + given),
        ("hex64", "decimal", lambda given: str(int(given, 16))),
        ("hex64", "signed", lambda given: str(int(given, 16) - (1 << 64))),
        ("uuid", "undashed", lambda given: given.replace("-", "")),
        ("hex", "stranger", lambda given: "FFFFFFFF"),
        ("hex", "none", lambda given: ""),
    ],
)
@asyncio_test
async def test_ids_are_spelled_differently_in_text_and_tlv(answer: str, spelling: str, expected: Any) -> None:
    esme, (receipt,), _ = await one(rule(answer={"id": answer}, receipt={"id": spelling}))
    given = esme.answers["part"].message_id  # type: ignore[attr-defined]
    spelled = expected(given)
    assert spelled != given
    in_tlv = receipt.tlvs.get(Tag.RECEIPTED_MESSAGE_ID, b"\0").rstrip(b"\0").decode()
    assert in_tlv == spelled
    assert receipt.short_message.startswith(f"id:{spelled} sub:001 ".encode() if spelled else b"sub:001 ")


@pytest.mark.parametrize(
    ("receipt", "stats"),
    [
        ({"states": ["enroute", "delivered"], "gap_ms": 20}, ["ENROUTE", "DELIVRD"]),
        ({"states": ["delivered", "enroute"], "gap_ms": 20}, ["DELIVRD", "ENROUTE"]),
        ({"copies": 100}, ["DELIVRD"] * 100),
        ({"states": ["undeliverable", "delivered"], "gap_ms": 20, "copies": 2}, ["UNDELIV"] * 2 + ["DELIVRD"] * 2),
    ],
    ids=["intermediate then final", "final then en route", "a hundred times", "twice each"],
)
@asyncio_test
async def test_receipts_in_any_number_and_order(receipt: dict[str, object], stats: list[str]) -> None:
    _, receipts, _ = await one(rule(receipt=receipt))
    assert [pdu.short_message.decode().split("stat:")[1][:7] for pdu in receipts] == stats
    assert [pdu.esm_class for pdu in receipts] == [0x20 if stat == "ENROUTE" else 0x04 for stat in stats]


@asyncio_test
async def test_a_receipt_before_its_answer() -> None:
    esme, _, _ = await one(rule(receipt={"before_answer": True}))
    assert [type(event) for event in esme.events if not isinstance(event, Bound)] == [Requested, Answered]


@asyncio_test
async def test_no_receipt_means_none() -> None:
    playing = script({"rules": [{"when": {"nth": [1]}, "receipt": {"states": []}}, {}]})
    async with simulated(playing) as smsc, bound_to(smsc) as esme:
        esme.submit("447700900201")
        esme.submit("447700900202")
        await eventually(lambda: esme.deliveries)
        assert [pdu.source_addr for pdu in esme.deliveries] == ["447700900202"]
        assert smsc.waiting == 0


@asyncio_test
async def test_receipts_that_are_hardly_receipts() -> None:
    async def kind(**receipt: object) -> Receipt | InboundPart:
        return translate.from_deliver_sm((await one(rule(receipt=receipt)))[1][0])

    only_tlvs = await kind(text="none")
    assert isinstance(only_tlvs, Receipt)
    assert only_tlvs.state is not None
    only_text = await kind(tlvs=False)
    assert isinstance(only_text, Receipt)
    assert only_text.state is not None
    unmarked = await kind(esm_class=0, tlvs=False)
    assert isinstance(unmarked, Receipt), "known by its text"
    garbage = await kind(text="garbage", tlvs=False)
    assert isinstance(garbage, Receipt)
    assert garbage.smsc_id == ""
    epoch = await kind(dates="epoch")
    assert isinstance(epoch, Receipt)
    assert epoch.network_at_ms == 0


# Sessions


@pytest.mark.parametrize("speaks", [Speaks.HTTP, Speaks.SSH, Speaks.SMTP, Speaks.TLS])
@asyncio_test
async def test_another_protocol_is_spoken(speaks: Speaks) -> None:
    async with simulated(script({"sessions": {"speaks": speaks.value}})) as smsc, raw(smsc) as (reader, writer):
        assert await reader.readexactly(len(GREETINGS[speaks])) == GREETINGS[speaks]
        writer.write(bind_frame())
        await eventually(lambda: not smsc.is_bound)
    assert smsc.counts.binds == 0


@pytest.mark.parametrize("sessions", [{"speaks": "nothing"}, {"bind": {"silent": True}}], ids=["nothing", "no answer"])
@asyncio_test
async def test_a_bind_that_is_never_answered(sessions: dict[str, object]) -> None:
    async with simulated(script({"sessions": sessions})) as smsc, raw(smsc) as (reader, writer):
        writer.write(bind_frame() + encode(pdus.EnquireLink(), 2))
        await eventually(lambda: smsc.connections and smsc.connections[0].is_deaf)
        await smsc.stop()
        assert (await read_to_end(reader))[0] == b"", "it took the connection and said nothing on it"


@asyncio_test
async def test_binds_are_refused_so_often() -> None:
    playing = script({"sessions": {"bind": {"status": "RBINDFAIL", "refused": 2}}})
    async with simulated(playing) as smsc:
        for status in (Status.RBINDFAIL, Status.RBINDFAIL, 0):
            async with raw(smsc) as (reader, writer):
                writer.write(bind_frame())
                assert decode(await read_frame(reader))[0].status == status
        assert smsc.counts.binds_refused == {Status.RBINDFAIL: 2}


@pytest.mark.parametrize(
    ("hangs", "answered"),
    [
        ("all", []),
        ("submits", [(CommandId.ENQUIRE_LINK_RESP, 4)]),
        ("probes", [(CommandId.SUBMIT_SM_RESP, 3)]),
    ],
)
@asyncio_test
async def test_a_session_that_hangs(hangs: str, answered: list[tuple[int, int]]) -> None:
    values = rule(receipt={"states": []}) | {"sessions": {"hangs": hangs, "hangs_after": 1}}
    async with simulated(script(values)) as smsc, raw(smsc) as (reader, writer):
        writer.write(bind_frame() + submit_frame(2))
        for command_id in (CommandId.BIND_TRANSCEIVER_RESP, CommandId.SUBMIT_SM_RESP):
            assert command_id == decode(await read_frame(reader))[0].COMMAND_ID
        writer.write(submit_frame(3) + encode(pdus.EnquireLink(), 4))
        await eventually(lambda: len(smsc.journal) == 2)
        smsc.reset_all()
        got, _ = await read_to_end(reader)
        found = []
        while got:
            length = int.from_bytes(got[:4], "big")
            pdu, sequence = decode(got[:length])
            found.append((pdu.COMMAND_ID, sequence))
            got = got[length:]
        # A probe is answered when its read is done, behind the answers to parts.
        assert found == answered


@asyncio_test
async def test_a_session_that_hangs_at_once_gives_no_receipts_either() -> None:
    async with simulated(script({"sessions": {"hangs": "all"}})) as smsc, bound_to(smsc) as esme:
        delivering = asyncio.create_task(smsc.send_inbound("447700900555", "447700900001", "hello"))
        esme.submit(RECIPIENT)
        await eventually(lambda: smsc.waiting == 1)
        smsc.send_waiting()
        assert smsc.counts.inbound_sent == 0
        assert not smsc.journal
        delivering.cancel()


@asyncio_test
async def test_a_zero_window_and_reading_on() -> None:
    """While it does not read, the ESME's writes pile up; afterwards everything is answered."""
    values = {"sessions": {"stalls_after": 50, "stalls_s": 2}, "last_digits": False}
    async with simulated(script(values)) as smsc, raw(smsc) as (reader, writer), bound_to(smsc) as other:
        writer.write(bind_frame())
        await read_frame(reader)
        writer.write(b"".join(submit_frame(n) for n in range(2, 52)))
        await eventually(lambda: len(smsc.journal) == 50)
        big = encode(pdus.SubmitSm(destination_addr=RECIPIENT, tlvs={Tag.MESSAGE_PAYLOAD: b"x" * 60_000}), 7)
        for _ in range(300):
            writer.write(big)
        for n in range(20):
            other.submit(RECIPIENT, n)
            await eventually(lambda n=n: n in other.answers, every_s=0)
        assert writer.transport.get_write_buffer_size() > 1_000_000
        assert len(smsc.journal) == 70, "it read what it should not"
        await eventually(lambda: len(smsc.journal) == 370)


@asyncio_test
async def test_every_octet_is_a_segment_of_its_own() -> None:
    async def segments(values: dict[str, Any]) -> int:
        async with simulated(script(values)) as smsc, raw(smsc) as (reader, writer):
            writer.write(bind_frame())
            await read_frame(reader)
            info = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
            return int.from_bytes(info[TCPI_DATA_SEGS_IN : TCPI_DATA_SEGS_IN + 4], sys.byteorder)

    assert await segments({}) == 1
    # The kernel joins those for which the congestion window has no room.
    assert await segments({"sessions": {"write_octets": 1}}) >= 10


@pytest.mark.parametrize("ends_by", ["reset", "close", "unbind"])
@asyncio_test
async def test_sessions_that_do_not_last(ends_by: str) -> None:
    playing = script({"sessions": {"lasts_s": 0.05, "ends_by": ends_by}})
    async with simulated(playing) as smsc:
        for _ in range(2):
            async with bound_to(smsc) as esme:
                await eventually(lambda esme=esme: esme.is_gone)
                assert bool(esme.of(Unbound)) == (ends_by == "unbind")
        assert smsc.counts.binds == smsc.counts.cut == 2


@asyncio_test
async def test_noise_in_mid_stream_disturbs_nothing() -> None:
    noise = ["alert_notification", "outbind", "bind_resp", "generic_nack", "submit_resp", "unknown_request",
             "unknown_response"]  # fmt: skip
    values = {"sessions": {"noise": noise, "noise_every": 1}, "last_digits": False}
    async with simulated(script(values)) as smsc, bound_to(smsc) as esme:
        for n in range(70):
            esme.submit(f"4477009002{n:02d}")
        await eventually(lambda: len(esme.answers) == 70 and len(esme.deliveries) == 70)
        assert set(esme.statuses.values()) == {0}
        counts = esme.session.counts
        # bind_resp, generic_nack and submit_resp match nothing; of unknown commands only requests are answered.
        assert counts.unmatched_responses == 30
        assert (counts.unreadable_requests, counts.unreadable_responses) == (10, 10)
        asked = Counter(type(event.pdu) for event in esme.of(Requested))
        assert asked == {pdus.AlertNotification: 10, pdus.Outbind: 10, pdus.DeliverSm: 70}


# Handsets


LONG = "The quick brown fox jumps over the lazy dog. " * 8


@pytest.mark.parametrize("form", ["udh8", "udh16", "sar", "payload"])
@asyncio_test
async def test_bursts_of_texts_from_handsets(form: str) -> None:
    burst = {"originator": "46701740605", "recipient": "46701740699", "text": LONG + "{n}", "count": 3, "form": form}
    playing = script({"inbound": [burst | {"every_s": 0.1, "order": "shuffled"}]})
    async with simulated(playing) as smsc, bound_to(smsc) as esme:
        parts = 1 if form == "payload" else 3
        await eventually(lambda: len(esme.deliveries) >= 6 * parts)
        found: dict[str, dict[int, str]] = {}
        for arrival in esme.arrivals[: 6 * parts]:
            assert isinstance(arrival, InboundPart)
            number = arrival.concat.number if arrival.concat else 1
            found.setdefault(arrival.originator, {})[number] = arrival.text
        texts = {originator: "".join(pieces[n] for n in sorted(pieces)) for originator, pieces in found.items()}
        assert texts == {str(46701740605 + n): f"{LONG}{n}" for n in range(6)}
        await eventually(lambda: smsc.counts.inbound_taken >= 6 * parts)


@pytest.mark.parametrize(
    ("order", "numbers"), [("reversed", [3, 2, 1]), ("twice", [1, 2, 3, 1, 2, 3]), ("without_first", [2, 3])]
)
@asyncio_test
async def test_long_texts_out_of_order_repeated_and_incomplete(order: str, numbers: list[int]) -> None:
    burst = {"originator": "46701740605", "recipient": "46701740699", "text": LONG, "order": order}
    async with simulated(script({"inbound": [burst]})) as smsc, bound_to(smsc) as esme:
        await eventually(lambda: len(esme.deliveries) == len(numbers))
        assert [piece.concat.number for piece in esme.arrivals] == numbers  # type: ignore[union-attr]


@asyncio_test
async def test_handsets_wait_for_a_session_that_takes_texts() -> None:
    burst = {"originator": "1", "recipient": "2", "text": "hello"}
    async with simulated(script({"inbound": [burst]})) as smsc, bound_to(smsc, bind=pdus.BindTransmitter):
        assert smsc.waiting == 0
        async with bound_to(smsc, bind=pdus.BindReceiver) as receiver:
            await eventually(lambda: receiver.deliveries)


# All of it at once


@asyncio_test
async def test_a_storm_is_made_of_its_shares() -> None:
    """A fifth each taken, refused, throttled, silent, reset: by the journal, and by what an ESME saw."""
    path = ready.path_of("storm")
    assert path is not None
    seen: Counter[int] = Counter()
    async with simulated(read_as(ScriptFile, path, "").value()) as smsc:
        while len(smsc.journal) < 1_000:
            async with raw(smsc) as (reader, writer):
                writer.write(bind_frame() + b"".join(submit_frame(n) for n in range(2, 42)))
                got, _ = await read_to_end(reader)
                while got:
                    length = int.from_bytes(got[:4], "big")
                    pdu, _ = decode(got[:length])
                    got = got[length:]
                    if isinstance(pdu, pdus.SubmitSmResp):
                        seen[pdu.status] += 1
        total = len(smsc.journal)
        assert smsc.counts.unanswered == sum(entry.does.is_silent for entry in smsc.journal)
        kinds = Counter(
            "silent" if entry.does.is_silent else "cut" if entry.does.drops else Status.name_of(entry.status)
            for entry in smsc.journal
        )
        assert set(kinds) == {"silent", "cut", "ESME_ROK", "ESME_RINVDSTADR", "ESME_RTHROTTLED"}
        assert all(0.15 * total < count < 0.25 * total for count in kinds.values()), kinds
        assert seen == {
            0: kinds["ESME_ROK"],
            Status.RINVDSTADR: kinds["ESME_RINVDSTADR"],
            Status.RTHROTTLED: kinds["ESME_RTHROTTLED"],
        }


@asyncio_test
async def test_throttled_for_a_while_after_the_first_bind() -> None:
    values = {"rules": [{"when": {"until_s": 1}, "answer": {"status": "RTHROTTLED"}}], "last_digits": False}
    async with simulated(script(values)) as smsc, bound_to(smsc) as esme:
        esme.submit(RECIPIENT, "early")
        await eventually(lambda: esme.answers)
        assert esme.statuses == {"early": Status.RTHROTTLED}
        tries = 0

        def is_taken() -> bool:
            nonlocal tries
            tries += 1
            esme.submit(RECIPIENT, tries)
            return 0 in esme.statuses.values()

        await eventually(is_taken, every_s=0.05)
        assert MessageState.DELIVERED in [entry.does.state for entry in smsc.journal]
