"""Notices: owed with the event they tell, once for each event, as the account wishes, until they are taken."""

import pytest

from bridge.ledger.outbox import NoticeOutcome
from bridge.messages.inbound import Concat, InboundPart
from bridge.messages.message import Lane, MailThread, MessageState, OutcomeKind, PartState
from tests.books import RECIPIENT, THREAD, Books

VIRTUAL = "46737494150"


def finished(books: Books, state: PartState, thread: MailThread | None = THREAD, **account: object) -> str:
    (accepted,) = books.accept(books.account(**account), books.prepared(thread=thread))
    (part,) = books.claim()
    books.submitted(part, "1")
    books.receipt("1", state)
    return accepted.message_id


@pytest.mark.parametrize(
    ("mail_events", "state", "is_told"),
    [
        ("all", PartState.DELIVERED, True),
        ("all", PartState.UNDELIVERABLE, True),
        ("failures", PartState.DELIVERED, False),
        ("failures", PartState.UNDELIVERABLE, True),
        ("none", PartState.UNDELIVERABLE, False),
    ],
)
def test_the_account_says_which_events_are_mailed(
    books: Books, mail_events: str, state: PartState, is_told: bool
) -> None:
    finished(books, state, mail_events=mail_events)
    assert len(books.notices()) == is_told


@pytest.mark.parametrize(
    ("state", "account", "lane", "addresses"),
    [
        (PartState.DELIVERED, {"email": "boss@example.com"}, Lane.NORMAL, []),
        (PartState.UNDELIVERABLE, {"email": "boss@example.com"}, Lane.NORMAL, ["boss@example.com"]),
        (PartState.UNDELIVERABLE, {"email": "boss@example.com"}, Lane.BULK, []),
        (PartState.UNDELIVERABLE, {"email": "boss@example.com", "mail_events": "none"}, Lane.NORMAL, []),
        (PartState.UNDELIVERABLE, {}, Lane.NORMAL, []),
    ],
)
def test_a_failure_that_has_no_sender_to_tell_is_told_to_the_account(
    books: Books, state: PartState, account: dict[str, str], lane: Lane, addresses: list[str]
) -> None:
    """An alarm panel's GET that fails must not fail silently."""
    books.accept(books.account(**account), books.prepared(lane=lane))
    (part,) = books.claim()
    books.submitted(part, "1")
    books.receipt("1", state)
    assert [notice.address for notice in books.notices()] == addresses


def test_the_sender_of_a_mail_is_told_rather_than_the_account(books: Books) -> None:
    finished(books, PartState.UNDELIVERABLE, email="boss@example.com")
    assert [notice.address for notice in books.notices()] == ["sender@example.com"]


def test_a_report_has_all_that_its_mail_needs(books: Books) -> None:
    message_id = finished(books, PartState.DELIVERED)
    (notice,) = books.notices()
    assert (notice.kind, notice.address, notice.attempt) == ("report", "sender@example.com", 1)
    message = notice.message
    assert message is not None
    assert (message.message_id, message.state, message.recipient) == (message_id, MessageState.DELIVERED, RECIPIENT)
    assert (message.text, message.thread) == ("hello", THREAD)
    assert [part.state for part in message.parts] == [PartState.DELIVERED]


def test_a_long_message_is_told_once_when_its_last_part_ends(books: Books) -> None:
    books.accept(books.account(), books.prepared("a", "b", thread=THREAD))
    first, second = books.claim()
    books.submitted(first, "1")
    books.submitted(second, "2")
    books.receipt("1")
    assert books.notices() == []
    books.receipt("2")
    (notice,) = books.notices()
    assert notice.message is not None
    assert notice.message.text == "ab"


def test_a_rejected_message_is_told_too(books: Books) -> None:
    books.accept(books.account(), books.prepared(thread=THREAD))
    (part,) = books.claim()
    books.settle(part, OutcomeKind.REJECTED, command_status=11, reason="invalid destination")
    (notice,) = books.notices()
    assert notice.message is not None
    assert (notice.message.state, notice.message.parts[0].reason) == (MessageState.REJECTED, "invalid destination")


def test_a_try_that_failed_comes_again_with_the_same_key(books: Books) -> None:
    finished(books, PartState.DELIVERED)
    (first,) = books.notices()
    retry = books.now_ms + 60_000
    outcome = NoticeOutcome(first.notice_id, is_done=False, retry_at_ms=retry, reason="relay down")
    books.call("settle_notices", [outcome])
    assert books.notices() == []
    books.now_ms = retry
    (second,) = books.notices()
    assert (second.key, second.attempt) == (first.key, 2)
    books.call("settle_notices", [NoticeOutcome(second.notice_id, is_done=True, at_ms=books.now_ms)])
    books.now_ms += 10**9
    assert books.notices() == []


