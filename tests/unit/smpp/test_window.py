"""The window's bookkeeping."""

from bridge.smpp.constants import CommandId
from bridge.smpp.window import LATE_MAX, Request, Window

SUBMIT = CommandId.SUBMIT_SM
ANSWER = CommandId.SUBMIT_SM_RESP


def request(token: object, sent_at_ms: int = 0) -> Request:
    return Request(SUBMIT, token, sent_at_ms)


def test_room_and_any_order() -> None:
    window = Window(3)
    for sequence in (1, 2, 3):
        window.add(sequence, request(sequence))
    assert window.room == 0
    assert [window.answer(sequence, ANSWER).token for sequence in (2, 3, 1)] == [2, 3, 1]
    assert window.room == 3
    assert window.answer(1, ANSWER) is None


def test_wrong_kind_of_response_answers_nothing() -> None:
    window = Window(1)
    window.add(1, request("a"))
    assert window.answer(1, CommandId.QUERY_SM_RESP) is None
    assert window.answer(1, CommandId.GENERIC_NACK).token == "a"


def test_give_up_takes_the_overdue_only_and_frees_their_room() -> None:
    window = Window(3)
    for sequence, sent_at_ms in ((1, 10), (2, 20), (3, 30)):
        window.add(sequence, request(sequence, sent_at_ms))
    assert window.oldest_sent_at_ms == 10
    assert [one.token for one in window.give_up(20)] == [1, 2]
    assert (len(window), window.room, window.oldest_sent_at_ms) == (1, 2, 30)
    assert 1 in window
    assert window.answer(1, ANSWER) is None
    assert window.answer_late(1, ANSWER).token == 1
    assert window.answer_late(1, ANSWER) is None
    assert 1 not in window


def test_late_answers_are_remembered_up_to_a_bound() -> None:
    window = Window(LATE_MAX + 2)
    for sequence in range(LATE_MAX + 2):
        window.add(sequence, request(sequence))
    assert len(window.give_up(0)) == LATE_MAX + 2
    assert window.answer_late(0, ANSWER) is None
    assert window.answer_late(1, ANSWER) is None
    assert window.answer_late(2, ANSWER).token == 2


def test_abandon_returns_the_open_ones() -> None:
    window = Window(3)
    window.add(1, request("late", 0))
    window.give_up(0)
    window.add(2, request("open", 5))
    assert [one.token for one in window.abandon()] == ["open"]
    assert len(window) == 0
    assert 1 not in window
