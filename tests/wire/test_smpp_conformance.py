"""What docs/smpp-conformance.md says of whole conversations, where no other test shows it."""

from pathlib import Path

from bridge.smpp import pdus
from bridge.smpp.constants import Status, Tag
from bridge.smpp.fields import DistributionList, SmeAddress
from tests.support import asyncio_test, eventually
from tests.wire.link_bench import bench
from tests.wire.raw_smsc import raw_smsc
from tests.wire.smpp_door import NUMBER, open_door, submit


@asyncio_test
async def test_what_a_bind_says_beside_name_and_password_changes_nothing(tmp_path: Path) -> None:
    """address_range above all: the session hears of numbers that are not in it."""
    said = {"system_type": "VMS", "addr_ton": 1, "addr_npi": 1, "address_range": "^46"}
    async with open_door(tmp_path) as door:
        esme = await door.bound(**said)
        message_id = (await esme.ask(submit(registered_delivery=1))).message_id
        await door.finish()
        (receipt,) = await eventually(esme.delivered)
        assert receipt.source_addr == NUMBER
        assert f"id:{message_id} ".encode() in receipt.short_message


@asyncio_test
async def test_what_needs_no_answer_from_an_esme_gets_none_and_disturbs_nothing(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.connect()
        esme.send(pdus.Outbind(system_id="demo"), pdus.AlertNotification())
        assert (await esme.ask(pdus.EnquireLink())).status == 0
        assert [pdu.COMMAND_ID.name for pdu, _ in esme.got] == ["ENQUIRE_LINK_RESP"]
        bound = await door.bound()
        bound.send(pdus.Outbind(system_id="demo"), pdus.AlertNotification())
        assert (await bound.ask(submit())).status == 0
        assert [pdu.COMMAND_ID.name for pdu, _ in bound.got] == ["BIND_TRANSCEIVER_RESP", "SUBMIT_SM_RESP"]


@asyncio_test
async def test_a_distribution_list_is_refused_by_its_own_code_alone_and_among_others(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        esme = await door.bound()
        alone = await esme.ask(pdus.SubmitMulti(dest_address=[DistributionList("on call")], short_message=b"hello"))
        assert (alone.status, alone.message_id) == (Status.RINVDLNAME, "")
        assert await door.house.messages() == []
        both = [DistributionList("on call"), SmeAddress(NUMBER, 1, 1)]
        mixed = await esme.ask(pdus.SubmitMulti(source_addr="Pumps", dest_address=both, short_message=b"hello"))
        assert mixed.status == 0
        assert [(one.destination_addr, one.error_status_code) for one in mixed.unsuccess_sme] == [
            ("on call", Status.RINVDLNAME)
        ]
        assert [message["recipient"] for message in await door.house.messages()] == [NUMBER]
        assert await door.house.balance_mc() == 99_000


@asyncio_test
async def test_a_carriers_data_sm_is_an_inbound_text(tmp_path: Path) -> None:
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        link = await b.bound(port=smsc.port)
        data = pdus.DataSm(source_addr=NUMBER, destination_addr="46701740699", tlvs={Tag.MESSAGE_PAYLOAD: b"Door 4"})
        smsc.receiving.deliver(data)  # type: ignore[arg-type]
        await eventually(lambda: smsc.answers)
        assert [status for _, status in smsc.answers] == [0]
        assert link.status()["inbound"] == 1
        await link.stop()


@asyncio_test
async def test_the_bind_of_a_link_says_what_its_settings_say(tmp_path: Path) -> None:
    async with raw_smsc() as smsc, bench(tmp_path) as b:
        plain = await b.bound(port=smsc.port)
        said = await b.bound(port=smsc.port, system_type="VMA", address_range="^46")
        binds = [(one.system_type, one.address_range, one.addr_ton, one.addr_npi) for one in smsc.binds]
        assert binds == [("", "", 0, 0), ("VMA", "^46", 0, 0)]
        assert {one.interface_version for one in smsc.binds} == {0x34}
        await plain.stop()
        await said.stop()
