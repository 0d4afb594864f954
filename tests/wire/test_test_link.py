"""The built-in link of test numbers on a real ledger: the whole walk without a socket, across restarts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.messages.message import TEST_LINK, ClaimedPart, MailThread, Outcome, OutcomeKind, Submission
from bridge.messages.receipt import Receipt
from bridge.runtime.loop import now_ms
from bridge.test_out import service
from bridge.test_out.service import TestLink
from bridge.test_out.settings import TestLinkSettings
from tests.house import House, open_house
from tests.support import asyncio_test, eventually

THREAD = MailThread("ops@example.com", "<3@example.com>", "", "Try")


@asynccontextmanager
async def open_link(house: House, delay_ms: int = 0) -> AsyncIterator[TestLink]:
    link = TestLink(TestLinkSettings(receipt_delay_ms=delay_ms), house.ledger)
    await link.start()
    try:
        yield link
    finally:
        await link.stop()


async def submit(house: House, *recipients: str, text: str = "hello", credit_mc: int = 0) -> list[str]:
    """Submit for the account demo, which has nothing; gives the ids."""
    if not await house.ledger.read("account_list"):
        await house.add_account(pin="SECRETPIN2", credit_mc=credit_mc)
    identity = await house.identity("demo", "SECRETPIN2")
    submissions = [Submission("smtp", to, text, thread=THREAD) for to in recipients]
    return [one.message_id for one in await house.door.submit(identity, submissions)]


async def until(house: House, message_id: str, state: str) -> dict[str, object]:
    async with asyncio.timeout(10):
        while True:
            shown = dict(await house.ledger.read("message_show", message_id=message_id))
            if shown["state"] == state:
                return shown
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("recipient", "state", "error"),
    [
        ("447700900123", "delivered", "000"),
        ("447700999999", "delivered", "000"),
        ("447700900901", "undeliverable", "001"),
        ("447700900902", "expired", "027"),
        ("447700900903", "rejected", ""),
        ("447700912903", "rejected", ""),
    ],
)
@asyncio_test
async def test_the_last_digits_choose_the_outcome(tmp_path: Path, recipient: str, state: str, error: str) -> None:
    async with open_house(tmp_path) as house, open_link(house):
        (message_id,) = await submit(house, recipient)
        shown = await until(house, message_id, state)
        (part,) = shown["parts"]  # type: ignore[misc]
        assert part["error"] == error
        assert part["link"] == TEST_LINK
        assert (part["submitted_at_ms"] is None) == (state == "rejected")
        assert [notice["event"] for notice in shown["notices"]] == [state]  # type: ignore[attr-defined]


@asyncio_test
async def test_it_walks_through_the_whole_ledger_and_costs_nothing(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, open_link(house):
        (message_id,) = await submit(house, "447700900123", text="x" * 400)
        shown = await until(house, message_id, "delivered")
        assert shown["price_mc"] == 0
        assert [(one["kind"], one["amount_mc"]) for one in shown["postings"]] == [("charge", 0)]  # type: ignore[attr-defined]
        assert len({part["smsc_id"] for part in shown["parts"]}) == 3  # type: ignore[attr-defined]
        assert await house.balance_mc() == 0


@asyncio_test
async def test_a_thousand_numbers_end_here_and_nowhere_else(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, open_link(house):
        numbers = [str(447700900000 + n) for n in range(1000)]
        ids = [one for start in range(0, 1000, 100) for one in await submit(house, *numbers[start : start + 100])]
        states = {"901": "undeliverable", "902": "expired", "903": "rejected"}
        for number, message_id in zip(numbers, ids, strict=True):
            await until(house, message_id, states.get(number[-3:], "delivered"))
        assert {row["link"] for row in await house.messages(count_max=1000)} == {TEST_LINK}
        assert await house.balance_mc() == 0


@asyncio_test
async def test_the_receipt_comes_after_its_delay_and_not_before(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, open_link(house, delay_ms=600_000):
        (message_id,) = await submit(house, "447700900123")
        await until(house, message_id, "submitted")
        (quick,) = await submit(house, "447700900903")
        await until(house, quick, "rejected")
        assert (await until(house, message_id, "submitted"))["state"] == "submitted"


@asyncio_test
async def test_what_waits_for_its_receipt_gets_it_after_a_restart(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, open_link(house, delay_ms=600_000):
        ids = await submit(house, "447700900123", "447700900901", text="x" * 200)
        for message_id in ids:
            await until(house, message_id, "submitted")
    async with open_house(tmp_path) as house, open_link(house):
        await until(house, ids[0], "delivered")
        await until(house, ids[1], "undeliverable")


@asyncio_test
async def test_many_that_wait_are_found_again_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.ledger.reports_messages.SUBMITTED_MAX", 3)
    async with open_house(tmp_path) as house:
        ids = await submit(house, *(str(447700900100 + n) for n in range(8)))
        parts = await house.ledger.claim(TEST_LINK, 100, now_ms())
        outcomes = [Outcome(p.part_id, OutcomeKind.SUBMITTED, now_ms(), smsc_id=f"test-{p.part_id}") for p in parts]
        await house.ledger.settle(TEST_LINK, outcomes)
        async with open_link(house):
            for message_id in ids:
                await until(house, message_id, "delivered")


@asyncio_test
async def test_a_bug_met_by_one_part_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link repeated for ever what can never be booked, and nothing else ended any more."""
    answer, name = service._outcome, service._receipt

    def outcome(part: ClaimedPart, at_ms: int) -> Outcome:
        found = answer(part, at_ms)
        return replace(found, smsc_id="\ud800") if part.recipient == "447700900101" else found

    def receipt(smsc_id: str, recipient: str) -> Receipt:
        found = name(smsc_id, recipient)
        return replace(found, error="\ud800") if recipient == "447700900102" else found

    monkeypatch.setattr(service, "_outcome", outcome)
    monkeypatch.setattr(service, "_receipt", receipt)
    async with open_house(tmp_path) as house:
        ids = await submit(house, *(str(447700900100 + n) for n in range(4)))
        with capture_logs() as logs:
            async with open_link(house):
                for message_id in (ids[0], ids[3]):
                    await until(house, message_id, "delivered")
                (later,) = await submit(house, "447700900104")
                await until(house, later, "delivered")
        states = [(await house.ledger.read("message_show", message_id=one))["parts"][0]["state"] for one in ids]
        assert states == ["delivered", "claimed", "submitted", "delivered"]
        assert [line["count"] for line in logs if line["event"] == "booking failed"] in ([4, 1, 3, 1], [4, 1, 1])


