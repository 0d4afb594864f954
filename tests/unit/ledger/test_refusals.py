"""Refusals keep all that a resubmission needs, and become one message at most."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.intake.accept import Group
from bridge.ledger.refusals import Refusal, thread_json, thread_of
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Lane, MailThread
from tests.books import THREAD, Books


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    books = Books(tmp_path)
    yield books
    books.audit()
    books.close()


def refuse(books: Books, account_id: int, text: str = "hello") -> int:
    """Keep a refusal; gives its number."""
    refusal = Refusal(
        account_id=account_id,
        door="smtp",
        fault="no_credit",
        detail="",
        originator="Pump",
        recipient="+46 70 174 06 05",
        text=text,
        at_ms=books.now_ms,
        lane=Lane.ALARM,
        reference="r-1",
        thread=THREAD,
    )
    books.call("refuse", refusal)
    return int(books.read("refusal_list")[0]["refusal_id"])


def resubmit(books: Books, account_id: int, *refusal_ids: int) -> list[object]:
    messages = tuple(books.prepared() for _ in refusal_ids)
    return list(books.group("accept", [Group(account_id, books.now_ms, messages, refusal_ids)]))


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


@given(st.none() | st.builds(MailThread, texts, texts, texts, texts))
def test_a_thread_is_kept_as_it_was(thread: MailThread | None) -> None:
    assert thread_of(thread_json(thread)) == thread


def test_everything_is_kept(books: Books) -> None:
    number = refuse(books, books.account())
    (kept,) = books.read("refusals_kept", refusal_ids=[number, 999])
    assert (kept["account"], kept["fault"], kept["lane"], kept["reference"]) == ("demo", "no_credit", 0, "r-1")
    assert (kept["originator"], kept["recipient"], kept["text"]) == ("Pump", "+46 70 174 06 05", "hello")
    assert thread_of(kept["thread"]) == THREAD
    assert (kept["is_cut"], kept["resubmitted_as"]) == (False, "")


def test_the_list_is_of_one_account_and_fault_if_asked(books: Books) -> None:
    refuse(books, books.account())
    refuse(books, books.account("other"), "bye")
    assert [row["text"] for row in books.read("refusal_list")] == ["bye", "hello"]
    assert [row["text"] for row in books.read("refusal_list", account="demo")] == ["hello"]
    assert [row["text"] for row in books.read("refusal_list", account="demo", fault="no_route")] == []
    assert "thread" not in books.read("refusal_list")[0], "whom to answer is nobody's business in a list"


def test_a_refusal_becomes_one_message_and_no_second(books: Books) -> None:
    demo = books.account()
    number = refuse(books, demo)
    ((accepted,),) = resubmit(books, demo, number)
    (kept,) = books.read("refusals_kept", refusal_ids=[number])
    assert kept["resubmitted_as"] == accepted.message_id
    (again,) = resubmit(books, demo, number)
    assert isinstance(again, Fault)
    assert again.code is FaultCode.ALREADY_EXISTS
    assert books.balance_mc() == 99_000
    assert len(books.read("message_list")) == 1


def test_two_at_once_in_one_commit_make_one_message(books: Books) -> None:
    demo = books.account()
    number = refuse(books, demo)
    groups = [Group(demo, books.now_ms, (books.prepared(),), (number,)) for _ in range(2)]
    first, second = books.group("accept", groups)
    assert not isinstance(first, Fault)
    assert isinstance(second, Fault)
    assert books.balance_mc() == 99_000


def test_with_one_done_before_none_of_the_group_is_taken(books: Books) -> None:
    demo = books.account()
    numbers = [refuse(books, demo) for _ in range(3)]
    resubmit(books, demo, numbers[1])
    (refused,) = resubmit(books, demo, *numbers)
    assert isinstance(refused, Fault)
    kept = books.read("refusals_kept", refusal_ids=numbers)
    assert [bool(row["resubmitted_as"]) for row in kept] == [False, True, False]
    assert len(books.read("message_list")) == 1


def test_without_credit_nothing_is_noted(books: Books) -> None:
    demo = books.account(credit_mc=0)
    number = refuse(books, demo)
    (refused,) = resubmit(books, demo, number)
    assert isinstance(refused, Fault)
    assert refused.code is FaultCode.NO_CREDIT
    assert books.read("refusals_kept", refusal_ids=[number])[0]["resubmitted_as"] == ""
