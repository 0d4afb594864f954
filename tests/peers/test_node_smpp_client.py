"""ESMEs that nobody here wrote at our SMPP door: the npm package `smpp` as client, plain and over TLS.

What it is told is compared as the package decoded it: every field and TLV must be there exactly, and nothing else.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.runtime.loop import now_ms
from bridge.smpp import times
from bridge.smpp.constants import Status
from tests.packaging.certificate import make_certificate
from tests.peers.node_esme import GSM_DEFAULT, GSM_EXTENSION, body_of, octets, refusal, scene, submission
from tests.support import asyncio_test, eventually
from tests.wire.smpp_door import NUMBER, OTHER, PIN

pytestmark = pytest.mark.peer("node")


# Sessions


@pytest.mark.parametrize(("version", "agreed"), [(0x33, None), (0x34, 0x34), (0x50, 0x50)])
@asyncio_test
async def test_every_kind_of_bind(tmp_path: Path, version: int, agreed: int | None) -> None:
    async with scene(tmp_path) as s:
        for kind in ("bind_transmitter", "bind_receiver", "bind_transceiver"):
            esme = await s.connect()
            before = await esme.ask("enquire_link")
            assert body_of(before) == {"command_status": 0, "sequence_number": 1}
            answer = await esme.ask(kind, system_id="demo", password=PIN, interface_version=version)
            told = {} if agreed is None else {"sc_interface_version": agreed}
            expected = {"command_status": 0, "sequence_number": 2, "system_id": "smsbridge"} | told
            assert (answer["command"], body_of(answer)) == (f"{kind}_resp", expected)
            again = await esme.ask(kind, system_id="demo", password=PIN, interface_version=version)
            assert again == refusal(f"{kind}_resp", Status.RALYBND, 3)
            submitted = await esme.ask("submit_sm", **submission("Pump 2 stopped", data_coding=0))
            if kind == "bind_receiver":
                assert submitted == refusal("submit_sm_resp", Status.RINVBNDSTS, 4)
            else:
                (message,) = await s.door.house.messages(count_max=1)
                assert body_of(submitted) == {
                    "command_status": 0,
                    "sequence_number": 4,
                    "message_id": message["message_id"],
                }
            assert body_of(await esme.ask("enquire_link")) == {"command_status": 0, "sequence_number": 5}
            assert (await esme.ask("unbind")) == refusal("unbind_resp", 0, 6)
            await esme.closed()
            await eventually(lambda: not s.door.smpp.sessions())
            assert not esme.said("error")


@asyncio_test
async def test_over_tls(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    listen = [{"port": 0, "tls": True}]
    async with scene(tmp_path, listen=listen, certificate=certificate, private_key=key) as s:
        esme = await s.connect(url=f"ssmpp://localhost:{s.door.port}", ca=str(certificate))
        answer = await esme.ask("bind_transceiver", system_id="demo", password=PIN)
        assert (answer["command_status"], answer["sc_interface_version"]) == (0, 0x50)
        assert s.door.smpp.sessions()[0]["tls"]
        message_id = await esme.submit("Über TLS: 5€", registered_delivery=1)
        assert (await s.door.show(message_id))["text"] == "Über TLS: 5€"
        await s.door.finish()
        assert (await esme.nth("deliver_sm"))["receipted_message_id"] == message_id
        assert (await esme.ask("unbind"))["command_status"] == 0
        await esme.closed()
        assert not esme.said("error")


@asyncio_test
async def test_what_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        for name, password in (("demo", "wrong"), ("Demo", PIN), ("nobody", PIN)):
            esme = await s.connect()
            answer = await esme.ask("bind_transceiver", system_id=name, password=password)
            assert answer == refusal("bind_transceiver_resp", Status.RINVPASWD, 1)
        await s.door.house.ledger.do("account_set_disabled", name="demo", is_disabled=True)
        s.door.house.gatekeeper.forget()
        esme = await s.connect()
        answer = await esme.ask("bind_transceiver", system_id="demo", password=PIN)
        assert answer == refusal("bind_transceiver_resp", Status.RBINDFAIL, 1)
        await s.door.house.ledger.do("account_set_disabled", name="demo", is_disabled=False)
        s.door.house.gatekeeper.forget()
        esme = await s.bound()
        # A command of SMPP 5.0 that the package knows, and we do not.
        esme.node.tell(do="send", esme=esme.name, tag=-1, command="broadcast_sm", fields={"sequence_number": 77})
        assert await esme.nth("generic_nack") == refusal("generic_nack", Status.RINVCMDID, 77)
        bad = {"destination_addr": "bob"}, {"priority_flag": 4}, {"schedule_delivery_time": "soon"}
        statuses = [(await esme.ask("submit_sm", **submission("hello", **facts)))["command_status"] for facts in bad]
        # The package itself makes a relative time of what is too short to be one.
        assert statuses == [Status.RINVDSTADR, Status.RINVPRTFLG, Status.RINVSCHED]
        for length in (15, 70_001):
            esme = await s.bound()
            esme.node.tell(do="raw", esme=esme.name, octets=(length.to_bytes(4, "big") + bytes(12)).hex())
            assert await esme.nth("generic_nack") == refusal("generic_nack", Status.RINVCMDLEN, 0)
            await esme.closed()
        assert await s.door.house.messages() == []


@asyncio_test
async def test_a_probe_and_an_unbind_from_our_side(tmp_path: Path) -> None:
    async with scene(tmp_path, enquire_link_s=1) as s:
        esmes = [await s.bound(kind) for kind in ("bind_transmitter", "bind_receiver", "bind_transceiver")]
        for esme in esmes:
            assert body_of(await esme.nth("enquire_link")) == {"command_status": 0, "sequence_number": 1}
        await s.door.smpp.stop()
        for esme in esmes:
            (unbind,) = esme.got("unbind")
            assert unbind == refusal("unbind", 0, len(esme.got("enquire_link")) + 1)
            await esme.closed()
            assert not esme.said("error")


# Submissions


def as_kept(text: str) -> str:
    """Every door makes one kind of line break of all kinds (docs/charset.md)."""
    return text.replace("\r", "\n").replace("\f", "\n")


def _by_default(text: str) -> dict[str, Any]:
    """The package chooses the data_coding: 1 for what GSM 03.38 has, else Latin-1, else UCS-2."""
    return {"short_message": text}


def _as_0(text: str) -> dict[str, Any]:
    return {"short_message": text, "data_coding": 0}


def _as_ucs2(text: str) -> dict[str, Any]:
    return {"short_message": text, "data_coding": 8}


def _as_payload(text: str) -> dict[str, Any]:
    return {"short_message": "", "message_payload": text}


@asyncio_test
async def test_every_character_arrives(tmp_path: Path) -> None:
    """All of GSM 03.38 in every form, at the head of a text, in it and at its end; and letters that are not in it."""
    everything = GSM_DEFAULT + GSM_EXTENSION
    assert len(everything) == len(set(everything)) == 137
    pieces = [GSM_DEFAULT[:64], GSM_DEFAULT[64:], GSM_EXTENSION, *(f"{letter}x{letter}" for letter in "@ÇΔ¿à€^~")]
    others = ["Ça coûte 5 ¼", "Łódź 世界 🙂"]
    texts = {
        _by_default: [*pieces, everything, *others],
        _as_0: [*pieces, everything],
        _as_ucs2: [*pieces, *others],  # No room in short_message for everything.
        _as_payload: [*pieces, everything, *others],
    }
    async with scene(tmp_path) as s:
        esme = await s.bound()
        for form, written in texts.items():
            for text in written:
                message_id = await esme.submit("", **form(text))
                assert (await s.door.show(message_id))["text"] == as_kept(text), form.__name__
        parts = await s.door.claim()
        assert [part.text for part in parts] == [as_kept(text) for written in texts.values() for text in written]


@asyncio_test
async def test_a_long_text_in_message_payload_is_one_message(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        esme = await s.bound()
        gsm = "Grüße {aus} Åre: 5€ " * 30
        ucs2 = "Привет, 世界 🙂 " * 20
        for text, parts in ((gsm, 5), (ucs2, 5)):
            message_id = await esme.submit("", message_payload=text)
            claimed = await s.door.claim()
            assert "".join(part.text for part in claimed) == text
            assert {part.message_id for part in claimed} == {message_id}
            assert len(claimed) == claimed[0].part_total == parts


def _with_header(header: bytes, place: str) -> Callable[[str, int], dict[str, Any]]:
    # The package sets esm_class by itself for a header in short_message, but not for one in message_payload.
    return lambda piece, number: {
        "short_message": "",
        place: {"udh": octets(header % number), "message": piece},
        "esm_class": 0x40,
    }


def _by_tlvs(piece: str, number: int) -> dict[str, Any]:
    numbers = {"sar_msg_ref_num": 0x2A, "sar_total_segments": 2, "sar_segment_seqnum": number}
    return {"short_message": piece} | numbers


@asyncio_test
async def test_parts_that_it_numbers_itself(tmp_path: Path) -> None:
    """Each is a message of its own, and its numbers go on with it."""
    pieces = ["Grüße {aus} Åre. " * 8, "Ende: 5€"]
    short, long = b"\5\0\3\x2a\2%c", b"\6\x08\4\x01\x2a\2%c"
    ways = [_with_header(header, place) for header in (short, long) for place in ("short_message", "message_payload")]
    async with scene(tmp_path) as s:
        esme = await s.bound()
        ids = set()
        for way, header in zip([*ways, _by_tlvs], [short, short, long, long, None], strict=True):
            for number, piece in enumerate(pieces, 1):
                ids.add(await esme.submit("", **way(piece, number)))
                (part,) = await s.door.claim()
                assert part.text == piece
                assert part.user_data is not None
                if header is None:
                    assert part.user_data.header[-3:] == bytes((0x2A, 2, number))
                else:
                    assert part.user_data.header == header % number
        assert len(ids) == 2 * (len(ways) + 1)
        assert await s.door.house.balance_mc() == 100_000 - 1000 * len(ids)


@asyncio_test
async def test_binary_content_is_untouched(tmp_path: Path) -> None:
    body, header = bytes(range(128)), b"\x06\x05\x04\x0b\x84\x23\xf0"
    async with scene(tmp_path) as s:
        esme = await s.bound()
        await esme.submit({"udh": octets(header), "message": octets(body)}, data_coding=4)
        (part,) = await s.door.claim()
        assert part.user_data is not None
        assert (part.user_data.header, part.user_data.body, part.user_data.data_coding) == (header, body, 4)


@asyncio_test
async def test_submit_multi(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        esme = await s.bound()
        good = [{"dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": number} for number in (NUMBER, OTHER)]
        bad = {"dest_addr_ton": 2, "dest_addr_npi": 8, "destination_addr": "bob"}
        fields = submission("Stop", registered_delivery=1) | {"dest_address": [*good, bad, {"dl_name": "on call"}]}
        answer = await esme.ask("submit_multi", **fields)
        message_id = answer["message_id"]
        refused = [(one["destination_addr"], one["error_status_code"]) for one in answer["unsuccess_sme"]]
        assert sorted(refused) == [("bob", Status.RINVDSTADR), ("on call", Status.RINVDLNAME)]
        (bob,) = [one for one in answer["unsuccess_sme"] if one["destination_addr"] == "bob"]
        assert bob == bad | {"error_status_code": Status.RINVDSTADR}
        assert answer["command_status"] == 0
        await s.door.finish()
        await esme.nth("deliver_sm", 1)
        assert {pdu["receipted_message_id"] for pdu in esme.got("deliver_sm")} == {message_id}
        assert {pdu["source_addr"] for pdu in esme.got("deliver_sm")} == {NUMBER, OTHER}
        none = await esme.ask("submit_multi", **(fields | {"dest_address": [{"dl_name": "on call"}]}))
        assert none == refusal("submit_multi_resp", Status.RINVDLNAME, none["sequence_number"])


@asyncio_test
async def test_data_sm(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        esme = await s.bound()
        fields = {"source_addr": "Pumps", "destination_addr": NUMBER, "message_payload": "Pumpe 2 läuft: 5€"}
        answer = await esme.ask("data_sm", **fields, registered_delivery=1, qos_time_to_live=600)
        (message,) = await s.door.house.messages()
        expected = {"command_status": 0, "sequence_number": 2, "message_id": message["message_id"]}
        assert (answer["command"], body_of(answer)) == ("data_sm_resp", expected)
        shown = await s.door.show(answer["message_id"])
        assert shown["text"] == "Pumpe 2 läuft: 5€"
        (part,) = await s.door.finish()
        assert abs(part.expires_at_ms - shown["accepted_at_ms"] - 600_000) < 10_000
        assert (await esme.nth("deliver_sm"))["receipted_message_id"] == answer["message_id"]


@asyncio_test
async def test_query_cancel_and_replace(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        esme = await s.bound()
        due = times.format_absolute(now_ms() + 86_400_000)
        message_id = await esme.submit("Pump 2 stops", schedule_delivery_time=due, data_coding=0)
        known = {"message_id": message_id, "source_addr": "Pumps"}
        asked = await esme.ask("query_sm", **known)
        nothing_final = {"final_date": "", "message_state": 1, "error_code": 0, "message_id": message_id}
        assert (asked["command"], body_of(asked)) == (
            "query_sm_resp",
            nothing_final | {"command_status": 0, "sequence_number": 3},
        )
        replaced = await esme.ask("replace_sm", **known, short_message="Pump 2 läuft", schedule_delivery_time=due)
        assert replaced == refusal("replace_sm_resp", 0, 4)
        assert (await s.door.show(message_id))["text"] == "Pump 2 läuft"
        cancelled = await esme.ask("cancel_sm", **known, destination_addr=NUMBER)
        assert cancelled == refusal("cancel_sm_resp", 0, 5)
        assert await s.door.house.balance_mc() == 100_000
        shown = await s.door.show(message_id)
        asked = await esme.ask("query_sm", **known)
        assert (asked["message_state"], asked["error_code"]) == (4, 0)
        final_at = datetime.fromtimestamp(shown["parts"][0]["final_at_ms"] // 100 / 10, UTC)
        assert asked["final_date"] == final_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        refused = {
            "query_sm": (Status.RQUERYFAIL, {"source_addr": "Other"}),
            "replace_sm": (Status.RREPLACEFAIL, {"short_message": "again"}),
            "cancel_sm": (Status.RCANCELFAIL, {"destination_addr": NUMBER}),
        }
        for command, (status, fields) in refused.items():
            answer = await esme.ask(command, **(known | fields))
            assert answer == refusal(f"{command}_resp", status, answer["sequence_number"])
        version_5 = await s.bound(version=0x50)
        later = await version_5.submit("Pump 3 stops", schedule_delivery_time=due)
        assert (await version_5.ask("query_sm", message_id=later, source_addr="Pumps"))["message_state"] == 0
