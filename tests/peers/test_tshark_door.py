"""Wireshark reads all that our door, our links and our simulator say: real octets from real sockets, one capture file.

Every PDU that one of ours said must be dissected without a complaint, and every field and TLV must be what our own
codec finds there. Beside that, the scenes say in the dissector's words what was meant.
"""

import ast
import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

import bridge
from bridge.smpp import pdus
from bridge.smpp.codec import decode
from bridge.smpp.constants import Status
from bridge.smpp.fields import CString, Field, Octet, ShortMessage, SmeAddress
from tests.peers.door_scene import door_scene
from tests.peers.link_scene import link_scene
from tests.peers.recorder import Conversation
from tests.peers.show import Meant, Show
from tests.peers.simulator_scene import simulator_scene
from tests.peers.wireshark import Dissected, Reading, Seen, dissect
from tests.support import need_program

pytestmark = pytest.mark.peer("tshark")

HEADER_SIZE = 16
EMPTY_STRING = "00"
APPLIANCE = ("door", "link", "simulator")
OURS = (*APPLIANCE, "esme")
"""Whose words are judged: the ESME at the simulator is no part of the appliance, but our codec writes for it."""

NEVER_SAID: dict[type[pdus.Pdu], str] = {
    pdus.SubmitMulti: "links send every part by itself",
    pdus.DataSm: "submit_sm and deliver_sm say all we have to say",
    pdus.CancelSm: "what a carrier has is not taken back",
    pdus.ReplaceSm: "what a carrier has is not replaced",
}
"""Requests that are read and never written; everything else in bridge.smpp.pdus must be in the capture."""

STATUSES_NOT_SAID_BY_THE_DOOR = {
    Status.RX_T_APPN: "said by links, to an SMSC",
    Status.RUNKNOWNERR: "our word for an answer that is no yes; it stays inside",
}


@dataclass(slots=True)
class Said:
    """One PDU of ours, and what the dissector made of it."""

    about: str
    who: str
    frame: bytes
    pdu: pdus.Pdu
    sequence: int
    dissected: Dissected


@dataclass(slots=True)
class Heard:
    """The whole capture."""

    show: Show
    readings: dict[tuple[int, bool], Reading]

    def sides(self) -> Iterator[tuple[Conversation, bool, Reading]]:
        """Every side of a conversation that was one of ours."""
        for place, conversation in enumerate(self.show.conversations):
            for is_from_server in (False, True):
                who = conversation.server if is_from_server else conversation.client
                if who in OURS and conversation.frames(is_from_server=is_from_server):
                    yield conversation, is_from_server, self.readings[place, is_from_server]

    def said(self) -> Iterator[Said]:
        for conversation, is_from_server, reading in self.sides():
            who = conversation.server if is_from_server else conversation.client
            frames = conversation.frames(is_from_server=is_from_server)
            for frame, dissected in zip(frames, reading.pdus, strict=True):
                if is_a_pdu(frame):
                    yield Said(conversation.about, who, frame, *decode(frame), dissected)


def is_a_pdu(frame: bytes) -> bool:
    """The simulator's noise has requests that do not exist."""
    return int.from_bytes(frame[4:8], "big") in pdus.BY_COMMAND_ID


@pytest.fixture(scope="module")
def tshark() -> str:
    """Before anything is played: where there is none, nobody waits for it."""
    return need_program("tshark", "apt-get install tshark")


@pytest_twisted.async_fixture(scope="module")
async def heard(tshark: str, tmp_path_factory: pytest.TempPathFactory) -> Heard:
    from twisted.internet import reactor

    folder = tmp_path_factory.mktemp("capture")
    loop = reactor._asyncioEventloop  # type: ignore[attr-defined]
    show = await Deferred.fromFuture(loop.create_task(play(folder)))
    return Heard(show, dissect(tshark, show.conversations, folder))


async def play(folder: Path) -> Show:
    """All scenes, in folders of their own."""
    show = Show()
    for name in ("door", "link"):
        (folder / name).mkdir()
    await door_scene(show, folder / "door")
    await asyncio.gather(link_scene(show, folder / "link"), simulator_scene(show))
    return show


def test_every_frame_is_dissected_without_a_complaint(heard: Heard) -> None:
    count = 0
    for conversation, is_from_server, reading in heard.sides():
        frames = conversation.frames(is_from_server=is_from_server)
        assert len(reading.pdus) == len(frames), conversation.about
        assert reading.complaints == [], conversation.about
        whole = sum(len(frame) for frame in frames)
        assert whole == sum(len(c.octets) for c in conversation.chunks if c.is_from_server == is_from_server)
        count += len(frames)
    assert count > 500


def test_it_does_complain(heard: Heard) -> None:
    """So that the test above can fail: what the ESME of the test sent on purpose is found broken."""
    complaints = [
        complaint
        for place, conversation in enumerate(heard.show.conversations)
        if conversation.client == "test" and (place, False) in heard.readings
        for complaint in heard.readings[place, False].complaints
    ]
    assert any("Malformed" in complaint for complaint in complaints)


