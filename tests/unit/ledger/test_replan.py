"""What waits on a link that is stopped or sick: moved whole to the next link, or left where it is."""

import pytest

from bridge.ledger import replan as room
from bridge.messages.message import Accepted, Lane, OutcomeKind
from tests.books import LINK, Books

OTHER, THIRD = "second", "third"
WHY = "link upstream is stopped by kim"


def moved(books: Books, **values: object) -> dict[str, object]:
    given = {"link": LINK, "why": WHY, "usable": [OTHER, THIRD], "now_ms": books.now_ms} | values
    done: dict[str, object] = books.do("replan", **given)
    return done


def waits_on(books: Books, message: Accepted) -> set[str]:
    return {part["link"] for part in books.read("message_show", message_id=message.message_id)["parts"]}


def test_what_waits_goes_to_the_next_link_and_its_history_says_why(books: Books) -> None:
    (message,) = books.accept(books.account(), books.prepared("a", "b", links=(LINK, OTHER, THIRD)))
    assert moved(books) == {"parts": 2, "messages": 1, "links": {OTHER: 2}, "next": None}
    assert waits_on(books, message) == {OTHER}
    (line,) = books.read("message_show", message_id=message.message_id)["history"]
    assert (line["event"], line["part_no"]) == ("replanned", None)
    assert line["detail"] == f"from {LINK} to {OTHER}: {WHY}"
    assert books.claim() == []
    assert [part.part_no for part in books.claim(link=OTHER)] == [1, 2]


def test_a_link_that_is_passed_over_gets_nothing(books: Books) -> None:
    account = books.account()
    (one,) = books.accept(account, books.prepared(links=(LINK, OTHER, THIRD)))
    (two,) = books.accept(account, books.prepared(links=(LINK, OTHER)))
    assert moved(books, usable=[THIRD, LINK])["links"] == {THIRD: 1}
    assert (waits_on(books, one), waits_on(books, two)) == ({THIRD}, {LINK})


def test_it_goes_round_to_the_links_before(books: Books) -> None:
    (message,) = books.accept(books.account(), books.prepared(links=(OTHER, LINK)))
    (part,) = books.claim(link=OTHER)
    books.settle(part, OutcomeKind.NEXT_LINK, link=OTHER, reason="not served there")
    assert waits_on(books, message) == {LINK}
    moved(books)
    assert waits_on(books, message) == {OTHER}


@pytest.mark.parametrize("kind", [None, OutcomeKind.SUBMITTED, OutcomeKind.IN_DOUBT])
def test_a_long_message_stays_while_one_of_its_parts_was_taken_or_may_have_been(
    books: Books, kind: OutcomeKind | None
) -> None:
    (message,) = books.accept(books.account(), books.prepared("a", "b", links=(LINK, OTHER)))
    (first,) = books.claim(count=1)
    if kind is not None:
        books.settle(first, kind, smsc_id="A1", retry_at_ms=books.now_ms + 60_000)
    assert moved(books)["parts"] == 0
    assert waits_on(books, message) == {LINK}


def test_what_is_to_be_sent_once_more_stays_with_the_link_that_may_have_it(books: Books) -> None:
    (message,) = books.accept(books.account(), books.prepared(links=(LINK, OTHER)))
    (part,) = books.claim()
    books.settle(part, OutcomeKind.IN_DOUBT, retry_at_ms=books.now_ms)
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[])
    assert moved(books)["parts"] == 0
    assert waits_on(books, message) == {LINK}


def test_the_rest_of_a_long_message_stays_beside_the_part_that_is_sent_once_more(books: Books) -> None:
    (message,) = books.accept(books.account(), books.prepared("a", "b", links=(LINK, OTHER)))
    (first,) = books.claim(count=1)
    books.settle(first, OutcomeKind.IN_DOUBT, retry_at_ms=books.now_ms)
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[])
    assert moved(books)["parts"] == 0
    assert waits_on(books, message) == {LINK}


def test_parts_that_failed_over_alone_are_followed_by_the_others(books: Books) -> None:
    (message,) = books.accept(books.account(), books.prepared("a", "b", links=(LINK, OTHER, THIRD)))
    (first,) = books.claim(count=1)
    books.settle(first, OutcomeKind.NEXT_LINK, reason="not served there")
    moved(books, usable=[THIRD, OTHER])
    assert waits_on(books, message) == {OTHER}


def test_what_the_link_had_put_off_is_due_at_once(books: Books) -> None:
    account = books.account()
    books.accept(account, books.prepared(links=(LINK, OTHER)))
    (part,) = books.claim()
    retry_at_ms = books.now_ms + 900_000
    books.settle(part, OutcomeKind.DEFERRED, reason="busy", command_status=8, retry_at_ms=retry_at_ms)
    books.accept(account, books.prepared(links=(LINK, OTHER)))
    books.now_ms += 1
    moved(books)
    _, again = books.claim(link=OTHER)  # Not before what had waited all the time.
    assert again.attempt == 2


def test_the_alarm_lane_goes_first_and_each_call_is_bounded(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "REPLAN_MAX", 2)
    account = books.account()
    normal = [books.accept(account, books.prepared(links=(LINK, OTHER)))[0] for _ in range(3)]
    (alarm,) = books.accept(account, books.prepared(lane=Lane.ALARM, links=(LINK, OTHER)))
    done = moved(books)
    assert done["parts"] == 2
    assert waits_on(books, alarm) == {OTHER}
    rounds = 1
    while done["next"] is not None:
        done = moved(books, after=done["next"])
        rounds += 1
        assert rounds < 5
    assert [waits_on(books, each) for each in normal] == [{OTHER}] * 3


def test_what_cannot_move_does_not_hide_what_is_behind_it(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "REPLAN_MAX", 2)
    account = books.account()
    for _ in range(4):
        books.accept(account, books.prepared(links=(LINK,)))
    (message,) = books.accept(account, books.prepared(links=(LINK, OTHER)))
    after, parts = None, 0
    for _ in range(6):
        done = moved(books, after=after)
        parts, after = parts + int(str(done["parts"])), done["next"]
        if after is None:
            break
    assert (parts, after, waits_on(books, message)) == (1, None, {OTHER})


def test_only_the_recipients_of_some_prefixes(books: Books) -> None:
    """A network is its prefixes without those longer ones that belong to others."""
    account = books.account()
    numbers = ("46701740605", "46702740605", "4917012345678")
    messages = [books.accept(account, books.prepared(recipient=number, links=(LINK, OTHER)))[0] for number in numbers]
    moved(books, prefixes={"4670": True, "46702": False})
    assert [waits_on(books, each) for each in messages] == [{OTHER}, {LINK}, {LINK}]


def test_the_new_link_is_woken(books: Books) -> None:
    books.accept(books.account(), books.prepared(links=(LINK, OTHER)))
    books.rung()
    moved(books)
    assert books.rung() == {f"link:{OTHER}"}
