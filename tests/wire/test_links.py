"""All links as one service: told things while they run, replaced by a new configuration, and tested by heartbeats."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.app.link_watch import LinkWatch
from bridge.app.selftest import SelfTest
from bridge.messages.faults import Fault, FaultCode
from bridge.routing.link_states import DRAINING, STARTED, STOPPED
from bridge.runtime.loop import now_ms
from bridge.runtime.selftest_settings import SelfTestSettings
from bridge.simulator.script import Behaviour
from bridge.simulator.settings import SimulatorSettings
from bridge.simulator.smsc import Smsc
from bridge.smpp_out import service
from bridge.smpp_out.link import Link, LinkLedger
from bridge.smpp_out.service import Links
from bridge.smpp_out.settings import LinkSettings
from tests.support import asyncio_test, eventually, free_port
from tests.wire.link_bench import LINK, Bench, bench, quick_backoff

OTHER = "second"
BOTH = (LINK, OTHER)


def make(settings: LinkSettings, ledger: LinkLedger) -> Link:
    return Link(settings, ledger, quick_backoff())


class Pair:
    """Two links to two simulators, as the appliance has them."""

    def __init__(self, b: Bench, other: Smsc) -> None:
        self.bench = b
        self.other = other
        self.links = self.of(self.settings(LINK), self.settings(OTHER))

    def settings(self, name: str, **values: Any) -> LinkSettings:
        port = self.other.port if name == OTHER else self.bench.smsc.port
        given = {"host": "127.0.0.1", "port": port, "system_id": "simulator", "password": "simulate"}
        return LinkSettings(**(given | {"name": name} | values))

    def of(self, *settings: LinkSettings) -> Links:
        self.links = Links(settings, self.bench.ledger, make)
        self.watch = LinkWatch(self.bench.ledger, self.links)
        return self.links

    async def bound(self) -> Links:
        await self.links.start()
        await eventually(lambda: all(line["state"] == "bound" for line in self.links.status()))
        return self.links

    def state(self, name: str) -> str:
        return next((str(line["state"]) for line in self.links.status() if line["link"] == name), "gone")

    async def actions(self) -> list[str]:
        return [row["action"] for row in await self.bench.ledger.read("action_list")]


@asynccontextmanager
async def pair(folder: Path) -> AsyncIterator[Pair]:
    other = Smsc(SimulatorSettings(port=0, receipt_delay_ms=10))
    async with bench(folder) as b:
        await other.start()
        made = Pair(b, other)
        try:
            yield made
        finally:
            await made.links.stop()
            await other.stop()


# --- stop and start ---


@asyncio_test
async def test_a_stopped_link_unbinds_and_what_waits_goes_to_the_next_one(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        links = await p.bound()
        await links.tell(LINK, STOPPED, reason="wrong prices", actor="kim")
        assert not p.bench.smsc.is_bound
        assert p.state(LINK) == "stopped"
        messages = await p.bench.queue("447700900123", "447700900124", texts=("long ", "text"), links=BOTH)
        (alone,) = await p.bench.queue("447700900125", links=(LINK,))
        assert await p.watch.replan() == 4
        await p.bench.reach(messages, delivered=4)
        assert "replanned" in await p.bench.events(messages[0])
        assert len(p.other.journal) == 4
        assert not p.bench.smsc.journal
        why = links.waiting_reason(LINK)
        assert why.startswith("link upstream is stopped by kim since 20")
        assert why.endswith(": wrong prices")
        assert "stopped by kim" in links.trouble[LINK]
        await links.tell(LINK, STARTED, actor="kim")
        await p.bench.reach([alone], delivered=1)
        assert links.trouble == {}
        assert await p.actions() == ["link_started", "link_stopped"]


@asyncio_test
async def test_a_stop_waits_for_the_answers_that_are_due(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        p.bench.smsc.script.then([Behaviour(answer_delay_ms=300)])
        links = await p.bound()
        (message,) = await p.bench.queue("447700900123", links=BOTH)
        await eventually(lambda: links.status()[0]["unanswered"])
        await links.tell(LINK, STOPPED, actor="kim")
        await p.bench.until([message], lambda states: states["submitted"] + states["delivered"] == 1)
        assert await p.watch.replan() == 0


@asyncio_test
async def test_what_a_link_was_told_outlives_a_restart(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        links = await p.bound()
        await links.tell(LINK, STOPPED, actor="kim")
        await links.pace(OTHER, 3.0, actor="kim")
        await links.stop()
        links = p.of(p.settings(LINK), p.settings(OTHER))
        await links.start()
        await eventually(lambda: p.state(OTHER) == "bound")
        assert p.state(LINK) == "stopped"
        assert "stopped by kim" in links.waiting_reason(LINK)
        assert links.status()[1]["parts_per_second"] == 3.0
        assert "was slowed to 3 parts/s by kim" in links.waiting_reason(OTHER)


@asyncio_test
async def test_an_unknown_link_is_told_nothing(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        await p.bound()
        with pytest.raises(Fault) as refused:
            await p.links.tell("third", STOPPED, actor="kim")
        assert refused.value.code is FaultCode.NOT_FOUND
        assert await p.actions() == []


# --- drain ---


@asyncio_test
async def test_a_drained_link_sends_what_it_has_and_stops(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        links = await p.bound()
        await links.pace(LINK, 20.0, actor="kim")
        messages = await p.bench.queue(*[f"4477009002{n:02d}" for n in range(12)], links=BOTH)
        await links.tell(LINK, DRAINING, actor="kim")
        assert "being drained by kim" in links.trouble[LINK]
        assert links.standing == {}
        while p.state(LINK) != "stopped":
            await p.watch.look()
            await asyncio.sleep(0.02)
        await p.bench.until(messages, lambda states: states["submitted"] + states["delivered"] == 12)
        assert len(p.bench.smsc.journal) == 12
        assert not p.other.journal
        assert "drained" in links.waiting_reason(LINK)


@asyncio_test
async def test_a_stopped_link_has_nothing_to_drain(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        links = await p.bound()
        await links.tell(LINK, STOPPED, actor="kim")
        with pytest.raises(Fault, match="stopped already"):
            await links.tell(LINK, DRAINING, actor="kim")


# --- throttle ---


@asyncio_test
async def test_a_slowed_link_keeps_its_pace_and_comes_back_by_itself(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        links = await p.bound()
        await links.pace(LINK, 2.0, until_ms=now_ms() + 300, actor="kim")
        assert links.status()[0]["parts_per_second"] == 2.0
        while links.status()[0]["parts_per_second"]:
            await p.watch.look()
            await asyncio.sleep(0.02)
        assert links.waiting_reason(LINK) == ""
        assert await p.actions() == ["link_pace", "link_pace"]


@asyncio_test
async def test_a_link_is_never_told_to_be_faster_than_it_is_configured(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        p.of(p.settings(LINK, parts_per_second=10), p.settings(OTHER))
        links = await p.bound()
        with pytest.raises(Fault, match="configured to send 10 parts/s at most"):
            await links.pace(LINK, 11.0, actor="kim")
        await links.pace(LINK, 4.0, actor="kim")
        await links.pace(LINK, None, actor="kim")
        assert links.status()[0]["parts_per_second"] == 10.0


# --- a link that is away ---


@asyncio_test
async def test_a_link_that_is_away_is_passed_over_and_what_waits_goes_another_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "AWAY_MS", 50)
    async with pair(tmp_path) as p:
        told: list[dict[str, str]] = []
        p.of(p.settings(LINK, port=free_port()), p.settings(OTHER))
        links = p.links
        links.on_change = lambda: told.append(links.trouble)
        await links.start()
        (message,) = await p.bench.queue("447700900123", links=BOTH)
        while not await p.bench.ledger.read("message_list", account=None, state="delivered", count_max=1):
            await p.watch.look()
            await asyncio.sleep(0.02)
        await p.bench.reach([message], delivered=1)
        assert "it is not connected" in told[-1][LINK]
        assert list(told[-1]) == [LINK]


# --- a new configuration ---


@asyncio_test
async def test_a_reload_adds_removes_and_restarts_only_what_changed(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        links = await p.bound()
        kept = links.links[OTHER]
        third = p.settings("third", port=p.bench.smsc.port)
        done = await links.reload([p.settings(OTHER), p.settings(LINK, window=3), third])
        assert (done.added, done.removed, done.restarted, done.failed) == (["third"], [], [LINK], {})
        await eventually(lambda: all(line["state"] == "bound" for line in links.status()))
        assert links.links[OTHER] is kept
        assert [line["link"] for line in links.status()] == [OTHER, LINK, "third"]
        assert links.status()[1]["window"] == 3
        done = await links.reload([p.settings(OTHER)])
        assert (done.added, set(done.removed), done.restarted) == ([], {LINK, "third"}, [])
        assert list(links.links) == [OTHER]
        assert links.links[OTHER] is kept
        assert "no link is called" in links.waiting_reason(LINK)


@asyncio_test
async def test_a_removed_link_sends_what_nobody_else_can_take(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        links = await p.bound()
        await links.pace(LINK, 10.0, actor="kim")
        alone = await p.bench.queue(*[f"4477009002{n:02d}" for n in range(4)], links=(LINK,))
        both = await p.bench.queue(*[f"4477009003{n:02d}" for n in range(4)], links=BOTH)
        await links.reload([p.settings(OTHER)])
        assert p.state(LINK) == "leaving"
        assert links.trouble[LINK] == "it is no longer in the configuration"
        while p.state(LINK) != "gone":
            await p.watch.look()
            await asyncio.sleep(0.02)
        await p.bench.until(alone + both, lambda states: states["submitted"] + states["delivered"] == 8)
        assert len(p.bench.smsc.journal) + len(p.other.journal) == 8
        assert p.other.journal


@asyncio_test
async def test_what_waits_for_a_link_that_is_gone_goes_another_way(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        (message,) = await p.bench.queue("447700900123", links=("gone", OTHER))
        await p.bound()
        await p.watch.look()
        await p.bench.reach([message], delivered=1)
        (line, *_) = (await p.bench.ledger.read("message_show", message_id=message))["history"]
        assert line["detail"] == f"from gone to {OTHER}: link gone is not configured any more"


@asyncio_test
async def test_settings_that_cannot_be_used_leave_the_old_ones(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        links = await p.bound()
        missing = tmp_path / "missing.password"
        done = await links.reload([p.settings(LINK, password=None, password_file=missing), p.settings(OTHER)])
        assert "missing.password" in done.failed[LINK]
        assert links.settings == [p.settings(LINK), p.settings(OTHER)]
        await eventually(lambda: p.state(LINK) == "bound")


@asyncio_test
async def test_another_selftest_restarts_nothing(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        links = await p.bound()
        before = dict(links.links)
        heartbeat = SelfTestSettings(recipient="447700900999")
        done = await links.reload([p.settings(LINK, selftest=heartbeat), p.settings(OTHER)])
        assert not done.restarted
        assert links.links == before
        assert links.settings[0].selftest == heartbeat


# --- the self-test ---


async def decided(p: Pair, test: SelfTest, name: str = LINK) -> dict[str, Any]:
    """Look until the newest heartbeat of a link is no longer under way; gives it."""
    while True:
        await test.look()
        lines = await p.bench.ledger.read("selftest_list", link=name, count_max=1)
        if lines and lines[0]["state"] not in ("waiting", "submitted"):
            return dict(lines[0])
        await asyncio.sleep(0.02)


def selftest(p: Pair, **values: Any) -> SelfTest:
    setting = SelfTestSettings(**({"recipient": "447700900999", "every_s": 3600, "limit_s": 1} | values))
    p.of(p.settings(LINK, selftest=setting), p.settings(OTHER))
    return SelfTest(p.bench.ledger, p.links)


@asyncio_test
async def test_a_heartbeat_is_measured_and_costs_nothing(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        test = selftest(p, text="still there, {link}?")
        await p.bound()
        beat = await decided(p, test)
        assert (beat["state"], beat["limit_ms"]) == ("delivered", 1000)
        assert 0 <= beat["submitted_ms"] < 10_000
        assert 0 <= beat["receipt_ms"] < 1000
        (entry,) = p.bench.smsc.journal
        assert (entry.text, entry.pdu.destination_addr) == ("still there, upstream?", "447700900999")
        assert not p.other.journal
        accounts = {row["name"]: row["balance_mc"] for row in await p.bench.ledger.read("account_list")}
        assert accounts["selftest"] == 0
        summary = (await p.bench.ledger.read("selftest_summary", now_ms=now_ms()))[LINK]
        assert summary["p50_ms"] == summary["p95_ms"] == beat["receipt_ms"]
        await test.look()
        assert len(p.bench.smsc.journal) == 1  # The next one is due in an hour.


@asyncio_test
async def test_a_link_that_loses_receipts_is_silent_until_a_later_heartbeat_is_answered(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        test = selftest(p)
        p.bench.smsc.script.then([Behaviour(state=None)])
        links = await p.bound()
        assert (await decided(p, test))["state"] == "silent"
        await p.watch.look()
        assert "its self-test has had no receipt within 1 s since" in links.trouble[LINK]
        (message,) = await p.bench.queue("447700900123", links=BOTH)
        await p.bench.until([message], lambda states: states["submitted"] + states["delivered"] == 1)
        await test.begin(LINK)
        assert (await decided(p, test))["state"] == "delivered"
        await p.watch.look()
        assert links.trouble == {}


@asyncio_test
async def test_a_dead_link_takes_no_heartbeat_and_none_pile_up(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        test = selftest(p)
        setting = SelfTestSettings(recipient="447700900999", every_s=3600, limit_s=1)
        p.of(p.settings(LINK, port=free_port(), selftest=setting))
        test = SelfTest(p.bench.ledger, p.links)
        await p.links.start()
        for _ in range(3):
            await test.look()
        lines = await p.bench.ledger.read("selftest_list", link=LINK)
        assert [line["state"] for line in lines] == ["waiting"]
        assert p.links.silent == {}


@asyncio_test
async def test_a_stopped_link_gets_no_heartbeat(tmp_path: Path) -> None:
    async with pair(tmp_path) as p:
        test = selftest(p)
        links = await p.bound()
        await links.tell(LINK, STOPPED, actor="kim")
        await test.look()
        assert await p.bench.ledger.read("selftest_list", link=LINK) == []
        with pytest.raises(Fault, match="is stopped by kim"):
            await test.begin(LINK)
        with pytest.raises(Fault, match="has no self-test"):
            await test.begin(OTHER)
