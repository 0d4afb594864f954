"""The ledger's async face: answers after the commit, reads beside each other, hints to who waits."""

import asyncio
import threading
from pathlib import Path

import pytest

from bridge.ledger.reports import REPORTS
from bridge.messages.faults import Fault
from bridge.messages.message import Submission
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
async def test_accepting_rings_the_link_and_receiving_rings_the_mail(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        identity = await house.identity("demo", "SECRETPIN2")
        await house.door.submit(identity, [Submission("http", "46701740605", "x")])
        assert await house.wakeups.wait(f"link:{LINK}", 0.01)
        assert not await house.wakeups.wait("notices", 0.01)
        await house.ledger.receive(LINK, [], 1)
        assert await house.wakeups.wait("notices", 0.01)


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
