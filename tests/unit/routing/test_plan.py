"""The links of one message: shares, the order of the others, and what is passed over."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.routing.health import HealthView
from bridge.routing.networks import Network
from bridge.routing.plan import DRAW_BITS, HEALTHY, NOT_CONFIGURED, Plan, draw_of, in_order, plan
from bridge.routing.route_list import parse_links
from bridge.routing.routes import Choice, Question, Route, RouteTable


class Sick:
    """Links in trouble, each everywhere or for one network."""

    def __init__(self, *sick: str) -> None:
        self.sick = sick

    def trouble(self, link: str, network: str, now_ms: int) -> str:
        return "it is sick" if link in self.sick or f"{link}/{network}" in self.sick else ""


def planned(links: str, health: HealthView = HEALTHY, draw: int = 0, existing: str = "a b c d e") -> Plan:
    question = Question("46707123456", network=Network("46707", "24007"))
    return plan(question, RouteTable([Route(parse_links(links))]), existing.split(), health, draw)


def test_places_come_in_order() -> None:
    assert planned("c, a, b").links == ("c", "a", "b")


def test_no_links_and_no_route_are_told_apart() -> None:
    assert planned("").missing == ""
    assert not planned("").links
    assert plan(Question("46707123456"), RouteTable([])).missing == "route missing"
    gone = planned("x, y")
    assert gone.links == ()
    assert gone.missing == "no link of its route is configured"
    assert gone.passed_over == (("x", NOT_CONFIGURED), ("y", NOT_CONFIGURED))


def test_a_sick_link_is_passed_over_and_comes_last() -> None:
    found = planned("a, b, c", Sick("a", "b"))
    assert found.links == ("c", "a", "b")
    assert found.passed_over == (("a", "it is sick"), ("b", "it is sick"))
    assert found.note == "link a passed over: it is sick"


def test_a_link_is_passed_over_for_the_network_it_is_sick_for() -> None:
    assert planned("a, b", Sick("a/24007")).links == ("b", "a")
    assert planned("a, b", Sick("a/24001")).links == ("a", "b")


def test_without_a_network_the_country_is_asked_for() -> None:
    table = RouteTable([Route(parse_links("a, b"))])
    question = Question("46707123456", country="SE")
    assert plan(question, table, None, Sick("a/SE")).links == ("b", "a")


def test_a_choice_that_is_not_first_needs_no_word() -> None:
    found = planned("a, b", Sick("b"))
    assert found.links == ("a", "b")
    assert found.passed_over == (("b", "it is sick"),)
    assert found.note == ""


def test_when_all_are_sick_the_order_stays_and_nobody_is_passed_over() -> None:
    found = planned("b, a", Sick("a", "b"))
    assert (found.links, found.passed_over, found.note) == (("b", "a"), (), "")
    assert found.trouble == "it is sick"


def test_a_link_that_does_not_exist_is_left_out_and_told() -> None:
    found = planned("gone, a")
    assert found.links == ("a",)
    assert found.note == f"link gone passed over: {NOT_CONFIGURED}"


@pytest.mark.parametrize("shares", [(1,), (1, 1), (3, 1), (1, 2, 5), (1000, 1), (7,) * 7])
def test_of_evenly_spread_draws_each_link_is_first_exactly_by_its_share(shares: tuple[int, ...]) -> None:
    place = tuple(Choice(f"link{n}", share) for n, share in enumerate(shares))
    total = sum(shares)
    first = Counter(in_order(place, (n << DRAW_BITS) // total + 1)[0] for n in range(total))
    assert first == {f"link{n}": share for n, share in enumerate(shares)}


def test_of_the_recipients_of_an_account_each_link_gets_its_share_and_the_others_follow_by_theirs() -> None:
    place = (Choice("a", 5), Choice("b", 3), Choice("c", 2))
    count = 20_000
    orders = Counter(tuple(in_order(place, draw_of(7, str(46_701_000_000 + n)))) for n in range(count))
    shares = {"a": 5, "b": 3, "c": 2}
    for order, seen in orders.items():
        one, two, _ = order
        wanted = shares[one] / 10 * shares[two] / (10 - shares[one])
        assert abs(seen / count - wanted) < 0.02, (order, seen)
    assert len(orders) == 6


def test_a_recipient_of_an_account_keeps_its_draw() -> None:
    assert draw_of(7, "46701740605") == draw_of(7, "46701740605")
    assert len({draw_of(account_id, "46701740605") for account_id in range(100)}) == 100


@given(
    st.lists(st.lists(st.integers(1, 1000), min_size=1, max_size=4), max_size=4),
    st.integers(0, (1 << DRAW_BITS) - 1),
    st.sets(st.integers(0, 15)),
    st.sets(st.integers(0, 15)),
)
def test_every_link_is_planned_once_and_nothing_jumps_its_place(
    shares: list[list[int]], draw: int, sick: set[int], gone: set[int]
) -> None:
    numbers = iter(range(100))
    places = tuple(tuple(Choice(f"l{next(numbers)}", share) for share in place) for place in shares)
    place_of = {choice.link: number for number, place in enumerate(places) for choice in place}
    existing = {link for link in place_of if int(link[1:]) not in gone}
    health = Sick(*(f"l{n}" for n in sick))
    found = plan(Question("46"), RouteTable([Route(places)]), existing, health, draw)
    assert sorted(found.links) == sorted(existing)
    well = [link for link in found.links if int(link[1:]) not in sick]
    ill = [link for link in found.links if int(link[1:]) in sick]
    assert list(found.links) == well + ill
    for some in (well, ill):
        assert [place_of[link] for link in some] == sorted(place_of[link] for link in some)
    over = dict(found.passed_over)
    assert set(over) == (set(place_of) - existing) | (set(ill) if well else set())
    assert bool(found.note) == (bool(places) and found.first in over)
