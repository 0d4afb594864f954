"""Which of the due parts a link gets next, in a real ledger: lanes, turns, rates, order."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from bridge.intake.claim import memory_of
from bridge.ledger import queue
from bridge.ledger.queue import Claim
from bridge.messages.message import ClaimedPart, Lane, OutcomeKind
from tests.books import LINK, Books

CREDIT_MC = 10**9
BACKLOG = 50_000
GROUP = 5_000


def backlog(
    books: Books, account_id: int, count: int, lane: Lane = Lane.BULK, head: str = "4670", **facts: Any
) -> None:
    """Messages of one account, to as many recipients."""
    for start in range(0, count, GROUP):
        numbers = range(start, min(start + GROUP, count))
        messages = [books.prepared(lane=lane, recipient=f"{head}{number:07d}", **facts) for number in numbers]
        books.accept(account_id, *messages)


def claim(books: Books, count: int, originator_rate: float = 0.0) -> list[ClaimedPart]:
    books._tx.due_in_ms.clear()
    parts: list[ClaimedPart] = books.call("claim", Claim(LINK, count, books.now_ms, originator_rate))
    return parts


def whose(parts: list[ClaimedPart]) -> Counter[int]:
    return Counter(part.account_id for part in parts)


def due_in_ms(books: Books) -> int | None:
    """After how long the clock alone makes more due, as the latest claim saw it."""
    return books._tx.due_in_ms.get(f"link:{LINK}")


def test_one_alarm_and_one_normal_message_pass_fifty_thousand_newsletters(books: Books) -> None:
    sender, other = books.account(credit_mc=CREDIT_MC), books.account("other")
    backlog(books, sender, BACKLOG)
    assert len(claim(books, 5)) == 5
    (own,) = books.accept(sender, books.prepared("fire", lane=Lane.ALARM))
    (normal,) = books.accept(other, books.prepared("hello"))
    (theirs,) = books.accept(other, books.prepared("flood", lane=Lane.ALARM))
    first = claim(books, 5)
    assert {first[0].message_id, first[1].message_id} == {own.message_id, theirs.message_id}
    assert normal.message_id in {part.message_id for part in first}
    assert whose(first)[sender] == 3


def test_accounts_take_turns_however_much_one_has(books: Books) -> None:
    large, small = books.account(credit_mc=CREDIT_MC), books.account("small", credit_mc=CREDIT_MC)
    backlog(books, large, 5_000, Lane.NORMAL)
    backlog(books, small, 40, Lane.NORMAL)
    assert whose(claim(books, 10)) == {large: 5, small: 5}
    # One place at a time is fair, too: who was served last comes last.
    served = [claim(books, 1)[0].account_id for _ in range(20)]
    assert Counter(served) == {large: 10, small: 10}
    assert all(one != two for one, two in pairwise(served))
    assert whose(claim(books, 100)) == {large: 75, small: 25}


def test_bulk_moves_behind_any_number_of_alarms(books: Books) -> None:
    account = books.account(credit_mc=CREDIT_MC)
    for lane in Lane:
        backlog(books, account, 300, lane)
    lanes = Counter(books.lane_of(part) for _ in range(20) for part in claim(books, 5))
    assert lanes == {Lane.ALARM: 70, Lane.NORMAL: 20, Lane.BULK: 10}


def test_a_claim_that_has_both_writes_the_alarms_first(books: Books) -> None:
    account = books.account()
    books.accept(account, *[books.prepared(lane=Lane.BULK)] * 5)
    books.accept(account, *[books.prepared(lane=Lane.ALARM)] * 15)
    lanes = [books.lane_of(part) for part in claim(books, 20)]
    assert lanes == sorted(lanes)
    assert Counter(lanes) == {Lane.ALARM: 15, Lane.BULK: 5}


def test_the_parts_of_an_account_leave_in_the_order_in_which_they_came(books: Books) -> None:
    accounts = [books.account(name, credit_mc=CREDIT_MC) for name in ("one", "two", "three")]
    for number in range(30):
        books.now_ms += number % 2
        for account in accounts:
            books.accept(account, books.prepared(f"{number} first ", f"{number} second"))
    seen: dict[int, list[str]] = {account: [] for account in accounts}
    while parts := claim(books, 7):
        for part in parts:
            seen[part.account_id].append(part.text)
    wanted = [text for number in range(30) for text in (f"{number} first ", f"{number} second")]
    assert list(seen.values()) == [wanted] * 3


def test_what_was_never_written_keeps_its_place(books: Books) -> None:
    account = books.account()
    accepted = []
    for number in range(4):
        books.now_ms += 10
        accepted += books.accept(account, books.prepared(str(number)))
    first, second = claim(books, 2)
    books.now_ms += 1000
    for part in (second, first):
        books.settle(part, OutcomeKind.UNWRITTEN)
    assert [part.text for part in claim(books, 4)] == ["0", "1", "2", "3"]


def test_a_place_is_not_kept_by_what_the_clock_would_hold_back(books: Books) -> None:
    """The clock stepped back while it was out: it is due all the same."""
    books.accept(books.account(), books.prepared())
    (part,) = claim(books, 1)
    books.now_ms -= 3_600_000
    books.settle(part, OutcomeKind.UNWRITTEN)
    assert len(claim(books, 1)) == 1


@pytest.mark.parametrize("count", [1, 10, 500])
def test_more_accounts_than_a_claim_looks_at_all_get_their_turn(
    books: Books, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "ACCOUNTS_MAX", 16)
    accounts = [books.account(f"account{number}") for number in range(40)]
    for account in accounts:
        books.accept(account, *[books.prepared()] * 3)
    gone: Counter[int] = Counter()
    for _ in range(200):
        gone += whose(claim(books, count))
        assert max(gone.values()) - min((gone[account] for account in accounts), default=0) <= 3
    assert gone == dict.fromkeys(accounts, 3)


def test_those_that_wait_for_later_do_not_hide_the_others(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "ACCOUNTS_MAX", 16)
    for number in range(40):
        account = books.account(f"account{number}")
        books.accept(account, books.prepared())
    for part in claim(books, 500) + claim(books, 500) + claim(books, 500) + claim(books, 500):
        books.settle(part, OutcomeKind.DEFERRED, retry_at_ms=books.now_ms + 60_000, reason="later")
    while (found := books.connection.execute("SELECT count(*) FROM part WHERE attempt = 1").fetchone()[0]) != 40:
        for part in claim(books, 500):
            books.settle(part, OutcomeKind.DEFERRED, retry_at_ms=books.now_ms + 60_000, reason="later")
    assert found == 40
    late = books.account("zz")
    books.accept(late, books.prepared())
    for _ in range(10):
        if parts := claim(books, 5):
            break
        assert due_in_ms(books) is not None
    assert whose(parts) == {late: 1}


def test_an_account_is_no_faster_than_its_rate_on_all_links_together(books: Books) -> None:
    slow = books.account("slow", credit_mc=CREDIT_MC, parts_per_second=20.0)
    quick = books.account("quick", credit_mc=CREDIT_MC)
    for account in (slow, quick):
        backlog(books, account, 500, Lane.NORMAL)
        backlog(books, account, 500, Lane.NORMAL, links=("second",))
    gone: Counter[int] = Counter()
    for _ in range(20):
        for link in (LINK, "second"):
            gone += whose(books.claim(10, link))
        books.now_ms += 50
    assert gone[slow] == 2 + 19
    assert gone[quick] == 400 - gone[slow]


def test_what_a_rate_holds_back_is_told_with_its_time(books: Books) -> None:
    slow = books.account("slow", parts_per_second=2.0)
    books.accept(slow, *[books.prepared(lane=Lane.BULK)] * 3)
    assert len(claim(books, 10)) == 1
    (paced,) = memory_of(books._tx.memory).paced[LINK]
    assert (paced.kind, paced.name, paced.lane, paced.parts_per_second) == ("account", "slow", Lane.BULK, 2.0)
    assert paced.until_ms == books.now_ms + 500
    assert due_in_ms(books) == 500
    books.now_ms += 499
    assert claim(books, 10) == []
    books.now_ms += 1
    assert len(claim(books, 10)) == 1
    books.do("account_set", name="slow", facts={"parts_per_second": 0.0})
    assert len(claim(books, 10)) == 1
    assert memory_of(books._tx.memory).paced[LINK] == ()


def test_the_alarm_of_a_slow_account_takes_its_next_place(books: Books) -> None:
    slow = books.account("slow", parts_per_second=5.0)
    books.accept(slow, *[books.prepared(lane=Lane.BULK)] * 20)
    claim(books, 10)
    (alarm,) = books.accept(slow, books.prepared("fire", lane=Lane.ALARM))
    books.now_ms += 200
    assert [part.message_id for part in claim(books, 10)] == [alarm.message_id]


def test_an_originator_is_no_faster_than_its_link_allows(books: Books) -> None:
    one, two = books.account("one", credit_mc=CREDIT_MC), books.account("two", credit_mc=CREDIT_MC)
    backlog(books, one, 100, Lane.NORMAL, originator="Shop")
    backlog(books, two, 100, Lane.NORMAL, originator="Shop")
    backlog(books, one, 100, Lane.NORMAL, originator="Ward", head="4673")
    gone: Counter[tuple[str, int]] = Counter()
    for _ in range(10):
        gone += Counter((part.originator, part.account_id) for part in claim(books, 10, 1.0))
        books.now_ms += 500
    # Five seconds: one at once, and one a second; both accounts share what the originator may send.
    assert sum(count for (originator, _), count in gone.items() if originator == "Shop") == 5
    assert gone["Ward", one] == 5
    assert gone["Shop", one]
    assert gone["Shop", two]
    paced = memory_of(books._tx.memory).paced[LINK]
    assert {(each.kind, each.name) for each in paced} == {("originator", "Shop"), ("originator", "Ward")}


def test_nothing_overtakes_an_earlier_part_to_the_same_recipient(books: Books) -> None:
    account = books.account()
    for originator in ("Shop", "Shop", "Ward"):
        books.accept(account, books.prepared(originator, originator=originator))
    books.accept(account, books.prepared("elsewhere", originator="Pump", recipient="46701740699"))
    assert [part.text for part in claim(books, 10, 1.0)] == ["Shop", "elsewhere"]
    assert claim(books, 10, 1.0) == []
    books.now_ms += 1000
    assert [part.text for part in claim(books, 10, 1.0)] == ["Shop", "Ward"]


def test_a_link_that_counts_nobody_gives_them_all(books: Books) -> None:
    account = books.account()
    for originator in ("Shop", "Shop", "Ward"):
        books.accept(account, books.prepared(originator, originator=originator))
    assert len(claim(books, 10)) == 3


def test_a_claim_of_nothing_takes_nothing(books: Books) -> None:
    books.accept(books.account(), books.prepared())
    assert claim(books, 0) == []
    assert len(claim(books, 1)) == 1


def test_the_claim_reads_no_more_of_a_backlog_than_it_gives(books: Books) -> None:
    """Its statements go by the index, whatever waits behind."""
    plan = books.connection.execute(
        "EXPLAIN QUERY PLAN " + books._tx._statements["parts_due"],
        {f"after_{lane.value}": 0 for lane in Lane} | {"link": LINK, "now_ms": 0, "count": 5, "accounts": 200},
    ).fetchall()
    looks = [row[3] for row in plan if "part " in row[3] or row[3].endswith(" part")]
    assert looks
    assert all(look.startswith("SEARCH part USING") and "INDEX part_due" in look for look in looks), looks
    assert not any("TEMP B-TREE" in row[3] for row in plan), plan