@asyncio_test
async def test_a_part_that_was_claimed_when_the_appliance_ended_is_resolved_like_any_other(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        (message_id,) = await submit(house, "447700900123")
        await house.ledger.claim(TEST_LINK, 1, now_ms())
    async with open_house(tmp_path) as house:
        await house.ledger.do("recover", now_ms=now_ms(), hold_ms=0)
        await house.ledger.do("resolve_doubts", now_ms=now_ms(), never_resend=[])
        async with open_link(house):
            shown = await until(house, message_id, "delivered")
            assert [line["event"] for line in shown["history"]] == ["in_doubt", "resend"]  # type: ignore[attr-defined]


@asyncio_test
async def test_no_more_wait_for_receipts_than_fit_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "WAITING_MAX", 2)
    monkeypatch.setattr(service, "POLL_S", 0.02)
    async with open_house(tmp_path) as house:
        ids = await submit(house, *(str(447700900100 + n) for n in range(5)))
        async with open_link(house, delay_ms=600_000):
            await until(house, ids[1], "submitted")
        states = [row["state"] for row in await house.messages()]
        assert sorted(states) == ["queued"] * 3 + ["submitted"] * 2
        async with open_link(house):
            for message_id in ids:
                await until(house, message_id, "delivered")


@asyncio_test
async def test_a_ledger_that_is_busy_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "RETRY_S", 0.01)
    async with open_house(tmp_path) as house:
        (message_id,) = await submit(house, "447700900123")
        with capture_logs() as logs, monkeypatch.context() as full:
            full.setattr("bridge.ledger.worker.QUEUE_MAX", 0)
            async with open_link(house):
                await eventually(lambda: [line for line in logs if line["event"] == "ledger in trouble"])
                full.undo()
                await until(house, message_id, "delivered")
