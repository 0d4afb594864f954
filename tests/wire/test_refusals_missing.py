"""Numbers that no route knows: the operator sees them by range, adds a route, and has them resubmitted once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bridge.app.operations.everything import Operations
from bridge.app.packed import pack
from bridge.app.roles import offline_operations
from bridge.app.settings import Settings, embedded
from bridge.messages.faults import Fault, FaultCode
from bridge.runtime.loop import now_ms
from tests.support import asyncio_test
from tests.unit.app.desk import run
from tests.wire.test_desk_commands import open_place

LINKS = [{"name": "nordic", "host": "127.0.0.1", "system_id": "x", "password": "x"}]


def settings(folder: Path) -> Settings:
    return Settings(**{**embedded(folder).model_dump(), "links": LINKS})


async def accounts(operations: Operations) -> None:
    """Two accounts with credit; one price for everywhere, as in every new ledger."""
    for name in ("ward7", "ward8"):
        await operations.account_add(name=name, home_country="NO")
        await operations.account_top_up(name=name, amount_mc=1_000_000, key=name)


async def refused(operations: Operations, account: str, to: str, text: str = "hello", lane: str = "") -> None:
    with pytest.raises(Fault) as caught:
        await operations.send(account=account, to=[to], text=text, lane=lane)
    assert caught.value.code is FaultCode.NO_ROUTE


async def no_way(operations: Operations) -> None:
    """One route, to Sweden: all else is missing."""
    await operations.route_add(cells={"destination": "prefix:46", "links": "nordic"})


async def resubmitted(operations: Operations, prefix: str, account: str, **values: Any) -> list[dict[str, Any]]:
    """Every batch of one resubmission."""
    lane, after, batches = 0, 0, []
    while True:
        batch: Any = await operations.refusal_resubmit_range(
            prefix=prefix, account=account, lane=lane, after=after, **values
        )
        batches.append(batch)
        lane, after = batch["lane"], batch["after"]
        if batch["is_last"]:
            return batches


@asyncio_test
async def test_from_the_refusal_to_the_resubmission(tmp_path: Path) -> None:
    async with offline_operations(settings(tmp_path)) as operations:
        await accounts(operations)
        await no_way(operations)
        for number in ("406 12 345", "+47 406 12 346"):
            await refused(operations, "ward7", number)
        await refused(operations, "ward8", "4740612347")
        await refused(operations, "ward8", "+33612345678")
        with pytest.raises(Fault):
            await operations.send(account="ward7", to=["+4719"], text="no number is not a range")
        norway, france = await operations.refusal_missing()
        assert norway["newest_at_ms"] <= now_ms()
        assert {**norway, "newest_at_ms": 0} == {
            "prefix": "474061",
            "country": "NO",
            "detail": "route missing",
            "count": 3,
            "accounts": ["ward7", "ward8"],
            "account_count": 2,
            "newest_at_ms": 0,
        }
        assert (france["prefix"], france["country"], france["count"]) == ("336123", "FR", 1)
        assert [(row["account"], row["count"]) for row in await operations.refusal_waiting(prefix="47")] == [
            ("ward7", 2),
            ("ward8", 1),
        ]
        (before,) = await resubmitted(operations, "4740", "ward7")
        assert [one["fault"] for one in before["refused"]] == ["no_route", "no_route"]
        assert before["sent"] == []
        await operations.route_add(cells={"destination": "prefix:4740", "links": "nordic"})
        (batch,) = await resubmitted(operations, "4740", "ward7", actor="anna")
        assert [one["recipient"] for one in batch["sent"]] == ["4740612345", "4740612346"]
        assert (await operations.account_show(name="ward7"))["balance_mc"] == 998_000
        assert (await operations.account_show(name="ward8"))["balance_mc"] == 1_000_000, "it did not agree"
        (again,) = await resubmitted(operations, "4740", "ward7")
        assert again["sent"] == again["refused"] == [], "each once"
        assert (await operations.account_show(name="ward7"))["balance_mc"] == 998_000
        assert [row["prefix"] for row in await operations.refusal_missing()] == ["336123", "474061"]
        (action,) = [row for row in await operations.action_list(count_max=9) if row["action"] == "resubmit"]
        assert (action["actor"], action["detail"]) == ("anna", "2 of ward7, range 4740, as agreed")
        shown = await operations.message_show(message_id=batch["sent"][0]["message_id"])
        assert [(line["event"], line["detail"]) for line in shown["history"]] == [
            ("number_read", "national number of NO: 47 put in front")
        ]
        assert (await operations.ledger_audit())["is_ok"]


@asyncio_test
async def test_alarms_go_first_and_each_batch_is_bounded(tmp_path: Path) -> None:
    async with offline_operations(settings(tmp_path)) as operations:
        await accounts(operations)
        await no_way(operations)
        for number in range(130):
            await refused(operations, "ward7", f"4740612{number:03}", lane="alarm" if number >= 120 else "")
        await operations.route_add(cells={"destination": "prefix:47", "links": "nordic"})
        first, second = await resubmitted(operations, "47", "ward7")
        assert (len(first["sent"]), len(second["sent"])) == (100, 30)
        assert [one["recipient"] for one in first["sent"][:11]] == [
            *(f"4740612{number:03}" for number in range(120, 130)),
            "4740612000",
        ]
        assert (await operations.account_show(name="ward7"))["balance_mc"] == 870_000
        assert await operations.refusal_missing() == []


@asyncio_test
async def test_two_operators_at_once_send_each_once(tmp_path: Path) -> None:
    async with offline_operations(settings(tmp_path)) as operations:
        await accounts(operations)
        await no_way(operations)
        for number in range(20):
            await refused(operations, "ward7", f"4740612{number:03}")
        await operations.route_add(cells={"destination": "prefix:47", "links": "nordic"})
        found = await asyncio.gather(*(resubmitted(operations, "47", "ward7") for _ in range(3)))
        sent = [one["recipient"] for batches in found for batch in batches for one in batch["sent"]]
        assert sorted(sent) == [f"4740612{number:03}" for number in range(20)]
        assert (await operations.account_show(name="ward7"))["balance_mc"] == 980_000


@asyncio_test
async def test_what_is_too_old_is_left_alone_unless_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with offline_operations(settings(tmp_path)) as operations:
        await accounts(operations)
        await no_way(operations)
        await refused(operations, "ward7", "4740612345")
        await refused(operations, "ward7", "4740612346", lane="alarm")
        await operations.route_add(cells={"destination": "prefix:47", "links": "nordic"})
        monkeypatch.setattr("bridge.app.operations.refusals.now_ms", lambda: now_ms() + 2 * 3_600_000)
        (batch,) = await resubmitted(operations, "47", "ward7")
        assert [one["recipient"] for one in batch["sent"]] == ["4740612345"], "an alarm of two hours ago is none"
        assert batch["too_old"] == 1
        (batch,) = await resubmitted(operations, "47", "ward7", is_old_too=True)
        assert [one["recipient"] for one in batch["sent"]] == ["4740612346"]


@asyncio_test
async def test_the_command_line_asks_for_the_accounts_word(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        operations = place.operations
        await operations.account_add(name="ward7")
        await operations.account_top_up(name="ward7", amount_mc=1_500, key="k")
        await operations.tariff_import(packed=_prices("46,,1"), is_replacing=True, is_trial=False)
        for number in ("4740612345", "4740612346"):
            await refused(operations, "ward7", number)
        listed = await place.run("refusal", "missing")
        assert listed.stdout.splitlines()[1].split()[:4] == ["474061…", "NO", "it", "has"]
        assert "smsbridge route add prefix:474061" in listed.stderr
        await operations.tariff_set(prefix="47", price_mc=1000)
        for words in (("--prefix", "47"), ("--prefix", "47", "--account", "ward7"), ("--prefix", "47", "--agreed")):
            shown = await place.run("refusal", "resubmit", *words)
            assert shown.stdout.splitlines()[1].split()[:2] == ["ward7", "2"]
            assert "nothing was submitted" in shown.stderr
        assert await operations.message_list() == []
        words = ("refusal", "resubmit", "--prefix", "47", "--account", "ward7", "--agreed")
        done = await asyncio.to_thread(run, "--state-folder", str(tmp_path), *words)
        assert done.exit_code == 65
        assert done.stdout.splitlines()[1].split()[1:] == ["4740612345", "1", "1.000"]
        assert "1 message submitted, 1.000 charged" in done.stderr
        assert "1 refusal stayed: Not enough credit" in done.stderr
        for line in ("", "1 --prefix 47", "1 --agreed", "--account ward7 --agreed"):
            wrong = await asyncio.to_thread(run, "--state-folder", str(tmp_path), "refusal", "resubmit", *line.split())
            assert wrong.exit_code == 64, line
        wrong = await asyncio.to_thread(run, "--state-folder", str(tmp_path), "refusal", "resubmit", "--prefix", "4x")
        assert wrong.exit_code == 65
        assert "leading digits" in wrong.stderr


def _prices(*rows: str) -> str:
    return pack("\n".join(("prefix,class,price", *rows)))


@asyncio_test
async def test_an_erased_person_is_gone_from_what_is_missing(tmp_path: Path) -> None:
    async with offline_operations(settings(tmp_path)) as operations:
        await accounts(operations)
        await no_way(operations)
        await refused(operations, "ward7", "406 12 345")
        assert (await operations.person_show(number="4740612345"))["counts"]["refusal"] == 1
        await operations.person_erase(number="4740612345")
        assert await operations.refusal_missing() == []
        assert await operations.refusal_waiting(prefix="4740") == []
