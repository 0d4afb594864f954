"""What links do is counted by network and minute, and forgotten in time."""

from bridge.messages.message import Outcome, OutcomeKind, PartState
from bridge.routing.health import MINUTE_MS, PATIENCE_MS, WINDOW_MS, Tally
from bridge.runtime.health_watch import CELLS_MAX, HealthWatch

NOW = 1_800_000_000_000 // MINUTE_MS * MINUTE_MS
OLD = NOW - PATIENCE_MS - MINUTE_MS


def network_of(head: str) -> str:
    return "24001" if head.startswith("4670") else "SE"


def outcome(kind: OutcomeKind, at_ms: int = OLD, *, is_slowed: bool = False) -> Outcome:
    return Outcome(1, kind, at_ms, is_slowed=is_slowed)


def test_what_a_pair_took_delivered_and_refused() -> None:
    watch = HealthWatch()
    for _ in range(5):
        watch.offered("a", "46701740605", outcome(OutcomeKind.SUBMITTED))
    watch.offered("a", "46731740605", outcome(OutcomeKind.SUBMITTED))
    watch.offered("b", "46701740605", outcome(OutcomeKind.REJECTED))
    watch.ended("a", "46701740605", OLD, PartState.DELIVERED)
    watch.ended("a", "46701740605", OLD, PartState.UNDELIVERABLE)
    assert sorted(watch.tallies(network_of, NOW), key=str) == [
        Tally("a", "24001", OLD, taken=5, delivered=1, failed=1, missing=3),
        Tally("a", "SE", OLD, taken=1, missing=1),
        Tally("b", "24001", OLD, refused=1),
    ]


def test_the_pace_of_a_link_and_silence_on_the_wire_are_no_refusals() -> None:
    watch = HealthWatch()
    watch.offered("a", "46701740605", outcome(OutcomeKind.DEFERRED, is_slowed=True))
    watch.offered("a", "46701740605", outcome(OutcomeKind.IN_DOUBT))
    watch.offered("a", "46701740605", outcome(OutcomeKind.UNWRITTEN))
    assert watch.tallies(network_of, NOW) == []


def test_a_young_part_is_not_missed_yet() -> None:
    watch = HealthWatch()
    watch.offered("a", "46701740605", outcome(OutcomeKind.SUBMITTED, NOW - MINUTE_MS))
    assert watch.tallies(network_of, NOW) == [Tally("a", "24001", NOW - MINUTE_MS, taken=1)]


def test_a_receipt_for_a_part_of_the_run_before_is_no_part_too_many() -> None:
    watch = HealthWatch()
    watch.ended("a", "46701740605", OLD, PartState.DELIVERED)
    assert watch.tallies(network_of, NOW) == [Tally("a", "24001", OLD, taken=1, delivered=1)]


def test_what_is_old_is_forgotten_and_what_is_too_much_is_not_counted() -> None:
    watch = HealthWatch()
    watch.offered("a", "46701740605", outcome(OutcomeKind.SUBMITTED))
    assert watch.tallies(network_of, NOW + WINDOW_MS) == []
    assert watch.tallies(network_of, NOW) == []
    for number in range(CELLS_MAX + 10):
        watch.offered("a", f"{number:07d}", outcome(OutcomeKind.SUBMITTED))
    assert sum(tally.taken for tally in watch.tallies(network_of, NOW)) == CELLS_MAX
