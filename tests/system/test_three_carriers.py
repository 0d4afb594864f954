"""Three carriers, each ill in its own way: every message ends, every choice is explained, no doubling is silent."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.appliance import until
from tests.system.carriers import ManyCarriers

THROTTLES = """
about: every third part comes too fast
rules:
  - when: {every: 3}
    answer: {status: RTHROTTLED}
"""
LOSES_RECEIPTS = """
about: half the receipts are lost
rules:
  - when: {share_percent: 50}
    receipt: {states: []}
"""
ANSWERS_LATE = """
about: the window is never empty
rules:
  - answer: {delay_ms: 400}
"""
COUNT = 60


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[ManyCarriers]:
    made = ManyCarriers(tmp_path, dying={}, throttling={}, losing={"query_after_s": 10})
    yield made
    made.close()


def test_every_message_ends_with_a_history_that_explains_it(appliance: ManyCarriers) -> None:
    dying = appliance.carrier("dying", ANSWERS_LATE)
    others = [appliance.carrier("throttling", THROTTLES), appliance.carrier("losing", LOSES_RECEIPTS)]
    appliance.pin = appliance.add_account(credit="1000")
    appliance.command("route", "add", "*", "dying throttling losing")
    appliance.start()
    recipients = [f"4670174{number:04d}" for number in range(2000, 2000 + COUNT)]
    first = appliance.send(recipients[: COUNT // 2])
    until(dying.arrivals)
    dying.die()
    ids = first + appliance.send(recipients[COUNT // 2 :])
    # What was on its way when it died is held until it is back, and then sent once more.
    carriers = [dying, appliance.carrier("dying"), *others]

    ended = appliance.finished(ids, 60)
    assert {one["state"] for one in ended} <= {"delivered", "unknown"}
    arrived = Counter(to for carrier in carriers for to, _, _ in carrier.arrivals())
    assert set(arrived) == set(recipients)  # None is lost.
    doubles = {one["recipient"] for one in ended if any(part["is_possible_duplicate"] for part in one["parts"])}
    assert {to for to, count in arrived.items() if count > 1} <= doubles
    for one in ended:
        moved = {part["link"] for part in one["parts"]} != {one["links"].split()[0]}
        assert not moved or one["history"], one
    assert {part["link"] for one in ended for part in one["parts"]} == set(appliance.ports)
    appliance.audit()
