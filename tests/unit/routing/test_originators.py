"""Originators: who may use which, what a destination makes of them, and pools."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.messages.faults import Fault, FaultCode
from bridge.routing.originators import (
    CONVERSATION_MS,
    OriginatorKind,
    OriginatorRule,
    OriginatorTable,
    PoolUse,
    choose,
    kind_of,
    parse,
)

A, ANY, MSISDN = OriginatorKind.ALPHANUMERIC, OriginatorKind.ANY, OriginatorKind.MSISDN
NUMBERS = tuple(f"4670174069{n}" for n in range(8))
RECIPIENTS = tuple(f"46701740{n:03}" for n in range(200))
US_NUMBER = "12025550123"


def refusal(table: OriginatorTable, account_id: int, asked: str, default: str = "") -> str:
    with pytest.raises(Fault) as refused:
        table.of_message(account_id, asked, default)
    assert refused.value.code is FaultCode.BAD_ORIGINATOR
    return refused.value.detail


def test_kinds() -> None:
    assert [kind_of(one).value for one in ("Pumps", "46701740605", "72000", "pool:two")] == [
        "alphanumeric",
        "msisdn",
        "short_code",
        "msisdn",
    ]
    assert [parse(one) for one in ("Pumps", "+46 70-174 06 05", "72000", "pool:two-way")] == [
        "Pumps",
        "46701740605",
        "72000",
        "pool:two-way",
    ]
    for wrong in ("TwelveLetter", "pool:", "pool:a b", "pool:" + "x" * 33, "12"):
        with pytest.raises(Fault, match="bad_originator"):
            parse(wrong)


def test_an_account_with_none_registered_may_use_every_one_unless_they_must_be() -> None:
    free, strict = OriginatorTable([(2, "Gate")]), OriginatorTable([(2, "Gate")], must_be_registered=True)
    assert free.of_message(1, "Anything", "") == "Anything"
    assert free.of_message(1, "", "") == strict.of_message(1, "", "") == ""
    assert strict.of_message(1, "", "Pumps") == strict.of_message(1, "Pumps", "Pumps") == "Pumps"
    assert refusal(strict, 1, "Gate") == "this account has none registered; the operator adds others"
    assert refusal(strict, 1, "Gate", "Pumps") == "this account may use Pumps; the operator adds others"


def test_an_account_with_some_may_use_these_and_its_default() -> None:
    table = OriginatorTable([(1, "Pumps"), (1, "46701740605"), (2, "Gate")])
    assert table.of_message(1, "+46 70 174 06 05", "") == "46701740605"
    assert table.of_message(1, "", "Desk") == "Desk"
    told = "this account may use Pumps, 46701740605, Desk; the operator adds others"
    assert refusal(table, 1, "Gate", "Desk") == told
    assert refusal(table, 1, "pumps").startswith("this account may use Pumps"), "case counts"
    many = OriginatorTable([(1, f"Pump{n}") for n in range(40)])
    assert refusal(many, 1, "Gate").count(",") == 9


def test_a_pool_is_for_those_who_were_given_it() -> None:
    table = OriginatorTable([(1, "pool:two")], pools={"two": NUMBERS})
    assert table.of_message(1, "pool:two", "") == table.of_message(2, "", "pool:two") == "pool:two"
    assert "none registered" in refusal(table, 2, "pool:two")
    chosen = table.for_route("pool:two", RECIPIENTS[0], "SE", "a")
    assert (chosen.originator, chosen.pool, chosen.note) == ("pool:two", NUMBERS, "")
    with pytest.raises(Fault, match="pool:gone has no numbers"):
        table.for_route("pool:gone", RECIPIENTS[0], "SE", "a")


def test_a_destination_that_takes_no_names_gets_a_number_and_the_history_says_so() -> None:
    table = OriginatorTable(rules=[OriginatorRule("country:US", A, US_NUMBER)])
    chosen = table.for_route("Pumps", "12125550100", "US", "a")
    assert chosen.originator == US_NUMBER
    assert chosen.note == f"Pumps became {US_NUMBER}: country US takes no alphanumeric originator"
    for originator, country in ((US_NUMBER, "US"), ("46701740605", "US"), ("", "US"), ("Pumps", "CA"), ("Pumps", "")):
        kept = table.for_route(originator, "12125550100", country, "a")
        assert (kept.originator, kept.note) == (originator, "")


@pytest.mark.parametrize(
    ("originator", "recipient", "link", "expected"),
    [
        ("Pumps", "46701740605", "a", "70001"),  # the longest prefix, of any link
        ("Pumps", "46701740605", "b", "70002"),  # of this link before any
        ("Pumps", "46811111", "a", "70003"),  # a shorter prefix
        ("Pumps", "4711111111", "a", "70004"),  # the country
        ("Pumps", "4511111111", "a", "70005"),  # everywhere
        ("46700000000", "46701740605", "a", "70006"),  # the rule of prefix 4670 is about names: the next place's
        ("", "4711111111", "a", "70007"),  # a missing one is of any kind
        ("Pumps", "", "a", "70005"),
    ],
)
def test_the_most_specific_rule_wins(originator: str, recipient: str, link: str, expected: str) -> None:
    rules = [
        OriginatorRule("prefix:4670", A, "70001"),
        OriginatorRule("prefix:4670", A, "70002", "b"),
        OriginatorRule("prefix:46", A, "70003"),
        OriginatorRule("prefix:46", MSISDN, "70006"),
        OriginatorRule("country:NO", A, "70004"),
        OriginatorRule("country:NO", ANY, "70007"),
        OriginatorRule("", A, "70005"),
    ]
    country = {"47": "NO", "46": "SE", "45": "DK"}.get(recipient[:2], "")
    assert OriginatorTable(rules=rules).for_route(originator, recipient, country, link).originator == expected


def test_what_is_refused_says_what_is_taken() -> None:
    table = OriginatorTable(rules=[OriginatorRule("prefix:33", A, ""), OriginatorRule("country:FR", MSISDN, "")])
    with pytest.raises(Fault) as refused:
        table.for_route("Pumps", "33612345678", "FR", "a")
    assert refused.value.code is FaultCode.BAD_ORIGINATOR
    assert refused.value.detail == "prefix 33 takes no alphanumeric originator; use a short code"
    nothing = OriginatorTable(rules=[OriginatorRule("", ANY, "", "a")])
    with pytest.raises(Fault, match="everywhere on link a takes no text without an originator; it takes none"):
        nothing.for_route("", "33612345678", "FR", "a")
    assert nothing.for_route("Pumps", "33612345678", "FR", "b").originator == "Pumps"


# --- pools ---

uses = st.lists(
    st.builds(PoolUse, st.integers(1, 5), st.sampled_from([*NUMBERS, "gone"]), st.integers(0, 2 * CONVERSATION_MS)),
    max_size=12,
)
NOW_MS = 2 * CONVERSATION_MS


def brute_force(numbers: tuple[str, ...], account_id: int, recipient: str, seen: list[PoolUse]) -> set[str]:
    """What the promise allows: its own latest, else any free one, else any of the oldest conversation."""
    own = [use for use in seen if use.account_id == account_id and use.number in numbers]
    if own:
        return {use.number for use in own if use.used_at_ms == max(one.used_at_ms for one in own)}
    others = [use for use in seen if use.used_at_ms > NOW_MS - CONVERSATION_MS]
    latest = {number: max((u.used_at_ms for u in others if u.number == number), default=0) for number in numbers}
    return {number for number in numbers if latest[number] == min(latest.values())}


@given(st.sets(st.sampled_from(NUMBERS), min_size=1), st.integers(1, 5), st.sampled_from(RECIPIENTS), uses)
def test_a_choice_is_what_is_promised(numbers: set[str], account_id: int, recipient: str, seen: list[PoolUse]) -> None:
    pool = tuple(sorted(numbers))
    chosen = choose(pool, account_id, recipient, seen, NOW_MS)
    assert chosen in brute_force(pool, account_id, recipient, seen)
    # The order of the numbers and of the uses says nothing.
    assert choose(pool[::-1], account_id, recipient, seen[::-1], NOW_MS) in brute_force(
        pool, account_id, recipient, seen
    )


@given(st.lists(st.tuples(st.integers(1, 8), st.sampled_from(RECIPIENTS[:3])), max_size=60))
def test_with_enough_numbers_every_conversation_has_its_own(sent: list[tuple[int, str]]) -> None:
    """Eight accounts, eight numbers: whoever writes to whom in whatever order, a number and a handset name one account
    for good, and nobody's number changes."""
    known: dict[str, list[PoolUse]] = {}
    of: dict[tuple[int, str], str] = {}
    for at_ms, (account_id, recipient) in enumerate(sent, 1):
        number = choose(NUMBERS, account_id, recipient, known.get(recipient, ()), at_ms)
        assert of.setdefault((account_id, recipient), number) == number
        known.setdefault(recipient, []).append(PoolUse(account_id, number, at_ms))
    owners: dict[tuple[str, str], int] = {}
    for (account_id, recipient), number in of.items():
        assert owners.setdefault((number, recipient), account_id) == account_id


