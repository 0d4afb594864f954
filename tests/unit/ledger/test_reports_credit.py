"""A statement adds up: opening and postings make the closing, whatever the period and however many pages."""

import json
from typing import Any

import pytest

from bridge.app import control_frames
from bridge.ledger import reports_credit
from bridge.ledger.reports_credit import EVER_MS, SORTED_MAX
from bridge.messages.faults import Fault
from bridge.messages.message import OutcomeKind
from tests.books import NOW_MS, Books

STEP_MS = 1_800_000


def statement(books: Books, **span: Any) -> tuple[dict[str, Any], list[list[dict[str, Any]]]]:
    """The head of a statement and its pages."""
    span = {"name": "demo"} | span
    head = books.read("account_statement_show", **span)
    pages: list[list[dict[str, Any]]] = []
    after: int | None = 0
    balance_mc = head["opening_mc"]
    while after is not None:
        place = {"count": head["count"], "last": head["last"], "after": after, "balance_mc": balance_mc}
        page = books.read("account_statement_list", **span, **place)
        assert len(control_frames.result(page)) <= control_frames.FRAME_SIZE_MAX
        pages.append(page["postings"])
        after, balance_mc = page["after"], page["balance_mc"]
    assert balance_mc == head["closing_mc"]
    assert head["opening_mc"] + sum(line["amount_mc"] for page in pages for line in page) == head["closing_mc"]
    assert head["count"] == sum(map(len, pages))
    return head, pages


def month(books: Books) -> str:
    """A top-up and a message of two parts, and a refund some time later; gives the message."""
    (accepted,) = books.accept(books.account(credit_mc=50_000), books.prepared("one ", "two"))
    books.now_ms += STEP_MS
    rejected, _ = books.claim()
    books.settle(rejected, OutcomeKind.REJECTED, reason="refused by the carrier")
    return accepted.message_id


def test_a_whole_statement_ends_at_the_balance(books: Books) -> None:
    """Messages have their public ids, also where the ledger's key is beyond what SQLite takes for an integer."""
    books.connection.execute("UPDATE setting_of_ledger SET value = ? WHERE name = 'id_key'", (str((1 << 64) - 5),))
    message_id = month(books)
    head, (lines,) = statement(books)
    assert (head["opening_mc"], head["closing_mc"], head["from_at_ms"], head["to_at_ms"]) == (0, 49_000, None, None)
    assert [(line["kind"], line["cause"], line["amount_mc"], line["balance_mc"], line["reason"]) for line in lines] == [
        ("top_up", "top_up:opening", 50_000, 50_000, ""),
        ("charge", f"message {message_id}", -2000, 48_000, ""),
        ("refund", f"message {message_id} part 1", 1000, 49_000, "refused by the carrier"),
    ]
    assert head["totals"] == [
        {"kind": "charge", "count": 1, "amount_mc": -2000},
        {"kind": "refund", "count": 1, "amount_mc": 1000},
        {"kind": "top_up", "count": 1, "amount_mc": 50_000},
    ]
    assert head["closing_mc"] == books.balance_mc()


def test_a_period_has_its_first_moment_and_not_its_last(books: Books) -> None:
    month(books)
    before, _ = statement(books, to_ms=NOW_MS)
    assert (before["opening_mc"], before["closing_mc"], before["count"]) == (0, 0, 0)
    first, (lines,) = statement(books, from_ms=NOW_MS, to_ms=NOW_MS + STEP_MS)
    assert (first["opening_mc"], first["closing_mc"]) == (0, 48_000)
    assert [line["kind"] for line in lines] == ["top_up", "charge"]
    after, (lines,) = statement(books, from_ms=NOW_MS + STEP_MS)
    assert (after["opening_mc"], after["closing_mc"]) == (48_000, 49_000)
    assert [(line["kind"], line["balance_mc"]) for line in lines] == [("refund", 49_000)]
    empty, (lines,) = statement(books, from_ms=NOW_MS + 1, to_ms=NOW_MS + STEP_MS)
    assert (empty["opening_mc"], empty["closing_mc"], lines, empty["totals"]) == (48_000, 48_000, [], [])


