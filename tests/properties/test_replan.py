"""Replanning: whatever was tried, answered or in doubt before, nothing is lost and nothing moves that must not."""

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.ledger import replan as room
from bridge.messages.message import Lane, OutcomeKind
from tests.books import Books

LINKS = ("a", "b", "c")
RECIPIENTS = ("46701740605", "46701740606")

routes = st.lists(st.sampled_from(LINKS), min_size=1, max_size=3, unique=True).map(tuple)
message = st.tuples(routes, st.sampled_from(RECIPIENTS), st.sampled_from(Lane), st.integers(1, 3))
answer = st.sampled_from([*(kind for kind in OutcomeKind if kind is not OutcomeKind.REJECTED), None])


def rows_of(books: Books) -> dict[int, dict[str, Any]]:
    books.connection.row_factory = None
    names = ("part_id", "message_id", "state", "link", "lane", "due_ms", "flagged", "recipient", "links", "attempt")
    found = books.connection.execute(
        "SELECT part_id, message_id, state, link, lane, next_action_at_ms, is_possible_duplicate, recipient, links,"
        " attempt FROM part JOIN message USING (message_id)"
    ).fetchall()
    return {row[0]: dict(zip(names, row, strict=True)) for row in found}


def turn(part: dict[str, Any]) -> tuple[int, int]:
    return part["due_ms"], part["part_id"]


@settings(max_examples=60, deadline=None)
@given(
    messages=st.lists(message, min_size=1, max_size=12),
    tries=st.lists(st.tuples(st.sampled_from(LINKS), st.integers(1, 4), st.lists(answer, max_size=4)), max_size=4),
    usable=st.sets(st.sampled_from(LINKS)),
    size=st.integers(1, 7),
    is_over=st.booleans(),
)
def test_nothing_is_lost_and_nothing_moves_that_must_not(
    messages: list[Any], tries: list[Any], usable: set[str], size: int, is_over: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        books = Books(Path(folder))
        try:
            account = books.account(credit_mc=1_000_000)
            for links, recipient, lane, count in messages:
                texts = [str(n) for n in range(count)]
                books.accept(account, books.prepared(*texts, links=links, recipient=recipient, lane=lane))
            for link, count, answers in tries:
                for part, kind in zip(books.claim(count, link), answers, strict=False):
                    books.now_ms += 1
                    if kind is not None:
                        put_off = {"retry_at_ms": books.now_ms + 30_000, "command_status": 8}
                        facts = {} if kind is OutcomeKind.SUBMITTED else put_off
                        books.settle(part, kind, link, smsc_id=f"id-{part.part_id}", **facts)
            if is_over:  # What was in doubt is queued once more, marked.
                books.now_ms += 60_000
                books.do("resolve_doubts", now_ms=books.now_ms, never_resend=[])
            before = rows_of(books)
            with patch.object(room, "REPLAN_MAX", size):
                after, rounds, told = None, 0, 0
                while rounds == 0 or after is not None:
                    done = books.do(
                        "replan", link="a", why="it stands", usable=sorted(usable), after=after, now_ms=books.now_ms
                    )
                    after, rounds, told = done["next"], rounds + 1, told + done["parts"]
                    assert rounds <= 2 * len(before) + 5
            check(before, rows_of(books), usable, told)
            books.audit()
        finally:
            books.close()


def check(before: dict[int, Any], after: dict[int, Any], usable: set[str], told: int) -> None:
    assert before.keys() == after.keys()
    whole: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for part in before.values():
        whole[part["message_id"]].append(part)
    moved = [part_id for part_id in before if before[part_id]["link"] != after[part_id]["link"]]
    assert len(moved) <= told
    for part_id, was in before.items():
        now = after[part_id]
        fixed = ("state", "lane", "flagged", "attempt")
        assert [now[name] for name in fixed] == [was[name] for name in fixed]
        parts = whole[was["message_id"]]
        may_move = all(part["state"] == "queued" and not part["flagged"] for part in parts)
        ways = [link for link in was["links"].split() if link in usable - {"a"}]
        if part_id in moved:
            assert may_move
            assert any(part["link"] == "a" for part in parts)
            assert now["link"] in ways
            assert {after[part["part_id"]]["link"] for part in parts} == {now["link"]}
        elif was["link"] == "a" and may_move:
            assert not ways
    for one in moved:
        for other in moved:
            a, b = before[one], before[other]
            alike = all(a[name] == b[name] for name in ("link", "lane", "recipient"))
            if alike and a["link"] == "a" and a["message_id"] < b["message_id"] and turn(a) < turn(b):
                assert turn(after[one]) < turn(after[other])
