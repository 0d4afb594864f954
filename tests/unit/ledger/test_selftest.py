"""Heartbeats in the ledger: free, measured by their part, silent when nothing comes, and forgotten in the end."""

import pytest

from bridge.ledger.selftest import DAY_MS, KEPT_MS, percentile
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import OutcomeKind, PartState
from tests.books import LINK, RECIPIENT, Books

LIMIT_MS = 60_000


def begin(books: Books, link: str = LINK) -> str:
    values = {"recipient": RECIPIENT, "originator": "", "text": "still there?", "validity_ms": 300_000}
    begun = books.do("selftest_begin", link=link, limit_ms=LIMIT_MS, now_ms=books.now_ms, **values)
    return str(begun["message_id"])


def look(books: Books) -> list[tuple[str, str, str]]:
    changed: list[tuple[str, str, str]] = books.do("selftest_look", now_ms=books.now_ms)["changed"]
    return changed


def sent(books: Books, smsc_id: str) -> None:
    """One heartbeat that the carrier has taken, 200 ms after it was queued."""
    begin(books)
    (part,) = books.claim()
    books.now_ms += 200
    books.submitted(part, smsc_id)


def summary(books: Books) -> dict[str, object]:
    found: dict[str, object] = books.read("selftest_summary", now_ms=books.now_ms)[LINK]
    return found


def test_a_heartbeat_is_measured_from_queue_to_submission_to_receipt(books: Books) -> None:
    sent(books, "A1")
    assert look(books) == [(LINK, "waiting", "submitted")]
    books.now_ms += 3_000
    books.receipt("A1")
    assert look(books) == [(LINK, "submitted", "delivered")]
    (line,) = books.read("selftest_list", link=LINK)
    assert (line["submitted_ms"], line["receipt_ms"], line["state"]) == (200, 3_000, "delivered")
    assert look(books) == []


def test_it_costs_nothing_and_nobody_is_told(books: Books) -> None:
    sent(books, "A1")
    books.receipt("A1")
    assert books.notices() == []
    shown = books.read("account_show", name="selftest")
    assert (shown["balance_mc"], shown["account_class"]) == (0, "selftest")
    assert books.read("credentials_of", name="selftest")["credentials"] == []


def test_without_a_receipt_the_link_is_silent_until_a_later_one_is_answered(books: Books) -> None:
    sent(books, "A1")
    books.now_ms += LIMIT_MS
    look(books)
    assert summary(books)["silent_since_ms"] == 0  # Not late yet.
    books.now_ms += 1
    assert look(books) == [(LINK, "submitted", "silent")]
    first_ms = books.read("selftest_list", link=LINK)[0]["at_ms"]
    sent(books, "A2")
    look(books)
    assert summary(books)["silent_since_ms"] == first_ms
    books.receipt("A2")
    look(books)
    assert summary(books)["silent_since_ms"] == 0


def test_a_late_receipt_of_a_silent_one_counts(books: Books) -> None:
    sent(books, "A1")
    books.now_ms += LIMIT_MS + 1
    look(books)
    books.receipt("A1")
    assert look(books) == [(LINK, "silent", "delivered")]
    assert summary(books)["silent_since_ms"] == 0


def test_a_receipt_that_says_no_is_an_answer_too(books: Books) -> None:
    """The phone is off; the link is not to blame."""
    sent(books, "A1")
    books.receipt("A1", PartState.UNDELIVERABLE)
    assert look(books) == [(LINK, "waiting", "failed")]
    assert summary(books)["silent_since_ms"] == 0


def test_what_nobody_took_says_nothing_about_receipts(books: Books) -> None:
    begin(books)
    (part,) = books.claim()
    books.settle(part, OutcomeKind.REJECTED, command_status=11, reason="invalid destination")
    assert look(books) == [(LINK, "waiting", "unsent")]
    assert summary(books)["silent_since_ms"] == 0


def test_an_answer_that_never_came_is_silence(books: Books) -> None:
    begin(books)
    (part,) = books.claim()
    books.settle(part, OutcomeKind.IN_DOUBT, retry_at_ms=books.now_ms)
    assert look(books) == []
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[LINK])
    assert look(books) == [(LINK, "waiting", "silent")]


def test_old_heartbeats_are_forgotten_and_the_day_counts(books: Books) -> None:
    sent(books, "A1")
    books.now_ms += 5_000
    books.receipt("A1")
    look(books)
    books.now_ms += DAY_MS
    sent(books, "A2")
    books.now_ms += 1_000
    books.receipt("A2")
    look(books)
    day = summary(books)
    assert (day["count"], day["p50_ms"], day["p95_ms"], day["last_receipt_ms"]) == (1, 1_000, 1_000, 1_000)
    assert len(books.read("selftest_list", link=LINK)) == 2
    books.now_ms += KEPT_MS + 1
    begin(books)
    assert len(books.read("selftest_list", link=LINK)) == 1


def test_somebody_elses_account_of_that_name_is_left_alone(books: Books) -> None:
    books.account("selftest")
    with pytest.raises(Fault) as refused:
        begin(books)
    assert refused.value.code is FaultCode.ALREADY_EXISTS


@pytest.mark.parametrize(
    ("values", "p50", "p95"),
    [([], None, None), ([7], 7, 7), ([1, 2], 1, 2), (list(range(1, 101)), 50, 95), (list(range(1, 21)), 10, 19)],
)
def test_percentiles(values: list[int], p50: int | None, p95: int | None) -> None:
    assert (percentile(values, 0.5), percentile(values, 0.95)) == (p50, p95)
