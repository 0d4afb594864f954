"""A sick pair of link and network is found, probed and taken back."""

import pytest

from bridge.routing.health import (
    MINUTE_MS,
    PROBE_EVERY_MS,
    PROBE_FOR_MS,
    SETTLED_MIN,
    WINDOW_MS,
    Health,
    Healthy,
    Tally,
    Trouble,
    judge,
)

NOW = 1_800_000_000_000 // MINUTE_MS * MINUTE_MS
BEFORE = NOW - 5 * MINUTE_MS


def tally(link: str, network: str, minute_ms: int = BEFORE, **counts: int) -> Tally:
    taken = sum(count for name, count in counts.items() if name != "refused")
    return Tally(link, network, minute_ms, **{"taken": taken} | counts)


def test_one_silent_network_makes_only_its_own_pair_sick() -> None:
    good = tally("a", "24001", delivered=100)
    silent = tally("a", "24002", missing=100)
    elsewhere = tally("b", "24002", delivered=100)
    health = judge(Health(), [good, silent, elsewhere], NOW)
    assert set(health.sick) == {("a", "24002")}
    assert health.sick["a", "24002"].trouble is Trouble.SILENT
    assert health.trouble("a", "24002", NOW) == "its receipts have stopped: 0 % of 100 came"
    assert health.trouble("a", "24001", NOW) == health.trouble("b", "24002", NOW) == ""


def test_a_link_that_never_gives_receipts_is_not_sick() -> None:
    health = judge(Health(), [tally("a", "24001", missing=500), tally("a", "24002", missing=500)], NOW)
    assert not health.sick


def test_a_link_that_alone_is_silent_where_another_is_heard_is_sick() -> None:
    health = judge(Health(), [tally("a", "24001", missing=30), tally("b", "24001", delivered=30)], NOW)
    assert set(health.sick) == {("a", "24001")}


def test_undelivered() -> None:
    health = judge(Health(), [tally("a", "24001", delivered=5, failed=20)], NOW)
    assert health.trouble("a", "24001", NOW) == "only 20 % of 25 parts were delivered"


def test_refusing() -> None:
    health = judge(Health(), [tally("a", "24001", delivered=10, refused=30)], NOW)
    assert health.trouble("a", "24001", NOW) == "it refused 75 % of 40 parts"


@pytest.mark.parametrize("counts", [{"failed": 1}, {"refused": 1}, {"missing": 1}])
def test_few_parts_prove_nothing(counts: dict[str, int]) -> None:
    (name,) = counts
    seen = tally("a", "24001", **{name: SETTLED_MIN - 1})
    heard = tally("a", "24002", delivered=100)
    assert not judge(Health(), [seen, heard], NOW).sick
    seen = tally("a", "24001", **{name: SETTLED_MIN})
    assert set(judge(Health(), [seen, heard], NOW).sick) == {("a", "24001")}


def test_what_is_older_than_the_window_or_of_the_future_is_not_looked_at() -> None:
    old = tally("a", "24001", NOW - WINDOW_MS - 1, failed=100)
    future = tally("a", "24001", NOW + MINUTE_MS, failed=100)
    assert not judge(Health(), [old, future], NOW).sick


def test_the_probes_of_a_sick_pair_make_it_well_again_and_what_was_before_does_not_count() -> None:
    bad = tally("a", "24001", failed=100)
    health = judge(Health(), [bad], NOW)
    two = tally("a", "24001", NOW + MINUTE_MS, delivered=2)
    assert judge(health, [bad, two], NOW + 2 * MINUTE_MS).sick == health.sick
    three = tally("a", "24001", NOW + MINUTE_MS, delivered=3, failed=2)
    assert not judge(health, [bad, three], NOW + 2 * MINUTE_MS).sick
    doubtful = tally("a", "24001", NOW + MINUTE_MS, delivered=3, failed=3)
    assert judge(health, [bad, doubtful], NOW + 2 * MINUTE_MS).sick == health.sick


def test_a_refusing_pair_is_well_again_when_it_takes_its_probes() -> None:
    bad = tally("a", "24001", refused=100)
    health = judge(Health(), [bad], NOW)
    taken = Tally("a", "24001", NOW + MINUTE_MS, taken=3)
    assert not judge(health, [bad, taken], NOW + 2 * MINUTE_MS).sick


def test_a_sick_pair_that_nobody_tried_stays_sick() -> None:
    health = judge(Health(), [tally("a", "24001", failed=100)], NOW)
    assert judge(health, [], NOW + 10 * WINDOW_MS).sick == health.sick


def test_a_sick_pair_is_open_for_probes_one_second_in_twenty_and_not_at_once() -> None:
    health = judge(Health(), [tally("a", "24001", failed=100)], NOW)
    opened = [at_ms for at_ms in range(NOW, NOW + 100_000, 100) if not health.trouble("a", "24001", at_ms)]
    assert len(opened) == 4 * PROBE_FOR_MS // 100
    assert opened[0] == NOW + PROBE_EVERY_MS


def test_nobody_is_sick_where_nobody_looks() -> None:
    assert Healthy().trouble("a", "24001", NOW) == ""
