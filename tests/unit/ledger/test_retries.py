"""Retries: a repeat whose sender does not know that the first was accepted becomes the same message, charged once."""

import pytest

from bridge.intake.accept import Group
from bridge.ledger import retries
from bridge.ledger.esme import EsmeNoticeKind
from bridge.ledger.queue import Retry
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Accepted, Lane
from tests.books import RECIPIENT, Books

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def named(name: str, content: str = "hello", *, is_strict: bool = False) -> Retry:
    return Retry(retries.digest(name), retries.digest(content), is_strict)


def test_the_same_under_the_same_name_is_one_message_and_one_charge(books: Books) -> None:
    account = books.account(credit_mc=5000)
    (first,) = books.accept(account, books.prepared("hello", retry=named("<1@example.com>")))
    books.now_ms += 23 * HOUR_MS
    (again,) = books.accept(account, books.prepared("hello", retry=named("<1@example.com>")))
    assert (again.message_id, again.is_repeat, first.is_repeat) == (first.message_id, True, False)
    assert (again.part_total, again.price_mc) == (first.part_total, first.price_mc)
    assert books.balance_mc() == 4000
    assert len(books.read("message_list")) == 1
    assert books.events(first.message_id) == ["merged"]


def test_a_name_is_forgotten_after_a_day(books: Books) -> None:
    account = books.account()
    (first,) = books.accept(account, books.prepared(retry=named("daily")))
    books.now_ms += 24 * HOUR_MS
    (second,) = books.accept(account, books.prepared(retry=named("daily")))
    assert second.message_id != first.message_id
    (third,) = books.accept(account, books.prepared(retry=named("daily")))
    assert (third.message_id, third.is_repeat) == (second.message_id, True)
    books.now_ms += 24 * HOUR_MS
    assert books.do("tidy", now_ms=books.now_ms)["retries_forgotten"] == 1


