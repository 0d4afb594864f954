"""The life of a part: claimed, submitted, deferred, failed over, rejected, in doubt, expired."""

import pytest

from bridge.ledger.settle import Settlement
from bridge.messages.message import Lane, Outcome, OutcomeKind, PartState
from tests.books import LINK, THREAD, Books

HOLD_MS = 60_000


def counted(found: dict[str, list[str]]) -> dict[str, int]:
    """How many messages a sweep names of each kind."""
    return {kind: len(messages) for kind, messages in found.items()}


def test_a_claim_takes_the_alarm_lane_first_and_in_order(books: Books) -> None:
    account = books.account()
    normal = books.accept(account, *[books.prepared(str(n)) for n in range(3)])
    alarm = books.accept(account, books.prepared("fire", lane=Lane.ALARM))
    claimed = books.claim(count=3)
    assert [part.message_id for part in claimed] == [one.message_id for one in alarm + normal[:2]]
    assert books.claim(count=9)[0].message_id == normal[2].message_id
    assert books.claim() == []


def test_a_claim_gives_all_that_a_link_needs(books: Books) -> None:
    account = books.account()
    books.accept(account, books.prepared("first ", "second", originator="Pump", lane=Lane.ALARM))
    one, two = books.claim()
    assert (one.text, one.part_no, two.text, two.part_no) == ("first ", 1, "second", 2)
    assert (one.part_total, one.originator, one.attempt) == (2, "Pump", 1)
    assert one.concat_ref == two.concat_ref
    assert 0 <= one.concat_ref <= 255


def test_a_claimed_part_belongs_to_nobody_else(books: Books) -> None:
    books.accept(books.account(), books.prepared())
    assert len(books.claim()) == 1
    assert books.claim() == []


def test_a_deferred_part_waits_with_its_reason(books: Books) -> None:
    (accepted,) = books.accept(books.account(), books.prepared())
    (part,) = books.claim()
    retry = books.now_ms + 5000
    books.settle(part, OutcomeKind.DEFERRED, reason="throttled by the carrier", retry_at_ms=retry)
    assert books.claim() == []
    shown = books.read("message_show", message_id=accepted.message_id)
    assert (shown["state"], shown["waiting_for"], shown["next_action_at_ms"]) == (
        "queued",
        "throttled by the carrier",
        retry,
    )
    assert books.events(accepted.message_id) == ["deferred"]
    books.now_ms = retry
    (again,) = books.claim()
    assert again.attempt == 2


def test_a_part_that_was_never_written_is_not_an_attempt(books: Books) -> None:
    books.accept(books.account(), books.prepared())
    (part,) = books.claim()
    books.settle(part, OutcomeKind.UNWRITTEN)
    (again,) = books.claim()
    assert (again.attempt, again.is_possible_duplicate) == (1, False)


def test_the_next_link_of_the_route_gets_the_part(books: Books) -> None:
    (accepted,) = books.accept(books.account(), books.prepared(links=(LINK, "second")))
    (part,) = books.claim()
    books.settle(part, OutcomeKind.NEXT_LINK, reason="not served there")
    assert books.claim() == []
    (again,) = books.claim(link="second")
    assert again.part_id == part.part_id
    assert books.events(accepted.message_id) == ["failover"]


def test_a_rejected_part_gets_its_price_back_once(books: Books) -> None:
    (accepted,) = books.accept(books.account(credit_mc=5000), books.prepared("a", "b", price_mc=1000))
    first, second = books.claim()
    books.settle(first, OutcomeKind.REJECTED, command_status=11, reason="invalid destination")
    books.settle(first, OutcomeKind.REJECTED, command_status=11, reason="invalid destination")
    assert books.balance_mc() == 4000
    books.submitted(second, "A1")
    books.receipt("A1")
    assert books.read("message_show", message_id=accepted.message_id)["state"] == "partly_delivered"


