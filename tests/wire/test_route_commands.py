"""Routes and networks on a real ledger, over a real control socket: taken whole or not at all, and obeyed at once."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.app.control import ControlServer
from bridge.app.operations.everything import Operations
from bridge.app.packed import pack, unpack
from bridge.app.roles import offline_operations
from bridge.app.settings import Settings, embedded
from bridge.messages.message import TEST_LINK
from bridge.routing import networks, route_list
from bridge.smpp_out.settings import LinkSettings
from tests.support import asyncio_test
from tests.unit.app.desk import run

HEAD = "destination,class,originator,hours,coding,kind,links,note\n"
NETWORKS = "prefix,mcc_mnc,country,name\n46707,24007,SE,Tele2\n46708,24008,SE,Telenor\n46709,24008,,Telenor\n"


class Place:
    """The operations, and `smsbridge` against them."""

    def __init__(self, folder: Path, operations: Operations) -> None:
        self.folder = folder
        self.operations = operations

    async def run(self, *words: str, code: int = 0, stdin: str | None = None) -> Result:
        result = await asyncio.to_thread(lambda: run("--state-folder", str(self.folder), *words, stdin=stdin))
        assert result.exit_code == code, (result.stdout, result.stderr)
        return result

    async def link_of(self, number: str, **values: Any) -> str:
        """The link that a new message to a number waits for."""
        [sent] = await self.operations.send(account="demo", to=[number], text=values.pop("text", "hello"), **values)
        [part] = (await self.operations.message_show(message_id=sent["message_id"]))["parts"]
        link: str = part["link"]
        return link


def three_links(folder: Path, names: Sequence[str] = ("a", "b", "c")) -> Settings:
    links = [LinkSettings(name=name, host="127.0.0.1", port=1, system_id="us", password="pw") for name in names]
    return embedded(folder).model_copy(update={"links": links})


@asynccontextmanager
async def open_place(folder: Path, names: Sequence[str] = ("a", "b", "c")) -> AsyncIterator[Place]:
    # The operations log in this process too; what is captured does not get between the answers.
    with capture_logs():
        async with offline_operations(three_links(folder, names)) as operations:
            server = ControlServer(folder, operations)
            await server.start()
            try:
                place = Place(folder, operations)
                if not await operations.account_list():
                    await place.run("account", "add", "demo", "--credit", "1000")
                yield place
                assert (await operations.ledger_audit())["is_ok"]
            finally:
                await server.stop()


@asyncio_test
async def test_a_change_of_the_routes_counts_from_the_next_message_on_and_after_a_restart(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        assert await place.link_of("46701740605") == "a"
        result = await place.run("route", "add", "46701", "c, a", "--note", "cheap")
        assert result.stdout == "route 1 added: prefix:46701 goes over c, a\n"
        await place.run("route", "add", "*", "b")
        assert await place.link_of("46701740605") == "c"
        assert await place.link_of("46731740605") == "b"
    async with open_place(tmp_path) as place:
        assert await place.link_of("46701740605") == "c"
        assert (await place.run("route", "remove", "1")).stdout == "route 1 removed: prefix:46701 goes over c, a\n"
        assert await place.link_of("46701740605") == "b"
        await place.run("route", "remove", "2")
        assert await place.link_of("46701740605") == "a"
        assert "route 2" in (await place.run("route", "remove", "2", code=65)).stderr


@asyncio_test
async def test_what_a_message_is_decides_its_route(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        await place.run("network", "import", "-", stdin=NETWORKS)
        await place.run("account", "add", "gold", "--credit", "10", "--class", "gold")
        table = HEAD + "*,,,,,,a,\ncountry:SE,,,,ucs2,,b,\ncountry:SE,,Alarm*,,,,c,\nnetwork:24008,,,,,,c,\n"
        await place.run("route", "import", "-", stdin=table + "46707,gold,,,,,b,\n")
        assert await place.link_of("447911123456") == "a"
        assert await place.link_of("46731740605") == "a"
        assert await place.link_of("46731740605", text="\u4f60\u597d") == "b"
        assert await place.link_of("46731740605", originator="Alarm 1") == "c"
        assert await place.link_of("46709123456") == "c", "by its network"
        assert await place.link_of("46707123456") == "a", "not of the class"
        [gold] = await place.operations.send(account="gold", to=["46707123456"], text="hello")
        [part] = (await place.operations.message_show(message_id=gold["message_id"]))["parts"]
        assert part["link"] == "b"


@asyncio_test
async def test_a_table_with_mistakes_is_told_whole_and_the_old_one_stays(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        await place.run("tariff", "import", "-", "--replace", stdin="prefix,class,price\n46,,1\n47,gold,2\n")
        await place.run("route", "import", "-", stdin=HEAD + "46,,,,,,c,\n")
        wrong = (
            "46,,,,,,\"a, zz\",\n"  # 2: unknown link
            "+46,,,,,,a,\n"
            "44,,,,,,a,\n"  # 4: no price
            "47,,,,,,a,\n"
            "47,silver,,,,,a,\n"  # 6: no price of this class
            "network:24001,,,,,,a,\n"
            "460,,,,,,a,\n460,,,,,,b,\n"  # 9 contradicts 8
            "46,x,,99:00-10:00,latin1,mms,a b a,\n"
            "46,,,,,,a,b,c,d\n"
            "44,other,,,,,,never\n"  # 12: not served needs no price
        )  # fmt: skip
        result = await place.run("route", "import", "-", code=65, stdin=HEAD + wrong)
        told = [line.removeprefix("<stdin>:") for line in result.stderr.splitlines()]
        assert [": ".join(line.split(": ")[:2]) for line in told[:-1]] == [
            "2: links",
            "3: destination",
            "4: destination",
            "6: destination",
            "7: destination",
            "9: destination",
            "10: coding",
            "10: hours",
            "10: kind",
            "10: links",
            "11: 10 cells, but the first line names 8 columns",
        ]
        assert "2: links: no link zz in the configuration; links are a, b, c" in told
        assert "4: destination: no price; `smsbridge tariff set` sets one" in told
        assert "6: destination: no price for class silver; `smsbridge tariff set` sets one" in told
        assert "7: destination: network 24001 is not in the table of networks" in told
        assert "9: destination: contradicts line 8: both are for the same messages" in told
        assert told[-1] == "smsbridge: <stdin> was not taken; correct these lines and try again"
        assert await place.link_of("46701740605") == "c"
        for words in (("46", "zz"), ("44", "a"), ("46", "a"), ("46", "a*x"), ("network:1", "a")):
            await place.run("route", "add", *words, code=65)
        assert [row["links"] for row in await place.operations.route_list()] == ["c"]


@asyncio_test
async def test_a_trial_changes_nothing_and_tells_what_would_change(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        await place.run("route", "import", "-", stdin=HEAD + "46,,,,,,c,\n47,,,,,,a,\n48,,,,,,a,\n")
        table = HEAD + "46,,,,,,b,\n47,,,,,,a,\n49,,,,,,a,\n"
        result = await place.run("route", "import", "-", "--dry-run", stdin=table)
        assert result.stdout == "nothing was changed; it would be: 1 new, 1 changed, 1 as before, 1 gone\n"
        assert await place.link_of("46701740605") == "c"
        result = await place.run("route", "import", "-", stdin=table)
        assert result.stdout == "routes taken: 1 new, 1 changed, 1 as before, 1 gone\n"
        assert await place.link_of("46701740605") == "b"
        assert {row["route_id"]: row["destination"] for row in await place.operations.route_list()} == {
            1: "prefix:46",
            2: "prefix:47",
            4: "prefix:49",
        }, "a row for the same messages keeps its number"
        result = await place.run("network", "import", "-", "--dry-run", stdin=NETWORKS)
        assert result.stdout.endswith("it would be: 3 new, 0 changed, 0 as before, 0 gone\n")
        assert await place.operations.network_list() == []


@asyncio_test
async def test_a_network_that_a_route_is_for_cannot_go(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        await place.run("network", "import", "-", stdin=NETWORKS)
        await place.run("route", "add", "network:24007", "a")
        gone = NETWORKS.replace("46707,24007,SE,Tele2\n", "")
        result = await place.run("network", "import", "-", code=65, stdin=gone)
        assert "route 1 is for network 24007, which is missing" in result.stderr
        result = await place.run("network", "import", "-", code=65, stdin=NETWORKS + "46x,24007,NO,\n")
        assert [line.split(":")[1:3] for line in result.stderr.splitlines()[:-1]] == [["5", " prefix"]]
        assert len(await place.operations.network_list()) == 3


@asyncio_test
async def test_tables_of_full_size_go_in_and_come_out(tmp_path: Path) -> None:
    dice = random.Random(5)
    prefixes = sorted({str(dice.randrange(46 * 10**6, 47 * 10**6)) for _ in range(route_list.ROWS_MAX * 2)})
    prefixes = prefixes[: route_list.ROWS_MAX]
    assert len(prefixes) == networks.ROWS_MAX
    names = ("a", "b", "c")
    rows = [f'prefix:{one},,,,,,"{" ".join(dice.sample(names, 2))}, {dice.choice(names)}x",\n' for one in prefixes]
    (tmp_path / "routes.csv").write_text(HEAD + "".join(rows))
    known = "".join(f"{one},{dice.choice(('24001', '24007'))},SE,Network {one}\n" for one in prefixes)
    (tmp_path / "networks.csv").write_text("prefix,mcc_mnc,country,name\n" + known)
    async with open_place(tmp_path / "state", ("a", "b", "c", "ax", "bx", "cx")) as place:
        for what in ("network", "route"):
            await place.run(what, "import", str(tmp_path / f"{what}s.csv"))
            await place.run(what, "export", str(tmp_path / "out.csv"))
            assert (tmp_path / "out.csv").read_text() == (tmp_path / f"{what}s.csv").read_text()
        assert len((await place.run("route", "list")).stdout.splitlines()) == 2001
        assert len((await place.run("network", "list")).stdout.splitlines()) == 5001


@asyncio_test
async def test_an_export_that_is_imported_again_changes_nothing(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        loop = asyncio.get_running_loop()
        destinations = st.sampled_from(["*", "46", "467", "country:SE", "country:NO", "47"])
        rows = st.tuples(destinations, st.sampled_from(["", "gold"]), st.sampled_from(["a", '"b*2 a@0.010, c"', ""]))

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(rows, unique_by=lambda row: row[:2], max_size=8), st.lists(rows, max_size=1))
        def export_and_import(first: list[Any], other: list[Any]) -> None:
            def do(call: Any) -> Any:
                return asyncio.run_coroutine_threadsafe(call, loop).result(20)

            def put(packed: str, is_trial: bool = False) -> Any:
                return do(place.operations.route_import(packed=packed, is_trial=is_trial))

            def file(table: list[Any]) -> str:
                return pack(HEAD + "".join(f"{to},{name},,,,,{links},\n" for to, name, links in table))

            put(file(first))
            exported = do(place.operations.route_show())["packed"]
            put(file(other))
            put(exported)
            assert unpack(do(place.operations.route_show())["packed"], 10**6) == unpack(exported, 10**6)
            again = put(exported, is_trial=True)
            assert (again["errors"], again["same"], again["new"]) == ([], len(first), 0)

        await asyncio.to_thread(export_and_import)


class Sick:
    """Link a has trouble with one network."""

    def trouble(self, link: str, network: str, now_ms: int) -> str:
        return "its receipts have stopped" if (link, network) == ("a", "24007") else ""


@asyncio_test
async def test_a_first_choice_that_is_passed_over_is_told_in_the_history(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        await place.run("network", "import", "-", stdin=NETWORKS)
        await place.run("route", "add", "*", "a, b")
        door = place.operations._door
        door.tables = replace(door.tables, health=Sick())
        sent = await place.operations.send(account="demo", to=["46707123456", "46708123456"], text="hello")
        passed, usual = [await place.operations.message_show(message_id=one["message_id"]) for one in sent]
        assert [part["link"] for part in (*passed["parts"], *usual["parts"])] == ["b", "a"]
        assert [(row["event"], row["detail"]) for row in passed["history"]] == [
            ("passed_over", "link a passed over: its receipts have stopped")
        ]
        assert usual["history"] == []
        told = (await place.run("explain", "46707123456")).stdout
        assert "passed over: its receipts have stopped" in told
        await place.run("tariff", "set", "47", "2")
        assert door.tables.health.trouble("a", "24007", 0), "a change of other tables leaves the health as it is"


@asyncio_test
async def test_explain_tells_all_about_a_message_and_sends_nothing(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        await place.run("network", "import", "-", stdin=NETWORKS)
        await place.run("account", "set", "demo", "--originator", "Pumps")
        await place.run("tariff", "set", "46", "0.8")
        await place.run("route", "add", "country:SE", "b*2@0.021 b2, c", code=65)
        await place.run("route", "add", "country:SE", "b@0.021, a", "--note", "the usual way")
        words = ("explain", "+46 70 712 34 56", "--text", "\u0142adnie", "--account", "demo")
        result = await place.run(*words)
        lines = {line.split("  ")[0]: line.split("  ")[-1].strip() for line in result.stdout.splitlines()}
        assert lines["number"] == "46707123456"
        assert lines["country"] == "SE"
        assert lines["network"] == "Tele2 (24007), by prefix 46707"
        assert lines["originator"] == "Pumps"
        assert lines["coding"] == "ucs2, because of \u0142 (U+0142 LATIN SMALL LETTER L WITH STROKE)"
        assert lines["parts"] == "1"
        assert lines["price"] == "0.800 for a part, 0.800 in all"
        assert lines["route"] == "1, country:SE: the usual way"
        answer = json.loads((await place.run(*words, "--json")).stdout)
        assert [(link["link"], link["order"], link["cost_mc"]) for link in answer["links"]] == [
            ("b", 1, 21),
            ("a", 2, None),
        ]
        assert await place.operations.message_list() == []
        assert (await place.run("explain", "46999999999999999", code=65)).stderr.startswith("smsbridge: a message to ")
        result = await place.run("explain", "4712345678", code=65)
        assert "Destination not served: route missing; `smsbridge route add` adds a route" in result.stderr
        result = await place.run("route", "test", "46707123456")
        assert result.stdout.startswith("46707123456: route 1, country:SE goes over b@0.021, a\n")
        assert "would be refused" in (await place.run("route", "test", "4712345678", code=65)).stderr
        test_number = (await place.run("explain", "447700900123", "--json")).stdout
        assert json.loads(test_number)["is_test_number"]


@asyncio_test
async def test_a_number_without_a_route_is_refused_as_such_and_kept(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        await place.run("route", "add", "46", "a")
        await place.run("send", "--account", "demo", "--to", "4712345678", "hello", code=65)
        [refusal] = await place.operations.refusal_list(account="demo", fault="no_route")
        assert refusal["detail"] == "route missing"


@asyncio_test
async def test_a_route_whose_links_are_all_gone_refuses_and_one_gone_link_is_passed_over(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        await place.run("route", "import", "-", stdin=HEAD + '46,,,,,,"c, a",\n47,,,,,,c,\n')
    async with open_place(tmp_path, ("a", "b")) as place:
        assert await place.link_of("46701740605") == "a"
        await place.run("send", "--account", "demo", "--to", "4798765432", "hello", code=65)
        [refusal] = await place.operations.refusal_list(account="demo", fault="no_route")
        assert refusal["detail"] == "no link of its route is configured"
        told = (await place.run("explain", "46701740605")).stdout
        assert "never  c" in told
        assert "passed over: no such link in the configuration" in told


@asyncio_test
async def test_coverage_tells_prices_and_links_by_country_and_network(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        await place.run("network", "import", "-", stdin=NETWORKS)
        await place.run("tariff", "import", "-", stdin="prefix,price\n46,0.8\n46709,0.9\n47,1.1\n")
        await place.run("route", "import", "-", stdin=HEAD + "network:24008,,,,,,b,\ncountry:SE,,,,,,a,\n")
        lines = json.loads((await place.run("coverage", "--json")).stdout)
        told = [(x["country"], x["mcc_mnc"], x["price_from_mc"], x["price_mc"], x["links"]) for x in lines]
        assert told == [
            ("", "", 1000, 1000, []),
            ("NO", "", 1100, 1100, []),
            ("SE", "", 800, 800, ["a"]),
            ("SE", "24007", 800, 800, ["a"]),
            ("SE", "24008", 800, 900, ["b"]),
        ]
        shown = (await place.run("coverage", "--country", "se")).stdout.splitlines()
        assert len(shown) == 4
        assert shown[3].split() == ["SE", "Telenor", "24008", "0.800", "to", "0.900", "b"]
        assert TEST_LINK not in "".join(shown)