def test_young_names_do_not_keep_the_old_ones_and_each_round_is_bounded(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names went in the order of their rows: one that was used again stood before all that came after it."""
    monkeypatch.setattr(retries, "FORGET_MAX", 3)
    account = books.account()
    for name in range(12):
        books.accept(account, books.prepared(retry=named(f"{name}")))
    books.connection.execute("UPDATE retry_key SET expires_at_ms = expires_at_ms + 1 WHERE retry_key_id <= 5")
    books.now_ms += retries.KEY_KEPT_MS
    done = [books.do("tidy", now_ms=books.now_ms) for _ in range(3)]
    assert [(one["retries_forgotten"], one["is_more"]) for one in done] == [(3, True), (3, True), (1, False)]
    assert books.connection.execute("SELECT max(retry_key_id), count(*) FROM retry_key").fetchone() == (5, 5)


def test_a_repeat_whose_own_answer_a_crash_took_is_the_same_message_once_more(books: Books) -> None:
    """A repeat that was merged counted as answered; the next one, after a crash had taken that answer too, was sold."""
    account = books.account(credit_mc=5000)
    books.do("run_begin", now_ms=books.now_ms)
    (first,) = books.accept(account, books.prepared("pump"))
    assert books.do("mark_unanswered", message_ids=[first.message_id], now_ms=books.now_ms) == 1
    books.now_ms += 5 * MINUTE_MS
    (second,) = books.accept(account, books.prepared("pump"))
    crashed_at_ms = books.do("run_begin", now_ms=books.now_ms)["crashed_at_ms"]
    assert books.do("recover", now_ms=books.now_ms, hold_ms=0, crashed_at_ms=crashed_at_ms)["unanswered"] == 1
    books.now_ms += 5 * MINUTE_MS
    (third,) = books.accept(account, books.prepared("pump"))
    assert second.message_id == third.message_id == first.message_id
    (news,) = books.accept(account, books.prepared("pump"))
    assert (news.is_repeat, books.balance_mc()) == (False, 3000)


def test_a_repeat_that_nobody_heard_the_answer_of_is_the_same_message_once_more(books: Books) -> None:
    account = books.account()
    (first,) = books.accept(account, books.prepared("pump"))
    for _ in range(3):
        books.do("mark_unanswered", message_ids=[first.message_id], now_ms=books.now_ms)
        (again,) = books.accept(account, books.prepared("pump"))
        assert (again.message_id, again.is_repeat) == (first.message_id, True)


def test_a_retry_is_answered_although_the_credit_went_with_the_first(books: Books) -> None:
    account = books.account(credit_mc=1000)
    (first,) = books.accept(account, books.prepared(retry=named("k")))
    (again,) = books.accept(account, books.prepared(retry=named("k")))
    assert (again.message_id, books.balance_mc()) == (first.message_id, 0)


def test_another_text_under_a_mails_name_is_a_new_message_and_noted(books: Books) -> None:
    account = books.account()
    (first,) = books.accept(account, books.prepared("zone 1", retry=named("<1@panel>", "zone 1")))
    (second,) = books.accept(account, books.prepared("zone 2", retry=named("<1@panel>", "zone 2")))
    assert second.message_id != first.message_id
    assert books.events(second.message_id) == ["name_reused"]
    (again,) = books.accept(account, books.prepared("zone 1", retry=named("<1@panel>", "zone 1")))
    assert again.message_id == first.message_id


def test_another_content_under_a_strict_name_is_refused(books: Books) -> None:
    account = books.account()
    books.accept(account, books.prepared("one", retry=named("order-1", "one", is_strict=True)))
    with pytest.raises(Fault) as refused:
        books.accept(account, books.prepared("two", retry=named("order-1", "two", is_strict=True)))
    assert refused.value.code is FaultCode.KEY_REUSED
    assert books.balance_mc() == 99_000


def test_names_belong_to_their_account_and_recipient(books: Books) -> None:
    first, other = books.account("first"), books.account("other")
    ids = {books.accept(account, books.prepared(retry=named("<1@x>")))[0].message_id for account in (first, other)}
    ids |= {books.accept(first, books.prepared(retry=named("<1@x>"), recipient="46701740606"))[0].message_id}
    assert len(ids) == 3


def test_copies_in_one_commit_are_one_message(books: Books) -> None:
    account = books.account(credit_mc=1000)
    groups = [Group(account, books.now_ms, (books.prepared(retry=named("k", is_strict=True)),)) for _ in range(5)]
    answers: list[list[Accepted]] = books.group("accept", groups)
    assert len({answer[0].message_id for answer in answers}) == 1
    assert [answer[0].is_repeat for answer in answers] == [False, True, True, True, True]
    assert books.balance_mc() == 0


def test_what_a_refused_group_would_have_been_is_repeated_by_nobody(books: Books) -> None:
    account = books.account(credit_mc=1000)
    poor = Group(account, books.now_ms, (books.prepared("a", retry=named("m")), books.prepared("b", retry=named("n"))))
    single = Group(account, books.now_ms, (books.prepared("a", retry=named("m")),))
    refused, answer = books.group("accept", [poor, single])
    assert isinstance(refused, Fault)
    assert not answer[0].is_repeat
    assert len(books.read("message_list")) == 1


def test_a_group_may_be_partly_a_retry(books: Books) -> None:
    account = books.account(credit_mc=2000)
    (first,) = books.accept(account, books.prepared(retry=named("<1@x>")))
    both = books.accept(
        account,
        books.prepared(retry=named("<1@x>")),
        books.prepared(retry=named("<1@x>"), recipient="46701740606"),
    )
    assert [one.is_repeat for one in both] == [True, False]
    assert both[0].message_id == first.message_id
    assert books.balance_mc() == 0


def test_the_same_text_twice_on_purpose_is_two_messages(books: Books) -> None:
    account = books.account()
    ids = {books.accept(account, books.prepared())[0].message_id for _ in range(2)}
    assert len(ids) == 2


def test_a_repeat_after_a_lost_answer_is_the_same_message_once(books: Books) -> None:
    account = books.account()
    (first,) = books.accept(account, books.prepared("a" * 153, "b"))
    books.do("mark_unanswered", message_ids=[first.message_id], now_ms=books.now_ms)
    books.now_ms += 5 * MINUTE_MS
    (again,) = books.accept(account, books.prepared("a" * 153, "b"))
    assert (again.message_id, again.is_repeat, again.part_total) == (first.message_id, True, 2)
    assert books.events(first.message_id) == ["merged"]
    (news,) = books.accept(account, books.prepared("a" * 153, "b"))
    assert news.message_id != first.message_id
    assert books.balance_mc() == 96_000


def test_a_receipt_that_is_owed_waits_behind_the_answer_to_a_repeat(books: Books) -> None:
    """Sent at once it overtook the answer, and its ESME did not know the id."""
    account = books.account()
    (first,) = books.accept(account, books.esme_message())
    books.do("mark_unanswered", message_ids=[first.message_id], now_ms=books.now_ms)
    books.submitted(*books.claim(), "77")
    books.receipt("77")
    books.accept(account, books.esme_message())
    assert books.esme_notices(account) == []
    books.now_ms += retries.AGAIN_MS
    assert [notice.event for notice in books.esme_notices(account)] == ["delivered"]


@pytest.mark.parametrize("answer", [EsmeNoticeKind.DONE, EsmeNoticeKind.GIVEN_UP, None])
def test_a_receipt_that_came_before_its_esme_knew_of_the_message_is_owed_again(
    books: Books, answer: EsmeNoticeKind | None
) -> None:
    """The answer was lost, the receipt was not, and it named an id that the ESME had never heard of."""
    account = books.account()
    (first,) = books.accept(account, books.esme_message())
    books.do("mark_unanswered", message_ids=[first.message_id], now_ms=books.now_ms)
    (part,) = books.claim()
    books.submitted(part, "77")
    books.receipt("77")
    (notice,) = books.esme_notices(account)
    if answer is not None:
        books.esme_settled(notice, answer)
    books.rung()
    (again,) = books.accept(account, books.esme_message())
    assert (again.message_id, again.is_repeat) == (first.message_id, True)
    assert books.rung() == {f"esme:{account}"}
    books.esme_settled(notice)
    books.now_ms += retries.AGAIN_MS - 1
    assert books.esme_notices(account) == [], "behind the answer, which tells the id"
    books.now_ms += 1
    (repeated,) = books.esme_notices(account)
    assert repeated.esme_notice_id == notice.esme_notice_id
    books.esme_settled(repeated)
    assert books.esme_notices(account) == []


@pytest.mark.parametrize(
    "changed",
    [{"recipient": "46701740606"}, {"originator": "Pump"}, {"reference": "7"}, {"door": "http"}, {"texts": ("other",)}],
)
def test_only_the_same_submission_repeats_a_lost_answer(books: Books, changed: dict[str, object]) -> None:
    account = books.account()
    (first,) = books.accept(account, books.prepared())
    books.do("mark_unanswered", message_ids=[first.message_id], now_ms=books.now_ms)
    texts = changed.pop("texts", ("hello",))
    assert isinstance(texts, tuple)
    (other,) = books.accept(account, books.prepared(*texts, **changed))
    assert not other.is_repeat
    (stranger,) = books.accept(books.account("stranger"), books.prepared())
    assert not stranger.is_repeat


@pytest.mark.parametrize(("lane", "kept_ms"), [(Lane.ALARM, 15 * MINUTE_MS), (Lane.NORMAL, HOUR_MS)])
def test_a_late_repeat_is_news(books: Books, lane: Lane, kept_ms: int) -> None:
    account = books.account()
    (first,) = books.accept(account, books.prepared(lane=lane))
    books.do("mark_unanswered", message_ids=[first.message_id], now_ms=books.now_ms)
    books.now_ms += kept_ms
    (news,) = books.accept(account, books.prepared(lane=lane))
    assert not news.is_repeat
    assert books.do("tidy", now_ms=books.now_ms)["retries_forgotten"] == 1


def test_two_equal_messages_to_one_number_in_a_group_use_up_two_lost_answers(books: Books) -> None:
    account = books.account()
    lost = books.accept(account, books.prepared(), books.prepared())
    books.do("mark_unanswered", message_ids=[one.message_id for one in lost], now_ms=books.now_ms)
    again = books.accept(account, books.prepared(), books.prepared(), books.prepared())
    assert [one.is_repeat for one in again] == [True, True, False]
    assert {one.message_id for one in again[:2]} == {one.message_id for one in lost}


def test_a_refused_group_leaves_a_lost_answer_to_be_repeated(books: Books) -> None:
    account = books.account(credit_mc=1000)
    (first,) = books.accept(account, books.prepared())
    books.do("mark_unanswered", message_ids=[first.message_id], now_ms=books.now_ms)
    with pytest.raises(Fault, match="no_credit"):
        books.accept(account, books.prepared(), books.prepared("more"))
    assert books.events(first.message_id) == []
    (again,) = books.accept(account, books.prepared())
    assert again.message_id == first.message_id


def test_after_a_crash_the_last_ten_seconds_may_be_repeated(books: Books) -> None:
    account = books.account()
    old = books.accept(account, books.prepared("old"))[0]
    books.now_ms += 10_001
    young = books.accept(account, books.prepared("young"))[0]
    crashed_at_ms = books.now_ms
    books.now_ms += 5_000
    found = books.do("recover", now_ms=books.now_ms, hold_ms=0, crashed_at_ms=crashed_at_ms)
    assert found["unanswered"] == 1
    assert books.accept(account, books.prepared("young"))[0].message_id == young.message_id
    assert books.accept(account, books.prepared("old"))[0].message_id != old.message_id


def test_the_newest_message_tells_more_of_the_crash_than_a_stale_file_time(books: Books) -> None:
    account = books.account()
    books.do("run_begin", now_ms=books.now_ms)
    (young,) = books.accept(account, books.prepared())
    begun = books.do("run_begin", now_ms=books.now_ms, last_seen_ms=books.now_ms - HOUR_MS)
    found = books.do("recover", now_ms=books.now_ms, hold_ms=0, crashed_at_ms=begun["crashed_at_ms"])
    assert found["unanswered"] == 1
    assert books.accept(account, books.prepared())[0].message_id == young.message_id


def test_what_a_command_accepts_after_the_crash_hides_nothing_and_is_not_repeated(books: Books) -> None:
    """Killed; then `smsbridge send` while nothing ran; then the start. The command's sender had its answer."""
    account = books.account()
    books.do("run_begin", now_ms=books.now_ms)
    (young,) = books.accept(account, books.prepared())
    crashed_at_ms = books.now_ms
    books.now_ms += 11_000
    books.do("run_begin", now_ms=books.now_ms, last_seen_ms=crashed_at_ms)
    (command,) = books.accept(account, books.prepared("by a command", door="cli"))
    begun = books.do("run_begin", now_ms=books.now_ms, last_seen_ms=books.now_ms)
    assert begun["crashed_at_ms"] == crashed_at_ms
    books.do("recover", now_ms=books.now_ms, hold_ms=0, crashed_at_ms=begun["crashed_at_ms"])
    assert books.accept(account, books.prepared())[0].message_id == young.message_id
    (again,) = books.accept(account, books.prepared("by a command", door="cli"))
    assert again.message_id != command.message_id


def test_after_a_clean_stop_nothing_may_be_repeated(books: Books) -> None:
    account = books.account()
    (first,) = books.accept(account, books.prepared())
    assert books.do("recover", now_ms=books.now_ms, hold_ms=0)["unanswered"] == 0
    assert books.accept(account, books.prepared())[0].message_id != first.message_id


def test_digests_tell_where_one_fact_ends() -> None:
    assert retries.digest("ab", "c") != retries.digest("a", "bc")
    assert retries.fingerprint("http", "", RECIPIENT, "", "x") != retries.fingerprint("http", "", RECIPIENT, "x", "")
