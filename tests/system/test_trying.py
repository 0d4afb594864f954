"""What a developer tries with a trial account and test numbers, on the whole appliance, across a kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.appliance import Appliance, until


@pytest.fixture
def appliance(tmp_path: Path) -> Iterator[Appliance]:
    appliance = Appliance(tmp_path)
    appliance.extra = {"test_link": {"receipt_delay_ms": 20}}
    yield appliance
    appliance.close()


def test_test_numbers_take_every_door_and_end_at_the_built_in_link(appliance: Appliance) -> None:
    appliance.start()
    pin = appliance.add_account("demo", "--trial", credit="0")
    assert appliance.get(account="demo", pin=pin, to="+44 7700 900123", text="one")[0] == 200
    assert appliance.mail("demo", pin, "447700900901@sms.test", text="two").startswith("250")
    appliance.command("send", "--account", "demo", "--to", "447700900902", "three")
    listed = appliance.messages()
    assert {(one["door"], one["link"], one["price_mc"]) for one in listed} == {
        (door, "test", 0) for door in ("http", "smtp", "cli")
    }
    for one, state in zip(listed, ("expired", "undeliverable", "delivered"), strict=True):
        appliance.wait_for(one["message_id"], state)
    (report,) = until(appliance.mails)
    assert "This is a test number: no handset got anything" in " ".join(report.read_text().split())
    assert appliance.ask("account_show", name="demo")["trial_parts"] == 10
    assert "submitted to test" in appliance.command("message", "show", listed[0]["message_id"]).stdout
    appliance.stop()
    appliance.audit()


def test_after_a_kill_every_test_message_still_ends(appliance: Appliance) -> None:
    appliance.extra["test_link"]["receipt_delay_ms"] = 600_000
    appliance.start()
    appliance.add_account("demo", credit="0")
    words = ["send", "--account", "demo", *(w for n in range(20) for w in ("--to", str(447700900100 + n))), "hello"]
    appliance.command(*words)
    until(lambda: [one["state"] for one in appliance.messages()] == ["submitted"] * 20)
    appliance.kill()
    appliance.extra["test_link"]["receipt_delay_ms"] = 0
    appliance.start()
    until(lambda: [one["state"] for one in appliance.messages()] == ["delivered"] * 20)
    appliance.stop()
    appliance.audit()