def test_a_pool_that_grows_or_shrinks_moves_few() -> None:
    def first(numbers: tuple[str, ...]) -> dict[str, str]:
        return {recipient: choose(numbers, 1, recipient, (), NOW_MS) for recipient in RECIPIENTS}

    before, less = first(NUMBERS), first(NUMBERS[1:])
    assert len(set(before.values())) == len(NUMBERS), "all are used"
    assert all(less[recipient] == number for recipient, number in before.items() if number != NUMBERS[0])
    assert before == first(NUMBERS[::-1])


def any_use(**facts: Any) -> PoolUse:
    return PoolUse(**({"account_id": 2, "number": NUMBERS[0], "used_at_ms": NOW_MS} | facts))


def test_when_all_are_taken_the_oldest_conversation_gives_way() -> None:
    two = NUMBERS[:2]
    seen = [any_use(used_at_ms=NOW_MS - 2), any_use(account_id=3, number=NUMBERS[1], used_at_ms=NOW_MS - 1)]
    assert choose(two, 1, RECIPIENTS[0], seen, NOW_MS) == two[0]
    # One that is older than a conversation lasts is free, whichever it is.
    seen[1] = any_use(account_id=3, number=NUMBERS[1], used_at_ms=NOW_MS - CONVERSATION_MS)
    assert choose(two, 1, RECIPIENTS[0], seen, NOW_MS) == two[1]
