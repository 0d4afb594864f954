"""The door for ESMEs: each submission by itself, all in one commit, and a repeat after a lost answer is the same."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.intake.authenticate import Identity, SmppRules
from bridge.ledger import sqlite as sqlite_room
from bridge.ledger.esme import EsmeNotice
from bridge.ledger.worker import LedgerFailed
from bridge.messages.esme import EsmeFacts
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Accepted, Outcome, OutcomeKind, Replacement, Submission
from bridge.messages.user_data import UserData
from bridge.runtime import door
from bridge.runtime.loop import now_ms
from tests.house import LINK, House, open_house
from tests.support import asyncio_test

RECIPIENT = "46701740605"


def submission(text: str, to: str = RECIPIENT, **facts: object) -> Submission:
    values: dict[str, object] = {"esme": EsmeFacts(source_addr="Pump", destination_addr=to, registered_delivery=1)}
    return Submission("smpp", to, text, **(values | facts))  # type: ignore[arg-type]


@asynccontextmanager
async def at_the_door(folder: Path, credit_mc: int = 100_000) -> AsyncIterator[tuple[House, Identity]]:
    async with open_house(folder) as house:
        await house.add_account(pin="SECRETPIN2", credit_mc=credit_mc)
        yield house, await house.identity("demo", "SECRETPIN2")


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


def told(answers: Sequence[Accepted | Fault]) -> list[str]:
    return ["accepted" if isinstance(answer, Accepted) else answer.code.value for answer in answers]


@asyncio_test
async def test_each_has_its_own_answer_and_its_own_line(tmp_path: Path) -> None:
    async with at_the_door(tmp_path, credit_mc=2000) as (house, identity):
        wanted = [submission("a"), submission("b", "12"), submission(""), submission("c"), submission("too dear")]
        with capture_logs() as lines:
            answers = await house.door.submit_each(identity, wanted)
        assert told(answers) == ["accepted", "bad_recipient", "empty_text", "accepted", "no_credit"]
        assert [line["event"] for line in lines if line["event"] in ("accepted", "refused")] == (
            ["accepted", "accepted", "refused", "refused", "refused"]
        )
        assert house.ledger.worker.tally.commits > 0
        kept = await house.ledger.read("refusal_list")
        assert [row["fault"] for row in kept] == ["no_credit", "empty_text", "bad_recipient"]
        assert len(await house.messages()) == 2
        assert len(await house.ledger.claim_when_due(LINK, 10, 30.0)) == 2
        assert await house.door.submit_each(identity, []) == []


@asyncio_test
async def test_a_flood_of_the_same_refusal_is_one_line(tmp_path: Path) -> None:
    async with at_the_door(tmp_path) as (house, identity):
        wanted = [submission(f"number {n}", "12") for n in range(100)] + [submission("")]
        with capture_logs() as lines:
            assert set(told(await house.door.submit_each(identity, wanted))) == {"bad_recipient", "empty_text"}
        refused = [(line["fault"], line["recipients"]) for line in lines if line["event"] == "refused"]
        assert refused == [("bad_recipient", 100), ("empty_text", 1)]
        assert len(await house.ledger.read("refusal_list", count_max=1000)) == 101


@asyncio_test
async def test_all_of_them_are_one_commit(tmp_path: Path) -> None:
    async with at_the_door(tmp_path) as (house, identity):
        before = house.ledger.worker.tally.requests
        await house.door.submit_each(identity, [submission(str(n)) for n in range(50)])
        assert house.ledger.worker.tally.requests == before + 1


@asyncio_test
async def test_a_scheduled_message_rings_nobody(tmp_path: Path) -> None:
    async with at_the_door(tmp_path) as (house, identity):
        claimed = asyncio.create_task(house.ledger.claim_when_due(LINK, 10, 30.0))
        await asyncio.sleep(0)
        answers = await house.door.submit_each(identity, [submission("later", due_at_ms=now_ms() + 60_000)])
        assert told(answers) == ["accepted"]
        assert not claimed.done()
        house.ledger.wake_link(LINK)
        assert await asyncio.wait_for(claimed, 10) == []


@asyncio_test
async def test_a_submit_multi_is_told_one_id_also_beside_another_one(tmp_path: Path) -> None:
    async with at_the_door(tmp_path) as (house, identity):
        numbers = ["12", *[f"4670174060{n}" for n in range(3)]]
        both = await asyncio.gather(
            *[
                house.door.submit_each(identity, [submission("x", to) for to in numbers], is_multi=True)
                for _ in range(2)
            ]
        )
        for answers in both:
            accepted = [answer for answer in answers if isinstance(answer, Accepted)]
            shown = [await house.ledger.read("message_show", message_id=one.message_id) for one in accepted]
            assert [one["esme"]["told_id"] for one in shown] == [accepted[0].message_id] * 3
        assert both[0][1] != both[1][1]


@asyncio_test
async def test_a_lost_answer_and_the_repeat_after_it(tmp_path: Path) -> None:
    async with at_the_door(tmp_path) as (house, identity):
        wanted = [submission("same"), submission("same", user_data=UserData(b"\x05\x00\x03\x07\x02\x01"))]
        first = await house.door.submit_each(identity, wanted)
        ids = [answer.message_id for answer in first if isinstance(answer, Accepted)]
        house.door.mark_unheard(identity.account_id, identity.account_name, ids)
        # At once: the door waits until it is known what this repeats.
        again = await house.door.submit_each(identity, wanted)
        assert [(one.message_id, one.is_repeat) for one in again if isinstance(one, Accepted)] == [
            (ids[0], True),
            (ids[1], True),
        ]
        # This answer arrived, so the next is a new message.
        (new, _) = await house.door.submit_each(identity, wanted)
        assert isinstance(new, Accepted)
        assert not new.is_repeat
        assert house.door.mark_unheard(identity.account_id, identity.account_name, []) is None


@asyncio_test
async def test_a_session_that_broke_before_the_commit_repeats_at_once(tmp_path: Path) -> None:
    """Unlike a panel that sends and forgets: an ESME sends again whatever it has no answer for."""
    async with at_the_door(tmp_path) as (house, identity):
        async with held_commits(house):
            waiting = asyncio.ensure_future(house.door.submit_each(identity, [submission("a"), submission("b")]))
            await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        again = await house.door.submit_each(identity, [submission("a"), submission("b")])
        assert [answer.is_repeat for answer in again if isinstance(answer, Accepted)] == [True, True]
        assert len(await house.messages()) == 2


@asyncio_test
async def test_a_commit_that_takes_too_long_is_answered_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "ANSWER_S_MAX", 0.1)
    monkeypatch.setattr(door, "REFUSAL_S_MAX", 0.1)
    async with at_the_door(tmp_path) as (house, identity):
        async with held_commits(house):
            answers = await house.door.submit_each(identity, [submission("a"), submission("b", "12")])
        assert told(answers) == ["try_later", "bad_recipient"]
        monkeypatch.undo()
        (again, _) = await house.door.submit_each(identity, [submission("a"), submission("b", "12")])
        assert isinstance(again, Accepted)
        assert again.is_repeat


@asyncio_test
async def test_a_refusal_that_cannot_be_kept_is_none_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_room, "BUSY_TIMEOUT_S", 0.05)
    async with at_the_door(tmp_path) as (house, identity):
        async with held_commits(house):
            answers = await house.door.submit_each(identity, [submission("b", "12"), submission("")])
        assert told(answers) == ["try_later", "try_later"]
        assert await house.ledger.read("refusal_list") == []


@asyncio_test
async def test_a_ledger_that_failed_is_told_as_such(tmp_path: Path) -> None:
    async with at_the_door(tmp_path) as (house, identity):
        house.ledger.worker._failure = OSError("the disk is gone")
        try:
            with pytest.raises(LedgerFailed):
                await house.door.submit_each(identity, [submission("a")])
            with pytest.raises(LedgerFailed):
                await house.door.submit_each(identity, [submission("b", "12")])
        finally:
            house.ledger.worker._failure = None


@asyncio_test
async def test_what_was_refused_with_octets_cannot_be_resubmitted_without_them(tmp_path: Path) -> None:
    async with at_the_door(tmp_path, credit_mc=0) as (house, identity):
        wanted = [submission("00FF", user_data=UserData(body=b"\x00\xff")), submission("a")]
        assert told(await house.door.submit_each(identity, wanted)) == ["no_credit", "no_credit"]
        kept = await house.ledger.read("refusal_list")
        assert {row["text"]: row["is_cut"] for row in kept} == {"00FF": True, "a": False}


@asyncio_test
async def test_a_message_is_replaced_through_the_door(tmp_path: Path) -> None:
    async with at_the_door(tmp_path) as (house, identity):
        (accepted,) = await house.door.submit_each(identity, [submission("old")])
        assert isinstance(accepted, Accepted)
        await house.door.replace(identity, Replacement(accepted.message_id, "Pump", "new"))
        assert (await house.ledger.read("message_show", message_id=accepted.message_id))["text"] == "new"
        for replacement, code in (
            (Replacement(accepted.message_id, "Door", "new"), FaultCode.NOT_FOUND),
            (Replacement(accepted.message_id, text="x" * 161), FaultCode.BAD_REQUEST),
            (Replacement(accepted.message_id, text=""), FaultCode.EMPTY_TEXT),
        ):
            with pytest.raises(Fault) as refused:
                await house.door.replace(identity, replacement)
            assert refused.value.code is code


@asyncio_test
async def test_whatever_ends_a_message_rings_its_esme(tmp_path: Path) -> None:
    async with at_the_door(tmp_path) as (house, identity):

        def waiting() -> asyncio.Task[list[EsmeNotice]]:
            return asyncio.create_task(house.ledger.claim_esme_notices_when_due(identity.account_id, 10, 30.0))

        await house.door.submit_each(identity, [submission("a"), submission("b")])
        claimed = waiting()
        first, second = await house.ledger.claim(LINK, 10, now_ms())
        assert not claimed.done()
        await house.ledger.settle(LINK, [Outcome(first.part_id, OutcomeKind.REJECTED, now_ms())])
        assert [notice.event for notice in await asyncio.wait_for(claimed, 10)] == ["rejected"]
        claimed = waiting()
        await house.ledger.settle(LINK, [Outcome(second.part_id, OutcomeKind.UNWRITTEN, now_ms())])
        assert not claimed.done()
        await house.ledger.do("message_cancel", message_id=second.message_id, actor="me", now_ms=now_ms())
        assert [notice.event for notice in await asyncio.wait_for(claimed, 10)] == ["cancelled"]


@asyncio_test
async def test_an_identity_brings_the_rules_of_its_esmes(tmp_path: Path) -> None:
    async with at_the_door(tmp_path) as (house, identity):
        assert identity.smpp == SmppRules()
        facts = {
            "smpp_binds_max": 2,
            "smpp_parts_per_second": 50.0,
            "smpp_receipts": "never",
            "smpp_id_form": "decimal",
        }
        facts |= {"smpp_alphabet_0": "latin1", "smpp_alphabet_1": "gsm", "smpp_long_inbound": "parts"}
        await house.ledger.do("account_set", name="demo", facts=facts)
        house.gatekeeper.forget()
        changed = await house.identity("demo", "SECRETPIN2")
        assert changed.smpp == SmppRules(2, 50.0, "never", "latin1", "gsm", "decimal", "parts")
        for wrong in ({"smpp_receipts": "maybe"}, {"smpp_binds_max": -1}, {"smpp_alphabet_0": "utf8"}):
            with pytest.raises(Fault, match="bad_request"):
                await house.ledger.do("account_set", name="demo", facts=wrong)


@asyncio_test
async def test_a_submission_waits_for_what_it_may_repeat(tmp_path: Path) -> None:
    """The session breaks while its commit is under way: the batch is seen through and marked before the next one."""
    async with at_the_door(tmp_path) as (house, identity):

        async def answer_nobody() -> None:
            (answer,) = await house.door.submit_each(identity, [submission("same")])
            assert isinstance(answer, Accepted)
            marking = house.door.mark_unheard(identity.account_id, identity.account_name, [answer.message_id])
            assert marking is not None
            await marking

        async with held_commits(house):
            flying = asyncio.ensure_future(answer_nobody())
            await asyncio.sleep(0.01)
            house.door.not_before(identity.account_id, flying)
            again = asyncio.ensure_future(house.door.submit_each(identity, [submission("same")]))
            await asyncio.sleep(0.01)
            assert not again.done()
        (repeat,) = await again
        assert isinstance(repeat, Accepted)
        assert repeat.is_repeat
        await flying
