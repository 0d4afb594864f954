"""What a sender says of times and originators, through the HTTP and the SMPP door."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bridge.messages.faults import FaultCode
from bridge.messages.hours import Hours
from bridge.routing.hours import DestinationHours, HoursRow
from bridge.routing.originators import OriginatorKind, OriginatorRule, OriginatorTable
from bridge.runtime.loop import now_ms
from bridge.smpp import times
from bridge.smpp.constants import Status
from tests.support import asyncio_test
from tests.wire.http_door import GOOD, open_door
from tests.wire.smpp_door import open_door as open_smpp_door
from tests.wire.smpp_door import submit
from tests.wire.test_smtp_in import TO, open_setup

HOUR_MS = 3_600_000
POOL = ("46701740690", "46701740691")


def shut_hours() -> Hours:
    """Hours that are not open now, nor for some hours yet."""
    opens = datetime.now(UTC) + timedelta(hours=6)
    return Hours.parse(f"{opens:%H}:00-{opens:%H}:30 UTC")


@asyncio_test
async def test_a_get_says_when_and_for_how_long(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await door.house.ledger.do("account_set", name="demo", facts={"time_zone": "Europe/Stockholm"})
        day = datetime.now(UTC) + timedelta(days=3)
        due_at_ms = (
            int(datetime(day.year, day.month, day.day, 8, tzinfo=ZoneInfo("Europe/Stockholm")).timestamp()) * 1000
        )
        got = await door.get(at=f"{day:%Y-%m-%d}T08:00", worthless_after="4h", validity="2h", queue_age="30m")
        assert got.status == 200, got.body
        message = await door.show(got.body.split()[1])
        assert (message["state"], message["next_action_at_ms"]) == ("scheduled", due_at_ms)
        assert message["worthless_at_ms"] == due_at_ms + 4 * HOUR_MS
        assert (message["validity_ms"], message["expires_at_ms"]) == (2 * HOUR_MS, due_at_ms + HOUR_MS // 2)
        in_a_while = await door.get(GOOD | {"in": "15m", "text": "later"})
        message = await door.show(in_a_while.body.split()[1])
        assert abs(message["next_action_at_ms"] - now_ms() - 900_000) < 60_000
        for wrong, told in (("soon", "not a time: soon"), ("2020-01-01T08:00", "is over")):
            refused = await door.get(at=wrong)
            assert (refused.status, told in refused.body) == (400, True), refused.body


@asyncio_test
async def test_the_same_request_with_another_time_is_not_the_same(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        first, again = [await door.get(ref="r1", validity="2h") for _ in range(2)]
        assert first.body == again.body
        assert (await door.get(ref="r1", validity="3h")).status == 409


@asyncio_test
async def test_a_message_outside_its_hours_waits_and_an_alarm_does_not(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        shut = shut_hours()
        await door.house.ledger.do("account_set", name="demo", facts={"hours": str(shut)})
        message = await door.show((await door.get()).body.split()[1])
        assert (message["state"], message["waiting_for"]) == ("scheduled", "held for hours")
        assert message["next_action_at_ms"] == shut.next_open_ms(message["accepted_at_ms"])
        alarm = await door.show((await door.get(lane="alarm")).body.split()[1])
        assert (alarm["state"], alarm["hours"]) == ("queued", "")
        # Of the destination too, for all lanes if its row says so.
        await door.house.ledger.do("account_set", name="demo", facts={"hours": ""})
        rows = [HoursRow("prefix:44", shut, is_for_alarms=True)]
        door.house.door.tables = replace(door.house.door.tables, hours=DestinationHours(rows))
        door.house.gatekeeper.forget()
        alarm = await door.show((await door.get(lane="alarm", text="Pump 3")).body.split()[1])
        assert (alarm["state"], alarm["waiting_for"]) == ("scheduled", "held for hours")


@asyncio_test
async def test_an_originator_that_is_not_the_accounts_is_refused_with_what_is(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        await door.house.ledger.do(
            "originator_add", originator="Pumps", account="demo", actor="tester", now_ms=now_ms()
        )
        rows = await door.house.ledger.read("originator_list")
        table = OriginatorTable([(row["account_id"], row["originator"]) for row in rows])
        door.house.door.tables = replace(door.house.door.tables, originators=table)
        refused = await door.get(GOOD | {"from": "Bank"})
        assert refused.status == 400
        assert "this account may use Pumps; the operator adds others" in refused.body
        assert await door.house.balance_mc() == 100_000
        taken = await door.get(GOOD | {"from": "Pumps"})
        assert taken.status == 200


@asyncio_test
async def test_esmes_have_the_same_rules(tmp_path: Path) -> None:
    """A name goes out as a number of a pool where a country takes none, its history says why, and a validity_period
    is asked of the network."""
    async with open_smpp_door(tmp_path) as door:
        rules = [OriginatorRule("prefix:44", OriginatorKind.ALPHANUMERIC, "pool:two")]
        strict = OriginatorTable([], rules, {"two": POOL}, must_be_registered=True)
        esme = await door.bound()
        door.house.door.tables = replace(door.house.door.tables, originators=strict)
        refused = await esme.ask(submit(source_addr="Bank", source_addr_ton=5))
        assert refused.status == Status.RINVSRCADR
        (kept,) = await door.house.ledger.read("refusal_list")
        assert kept["fault"] == FaultCode.BAD_ORIGINATOR.value
        free = OriginatorTable([], rules, {"two": POOL})
        door.house.door.tables = replace(door.house.door.tables, originators=free)
        until_ms = now_ms() + 2 * HOUR_MS
        asked = {"source_addr": "Bank", "source_addr_ton": 5}
        responses = [
            await esme.ask(submit(**asked, validity_period=validity, short_message=text))
            for validity, text in ((times.format_absolute(until_ms), b"one"), ("", b"two"))
        ]
        first, second = await door.claim(), [await door.show(one.message_id) for one in responses]
        assert [part.network_until_ms // 1000 for part in first] == [until_ms // 1000, 0]
        assert {part.originator for part in first} == {second[0]["originator"]} == {second[1]["originator"]}
        assert second[0]["originator"] in POOL
        (line,) = second[0]["history"]
        assert line["event"] == "originator_replaced"
        assert line["detail"] == "Bank became pool:two: prefix 44 takes no alphanumeric originator"


@asyncio_test
async def test_a_mail_says_when_in_its_header(tmp_path: Path) -> None:
    async with open_setup(tmp_path) as setup:
        talk = await setup.talk()
        head = "X-SMS-In: 2h\r\nX-SMS-Worthless-After: 30m\r\n"
        assert (await talk.mail("Pump 3", TO, head=head)).startswith("250 ")
        (message,) = await setup.house.messages()
        assert message["state"] == "scheduled"
        assert abs(message["next_action_at_ms"] - now_ms() - 2 * HOUR_MS) < 60_000
        shown = await setup.house.ledger.read("message_show", message_id=message["message_id"])
        assert shown["worthless_at_ms"] == shown["expires_at_ms"] == message["next_action_at_ms"] + HOUR_MS // 2
        refused = await talk.mail("Pump 4", TO, head="X-SMS-At: tomorrow\r\n")
        assert refused.startswith("5")
        assert "not a time: tomorrow" in refused
        assert len(await setup.house.messages()) == 1
