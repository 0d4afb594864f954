"""docs/routes.md and its example file tell the truth."""

import re
from pathlib import Path

from bridge.routing import networks, route_list
from bridge.routing.networks import NetworkTable
from bridge.routing.plan import draw_of, in_order
from bridge.routing.route_checks import Prices, problems
from bridge.routing.routes import Question, RouteTable

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/routes.md").read_text()
EXAMPLE = ROOT / "config/routes.example.csv"
LINKS = ("main", "spare", "nordic")


def test_the_example_file_is_taken() -> None:
    found = route_list.parse(EXAMPLE.read_text())
    assert found.errors == []
    known = NetworkTable(networks.parse("prefix,mcc_mnc\n4673,24001\n").values)
    assert problems(found.values, LINKS, known, Prices([("", "", 0, 1000)], 0)) == []
    table = RouteTable(found.values)
    row = table.find(Question("46719123456", country="SE"))
    assert row is not None
    assert row.places == ()


def test_every_column_is_told() -> None:
    told = re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert tuple(told) == route_list.COLUMNS


def test_the_networks_of_the_page_are_taken() -> None:
    [table] = re.findall(r"```\n(prefix,mcc_mnc.*?)```", PAGE, flags=re.DOTALL)
    found = networks.parse(table)
    assert found.errors == []
    assert len(found.rows) == 2


def test_the_shares_of_the_page_are_those_of_the_code() -> None:
    [written] = re.findall(r"`(nordic\*3 spare\*1, main)` gives `nordic` three recipients of four", PAGE)
    place, last = route_list.parse_links(written)
    firsts = [in_order(place, draw_of(7, str(46_701_000_000 + n)))[0] for n in range(8_000)]
    assert abs(firsts.count("nordic") / len(firsts) - 3 / 4) < 0.02
    assert [choice.link for choice in last] == ["main"]
    [bound] = re.findall(r"A table has at most ([\d,]+) rows", PAGE)
    assert int(bound.replace(",", "")) == route_list.ROWS_MAX