def test_an_unanswered_part_is_held_in_doubt_then_sent_once_more_and_flagged(books: Books) -> None:
    (accepted,) = books.accept(books.account(), books.prepared())
    (part,) = books.claim()
    books.settle(part, OutcomeKind.IN_DOUBT, reason="no answer", retry_at_ms=books.now_ms + HOLD_MS)
    sweep = {"never_resend": []}
    assert counted(books.do("resolve_doubts", now_ms=books.now_ms, **sweep)) == {"resent": 0, "unknown": 0}
    books.now_ms += HOLD_MS
    assert counted(books.do("resolve_doubts", now_ms=books.now_ms, **sweep)) == {"resent": 1, "unknown": 0}
    (again,) = books.claim()
    assert again.is_possible_duplicate
    books.settle(again, OutcomeKind.IN_DOUBT, reason="no answer", retry_at_ms=books.now_ms + HOLD_MS)
    books.now_ms += HOLD_MS
    assert counted(books.do("resolve_doubts", now_ms=books.now_ms, **sweep)) == {"resent": 0, "unknown": 1}
    assert books.states(accepted.message_id) == ["unknown"]
    assert books.events(accepted.message_id) == ["in_doubt", "resend", "in_doubt"]


@pytest.mark.parametrize("case", ["link never resends", "alarm too old"])
def test_no_resend_when_the_link_or_the_age_forbids(books: Books, case: str) -> None:
    lane = Lane.ALARM if case == "alarm too old" else Lane.NORMAL
    (accepted,) = books.accept(books.account(), books.prepared(lane=lane))
    (part,) = books.claim()
    books.settle(part, OutcomeKind.IN_DOUBT, reason="no answer", retry_at_ms=books.now_ms)
    books.now_ms += 16 * 60_000 if case == "alarm too old" else 0
    never = [LINK] if case == "link never resends" else []
    assert counted(books.do("resolve_doubts", now_ms=books.now_ms, never_resend=never)) == {"resent": 0, "unknown": 1}
    assert books.states(accepted.message_id) == ["unknown"]
    assert books.balance_mc() == 99_000, "what may have been sent stays charged"


def test_the_hold_goes_on_while_the_link_could_not_hear_what_settles_the_doubt(books: Books) -> None:
    """A link that was down for the whole hold sent the part again the moment it was back, before any receipt."""
    (accepted,) = books.accept(books.account(), books.prepared())
    (part,) = books.claim()
    books.settle(part, OutcomeKind.IN_DOUBT, reason="the link was lost", retry_at_ms=books.now_ms + HOLD_MS)
    for _ in range(3):
        books.now_ms += HOLD_MS
        down = {"never_resend": [], "not_before_ms": {LINK: books.now_ms + HOLD_MS}}
        assert counted(books.do("resolve_doubts", now_ms=books.now_ms, **down)) == {"resent": 0, "unknown": 0}
    (shown,) = books.read("message_show", message_id=accepted.message_id)["parts"]
    assert shown["state"] == "in_doubt"
    assert shown["next_action_at_ms"] == books.now_ms + HOLD_MS, "until when it waits is told as it is"
    books.now_ms += HOLD_MS
    up = {"never_resend": [], "not_before_ms": {"another": books.now_ms + HOLD_MS}}
    assert counted(books.do("resolve_doubts", now_ms=books.now_ms, **up)) == {"resent": 1, "unknown": 0}


@pytest.mark.parametrize(("lane", "minutes"), [(Lane.ALARM, 2), (Lane.NORMAL, 10), (Lane.BULK, 60)])
def test_a_link_that_stays_down_keeps_nobody_in_doubt_for_ever(books: Books, lane: Lane, minutes: int) -> None:
    (accepted,) = books.accept(books.account(), books.prepared(lane=lane))
    (part,) = books.claim()
    tried_at_ms = books.now_ms
    books.settle(part, OutcomeKind.IN_DOUBT, reason="the link was lost", retry_at_ms=books.now_ms + HOLD_MS)
    for after_ms, state in ((minutes * 60_000 - 1, "in_doubt"), (minutes * 60_000, "unknown")):
        books.now_ms = tried_at_ms + after_ms
        down = {"never_resend": [LINK], "not_before_ms": {LINK: books.now_ms + HOLD_MS}}
        books.do("resolve_doubts", now_ms=books.now_ms, **down)
        assert books.states(accepted.message_id) == [state]
    assert books.balance_mc() == 99_000


