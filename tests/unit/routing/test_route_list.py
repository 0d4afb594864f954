"""Files of routes and networks: read leniently, every mistake told with its line and column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ledger.networks import NETWORK_ROWS_MAX
from bridge.ledger.routes import CONDITIONS, ROUTE_ROWS_MAX
from bridge.messages.hours import Hours
from bridge.routing import networks, route_list, sheet
from bridge.routing.networks import Network, NetworkTable
from bridge.routing.routes import Choice, Destination, Route, contradictions

HEAD = "destination,class,originator,hours,coding,kind,links,note\n"
WANTED = [
    Route(((Choice("a", 3, 21), Choice("b")), (Choice("c"),)), Destination("prefix", "4670"), note="till May"),
    Route((), Destination("country", "NO"), "hospital", "A*", Hours.parse("mo-fr 08:00-20:00"), "ucs2", "text"),
]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + 'prefix:4670,,,,,,"a*3@0.021 b*1, c",till May\n'
        "country:no,hospital,A*,mo-fr 08:00-20:00 UTC,ucs2,text,,\n",
        "\ufeffdestination;links;Note;CLASS;originator;hours;coding;kind\r\n\r\n"
        "4670;a*3@0.021 b,c;till May\r\ncountry:NO;;;hospital;A**;mo-fr 08:00-20:00;UCS2;Text\r\n",
    ],
    ids=["as written", "as spreadsheets write it"],
)
def test_a_file_is_understood(text: str) -> None:
    found = route_list.parse(text)
    assert (found.errors, found.values) == ([], WANTED)


@pytest.mark.parametrize(
    ("cells", "column", "why"),
    [
        ("prefix:+46,,,,,,a,", "destination", "write it like prefix:4670, country:SE or network:24001"),
        ("country:XX,,,,,,a,", "destination", "a country is two letters, like country:SE"),
        ("network:240,,,,,,a,", "destination", "write it like"),
        ("1234567890123456,,,,,,a,", "destination", "write it like"),
        ("46,,,mo-xx,,,a,", "hours", "mo-xx"),
        ("46,,,08:00-09:00 Mars/Base,,,a,", "hours", "not a time zone"),
        ("46,=x,,,,,a,", "class", "the first a letter or digit"),
        ("46,," + "x" * 33 + ",,,,a,", "originator", "at most 32"),
        ("46,,,,latin1,,a,", "coding", "one of gsm7, ucs2, binary, or nothing"),
        ("46,,,,,mms,a,", "kind", "one of text, flash, binary, or nothing"),
        ("46,,,,gsm7,binary,a,", "kind", "no message of this kind has the coding gsm7"),
        ("46,,,,binary,text,a,", "kind", "no message of this kind has the coding binary"),
        ("46,,,,,,A b,", "links", "not a link: 'A'"),
        ("46,,,,,,a*0,", "links", "not a link: 'a*0'"),
        ("46,,,,,,a*1001,", "links", "a share is at most 1000: 'a*1001'"),
        ("46,,,,,,a@1.2345,", "links", "not a link: 'a@1.2345'"),
        ('46,,,,,,"a,,b",', "links", "nothing between two commas"),
        ('46,,,,,,"a b, a",', "links", "link a comes twice"),
        ("46,,,,,," + " ".join(f"l{n}" for n in range(17)) + ",", "links", "17 links, a route has at most 16"),
        ("46,,,,,,a," + "n" * 201, "note", "at most 200"),
        ("46,,,,,,a,b,c", "", "9 cells, but the first line names 8 columns"),
    ],
)
def test_a_wrong_cell_is_told_with_line_and_column(cells: str, column: str, why: str) -> None:
    found = route_list.parse(f"{HEAD}47,,,,,,a,\n{cells}\n48,,,,,,a,\n")
    [(line, told_column, told)] = found.errors
    assert (line, told_column) == (3, column)
    assert why in told
    assert len(found.rows) == 2


def test_every_mistake_of_a_file_is_told() -> None:
    found = route_list.parse(HEAD + "46,,,,x,y,A,\n47,,,,,,a,\n\n47,,,,,,b,\n")
    assert [(line, column) for line, column, _ in found.errors] == [
        (2, "coding"),
        (2, "kind"),
        (2, "links"),
        (5, "destination"),
    ]
    assert found.errors[-1][2] == "contradicts line 3: both are for the same messages"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty; the first line names the columns"),
        ("destination,price\n", "unknown column 'price'"),
        ("destination\n46\n", "no column links"),
        ("destination,links,links\n", "a column comes twice"),
        ('destination,links\n46,"a\n', "not CSV"),
    ],
)
def test_what_is_no_such_file_is_refused(text: str, why: str) -> None:
    [(_, column, told)] = route_list.parse(text).errors
    assert column == ""
    assert why in told


def test_a_file_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + "".join(f"{46000000 + n},,,,,,a,\n" for n in range(route_list.ROWS_MAX + 1))
    [(line, _, why)] = route_list.parse(text).errors
    assert line == route_list.ROWS_MAX + 2
    assert "at most 20000 fit" in why
    assert (route_list.ROWS_MAX, networks.ROWS_MAX) == (ROUTE_ROWS_MAX, NETWORK_ROWS_MAX)
    monkeypatch.setattr(sheet, "TEXT_MAX", 100)
    assert "at most 100 are read" in route_list.parse(text).errors[0][2]


names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True)
routes = st.builds(
    Route,
    st.lists(names, max_size=6, unique=True).flatmap(
        lambda links: st.tuples(
            *(st.builds(Choice, st.just(one), st.integers(1, 1000), st.none() | st.integers(0, 9999)) for one in links)
        ).map(lambda choices: (choices[:2], *((choice,) for choice in choices[2:])) if choices else ())
    ),
    st.sampled_from([Destination(), Destination("country", "SE"), Destination("network", "310260")])
    | st.builds(Destination, st.just("prefix"), st.from_regex(r"[0-9]{1,15}", fullmatch=True)),
    st.sampled_from(["", "hospital"]),
    st.sampled_from(["", "A", 'A, "b"', "*x*", "46701740605"]),
    st.sampled_from([Hours(), Hours.parse("mo-fr 08:00-20:00, sa 10:00-11:00 Europe/Stockholm")]),
    st.sampled_from(["", "gsm7", "ucs2"]),
    st.sampled_from(["", "text", "flash"]),
    st.sampled_from(["", 'n, "o";te']),
)


@given(st.lists(routes, max_size=8))
def test_what_is_written_is_read_back(listed: list[Route]) -> None:
    kept: list[Route] = []
    for one in listed:
        if not contradictions([*kept, one]):
            kept.append(one)
    found = route_list.parse(route_list.write(kept))
    assert found.errors == []
    assert sorted(map(repr, found.values)) == sorted(map(repr, kept))
    for one in kept:
        assert route_list.make(route_list.row_of(one)) == (one, [])


@given(st.text(max_size=200) | st.text('destination,links\n"46;:*@ a', max_size=80).map(lambda text: HEAD + text))
def test_any_text_is_read_or_refused_but_never_breaks(text: str) -> None:
    for found in (route_list.parse(text), networks.parse(text)):
        # Without rows only where the heading stands alone: an empty file takes no table away.
        assert found.errors or found.values or text.strip(' \t;,\r\n"\ufeff'), (
            "nothing was read, and nobody is told why"
        )


def test_the_conditions_of_a_row_are_all_columns_but_links_and_note() -> None:
    assert len(route_list.COLUMNS) == CONDITIONS + 2


def test_networks_are_read() -> None:
    found = networks.parse("prefix,mcc_mnc,country,name\n4670,24001,se,Telia\n1204,302220,,\n")
    assert found.errors == []
    assert found.values == [Network("4670", "24001", "SE", "Telia"), Network("1204", "302220", "", "")]
    assert networks.parse(networks.write(found.values)).values == sorted(found.values, key=lambda one: one.prefix)


@pytest.mark.parametrize(
    ("cells", "column", "why"),
    [
        ("+46,24001,SE,", "prefix", "1 to 15 digits"),
        (",24001,SE,", "prefix", "empty: a prefix is 1 to 15 digits"),
        ("46,2400,SE,", "mcc_mnc", "three digits of country and two or three of network"),
        ("46,24001,XX,", "country", "a country is two letters"),
        ("46,24001,NO,", "country", "numbers of NO begin with 47, not with 46"),
        ("46,24001,SE," + "n" * 61, "name", "at most 60"),
        ("4671,24001,SE,", "prefix", "the same as in line 2"),
    ],
)
def test_a_wrong_network_is_told_with_line_and_column(cells: str, column: str, why: str) -> None:
    [(line, told_column, told)] = networks.parse(f"prefix,mcc_mnc,country,name\n4671,24001,,\n{cells}\n").errors
    assert (line, told_column) == (3, column)
    assert why in told


def test_the_longest_prefix_names_the_network() -> None:
    table = NetworkTable([Network("46", "24001"), Network("4670", "24007"), Network("4673", "24007")])
    assert table.find("46701740605") == Network("4670", "24007")
    assert table.find("46811111111") == Network("46", "24001")
    assert table.find("4712345678") is None
    assert [one.prefix for one in table.of("24007")] == ["4670", "4673"]
    assert table.of("1") == []
    with pytest.raises(ValueError, match="comes twice"):
        NetworkTable([Network("46", "24001"), Network("46", "24007")])
