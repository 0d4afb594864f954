"""An operator tells links things while the appliance runs: stop, drain, throttle, reload, self-test."""

import json
import signal
from typing import Any

import pytest

from tests.support import free_port
from tests.system.appliance import RECIPIENT, Appliance, until

SECOND = "second"


def two_links(appliance: Appliance, **of_second: Any) -> None:
    """A second link to the same simulator, behind the first one on every route."""
    first = appliance.config()["links"][0]
    appliance.extra["links"] = [first, first | {"name": SECOND} | of_second]


def states(appliance: Appliance) -> dict[str, str]:
    return {line["name"]: line["state"] for line in appliance.ask("link_list")}


def send(appliance: Appliance, count: int = 1, account: str = "demo") -> list[str]:
    numbers = [f"4670174{n:04d}" for n in range(600, 600 + count)]
    values = {"originator": "", "lane": "", "reference": "", "at": "", "after": "", "worthless_after": ""}
    sent = appliance.ask("send", account=account, to=numbers, text="hello", **values, validity="", queue_age="")
    return [line["message_id"] for line in sent]


def taken(appliance: Appliance, message_id: str) -> dict[str, Any]:
    """A message once a carrier has it. Both links are one account there, so that its receipt may come on the other."""

    def shown() -> dict[str, Any] | None:
        message = appliance.message(message_id)
        return message if message["state"] in ("submitted", "delivered") else None

    found: dict[str, Any] = until(shown)
    return found


def actions(appliance: Appliance) -> list[str]:
    return [line["action"] for line in appliance.ask("action_list", count_max=50)]


def test_a_stopped_link_stays_stopped_over_a_crash_and_its_messages_say_by_whom(appliance: Appliance) -> None:
    two_links(appliance)
    appliance.start().add_account()
    until(lambda: states(appliance)["simulator"] == "bound")
    done = appliance.command("link", "stop", "simulator", "--reason", "wrong prices")
    assert done.stdout.startswith("link simulator is stopped")
    (one,) = send(appliance)
    shown = taken(appliance, one)
    assert shown["parts"][0]["link"] == SECOND
    assert any("simulator passed over: it is stopped by" in line["detail"] for line in shown["history"])
    appliance.command("link", "stop", SECOND)
    (two,) = send(appliance)
    appliance.kill()
    appliance.start()
    assert states(appliance)["simulator"] == "stopped"
    reason = appliance.message(two)["parts"][0]["waiting_for"]
    assert "is stopped by " in reason
    assert " since 20" in reason
    appliance.command("link", "start", "simulator")
    assert taken(appliance, two)["parts"][0]["link"] == "simulator"
    assert "wrong prices" in json.dumps(appliance.ask("action_list", count_max=50))
    assert actions(appliance).count("link_stopped") == 2
    appliance.audit()


def test_what_waits_on_a_stopped_link_goes_to_the_next_one(appliance: Appliance) -> None:
    appliance.link = {"parts_per_second": 1}
    two_links(appliance, parts_per_second=None)
    appliance.start().add_account()
    until(lambda: states(appliance)[SECOND] == "bound")
    messages = send(appliance, 30)
    done = appliance.answer("link", "stop", "simulator")
    assert done["moved"] >= 20
    shown = [taken(appliance, message) for message in messages]
    moved = [one for one in shown if one["parts"][0]["link"] == SECOND]
    assert len(moved) >= done["moved"]
    for one in moved:
        (line,) = [line for line in one["history"] if line["event"] == "replanned"]
        assert line["detail"].startswith(f"from simulator to {SECOND}: link simulator: it is stopped by ")
    assert all(part["attempt"] == 1 for one in shown for part in one["parts"])
    appliance.audit()


def test_a_drained_link_is_passed_over_and_stops_by_itself(appliance: Appliance) -> None:
    appliance.link = {"parts_per_second": 10}
    two_links(appliance, parts_per_second=None)
    appliance.start().add_account()
    until(lambda: states(appliance)[SECOND] == "bound")
    old = send(appliance, 15)
    appliance.command("link", "drain", "simulator")
    (new,) = send(appliance)
    assert taken(appliance, new)["parts"][0]["link"] == SECOND
    until(lambda: states(appliance)["simulator"] == "stopped")
    assert {taken(appliance, one)["parts"][0]["link"] for one in old} == {"simulator"}
    assert actions(appliance)[:2] == ["link_stopped", "link_draining"]


