"""Receipts that settle a doubt: by our reference, or because they can mean no other part; and never a wrong one."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.ledger.doubts import TRY_SPAN_MS
from bridge.ledger.receive import Delivery
from bridge.ledger.settle import Settlement
from bridge.messages.causes import Cause
from bridge.messages.message import ClaimedPart, Outcome, OutcomeKind, PartState
from bridge.messages.receipt import Receipt
from bridge.smpp.translate import user_message_reference
from tests.books import LINK, RECIPIENT, THREAD, Books

HOLD_MS = 60_000
OTHER = "46701740606"
SHOP = "Shop"


def claimed(books: Books, *texts: str, **facts: Any) -> tuple[str, list[ClaimedPart]]:
    """A message whose parts are on the wire; gives its public id and them."""
    if not books.read("account_list"):
        books.account()
    (accepted,) = books.accept(1, books.prepared(*texts, **({"originator": SHOP} | facts)))
    return accepted.message_id, books.claim()


def doubted(books: Books, *texts: str, **facts: Any) -> tuple[str, list[ClaimedPart]]:
    """The same, with all parts in doubt."""
    message, parts = claimed(books, *texts, **facts)
    for part in parts:
        in_doubt(books, part)
    return message, parts


def in_doubt(books: Books, part: ClaimedPart) -> None:
    books.settle(part, OutcomeKind.IN_DOUBT, reason="no answer", retry_at_ms=books.now_ms + HOLD_MS)


def receipt(books: Books, smsc_id: str = "77", **facts: Any) -> Receipt:
    values: dict[str, Any] = {
        "state": PartState.DELIVERED,
        "error": "000",
        "network_at_ms": books.now_ms,
        "originator": RECIPIENT,
        "recipient": SHOP,
        "submitted_at_ms": books.now_ms,
    }
    return Receipt(smsc_id, **(values | facts))


def arrive(books: Books, *receipts: Receipt, link: str = LINK) -> None:
    books.call("receive", Delivery(link, list(receipts), books.now_ms))


def part_of(books: Books, message: str, part_no: int = 1) -> dict[str, Any]:
    part: dict[str, Any] = books.read("message_show", message_id=message)["parts"][part_no - 1]
    return part


def test_a_receipt_that_can_mean_no_other_part_settles_the_doubt(books: Books) -> None:
    message, _ = doubted(books, thread=THREAD)
    arrive(books, receipt(books, "0A1B"))
    part = part_of(books, message)
    assert (part["state"], part["smsc_id"], part["submitted_at_ms"]) == ("delivered", "0A1B", books.now_ms)
    assert books.events(message) == ["in_doubt", "settled_by_receipt"]
    assert len(books.notices()) == 1
    assert books.read("unfinished")["parked"] == 0
    books.audit()


def test_a_part_that_was_sent_again_may_be_meant_by_the_receipt_of_its_first_try(books: Books) -> None:
    """Its answer to the second try had made it look like no rival: the other part got a name that was not its own."""
    message, (first, second) = doubted(books, "one", "two")
    arrive(books, receipt(books, "A1"))
    resend = {"now_ms": books.now_ms + HOLD_MS, "never_resend": []}
    assert books.do("resolve_doubts", **resend)["resent"] == [message, message]
    books.now_ms += HOLD_MS
    again, other = books.claim()
    books.settle(again, OutcomeKind.SUBMITTED, smsc_id="B1")
    arrive(books, receipt(books, "B1"))
    in_doubt(books, other)
    assert books.states(message) == ["delivered", "in_doubt"]
    assert (again.part_id, other.part_id) == (first.part_id, second.part_id)


def test_its_price_is_charged_once_and_paid_back_where_the_policy_says_so(books: Books) -> None:
    books.account(refunds="undeliverable")
    message, _ = doubted(books)
    assert books.balance_mc() == 99_000
    arrive(books, receipt(books, state=PartState.UNDELIVERABLE, error="001"))
    assert books.states(message) == ["undeliverable"]
    assert books.balance_mc() == 100_000
    books.audit()


def test_a_receipt_that_repeats_our_reference_needs_neither_time_nor_originator(books: Books) -> None:
    message, (part,) = doubted(books)
    reference = user_message_reference(part.part_id)
    arrive(books, receipt(books, reference=reference, recipient="", submitted_at_ms=books.now_ms - 3_600_000))
    assert books.states(message) == ["delivered"]
    (line,) = [
        line for line in books.read("message_show", message_id=message)["history"]
        if line["event"] == "settled_by_receipt"
    ]  # fmt: skip
    assert "our reference" in line["detail"]


def test_the_reference_tells_parts_of_one_message_apart(books: Books) -> None:
    message, parts = doubted(books, "a", "b")
    arrive(books, receipt(books, "1"))
    assert books.states(message) == ["in_doubt", "in_doubt"], "without a reference two parts fit"
    arrive(books, receipt(books, "1", reference=user_message_reference(parts[1].part_id)))
    assert books.states(message) == ["in_doubt", "delivered"]


def test_a_receipt_with_the_reference_of_another_part_is_not_for_this_one(books: Books) -> None:
    message, (part,) = doubted(books)
    arrive(books, receipt(books, reference=user_message_reference(part.part_id) ^ 1))
    assert books.states(message) == ["in_doubt"]


def test_the_reference_counts_only_for_the_same_handset(books: Books) -> None:
    message, (part,) = doubted(books)
    arrive(books, receipt(books, reference=user_message_reference(part.part_id), originator=OTHER))
    assert books.states(message) == ["in_doubt"]


@pytest.mark.parametrize(
    "facts",
    [
        {"originator": OTHER},
        {"originator": ""},
        {"recipient": "Other"},
        {"recipient": ""},
    ],
    ids=["another handset", "no handset", "another originator", "no originator"],
)
def test_a_receipt_that_does_not_fit_settles_nothing(books: Books, facts: dict[str, Any]) -> None:
    message, _ = doubted(books)
    arrive(books, receipt(books, **facts))
    assert books.states(message) == ["in_doubt"]
    assert books.read("unfinished")["parked"] == 1, "it waits for the answer that names it"


@pytest.mark.parametrize(
    ("away_ms", "state"),
    [
        (-TRY_SPAN_MS - 1, "in_doubt"),
        (-TRY_SPAN_MS, "delivered"),
        (TRY_SPAN_MS, "delivered"),
        (TRY_SPAN_MS + 1, "in_doubt"),
    ],
)
def test_the_time_of_submission_must_be_that_of_the_try(books: Books, away_ms: int, state: str) -> None:
    message, _ = doubted(books)
    tried_at_ms = books.now_ms
    books.now_ms += 10_000
    arrive(books, receipt(books, submitted_at_ms=tried_at_ms + away_ms))
    assert books.states(message) == [state]


def test_a_receipt_without_a_time_of_submission_must_come_soon(books: Books) -> None:
    message, _ = doubted(books)
    books.now_ms += TRY_SPAN_MS + 1
    arrive(books, receipt(books, submitted_at_ms=None))
    assert books.states(message) == ["in_doubt"]
    second, _ = doubted(books, recipient=OTHER)
    arrive(books, receipt(books, submitted_at_ms=None, originator=OTHER))
    assert books.states(second) == ["delivered"]


def test_only_the_same_link_counts(books: Books) -> None:
    message, _ = doubted(books)
    arrive(books, receipt(books), link="another")
    assert books.states(message) == ["in_doubt"]


def test_two_parts_in_doubt_for_one_handset_are_nobodys(books: Books) -> None:
    first, _ = doubted(books)
    second, _ = doubted(books)
    arrive(books, receipt(books))
    assert books.states(first) + books.states(second) == ["in_doubt", "in_doubt"]


@pytest.mark.parametrize("how", ["claimed", "submitted"])
def test_another_open_part_that_fits_keeps_the_doubt(books: Books, how: str) -> None:
    """What else is under way to the same handset may be what the receipt speaks of."""
    message, _ = doubted(books)
    _, (rival,) = claimed(books)
    if how == "submitted":
        books.submitted(rival, "5")
    arrive(books, receipt(books))
    assert books.states(message) == ["in_doubt"]


def test_a_part_that_waits_to_be_sent_again_may_be_meant_too(books: Books) -> None:
    first, _ = doubted(books)
    books.now_ms += HOLD_MS - 10_000
    second, _ = doubted(books)
    books.now_ms += 10_000
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[])
    assert books.states(first) + books.states(second) == ["queued", "in_doubt"]
    arrive(books, receipt(books, submitted_at_ms=books.now_ms - 30_000))
    assert books.states(second) == ["in_doubt"]


@pytest.mark.parametrize("by", ["facts", "reference"])
def test_a_receipt_takes_back_a_second_sending_that_has_not_begun(books: Books, by: str) -> None:
    """It was parked, and the part, which the receipt says was delivered, was sent a second time."""
    message, (part,) = doubted(books, thread=THREAD)
    books.now_ms += HOLD_MS
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[])
    assert books.states(message) == ["queued"]
    facts = {"reference": user_message_reference(part.part_id)} if by == "reference" else {}
    arrive(books, receipt(books, "0A1B", **facts))
    assert books.states(message) == ["delivered"]
    assert books.claim() == []
    assert books.events(message) == ["in_doubt", "resend", "settled_by_receipt"]
    assert len(books.notices()) == 1
    assert books.balance_mc() == 99_000
    books.audit()


def test_a_second_sending_that_was_put_off_is_taken_back_too(books: Books) -> None:
    message, _ = doubted(books)
    books.now_ms += HOLD_MS
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[])
    (again,) = books.claim()
    books.settle(again, OutcomeKind.DEFERRED, command_status=0x58, reason="too fast", retry_at_ms=books.now_ms + 1)
    arrive(books, receipt(books, submitted_at_ms=books.now_ms - HOLD_MS))
    assert books.states(message) == ["delivered"]


def test_a_queued_part_that_was_never_sent_is_meant_by_no_receipt(books: Books) -> None:
    books.account()
    (accepted,) = books.accept(1, books.prepared(originator=SHOP))
    arrive(books, receipt(books))
    assert books.states(accepted.message_id) == ["queued"]


def test_a_finished_part_to_the_same_handset_is_no_rival(books: Books) -> None:
    _, (before,) = claimed(books)
    books.submitted(before, "5")
    books.receipt("5")
    message, _ = doubted(books)
    arrive(books, receipt(books, "6"))
    assert books.states(message) == ["delivered"]


def test_two_receipts_of_different_names_for_one_doubt_settle_nothing(books: Books) -> None:
    message, _ = doubted(books)
    arrive(books, receipt(books, "1"), receipt(books, "2"))
    assert books.states(message) == ["in_doubt"]


def test_the_same_receipt_twice_at_once_settles_it_once(books: Books) -> None:
    message, _ = doubted(books, thread=THREAD)
    arrive(books, receipt(books, "1"), receipt(books, "1"))
    assert books.states(message) == ["delivered"]
    assert books.events(message) == ["in_doubt", "settled_by_receipt"]
    arrive(books, receipt(books, "1"))
    assert len(books.notices()) == 1
    assert books.read("unfinished")["parked"] == 0


def test_a_receipt_that_came_before_the_doubt_settles_it(books: Books) -> None:
    """It is parked while the part is on the wire, and the answer never comes."""
    message, (part,) = claimed(books)
    arrive(books, receipt(books, "9"))
    assert books.states(message) == ["claimed"]
    books.now_ms += 60_000
    in_doubt(books, part)
    assert books.states(message) == ["delivered"]
    assert books.read("unfinished")["parked"] == 0


def test_a_receipt_that_came_before_a_crash_settles_the_doubt_of_the_next_start(books: Books) -> None:
    message, _ = claimed(books)
    arrive(books, receipt(books, "9"))
    books.now_ms += 30_000
    books.do("recover", now_ms=books.now_ms, hold_ms=HOLD_MS)
    assert books.states(message) == ["delivered"]
    assert books.events(message) == ["in_doubt", "settled_by_receipt"]
    books.audit()


def test_an_intermediate_receipt_tells_that_the_part_was_taken(books: Books) -> None:
    message, _ = doubted(books)
    arrive(books, receipt(books, "9", state=None, is_trying=True, error="027", cause=Cause.SWITCHED_OFF))
    part = part_of(books, message)
    assert (part["state"], part["waiting_for"], part["cause"]) == ("submitted", "still trying", "switched_off")
    arrive(books, receipt(books, "9"))
    part = part_of(books, message)
    assert (part["state"], part["waiting_for"], part["cause"]) == ("delivered", "", "")


def test_the_answer_that_comes_after_all_is_no_second_one(books: Books) -> None:
    message, (part,) = doubted(books)
    arrive(books, receipt(books, "0a1b"))
    books.submitted(part, "0A1B")
    assert books.events(message) == ["in_doubt", "settled_by_receipt"]
    assert books.states(message) == ["delivered"]


def test_another_answer_is_a_second_one(books: Books) -> None:
    message, (part,) = doubted(books)
    arrive(books, receipt(books, "1"))
    books.submitted(part, "2")
    assert books.events(message)[-1] == "second_answer"
    assert part_of(books, message)["smsc_id"] == "1"


def test_a_receipt_without_any_id_settles_a_doubt_too(books: Books) -> None:
    message, _ = doubted(books)
    arrive(books, receipt(books, ""))
    part = part_of(books, message)
    assert (part["state"], part["smsc_id"]) == ("delivered", "")


def test_where_the_carrier_chose_the_originator_its_receipt_may_name_any(books: Books) -> None:
    message, _ = doubted(books, originator="")
    arrive(books, receipt(books, recipient="447700900001"))
    assert books.states(message) == ["delivered"]


def test_an_originator_in_national_form_is_the_same(books: Books) -> None:
    message, _ = doubted(books, originator="46701740001")
    arrive(books, receipt(books, recipient="0701740001", originator="0701740605"))
    assert books.states(message) == ["delivered"]


def test_what_was_given_up_as_unknown_is_not_guessed_at(books: Books) -> None:
    message, _ = doubted(books)
    books.now_ms += HOLD_MS
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[LINK])
    arrive(books, receipt(books))
    assert books.states(message) == ["unknown"]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([RECIPIENT, OTHER]), st.sampled_from([SHOP, "Bank"])), min_size=1, max_size=6),
    st.tuples(st.sampled_from([RECIPIENT, OTHER]), st.sampled_from([SHOP, "Bank"])),
)
def test_a_receipt_settles_a_doubt_exactly_when_one_part_fits(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[str, str]], said: tuple[str, str]
) -> None:
    books = Books(tmp_path_factory.mktemp("doubts"))
    try:
        messages = [doubted(books, recipient=recipient, originator=originator)[0] for recipient, originator in parts]
        arrive(books, receipt(books, originator=said[0], recipient=said[1]))
        fitting = [message for message, part in zip(messages, parts, strict=True) if part == said]
        delivered = [message for message in messages if books.states(message) == ["delivered"]]
        assert delivered == (fitting if len(fitting) == 1 else [])
    finally:
        books.close()


def test_many_doubts_and_strange_receipts_cost_no_scan_for_each(books: Books) -> None:
    """A carrier that loses its connection and then reports what nobody knows must not stop the writer."""
    books.account(credit_mc=2_000_000)
    books.accept(1, *[books.prepared(recipient=f"4670174{n:04d}", originator=SHOP) for n in range(1000)])
    parts = books.claim(500) + books.claim(500)
    outcomes = [
        Outcome(part.part_id, OutcomeKind.IN_DOUBT, books.now_ms, reason="x", retry_at_ms=books.now_ms + HOLD_MS)
        for part in parts
    ]
    books.call("settle", Settlement(LINK, outcomes))
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    strange = [receipt(books, f"s{n}", originator=f"4670999{n:04d}") for n in range(500)]
    fitting = [receipt(books, f"f{n}", originator=f"4670174{n:04d}") for n in range(500)]
    books.connection.set_progress_handler(count, 1000)
    arrive(books, *strange, *fitting)
    books.connection.set_progress_handler(None, 0)
    assert steps < 2_000, f"{steps} thousand steps of SQLite's machine"
    assert books.read("unfinished")["in_doubt"] == 500
