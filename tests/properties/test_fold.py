"""Laws of adding parts up to a message."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.messages.message import LEGAL_MOVES, MessageState, PartState, fold

states = st.lists(st.sampled_from(PartState), min_size=1, max_size=12)


@given(states.flatmap(lambda parts: st.tuples(st.just(parts), st.permutations(parts))))
def test_the_order_of_the_parts_does_not_matter(pair: tuple[list[PartState], list[PartState]]) -> None:
    assert fold(pair[0]) is fold(pair[1])


@given(states)
def test_how_many_parts_share_a_state_does_not_matter(parts: list[PartState]) -> None:
    assert fold(parts) is fold(parts * 2)


@given(states)
def test_a_message_is_final_exactly_when_all_its_parts_are(parts: list[PartState]) -> None:
    assert fold(parts).is_final is all(part.is_final for part in parts)


@given(states)
def test_delivered_means_every_part(parts: list[PartState]) -> None:
    is_whole = all(part is PartState.DELIVERED for part in parts)
    assert (fold(parts) is MessageState.DELIVERED) is is_whole


@given(states)
def test_a_message_shows_a_state_that_some_part_is_in(parts: list[PartState]) -> None:
    shown = fold(parts)
    as_shown = {"queued" if part is PartState.CLAIMED else part.value for part in parts}
    if shown is MessageState.PARTLY_DELIVERED:
        assert "delivered" in as_shown
        assert len(as_shown) > 1
    else:
        assert shown.value in as_shown


@given(st.sampled_from(PartState))
def test_one_part_is_the_message(part: PartState) -> None:
    assert fold([part]).value == ("queued" if part is PartState.CLAIMED else part.value)


@given(states, st.data())
def test_finished_messages_only_get_better(parts: list[PartState], data: st.DataObject) -> None:
    """The one move out of a final state is from unknown to the truth: the message stays final."""
    moves = [(at, after) for at, part in enumerate(parts) for before, after in LEGAL_MOVES if before is part]
    if not fold(parts).is_final or not moves:
        return
    at, after = data.draw(st.sampled_from(sorted(moves)))
    assert fold([*parts[:at], after, *parts[at + 1 :]]).is_final
