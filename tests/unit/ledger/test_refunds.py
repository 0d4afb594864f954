"""Refunds by rule: never accepted upstream always, undeliverable where the account's policy is so, each part once."""

import pytest

from bridge.ledger.receive import Delivery
from bridge.messages.message import Lane, OutcomeKind, PartState
from bridge.messages.receipt import Receipt
from tests.books import LINK, RECIPIENT, Books

FAILURES = [PartState.UNDELIVERABLE, PartState.EXPIRED, PartState.DELETED, PartState.REJECTED]


def sent(books: Books, smsc_id: str = "77", policy: str = "undeliverable") -> None:
    """One part of a new account, taken by the carrier under this id."""
    books.accept(books.account(refunds=policy), books.prepared())
    (part,) = books.claim()
    books.submitted(part, smsc_id)
    assert books.balance_mc() == 99_000


@pytest.mark.parametrize("state", FAILURES)
def test_what_did_not_get_through_is_paid_back_where_the_policy_is_so(books: Books, state: PartState) -> None:
    sent(books)
    books.receipt("77", state)
    assert books.balance_mc() == 100_000
    (latest, *_) = books.read("account_show", name="demo")["postings"]
    assert (latest["kind"], latest["actor"], latest["reason"]) == ("refund", "", f"the carrier says {state}")


@pytest.mark.parametrize("state", FAILURES)
def test_it_stays_charged_by_default(books: Books, state: PartState) -> None:
    sent(books, policy="unaccepted")
    books.receipt("77", state)
    assert books.balance_mc() == 99_000


@pytest.mark.parametrize("state", [PartState.DELIVERED, PartState.UNKNOWN, None])
def test_other_receipts_pay_nothing_back(books: Books, state: PartState | None) -> None:
    sent(books)
    books.receipt("77", state)
    assert books.balance_mc() == 99_000


def test_receipts_that_repeat_or_contradict_pay_back_once(books: Books) -> None:
    sent(books)
    books.receipt("77", PartState.UNKNOWN)
    assert books.balance_mc() == 99_000
    for state in (PartState.UNDELIVERABLE, PartState.UNDELIVERABLE, PartState.EXPIRED, PartState.DELIVERED):
        books.receipt("77", state)
        assert books.balance_mc() == 100_000


@pytest.mark.parametrize(
    ("states", "left_mc"),
    [
        ((PartState.UNKNOWN, PartState.UNDELIVERABLE, PartState.REJECTED), 100_000),
        ((PartState.UNDELIVERABLE, PartState.DELIVERED), 100_000),
        ((PartState.DELIVERED, PartState.UNDELIVERABLE), 99_000),
    ],
)
def test_in_one_batch_too(books: Books, states: tuple[PartState, ...], left_mc: int) -> None:
    sent(books)
    receipts = [Receipt("77", state, "000", None, RECIPIENT) for state in states]
    books.call("receive", Delivery(LINK, list(receipts), books.now_ms))
    assert books.balance_mc() == left_mc


def test_a_receipt_that_came_before_its_answer_pays_back_too(books: Books) -> None:
    books.accept(books.account(refunds="undeliverable"), books.prepared())
    (part,) = books.claim()
    books.receipt("77", PartState.UNDELIVERABLE)
    assert books.balance_mc() == 99_000
    books.submitted(part, "77")
    assert books.balance_mc() == 100_000


def test_only_the_parts_that_failed_are_paid_back(books: Books) -> None:
    books.accept(books.account(refunds="undeliverable"), books.prepared("one ", "two ", "three", price_mc=1500))
    for part, state in zip(
        books.claim(), (PartState.DELIVERED, PartState.UNDELIVERABLE, PartState.UNKNOWN), strict=True
    ):
        books.submitted(part, f"{part.part_no}")
        books.receipt(f"{part.part_no}", state)
    assert books.balance_mc() == 100_000 - 3 * 1500 + 1500


def test_a_policy_counts_when_the_receipt_comes(books: Books) -> None:
    sent(books, policy="unaccepted")
    books.do("account_set", name="demo", facts={"refunds": "undeliverable"})
    books.receipt("77", PartState.UNDELIVERABLE)
    assert books.balance_mc() == 100_000


def trial(books: Books, account_id: int, parts: int) -> None:
    """Free parts for an account, as a trial has them."""
    books.connection.execute(
        "INSERT INTO balance (account_id, book, amount_mc) VALUES (?, 'trial', ?)", (account_id, parts * 1000)
    )
    books.connection.execute(
        "INSERT INTO posting (account_id, book, kind, cause, amount_mc, actor, created_at_ms)"
        " VALUES (?, 'trial', 'top_up', 'trial', ?, 'kim', 1)",
        (account_id, parts * 1000),
    )


def trial_mc(books: Books) -> int:
    (amount_mc,) = books.connection.execute("SELECT amount_mc FROM balance WHERE book = 'trial'").fetchone()
    return int(amount_mc)


def test_a_refund_goes_back_into_the_book_that_paid(books: Books) -> None:
    """Rejected, expired and undeliverable parts, and one refunded by a person, of a trial at another price."""
    account_id = books.account(refunds="undeliverable")
    trial(books, account_id, 4)
    accepted = books.accept(account_id, *[books.prepared(price_mc=700)] * 4)
    assert (trial_mc(books), books.balance_mc()) == (0, 100_000)
    rejected, undeliverable, unknown = books.claim(3)
    books.settle(rejected, OutcomeKind.REJECTED)
    books.submitted(undeliverable, "1")
    books.receipt("1", PartState.UNDELIVERABLE)
    books.submitted(unknown, "2")
    books.receipt("2", PartState.UNKNOWN)
    books.now_ms += 4_000_000
    books.do("expire", now_ms=books.now_ms)
    assert trial_mc(books) == 3000
    done = books.do("message_refund", message_id=accepted[2].message_id, reason="r", actor="kim", now_ms=books.now_ms)
    assert (done["book"], done["amount_mc"], done["balance_mc"]) == ("trial", 1000, 4000)
    assert books.balance_mc() == 100_000


def test_credit_kept_for_alarms_is_still_credit(books: Books) -> None:
    """What is refunded to an account below its reserve comes back all the same."""
    account_id = books.account(credit_mc=1000, reserve_mc=1000)
    books.accept(account_id, books.prepared(lane=Lane.ALARM))
    (part,) = books.claim()
    books.settle(part, OutcomeKind.REJECTED)
    assert books.balance_mc() == 1000
