"""Commands on a real ledger, over a real control socket: price lists of full size, refusals that are resubmitted."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.app.control import ControlServer
from bridge.app.operations.everything import Operations
from bridge.app.packed import pack, unpack
from bridge.app.roles import offline_operations
from bridge.app.settings import Settings, embedded
from bridge.messages.faults import Fault, FaultCode
from bridge.routing import price_list
from tests.support import asyncio_test
from tests.unit.app.desk import run


class Place:
    """The operations, and `smsbridge` against them."""

    def __init__(self, folder: Path, operations: Operations) -> None:
        self.folder = folder
        self.operations = operations

    async def run(self, *words: str) -> Result:
        """A command line that ends well."""
        result = await asyncio.to_thread(run, "--state-folder", str(self.folder), *words)
        assert result.exit_code == 0, result.stderr
        return result


@asynccontextmanager
async def open_place(folder: Path) -> AsyncIterator[Place]:
    # The operations log in this process too; what is captured does not get between the answers.
    with capture_logs():
        async with offline_operations(embedded(folder)) as operations:
            server = ControlServer(folder, operations)
            await server.start()
            try:
                yield Place(folder, operations)
                assert (await operations.ledger_audit())["is_ok"]
            finally:
                await server.stop()


@asyncio_test
async def test_a_price_list_of_full_size_goes_in_and_comes_out(tmp_path: Path) -> None:
    dice = random.Random(3)
    names = {
        (dice.choice(("", "hospital", "a class with a long name, really")), str(dice.randrange(10**11, 10**15)), at_ms)
        for at_ms in (0, 1_796_083_200_123)
        for _ in range(price_list.ROWS_MAX)
    }
    rows = [(*name, dice.randrange(10**6)) for name in sorted(names)[: price_list.ROWS_MAX]]
    assert len(rows) == price_list.ROWS_MAX
    (tmp_path / "in.csv").write_text(price_list.write(rows))
    async with open_place(tmp_path / "state") as place:
        result = await place.run("tariff", "import", str(tmp_path / "in.csv"), "--replace")
        assert result.stdout == "prices taken: 20000 new, 0 changed, 0 as before, 1 gone\n"
        await place.run("tariff", "export", str(tmp_path / "out.csv"))
        assert (tmp_path / "out.csv").read_text() == (tmp_path / "in.csv").read_text()
        listed = await place.run("tariff", "list")
        assert len(listed.stdout.splitlines()) == 5001
        assert "the first 5000 prices; `smsbridge tariff export` has all" in listed.stderr


@asyncio_test
async def test_the_example_price_list_is_one_and_is_in_force_at_once(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        await place.run("account", "add", "demo", "--credit", "10")
        await place.run("tariff", "import", "config/prices.example.csv", "--replace")
        (sent,) = await place.operations.send(account="demo", to=["46701740605"], text="hello")
        assert sent["price_mc"] == 800
        states = {(row["prefix"], row["state"]) for row in await place.operations.tariff_list()}
        assert ("46", "in force") in states


tariffs = st.dictionaries(
    st.tuples(
        st.sampled_from(["", "gold", "Å-klass 2"]), st.text("0123", max_size=4), st.sampled_from([0, 1, 86_400_000])
    ),
    st.integers(0, 10**6),
    min_size=1,
    max_size=12,
)


@asyncio_test
async def test_an_export_that_is_imported_again_changes_nothing(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        loop = asyncio.get_running_loop()

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(tariffs, tariffs)
        def export_and_import(first: dict[Any, int], other: dict[Any, int]) -> None:
            def do(call: Any) -> Any:
                return asyncio.run_coroutine_threadsafe(call, loop).result(20)

            def put(table: dict[Any, int]) -> Any:
                packed = pack(price_list.write((*name, price) for name, price in table.items()))
                return do(place.operations.tariff_import(packed=packed, is_replacing=True, is_trial=False))

            put(first)
            exported = do(place.operations.tariff_show())["packed"]
            put(other)
            do(place.operations.tariff_import(packed=exported, is_replacing=True, is_trial=False))
            assert unpack(do(place.operations.tariff_show())["packed"], 10**6) == unpack(exported, 10**6)
            again = do(place.operations.tariff_import(packed=exported, is_replacing=True, is_trial=True))
            assert again == {"new": 0, "changed": 0, "same": len(first), "gone": 0}

        await asyncio.to_thread(export_and_import)


@pytest.mark.parametrize(
    "packed", ["", "x", "äö", pack("prefix,price\n46,1\n")[:-8], pack("a" * (price_list.TEXT_MAX + 1))]
)
@asyncio_test
async def test_what_is_no_packed_list_is_a_bad_request(tmp_path: Path, packed: str) -> None:
    async with open_place(tmp_path) as place:
        with pytest.raises(Fault) as refused:
            await place.operations.tariff_import(packed=packed, is_replacing=True, is_trial=False)
        assert refused.value.code is FaultCode.BAD_REQUEST
        assert len(await place.operations.tariff_list()) == 1


@asyncio_test
async def test_what_no_credit_refused_is_resubmitted_by_one_command_and_never_by_itself(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        await place.run("account", "add", "demo", "--credit", "1")
        with pytest.raises(Fault, match="it costs 2.000"):
            await place.operations.send(account="demo", to=["46701740605", "46701740606"], text="hello", lane="alarm")
        await place.run("account", "top-up", "demo", "9")
        assert await place.operations.message_list() == []
        await place.run("tariff", "set", "46", "2")
        (second, first) = await place.operations.refusal_list(account="demo", fault="no_credit")
        result = await place.run("refusal", "resubmit", str(first["refusal_id"]), str(second["refusal_id"]))
        assert [line.split()[1:] for line in result.stdout.splitlines()[1:]] == [
            ["46701740605", "1", "2.000"],
            ["46701740606", "1", "2.000"],
        ]
        assert {row["lane"] for row in await place.operations.message_list()} == {"alarm"}
        again = await asyncio.to_thread(run, "--state-folder", str(tmp_path), "refusal", "resubmit", "1")
        assert again.exit_code == 65
        assert "was resubmitted as message" in again.stderr


@asyncio_test
async def test_what_cannot_be_resubmitted_says_what_to_do(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        operations = place.operations
        for name in ("demo", "other"):
            await operations.account_add(name=name)
            with pytest.raises(Fault):
                await operations.send(account=name, to=["46701740605"], text="hello")
        with pytest.raises(Fault):
            await operations.send(account="demo", to=["46701740605"], text="x" * 1601)
        for ids, code, told in (
            ([3], FaultCode.BAD_REQUEST, "let its sender send it again"),
            ([1, 99], FaultCode.NOT_FOUND, "refusal 99"),
            ([1, 2], FaultCode.BAD_REQUEST, "refusals of one account at a time, not of demo, other"),
            ([1], FaultCode.NO_CREDIT, "it costs 1.000"),
            ([], FaultCode.BAD_REQUEST, "name 1 to 100"),
            (list(range(1, 102)), FaultCode.BAD_REQUEST, "name 1 to 100"),
        ):
            with pytest.raises(Fault, match=told) as refused:
                await operations.refusal_resubmit(refusal_ids=ids)
            assert refused.value.code is code
        await operations.account_disable(name="demo")
        with pytest.raises(Fault) as refused:
            await operations.refusal_resubmit(refusal_ids=[1])
        assert refused.value.code is FaultCode.ACCOUNT_DISABLED
        assert [row["refusal_id"] for row in await operations.refusal_list()] == [3, 2, 1], (
            "none became a refusal again"
        )


@asyncio_test
async def test_a_trial_account_has_its_free_parts_and_then_nothing(tmp_path: Path) -> None:
    trial = Settings(**{**embedded(tmp_path).model_dump(), "intake": {"trial_messages": 3}})
    async with offline_operations(trial) as operations:
        await operations.account_add(name="demo", is_trial=True)
        await operations.send(account="demo", to=["46701740605"], text="x" * 200)
        assert (await operations.account_show(name="demo"))["trial_parts"] == 1
        with pytest.raises(Fault):
            await operations.send(account="demo", to=["46701740605"], text="x" * 200)
        await operations.send(account="demo", to=["447700900123"], text="hello")
        assert (await operations.account_show(name="demo"))["trial_parts"] == 1, "a test number uses none"
        await operations.send(account="demo", to=["46701740605"], text="hello")
        (listed,) = await operations.account_list()
        assert (listed["trial_parts"], listed["balance_mc"]) == (0, 0)
        await operations.account_add(name="payer")
        assert (await operations.account_show(name="payer"))["trial_parts"] is None
        assert (await operations.ledger_audit())["is_ok"]


@asyncio_test
async def test_where_trials_get_nothing_none_is_opened(tmp_path: Path) -> None:
    none = Settings(**{**embedded(tmp_path).model_dump(), "intake": {"trial_messages": 0}})
    async with offline_operations(none) as operations:
        with pytest.raises(Fault, match="intake.trial_messages"):
            await operations.account_add(name="demo", is_trial=True)
        assert await operations.account_list() == []


@asyncio_test
async def test_the_built_in_link_is_listed_and_its_queue_has_a_reason(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        await place.operations.account_add(name="demo")
        await place.operations.send(account="demo", to=["447700900123"], text="hello")
        (_, built_in) = await place.operations.link_list()
        assert (built_in["name"], built_in["queued"], built_in["state"]) == ("test", 1, "not running")
        (line,) = (await place.operations.queue())["parts"]
        assert (line["link"], line["waiting_for"]) == ("test", "the appliance is not running")
