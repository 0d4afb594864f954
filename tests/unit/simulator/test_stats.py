"""What is told while it runs, and at the end."""

from collections import Counter

from bridge.simulator.stats import Counts, line, rows
from bridge.smpp.constants import Status


def test_nothing_is_said_of_a_second_without_anything() -> None:
    assert line(Counts(binds=1), Counts(binds=3), 1.0, 5, 1) == ""


def test_a_line_tells_rates() -> None:
    before = Counts(submitted=1_000, refused=Counter({8: 10}), receipts_taken=5)
    now = Counts(submitted=17_000, refused=Counter({8: 20, 88: 2}), receipts_taken=7, inbound_taken=2)
    assert line(before, now, 2.0, 1_234, 4) == (
        "submitted 8,000/s  accepted 7,994/s  receipts 1/s  inbound 1/s  waiting 1,234  sessions 4"
    )


def test_a_snapshot_stays_as_it_is() -> None:
    counts = Counts(submitted=3)
    counts.refused[8] += 1
    before = counts.snapshot()
    counts.submitted += 1
    counts.refused[8] += 1
    assert (before.submitted, before.accepted, counts.accepted) == (3, 2, 2)


def test_the_table_has_the_main_things_always_and_the_rest_when_it_happened() -> None:
    assert [name for name, _ in rows(Counts())] == [
        "binds", "parts submitted", "accepted", "receipts sent", "receipts taken",
    ]  # fmt: skip
    counts = Counts(submitted=5, refused=Counter({Status.RTHROTTLED: 2, 0x401: 1}), dropped=4)
    assert dict(rows(counts)) == {
        "binds": 0,
        "parts submitted": 5,
        "accepted": 2,
        "refused with ESME_RTHROTTLED": 2,
        "refused with 0x00000401": 1,
        "receipts sent": 0,
        "receipts taken": 0,
        "deliveries given up": 4,
    }
