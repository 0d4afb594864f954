"""Warnings about credit on their way: by mail through a relay, and as a text of the account itself, exactly once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.app.warnings_by_text import RETRY_MS, WarningsByText
from bridge.inbound_mail import service
from bridge.inbound_mail.service import SendbackService
from bridge.inbound_mail.settings import RelaySettings
from bridge.intake.authenticate import Identity
from bridge.messages.message import Submission
from bridge.runtime.loop import now_ms
from tests.house import House, open_house
from tests.support import asyncio_test, eventually
from tests.wire.scripted_relay import open_relay

OWNER = {"email": "owner@example.com", "mobile": "46701740606", "low_limit_mc": 5000}


class Setup:
    """A house with an account that can be warned, and what sends the warnings as texts."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.texts = WarningsByText(house.ledger, house.door, self.identity)

    async def identity(self, name: str) -> Identity:
        return await self.house.identity(name, "SECRETPIN2")

    async def spend(self, parts: int) -> None:
        submissions = [Submission("http", f"4670174{n:04}", "hello") for n in range(parts)]
        await self.house.door.submit(await self.identity("demo"), submissions)

    async def warnings(self) -> list[dict[str, Any]]:
        """The texts that warn, newest first."""
        listed = [one for one in await self.house.messages() if one["door"] == "warning"]
        return [dict(await self.house.ledger.read("message_show", message_id=one["message_id"])) for one in listed]


@asynccontextmanager
async def open_setup(folder: Path, credit_mc: int = 7000, **facts: Any) -> AsyncIterator[Setup]:
    async with open_house(folder) as house:
        if not await house.ledger.read("account_list"):
            await house.add_account(pin="SECRETPIN2", credit_mc=credit_mc, **(OWNER | facts))
        await house.ledger.do("recover", now_ms=now_ms(), hold_ms=0)
        yield Setup(house)


@asyncio_test
async def test_a_fall_is_mailed_once_to_the_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "POLL_S", 0.05)
    async with open_relay() as relay, open_setup(tmp_path) as setup:
        house = setup.house
        sendback = SendbackService(RelaySettings(port=relay.port), "sms.example", house.ledger)
        await sendback.start()
        try:
            await setup.spend(3)
            await eventually(lambda: relay.taken)
            await setup.spend(2)
            await house.ledger.do("account_top_up", name="demo", amount_mc=5000, key="a", now_ms=now_ms())
            await setup.spend(3)
            await eventually(lambda: len(relay.taken) == 2)
        finally:
            await sendback.stop()
        assert [(sender, to) for sender, to, _ in relay.mails] == [("<>", "owner@example.com")] * 2
        first, second = relay.taken
        assert first["Subject"] == "Account demo: credit below 5.000"
        assert first["Message-ID"] != second["Message-ID"]
        said = " ".join(first.get_content().split())
        assert "fell below its limit of 5.000 at 20" in said
        assert "The account is too young to say how long it will last" in said
        assert "Credit 4.000" in said


@asyncio_test
async def test_a_text_is_an_ordinary_message_of_the_account_charged_as_usual(tmp_path: Path) -> None:
    async with open_setup(tmp_path, is_low_texted=True) as setup:
        await setup.spend(3)
        await setup.texts.send_due()
        await setup.texts.send_due()
        (warning,) = await setup.warnings()
        assert (warning["account"], warning["recipient"], warning["price_mc"]) == ("demo", "46701740606", 1000)
        assert warning["text"].startswith("Account demo: credit 4.000 is below 5.000. Ask your operator")
        assert await setup.house.balance_mc() == 3000


@asyncio_test
async def test_a_crash_between_submitting_and_settling_makes_no_second_text(tmp_path: Path) -> None:
    async with open_setup(tmp_path, is_low_texted=True) as setup:
        await setup.spend(3)
        (notice,) = await setup.house.ledger.claim_notices(10, now_ms(), is_for_texts=True)
        await setup.texts._submit(notice)
    async with open_setup(tmp_path) as setup:
        # The credit has changed, so the text would say something else now.
        await setup.spend(1)
        await setup.texts.send_due()
        (warning,) = await setup.warnings()
        assert warning["text"].startswith("Account demo: credit 4.000 ")
        assert await setup.house.balance_mc() == 2000
        assert await setup.house.ledger.claim_notices(10, now_ms() + 10**9, is_for_texts=True) == []


@asyncio_test
async def test_a_warning_that_cannot_be_paid_is_given_up_and_logged(tmp_path: Path) -> None:
    async with open_setup(tmp_path, is_low_texted=True) as setup:
        await setup.spend(7)
        with capture_logs() as logs:
            await setup.texts.send_due()
        (line,) = [line for line in logs if line["event"] == "credit warning by text given up"]
        assert (line["log_level"], line["account"], line["fault"]) == ("error", "demo", "no_credit")
        await setup.house.ledger.do("account_top_up", name="demo", amount_mc=9000, key="a", now_ms=now_ms())
        await setup.texts.send_due()
        assert await setup.warnings() == []


@asyncio_test
async def test_a_busy_appliance_sends_it_a_minute_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_setup(tmp_path, is_low_texted=True) as setup:
        await setup.spend(3)
        (notice,) = await setup.house.ledger.claim_notices(10, now_ms(), is_for_texts=True)
        with monkeypatch.context() as full:
            full.setattr("bridge.ledger.worker.QUEUE_MAX", 0)
            outcome = await setup.texts._send(notice)
        assert (outcome.is_done, outcome.is_given_up) == (False, False)
        await setup.house.ledger.settle_notices([outcome])
        await setup.texts.send_due()
        assert await setup.warnings() == []
        (again,) = await setup.house.ledger.claim_notices(10, outcome.retry_at_ms, is_for_texts=True)
        assert (again.notice_id, again.attempt) == (notice.notice_id, 2)


@asyncio_test
async def test_a_bug_leaves_no_warning_claimed(tmp_path: Path) -> None:
    """Anything but a refusal left the notice claimed until the next start, and the others of its round too."""

    async def broken(name: str) -> Identity:
        raise KeyError(name)

    async with open_setup(tmp_path, is_low_texted=True) as setup:
        await setup.spend(3)
        with capture_logs() as logs:
            await WarningsByText(setup.house.ledger, setup.house.door, broken).send_due()
        events = [line["event"] for line in logs if line["event"].startswith("credit warning")]
        assert events == ["credit warning by text failed", "credit warning by text waits"]
        (again,) = await setup.house.ledger.claim_notices(10, now_ms() + RETRY_MS, is_for_texts=True)
        assert again.attempt == 2
        await setup.texts._settle(await setup.texts._send(again))
        assert len(await setup.warnings()) == 1


@asyncio_test
async def test_an_account_that_was_stopped_meanwhile_gets_no_text(tmp_path: Path) -> None:
    async with open_setup(tmp_path, is_low_texted=True) as setup:
        await setup.spend(3)
        await setup.house.ledger.do("account_set_disabled", name="demo", is_disabled=True)
        setup.house.gatekeeper.forget()
        await setup.texts.send_due()
        assert await setup.warnings() == []
        assert await setup.house.ledger.claim_notices(10, now_ms() + 10**9, is_for_texts=True) == []
