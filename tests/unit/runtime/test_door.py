"""The door charges, queues and refuses on a real ledger."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.intake.accept import Group
from bridge.intake.authenticate import Identity
from bridge.ledger import sqlite as sqlite_room
from bridge.ledger.queue import Prepared
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Accepted, Coding, Lane, Submission
from bridge.runtime import door
from bridge.runtime.door import PATIENCE_MS_MIN
from bridge.runtime.loop import now_ms
from tests.house import House, open_house
from tests.support import asyncio_test, eventually

RECIPIENT = "46701740605"


@asyncio_test
async def test_a_submission_is_charged_and_queued(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2", credit_mc=5000)
        identity = await house.identity("demo", "SECRETPIN2")
        (accepted,) = await house.door.submit(identity, [Submission("http", "+46 70 174 06 05", "x" * 161)])
        assert (accepted.recipient, accepted.part_total, accepted.price_mc) == (RECIPIENT, 2, 2000)
        assert await house.balance_mc() == 3000
        (message,) = await house.messages()
        assert (message["message_id"], message["state"]) == (accepted.message_id, "queued")


@asyncio_test
async def test_no_credit_for_all_means_nothing_for_any(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2", credit_mc=2999)
        identity = await house.identity("demo", "SECRETPIN2")
        three = [Submission("smtp", f"4670174060{n}", "alarm") for n in range(3)]
        with pytest.raises(Fault) as refused:
            await house.door.submit(identity, three)
        assert refused.value.code is FaultCode.NO_CREDIT
        assert await house.balance_mc() == 2999
        assert await house.messages() == []
        refusals = await house.ledger.read("refusal_list")
        assert [(one["fault"], one["account"]) for one in refusals] == [("no_credit", "demo")] * 3


@asynccontextmanager
async def held_commits(house: House) -> AsyncIterator[None]:
    """Nothing is committed inside: another process has the ledger's lock."""
    other = sqlite3.connect(house.ledger.path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


async def cut_off_after(house: House, identity: Identity, submission: Submission, wait_ms: int) -> None:
    """Submit, and hang up after `wait_ms`, while the commit still waits."""
    async with held_commits(house):
        waiting = asyncio.ensure_future(house.door.submit(identity, [submission]))
        await asyncio.sleep(wait_ms / 1000)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


@asyncio_test
async def test_a_client_that_gave_up_and_repeats_has_one_message(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2", credit_mc=5000)
        identity = await house.identity("demo", "SECRETPIN2")
        submission = Submission("http", RECIPIENT, "Pump 2 stopped")
        await cut_off_after(house, identity, submission, PATIENCE_MS_MIN + 50)
        # At once: the first is perhaps not even committed yet.
        (again,) = await house.door.submit(identity, [submission])
        (message,) = await house.messages()
        assert (again.message_id, again.is_repeat) == (message["message_id"], True)
        assert await house.balance_mc() == 4000


@asyncio_test
async def test_a_panel_that_sends_and_forgets_is_never_taken_for_a_retry(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2", credit_mc=5000)
        identity = await house.identity("demo", "SECRETPIN2")
        submission = Submission("http", RECIPIENT, "Zone 1 open")
        await cut_off_after(house, identity, submission, 50)
        (second,) = await house.door.submit(identity, [submission])
        assert not second.is_repeat
        assert len(await house.messages()) == 2


@asyncio_test
async def test_a_commit_that_takes_too_long_is_answered_and_its_retry_is_the_same_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "ANSWER_S_MAX", 0.2)
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2", credit_mc=5000)
        identity = await house.identity("demo", "SECRETPIN2")
        submission = Submission("http", RECIPIENT, "Pump 2 stopped")
        async with held_commits(house):
            for _ in range(2):
                # The repeat too is answered in time, and is not let past what the ledger cannot tell yet.
                with pytest.raises(Fault) as refused:
                    await house.door.submit(identity, [submission])
                assert refused.value.code is FaultCode.TRY_LATER
        monkeypatch.undo()
        (again,) = await house.door.submit(identity, [submission])
        assert again.is_repeat
        assert len(await house.messages()) == 1


@asyncio_test
async def test_a_mark_that_a_busy_ledger_refused_is_made_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MARK_RETRY_S", 0.05)
    monkeypatch.setattr(sqlite_room, "BUSY_TIMEOUT_S", 0.2)
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2", credit_mc=5000)
        identity = await house.identity("demo", "SECRETPIN2")
        submission = Submission("http", RECIPIENT, "Pump 2 stopped")
        (first,) = await house.door.submit(identity, [submission])
        commit: asyncio.Future[list[Accepted]] = asyncio.get_running_loop().create_future()
        commit.set_result([first])
        group = Group(identity.account_id, now_ms(), (prepared_of(submission),))
        with capture_logs() as lines:
            async with held_commits(house):
                house.door._leave(door._Asked(identity, [group], is_each=False), commit, may_repeat=True)
                await eventually(lambda: any(line["event"] == "not marked yet" for line in lines))
        (again,) = await house.door.submit(identity, [submission])
        assert again.message_id == first.message_id


def prepared_of(submission: Submission) -> Prepared:
    return Prepared(
        door=submission.door,
        originator="",
        recipient=submission.recipient,
        coding=Coding.GSM7,
        lane=Lane.NORMAL,
        texts=(submission.text,),
        price_mc=1000,
        links=("upstream",),
        expires_at_ms=now_ms() + 60_000,
    )


@asyncio_test
async def test_a_refusal_is_heard_though_the_disk_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "REFUSAL_S_MAX", 0.2)
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        identity = await house.identity("demo", "SECRETPIN2")
        async with held_commits(house):
            with pytest.raises(Fault) as refused:
                await house.door.submit(identity, [Submission("http", "12", "x")])
            assert refused.value.code is FaultCode.BAD_RECIPIENT
        await eventually_kept(house)


async def eventually_kept(house: House) -> None:
    for _ in range(200):
        if await house.ledger.read("refusal_list"):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the refusal was never kept")
