"""All that our simulator can say as a test SMSC, to an ESME that tries all of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from bridge.runtime.loop import now_ms
from bridge.simulator.inbound import Burst, LongForm
from bridge.simulator.script import TABLE, Behaviour, Script
from bridge.simulator.sessions import Ending, Noise, Sessions
from bridge.smpp import pdus, times
from bridge.smpp.constants import MessageState, Status, Tag
from bridge.smpp.fields import DistributionList, SmeAddress
from bridge.smpp.session import Bound
from tests.peers.show import BINDS, LONG, LONG_UCS2, VERSIONS, VIRTUAL, Show, status_of
from tests.support import eventually
from tests.wire.simulator_bench import Esme, simulated


def is_whole(does: Behaviour) -> bool:
    """Whether all that it says is whole PDUs that belong somewhere."""
    return not (does.drops or does.is_silent or does.is_bodyless or does.answer_delay_ms)


async def simulator_scene(show: Show) -> None:
    await simulator_answers(show)
    await simulator_texts(show)
    await simulator_noise(show)


Connect = Callable[..., Any]


@asynccontextmanager
async def simulator(show: Show, about: str, script: Script | None = None) -> AsyncIterator[tuple[Any, Connect]]:
    """A simulator behind a relay, and a way to bind to it."""
    async with simulated(script) as smsc, AsyncExitStack() as stack:
        relay = show.recorder.relay(smsc.port, client="esme", server="simulator", about=about)
        port = await stack.enter_async_context(relay)

        async def connect(kind: type[pdus.Bind] = pdus.BindTransceiver, version: int = 0x34, **facts: Any) -> Esme:
            esme = Esme(*await asyncio.open_connection("127.0.0.1", port))
            stack.push_async_callback(esme.close)
            values = {"system_id": "simulator", "password": "simulate", "interface_version": version} | facts
            esme.send(kind(**values))
            await eventually(lambda: esme.events)
            return esme

        yield smsc, connect


async def simulator_answers(show: Show) -> None:
    about = "simulator"
    async with simulator(show, about) as (smsc, connect):
        for version in VERSIONS:
            for kind in BINDS:
                esme = await connect(kind, version)
                assert esme.of(Bound)
                esme.send(pdus.Unbind())
                await eventually(lambda: esme.is_gone)  # noqa: B023 - awaited here
                agreed = None if version < 0x34 else 0x34
                shown = {"system_id": "simulator", "SC_interface_version": agreed}
                show.means(about, pdus.RESPONSE_TO[kind.COMMAND_ID], **shown)
        for facts, status in (({"system_id": "nobody"}, Status.RINVSYSID), ({"password": "no"}, Status.RINVPASWD)):
            await connect(**facts)
            shown = {"command_status": status_of(status), "system_id": None}
            show.means(about, pdus.BindTransceiverResp, **shown)
        old = await connect(version=0x33)
        old.submit("447700901014")
        await eventually(lambda: len(old.deliveries) == 2)
        show.means(about, pdus.DeliverSm, source_addr="447700901014", receipted_message_id=None, message_state=None)
        await old.close()
        esme = await connect()
        await simulated_digits(show, esme, about)
        await simulated_statuses(show, smsc, esme, about)
        await simulated_operations(show, esme, about)


async def simulated_digits(show: Show, esme: Esme, about: str) -> None:
    """Every ending of a number that leaves the connection whole."""
    for digits, does in TABLE.items():
        if not is_whole(does):
            continue
        recipient = f"44770090{digits}"
        before = len(esme.deliveries)
        esme.submit(recipient, tlvs={Tag.USER_MESSAGE_REFERENCE: b"\x00\x07"})
        await eventually(lambda: recipient in esme.answers)  # noqa: B023 - awaited here
        answer: Any = esme.answers[recipient]
        if does.status or does.state is None:
            continue
        count = does.receipt_total * (1 + len(does.later_states))
        await eventually(lambda: len(esme.deliveries) >= before + count)  # noqa: B023 - awaited here
        if does.has_tlvs and not does.later_states:
            shown: dict[str, Any] = {"source_addr": recipient, "message_state": int(does.state)}
            shown |= {"user_message_reference": "0x0007"}
            if does.error != "000":
                shown |= {"network_error.type": 3, "network_error.code": f"0x{int(does.error):04x}"}
            show.means(about, pdus.DeliverSm, **shown)
        if not does.is_stray and answer.message_id:
            show.means(about, pdus.SubmitSmResp, message_id=answer.message_id)


async def simulated_statuses(show: Show, smsc: Any, esme: Esme, about: str) -> None:
    """Every command_status there is, in an answer and in a generic_nack."""
    behaviours = [Behaviour(status=status, is_nack=is_nack) for status in Status if status for is_nack in (False, True)]
    smsc.script.then(behaviours)
    for place in range(len(behaviours)):
        await eventually(lambda: esme.session.room)
        esme.submit("447700900100", ("status", place))
    await eventually(lambda: ("status", len(behaviours) - 1) in esme.answers)
    for does in behaviours:
        command = pdus.GenericNack if does.is_nack else pdus.SubmitSmResp
        show.means(about, command, command_status=status_of(does.status), message_id=None)


async def simulated_operations(show: Show, esme: Esme, about: str) -> None:
    async def ask(pdu: pdus.Pdu) -> Any:
        token = object()
        esme.send(pdu, token)
        await eventually(lambda: token in esme.answers)
        return esme.answers[token]

    some = [SmeAddress("447700900100", 1, 1), SmeAddress("447700901003", 1, 1)]
    multi = await ask(pdus.SubmitMulti(dest_address=some, short_message=b"hi"))
    failed = {"destination_addr": "447700901003", "error_status_code": status_of(Status.RINVDSTADR)}
    show.means(about, pdus.SubmitMultiResp, message_id=multi.message_id, **failed)
    lists = await ask(pdus.SubmitMulti(dest_address=[DistributionList("all")], short_message=b"hi"))
    assert lists.status == Status.RINVDLNAME
    show.means(about, pdus.SubmitMultiResp, command_status=status_of(Status.RINVDLNAME), message_id=None)
    data = await ask(pdus.DataSm(destination_addr="447700900100", tlvs={Tag.MESSAGE_PAYLOAD: b"hi"}))
    show.means(about, pdus.DataSmResp, message_id=data.message_id)
    due = times.format_absolute(now_ms() + 3_600_000)
    kept = await ask(
        pdus.SubmitSm(
            source_addr="Test",
            destination_addr="447700900100",
            schedule_delivery_time=due,
            registered_delivery=1,
            short_message=b"later",
        )
    )
    known = {"message_id": kept.message_id, "source_addr": "Test"}
    asked = await ask(pdus.QuerySm(**known))
    show.means(about, pdus.QuerySmResp, message_id=kept.message_id, message_state=asked.message_state)
    assert (await ask(pdus.ReplaceSm(**known, short_message=b"other"))).status == 0
    assert (await ask(pdus.CancelSm(**known))).status == 0
    asked = await ask(pdus.QuerySm(**known))
    assert asked.message_state == MessageState.DELETED
    show.means(about, pdus.QuerySmResp, message_id=kept.message_id, message_state=int(MessageState.DELETED))
    for request, status in (
        (pdus.QuerySm(message_id="none"), Status.RINVMSGID),
        (pdus.QuerySm(message_id=kept.message_id), Status.RQUERYFAIL),
        (pdus.CancelSm(**known), Status.RCANCELFAIL),
        (pdus.ReplaceSm(**known), Status.RREPLACEFAIL),
    ):
        assert (await ask(request)).status == status
        show.means(about, pdus.RESPONSE_TO[request.COMMAND_ID], command_status=status_of(status), message_id=None)


async def simulator_texts(show: Show) -> None:
    """Texts from handsets, long ones in every form."""
    bursts = tuple(
        Burst(f"4670{place}{kind}", VIRTUAL, text, form=form)
        for place, form in enumerate(LongForm)
        for kind, text in enumerate((LONG, LONG_UCS2, "Stop"))
    )
    about = "simulator texts"
    async with simulator(show, about, Script(inbound=bursts)) as (_, connect):
        esme = await connect()
        await eventually(lambda: len(esme.deliveries) == 3 * (2 + 2 + 1) + 3)
    for place, form in enumerate(LongForm):
        show.means(about, pdus.DeliverSm, source_addr=f"4670{place}2", message_text="Stop")
        if form is LongForm.PAYLOAD:
            octets = LONG_UCS2.encode("utf-16-be").hex(":")
            show.means(about, pdus.DeliverSm, source_addr=f"4670{place}1", message_payload=octets)
            continue
        for number in (1, 2):
            shown: dict[str, Any] = {"esm.submit.features": "0x01", "gsm_sms.udh.mm.msg_part": number}
            if form is LongForm.SAR:
                shown = {"sar_total_segments": 2, "sar_segment_seqnum": number, "esm.submit.features": "0x00"}
            show.means(about, pdus.DeliverSm, source_addr=f"4670{place}0", **shown)


async def simulator_noise(show: Show) -> None:
    """What nobody asked for, and a goodbye."""
    noise = (Noise.ALERT_NOTIFICATION, Noise.OUTBIND, Noise.BIND_RESP, Noise.GENERIC_NACK, Noise.SUBMIT_RESP)
    sessions = Sessions(noise=noise, noise_every=1, lasts_s=0.5, ends_by=Ending.UNBIND)
    about = "simulator noise"
    async with simulator(show, about, Script(sessions=sessions)) as (_, connect):
        esme = await connect()
        for place in range(len(noise)):
            esme.submit("447700900100", place)
        await eventually(lambda: len(esme.answers) == len(noise))
        await eventually(lambda: esme.is_gone)
    show.means(about, pdus.AlertNotification, source_addr="46701740605", esme_addr="46701740699")
    show.means(about, pdus.Outbind, system_id="simulator", password="simulate")
    show.means(about, pdus.GenericNack, command_status=status_of(Status.RINVCMDLEN))
    show.means(about, pdus.Unbind)