def test_a_part_in_doubt_goes_once_more_by_another_link_when_its_own_cannot_send(books: Books) -> None:
    one, several = books.accept(
        books.account(), books.prepared(links=(LINK, "spare")), books.prepared("a", "b", links=(LINK, "spare"))
    )
    for part in books.claim():
        books.settle(part, OutcomeKind.IN_DOUBT, reason="the link was lost", retry_at_ms=books.now_ms)
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[], usable=["spare", "other"])
    assert [part["link"] for part in books.read("message_show", message_id=one.message_id)["parts"]] == ["spare"]
    told = [event["detail"] for event in books.read("message_show", message_id=one.message_id)["history"]]
    assert f"by link spare, as link {LINK} cannot send" in told[-1]
    # What is in several parts stays whole.
    assert [part["link"] for part in books.read("message_show", message_id=several.message_id)["parts"]] == [LINK, LINK]


def test_a_late_answer_resolves_the_doubt(books: Books) -> None:
    (accepted,) = books.accept(books.account(), books.prepared())
    (part,) = books.claim()
    books.settle(part, OutcomeKind.IN_DOUBT, reason="no answer", retry_at_ms=books.now_ms + HOLD_MS)
    books.submitted(part, "77")
    books.now_ms += HOLD_MS
    assert counted(books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[])) == {"resent": 0, "unknown": 0}
    books.receipt("77")
    assert books.states(accepted.message_id) == ["delivered"]


def test_a_late_answer_cancels_a_resend_that_was_not_claimed(books: Books) -> None:
    (accepted,) = books.accept(books.account(), books.prepared())
    (part,) = books.claim()
    books.settle(part, OutcomeKind.IN_DOUBT, reason="no answer", retry_at_ms=books.now_ms)
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[])
    books.submitted(part, "78")
    assert books.claim() == []
    assert books.states(accepted.message_id) == ["submitted"]


def test_a_late_answer_after_the_resend_is_told_and_changes_nothing(books: Books) -> None:
    (accepted,) = books.accept(books.account(), books.prepared())
    (part,) = books.claim()
    books.settle(part, OutcomeKind.IN_DOUBT, reason="no answer", retry_at_ms=books.now_ms)
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[])
    (again,) = books.claim()
    books.submitted(again, "second")
    books.submitted(part, "first")
    assert books.events(accepted.message_id) == ["in_doubt", "resend", "second_answer"]
    assert books.balance_mc() == 99_000, "charged once, whatever went out"


def test_after_a_crash_every_claim_is_in_doubt(books: Books) -> None:
    (accepted,) = books.accept(books.account(), books.prepared("a", "b"))
    first, _ = books.claim()
    books.submitted(first, "1")
    found = books.do("recover", now_ms=books.now_ms, hold_ms=HOLD_MS)
    assert found == {"in_doubt": 1, "notices": 0, "unanswered": 0}
    assert books.states(accepted.message_id) == ["submitted", "in_doubt"]


def test_what_waits_past_its_validity_is_never_sent_and_is_refunded(books: Books) -> None:
    (accepted,) = books.accept(books.account(), books.prepared(thread=THREAD))
    books.now_ms += 3_600_000
    assert books.claim() == [], "not even before the sweep has seen it"
    assert counted(books.do("expire", now_ms=books.now_ms)) == {"expired": 1}
    assert books.states(accepted.message_id) == ["expired"]
    assert books.balance_mc() == 100_000
    (notice,) = books.notices()
    assert notice.message is not None
    assert notice.message.state.value == "expired"


def test_a_possible_duplicate_that_expires_stays_charged(books: Books) -> None:
    books.accept(books.account(), books.prepared())
    (part,) = books.claim()
    books.settle(part, OutcomeKind.IN_DOUBT, reason="no answer", retry_at_ms=books.now_ms)
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[])
    books.now_ms += 3_600_000
    assert counted(books.do("expire", now_ms=books.now_ms)) == {"expired": 1}
    assert books.balance_mc() == 99_000


