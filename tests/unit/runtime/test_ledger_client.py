"""The ledger's async face: answers after the commit, reads beside each other, claims that wait."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlite_utils import Database

from bridge.ledger.reports import REPORTS
from bridge.messages.faults import Fault
from bridge.messages.message import Outcome, OutcomeKind, Submission
from bridge.runtime.loop import now_ms
from tests.house import LINK, open_house
from tests.support import asyncio_test


@asyncio_test
async def test_a_long_report_keeps_no_login_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        may_end = threading.Event()
        monkeypatch.setitem(REPORTS, "queue", lambda database: may_end.wait(30))
        report = asyncio.create_task(house.ledger.read("queue"))
        try:
            identity = await asyncio.wait_for(house.identity("demo", "SECRETPIN2"), 10)
            assert identity.account_name == "demo"
            assert not report.done()
        finally:
            may_end.set()
            await report


@asyncio_test
async def test_what_is_accepted_is_claimed_by_the_same_commit_when_its_link_waits(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        identity = await house.identity("demo", "SECRETPIN2")
        claimed = asyncio.create_task(house.ledger.claim_when_due(LINK, 10, 30.0))
        other = asyncio.create_task(house.ledger.claim_when_due("other", 10, 30.0))
        await house.ledger.claim(LINK, 10, 1)  # Now the two wait.
        commits = house.ledger.worker.tally.commits
        await house.door.submit(identity, [Submission("http", "46701740605", "x")])
        assert [part.text for part in await asyncio.wait_for(claimed, 10)] == ["x"]
        assert house.ledger.worker.tally.commits == commits + 1
        assert not other.done()


@asyncio_test
async def test_a_claim_waits_no_longer_than_it_said_and_finds_what_time_has_made_due(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        identity = await house.identity("demo", "SECRETPIN2")
        assert await house.ledger.claim_when_due(LINK, 10, 0.01) == []
        await house.door.submit(identity, [Submission("http", "46701740605", "x")])
        (part,) = await house.ledger.claim_when_due(LINK, 10, 30.0)
        soon_ms = now_ms() + 50
        await house.ledger.settle(LINK, [Outcome(part.part_id, OutcomeKind.DEFERRED, now_ms(), retry_at_ms=soon_ms)])
        assert await house.ledger.claim(LINK, 10, soon_ms - 1) == []
        (again,) = await house.ledger.claim_when_due(LINK, 10, 0.1) or await house.ledger.claim_when_due(LINK, 10, 0.1)
        assert again.attempt == 2


@asyncio_test
async def test_whoever_waits_is_answered_when_it_is_woken_and_at_the_stop(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        woken = asyncio.create_task(house.ledger.claim_when_due(LINK, 10, 30.0))
        left = asyncio.create_task(house.ledger.claim_esme_notices_when_due(1, 10, 30.0))
        await house.ledger.claim(LINK, 10, 1)
        house.ledger.wake_link(LINK)
        assert await asyncio.wait_for(woken, 10) == []
        assert not left.done()
    assert await asyncio.wait_for(left, 10) == []


@asyncio_test
async def test_a_caller_that_goes_away_does_not_undo_or_break_anything(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        identity = await house.identity("demo", "SECRETPIN2")
        going = [
            asyncio.create_task(house.door.submit(identity, [Submission("http", "46701740605", str(n))]))
            for n in range(20)
        ]
        await asyncio.sleep(0)
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        await house.door.submit(identity, [Submission("http", "46701740605", "last")])
        charged = (100_000 - await house.balance_mc()) // 1000
        assert charged == len(await house.messages()) >= 1


@asyncio_test
async def test_an_unknown_report_is_a_fault(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        with pytest.raises(Fault, match="not_found"):
            await house.ledger.read("secrets")


@asyncio_test
async def test_a_report_tells_of_one_moment_however_much_is_written_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        identity = await house.identity("demo", "SECRETPIN2")
        has_begun, may_go_on = threading.Event(), threading.Event()

        def count_twice(database: Database) -> list[int]:
            first = next(iter(database.query("SELECT count(*) AS n FROM message")))["n"]
            has_begun.set()
            may_go_on.wait(30)
            return [first, next(iter(database.query("SELECT count(*) AS n FROM message")))["n"]]

        monkeypatch.setitem(REPORTS, "queue", count_twice)
        report = asyncio.create_task(house.ledger.read("queue"))
        await asyncio.to_thread(has_begun.wait, 30)
        await house.door.submit(identity, [Submission("http", "46701740605", "x")])
        may_go_on.set()
        assert await report == [0, 0]
        assert len(await house.messages()) == 1
