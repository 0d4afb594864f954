"""Housekeeping: what is looked after by the clock."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.app import housekeeping
from bridge.app.housekeeping import Housekeeping
from bridge.ledger import esme, retries, sqlite, timers
from bridge.messages.esme import EsmeFacts
from bridge.messages.message import RetryKey, Submission
from bridge.runtime.loop import now_ms
from tests.house import LINK, House, open_house
from tests.support import asyncio_test


async def tidied(house: House) -> list[str]:
    """Tidy once; gives the events that were logged."""
    with capture_logs() as lines:
        await Housekeeping(house.ledger, []).tidy()
    return [line["event"] for line in lines]


@asyncio_test
async def test_the_log_is_written_back_every_round_so_that_a_failure_is_heard(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account()
        assert house.ledger.wal_size > 0
        await tidied(house)
        assert house.ledger.wal_size == 0


@asyncio_test
async def test_all_names_that_are_due_are_forgotten_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that took more named submissions a minute than one round forgets kept ever more of them."""
    monkeypatch.setattr(retries, "FORGET_MAX", 3)
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        identity = await house.identity("demo", "SECRETPIN2")
        for name in range(8):
            wanted = Submission("http", "46701740605", "hello", retry=RetryKey(f"{name}", "hello"))
            await house.door.submit(identity, [wanted])
        monkeypatch.setattr(housekeeping, "now_ms", lambda: now_ms() + retries.KEY_KEPT_MS)
        assert await tidied(house) == ["tidied"] * 3
        monkeypatch.setattr(housekeeping, "TIDY_ROUNDS_MAX", 1)
        assert await tidied(house) == []


@asyncio_test
async def test_a_log_that_a_reader_keeps_is_told_when_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_house(tmp_path) as house:
        reader = sqlite.open_reader(house.ledger.path)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM account").fetchone()
        await house.add_account()
        assert await tidied(house) == []
        monkeypatch.setattr(housekeeping, "WAL_SIZE_MAX", 1000)
        assert await tidied(house) == ["the ledger's log grows"]
        reader.execute("COMMIT")
        assert await tidied(house) == []
        assert house.ledger.wal_size == 0
        reader.close()


@asyncio_test
async def test_what_is_scheduled_is_queued_when_its_time_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        identity = await house.identity("demo", "SECRETPIN2")
        later_ms = now_ms() + 3_600_000
        wanted = Submission("smpp", "46701740605", "hello", due_at_ms=later_ms)
        await house.door.submit(identity, [wanted])
        keeper = Housekeeping(house.ledger, [])
        await keeper.sweep()
        assert [one["state"] for one in await house.messages()] == ["scheduled"]
        monkeypatch.setattr(housekeeping, "now_ms", lambda: later_ms)
        # It is later, and the clock was not set.
        monkeypatch.setattr(housekeeping, "boottime_ms", lambda: later_ms - keeper._offset_ms)
        await keeper.sweep()
        assert [part.text for part in await house.ledger.claim(LINK, 10, later_ms)] == ["hello"]


@asyncio_test
async def test_however_much_was_scheduled_for_one_moment_one_sweep_queues_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "SWEEP_MAX", 2)
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        identity = await house.identity("demo", "SECRETPIN2")
        later_ms = now_ms() + 3_600_000
        wanted = [Submission("smpp", "46701740605", str(n), due_at_ms=later_ms) for n in range(5)]
        await house.door.submit(identity, wanted)
        keeper = Housekeeping(house.ledger, [])
        monkeypatch.setattr(housekeeping, "now_ms", lambda: later_ms)
        monkeypatch.setattr(housekeeping, "boottime_ms", lambda: later_ms - keeper._offset_ms)
        await keeper.sweep()
        assert [one["state"] for one in await house.messages()] == ["queued"] * 5


@asyncio_test
async def test_receipts_that_no_esme_came_for_are_given_up_in_as_many_rounds_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(esme, "GIVE_UP_MAX", 2)
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        identity = await house.identity("demo", "SECRETPIN2")
        facts = EsmeFacts(registered_delivery=1)
        for _ in range(5):
            (accepted,) = await house.door.submit(identity, [Submission("smpp", "46701740605", "hello", esme=facts)])
            await house.ledger.do("message_cancel", message_id=accepted.message_id, actor="me", now_ms=now_ms())
        assert (await house.ledger.read("unfinished"))["owed_to_esmes"] == 5
        monkeypatch.setattr(housekeeping, "now_ms", lambda: now_ms() + esme.KEPT_MS)
        assert await tidied(house) == ["tidied"] * 3
        assert (await house.ledger.read("unfinished"))["owed_to_esmes"] == 0