def test_every_field_is_what_our_codec_reads_there(heard: Heard) -> None:
    for said in heard.said():
        expected = list(fields_of(said))
        found = [(name, octets_of(said.dissected, name, place)) for name, place in places(expected)]
        for (name, octets), (_, wanted) in zip(found, expected, strict=True):
            # An empty string is not shown everywhere; what is behind it would be wrong if it were not there.
            assert octets == wanted or (octets, wanted) == ("", EMPTY_STRING), f"{name}, {said.about}: {said.pdu}"
        tlvs = {tlv.tag: joined(tlv.fields, tlv.size) for tlv in said.dissected.tlvs}
        assert tlvs == {tag: value.hex() for tag, value in said.pdu.tlvs.items()}, f"{said.about}: {said.pdu}"


def fields_of(said: Said) -> Iterator[tuple[str, str]]:
    """Every field with its octets in hex, under the name that the dissector has for it."""
    pdu = said.pdu
    yield "command_length", len(said.frame).to_bytes(4, "big").hex()
    yield "command_id", pdu.COMMAND_ID.to_bytes(4, "big").hex()
    if pdu.is_response():  # Of a request it is not shown.
        yield "command_status", pdu.status.to_bytes(4, "big").hex()
    yield "sequence_number", said.sequence.to_bytes(4, "big").hex()
    if len(said.frame) > HEADER_SIZE:
        for field in pdu.FIELDS:
            yield from octets_by_name(field, getattr(pdu, field.name))


BIT_FIELDS = {"esm_class": "esm.submit.features", "registered_delivery": "regdel.receipt"}
TIMES = ("schedule_delivery_time", "validity_period", "final_date")


def octets_by_name(field: Field, value: Any) -> Iterator[tuple[str, str]]:
    match field:
        case Octet(name):
            yield BIT_FIELDS.get(name, name), f"{value:02x}"
        case CString(name):
            is_relative = name in TIMES and not (value and value[-1] in "+-")
            yield f"{name}_r" if is_relative else name, value.encode("latin-1").hex() + "00"
        case ShortMessage():
            yield "sm_length", f"{len(value):02x}"
            yield "message", value.hex()
        case _ if field.name == "dest_address":
            for entry in value:
                name = "destination_addr" if isinstance(entry, SmeAddress) else "dl_name"
                yield name, getattr(entry, name).encode("latin-1").hex() + "00"
        case _:
            assert field.name == "unsuccess_sme"
            for failed in value:
                yield "destination_addr", failed.destination_addr.encode("latin-1").hex() + "00"
                yield "error_status_code", failed.error_status_code.to_bytes(4, "big").hex()


def places(expected: list[tuple[str, str]]) -> Iterator[tuple[str, int]]:
    """Each name, and how often it was there before."""
    before: Counter[str] = Counter()
    for name, _ in expected:
        yield name, before[name]
        before[name] += 1


def octets_of(dissected: Dissected, name: str, place: int) -> str:
    """The octets of the field that is the `place`-th of its name; empty for none, as for a text without any."""
    found = dissected.get(name)
    return found[place].octets if place < len(found) else ""


def joined(fields: list[Seen], size: int) -> str:
    """The octets of a TLV, which may be shown in several fields."""
    whole = next((seen.octets for seen in fields if len(seen.octets) == 2 * size), None)
    return whole if whole is not None else "".join(seen.octets for seen in sorted(fields, key=lambda seen: seen.at))


def test_it_says_what_was_meant(heard: Heard) -> None:
    by_kind: dict[tuple[str, type[pdus.Pdu]], list[Dissected]] = {}
    for said in heard.said():
        by_kind.setdefault((said.about, type(said.pdu)), []).append(said.dissected)
    missing = [
        meant for meant in heard.show.meant if not any(map(fits(meant), by_kind.get((meant.about, meant.command), [])))
    ]
    assert not missing
    assert len(heard.show.meant) > 250


def fits(meant: Meant) -> Callable[[Dissected], bool]:
    def does(dissected: Dissected) -> bool:
        for name, value in meant.shown.items():
            shown = [seen.shown for seen in dissected.get(name)]
            if shown if value is None else value not in shown:
                return False
        return True

    return does


def test_nothing_that_we_can_say_is_missing(heard: Heard) -> None:
    assert {type(one.pdu) for one in heard.said()} == set(pdus.ALL)
    said = {type(one.pdu) for one in heard.said() if one.who in APPLIANCE}
    assert said == set(pdus.ALL) - NEVER_SAID.keys()
    assert not made_in_bridge() & {pdu.__name__ for pdu in NEVER_SAID}, "it can be said after all"


def made_in_bridge() -> set[str]:
    """Names of everything that is made by a call anywhere in the appliance."""
    made = set()
    for path in Path(bridge.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                function = node.func
                made.add(function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", ""))
    return made


def test_no_refusal_is_missing(heard: Heard) -> None:
    """The door has said every command_status that its code names, and the simulator every one there is."""
    said = Counter((one.who, one.pdu.status) for one in heard.said())
    assert not [status.name for status in Status if not said["simulator", status]]
    named = {Status[name] for room in ("smpp_in", "smpp") for name in statuses_named_in(room)}
    assert STATUSES_NOT_SAID_BY_THE_DOOR.keys() < named
    missing = [status.name for status in named - STATUSES_NOT_SAID_BY_THE_DOOR.keys() if not said["door", status]]
    assert not missing
    assert said["link", Status.RX_T_APPN]


def statuses_named_in(room: str) -> Iterator[str]:
    for path in (Path(bridge.__file__).parent / room).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_status = (
                isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Status"
            )
            if is_status and node.attr in Status.__members__:
                yield node.attr
