"""Which row of the table counts, and which rows cannot be in one table."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.messages.hours import ALWAYS, Hours
from bridge.routing.networks import Network
from bridge.routing.routes import (
    ALIKE_MAX,
    EVERYWHERE,
    Choice,
    Destination,
    Question,
    Route,
    RouteTable,
    contradictions,
    patterns_meet,
)

MONDAY_NOON_MS = 1_796_040_000_000 - 1_796_040_000_000 % 604_800_000 + 4 * 86_400_000 + 12 * 3_600_000
"""Some Monday, 12:00 UTC: the epoch was a Thursday."""
COMVIQ = Network("46707", "24007", "SE", "Tele2")
QUESTION = Question("46707123456", MONDAY_NOON_MS, "gold", "Pumps", "gsm7", "text", "SE", COMVIQ)


def row(link: str, destination: str = "", **facts: object) -> Route:
    kind, _, value = destination.partition(":")
    hours = Hours.parse(str(facts.pop("hours", "")))
    return Route(((Choice(link),),), Destination(kind, value), hours=hours, **facts)  # type: ignore[arg-type]


def chosen(*rows: Route, question: Question = QUESTION) -> str:
    found = RouteTable(rows).find(question)
    return found.choices[0].link if found else ""


# From the most to the least specific: each goes before all that follow it.
ORDER = [
    row("number", "prefix:46707123456"),
    row("prefix", "prefix:467071"),
    row("network", "network:24007"),
    row("its prefix", "prefix:46707"),
    row("shorter, of its class", "prefix:46", account_class="gold", originator="Pumps", hours="mo 10:00-13:00"),
    row("class and originator", "country:SE", account_class="gold", originator="Pumps"),
    row("class and pattern", "country:SE", account_class="gold", originator="P*s", kind="text"),
    row("class", "country:SE", account_class="gold", hours="mo-fr 08:00-20:00", coding="gsm7", kind="text"),
    row("class in a coding", "country:SE", account_class="gold", coding="gsm7"),
    row("originator", "country:SE", originator="Pumps"),
    row("pattern", "country:SE", originator="Pu*"),
    row("hours", "country:SE", hours="mo 11:59-12:01"),
    row("coding", "country:SE", coding="gsm7"),
    row("kind", "country:SE", kind="text"),
    row("country", "country:SE"),
    row("class everywhere", account_class="gold"),
    row("everywhere"),
]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_the_most_specific_row_that_fits_counts(first: int) -> None:
    assert chosen(*reversed(ORDER[first:])) == ORDER[first].choices[0].link


def test_a_destination_without_a_row_has_no_route() -> None:
    assert RouteTable([row("a", "prefix:47"), row("b", "country:NO"), row("c", "network:24001")]).find(QUESTION) is None
    assert RouteTable([]).find(QUESTION) is None


def test_a_row_without_links_is_found_though_a_shorter_one_has_some() -> None:
    found = RouteTable([row("main"), Route((), Destination("prefix", "4670"))]).find(QUESTION)
    assert found is not None
    assert not found.places


@pytest.mark.parametrize(
    "facts",
    [
        {"account_class": "silver"},
        {"originator": "pumps"},
        {"originator": "P*x"},
        {"hours": "sa 00:00-24:00"},
        {"coding": "ucs2"},
        {"kind": "flash"},
    ],
)
def test_a_row_that_does_not_fit_gives_way_to_a_shorter_one(facts: dict[str, str]) -> None:
    assert chosen(row("long", "prefix:4670712", **facts), row("short", "prefix:46")) == "short"


def test_a_prefix_longer_than_the_number_is_nothing() -> None:
    assert chosen(row("long", "prefix:467071234567"), row("short", "prefix:46")) == "short"


def test_a_message_without_a_network_is_for_no_network() -> None:
    question = replace(QUESTION, network=None)
    assert chosen(row("network", "network:24007"), row("any"), question=question) == "any"


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (row("a", "prefix:46"), row("b", "prefix:46"), "both are for the same messages"),
        (row("a", "prefix:46", originator="A*"), row("b", "prefix:46", originator="*Z"), "the patterns of both"),
        (row("a", hours="mo 08:00-12:00"), row("b", hours="mo 11:59-13:00"), "their hours overlap"),
        (row("a", hours="su 22:00-06:00"), row("b", hours="mo 05:59-06:30"), "their hours overlap"),
        (row("a", hours="mo 08:00-12:00"), row("b", hours="tu 08:00-12:00 Asia/Tokyo"), "clocks of two places"),
    ],
)
def test_two_rows_that_could_both_count_are_told(one: Route, other: Route, why: str) -> None:
    [(first, second, told)] = contradictions([row("else", "prefix:47"), one, other])
    assert (first, second) == (1, 2)
    assert why in told
    with pytest.raises(ValueError, match="routes 0 and 0: "):
        RouteTable([one, other])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (row("a", "prefix:46"), row("b", "prefix:467")),
        (row("a", "prefix:46"), row("b", "country:SE")),
        (row("a", account_class="x"), row("b", account_class="y")),
        (row("a", account_class="x"), row("b", originator="y")),
        (row("a", originator="A*"), row("b", originator="B*")),
        (row("a", originator="A*"), row("b", originator="AB")),
        (row("a", hours="mo 08:00-12:00"), row("b", hours="mo 12:00-13:00")),
        (row("a", hours="mo 08:00-12:00"), row("b")),
        (row("a", coding="gsm7"), row("b", kind="text")),
    ],
)
def test_rows_of_which_one_goes_before_the_other_may_stand_together(one: Route, other: Route) -> None:
    assert contradictions([one, other]) == []


def test_too_many_rows_that_differ_only_in_their_pattern_are_refused() -> None:
    rows = [row("a", originator=f"A{n:03}*") for n in range(ALIKE_MAX + 1)]
    assert contradictions(rows[:-1]) == []
    [(first, second, why)] = contradictions(rows)
    assert (first, second) == (0, ALIKE_MAX)
    assert f"more than {ALIKE_MAX}" in why


patterns = st.text("ab*", min_size=1, max_size=5)


def fits(pattern: str, text: str) -> bool:
    """By the definition of a pattern, the slow way."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return text[:1] == pattern[0] and fits(pattern[1:], text[1:])


