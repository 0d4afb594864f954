"""All that our links can say to an SMSC, which is our simulator: parts in every form, questions, answers, goodbyes."""

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from bridge.ledger import worker
from bridge.messages.message import Coding
from bridge.messages.segment import segment
from bridge.messages.user_data import UserData
from bridge.simulator.sessions import CALM, Noise, Sessions
from bridge.smpp import pdus
from bridge.smpp.constants import MessageState, Status
from bridge.smpp_out import asker
from tests.peers.show import LONG, LONG_UCS2, VIRTUAL, Show, status_of
from tests.support import eventually
from tests.wire.link_bench import Bench, bench

GSM_TEXT = "Price: 5€ [net] @ Ålesund"
FORMS: dict[str, dict[str, Any]] = {
    "udh8": {},
    "udh16": {"long_form": "udh16", "validity": "relative", "sends_reference": True, "dest_ton": 0, "dest_npi": 0},
    "sar": {"long_form": "sar", "validity": "none", "wants_intermediate": True, "service_type": "VMA"},
    "payload": {"long_form": "payload", "bind": "pair", "system_type": "SMPP", "address_range": "467*"},
    "latin1": {
        "alphabet": "latin1",
        "data_coding_gsm7": 3,
        "data_coding_ucs2": 0x18,
        "data_coding_binary": 0xF5,
        "source_rules": [{"strip": "46", "prepend": "0046"}],
        "dest_rules": [{"strip": "", "prepend": "00"}],
    },
}


async def link_scene(show: Show, folder: Path) -> None:
    async with bench(folder) as b, AsyncExitStack() as stack:
        await b.ledger.do("number_add", number=VIRTUAL, account="demo", mail="a@example.com", now_ms=1)
        for name, settings in FORMS.items():
            about = f"link {name}"
            async with show.recorder.relay(b.smsc.port, client="link", server="simulator", about=about) as port:
                link = await b.bound(port=port, **settings)
                await link_sends(show, b, about, settings)
                await link.stop()
        about = "link noise"  # What the simulator says here is no SMPP, and not to be judged.
        async with show.recorder.relay(b.smsc.port, client="link", server="test", about=about) as port:
            link = await b.bound(port=port)
            b.smsc.script.sessions = Sessions(noise=(Noise.UNKNOWN_REQUEST,), noise_every=1)
            (message,) = await b.queue("447700900123")
            await b.reach([message], delivered=1)
            b.smsc.script.sessions = CALM
            await link.stop()
        show.means(about, pdus.GenericNack, command_status=status_of(Status.RINVCMDID), sequence_number=0x7000_0003)
        about = "link trouble"
        port = await stack.enter_async_context(
            show.recorder.relay(b.smsc.port, client="link", server="simulator", about=about)
        )
        await link_in_trouble(show, b, port, about)


