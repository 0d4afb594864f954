"""What the commands about routes, networks, explain and coverage print, from canned answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.app.packed import pack, unpack
from tests.unit.app.desk import Desk, open_desk

ROUTE = {
    "route_id": 3,
    "destination": "prefix:4670",
    "account_class": "gold",
    "originator": "A*",
    "hours": "mo-fr 08:00-20:00 UTC",
    "coding": "",
    "kind": "text",
    "links": "a*3 b, c",
    "note": "cheap",
}
EMPTY = dict.fromkeys(("destination", "account_class", "originator", "hours", "coding", "kind", "links", "note"), "")
EXPLAINED: dict[str, Any] = {
    "recipient": "46701740605",
    "kind": "fixed_or_mobile",
    "country": "SE",
    "network": "Tele2",
    "mcc_mnc": "24007",
    "network_prefix": "46701",
    "read_as": "a national number of SE",
    "account": "ward7",
    "account_class": "gold",
    "originator": "Pumps",
    "originator_note": "Pumps became 46701740600: SE takes no alphanumeric originator",
    "coding": "ucs2",
    "message_kind": "text",
    "parts": 2,
    "forced_ucs2": "\u0142",
    "price_mc": 800,
    "route": ROUTE,
    "is_test_number": False,
    "links": [
        {"link": "b", "place": 1, "share": 1, "cost_mc": None, "order": 1, "why": ""},
        {"link": "c", "place": 2, "share": 1, "cost_mc": 21, "order": 2, "why": ""},
        {
            "link": "a",
            "place": 1,
            "share": 3,
            "cost_mc": None,
            "order": 3,
            "why": "only 4 % of 50 parts arrived",
        },
        {"link": "old", "place": 1, "share": 1, "cost_mc": None, "order": 0, "why": "no such link"},
    ],
    "refused": [],
}
COVERED: dict[str, Any] = {
    "country": "SE",
    "mcc_mnc": "24007",
    "network": "Tele2",
    "prefixes": 2,
    "price_mc": 900,
    "price_from_mc": 800,
    "links": ["b", "a"],
    "trouble": "link a: it is slow",
    "parts": 1200,
    "delivered": 990,
    "failed": 10,
    "median_ms": 4120,
    "measured": [],
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as opened:
        yield opened


def shown(desk: Desk, name: str, answer: Any, *arguments: str) -> str:
    """Standard output of a command that gets this answer and ends well."""
    desk.answers[name] = answer
    result = desk.run(*arguments)
    assert (result.exit_code, result.exception) == (0, None), result.stderr
    return result.stdout


def test_route_list(desk: Desk) -> None:
    assert shown(desk, "route_list", [ROUTE, {**EMPTY, "route_id": 14}], "route", "list") == (
        "ROUTE  DESTINATION  CLASS  ORIGINATOR  CODING  KIND  HOURS                  LINKS       NOTE\n"
        "    3  prefix:4670  gold   A*                  text  mo-fr 08:00-20:00 UTC  a*3 b, c    cheap\n"
        "   14  everywhere                                                           not served\n"
    )
    desk.answers["route_list"] = []
    result = desk.run("route", "list")
    assert (result.stdout, result.exit_code) == ("", 0)
    assert result.stderr == "no routes: every link carries everything, in the order of the configuration\n"


def test_route_add_and_remove(desk: Desk) -> None:
    words = ("route", "add", "prefix:4670", "a*3 b, c", "--class", "gold", "--originator", "A*", "--kind", "text")
    words += ("--hours", "mo-fr 08:00-20:00", "--note", "cheap")
    told = "prefix:4670 (class gold, originator A*, text, mo-fr 08:00-20:00 UTC) goes over a*3 b, c\n"
    assert shown(desk, "route_add", ROUTE, *words) == f"route 3 added: {told}"
    cells = {name: ROUTE[name] for name in ("destination", "originator", "coding", "kind", "links", "note")}
    assert desk.asked == [("route_add", {"cells": {**cells, "class": "gold", "hours": "mo-fr 08:00-20:00"}})]
    closed = {**EMPTY, "route_id": 14}
    assert (
        shown(desk, "route_remove", closed, "route", "remove", "14") == "route 14 removed: everywhere is not served\n"
    )
    assert desk.run("route", "remove", "0").exit_code == 64


@pytest.mark.parametrize(("group", "name"), [("route", "routes"), ("network", "networks")])
def test_a_file_goes_in_or_is_told_to_be_wrong(group: str, name: str, desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(b"\xef\xbb\xbfdestination,links\n46,a\n")
    change = {"errors": [], "error_total": 0, "new": 1, "changed": 2, "same": 3, "gone": 4}
    words = (group, "import", str(file))
    counts = "1 new, 2 changed, 3 as before, 4 gone\n"
    assert shown(desk, f"{group}_import", change, *words) == f"{name} taken: {counts}"
    tried = shown(desk, f"{group}_import", change, *words, "--dry-run")
    assert tried == f"nothing was changed; it would be: {counts}"
    (_, values) = desk.asked[-1]
    assert (unpack(values["packed"], 1000), values["is_trial"]) == ("destination,links\n46,a\n", True)
    errors = [{"line": 2, "column": "links", "why": "no link a\x1b"}, {"line": 3, "column": "", "why": "not CSV"}]
    desk.answers[f"{group}_import"] = {**change, "errors": errors, "error_total": 102}
    result = desk.run(*words)
    assert (result.exit_code, result.stdout) == (65, "")
    assert result.stderr.splitlines()[:3] == [
        f"{file}:2: links: no link a\\x1b",
        f"{file}:3: not CSV",
        "... and 100 more",
    ]
    file.write_bytes(b"destination,links\n46,\xe5\n")
    result = desk.run(*words)
    assert result.exit_code == 65
    assert result.stderr.startswith(f"smsbridge: {file}:2: not UTF-8; ")


@pytest.mark.parametrize(("group", "one"), [("route", "routes"), ("network", "network ranges")])
def test_a_table_comes_out(group: str, one: str, desk: Desk, tmp_path: Path) -> None:
    answer = {"count": 2, "packed": pack("a,b\n1,2\n")}
    assert shown(desk, f"{group}_show", answer, group, "export") == "a,b\n1,2\n"
    file = tmp_path / "out.csv"
    assert shown(desk, f"{group}_show", answer, group, "export", str(file)) == f"2 {one} written to {file}\n"
    assert file.read_text() == "a,b\n1,2\n"
    assert desk.run(group, "export", str(tmp_path / "none" / "out.csv")).exit_code == 65


def test_network_list(desk: Desk) -> None:
    row = {"prefix": "46701", "mcc_mnc": "24007", "country": "SE", "name": "Tele2"}
    assert shown(desk, "network_list", [row], "network", "list") == (
        "PREFIX  MCC_MNC  COUNTRY  NAME\n46701   24007    SE       Tele2\n"
    )
    desk.answers["network_list"] = []
    assert desk.run("network", "list").stderr.startswith("no networks; ")


def test_explain(desk: Desk) -> None:
    words = ("explain", "0701740605", "--text", "\u0142", "--account", "ward7", "--originator", "Pumps")
    assert shown(desk, "explain", EXPLAINED, *words) == (
        "number      46701740605\n"
        "read        a national number of SE\n"
        "kind        fixed or mobile\n"
        "country     SE\n"
        "network     Tele2 (24007), by prefix 46701\n"
        "account     ward7\n"
        "class       gold\n"
        "originator  Pumps\n"
        "            Pumps became 46701740600: SE takes no alphanumeric originator\n"
        "coding      ucs2, because of \u0142 (U+0142 LATIN SMALL LETTER L WITH STROKE)\n"
        "message     text\n"
        "parts       2\n"
        "price       0.800 for a part, 1.600 in all\n"
        "route       3, prefix:4670 (gold, A*, text, mo-fr 08:00-20:00 UTC): cheap\n"
        "\n"
        "ORDER  LINK  PLACE  SHARE   COST\n"
        "    1  b         1      1         first choice\n"
        "    2  c         2      1  0.021\n"
        "    3  a         1      3         passed over: only 4 % of 50 parts arrived\n"
        "never  old       1      1         passed over: no such link\n"
    )
    asked = {"number": "0701740605", "text": "\u0142", "account": "ward7", "originator": "Pumps"}
    assert desk.asked[-1] == ("explain", asked)


@pytest.mark.parametrize("command", ["explain", "route test"])
def test_what_would_be_refused_ends_with_65_and_its_cure(command: str, desk: Desk) -> None:
    missing = {**EXPLAINED, "route": None, "links": [], "refused": ["Destination not served: route missing"]}
    desk.answers["explain"] = missing
    result = desk.run(*command.split(), "0701740605")
    assert result.exit_code == 65
    assert (
        "would be refused: Destination not served: route missing; `smsbridge route add` adds a route" in result.stderr
    )


def test_route_test(desk: Desk) -> None:
    lines = shown(desk, "explain", EXPLAINED, "route", "test", "0701740605").splitlines()
    assert lines[0].startswith("46701740605: route 3, prefix:4670 (class gold, ")
    assert lines[3].split() == ["1", "b", "1", "1", "first", "choice"]
    all_links = {**EXPLAINED, "route": None}
    assert "every link, for there are no routes" in shown(desk, "explain", all_links, "route", "test", "46701740605")


def test_coverage(desk: Desk) -> None:
    nowhere = {**COVERED, "country": "", "network": "", "mcc_mnc": "", "price_mc": None, "links": [], "trouble": ""}
    nowhere |= {"parts": 0, "delivered": 0, "failed": 0, "median_ms": None}
    assert shown(desk, "coverage", [COVERED, nowhere], "coverage", "--country", "SE", "--class", "gold") == (
        "COUNTRY    NETWORK  MCC_MNC           PRICE  LINKS       PARTS  DELIVERED  SECONDS\n"
        "SE         Tele2    24007    0.800 to 0.900  b, a         1200       99 %      4.1\n"
        "    link a: it is slow\n"
        "elsewhere                          no price  not served\n"
    )
    assert desk.asked[-1] == ("coverage", {"country": "SE", "account_class": "gold"})
