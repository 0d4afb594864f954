"""Pools in the ledger: a recipient keeps its number, accounts are told apart, answers find their account."""

from typing import Any

from bridge.intake.accept import Group
from bridge.ledger.originators import USE_KEPT_MS
from bridge.ledger.queue import Prepared
from bridge.messages.faults import Fault
from bridge.messages.inbound import InboundPart
from tests.books import RECIPIENT, Books

NUMBERS = ("46701740690", "46701740691")


def pooled(books: Books, **facts: Any) -> Prepared:
    values = {"originator": "pool:two", "pool": "pool:two", "pool_numbers": NUMBERS}
    return books.prepared(**(values | facts))


def originators(books: Books) -> list[str]:
    """Of all messages, the oldest first."""
    return [row["originator"] for row in reversed(books.read("message_list"))]


def test_a_recipient_keeps_its_number_and_accounts_get_different_ones(books: Books) -> None:
    one, other = books.account("one", email="one@example.com"), books.account("other", email="other@example.com")
    books.accept(one, pooled(books))
    books.accept(other, pooled(books))
    books.now_ms += 90 * 24 * 3_600_000
    books.accept(other, pooled(books))
    books.accept(one, pooled(books))
    first, second, third, fourth = originators(books)
    assert {first, second} == set(NUMBERS)
    assert (third, fourth) == (second, first)


def test_two_accounts_in_one_commit_get_different_numbers(books: Books) -> None:
    one, other = books.account("one"), books.account("other")
    groups = [Group(account, books.now_ms, (pooled(books),)) for account in (one, other, one)]
    books.group("accept", groups)
    first, second, third = originators(books)
    assert {first, second} == set(NUMBERS)
    assert third == first


def test_an_answer_belongs_to_whoever_wrote_from_that_number(books: Books) -> None:
    one, other = books.account("one", email="one@example.com"), books.account("other", email="other@example.com")
    books.do("number_add", number=NUMBERS[0], account="one", mail="desk@example.com", now_ms=books.now_ms)
    books.accept(one, pooled(books))
    books.accept(other, pooled(books))
    of_one, of_other = originators(books)
    for number in (of_one, of_other):
        books.inbound(InboundPart(RECIPIENT, number, "yes", None))
    found = {row["number"]: row["account"] for row in books.read("inbound_list")}
    assert found == {of_one: "one", of_other: "other"}
    # Who never got anything from the pool writes to the number's owner, if it has one.
    strangers = [InboundPart("46709999999", number, "hello", None) for number in NUMBERS]
    books.inbound(*strangers)
    found = {row["number"]: row["account"] for row in books.read("inbound_list") if row["originator"] == "46709999999"}
    assert found == {NUMBERS[0]: "one", NUMBERS[1]: ""}
    addresses = sorted(notice.address for notice in books.notices() if notice.kind == "inbound")
    wanted = {"one": "desk@example.com" if of_one == NUMBERS[0] else "one@example.com", "other": "other@example.com"}
    assert addresses == sorted([*wanted.values(), "desk@example.com"])


def test_what_is_refused_uses_no_number(books: Books) -> None:
    poor = books.account("poor", credit_mc=0)
    (refused,) = books.group("accept", [Group(poor, books.now_ms, (pooled(books),))])
    assert isinstance(refused, Fault)
    assert books.connection.execute("SELECT count(*) FROM pool_use").fetchone() == (0,)


def test_uses_are_forgotten_after_a_year(books: Books) -> None:
    books.accept(books.account(), pooled(books))
    books.now_ms += USE_KEPT_MS - 1
    assert books.do("tidy", now_ms=books.now_ms)["pool_uses_forgotten"] == 0
    books.now_ms += 1
    assert books.do("tidy", now_ms=books.now_ms)["pool_uses_forgotten"] == 1


def test_verbs_and_their_reports(books: Books) -> None:
    books.account("ward7")
    values = {"actor": "tester", "now_ms": books.now_ms}
    assert books.do("originator_add", originator="Pumps", account="ward7", **values) == {"is_new": True}
    assert books.do("originator_add", originator="Pumps", account="ward7", **values) == {"is_new": False}
    (line,) = books.read("originator_list")
    assert (line["account"], line["originator"]) == ("ward7", "Pumps")
    assert books.do("originator_remove", originator="Pumps", account="ward7", **values) == {"left": 0}
    books.do("originator_rules_replace", rows=[["country:US", "", "any", "pool:two"]], **values)
    assert books.read("originator_rule_list") == [
        {"destination": "country:US", "link": "", "kind": "any", "replacement": "pool:two"}
    ]
    books.do("originator_rules_replace", rows=[], **values)
    assert books.read("originator_rule_list") == []
    books.do("pool_set", pool="two", numbers=list(NUMBERS), **values)
    books.do("pool_set", pool="two", numbers=[NUMBERS[0]], **values)
    assert books.read("pool_list") == [{"pool": "two", "number": NUMBERS[0], "recipients": 0}]
    books.do("hours_set", destination="country:FR", hours="mo-su 08:00-20:00 UTC", is_for_alarms=True, **values)
    assert books.read("destination_hours_list") == [
        {"destination": "country:FR", "hours": "mo-su 08:00-20:00 UTC", "is_for_alarms": True}
    ]
    books.do("hours_remove", destination="country:FR", **values)
    assert books.read("destination_hours_list") == []
    done = [row["action"] for row in books.read("action_list", count_max=20)]
    assert sorted(set(done)) == [
        "hours_remove",
        "hours_set",
        "originator_add",
        "originator_remove",
        "originator_rules",
        "pool_set",
    ]
