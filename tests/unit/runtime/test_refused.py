"""What the door keeps of what it refused, and its deliberate resubmission."""

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.ledger.refusals import thread_of
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Lane, MailThread, Submission
from bridge.runtime.loop import now_ms
from tests.house import open_house
from tests.support import asyncio_test

RECIPIENT = "46701740605"


@asyncio_test
async def test_of_a_mail_that_cannot_be_paid_every_recipient_is_kept(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2", credit_mc=49_000)
        identity = await house.identity("demo", "SECRETPIN2")
        with pytest.raises(Fault):
            await house.door.submit(identity, [Submission("smtp", f"467017406{n:02}", "alarm") for n in range(50)])
        refusals = await house.ledger.read("refusal_list", fault="no_credit")
        assert {row["recipient"] for row in refusals} == {f"467017406{n:02}" for n in range(50)}


@asyncio_test
async def test_of_any_other_fault_only_the_submission_to_blame_is_kept(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2")
        identity = await house.identity("demo", "SECRETPIN2")
        with pytest.raises(Fault):
            await house.door.submit(identity, [Submission("smtp", to, "alarm") for to in (RECIPIENT, "12", "13")])
        assert [row["recipient"] for row in await house.ledger.read("refusal_list")] == ["12"]


@asyncio_test
async def test_a_refusal_keeps_the_submission_whole_or_says_that_it_is_cut(tmp_path: Path) -> None:
    thread = MailThread("ops@example.com", "<3@example.com>", "<1@example.com>", "Larm\ud800")
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2", credit_mc=0)
        identity = await house.identity("demo", "SECRETPIN2")
        for text in ("x" * 1530, "x" * 1601):
            with pytest.raises(Fault):
                await house.door.submit(
                    identity, [Submission("smtp", RECIPIENT, text, "Pump", Lane.ALARM, reference="r", thread=thread)]
                )
        cut, whole = await house.ledger.read("refusal_list")
        assert (whole["text"], whole["is_cut"], whole["fault"]) == ("x" * 1530, False, "no_credit")
        assert (len(cut["text"]), cut["is_cut"], cut["fault"]) == (1600, True, "too_many_parts")
        (kept,) = await house.ledger.read("refusals_kept", refusal_ids=[whole["refusal_id"]])
        assert (kept["originator"], kept["lane"], kept["reference"]) == ("Pump", Lane.ALARM, "r")
        assert thread_of(kept["thread"]) == replace(thread, subject="Larm?")


@asyncio_test
async def test_a_refused_resubmission_is_no_second_refusal_and_a_top_up_sends_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.add_account(pin="SECRETPIN2", credit_mc=500)
        identity = await house.identity("demo", "SECRETPIN2")
        one = Submission("cli", RECIPIENT, "alarm")
        with pytest.raises(Fault):
            await house.door.submit(identity, [one])
        (refusal,) = await house.ledger.read("refusal_list")
        with pytest.raises(Fault) as refused:
            await house.door.submit(identity, [one], resubmits=(refusal["refusal_id"],))
        assert refused.value.code is FaultCode.NO_CREDIT
        assert await house.ledger.read("refusal_list") == [refusal]
        await house.ledger.do("account_top_up", name="demo", amount_mc=5000, key="k", now_ms=now_ms())
        assert await house.messages() == []
        (accepted,) = await house.door.submit(identity, [one], resubmits=(refusal["refusal_id"],))
        (told,) = await house.ledger.read("refusal_list")
        assert told["resubmitted_as"] == accepted.message_id
        assert await house.balance_mc() == 4500