async def link_sends(show: Show, b: Bench, about: str, settings: dict[str, Any]) -> None:
    """Long and short texts, binary content, flash and a header of the sender's own."""
    alphabet = settings.get("alphabet", "gsm")
    long_ones = [
        await b.queue("447700900123", texts=tuple(segment(LONG, Coding.GSM7))),
        await b.queue("447700900124", texts=tuple(segment(LONG_UCS2, Coding.UCS2)), coding=Coding.UCS2),
    ]
    body = bytes(range(100, 150))
    ports = b"\x06\x05\x04\x0b\x84\x23\xf0"
    short_ones = [
        await b.queue("447700900125", texts=(GSM_TEXT,)),
        await b.queue("447700900126", texts=("Łódź",), coding=Coding.UCS2, originator="46701740605"),
        await b.queue(
            "447700900127",
            texts=(body.hex().upper(),),
            coding=Coding.BINARY,
            originator="72323",
            user_data=UserData(ports, body, 4),
        ),
        await b.queue("447700900128", texts=("Now!",), user_data=UserData(data_coding=0x10)),
        await b.queue("447700900129", texts=("Part",), user_data=UserData(b"\x06\x08\x04\x12\x34\x03\x02")),
        await b.queue("447700900130", texts=("Instead",), user_data=UserData(protocol_id=0x41)),
    ]
    messages = [message for (message,) in long_ones + short_ones]
    await b.reach(messages, delivered=len(long_ones) * 2 + len(short_ones))
    expected = await b.smsc.send_inbound("447700900555", VIRTUAL, "Stop")
    assert expected == [0]
    prefix = "00" if "dest_rules" in settings else ""
    form = settings.get("long_form", "udh8")
    for recipient, coding in (("447700900123", "0x00"), ("447700900124", "0x08")):
        for number in (1, 2):
            shown: dict[str, Any] = {"destination_addr": prefix + recipient, "data_coding": coding}
            if alphabet != "gsm":
                shown["data_coding"] = "0x18" if coding == "0x08" else "0x03"
            if form == "sar":
                shown |= {"sar_total_segments": 2, "sar_segment_seqnum": number, "esm.submit.features": "0x00"}
            elif form == "payload":
                shown |= {"sm_length": 0, "message": None, "esm.submit.features": "0x01"}
            else:
                shown |= {"esm.submit.features": "0x01", "sar_msg_ref_num": None, "message_payload": None}
                shown |= {"gsm_sms.udh.mm.msg_parts": 2, "gsm_sms.udh.mm.msg_part": number}
            show.means(about, pdus.SubmitSm, **shown)
    show.means(
        about, pdus.SubmitSm, destination_addr=f"{prefix}447700900128", data_coding="0x10", message=b"Now!".hex(":")
    )
    show.means(about, pdus.SubmitSm, destination_addr=f"{prefix}447700900130", protocol_id="0x41")
    code = "0xf5" if "data_coding_binary" in settings else "0x04"
    binary = {"data_coding": code, "esm.submit.features": "0x01", "source_addr": "72323", "source_addr_ton": "0x03"}
    content = (ports + body).hex(":")
    place = {"message_payload": content} if form == "payload" else {"message": content}
    show.means(about, pdus.SubmitSm, destination_addr=f"{prefix}447700900127", **binary, **place)
    source = ("0046" if "source_rules" in settings else "46") + "701740605"
    ucs2 = {"message": "Łódź".encode("utf-16-be").hex(":"), "source_addr": source, "source_addr_ton": "0x01"}
    show.means(about, pdus.SubmitSm, destination_addr=f"{prefix}447700900126", **ucs2)
    text = {"message_text": GSM_TEXT} if alphabet == "gsm" else {}
    show.means(
        about,
        pdus.SubmitSm,
        destination_addr=f"{prefix}447700900125",
        source_addr="Shop",
        source_addr_ton="0x05",
        service_type=settings.get("service_type", "(Default)"),
        **{"regdel.receipt": "0x01", "regdel.notif": "0x01" if "wants_intermediate" in settings else "0x00"},
        **text,
    )
    show.means(about, pdus.DeliverSmResp, command_status=status_of(0))
    show.means(about, pdus.Unbind)
    show.means(about, pdus.UnbindResp, command_status=status_of(0))
    for kind in (pdus.BindTransmitter, pdus.BindReceiver) if settings.get("bind") else (pdus.BindTransceiver,):
        asked = {name: settings.get(name) for name in ("system_type", "address_range")}
        show.means(about, kind, system_id="simulator", password="simulate", interface_version=0x34, **asked)


async def link_in_trouble(show: Show, b: Bench, port: int, about: str) -> None:
    """A missing receipt that is asked for, a ledger that is full, a probe, requests nobody knows, and an unbind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asker, "LOOK_S", 0.02)
        link = await b.bound(port=port, query_after_s=3600, enquire_link_s=1)
        (message,) = await b.queue("447700901016")
        await b.reach([message], submitted=1)
        with sqlite3.connect(b.ledger.path, timeout=10) as connection:
            connection.execute("UPDATE part SET next_action_at_ms = 1 WHERE state = 'submitted'")
        connection.close()
        await b.reach([message], delivered=1)
        (smsc_id,) = [part["smsc_id"] for part in await b.parts(message)]
        show.means(about, pdus.QuerySm, message_id=smsc_id, source_addr="Shop")
        show.means(about, pdus.QuerySmResp, message_id=smsc_id, message_state=int(MessageState.DELIVERED))
        patch.setattr(worker, "QUEUE_MAX", 0)
        sending = b.smsc.send_inbound("447700900555", VIRTUAL, "Stop it")
        waiting = asyncio.ensure_future(sending)
        await eventually(lambda: any(status for _, status in b.smsc.answers))
    assert await waiting == [0]
    show.means(about, pdus.DeliverSmResp, command_status=status_of(Status.RX_T_APPN))
    show.means(about, pdus.EnquireLink)
    binds = b.smsc.counts.binds
    b.smsc.unbind_all()
    await eventually(lambda: b.smsc.counts.binds > binds and link.state == "bound")
    show.means(about, pdus.UnbindResp)
    await link.stop()
