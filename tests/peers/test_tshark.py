"""Wireshark reads what our codec writes: octets in a made-up capture file, no network and no rights needed."""

import json
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.messages.message import ClaimedPart, Coding
from bridge.smpp import codec, pdus, translate
from bridge.smpp.constants import CommandId, MessageState, Status, Tag
from bridge.smpp.receipt_text import build
from tests.support import need_program

pytestmark = pytest.mark.peer("tshark")

PORT = 2775
LINKTYPE_RAW = 101


def capture(frames: list[bytes]) -> bytes:
    """A pcap file: each frame is one TCP segment towards port 2775 in a raw IPv4 packet."""
    pieces = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, LINKTYPE_RAW)]
    position = 1000
    for number, octets in enumerate(frames):
        tcp = struct.pack(">HHIIBBHHH", 40_000, PORT, position, 1, 5 << 4, 0x18, 65_535, 0, 0) + octets
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), number, 0, 64, 6, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
        packet = ip + tcp
        pieces.append(struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet)
        position += len(octets)
    return b"".join(pieces)


def flat(tree: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """All (field, value) pairs of a dissection."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from flat(value, key)
    elif isinstance(tree, list):
        for value in tree:
            yield from flat(value, name)
    else:
        yield name, tree


def dissect(frames: list[bytes], folder: Path) -> list[dict[str, list[str]]]:
    """For each frame, what the dissector found in it."""
    tshark = need_program("tshark", "apt-get install tshark")
    path = folder / "made_up.pcap"
    path.write_bytes(capture(frames))
    command = [tshark, "-n", "-r", str(path), "-d", f"tcp.port=={PORT},smpp", "-T", "json", "--no-duplicate-keys"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    packets = [packet["_source"]["layers"] for packet in json.loads(ran.stdout)]
    assert len(packets) == len(frames)
    found = []
    for layers in packets:
        values: dict[str, list[str]] = {}
        for name, value in flat(layers):
            values.setdefault(name, []).append(value)
        found.append(values)
    return found


HANDSET = "46701740605"
RECEIPT = build(
    smsc_id="6FD54FA2", state=MessageState.DELIVERED, submitted_at_ms=1_795_521_600_000, done_at_ms=1_795_521_660_000
)

CASES: list[tuple[pdus.Pdu, dict[str, str]]] = [
    (
        pdus.BindTransceiver(system_id="pumps", password="secret", system_type="VMA", address_range="467"),
        {
            "system_id": "pumps",
            "password": "secret",
            "system_type": "VMA",
            "interface_version": "52",
            "address_range": "467",
        },
    ),
    (
        pdus.BindTransceiverResp(system_id="smsc", tlvs={Tag.SC_INTERFACE_VERSION: b"\x34"}),
        {"system_id": "smsc", "SC_interface_version": "52"},
    ),
    (
        pdus.SubmitSm(
            service_type="CMT",
            source_addr_ton=5,
            source_addr="Pumps",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=HANDSET,
            priority_flag=2,
            validity_period="261124120000000+",
            registered_delivery=1,
            data_coding=3,
            short_message=b"Hello",
            tlvs={Tag.USER_MESSAGE_REFERENCE: b"\0\5", 0x1401: b"vend"},
        ),
        {
            "service_type": "CMT",
            "source_addr_ton": "0x05",
            "source_addr": "Pumps",
            "dest_addr_ton": "0x01",
            "dest_addr_npi": "0x01",
            "destination_addr": HANDSET,
            "priority_flag": "0x02",
            "regdel.receipt": "0x01",
            "data_coding": "0x03",
            "sm_length": "5",
            "message": "48:65:6c:6c:6f",
            "vendor_op": "76:65:6e:64",
        },
    ),
    (pdus.SubmitSmResp(message_id="6FD54FA2"), {"message_id": "6FD54FA2"}),
    (pdus.SubmitSmResp(status=Status.RTHROTTLED), {}),
    (
        pdus.DeliverSm(
            source_addr=HANDSET,
            destination_addr="Pumps",
            esm_class=4,
            short_message=RECEIPT.encode(),
            tlvs={
                Tag.RECEIPTED_MESSAGE_ID: b"6FD54FA2\0",
                Tag.MESSAGE_STATE: b"\2",
                Tag.NETWORK_ERROR_CODE: b"\3\0\x0b",
            },
        ),
        {
            "esm.submit.msg_type": "0x01",
            "sm_length": str(len(RECEIPT)),
            "receipted_message_id": "6FD54FA2",
            "message_state": "2",
            "network_error.type": "3",
            "network_error.code": "0x000b",
        },
    ),
    (pdus.DeliverSmResp(), {}),
    (
        pdus.SubmitMulti(
            dest_address=[pdus.SmeAddress(HANDSET, 1, 1), pdus.DistributionList("on call")], short_message=b"hi"
        ),
        {"destination_addr": HANDSET, "dl_name": "on call", "message": "68:69"},
    ),
    (
        pdus.SubmitMultiResp(message_id="A", unsuccess_sme=[pdus.UnsuccessSme(HANDSET, 1, 1, Status.RINVDSTADR)]),
        {"message_id": "A", "destination_addr": HANDSET, "error_status_code": "0x0000000b"},
    ),
    (
        pdus.DataSm(destination_addr=HANDSET, tlvs={Tag.MESSAGE_PAYLOAD: b"hi"}),
        {"destination_addr": HANDSET, "message_payload": "68:69"},
    ),
    (pdus.DataSmResp(message_id="A"), {"message_id": "A"}),
    (pdus.QuerySm(message_id="A", source_addr="Pumps"), {"message_id": "A", "source_addr": "Pumps"}),
    (
        pdus.QuerySmResp(message_id="A", final_date="261124120000000+", message_state=2, error_code=3),
        {"message_id": "A", "message_state": "2", "error_code": "3"},
    ),
    (pdus.CancelSm(message_id="A", destination_addr=HANDSET), {"message_id": "A", "destination_addr": HANDSET}),
    (pdus.ReplaceSm(message_id="A", short_message=b"new"), {"message_id": "A", "message": "6e:65:77"}),
    (pdus.Outbind(system_id="smsc", password="pw"), {"system_id": "smsc", "password": "pw"}),
    (pdus.AlertNotification(source_addr=HANDSET, esme_addr="7"), {"source_addr": HANDSET, "esme_addr": "7"}),
    (pdus.EnquireLink(), {}),
    (pdus.EnquireLinkResp(), {}),
    (pdus.Unbind(), {}),
    (pdus.UnbindResp(), {}),
    (pdus.GenericNack(status=Status.RINVCMDID), {}),
]


def test_wireshark_reads_every_pdu_we_write(tmp_path: Path) -> None:
    frames = [codec.encode(pdu, number) for number, (pdu, _) in enumerate(CASES, 1)]
    for number, ((pdu, expected), found) in enumerate(zip(CASES, dissect(frames, tmp_path), strict=True), 1):
        assert not [name for name in found if "malformed" in name], pdu
        assert found["smpp.command_id"] == [f"0x{pdu.COMMAND_ID:08x}"]
        assert found["smpp.sequence_number"] == [str(number)]
        assert found.get("smpp.command_status", ["0x00000000"]) == [f"0x{pdu.status:08x}"]
        for name, value in expected.items():
            assert value in found[f"smpp.{name}"], f"{name} of {pdu}"


def test_wireshark_finds_a_broken_pdu(tmp_path: Path) -> None:
    """So that the test above can fail."""
    octets = bytearray(codec.encode(pdus.SubmitSm(short_message=b"Hello"), 1))
    octets[-6] = 50
    (found,) = dissect([bytes(octets)], tmp_path)
    assert found["smpp.command_id"] == [f"0x{CommandId.SUBMIT_SM:08x}"]
    assert [name for name in found if "malformed" in name]


def test_wireshark_joins_the_parts_we_number(tmp_path: Path) -> None:
    parts = [
        ClaimedPart(
            part_id=number,
            message_id="6FD54FA2",
            account_id=1,
            part_no=number,
            part_total=2,
            concat_ref=42,
            originator="Pumps",
            recipient=HANDSET,
            coding=Coding.UCS2,
            text="żółw"[2 * number - 2 : 2 * number],
            attempt=1,
            expires_at_ms=1_795_521_600_000,
            is_possible_duplicate=False,
            network_until_ms=1_795_521_600_000,
        )
        for number in (1, 2)
    ]
    frames = [codec.encode(translate.submit_sm(part, translate.SubmitOptions()), part.part_no) for part in parts]
    for number, found in enumerate(dissect(frames, tmp_path), 1):
        assert found["smpp.esm.submit.features"] == ["0x01"]
        assert found["gsm_sms.udh.mm.msg_id"] == ["42"]
        assert found["gsm_sms.udh.mm.msg_parts"] == ["2"]
        assert found["gsm_sms.udh.mm.msg_part"] == [str(number)]
        (validity,) = found["smpp.validity_period"]
        assert "2026" in validity, "versions of tshark write dates in different ways"
        assert "12:00:00" in validity
