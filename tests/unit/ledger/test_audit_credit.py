"""The audit's checks of money are sharp: each finds the one thing that is wrong, and names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bridge.ledger.closing import DAY_MS
from bridge.messages.message import OutcomeKind, PartState
from tests.books import Books


@contextmanager
def spoilt(books: Books) -> Iterator[None]:
    """What is written here is taken back afterwards."""
    books.connection.execute("BEGIN")
    try:
        yield
    finally:
        books.connection.execute("ROLLBACK")


def spoil(books: Books, statement: str) -> int:
    """Run it without the triggers that would stop it, which come back then; gives how many rows it changed."""
    triggers = books.connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        books.connection.execute(f"DROP TRIGGER {name}")
    changed = books.connection.execute(statement).rowcount
    for _, sql in triggers:
        books.connection.execute(sql)
    return changed


def failed(books: Books) -> list[str]:
    """Names of the checks that fail, seen from inside the open transaction."""
    from sqlite_utils import Database

    from bridge.ledger.audit import CHECKS

    database = Database(books.connection, execute_plugins=False)
    return [check for check, sql in CHECKS.items() if list(database.query(f"SELECT * FROM ({sql}) LIMIT 1"))]  # noqa: S608


@pytest.fixture
def busy(books: Books) -> Books:
    """Every kind of posting: a transfer, refunds by rule, by policy and by a person, a trial, a closed account."""
    account_id = books.account(refunds="undeliverable")
    books.account("other")
    books.do(
        "account_open",
        account={"name": "trial"},
        verifier="v",
        networks=[],
        credit_mc=5000,
        trial_parts=2,
        actor="kim",
        now_ms=books.now_ms,
    )
    (trial_id,) = books.connection.execute("SELECT account_id FROM account WHERE name = 'trial'").fetchone()
    facts: dict[str, Any] = {"actor": "kim", "now_ms": books.now_ms}
    books.do("account_transfer", giver="demo", taker="other", amount_mc=500, key="k", **facts)
    books.do("account_adjust", name="demo", amount_mc=-500, key="k", reason="r", **facts)
    books.accept(trial_id, books.prepared(price_mc=333))
    books.settle(books.claim(1)[0], OutcomeKind.REJECTED)
    accepted = books.accept(account_id, *[books.prepared()] * 3)
    for number, state in enumerate((PartState.UNDELIVERABLE, PartState.UNKNOWN, PartState.DELIVERED)):
        (part,) = books.claim(1)
        books.submitted(part, f"{number}")
        books.receipt(f"{number}", state)
    books.do("message_refund", message_id=accepted[1].message_id, reason="lost", **facts)
    books.now_ms += 20 * DAY_MS
    books.do("account_close", name="other", key="k", refund_days=10, actor="kim", now_ms=books.now_ms)
    books.audit()
    return books


SUM = "the sum of postings is the balance, for every account and book"
CHARGED = "every message is charged exactly once, for all its parts, in the book that paid"
CHARGE = "every charge is for one message of its account, also those that were erased since"
REFUND = "every refund gives back the price of one part, to the account and the book that paid"
BY_RULE = "what the appliance itself refunds was not accepted upstream, or did not get through"
BY_HAND = "what a person refunds has ended"
NEVER = "every part that was never accepted upstream is refunded"
TRANSFER = "the two sides of every transfer sum to zero"
CLOSED = "a closed account was emptied, and only refunds came after"
ENDED = "only what belongs to a closed account was paid out or forfeited"
SIGN = "every posting has the sign and the book of its kind"


@pytest.mark.parametrize(
    ("spoiling", "found"),
    [
        ("UPDATE balance SET amount_mc = amount_mc + 1 WHERE book = 'trial'", [SUM]),
        ("UPDATE message SET book = 'credit' WHERE book = 'trial'", [CHARGED, CHARGE, REFUND, NEVER]),
        ("UPDATE message SET book = 'trial' WHERE message_id = 2", [CHARGED, CHARGE, REFUND]),
        ("UPDATE posting SET cause = 'message:99' WHERE cause = 'message:2'", [CHARGED, CHARGE]),
        ("UPDATE posting SET cause = 'letter:2' WHERE cause = 'message:2'", [CHARGED, CHARGE]),
        ("UPDATE posting SET cause = 'part:99' WHERE kind = 'refund' AND actor = 'kim'", [REFUND]),
        ("UPDATE message SET price_mc = 999 WHERE message_id = 3", [CHARGED, REFUND]),
        ("UPDATE part SET state = 'delivered' WHERE state = 'undeliverable'", [BY_RULE]),
        ("UPDATE part SET is_possible_duplicate = 1 WHERE state = 'rejected'", [BY_RULE, "a part that may have been"]),
        ("UPDATE part SET state = 'submitted', final_at_ms = NULL WHERE state = 'unknown'", [BY_HAND]),
        ("UPDATE part SET state = 'rejected', submitted_at_ms = NULL WHERE state = 'delivered'", [NEVER]),
        ("UPDATE posting SET amount_mc = -501 WHERE kind = 'transfer' AND amount_mc < 0", [SUM, TRANSFER]),
        ("DELETE FROM posting WHERE kind = 'transfer' AND amount_mc > 0", [SUM, TRANSFER, CLOSED]),
        ("UPDATE account SET is_disabled = 0 WHERE name = 'other'", [CLOSED]),
        ("UPDATE account SET closed_at_ms = NULL WHERE name = 'other'", [ENDED]),
        ("UPDATE account SET closed_at_ms = 1, is_disabled = 1 WHERE name = 'trial'", [CLOSED]),
        ("UPDATE posting SET amount_mc = -amount_mc WHERE kind = 'forfeit'", [SUM, SIGN, CLOSED]),
        ("UPDATE posting SET book = 'gold' WHERE kind = 'adjustment'", [SUM, "no posting is without a balance", SIGN]),
        (
            "INSERT INTO posting (account_id, book, kind, cause, amount_mc, created_at_ms)"
            " SELECT account_id, 'credit', 'adjustment', 'adjustment:late', 0, 1 FROM account WHERE name = 'other'",
            [CLOSED],
        ),
    ],
)
def test_the_audit_finds(busy: Books, spoiling: str, found: list[str]) -> None:
    with spoilt(busy):
        assert spoil(busy, spoiling) == 1
        names = failed(busy)
    assert len(names) == len(found), names
    for name, start in zip(names, found, strict=True):
        assert name.startswith(start)


def test_nothing_is_found_where_nothing_is_wrong(busy: Books) -> None:
    with spoilt(busy):
        assert failed(busy) == []


def test_what_was_erased_when_its_time_was_over_keeps_its_postings(busy: Books) -> None:
    with spoilt(busy):
        busy.connection.execute("PRAGMA defer_foreign_keys = ON")
        for table in ("history", "notice", "part", "message"):
            busy.connection.execute(f"DELETE FROM {table}")  # noqa: S608
        assert {CHARGE, REFUND} <= set(failed(busy))
        for name, value in (("messages_erased_below", 5), ("parts_erased_below", 5), ("messages_erased", 4)):
            busy.connection.execute("INSERT INTO setting_of_ledger VALUES (?, ?)", (name, str(value)))
        assert failed(busy) == []
