"""What Wireshark's SMPP dissector makes of recorded conversations: a capture file without a network, read by tshark."""

import re
import struct
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers.recorder import Conversation

PORT = 2775
FIRST_CLIENT_PORT = 20_000
LINKTYPE_RAW = 101
SEGMENT_MAX = 1400
"""Octets of one TCP segment, as on an Ethernet."""
TEXT_OF_0 = "smpp.decode_sms_over_smpp:GSM 7-bit"
"""What data_coding 0 means: one septet to an octet."""
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XML cannot hold; tshark writes those of a message's text all the same."""
CLIENT, SERVER = b"\x0a\0\0\1", b"\x0a\0\0\2"


@dataclass(slots=True)
class Seen:
    """A field as the dissector saw it: its octets, and what it shows for them."""

    name: str
    octets: str
    """Hex."""
    shown: str
    at: int


@dataclass(slots=True)
class Tlv:
    tag: int
    size: int
    fields: list[Seen]


@dataclass(slots=True)
class Dissected:
    """One PDU."""

    fields: list[Seen] = field(default_factory=list)
    tlvs: list[Tlv] = field(default_factory=list)

    def get(self, name: str) -> list[Seen]:
        """Every field `smpp.<name>`, those inside of TLVs behind the others."""
        inside = (seen for tlv in self.tlvs for seen in tlv.fields)
        return [seen for seen in (*self.fields, *inside) if seen.name in (f"smpp.{name}", name)]


@dataclass(slots=True)
class Reading:
    """All that one side of a conversation said."""

    pdus: list[Dissected] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Whatever Wireshark found wrong or worth a remark, in its words."""


def capture(conversations: list[Conversation]) -> bytes:
    """A pcap file of raw IPv4 packets: each conversation between a port of its own and 2775."""
    pieces = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, LINKTYPE_RAW)]
    number = 0
    for place, conversation in enumerate(conversations):
        said = {False: 1, True: 1}
        for is_from_server, octets in conversation.chunks:
            for at in range(0, len(octets), SEGMENT_MAX):
                piece = octets[at : at + SEGMENT_MAX]
                ports = (PORT, FIRST_CLIENT_PORT + place) if is_from_server else (FIRST_CLIENT_PORT + place, PORT)
                positions = (said[is_from_server], said[not is_from_server])
                tcp = struct.pack(">HHIIBBHHH", *ports, *positions, 5 << 4, 0x18, 65_535, 0, 0) + piece
                ends = (SERVER, CLIENT) if is_from_server else (CLIENT, SERVER)
                ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), number & 0xFFFF, 0, 64, 6, 0, *ends)
                packet = ip + tcp
                pieces.append(struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet)
                said[is_from_server] += len(piece)
                number += 1
    return b"".join(pieces)


def dissect(tshark: str, conversations: list[Conversation], folder: Path) -> dict[tuple[int, bool], Reading]:
    """By (place of the conversation, is_from_server)."""
    path = folder / "recorded.pcap"
    path.write_bytes(capture(conversations))
    command = [tshark, "-n", "-r", str(path), "-d", f"tcp.port=={PORT},smpp", "-o", TEXT_OF_0, "-T", "pdml"]
    ran = subprocess.run(command, capture_output=True, timeout=60, check=True)
    readings: dict[tuple[int, bool], Reading] = {}
    for packet in ET.fromstring(_NO_XML.sub("?", ran.stdout.decode("utf-8", "replace"))).iter("packet"):
        ports = {each.get("name"): int(each.get("show", "0")) for each in packet.iter("field") if _is_port(each)}
        is_from_server = ports["tcp.srcport"] == PORT
        place = (ports["tcp.dstport"] if is_from_server else ports["tcp.srcport"]) - FIRST_CLIENT_PORT
        _read(packet, readings.setdefault((place, is_from_server), Reading()))
    return readings


def _is_port(element: ET.Element) -> bool:
    return element.get("name") in ("tcp.srcport", "tcp.dstport")


def _read(packet: ET.Element, reading: Reading) -> None:
    for protocol in packet.findall("proto"):
        name = protocol.get("name", "")
        if name == "smpp":
            reading.pdus.append(_pdu(protocol))
        elif name.startswith("gsm_sms"):  # The user data header of the PDU before it.
            reading.pdus[-1].fields += [seen for child in protocol for seen in _flat(child)]
    for element in packet.iter():
        name = element.get("name", "")
        if name.startswith("_ws.") and not name.startswith("_ws.expert."):
            reading.complaints.append(f"{name}: {element.get('showname')}")


def _pdu(protocol: ET.Element) -> Dissected:
    found = Dissected()
    for element in protocol:
        if element.get("name") == "smpp.opt_params":
            found.tlvs += [_tlv(each) for each in element]
        else:
            found.fields += list(_flat(element))
    return found


def _tlv(element: ET.Element) -> Tlv:
    inside = [seen for child in element for seen in _flat(child)]
    by_name = {seen.name: seen for seen in inside}
    tag, size = by_name["smpp.opt_param_tag"], by_name["smpp.opt_param_len"]
    values = [seen for seen in inside if seen is not tag and seen is not size]
    return Tlv(int(tag.octets, 16), int(size.octets, 16), values)


def _flat(element: ET.Element) -> Iterator[Seen]:
    octets = element.get("unmaskedvalue") or element.get("value") or ""
    yield Seen(element.get("name", ""), octets, element.get("show", ""), int(element.get("pos", "0")))
    for child in element:
        yield from _flat(child)