def many(books: Books, account_id: int, count: int, reason: str = "") -> None:
    """So many small top-ups, booked in one stroke."""
    books.connection.execute(
        "INSERT INTO posting (account_id, book, kind, cause, amount_mc, reason, created_at_ms)"
        " WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :count)"
        " SELECT :account_id, 'credit', 'top_up', 'top_up:many' || n, n, :reason, :now_ms + n FROM number",
        {"account_id": account_id, "count": count, "reason": reason, "now_ms": NOW_MS},
    )
    books.connection.execute(
        "UPDATE balance SET amount_mc = amount_mc + ? WHERE account_id = ?", (count * (count + 1) // 2, account_id)
    )


@pytest.mark.parametrize("count", [SORTED_MAX - 1, SORTED_MAX + 1])
def test_a_long_statement_comes_in_pages(books: Books, count: int) -> None:
    """On both sides of the number at which the pages are found in another way."""
    account_id = books.account(credit_mc=0)
    books.account("other")
    many(books, account_id, count)
    _, pages = statement(books)
    lines = [line for page in pages for line in page]
    assert [line["amount_mc"] for line in lines] == list(range(1, count + 1))
    assert [line["balance_mc"] for line in lines] == [n * (n + 1) // 2 for n in range(1, count + 1)]
    assert len(pages) > 5


def test_a_page_fits_the_control_socket_whatever_people_wrote(books: Books) -> None:
    """Two hundred characters of which JSON makes twelve octets each, in every posting."""
    many(books, books.account(credit_mc=0), 3000, reason="\U0001f4a9" * 200)
    _, pages = statement(books)
    assert max(len(json.dumps(page)) for page in pages) > 400_000, "pages are not needlessly small"


def test_what_is_booked_while_somebody_reads_changes_nothing(books: Books) -> None:
    account_id = books.account(credit_mc=1000)
    head = books.read("account_statement_show", name="demo")
    books.accept(account_id, books.prepared())
    page = books.read(
        "account_statement_list", name="demo", count=head["count"], last=head["last"], after=0, balance_mc=0
    )
    assert [line["kind"] for line in page["postings"]] == ["top_up"]
    assert (page["balance_mc"], page["after"]) == (head["closing_mc"], None)


def test_each_account_and_book_has_its_own(books: Books) -> None:
    books.account("other", credit_mc=7000)
    books.do(
        "account_open",
        account={"name": "demo"},
        verifier="v",
        networks=[],
        credit_mc=500,
        trial_parts=2,
        actor="kim",
        now_ms=NOW_MS,
    )
    account_id = int(books.connection.execute("SELECT account_id FROM account WHERE name = 'demo'").fetchone()[0])
    books.accept(account_id, books.prepared())
    trial, (lines,) = statement(books, book="trial")
    assert [(line["kind"], line["balance_mc"]) for line in lines] == [("top_up", 2000), ("charge", 1000)]
    assert (trial["book"], trial["closing_mc"]) == ("trial", 1000)
    credit, (lines,) = statement(books)
    assert [(line["kind"], line["balance_mc"]) for line in lines] == [("top_up", 500)]
    assert statement(books, name="other", book="trial")[0]["closing_mc"] == 0
    with pytest.raises(Fault, match="a book is one of credit, trial"):
        books.read("account_statement_show", name="demo", book="gold")
    assert books.read("account_statement_show", name="nobody") is None


def test_no_statement_is_given_of_books_that_are_wrong(books: Books) -> None:
    month(books)
    books.connection.execute("UPDATE balance SET amount_mc = amount_mc + 1")
    with pytest.raises(Fault, match="do not add up to the balance; run `smsbridge ledger audit`"):
        statement(books, from_ms=NOW_MS, to_ms=EVER_MS)
    books.connection.execute("UPDATE balance SET amount_mc = amount_mc - 1")


def test_a_cause_that_was_erased_is_shown_as_it_was_booked(books: Books) -> None:
    assert reports_credit.shown_cause(books._reader, "part:99", 1) == "part:99"
