"""One carrier delivers to one network and not to another: only what goes to the other leaves it, by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.appliance import until
from tests.system.carriers import ManyCarriers

BROKEN = """
about: nothing arrives in one network
rules:
  - when: {recipient: "4673*"}
    receipt: {states: [undeliverable]}
"""
NETWORKS = "prefix,mcc_mnc,country,name\n4670,24001,SE,North\n4673,24002,SE,South\n"


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[ManyCarriers]:
    made = ManyCarriers(tmp_path, first={}, second={})
    yield made
    made.close()


def test_only_the_traffic_of_a_sick_pair_moves(appliance: ManyCarriers, tmp_path: Path) -> None:
    appliance.carrier("first", BROKEN)
    appliance.carrier("second")
    appliance.pin = appliance.add_account()
    networks = tmp_path / "networks.csv"
    networks.write_text(NETWORKS, encoding="utf-8")
    appliance.command("network", "import", str(networks))
    appliance.start()

    north = appliance.send([f"4670174{number:04d}" for number in range(100, 125)])
    south = appliance.send([f"4673174{number:04d}" for number in range(100, 125)])
    assert {one["state"] for one in appliance.finished(south)} == {"undeliverable"}
    assert {one["state"] for one in appliance.finished(north)} == {"delivered"}
    assert appliance.links_of(north + south) == {"first"}

    until(lambda: "WARNING sick" in appliance.log(), 20)
    assert "link=first  network=24002" in appliance.log()
    assert "network=24001" not in appliance.log()
    north = appliance.send([f"4670174{number:04d}" for number in range(200, 210)])
    south = appliance.send([f"4673174{number:04d}" for number in range(200, 210)])
    assert {one["state"] for one in appliance.finished(north + south)} == {"delivered"}
    assert appliance.links_of(north) == {"first"}
    assert appliance.links_of(south) == {"second"}
    told = [event for event in appliance.message(south[0])["history"] if "passed over" in event["detail"]]
    assert "only 0 % of" in told[0]["detail"]
    appliance.audit()
