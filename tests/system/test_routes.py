"""Routes in a running appliance: obeyed from the next message on, and measured by what the carrier reports."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.appliance import Appliance, until

NETWORKS = "prefix,mcc_mnc,country,name\n46701,24001,SE,One\n46702,24002,SE,Two\n"


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    """Two links, both to the built-in simulator."""
    one = Appliance(tmp_path)
    link = one.config()["links"][0]
    second = {"system_id": "second", "password": "second"}
    one.extra["links"] = [link, {**link, **second, "name": "other"}]
    one.extra["simulator"] = {**one.config()["simulator"], "accounts": [second]}
    one.start()
    try:
        yield one
    finally:
        one.stop()


def test_a_route_counts_without_a_restart_and_coverage_measures_what_it_did(appliance: Appliance) -> None:
    (appliance.folder / "networks.csv").write_text(NETWORKS)
    appliance.command("account", "add", "demo", "--credit", "100")
    appliance.command("network", "import", str(appliance.folder / "networks.csv"))

    def shown(message_id: str) -> dict[str, Any]:
        found: dict[str, Any] = appliance.answer("message", "show", message_id)
        return found

    def send(number: str) -> str:
        """The link that a message went out on, once it is delivered."""
        [sent] = appliance.answer("send", "--account", "demo", "--to", number, "hello")
        until(lambda: shown(sent["message_id"])["state"] == "delivered")
        link: str = shown(sent["message_id"])["parts"][0]["link"]
        return link

    assert send("46701740605") == "simulator"
    appliance.command("route", "add", "network:24001", "other, simulator")
    appliance.command("route", "add", "*", "simulator")
    assert send("46701740605") == "other"
    assert send("46702740605") == "simulator"
    lines = {row["mcc_mnc"]: row for row in appliance.answer("coverage")}
    one, two = lines["24001"], lines["24002"]
    assert (one["links"], one["parts"], one["delivered"], one["failed"]) == (["other", "simulator"], 2, 2, 0)
    assert [(link["link"], link["parts"], link["delivered"]) for link in one["measured"]] == [
        ("other", 1, 1),
        ("simulator", 1, 1),
    ]
    assert (two["links"], two["parts"], two["delivered"]) == (["simulator"], 1, 1)
    assert 0 <= one["median_ms"] < 60_000
    assert "One (24001), by prefix 46701" in appliance.command("explain", "46701740605").stdout
