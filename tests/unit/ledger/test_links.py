"""What people tell links is kept, once, with who said so."""

import pytest

from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import OutcomeKind
from tests.books import LINK, Books


def told(books: Books, state: str, actor: str = "kim", reason: str = "") -> dict[str, object]:
    done: dict[str, object] = books.do(
        "link_told", link=LINK, state=state, actor=actor, reason=reason, now_ms=books.now_ms
    )
    return done


def actions(books: Books) -> list[tuple[str, str, str]]:
    return [(row["actor"], row["action"], row["detail"]) for row in books.read("action_list")]


def test_a_link_is_stopped_once_and_the_first_one_did_it(books: Books) -> None:
    assert told(books, "stopped", reason="prices")["was"] == "started"
    books.now_ms += 1000
    assert told(books, "stopped", actor="bo") == {"was": "stopped", "since_ms": books.now_ms - 1000}
    (row,) = books.read("link_states")
    assert (row["state"], row["actor"], row["reason"]) == ("stopped", "kim", "prices")
    assert actions(books) == [("kim", "link_stopped", f"{LINK}: prices")]


def test_starting_what_was_never_stopped_is_no_act(books: Books) -> None:
    assert told(books, "started")["was"] == "started"
    assert actions(books) == []


def test_a_pace_and_a_state_are_kept_beside_each_other(books: Books) -> None:
    books.do("link_paced", link=LINK, parts_per_second=2.5, until_ms=books.now_ms + 1, actor="bo", now_ms=books.now_ms)
    told(books, "draining")
    (row,) = books.read("link_states")
    assert (row["state"], row["actor"], row["parts_per_second"], row["pace_actor"]) == ("draining", "kim", 2.5, "bo")
    books.do("link_paced", link=LINK, parts_per_second=None, actor="bo", now_ms=books.now_ms)
    assert books.read("link_states")[0]["parts_per_second"] is None


@pytest.mark.parametrize(("pace", "until"), [(0.0, 0), (-1.0, 0), (1.0, -1)])
def test_a_pace_that_cannot_be_is_refused(books: Books, pace: float, until: int) -> None:
    with pytest.raises(Fault) as refused:
        books.do(
            "link_paced",
            link=LINK,
            parts_per_second=pace,
            until_ms=until and books.now_ms + until,
            actor="bo",
            now_ms=books.now_ms,
        )
    assert refused.value.code is FaultCode.BAD_REQUEST
    assert books.read("link_states") == []


def test_what_a_link_still_has(books: Books) -> None:
    def load() -> tuple[bool, bool]:
        found = books.read("link_load", link=LINK)
        return found["has_queued"], found["has_open"]

    account = books.account()
    assert load() == (False, False)
    books.accept(account, books.prepared(due_at_ms=books.now_ms + 60_000))
    assert load() == (False, False)  # Scheduled: it is planned anew when its time comes.
    books.accept(account, books.prepared())
    assert load() == (True, False)
    (part,) = books.claim()
    assert load() == (False, True)
    books.settle(part, OutcomeKind.IN_DOUBT, retry_at_ms=books.now_ms)
    assert load() == (False, True)
    books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[LINK])
    assert load() == (False, False)


def test_links_that_are_waited_for(books: Books) -> None:
    account = books.account()
    for link in ("b", "a", "b"):
        books.accept(account, books.prepared(links=(link,)))
    assert books.read("links_waited_for") == ["a", "b"]
