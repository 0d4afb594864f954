"""The audit's checks of messages, parts and numbers are sharp: each finds the one thing that is wrong, and names it."""

from typing import Any

import pytest

from bridge.ledger import retries
from bridge.ledger.queue import Retry
from bridge.messages.inbound import InboundPart
from bridge.messages.message import OutcomeKind
from tests.books import Books
from tests.unit.ledger.test_audit_credit import failed, spoil, spoilt


@pytest.fixture
def busy(books: Books) -> Books:
    """Message 1 is queued, 2 delivered and named, 3 submitted in two parts and unanswered; 4 came from a handset."""
    account_id = books.account()
    books.account("other")
    facts: list[dict[str, Any]] = [{"retry": Retry(retries.digest("k"), retries.digest("c"), is_strict=False)}, {}]
    books.accept(account_id, books.prepared("waits"))
    books.accept(account_id, books.prepared("delivered", **facts[0]))
    (parts,) = books.accept(account_id, books.prepared("two ", "parts"))
    books.do("mark_unanswered", message_ids=[parts.message_id], now_ms=books.now_ms)
    for part in books.claim():
        if part.text == "waits":
            books.settle(part, OutcomeKind.UNWRITTEN)
        else:
            books.submitted(part, f"{part.part_id}")
    books.receipt("2")
    books.inbound(InboundPart("46709999123", "46701740699", "hello"))
    books.audit()
    return books


PARTS = "every message has all its parts, numbered from 1"
OWNER = "every part is of the account of its message"
SUBMITTED = "every part that was submitted says when"
TWICE = "no part that was submitted waits to be sent"
TEXT = "every part that waits to be sent has its text"
ENDED = "no part has ended that is not finished"
REPEATS = "what repeats become is a message of the same account, or one that was erased"
NUMBERS = "no number was given out that may be given out again"
KEY = "the key of the public ids is there"


@pytest.mark.parametrize(
    ("spoiling", "found"),
    [
        ("UPDATE part SET part_no = 3 WHERE part_no = 2", PARTS),
        ("UPDATE part SET part_no = 0 WHERE message_id = 3 AND part_no = 1", PARTS),
        ("UPDATE part SET account_id = 2 WHERE message_id = 1", OWNER),
        ("UPDATE part SET submitted_at_ms = NULL WHERE state = 'delivered'", SUBMITTED),
        ("UPDATE part SET submitted_at_ms = NULL WHERE part_no = 2", SUBMITTED),
        ("UPDATE part SET state = 'queued' WHERE part_no = 2", TWICE),
        ("UPDATE part SET state = 'claimed', final_at_ms = NULL WHERE state = 'delivered'", TWICE),
        ("UPDATE part SET text = '' WHERE state = 'queued'", TEXT),
        ("UPDATE part SET final_at_ms = 5 WHERE state = 'queued'", ENDED),
        ("UPDATE part SET final_at_ms = 5 WHERE part_no = 2", ENDED),
        ("UPDATE retry_key SET account_id = 2", REPEATS),
        ("UPDATE retry_key SET message_id = 999", REPEATS),
        ("UPDATE unanswered SET account_id = 2", REPEATS),
        ("UPDATE sequence SET value = 2 WHERE name = 'message'", NUMBERS),
        ("UPDATE sequence SET value = 3 WHERE name = 'message'", NUMBERS),
        ("UPDATE sequence SET value = 3 WHERE name = 'part'", NUMBERS),
        ("DELETE FROM sequence WHERE name = 'part'", NUMBERS),
        ("DELETE FROM setting_of_ledger WHERE name = 'id_key'", KEY),
        ("UPDATE setting_of_ledger SET value = 'x' WHERE name = 'id_key'", KEY),
    ],
)
def test_it_is_found_by_exactly_this_check(busy: Books, spoiling: str, found: str) -> None:
    with spoilt(busy):
        assert spoil(busy, spoiling) == 1
        assert failed(busy) == [found]


@pytest.mark.parametrize("table", ["posting", "action"])
@pytest.mark.parametrize("deed", ["changed", "deleted"])
def test_a_guard_that_is_gone_is_missed(busy: Books, table: str, deed: str) -> None:
    with spoilt(busy):
        busy.connection.execute(f"DROP TRIGGER {table}_is_never_{deed}")
        assert failed(busy) == ["postings and actions can only be added"]


def test_no_more_is_given_back_than_was_charged_also_for_what_was_erased(busy: Books) -> None:
    """A refund of an erased part has nothing left to be compared with but the sum of all charges."""
    refund = (
        "INSERT INTO posting (account_id, book, kind, cause, amount_mc, created_at_ms)"
        " VALUES (1, 'credit', 'refund', 'part:77', {0}, 1)"
    )
    with spoilt(busy):
        busy.connection.execute("INSERT INTO setting_of_ledger VALUES ('parts_erased_below', '100')")
        busy.connection.execute(refund.format(4001))
        busy.connection.execute("UPDATE balance SET amount_mc = amount_mc + 4001 WHERE account_id = 1")
        assert failed(busy) == ["nobody was given back more than was charged, in any book"]


def test_an_erased_message_may_still_have_a_name(busy: Books) -> None:
    with spoilt(busy):
        busy.connection.execute("UPDATE retry_key SET message_id = 999")
        busy.connection.execute("INSERT INTO setting_of_ledger VALUES ('messages_erased_below', '1000')")
        assert REPEATS not in failed(busy)


def test_the_text_of_what_is_submitted_may_be_gone(busy: Books) -> None:
    """Nobody waits for a receipt for ever: see retention."""
    with spoilt(busy):
        busy.connection.execute("UPDATE part SET text = '' WHERE state != 'queued'")
        assert failed(busy) == []
