"""What a verdict means for parts: pure, on values."""

import pytest

from bridge.dialects.answers import Verdict
from bridge.dialects.mapping import Action
from bridge.http_out.outcome import (
    NEXT_LINK_TRIES_MAX,
    RETRY_AFTER_MS_MAX,
    UNKNOWN_TRIES_MAX,
    Moment,
    outcomes,
    unsendable,
)
from bridge.messages.message import ClaimedPart, Outcome, OutcomeKind
from tests.unit.dialects.test_carriers import part

NOW = Moment(at_ms=1_000_000, hold_ms=60_000)


def one(verdict: Verdict, moment: Moment = NOW, own_id: str = "", **facts: object) -> Outcome:
    (outcome,) = outcomes([part(**facts)], verdict, moment, own_id)
    return outcome


def parts(count: int) -> list[ClaimedPart]:
    return [part(part_id=n, part_no=n, part_total=count) for n in range(1, count + 1)]


@pytest.mark.parametrize(
    ("ids", "own_id", "names"),
    [
        (["a", "b", "c"], "", ["a", "b", "c"]),
        (["a"], "", ["a", "a", "a"]),
        (["a", "b"], "", ["a", "a", "a"]),
        ([], "own-1", ["own-1", "own-1", "own-1"]),
        ([], "", ["", "", ""]),
    ],
)
def test_the_ids_of_a_text_of_three_parts(ids: list[str], own_id: str, names: list[str]) -> None:
    found = outcomes(parts(3), Verdict(Action.SUBMITTED, ids), NOW, own_id)
    assert [outcome.smsc_id for outcome in found] == names
    assert {outcome.kind for outcome in found} == {OutcomeKind.SUBMITTED}
    assert bool(found[0].reason) == (names[0] == "")


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        (Action.RETRY, OutcomeKind.DEFERRED),
        (Action.SLOW, OutcomeKind.DEFERRED),
        (Action.LOGIN, OutcomeKind.DEFERRED),
        (None, OutcomeKind.DEFERRED),
        (Action.NEXT_LINK, OutcomeKind.NEXT_LINK),
        (Action.FAIL, OutcomeKind.REJECTED),
        (Action.DOUBT, OutcomeKind.IN_DOUBT),
    ],
)
def test_each_action_has_its_outcome(action: Action | None, kind: OutcomeKind) -> None:
    outcome = one(Verdict(action, [], "because (HTTP 418)"))
    assert outcome.kind is kind
    assert outcome.reason.endswith(": because (HTTP 418)")
    if kind is OutcomeKind.REJECTED:
        assert outcome.retry_at_ms == 0
    elif kind is OutcomeKind.IN_DOUBT:
        assert outcome.retry_at_ms == NOW.at_ms + NOW.hold_ms
    elif kind is OutcomeKind.DEFERRED:
        assert outcome.retry_at_ms > NOW.at_ms


def test_what_nobody_knows_is_temporary_for_a_few_tries() -> None:
    kinds = [one(Verdict(None), attempt=attempt).kind for attempt in range(1, UNKNOWN_TRIES_MAX + 2)]
    assert kinds == [OutcomeKind.DEFERRED] * UNKNOWN_TRIES_MAX + [OutcomeKind.REJECTED]
    assert one(Verdict(None), attempt=20, slowed=19).kind is OutcomeKind.DEFERRED, (
        "too fast says nothing about the part"
    )


def test_a_slowed_part_waits_twice_as_long_each_time_up_to_sixteen_seconds() -> None:
    waits = [one(Verdict(Action.SLOW), attempt=n + 1, slowed=n).retry_at_ms - NOW.at_ms for n in range(7)]
    assert waits == [1000, 2000, 4000, 8000, 16000, 16000, 16000]
    assert one(Verdict(Action.SLOW)).is_slowed


def test_a_carrier_may_ask_for_a_longer_wait_within_reason() -> None:
    def wait_ms(retry_after_ms: int) -> int:
        return one(Verdict(Action.RETRY), Moment(0, 0, retry_after_ms=retry_after_ms)).retry_at_ms

    assert wait_ms(60_000) == 60_000
    assert wait_ms(1) == wait_ms(0)
    assert wait_ms(10**12) == RETRY_AFTER_MS_MAX


def test_the_next_link_is_asked_at_once_and_a_circle_less_and_less_often() -> None:
    assert one(Verdict(Action.NEXT_LINK)).retry_at_ms == NOW.at_ms
    assert one(Verdict(Action.NEXT_LINK), attempt=2).retry_at_ms > NOW.at_ms


def test_what_cannot_be_asked_for_goes_to_the_next_link_and_not_for_ever() -> None:
    kinds = [unsendable(part(attempt=n), "no", 0).kind for n in range(1, NEXT_LINK_TRIES_MAX + 2)]
    assert kinds == [OutcomeKind.NEXT_LINK] * NEXT_LINK_TRIES_MAX + [OutcomeKind.REJECTED]
