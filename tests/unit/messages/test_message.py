"""The states of a part and what they add up to."""

import pytest

from bridge.messages.message import (
    FINAL_STATES,
    LEGAL_MOVES,
    RECEIPT_STATES,
    MessageState,
    PartState,
    fold,
)

S = PartState
ENTRANCES = {S.QUEUED, S.SCHEDULED, S.HELD}


def after(state: PartState) -> set[PartState]:
    return {follower for before, follower in LEGAL_MOVES if before is state}


def reachable(starts: set[PartState]) -> set[PartState]:
    seen, waiting = set(starts), list(starts)
    while waiting:
        for follower in after(waiting.pop()) - seen:
            seen.add(follower)
            waiting.append(follower)
    return seen


def test_the_published_walk_is_legal() -> None:
    walks = [
        (S.QUEUED, S.CLAIMED, S.SUBMITTED, S.DELIVERED),
        (S.QUEUED, S.CLAIMED, S.QUEUED, S.CLAIMED, S.REJECTED),
        (S.QUEUED, S.CLAIMED, S.IN_DOUBT, S.QUEUED),
        (S.QUEUED, S.CLAIMED, S.IN_DOUBT, S.SUBMITTED, S.EXPIRED),
        (S.QUEUED, S.CLAIMED, S.IN_DOUBT, S.UNKNOWN, S.DELIVERED),
        (S.QUEUED, S.CLAIMED, S.IN_DOUBT, S.QUEUED, S.SUBMITTED, S.DELIVERED),
        (S.SCHEDULED, S.QUEUED, S.CANCELLED),
        (S.QUEUED, S.HELD, S.QUEUED, S.EXPIRED),
    ]
    for walk in walks:
        for move in zip(walk, walk[1:], strict=False):
            assert move in LEGAL_MOVES, move


@pytest.mark.parametrize(
    "move",
    [
        (S.SUBMITTED, S.QUEUED),
        (S.SUBMITTED, S.CLAIMED),
        (S.CLAIMED, S.DELIVERED),
        (S.CLAIMED, S.CANCELLED),
        (S.CLAIMED, S.EXPIRED),
        (S.QUEUED, S.DELIVERED),
        (S.DELIVERED, S.UNDELIVERABLE),
        (S.REJECTED, S.QUEUED),
        (S.CANCELLED, S.QUEUED),
        (S.EXPIRED, S.QUEUED),
        (S.IN_DOUBT, S.CLAIMED),
        (S.IN_DOUBT, S.CANCELLED),
        (S.SCHEDULED, S.CLAIMED),
        (S.HELD, S.CLAIMED),
    ],
)
def test_moves_that_would_lose_or_double_a_text_do_not_exist(move: tuple[PartState, PartState]) -> None:
    assert move not in LEGAL_MOVES


def test_no_move_stays_where_it_is() -> None:
    assert all(before is not follower for before, follower in LEGAL_MOVES)


def test_every_state_can_be_reached_from_an_entrance() -> None:
    assert reachable(ENTRANCES) == set(PartState)


@pytest.mark.parametrize("state", sorted(set(PartState) - FINAL_STATES))
def test_every_waiting_state_leads_to_an_end(state: PartState) -> None:
    assert reachable({state}) & FINAL_STATES


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
def test_a_final_state_is_left_only_when_the_truth_outranks_unknown(state: PartState) -> None:
    assert after(state) == (RECEIPT_STATES - {S.UNKNOWN} if state is S.UNKNOWN else set())
    assert state.is_final


def test_only_a_claim_is_doubted_and_only_its_answer_submits() -> None:
    """The answer may be late: by then the part is in doubt, or already queued for its one resend."""
    assert {before for before, follower in LEGAL_MOVES if follower is S.CLAIMED} == {S.QUEUED}
    assert {before for before, follower in LEGAL_MOVES if follower is S.IN_DOUBT} == {S.CLAIMED}
    assert {before for before, follower in LEGAL_MOVES if follower is S.SUBMITTED} == {
        S.CLAIMED,
        S.IN_DOUBT,
        S.QUEUED,
    }


def test_a_receipt_can_end_what_was_written_to_the_wire() -> None:
    assert after(S.SUBMITTED) == RECEIPT_STATES
    assert after(S.IN_DOUBT) == {S.SUBMITTED, S.QUEUED, S.UNKNOWN, S.HELD}
    assert RECEIPT_STATES <= FINAL_STATES


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ([S.DELIVERED], MessageState.DELIVERED),
        ([S.DELIVERED, S.DELIVERED], MessageState.DELIVERED),
        ([S.DELIVERED, S.UNDELIVERABLE], MessageState.PARTLY_DELIVERED),
        ([S.DELIVERED, S.UNKNOWN], MessageState.PARTLY_DELIVERED),
        ([S.DELIVERED, S.SUBMITTED], MessageState.SUBMITTED),
        ([S.SUBMITTED, S.CLAIMED], MessageState.QUEUED),
        ([S.CLAIMED], MessageState.QUEUED),
        ([S.QUEUED, S.IN_DOUBT, S.DELIVERED], MessageState.IN_DOUBT),
        ([S.EXPIRED, S.REJECTED], MessageState.REJECTED),
        ([S.EXPIRED, S.UNDELIVERABLE], MessageState.UNDELIVERABLE),
        ([S.UNKNOWN, S.CANCELLED], MessageState.CANCELLED),
        ([S.HELD, S.QUEUED], MessageState.HELD),
        ([S.SCHEDULED], MessageState.SCHEDULED),
    ],
)
def test_fold(states: list[PartState], message: MessageState) -> None:
    assert fold(states) is message


def test_a_message_without_parts_cannot_be_folded() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        fold([])


def test_what_the_account_hears_as_a_failure() -> None:
    failures = {state for state in MessageState if state.is_failure}
    assert failures == {
        MessageState.PARTLY_DELIVERED,
        MessageState.UNDELIVERABLE,
        MessageState.EXPIRED,
        MessageState.DELETED,
        MessageState.REJECTED,
        MessageState.CANCELLED,
        MessageState.UNKNOWN,
    }
