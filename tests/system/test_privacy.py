"""What the running appliance forgets by itself and on request, looked for in its own files."""

import json
import stat
import time

import pytest

from bridge.ledger.retention import DAY_MS
from bridge.messages.message import PartState
from tests.books import Books
from tests.system.appliance import Appliance, until

NUMBER = "46701740605"
CANARY = "canary-7Q2X"


def files_hold(appliance: Appliance, trace: str) -> list[str]:
    return [path.name for path in appliance.state.glob("ledger.sqlite*") if trace.encode() in path.read_bytes()]


def old_messages(appliance: Appliance, age_days: int, text: str = CANARY) -> None:
    """A ledger with two messages that were delivered some days ago."""
    appliance.state.mkdir(exist_ok=True)
    books = Books(appliance.state)
    books.now_ms = time.time_ns() // 1_000_000 - age_days * DAY_MS
    account_id = books.account(f"demo{age_days}")
    books.accept(account_id, books.prepared(text, recipient=NUMBER), books.prepared("new", recipient="46709999123"))
    for part in books.claim():
        books.submitted(part, f"A{part.part_id}")
        books.receipt(f"A{part.part_id}", PartState.DELIVERED, originator=part.recipient)
    books.close()


@pytest.mark.parametrize(("age_days", "is_kept"), [(31, True), (401, False)])
def test_what_is_too_old_is_gone_when_the_appliance_has_started(
    appliance: Appliance, age_days: int, is_kept: bool
) -> None:
    old_messages(appliance, age_days)
    assert files_hold(appliance, CANARY) == ["ledger.sqlite"]
    appliance.start()
    until(lambda: " erased " in appliance.log())
    until(lambda: files_hold(appliance, CANARY) == [])
    messages = appliance.answer("message", "list")
    assert [message["recipient"] for message in messages] == (["46709999123", NUMBER] if is_kept else [])
    if is_kept:
        assert "(erased)" in appliance.command("message", "show", messages[0]["message_id"]).stdout
    else:
        until(lambda: files_hold(appliance, NUMBER) == [])
    assert appliance.answer("account", "show", f"demo{age_days}")["balance_mc"] == 98_000


def test_the_days_are_a_setting(appliance: Appliance) -> None:
    old_messages(appliance, 31)
    old_messages(appliance, 41, text="older text")
    appliance.extra["retention"] = {"text_days": 40}
    appliance.start()
    until(lambda: " erased " in appliance.log())
    until(lambda: files_hold(appliance, "older text") == [])
    assert files_hold(appliance, CANARY) == ["ledger.sqlite"]


def test_one_number_is_exported_and_erased_while_the_appliance_runs(appliance: Appliance) -> None:
    appliance.start()
    appliance.add_account()
    for number, text in ((NUMBER, CANARY), ("46709999123", "somebody else's")):
        appliance.command("send", "--account", "demo", "--to", number, text)
    until(lambda: [m["state"] for m in appliance.answer("message", "list")] == ["delivered"] * 2)
    shown = appliance.command("person", "show", "+46 70-174 06 05").stdout
    assert shown == f"{NUMBER}:\n  1 message\n"

    target = appliance.folder / "person.json"
    appliance.command("person", "export", NUMBER, str(target))
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    exported = json.loads(target.read_text(encoding="utf-8"))
    assert exported["number"] == NUMBER
    assert [message["text"] for message in exported["message"]] == [CANARY]
    again = appliance.command("person", "export", NUMBER, str(target), check=False)
    assert again.returncode == 65
    assert "exists already" in again.stderr
    assert json.loads(appliance.command("person", "export", NUMBER).stdout)["message"] == exported["message"]

    told = appliance.command("person", "erase", NUMBER, "--yes").stdout
    assert told.startswith(f"erased {NUMBER}:\n  1 message\n")
    assert "backups by schedule still hold it for up to 15 days" in told
    for trace in (NUMBER, CANARY):
        until(lambda trace=trace: files_hold(appliance, trace) == [])
    assert [m["recipient"] for m in appliance.answer("message", "list")] == ["46709999123", "erased"]
    (action,) = [one for one in appliance.answer("actions", "list") if one["action"] == "person_erase"]
    assert action["detail"] == "message 1"
    assert not any(trace in appliance.log() for trace in (NUMBER, CANARY))
