"""Receipts and inbound texts at ESMEs that nobody here wrote: the npm package `smpp` as client.

Each is compared as the package decoded it: every field and TLV must be there exactly, and nothing else.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bridge.messages.message import PartState
from bridge.messages.receipt import Receipt
from bridge.runtime.loop import now_ms
from bridge.smpp import times
from bridge.smpp.constants import Status
from tests.house import LINK
from tests.peers.node_esme import GSM_DEFAULT, GSM_EXTENSION, VIRTUAL, body_of, octets, scene
from tests.support import asyncio_test, eventually
from tests.wire.smpp_door import NUMBER, Door

pytestmark = pytest.mark.peer("node")


def receipt_fields(text: bytes, *, esm_class: int = 4, **fields: Any) -> dict[str, Any]:
    """All that a receipt for `submission` holds; `fields` are its TLVs."""
    values = {
        "command_status": 0,
        "service_type": "",
        "source_addr_ton": 1,
        "source_addr_npi": 1,
        "source_addr": NUMBER,
        "dest_addr_ton": 5,
        "dest_addr_npi": 0,
        "destination_addr": "Pumps",
        "esm_class": esm_class,
        "protocol_id": 0,
        "priority_flag": 0,
        "schedule_delivery_time": "",
        "validity_period": "",
        "registered_delivery": 0,
        "replace_if_present_flag": 0,
        "data_coding": 0,
        "sm_default_msg_id": 0,
        "short_message": {"message": text.decode(), "octets": octets(text)},
    }
    return values | fields


def without_sequence(pdu: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body_of(pdu).items() if key != "sequence_number"}


async def receipt_text(door: Door, message_id: str, stat: str, *, error: str = "000", text: str = "") -> bytes:
    """The text that docs/smpp.md promises, from what the ledger knows."""
    shown = await door.show(message_id)
    (part,) = shown["parts"]
    submitted = times.format_receipt_date(shown["accepted_at_ms"])
    done = times.format_receipt_date(part["network_at_ms"] or part["final_at_ms"])
    arrived = "001" if stat == "DELIVRD" else "000"
    return (
        f"id:{message_id} sub:001 dlvrd:{arrived} submit date:{submitted} done date:{done}"
        f" stat:{stat} err:{error} text:{text}"
    ).encode()


@pytest.mark.parametrize("version", [0x33, 0x34, 0x50])
@asyncio_test
async def test_a_receipt_field_by_field(tmp_path: Path, version: int) -> None:
    async with scene(tmp_path) as s:
        esme = await s.bound(version=version)
        message_id = await esme.submit(
            "Pump 2 stopped, call the operator",
            registered_delivery=1,
            service_type="bill1",
            user_message_reference=0x1234,
        )
        await s.door.finish()
        text = await receipt_text(s.door, message_id, "DELIVRD", text="Pump 2 stopped, call")
        tlvs = {"receipted_message_id": message_id, "message_state": 2, "user_message_reference": 0x1234}
        expected = receipt_fields(text, service_type="bill1", **({} if version == 0x33 else tlvs))
        assert without_sequence(await esme.nth("deliver_sm")) == expected
        await eventually(lambda: s.door.smpp.sessions()[0]["delivered"] == 1)


@asyncio_test
async def test_every_end_of_a_message(tmp_path: Path) -> None:
    """Each with the error that the network gave, and the intermediate receipt before it."""
    ends = {
        PartState.DELIVERED: ("DELIVRD", 2),
        PartState.UNDELIVERABLE: ("UNDELIV", 5),
        PartState.EXPIRED: ("EXPIRED", 3),
        PartState.DELETED: ("DELETED", 4),
        PartState.REJECTED: ("REJECTD", 8),
        PartState.UNKNOWN: ("UNKNOWN", 7),
    }
    async with scene(tmp_path) as s:
        esme = await s.bound()
        for place, (state, (stat, number)) in enumerate(ends.items()):
            error = "000" if state is PartState.DELIVERED else "034"
            message_id = await esme.submit("@ Pump 2", registered_delivery=0x11)
            (part,) = await s.door.submit_up()
            told = []
            for step in (None, state):
                receipt = Receipt(str(1000 + part.part_id), step, error if step else "000", now_ms(), NUMBER)
                await s.door.house.ledger.receive(LINK, [receipt], now_ms())
                told.append(await esme.nth("deliver_sm", 2 * place + len(told)))
            intermediate, final = told
            tlvs: dict[str, Any] = {"receipted_message_id": message_id, "message_state": number}
            if error != "000":
                tlvs["network_error_code"] = octets(b"\3\0\x22")
            text = await receipt_text(s.door, message_id, stat, error=error, text="? Pump 2")
            assert without_sequence(final) == receipt_fields(text, **tlvs)
            assert (intermediate["esm_class"], intermediate["message_state"]) == (0x20, 1)
            words = intermediate["short_message"]["message"]
            assert words.startswith(f"id:{message_id} sub:001 dlvrd:000 submit date:")
            assert words.endswith("stat:ENROUTE err:000 text:? Pump 2")
        sequences = [pdu["sequence_number"] for pdu in esme.got("deliver_sm")]
        assert sequences == list(range(1, 13))


@asyncio_test
async def test_receipts_wait_until_it_is_bound_again(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        esme = await s.bound()
        ids = [await esme.submit(f"number {n}", registered_delivery=1) for n in range(5)]
        assert (await esme.ask("unbind"))["command_status"] == 0
        await esme.closed()
        await s.door.finish()
        sender = await s.bound("bind_transmitter")
        ids.append(await sender.submit("number 5", registered_delivery=1))
        await s.door.finish()
        again = await s.bound("bind_receiver")
        await again.nth("deliver_sm", 5)
        assert Counter(pdu["receipted_message_id"] for pdu in again.got("deliver_sm")) == Counter(ids)
        await eventually(lambda: sum(one["delivered"] for one in s.door.smpp.sessions()) == 6)
        assert sender.got("deliver_sm") == esme.got("deliver_sm") == []


@asyncio_test
async def test_what_a_lost_session_had_comes_at_the_next(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        sender = await s.bound("bind_transmitter")
        lost = await s.bound("bind_receiver")
        lost.node.tell(do="destroy", esme=lost.name)
        ids = [await sender.submit(f"number {n}", registered_delivery=1) for n in range(5)]
        await s.door.finish()
        again = await s.bound("bind_receiver")
        await again.nth("deliver_sm", 4)
        assert {pdu["receipted_message_id"] for pdu in again.got("deliver_sm")} == set(ids)


@asyncio_test
async def test_a_receipt_that_it_refuses_is_given_up(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        esme = await s.bound()
        esme.node.tell(do="answer", esme=esme.name, status=Status.RX_R_APPN)
        await esme.submit("one", registered_delivery=1)
        await s.door.finish()
        await esme.nth("deliver_sm")
        esme.node.tell(do="answer", esme=esme.name, status=0)
        second = await esme.submit("two", registered_delivery=1)
        await s.door.finish()
        assert (await esme.nth("deliver_sm", 1))["receipted_message_id"] == second
        await eventually(lambda: s.door.smpp.sessions()[0]["delivered"] == 1)
        assert len(esme.got("deliver_sm")) == 2


def inbound_fields(text: str, data: bytes, *, data_coding: int = 0, **fields: Any) -> dict[str, Any]:
    values = receipt_fields(b"", esm_class=0) | {"dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": VIRTUAL}
    message = {"message": text, "octets": octets(data)}
    return values | {"data_coding": data_coding, "short_message": message} | fields


@asyncio_test
async def test_inbound_texts(tmp_path: Path) -> None:
    everything = GSM_DEFAULT.replace("\f", "") + GSM_EXTENSION
    long_text, long_ucs2 = "Grüße {aus} Åre: 5€ " * 19, "Добрый день 🙂 " * 15
    async with scene(tmp_path) as s:
        await s.give_number()
        esme = await s.bound()
        for place, text in enumerate([everything, "Łódź 世界 🙂", long_text, long_ucs2]):
            await s.write_in(text)
            pdu = await esme.nth("deliver_sm", place)
            data = text.encode("utf-16-be")
            if place == 1:
                assert without_sequence(pdu) == inbound_fields(text, data, data_coding=8)
            elif place == 3:
                payload = {"message": text, "octets": octets(data)}
                empty = inbound_fields("", b"", data_coding=8, message_payload=payload)
                assert without_sequence(pdu) == empty
            else:
                found = (pdu["short_message"] if place == 0 else pdu["message_payload"])["message"]
                assert (found, pdu["data_coding"], pdu["esm_class"]) == (text, 0, 0)
        await eventually(lambda: s.door.smpp.sessions()[0]["delivered"] == 4)


@pytest.mark.parametrize(("version", "setting"), [(0x34, "parts"), (0x50, "parts"), (0x33, "payload")])
@asyncio_test
async def test_a_long_inbound_text_in_parts(tmp_path: Path, version: int, setting: str) -> None:
    texts = {0: "Grüße {aus} Åre: 5€ " * 19, 8: "Добрый день 🙂 " * 15}
    async with scene(tmp_path) as s:
        await s.account_set(smpp_long_inbound=setting)
        await s.give_number()
        esme = await s.bound(version=version)
        place, references = 0, set()
        for data_coding, text in texts.items():
            await s.write_in(text)
            total = 3 if data_coding == 0 else 4
            await esme.nth("deliver_sm", place + total - 1)
            parts = esme.got("deliver_sm")[place : place + total]
            place += total
            headers = [bytes.fromhex(part["short_message"]["udh"][0]["hex"]) for part in parts]
            reference = headers[0][2]
            references.add(reference)
            assert headers == [bytes((0, 3, reference, total, number)) for number in range(1, total + 1)]
            assert "".join(part["short_message"]["message"] for part in parts) == text
            assert {(part["esm_class"], part["data_coding"]) for part in parts} == {(0x40, data_coding)}
            assert all("message_payload" not in part for part in parts)
        assert len(references) == 2
        await eventually(lambda: s.door.smpp.sessions()[0]["delivered"] == place)
        assert len(esme.got("deliver_sm")) == place