def test_a_possible_duplicate_that_is_rejected_stays_charged(books: Books) -> None:
    """The first try may have been accepted: only the carrier knows."""
    books.accept(books.account(), books.prepared())
    (part,) = books.claim()
    books.settle(part, OutcomeKind.IN_DOUBT, reason="no answer", retry_at_ms=books.now_ms)
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[])
    (again,) = books.claim()
    books.settle(again, OutcomeKind.REJECTED, reason="invalid destination")
    assert books.balance_mc() == 99_000


def test_an_outcome_for_a_finished_part_changes_nothing(books: Books) -> None:
    (accepted,) = books.accept(books.account(), books.prepared())
    (part,) = books.claim()
    books.submitted(part, "9")
    books.receipt("9", PartState.UNDELIVERABLE)
    books.settle(part, OutcomeKind.REJECTED, reason="too late to say so")
    books.settle(part, OutcomeKind.DEFERRED, reason="too late to say so", retry_at_ms=books.now_ms)
    assert books.states(accepted.message_id) == ["undeliverable"]
    assert books.balance_mc() == 99_000


def in_doubt_and_resent(books: Books, lane: Lane = Lane.NORMAL) -> str:
    """A message whose only part was never answered and is queued once more; gives its public id."""
    (accepted,) = books.accept(books.account(), books.prepared(lane=lane))
    (part,) = books.claim()
    books.settle(part, OutcomeKind.IN_DOUBT, reason="no answer", retry_at_ms=books.now_ms)
    assert counted(books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[]))["resent"] == 1
    return accepted.message_id


@pytest.mark.parametrize(("lane", "minutes"), [(Lane.ALARM, 15), (Lane.NORMAL, 60)])
def test_a_resend_that_waits_for_its_link_gets_stale_there_too(books: Books, lane: Lane, minutes: int) -> None:
    """The link stayed down for hours: a second copy of an old alarm is worse than none."""
    message_id = in_doubt_and_resent(books, lane)
    books.now_ms += minutes * 60_000
    assert books.claim() == []
    assert counted(books.do("expire", now_ms=books.now_ms)) == {"expired": 1}
    assert books.states(message_id) == ["expired"]
    assert books.balance_mc() == 99_000


def test_a_yes_that_comes_after_all_hope_names_the_part_for_its_receipt(books: Books) -> None:
    (accepted,) = books.accept(books.account(), books.prepared(thread=THREAD))
    (part,) = books.claim()
    books.settle(part, OutcomeKind.IN_DOUBT, reason="no answer", retry_at_ms=books.now_ms)
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[LINK])
    books.submitted(part, "b7")
    assert books.states(accepted.message_id) == ["unknown"]
    assert "second_answer" not in books.events(accepted.message_id)
    books.receipt("b7")
    assert books.states(accepted.message_id) == ["delivered"]
    assert [n.message.state.value for n in books.notices() if n.message] == ["unknown", "delivered"]


def test_both_answers_in_one_batch_keep_the_first_and_tell_the_second(books: Books) -> None:
    message_id = in_doubt_and_resent(books)
    (part,) = books.claim()
    answers = [
        Outcome(part.part_id, OutcomeKind.SUBMITTED, books.now_ms, smsc_id=smsc_id) for smsc_id in ("one", "two")
    ]
    books.call("settle", Settlement(LINK, answers))
    assert books.events(message_id) == ["in_doubt", "resend", "second_answer"]
    books.receipt("one")
    assert books.states(message_id) == ["delivered"]


@pytest.mark.parametrize("by_ms", [-3_600_000, 86_400_000 * 365])
def test_a_clock_that_steps_neither_holds_nor_expires_what_waits(books: Books, by_ms: int) -> None:
    (accepted,) = books.accept(books.account(), books.prepared(lane=Lane.ALARM))
    books.now_ms += by_ms
    (since,) = books.accept(books.account("other"), books.prepared(expires_at_ms=books.now_ms + 3_600_000))
    assert books.do("shift", by_ms=by_ms, now_ms=books.now_ms + 500)["parts"] == 1
    assert books.read("message_show", message_id=since.message_id)["expires_at_ms"] == books.now_ms + 3_600_000
    assert counted(books.do("expire", now_ms=books.now_ms)) == {"expired": 0}
    assert {part.message_id for part in books.claim()} == {accepted.message_id, since.message_id}
