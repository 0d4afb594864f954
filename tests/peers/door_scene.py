"""All that our door can say to ESMEs: to each version, to good requests and bad ones, when things are well and not."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.ledger import sqlite, worker
from bridge.messages.inbound import InboundPart
from bridge.messages.message import PartState
from bridge.messages.receipt import Receipt
from bridge.routing.routes import RouteTable
from bridge.runtime.loop import now_ms
from bridge.smpp import pdus, times
from bridge.smpp.codec import encode
from bridge.smpp.constants import MessageState, Status, Tag
from bridge.smpp.fields import DistributionList, SmeAddress
from tests.house import LINK
from tests.peers.show import BINDS, LONG, LONG_UCS2, VERSIONS, VIRTUAL, Show, status_of
from tests.support import eventually
from tests.wire.smpp_door import NUMBER, OTHER, Door, Esme, bind, open_door, submit

ID_FORMS = {0x33: "hex", 0x34: "decimal", 0x50: "hex_decimal"}
STATES = {
    PartState.DELIVERED: ("DELIVRD", MessageState.DELIVERED),
    PartState.UNDELIVERABLE: ("UNDELIV", MessageState.UNDELIVERABLE),
    PartState.EXPIRED: ("EXPIRED", MessageState.EXPIRED),
    PartState.DELETED: ("DELETED", MessageState.DELETED),
    PartState.REJECTED: ("REJECTD", MessageState.REJECTED),
    PartState.UNKNOWN: ("UNKNOWN", MessageState.UNKNOWN),
}


async def door_scene(show: Show, folder: Path) -> None:
    async with AsyncExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(sqlite, "BUSY_TIMEOUT_S", 0.1)
        door = await stack.enter_async_context(open_door(folder))
        await give_number(door)
        ports = {
            version: await stack.enter_async_context(
                show.recorder.relay(door.port, client="test", server="door", about=f"door {name}")
            )
            for version, name in VERSIONS.items()
        }
        for version, port in ports.items():
            await door_in_version(show, door, port, version)
        await refusals(show, door, ports[0x34])
        await refusals_by_our_state(show, door, ports[0x34])
        await offences(show, door, ports[0x34])
        version_5 = await bound(door, ports[0x50], 0x50)
        assert (await version_5.ask(submit(data_coding=0x0B))).status == Status.RINVDCS
        await door.close()
    await probe_and_goodbye(show, folder)


async def probe_and_goodbye(show: Show, folder: Path) -> None:
    """What a door that was opened again asks by itself."""
    about = "door again"
    async with open_door(folder, account=False, enquire_link_s=1) as door:
        relay = show.recorder.relay(door.port, client="test", server="door", about=about)
        async with relay as port:
            idle = await bound(door, port)
            await eventually(lambda: any(isinstance(pdu, pdus.EnquireLink) for pdu, _ in idle.got))
            await door.smpp.stop()
            await idle.closed()
            await door.close()
    for request in (pdus.EnquireLink, pdus.Unbind):
        show.means(about, request)


async def bound(door: Door, port: int, version: int = 0x34, kind: type[pdus.Bind] = pdus.BindTransceiver) -> Esme:
    esme = await door.connect(port=port)
    assert (await esme.ask(bind(kind, interface_version=version))).status == 0
    return esme


async def account_set(door: Door, **facts: Any) -> None:
    await door.house.ledger.do("account_set", name="demo", facts=facts)
    door.house.gatekeeper.forget()
    await eventually(lambda: door.smpp._looking is None)


async def give_number(door: Door) -> None:
    values = {"number": VIRTUAL, "account": "demo", "mail": "", "is_for_esme": True}
    await door.house.ledger.do("number_add", **values, now_ms=now_ms())


async def door_in_version(show: Show, door: Door, port: int, version: int) -> None:
    """All that a peer of this version hears while nothing is wrong."""
    about = f"door {VERSIONS[version]}"
    agreed = None if version < 0x34 else str(version)
    for kind in BINDS:
        esme = await door.connect(port=port)
        await esme.ask(pdus.EnquireLink())
        await esme.ask(bind(kind, interface_version=version))
        show.means(about, pdus.RESPONSE_TO[kind.COMMAND_ID], system_id="smsbridge", SC_interface_version=agreed)
        assert (await esme.ask(bind(kind, interface_version=version))).status == Status.RALYBND
        show.means(about, pdus.RESPONSE_TO[kind.COMMAND_ID], command_status=status_of(Status.RALYBND))
        if kind is pdus.BindTransceiver:
            await account_set(door, smpp_id_form=ID_FORMS[version])
            await receipts(show, door, esme, about, version)
            await inbound(show, door, esme, about, version)
            await other_requests(show, door, esme, about, version)
        await esme.ask(pdus.Unbind())
        await esme.closed()
    show.means(about, pdus.EnquireLinkResp, command_status=status_of(0))
    show.means(about, pdus.UnbindResp, command_status=status_of(0))


async def receipts(show: Show, door: Door, esme: Esme, about: str, version: int) -> None:
    for place, (state, (stat, number)) in enumerate(STATES.items()):
        error = "000" if state is PartState.DELIVERED else "034"
        text = f"Pump {place} stopped"
        facts = {"registered_delivery": 0x11, "service_type": "bill1", "source_addr_ton": 5}
        response = await esme.ask(submit(text, **facts, tlvs={Tag.USER_MESSAGE_REFERENCE: b"\x12\x34"}))
        show.means(about, pdus.SubmitSmResp, command_status=status_of(0), message_id=response.message_id)
        (part,) = await door.submit_up()
        for count, step in enumerate((None, state), 2 * place + 1):
            receipt = Receipt(str(1000 + part.part_id), step, error if step else "000", now_ms(), NUMBER)
            await door.house.ledger.receive(LINK, [receipt], now_ms())
            await eventually(lambda: len(esme.delivered()) == count)  # noqa: B023 - awaited here
        for pdu, esm, code, what in (
            (esme.delivered()[-2], "0x08", "000", (MessageState.ENROUTE, "ENROUTE")),
            (esme.delivered()[-1], "0x01", error, (number, stat)),
        ):
            told = pdu.short_message.decode()
            message_id = receipt_id(response.message_id, version)
            arrived = "001" if what[1] == "DELIVRD" else "000"
            assert told.startswith(f"id:{message_id} sub:001 dlvrd:{arrived} submit date:")
            assert told.endswith(f" stat:{what[1]} err:{code} text:{text}")
            tlvs: dict[str, Any] = {
                "receipted_message_id": message_id,
                "message_state": int(what[0]),
                "user_message_reference": "0x1234",
                "network_error.code": "0x0022" if code != "000" else None,
                "network_error.type": 3 if code != "000" else None,
            }
            if version < 0x34:
                tlvs = dict.fromkeys(tlvs)
            show.means(
                about,
                pdus.DeliverSm,
                **{"esm.submit.msg_type": esm},
                source_addr=NUMBER,
                destination_addr="Pumps",
                dest_addr_ton="0x05",
                service_type="bill1",
                message_text=told,
                **tlvs,
            )


def receipt_id(answered: str, version: int) -> str:
    """How the id that was answered is spelled in receipts."""
    return f"{int(answered, 16):010d}" if ID_FORMS[version] == "hex_decimal" else answered


async def inbound(show: Show, door: Door, esme: Esme, about: str, version: int) -> None:
    """Short and long texts in both alphabets; long ones whole and in parts."""

    async def write_in(text: str, count: int) -> list[pdus.DeliverSm]:
        before = len(esme.delivered())
        await door.house.ledger.receive(LINK, [InboundPart(NUMBER, VIRTUAL, text)], now_ms())
        await eventually(lambda: len(esme.delivered()) == before + count)
        return esme.delivered()[before:]

    for text, coding in (("Stop the pump", "0x00"), ("Łódź 世界", "0x08")):
        await write_in(text, 1)
        show.means(about, pdus.DeliverSm, source_addr=NUMBER, message_text=text, data_coding=coding)
    for form in ("payload", "parts"):
        await account_set(door, smpp_long_inbound=form)
        for text, coding, octets in (
            (LONG, "0x00", None),
            (LONG_UCS2, "0x08", LONG_UCS2.encode("utf-16-be")),
        ):
            is_whole = form == "payload" and version >= 0x34
            parts = await write_in(text, 1 if is_whole else 2)
            if is_whole:
                payload = parts[0].tlvs[Tag.MESSAGE_PAYLOAD]
                assert octets is None or payload == octets
                show.means(about, pdus.DeliverSm, message_payload=payload.hex(":"), data_coding=coding, sm_length=0)
                continue
            for number, part in enumerate(parts, 1):
                assert part.short_message[:2] == b"\5\0"
                assert part.short_message[4:6] == bytes((2, number))
                show.means(
                    about,
                    pdus.DeliverSm,
                    message=part.short_message.hex(":"),
                    data_coding=coding,
                    **{"esm.submit.features": "0x01", "gsm_sms.udh.mm.msg_parts": 2, "gsm_sms.udh.mm.msg_part": number},
                )


async def other_requests(show: Show, door: Door, esme: Esme, about: str, version: int) -> None:
    some = [SmeAddress("bob", 2, 8), SmeAddress(NUMBER, 1, 1), DistributionList("all"), SmeAddress(OTHER)]
    multi = await esme.ask(pdus.SubmitMulti(source_addr="Pumps", dest_address=some, short_message=b"hello"))
    failed = {"destination_addr": "bob", "error_status_code": status_of(Status.RINVDSTADR)}
    show.means(about, pdus.SubmitMultiResp, message_id=multi.message_id, **failed)
    payload = {Tag.MESSAGE_PAYLOAD: b"hello"}
    data = await esme.ask(pdus.DataSm(source_addr="Pumps", destination_addr=NUMBER, tlvs=payload))
    show.means(about, pdus.DataSmResp, message_id=data.message_id)
    due = times.format_absolute(now_ms() + 3_600_000)
    later = (await esme.ask(submit("later", schedule_delivery_time=due))).message_id
    known = {"message_id": later, "source_addr": "Pumps"}
    asked = await esme.ask(pdus.QuerySm(**known))
    assert asked.message_state == (MessageState.SCHEDULED if version >= 0x50 else MessageState.ENROUTE)
    show.means(about, pdus.QuerySmResp, message_id=later, message_state=asked.message_state, error_code=0)
    assert (await esme.ask(pdus.ReplaceSm(**known, short_message=b"other"))).status == 0
    assert (await esme.ask(pdus.CancelSm(**known, destination_addr=NUMBER))).status == 0
    for response in (pdus.ReplaceSmResp, pdus.CancelSmResp):
        show.means(about, response, command_status=status_of(0))
    asked = await esme.ask(pdus.QuerySm(**known))
    assert asked.message_state == MessageState.DELETED
    show.means(about, pdus.QuerySmResp, message_id=later, message_state=asked.message_state)
    for request, response, status in (
        (pdus.QuerySm, pdus.QuerySmResp, Status.RQUERYFAIL),
        (pdus.CancelSm, pdus.CancelSmResp, Status.RCANCELFAIL),
        (pdus.ReplaceSm, pdus.ReplaceSmResp, Status.RREPLACEFAIL),
    ):
        assert (await esme.ask(request(**known | {"source_addr": "Doors"}))).status == status
        show.means(about, response, command_status=status_of(status), message_id=None)
    await door.finish()  # So that nothing of this is claimed by the next.


REFUSED: list[tuple[dict[str, Any], Status]] = [
    ({"destination_addr": "123"}, Status.RINVDSTADR),
    ({"source_addr": "much too long name"}, Status.RINVSRCADR),
    ({"short_message": b""}, Status.RINVMSGLEN),
    ({"short_message": b"\x50abc", "esm_class": 0x40}, Status.RINVESMCLASS),
    ({"data_coding": 0x0B}, Status.RSUBMITFAIL),
    ({"priority_flag": 4}, Status.RINVPRTFLG),
    ({"schedule_delivery_time": "tomorrow"}, Status.RINVSCHED),
    ({"validity_period": "1"}, Status.RINVEXPIRY),
    ({"sm_default_msg_id": 3}, Status.RINVDFTMSGID),
    ({"replace_if_present_flag": 2}, Status.RINVREPFLAG),
    ({"source_addr_ton": 7}, Status.RINVSRCTON),
    ({"source_addr_npi": 19}, Status.RINVSRCNPI),
    ({"dest_addr_ton": 7}, Status.RINVDSTTON),
    ({"dest_addr_npi": 19}, Status.RINVDSTNPI),
    ({"tlvs": {Tag.USSD_SERVICE_OP: b"\1"}}, Status.ROPTPARNOTALLWD),
    ({"tlvs": {Tag.SAR_MSG_REF_NUM: b"\0\1"}}, Status.RMISSINGOPTPARAM),
    (
        {"tlvs": {Tag.SAR_MSG_REF_NUM: b"\0\1", Tag.SAR_TOTAL_SEGMENTS: b"\2", Tag.SAR_SEGMENT_SEQNUM: b"\3"}},
        Status.RINVOPTPARAMVAL,
    ),
]
"""submit_sm that can be written and is no good."""

_GOOD = encode(submit(), 1)
_PLAIN_MULTI = encode(pdus.SubmitMulti(dest_address=[SmeAddress(NUMBER)], short_message=b"hi"), 1)
_COUNT_AT = 16 + 1 + 2 + 1
"""Where number_of_dests is when service_type and source_addr are empty."""

UNWRITABLE: list[tuple[bytes, Status]] = [
    (_GOOD[:16] + b"TOOLONG\0" + _GOOD[17:], Status.RINVSERTYP),
    (_GOOD + b"\2\4", Status.RINVOPTPARSTREAM),
    (_GOOD + b"\2\4\0\1\0", Status.RINVPARLEN),
    (_PLAIN_MULTI[:_COUNT_AT] + b"\0" + _PLAIN_MULTI[_COUNT_AT + 1 :], Status.RINVNUMDESTS),
    (_PLAIN_MULTI[: _COUNT_AT + 1] + b"\3" + _PLAIN_MULTI[_COUNT_AT + 2 :], Status.RINVDESTFLAG),
    (encode(pdus.QuerySm(), 1)[:16] + b"x" * 80 + b"\0\0\0\0", Status.RINVMSGID),
    ((b"\0" * 4) + (0x0111).to_bytes(4, "big") + b"\0" * 8, Status.RINVCMDID),
]
"""Octets that our codec would not write."""


def renumbered(octets: bytes, sequence: int) -> bytes:
    """The frame with its own length and this sequence_number."""
    return len(octets).to_bytes(4, "big") + octets[4:12] + sequence.to_bytes(4, "big") + octets[16:]


async def refusals(show: Show, door: Door, port: int) -> None:
    """What is refused because of what was asked."""
    esme = await bound(door, port)
    for facts, status in REFUSED:
        assert (await esme.ask(submit(**facts))).status == status
        show.means("door 3.4", pdus.SubmitSmResp, command_status=status_of(status), message_id=None)
    for place, (octets, status) in enumerate(UNWRITABLE):
        esme.writer.write(renumbered(octets, 9000 + place))
        assert (await esme.answer(9000 + place)).status == status
    only_a_list = pdus.SubmitMulti(dest_address=[DistributionList("all")], short_message=b"hi")
    assert (await esme.ask(only_a_list)).status == Status.RINVDLNAME
    receiver = await bound(door, port, kind=pdus.BindReceiver)
    for request in (submit(), pdus.DataSm(), pdus.QuerySm(), pdus.CancelSm(), pdus.ReplaceSm()):
        assert (await receiver.ask(request)).status == Status.RINVBNDSTS
        show.means("door 3.4", pdus.RESPONSE_TO[request.COMMAND_ID], command_status=status_of(Status.RINVBNDSTS))


@asynccontextmanager
async def locked(door: Door) -> AsyncIterator[None]:
    """Somebody else holds the ledger: nothing can be committed."""
    other = sqlite3.connect(door.house.ledger.path)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


async def refusals_by_our_state(show: Show, door: Door, port: int) -> None:
    """What is refused because of how things stand with us."""
    esme = await bound(door, port)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "QUEUE_MAX", 0)
        assert (await esme.ask(submit("full"))).status == Status.RMSGQFUL
    async with locked(door):
        for request in (submit("locked"), pdus.CancelSm(destination_addr=NUMBER)):
            assert (await esme.ask(request)).status == Status.RSYSERR
    await account_set(door, smpp_parts_per_second=1.0)
    answers = await esme.ask_all(submit("one"), submit("two"))
    assert [answer.status for answer in answers] == [0, Status.RTHROTTLED]
    await account_set(door, smpp_parts_per_second=1000.0)
    tables = door.house.door.tables
    door.house.door.tables = type(tables)(tables.tariff, RouteTable([]))
    assert (await esme.ask(submit("nowhere"))).status == Status.RINVDSTADR
    door.house.door.tables = tables
    for status in (Status.RMSGQFUL, Status.RSYSERR, Status.RTHROTTLED, Status.RINVDSTADR):
        show.means("door 3.4", pdus.SubmitSmResp, command_status=status_of(status), message_id=None)


async def offences(show: Show, door: Door, port: int) -> None:
    """Binds that are refused, and lengths that end the connection."""
    house = door.house
    unbound = await door.connect(port=port)
    assert (await unbound.ask(submit())).status == Status.RINVBNDSTS
    assert (await unbound.ask(bind(password="wrong"))).status == Status.RINVPASWD
    good = encode(bind(), 1)
    names_at = 16
    for octets, status in (
        (good[:names_at] + b"x" * 80 + b"\0" + good[names_at + 5 :], Status.RINVSYSID),
        (good[: names_at + 5] + b"x" * 80 + b"\0" + good[names_at + 14 :], Status.RINVPASWD),
        (good[: names_at + 14] + b"x" * 20 + b"\0" + good[names_at + 15 :], Status.RINVSYSTYP),
        (good[:-1] + b"1" * 50 + b"\0", Status.RBINDFAIL),
    ):
        esme = await door.connect(port=port)
        esme.writer.write(renumbered(octets, 5))
        assert (await esme.answer(5)).status == status
    await house.ledger.do("account_set_disabled", name="demo", is_disabled=True)
    house.gatekeeper.forget()
    esme = await door.connect(port=port)
    for kind in BINDS:
        assert (await esme.ask(bind(kind))).status == Status.RBINDFAIL
        shown = {"command_status": status_of(Status.RBINDFAIL), "system_id": None}
        show.means("door 3.4", pdus.RESPONSE_TO[kind.COMMAND_ID], **shown)
        esme = await door.connect(port=port)
    await house.ledger.do("account_set_disabled", name="demo", is_disabled=False)
    house.gatekeeper.forget()
    for length in (15, 70_001):
        esme = await door.connect(port=port)
        esme.writer.write(length.to_bytes(4, "big") + bytes(12))
        await esme.closed()
    short = await bound(door, port)
    short.writer.write(renumbered(encode(pdus.QuerySm(message_id="1"), 1)[:-3], 77))
    await short.closed()
    shown = {"command_status": status_of(Status.RINVCMDLEN), "sequence_number": 0}
    show.means("door 3.4", pdus.GenericNack, **shown)
    show.means("door 3.4", pdus.GenericNack, command_status=status_of(Status.RINVCMDID))