WORDS = [""]
for _ in range(8):
    WORDS += [word + sign for word in WORDS if len(word) == _ for sign in "ab"]


@given(patterns, patterns)
def test_patterns_meet_exactly_when_some_text_fits_both(one: str, other: str) -> None:
    # Without their stars two patterns have at most 10 letters; what fits both needs no more than 8 where both have one.
    found = any(fits(one, word) and fits(other, word) for word in WORDS)
    assert patterns_meet(one, other) == found
    assert patterns_meet(other, one) == found


rows = st.builds(
    Route,
    st.builds(lambda name: ((Choice(name),),), st.sampled_from("abcdefgh")),
    st.sampled_from(
        [EVERYWHERE]
        + [Destination("prefix", prefix) for prefix in ("4", "46", "467", "4670", "1", "12")]
        + [Destination("country", country) for country in ("SE", "NO")]
        + [Destination("network", network) for network in ("24001", "24002")]
    ),
    account_class=st.sampled_from(["", "", "x", "y"]),
    originator=st.sampled_from(["", "", "A", "AB", "A*", "*B"]),
    hours=st.sampled_from([ALWAYS, ALWAYS, Hours.parse("mo 00:00-12:00"), Hours.parse("mo 06:00-18:00")]),
    coding=st.sampled_from(["", "", "gsm7", "ucs2"]),
    kind=st.sampled_from(["", "", "text", "flash"]),
)
questions = st.builds(
    Question,
    st.sampled_from(["46701", "4681", "471", "121", "4"]),
    st.sampled_from([MONDAY_NOON_MS + hours * 3_600_000 for hours in (-11, -5, 1, 7)]),
    st.sampled_from(["", "x", "y", "z"]),
    st.sampled_from(["", "A", "AB", "B"]),
    st.sampled_from(["gsm7", "ucs2"]),
    st.sampled_from(["text", "flash"]),
    st.sampled_from(["SE", "NO", ""]),
    st.sampled_from([None, Network("467", "24001"), Network("4", "24002")]),
).filter(
    lambda q: (
        q.recipient.startswith({"SE": "46", "NO": "47", "": ""}[q.country])
        and (q.network is None or q.recipient.startswith(q.network.prefix))
    )
)


def specificity(one: Route, q: Question) -> tuple[int, ...] | None:
    """How specific a row is for a question, by the definition; None: it does not fit."""
    to, size = one.destination, -1
    if to.kind in ("", "prefix") and q.recipient.startswith(to.value):
        size = len(to.value)
    if to.kind == "network" and q.network and q.network.mcc_mnc == to.value:
        size = len(q.network.prefix)
    if to.kind == "country" and q.country == to.value:
        size = 2
    fitting = (
        size >= 0
        and one.account_class in ("", q.account_class)
        and (not one.originator or fits(one.originator, q.originator))
        and one.hours.is_open(q.at_ms)
        and one.coding in ("", q.coding)
        and one.kind in ("", q.kind)
    )
    if not fitting:
        return None
    return (
        *(size, {"network": 3, "prefix": 2, "country": 1, "": 0}[to.kind], bool(one.account_class)),
        *((1 if "*" in one.originator else 2) if one.originator else 0, not one.hours.is_always),
        *(bool(one.coding), bool(one.kind)),
    )


@given(st.lists(rows, max_size=12), st.lists(questions, min_size=1, max_size=5))
def test_the_table_finds_what_a_look_at_every_row_finds(listed: list[Route], asked: list[Question]) -> None:
    kept: list[Route] = []
    for one in listed:
        if not contradictions([*kept, one]):
            kept.append(one)
    table = RouteTable(kept)
    for question in asked:
        fitting = [(specificity(one, question), one) for one in kept]
        ranked = sorted(((rank, one) for rank, one in fitting if rank is not None), key=lambda pair: pair[0])
        assert table.find(question) is (ranked[-1][1] if ranked else None)
        # Without contradictions there is never a choice between two.
        assert len(ranked) < 2 or ranked[-1][0] != ranked[-2][0]
