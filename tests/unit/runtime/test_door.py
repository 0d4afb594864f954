"""The door charges, queues and refuses on a real ledger."""

from pathlib import Path

import pytest

from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Submission
from tests.house import open_house
from tests.support import asyncio_test

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
        (refusal,) = await house.ledger.read("refusal_list")
        assert (refusal["fault"], refusal["account"]) == ("no_credit", "demo")
