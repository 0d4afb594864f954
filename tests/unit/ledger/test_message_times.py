"""Hours, validity, and what is worthless after a while, as the ledger keeps and obeys them."""

import pytest

from bridge.intake.times import HOUR_MS
from bridge.ledger.queue import MessageTime
from bridge.messages.faults import Fault
from bridge.messages.hours import Hours
from bridge.messages.message import OutcomeKind
from tests.books import NOW_MS, Books

DAY_MS = 24 * HOUR_MS
HOURS = "mo-su 08:00-20:00 UTC"
"""NOW_MS is 08:00 UTC, a Friday."""
CLOSES_MS = NOW_MS + 12 * HOUR_MS
OPENS_MS = NOW_MS + DAY_MS


def part_of(books: Books, message_id: str) -> dict[str, object]:
    shown = books.read("message_show", message_id=message_id)
    return {name: shown["parts"][0][name] for name in ("state", "waiting_for", "next_action_at_ms", "attempt")}


def test_the_network_is_asked_for_what_was_said_and_for_nothing_else(books: Books) -> None:
    account = books.account()
    worthless_at_ms = NOW_MS + 2 * HOUR_MS
    times = [None, MessageTime(validity_ms=HOUR_MS), MessageTime(worthless_at_ms=worthless_at_ms)]
    times += [MessageTime(validity_ms=3 * HOUR_MS, worthless_at_ms=worthless_at_ms), MessageTime(hours=HOURS)]
    books.accept(account, *(books.prepared(time=one) for one in times))
    books.now_ms += 60_000
    asked = [part.network_until_ms for part in books.claim()]
    # A validity counts from the hand-over; what is worthless is so whenever it goes.
    assert asked == [0, books.now_ms + HOUR_MS, worthless_at_ms, worthless_at_ms, 0]


def test_hours_that_closed_while_a_part_waited_hold_it(books: Books) -> None:
    """Its link was down until after eight in the evening: it goes out in the morning, not at dawn."""
    account = books.account()
    expires_at_ms = NOW_MS + 2 * DAY_MS
    said = books.prepared(expires_at_ms=expires_at_ms, time=MessageTime(hours=HOURS))
    held, free = books.accept(account, said, books.prepared(expires_at_ms=expires_at_ms))
    books.now_ms = CLOSES_MS
    assert [part.message_id for part in books.claim()] == [free.message_id]
    wanted = {"state": "queued", "waiting_for": "held for hours", "next_action_at_ms": OPENS_MS, "attempt": 0}
    assert part_of(books, held.message_id) == wanted
    (line,) = [one for one in books.read("queue")["parts"] if one["state"] == "queued"]
    assert (line["waiting_for"], line["next_action_at_ms"]) == ("held for hours", OPENS_MS)
    books.now_ms = OPENS_MS - 1
    assert books.claim() == []
    books.now_ms = OPENS_MS
    (part,) = books.claim()
    assert (part.message_id, part.attempt) == (held.message_id, 1)
    assert books.read("ledger_audit")["is_ok"]


def test_a_retry_obeys_the_hours_too(books: Books) -> None:
    account = books.account()
    (accepted,) = books.accept(
        account, books.prepared(expires_at_ms=NOW_MS + 2 * DAY_MS, time=MessageTime(hours=HOURS))
    )
    books.now_ms = CLOSES_MS - 1
    (part,) = books.claim()
    books.settle(part, OutcomeKind.DEFERRED, retry_at_ms=CLOSES_MS + 1000, reason="throttled")
    books.now_ms = CLOSES_MS + 1000
    assert books.claim() == []
    assert part_of(books, accepted.message_id)["next_action_at_ms"] == OPENS_MS
    assert part_of(books, accepted.message_id)["attempt"] == 1


@pytest.mark.parametrize("zone", ["Europe/Stockholm", "America/Havana", "Australia/Lord_Howe"])
def test_no_part_is_given_out_outside_its_hours_across_a_jump_of_the_clock(books: Books, zone: str) -> None:
    """A clock of integers walks four days in steps of a quarter of an hour; every claim is judged by the wall clock."""
    account = books.account()
    # 2026-10-23 .. 27 in Stockholm, 10-30 .. 11-03 in Havana, 10-02 .. 06 on Lord Howe.
    begins_ms = {"Europe/Stockholm": 1_792_706_400_000, "America/Havana": 1_793_332_800_000}.get(
        zone, 1_790_863_200_000
    )
    hours = Hours.parse(f"mo-su 01:30-02:45 17:00-17:20 {zone}")
    books.now_ms = begins_ms
    given = 0
    for _ in range(4 * 24 * 4):
        said = MessageTime(hours=str(hours))
        books.accept(account, books.prepared(expires_at_ms=books.now_ms + 7 * DAY_MS, time=said, price_mc=0))
        claimed = books.claim()
        assert bool(claimed) == hours.is_open(books.now_ms)
        given += len(claimed)
        for part in claimed:
            books.submitted(part, f"id-{part.part_id}")
        books.now_ms += 900_000
    assert given > 4 * 24 * 3


