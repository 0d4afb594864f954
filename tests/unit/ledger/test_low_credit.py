"""Warnings about credit: once for each fall, armed again from outside, and a pace that is true and bounded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.intake.accept import Group
from bridge.ledger import low_credit, outlook
from bridge.ledger.database import Transaction
from bridge.ledger.outbox import Notice, NoticeClaim, NoticeOutcome
from bridge.messages.message import OutcomeKind
from tests.books import Books

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    books = Books(tmp_path)
    yield books
    books.audit()
    books.close()


def account(books: Books, *, limit_mc: int = 5000, credit_mc: int = 7000, **facts: Any) -> int:
    values = {"email": "owner@example.com", "mobile": "46701740606", **facts}
    return books.account(credit_mc=credit_mc, low_limit_mc=limit_mc, **values)


def spend(books: Books, account_id: int, parts: int = 1) -> None:
    books.accept(account_id, *(books.prepared() for _ in range(parts)))


def texts(books: Books) -> list[Notice]:
    notices: list[Notice] = books.call("claim_notices", NoticeClaim(100, books.now_ms, is_for_texts=True))
    return notices


def view(books: Books) -> low_credit.CreditView:
    return low_credit.CreditView(**books.read("credit_outlook", name="demo", now_ms=books.now_ms))


def test_a_fall_through_the_limit_is_told_once(books: Books) -> None:
    demo = account(books)
    spend(books, demo, 2)
    assert books.notices() == []
    spend(books, demo)
    (notice,) = books.notices()
    assert (notice.kind, notice.address, notice.account_name) == ("low_credit", "owner@example.com", "demo")
    assert notice.key.startswith(f"low.{demo}.1.")
    spend(books, demo, 3)
    assert books.notices() == []


def test_a_fall_within_one_commit_of_many_groups_is_told_once(books: Books) -> None:
    demo = account(books)
    books.group("accept", [Group(demo, books.now_ms, (books.prepared(),)) for _ in range(6)])
    assert len(books.notices()) == 1


def test_a_refused_group_warns_nobody(books: Books) -> None:
    demo = account(books)
    (refused,) = books.group("accept", [Group(demo, books.now_ms, tuple(books.prepared() for _ in range(8)))])
    assert isinstance(refused, Exception)
    assert books.notices() == []


def test_a_top_up_to_the_limit_arms_it_again(books: Books) -> None:
    demo = account(books)
    spend(books, demo, 3)
    books.do("account_top_up", name="demo", amount_mc=999, key="a", now_ms=books.now_ms)
    spend(books, demo)
    assert len(books.notices()) == 1, "still below: one warning, though credit came in"
    books.do("account_top_up", name="demo", amount_mc=1001, key="b", now_ms=books.now_ms)
    assert books.balance_mc() == 5000
    spend(books, demo)
    (second,) = books.notices()
    assert second.key.startswith(f"low.{demo}.2.")


def test_a_refund_does_not_arm_it(books: Books) -> None:
    demo = account(books)
    spend(books, demo, 3)
    for part in books.claim():
        books.settle(part, OutcomeKind.REJECTED)
    assert books.balance_mc() == 7000
    spend(books, demo, 3)
    told = [notice for notice in books.notices() if notice.kind == "low_credit"]
    assert len(told) == 1


def test_without_a_limit_or_an_address_nobody_is_warned(books: Books) -> None:
    spend(books, account(books, limit_mc=0), 7)
    spend(books, account(books, name="other", email="", mobile=""), 7)
    assert (books.notices(), texts(books)) == ([], [])


@pytest.mark.parametrize(
    "facts", [{"email": "ward7@example.com"}, {"is_low_texted": True}, {"mobile": "46701740607", "is_low_texted": True}]
)
def test_who_could_not_be_told_is_told_once_there_is_an_address(books: Books, facts: dict[str, Any]) -> None:
    """The fall counted as told although nobody was, and the address that was set then heard nothing."""
    demo = account(books, email="", mobile="46701740606" if facts == {"is_low_texted": True} else "")
    spend(books, demo, 4)
    books.do("account_set", name="demo", facts=facts)
    assert (books.notices(), texts(books)) == ([], [])
    spend(books, demo)
    (notice,) = [*books.notices(), *texts(books)]
    assert notice.address in {"ward7@example.com", "46701740606", "46701740607"}
    assert notice.key.split(".")[2] == "1"
    spend(books, demo)
    assert (books.notices(), texts(books)) == ([], [])


def test_the_text_is_owed_beside_the_mail_and_neither_service_sees_the_other(books: Books) -> None:
    demo = account(books, is_low_texted=True)
    spend(books, demo, 3)
    (text,) = texts(books)
    assert (text.kind, text.address) == ("low_credit_text", "46701740606")
    (mail,) = books.notices()
    assert (mail.kind, mail.address) == ("low_credit", "owner@example.com")
    books.call("settle_notices", [NoticeOutcome(text.notice_id, is_done=False, retry_at_ms=books.now_ms)])
    assert books.notices() == []
    assert [again.notice_id for again in texts(books)] == [text.notice_id]


def test_a_warning_falls_with_its_transaction(books: Books) -> None:
    demo = account(books)
    books.connection.execute("BEGIN IMMEDIATE")
    low_credit.owe_warnings(Transaction(books.connection), [(demo, 0)], books.now_ms)
    books.connection.execute("ROLLBACK")
    spend(books, demo, 3)
    assert [notice.key.split(".")[2] for notice in books.notices()] == ["1"]


def test_the_pace_is_what_the_last_seven_days_cost_less_what_was_given_back(books: Books) -> None:
    demo = account(books, credit_mc=100_000)
    spend(books, demo, 30)
    old = books.claim()
    books.now_ms += 20 * DAY_MS
    spend(books, demo, 10)
    for part in [*old[:5], *books.claim(2)]:
        books.settle(part, OutcomeKind.REJECTED)
    found = view(books)
    # Five old ones were given back this week, too: that is no part of what a week costs.
    assert (found.spent_mc, found.period_ms) == (8_000, 7 * DAY_MS)
    assert found.per_day_mc == 8_000 // 7
    assert found.balance_mc == found.room_mc == 67_000
    assert found.runs_out_at_ms == books.now_ms + 67_000 * 7 * DAY_MS // 8_000


def test_a_young_account_is_judged_since_it_opened(books: Books) -> None:
    demo = account(books, credit_mc=100_000, overdraft_mc=2_000)
    books.now_ms += 2 * DAY_MS
    spend(books, demo, 10)
    found = view(books)
    assert (found.period_ms, found.per_day_mc) == (2 * DAY_MS, 5_000)
    assert found.room_mc == 92_000
    assert found.runs_out_at_ms == books.now_ms + 92_000 * DAY_MS // 5_000


def test_the_first_minutes_do_not_make_a_day(books: Books) -> None:
    demo = account(books, credit_mc=10_000)
    spend(books, demo, 2)
    assert view(books).period_ms == HOUR_MS
    assert view(books).per_day_mc == 48_000


def test_an_account_that_spends_nothing_never_runs_out(books: Books) -> None:
    account(books)
    assert view(books).runs_out_at_ms is None


def test_only_so_many_messages_are_looked_at_and_the_period_shrinks_to_theirs(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlook, "MESSAGES_MAX", 10)
    demo = account(books, credit_mc=100_000)
    spend(books, demo, 20)
    books.now_ms += 3 * DAY_MS
    spend(books, demo, 10)
    books.now_ms += DAY_MS
    found = view(books)
    assert (found.spent_mc, found.period_ms) == (10_000, DAY_MS)


def test_nobody_is_told_of_an_account_that_does_not_exist(books: Books) -> None:
    assert books.read("credit_outlook", name="nobody", now_ms=books.now_ms) is None


def test_who_was_told_is_not_told_again_whoever_asks(books: Books) -> None:
    demo = account(books)
    tx = Transaction(books.connection)
    for _ in range(2):
        low_credit.owe_warnings(tx, [(demo, 0)], books.now_ms)
    assert len(books.notices()) == 1


def test_it_is_armed_at_the_limit_and_not_below(books: Books) -> None:
    demo = account(books)
    tx = Transaction(books.connection)
    spend(books, demo, 3)
    assert not low_credit.rearm(tx, demo), "4.000 of 5.000"
    books.do("account_top_up", name="demo", amount_mc=500, key="a", now_ms=books.now_ms)
    assert not low_credit.rearm(tx, demo)
    books.do("account_top_up", name="demo", amount_mc=500, key="b", now_ms=books.now_ms)
    assert not low_credit.rearm(tx, demo), "the top-up has armed it already"
    low_credit.owe_warnings(tx, [(demo, 0)], books.now_ms)
    assert low_credit.rearm(tx, demo)
