"""Health, for any history: judged by numbers alone, each pair by itself, and never for ever."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.routing.health import MINUTE_MS, SETTLED_MIN, WINDOW_MS, Health, Tally, judge

NOW = 1_800_000_000_000 // MINUTE_MS * MINUTE_MS
counts = st.integers(0, 60)
minutes = st.integers(-20, 2).map(lambda number: NOW + number * MINUTE_MS)


@st.composite
def tallies(draw: st.DrawFn) -> list[Tally]:
    places = draw(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), minutes), unique=True, max_size=12)
    )
    found = []
    for link, network, minute_ms in places:
        delivered, failed, missing, refused, young = (draw(counts) for _ in range(5))
        taken = delivered + failed + missing + young
        found.append(Tally(link, network, minute_ms, taken, delivered, failed, missing, refused))
    return found


@given(tallies(), st.randoms(use_true_random=False))
def test_the_order_of_what_was_seen_does_not_matter(seen: list[Tally], chance: object) -> None:
    shuffled = list(seen)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert judge(Health(), seen, NOW) == judge(Health(), shuffled, NOW)


@given(tallies())
def test_who_is_called_sick_has_enough_bad_parts_of_its_own_in_the_window(seen: list[Tally]) -> None:
    for link, network in judge(Health(), seen, NOW).sick:
        own = [t for t in seen if (t.link, t.network) == (link, network) and NOW - WINDOW_MS <= t.minute_ms <= NOW]
        assert sum(t.failed + t.missing + t.refused for t in own) >= SETTLED_MIN / 2


@given(tallies(), tallies())
def test_a_pair_where_all_arrives_is_well_whatever_was_before(before: list[Tally], after: list[Tally]) -> None:
    health = judge(Health(), before, NOW)
    now = NOW + 3 * MINUTE_MS
    for pair in health.sick:
        fine = Tally(*pair, NOW + MINUTE_MS, taken=10, delivered=10)
        others = [t for t in after if (t.link, t.network) != pair]
        assert pair not in judge(health, [*others, fine], now).sick


@given(tallies())
def test_what_others_do_delivers_nobody_from_being_judged_by_delivery(seen: list[Tally]) -> None:
    """The parts of other pairs say only whether receipts are to be expected."""
    for pair in {(t.link, t.network) for t in seen}:
        alone = judge(Health(), [t for t in seen if (t.link, t.network) == pair], NOW).sick.get(pair)
        among = judge(Health(), seen, NOW).sick.get(pair)
        if alone is not None:
            assert among is not None
