"""`person` and `actions` against canned answers: what people read, and what is asked of the appliance."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.ledger.reports_person import PLACES
from tests.unit.app.desk import AT_MS, Desk, open_desk

NUMBER = "46701740605"
COUNTS = dict.fromkeys(PLACES, 0) | {"message": 12, "inbound": 1}
SHOWN: dict[str, Any] = {
    "number": NUMBER,
    "counts": COUNTS,
    "unfinished": ["6FD54FA2"],
    "unfinished_count": 1,
    "accounts": ["ward7"],
    "virtual": "",
}
ERASED: dict[str, Any] = {
    "number": NUMBER,
    "counts": COUNTS,
    "left": [],
    "left_count": 0,
    "accounts": [],
    "virtual": "",
    "backup_days": 15,
    "is_log_cut": True,
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as opened:
        opened.answers |= {"person_show": SHOWN, "person_erase": ERASED}
        yield opened


def test_show(desk: Desk) -> None:
    assert desk.run("person", "show", NUMBER).stdout == (
        "46701740605:\n"
        "  12 messages\n"
        "   1 text from it\n"
        "  not ended yet: 1 (6FD54FA2)\n"
        "  it is the mobile number of account ward7, and stays that\n"
    )


def test_show_nothing(desk: Desk) -> None:
    desk.answers["person_show"] = SHOWN | {
        "counts": dict.fromkeys(PLACES, 0),
        "unfinished": [],
        "unfinished_count": 0,
        "accounts": [],
        "virtual": "demo",
    }
    assert desk.run("person", "show", NUMBER).stdout == (
        "46701740605: nothing is known of it\n"
        "  it is a virtual number of account demo, and stays that; what was sent from it stays too\n"
    )


def test_erase_asks_first_and_takes_no_for_an_answer(desk: Desk) -> None:
    done = desk.run("person", "erase", NUMBER, stdin="n\n")
    assert done.exit_code == 65
    assert done.stderr.endswith("smsbridge: nothing erased\n")
    assert "12 messages" in done.stdout
    assert [name for name, _ in desk.asked] == ["person_show"]
    done = desk.run("person", "erase", NUMBER, stdin="y\n")
    assert done.exit_code == 0
    assert done.stdout.endswith(
        "erased 46701740605:\n"
        "  12 messages\n"
        "   1 text from it\n"
        "backups by schedule still hold it for up to 15 days; see docs/privacy.md\n"
    )


def test_erase_names_what_it_had_to_leave(desk: Desk) -> None:
    desk.answers["person_erase"] = ERASED | {
        "left": ["message 6FD54FA2", "a mail that is still owed"],
        "left_count": 25,
        "is_log_cut": False,
    }
    done = desk.run("person", "erase", NUMBER, "--yes")
    assert done.exit_code == 75
    assert done.stderr == (
        "smsbridge: not erased, because not ended yet: message 6FD54FA2, a mail that is still owed, ...;"
        " run it again later; `smsbridge message show ID` says why a message waits\n"
    )
    assert "a report or a backup still reads the ledger's log; the log is cut within a minute after that" in done.stdout


def test_export_asks_page_after_page_and_writes_one_object(desk: Desk, tmp_path: Path) -> None:
    target = tmp_path / "person.json"
    desk.answers["person_list"] = {"rows": [{"text": "räksmörgås"}], "next": None}
    done = desk.run("person", "export", NUMBER, str(target))
    assert done.exit_code == 0
    assert done.stderr == "46701740605: 12 messages, 1 text from it\n"
    written = json.loads(target.read_text(encoding="utf-8"))
    assert written["number"] == NUMBER
    assert written["mobile_of_accounts"] == ["ward7"]
    assert all(written[place] == [{"text": "räksmörgås"}] for place in PLACES)
    assert [values["place"] for name, values in desk.asked if name == "person_list"] == list(PLACES)


def test_an_export_that_fails_leaves_no_file(desk: Desk, tmp_path: Path) -> None:
    desk.answers["person_list"] = ValueError("the appliance breaks")
    target = tmp_path / "person.json"
    assert desk.run("person", "export", NUMBER, str(target)).exit_code == 75
    assert not target.exists()
    assert desk.run("person", "export", NUMBER, str(tmp_path / "no" / "where.json")).exit_code == 65


def test_actions(desk: Desk) -> None:
    line = {"at_ms": AT_MS, "actor": "anna", "action": "person_erase", "detail": "message 2"}
    desk.answers["action_list"] = [line]
    assert desk.run("actions", "list").stdout.splitlines() == [
        "WHEN                  WHO   WHAT          DETAIL",
        "2026-11-24 05:31:40Z  anna  person erase  message 2",
    ]
    assert json.loads(desk.run("actions", "list", "--json").stdout) == [line]
    desk.answers["action_list"] = []
    assert desk.run("actions", "list").stderr == "no actions\n"
