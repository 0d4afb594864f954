"""Money: a posting for every move, once for each cause, and never below the floor."""

import sqlite3

import pytest

from bridge.intake.accept import Group
from bridge.messages.faults import Fault, FaultCode
from tests.books import Books


def test_accepting_charges_every_part(books: Books) -> None:
    account = books.account(credit_mc=10_000)
    (accepted,) = books.accept(account, books.prepared("one ", "two ", "three", price_mc=1500))
    assert accepted.price_mc == 4500
    assert books.balance_mc() == 5500


def test_credit_may_be_spent_to_the_last_thousandth_and_no_further(books: Books) -> None:
    account = books.account(credit_mc=2000)
    books.accept(account, books.prepared(), books.prepared())
    assert books.balance_mc() == 0
    with pytest.raises(Fault, match="no_credit"):
        books.accept(account, books.prepared(price_mc=1))
    assert books.balance_mc() == 0


def test_an_overdraft_is_a_floor_below_zero(books: Books) -> None:
    account = books.account(credit_mc=0, overdraft_mc=1500)
    books.accept(account, books.prepared(price_mc=1500))
    assert books.balance_mc() == -1500
    with pytest.raises(Fault, match="no_credit"):
        books.accept(account, books.prepared(price_mc=1))


def test_in_one_group_commit_those_who_can_pay_are_served_in_order(books: Books) -> None:
    """Three peers in one batch, credit for two: the third is refused and nobody else is."""
    account = books.account(credit_mc=2000)
    results = books.group("accept", [Group(account, books.now_ms, (books.prepared(),)) for _ in range(3)])
    assert [isinstance(result, Fault) for result in results] == [False, False, True]
    assert results[2].code is FaultCode.NO_CREDIT
    assert books.balance_mc() == 0


def test_a_group_that_cannot_pay_for_all_gets_nothing(books: Books) -> None:
    account = books.account(credit_mc=2999)
    with pytest.raises(Fault, match="costs 3.000, 2.999 is left"):
        books.accept(account, *[books.prepared()] * 3)
    assert books.read("message_list") == []


def test_a_top_up_counts_once_for_each_key(books: Books) -> None:
    books.account(credit_mc=0)
    first = books.do("account_top_up", name="demo", amount_mc=5000, key="invoice-7", now_ms=books.now_ms)
    again = books.do("account_top_up", name="demo", amount_mc=5000, key="invoice-7", now_ms=books.now_ms)
    assert (first["is_new"], again["is_new"], again["balance_mc"]) == (True, False, 5000)
    with pytest.raises(Fault, match="another amount"):
        books.do("account_top_up", name="demo", amount_mc=6000, key="invoice-7", now_ms=books.now_ms)
    assert books.balance_mc() == 5000


def test_postings_cannot_be_changed_or_deleted(books: Books) -> None:
    books.account()
    for statement in ("UPDATE posting SET amount_mc = 1", "DELETE FROM posting"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            books.connection.execute(statement)


def test_the_database_itself_refuses_a_balance_below_its_floor(books: Books) -> None:
    books.account(credit_mc=10)
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        books.connection.execute("UPDATE balance SET amount_mc = -1")


def test_a_disabled_account_submits_nothing(books: Books) -> None:
    account = books.account()
    books.do("account_set_disabled", name="demo", is_disabled=True)
    with pytest.raises(Fault, match="account_disabled"):
        books.accept(account, books.prepared())


def test_the_audit_finds_a_charge_without_its_posting(books: Books) -> None:
    books.account(credit_mc=5000)
    books.connection.execute("UPDATE balance SET amount_mc = amount_mc - 1")
    report = books.read("ledger_audit")
    assert not report["is_ok"]
    assert "the sum of postings is the balance, for every account and book" in [
        check["name"] for check in report["checks"] if not check["is_ok"]
    ]
    books.connection.execute("UPDATE balance SET amount_mc = amount_mc + 1")


def test_the_audit_finds_an_expired_part_without_its_refund(books: Books) -> None:
    (accepted,) = books.accept(books.account(), books.prepared())
    books.connection.execute("UPDATE part SET state = 'expired', final_at_ms = 1")
    failed = [check["name"] for check in books.read("ledger_audit")["checks"] if not check["is_ok"]]
    assert failed == ["every part that was never accepted upstream is refunded"]
    books.connection.execute("UPDATE part SET state = 'queued', final_at_ms = NULL")
    assert books.states(accepted.message_id) == ["queued"]
