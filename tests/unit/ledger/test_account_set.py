"""Facts of an account that change while it lives, and those that cannot be."""

from typing import Any

import pytest

from bridge.messages.faults import Fault
from tests.books import Books


def put(books: Books, **facts: Any) -> dict[str, Any]:
    books.do("account_set", name="demo", facts=facts)
    shown: dict[str, Any] = books.read("account_show", name="demo")
    return shown


CHANGES = {
    "account_class": "hospital",
    "email": "ward@example.org",
    "mobile": "46701740605",
    "home_country": "SE",
    "time_zone": "Europe/Stockholm",
    "lane": "alarm",
    "mail_events": "failures",
    "originator": "Ward7",
    "overdraft_mc": 500,
    "refunds": "undeliverable",
    "reserve_mc": 700,
    "low_limit_mc": 900,
    "is_low_texted": True,
}


def test_each_fact_can_be_set_alone_and_the_others_stay(books: Books) -> None:
    books.account(mobile="1")
    before = books.read("account_show", name="demo")
    for name, value in CHANGES.items():
        after = put(books, **{name: value})
        assert {fact for fact in after if after[fact] != before[fact]} == {name}
        assert after[name] == value
        before = after


def test_what_is_set_at_opening_is_the_same(books: Books) -> None:
    books.account(**CHANGES)
    account = books.read("account_show", name="demo")
    assert {name: account[name] for name in CHANGES} == CHANGES


def test_a_fact_can_be_taken_away(books: Books) -> None:
    books.account(**CHANGES)
    account = put(books, email="", originator="", low_limit_mc=0, is_low_texted=False, mobile="")
    assert (account["email"], account["originator"], account["mobile"]) == ("", "", "")
    assert (account["low_limit_mc"], account["is_low_texted"]) == (0, False)


@pytest.mark.parametrize(
    ("facts", "complaint"),
    [
        ({"mail_events": "some"}, "mail events are one of all, failures, none"),
        ({"refunds": "all"}, "refunds are one of unaccepted, undeliverable"),
        ({"lane": "fast"}, "a lane is one of"),
        ({"overdraft_mc": -1}, "an overdraft is 0 or more"),
        ({"reserve_mc": -1}, "a reserve is 0 or more"),
        ({"low_limit_mc": 10**15 + 1}, "a low limit is 0 or more and at most"),
        ({"is_low_texted": True}, "no mobile number .* --mobile"),
        ({"balance_mc": 5, "name": "x"}, "an account has no balance_mc, name"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(books: Books, facts: dict[str, Any], complaint: str) -> None:
    books.account()
    before = books.read("account_show", name="demo")
    with pytest.raises(Fault, match=complaint):
        put(books, **facts, email="new@example.org")
    assert books.read("account_show", name="demo") == before


@pytest.mark.parametrize("facts", [{"refunds": "all"}, {"is_low_texted": True}, {"reserve_mc": -1}])
def test_nor_can_an_account_be_opened_so(books: Books, facts: dict[str, Any]) -> None:
    with pytest.raises(Fault, match="bad_request"):
        books.account(**facts)


def test_a_mobile_that_warnings_go_to_is_not_taken_away(books: Books) -> None:
    books.account(mobile="46701740605", is_low_texted=True)
    with pytest.raises(Fault, match="or --no-low-text"):
        put(books, mobile="")


def test_an_overdraft_in_use_cannot_be_taken_back(books: Books) -> None:
    account_id = books.account(credit_mc=0, overdraft_mc=2000)
    books.accept(account_id, books.prepared())
    with pytest.raises(Fault, match="demo is at -1.000 already; top it up first"):
        put(books, overdraft_mc=999)
    assert put(books, overdraft_mc=1000)["overdraft_mc"] == 1000
    with pytest.raises(Fault, match="no_credit"):
        books.accept(account_id, books.prepared(price_mc=1))


@pytest.mark.parametrize("limit_mc", [3500, 6000])
def test_another_limit_arms_the_warning_again(books: Books, limit_mc: int) -> None:
    """A higher limit left the account told of the lower one, and silent."""
    account_id = books.account(credit_mc=5000, low_limit_mc=5000, email="demo@example.org")
    books.accept(account_id, books.prepared())
    assert len(books.notices()) == 1
    put(books, low_limit_mc=limit_mc)
    books.accept(account_id, books.prepared())
    assert len(books.notices()) == 1


@pytest.mark.parametrize("facts", [{"low_limit_mc": 5000}, {"time_zone": "Europe/Stockholm"}])
def test_other_facts_and_the_same_limit_do_not(books: Books, facts: dict[str, Any]) -> None:
    account_id = books.account(credit_mc=5000, low_limit_mc=5000, email="demo@example.org")
    books.accept(account_id, books.prepared())
    assert len(books.notices()) == 1
    put(books, **facts)
    books.accept(account_id, books.prepared())
    assert books.notices() == []