def test_what_is_worthless_expires_with_that_reason_and_its_price_comes_back(books: Books) -> None:
    account = books.account()
    at_ms = NOW_MS + HOUR_MS
    (accepted,) = books.accept(account, books.prepared(expires_at_ms=at_ms, time=MessageTime(worthless_at_ms=at_ms)))
    assert books.balance_mc() == 99_000
    books.now_ms = at_ms
    assert books.claim() == []
    assert books.do("expire", now_ms=books.now_ms)["expired"] == [accepted.message_id]
    (part,) = books.read("message_show", message_id=accepted.message_id)["parts"]
    assert part["state"] == "expired"
    told = "its validity ended before a link could take it: it was worthless after 2027-01-15 09:00:00 UTC"
    assert part["waiting_for"] == told
    assert books.balance_mc() == 100_000


def test_a_message_goes_at_another_time_when_its_hours_are_open(books: Books) -> None:
    account = books.account()
    said = MessageTime(hours=HOURS, worthless_at_ms=NOW_MS + 4 * HOUR_MS, worthless_after_ms=4 * HOUR_MS)
    (accepted,) = books.accept(account, books.prepared(expires_at_ms=NOW_MS + 4 * HOUR_MS, time=said))
    usual = (HOUR_MS, DAY_MS, DAY_MS)

    def reschedule(due_at_ms: int) -> int:
        done = books.do(
            "message_reschedule",
            message_id=accepted.message_id,
            due_at_ms=due_at_ms,
            lane_validity_ms=usual,
            actor="tester",
            now_ms=books.now_ms,
        )
        return int(done["due_at_ms"])

    assert reschedule(NOW_MS + 2 * HOUR_MS) == NOW_MS + 2 * HOUR_MS
    assert part_of(books, accepted.message_id)["waiting_for"] == "its scheduled time"
    shown = books.read("message_show", message_id=accepted.message_id)
    assert (shown["expires_at_ms"], shown["worthless_at_ms"]) == (NOW_MS + 6 * HOUR_MS, NOW_MS + 6 * HOUR_MS)
    # Too early in the morning: it waits until they open, and what it is worth counts from the time that was asked for.
    assert reschedule(OPENS_MS - HOUR_MS) == OPENS_MS
    assert part_of(books, accepted.message_id)["waiting_for"] == "held for hours"
    assert books.read("message_show", message_id=accepted.message_id)["worthless_at_ms"] == OPENS_MS + 3 * HOUR_MS
    with pytest.raises(Fault, match="validity is over before"):
        reschedule(CLOSES_MS + 1)
    assert [line["detail"] for line in books.read("message_show", message_id=accepted.message_id)["history"]] == [
        "by tester",
        "by tester",
    ]
    assert reschedule(0) == NOW_MS
    (part,) = books.claim()
    with pytest.raises(Fault, match="it is being sent"):
        reschedule(OPENS_MS)
    assert part.network_until_ms == NOW_MS + 4 * HOUR_MS


def test_a_scheduled_message_can_be_brought_forward(books: Books) -> None:
    account = books.account()
    due_at_ms = NOW_MS + 9 * HOUR_MS
    said = books.prepared(due_at_ms=due_at_ms, expires_at_ms=due_at_ms + DAY_MS)
    (accepted,) = books.accept(account, said)
    values = {"lane_validity_ms": (HOUR_MS, DAY_MS, DAY_MS), "actor": "tester", "now_ms": NOW_MS}
    books.do("message_reschedule", message_id=accepted.message_id, due_at_ms=NOW_MS - 5, **values)
    books.do("release_scheduled", now_ms=NOW_MS)
    (part,) = books.claim()
    assert (part.message_id, part.expires_at_ms) == (accepted.message_id, NOW_MS + DAY_MS)
    with pytest.raises(Fault, match="not_found"):
        books.do("message_reschedule", message_id="00000000", due_at_ms=NOW_MS, **values)


def test_times_go_with_their_message(books: Books) -> None:
    account = books.account()
    books.accept(account, books.prepared(time=MessageTime(validity_ms=1)))
    (part,) = books.claim()
    books.submitted(part, "a1")
    books.receipt("a1")
    assert books.connection.execute("SELECT count(*) FROM message_time").fetchone() == (1,)
    books.now_ms += 400 * DAY_MS
    books.do("forget_messages", before_ms=books.now_ms)
    counts = [
        books.connection.execute(f"SELECT count(*) FROM {one}").fetchone()[0] for one in ("message", "message_time")
    ]
    assert counts == [0, 0]