def test_a_throttled_link_says_so_and_is_let_go_again(appliance: Appliance) -> None:
    appliance.start()
    until(lambda: states(appliance)["simulator"] == "bound")
    out = appliance.command("link", "throttle", "simulator", "5", "--for", "2h").stdout
    assert out.startswith("link simulator sends 5 parts/s at most until 20")
    shown = appliance.command("link", "list").stdout
    assert "was slowed to 5 parts/s by" in " ".join(shown.split())
    assert appliance.command("link", "throttle", "simulator", "--off").stdout == (
        "link simulator sends as fast as it may\n"
    )
    assert actions(appliance) == ["link_pace", "link_pace"]


@pytest.mark.parametrize("is_by_signal", [False, True])
def test_a_reload_takes_new_links_and_leaves_the_others_alone(appliance: Appliance, is_by_signal: bool) -> None:
    appliance.start().add_account()
    until(lambda: states(appliance)["simulator"] == "bound")
    since = appliance.ask("link_list")[0]["since_at_ms"]
    two_links(appliance)
    if is_by_signal:
        appliance.write_config()
        assert appliance.process is not None
        appliance.process.send_signal(signal.SIGHUP)
    else:
        assert appliance.command("link", "reload").stdout == f"added: {SECOND}\n"
    until(lambda: states(appliance).get(SECOND) == "bound")
    assert appliance.ask("link_list")[0]["since_at_ms"] == since
    appliance.command("link", "stop", "simulator")
    (message,) = send(appliance)
    assert taken(appliance, message)["parts"][0]["link"] == SECOND


def test_a_reload_of_a_wrong_file_changes_nothing(appliance: Appliance) -> None:
    two_links(appliance)
    appliance.start()
    two_links(appliance, window=0)
    done = appliance.command("link", "reload", check=False)
    assert done.returncode == 78
    assert "bridge.yaml:" in done.stderr
    assert "links[1].window" in done.stderr
    assert set(states(appliance)) == {"simulator", SECOND, "test"}
    until(lambda: states(appliance)[SECOND] == "bound")
    two_links(appliance)  # Every command reads the file, also that of the fixture.


def test_a_removed_link_leaves_its_messages_to_the_others(appliance: Appliance) -> None:
    two_links(appliance, port=free_port())
    first, second = appliance.extra["links"]
    appliance.extra["links"] = [second, first]
    appliance.start().add_account()
    (message,) = send(appliance)
    appliance.extra["links"] = [first]
    appliance.command("link", "reload")
    assert taken(appliance, message)["parts"][0]["link"] == "simulator"
    assert set(states(appliance)) == {"simulator", "test"}
    (new,) = send(appliance)
    assert taken(appliance, new)["parts"][0]["link"] == "simulator"


def test_a_heartbeat_now_is_measured_and_shown(appliance: Appliance) -> None:
    appliance.extra["selftest"] = {"recipient": RECIPIENT, "every_s": 86_400, "limit_s": 10}
    appliance.start()
    until(lambda: states(appliance)["simulator"] == "bound")
    shown = appliance.answer("link", "selftest", "simulator", "--now")
    assert shown["heartbeats"][0]["state"] == "delivered"
    assert shown["heartbeats"][0]["receipt_ms"] < 10_000
    table = appliance.command("link", "list").stdout
    assert "P50/P95" in table.splitlines()[0]
    assert "95 % within" in appliance.command("link", "selftest", "simulator").stdout
    assert appliance.balance_mc("selftest") == 0
    appliance.audit()


def test_a_lost_heartbeat_makes_its_link_silent(appliance: Appliance) -> None:
    appliance.extra["selftest"] = {"recipient": "46701741016", "every_s": 86_400, "limit_s": 1}
    appliance.start()
    until(lambda: states(appliance)["simulator"] == "bound")
    done = appliance.command("link", "selftest", "simulator", "--now", check=False)
    assert done.returncode == 69
    assert "the heartbeat is silent" in done.stderr
    assert "silent" in appliance.command("link", "list").stdout