def test_a_notice_that_was_being_sent_when_the_appliance_ended_is_owed_again(books: Books) -> None:
    finished(books, PartState.DELIVERED)
    (first,) = books.notices()
    assert books.notices() == []
    assert books.do("recover", now_ms=books.now_ms, hold_ms=0)["notices"] == 1
    (again,) = books.notices()
    assert again.key == first.key


def test_a_settled_notice_is_not_settled_again(books: Books) -> None:
    finished(books, PartState.DELIVERED)
    (notice,) = books.notices()
    books.call("settle_notices", [NoticeOutcome(notice.notice_id, is_done=True, at_ms=books.now_ms)])
    books.call("settle_notices", [NoticeOutcome(notice.notice_id, is_done=False, retry_at_ms=0)])
    assert books.notices() == []


def owned(books: Books) -> None:
    books.account()
    books.do("number_add", number=VIRTUAL, account="demo", mail="owner@example.com", now_ms=books.now_ms)


def test_an_inbound_message_is_owed_to_the_owner_of_its_number(books: Books) -> None:
    owned(books)
    books.inbound(InboundPart(RECIPIENT, VIRTUAL, "Yes, coming"))
    (notice,) = books.notices()
    assert (notice.kind, notice.address, notice.account_name) == ("inbound", "owner@example.com", "demo")
    assert notice.inbound is not None
    assert (notice.inbound.originator, notice.inbound.text) == (RECIPIENT, "Yes, coming")


def test_an_inbound_message_for_nobody_is_kept_and_named(books: Books) -> None:
    received = books.inbound(InboundPart(RECIPIENT, "46000000000", "hello?"))
    assert received.ownerless == ["46000000000"]
    (kept,) = books.read("inbound_list")
    assert (kept["number"], kept["account"], kept["text"]) == ("46000000000", "", "hello?")
    assert books.notices() == []


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 2, 3, 1, 1)])
def test_pieces_are_joined_in_any_order_and_twice(books: Books, order: tuple[int, ...]) -> None:
    owned(books)
    texts = {1: "one ", 2: "two ", 3: "three"}
    for number in order:
        books.inbound(InboundPart(RECIPIENT, VIRTUAL, texts[number], Concat(7, 3, number)))
    first = books.notices()[0]
    assert first.inbound is not None
    assert (first.inbound.text, first.inbound.is_incomplete) == ("one two three", False)


def test_pieces_of_two_senders_are_never_joined(books: Books) -> None:
    owned(books)
    books.inbound(InboundPart(RECIPIENT, VIRTUAL, "mine ", Concat(7, 2, 1)))
    books.inbound(InboundPart("46701740699", VIRTUAL, "yours", Concat(7, 2, 2)))
    assert books.notices() == []


def test_pieces_that_never_become_whole_go_on_after_a_day_and_say_so(books: Books) -> None:
    owned(books)
    books.inbound(InboundPart(RECIPIENT, VIRTUAL, "one ", Concat(7, 3, 1)))
    books.inbound(InboundPart(RECIPIENT, VIRTUAL, "three", Concat(7, 3, 3)))
    books.now_ms += 24 * 3_600_000 + 1
    assert books.do("tidy", now_ms=books.now_ms)["inbound_released"] == 1
    (notice,) = books.notices()
    assert notice.inbound is not None
    assert (notice.inbound.text, notice.inbound.is_incomplete) == ("one  [...] three", True)


def test_a_reference_that_comes_round_again_loses_no_piece(books: Books) -> None:
    """An orphan of yesterday must not swallow a piece of today: both are told, the old one as incomplete."""
    owned(books)
    books.inbound(InboundPart(RECIPIENT, VIRTUAL, "OLD one ", Concat(7, 2, 1)))
    books.inbound(InboundPart(RECIPIENT, VIRTUAL, "new one ", Concat(7, 2, 1)))
    books.inbound(InboundPart(RECIPIENT, VIRTUAL, "new two", Concat(7, 2, 2)))
    told = [(n.inbound.text, n.inbound.is_incomplete) for n in books.notices() if n.inbound]
    assert told == [("OLD one  [...] ", True), ("new one new two", False)]


def test_a_piece_repeated_after_its_message_was_whole_is_no_second_message(books: Books) -> None:
    owned(books)
    for number in (1, 2, 2, 1):
        books.inbound(InboundPart(RECIPIENT, VIRTUAL, f"<{number}>", Concat(7, 2, number)))
    books.now_ms += 25 * 3_600_000
    books.do("tidy", now_ms=books.now_ms)
    assert [n.inbound.text for n in books.notices() if n.inbound] == ["<1><2>"]


def test_a_handset_that_never_counts_may_send_the_same_long_text_again(books: Books) -> None:
    owned(books)
    for _ in range(2):
        for number in (1, 2):
            books.inbound(InboundPart(RECIPIENT, VIRTUAL, f"<{number}>", Concat(0, 2, number)))
        books.now_ms += 3_600_000
    assert [n.inbound.text for n in books.notices() if n.inbound] == ["<1><2>", "<1><2>"]
