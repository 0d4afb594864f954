"""The command line against canned answers: exact output, exit codes, and what is asked of the appliance."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.app import control_frames
from bridge.app.cli import printing
from bridge.app.cli.base import actor
from bridge.app.cli.exits import NEXT_STEPS, exit_code_of
from bridge.messages.faults import TEMPORARY, Fault, FaultCode
from tests.unit.app.desk import AT_MS, Desk, open_desk, run

PROGRAM = "from bridge.app.cli.program import cli; cli(prog_name='smsbridge')"
LATER_MS = 4_004_573_500_000
"""2096-11-24 05:31:40Z"""

ACCOUNT = {
    "name": "ward7",
    "account_class": "",
    "email": "ward7@example.org",
    "mobile": "",
    "home_country": "SE",
    "time_zone": "UTC",
    "lane": "normal",
    "mail_events": "all",
    "originator": "",
    "balance_mc": 12_500,
    "overdraft_mc": 0,
    "trial_parts": None,
    "is_disabled": False,
    "created_at_ms": AT_MS,
    "closed_at_ms": None,
    "refunds": "unaccepted",
    "reserve_mc": 0,
    "low_limit_mc": 0,
    "is_low_texted": False,
    "hours": "",
    "hours_for_alarms": False,
    "validity_ms": 0,
    "queue_age_ms": 0,
    "worthless_after_ms": 0,
    "parts_per_second": 0.0,
}
MESSAGE = {
    "message_id": "6FD54FA2",
    "state": "queued",
    "account": "ward7",
    "door": "smtp",
    "originator": "447700900456",
    "recipient": "46701740605",
    "part_total": 2,
    "price_mc": 2000,
    "coding": "gsm7",
    "reference": "",
    "accepted_at_ms": AT_MS,
    "links": "carrier-a",
    "link": "carrier-a",
    "lane": "normal",
    "waiting_for": "",
    "next_action_at_ms": None,
}
LINK = {
    "name": "carrier-a",
    "endpoint": "smpp.example.net:2775",
    "system_id": "acme",
    "state": "bound",
    "since_at_ms": AT_MS,
    "reason": "",
    "window_used": 3,
    "window_max": 10,
    "sessions_bound": 1,
    "sessions_total": 1,
    "spellings": {"decimal": 7},
    "selftest": None,
    "queued": 12,
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as opened:
        yield opened


def shown(desk: Desk, name: str, answer: Any, *arguments: str) -> str:
    """Standard output of a command that gets this answer and ends well."""
    desk.answers[name] = answer
    result = desk.run(*arguments)
    assert (result.exit_code, result.exception) == (0, None), result.stderr
    return result.stdout


def test_account_list(desk: Desk) -> None:
    other = {**ACCOUNT, "name": "x", "balance_mc": -5, "overdraft_mc": 1000, "account_class": "a", "is_disabled": True}
    assert shown(desk, "account_list", [ACCOUNT, other], "account", "list") == (
        "NAME   CREDIT  OVERDRAFT  LANE    CLASS  E-MAIL             NOTE\n"
        "ward7  12.500      0.000  normal         ward7@example.org\n"
        "x      -0.005      1.000  normal  a      ward7@example.org  disabled\n"
    )


def test_account_show(desk: Desk) -> None:
    pin = {"kind": "pin", "scopes": ["send"], "networks": [], "created_at_ms": AT_MS, "expires_at_ms": None}
    networks = {**pin, "kind": "network", "networks": ["10.0.0.0/8", "fd00::/8"], "expires_at_ms": AT_MS}
    posting = {
        "kind": "top_up",
        "cause": "top_up:invoice-1",
        "amount_mc": 500_000,
        "created_at_ms": AT_MS,
        "actor": "root",
        "reason": "yearly",
    }
    answer = {**ACCOUNT, "credentials": [pin, networks], "numbers": ["46701740699"], "postings": [posting]}
    assert shown(desk, "account_show", answer, "account", "show", "ward7") == (
        "account       ward7\n"
        "credit        12.500\n"
        "e-mail        ward7@example.org\n"
        "home country  SE\n"
        "time zone     UTC\n"
        "lane          normal\n"
        "mail events   all\n"
        "numbers       46701740699\n"
        "opened        2026-11-24 05:31:40Z\n"
        "\n"
        "credentials\n"
        "KIND     MAY   FROM                 MADE                  EXPIRES\n"
        "pin      send  anywhere             2026-11-24 05:31:40Z  never\n"
        "network  send  10.0.0.0/8 fd00::/8  2026-11-24 05:31:40Z  2026-11-24 05:31:40Z\n"
        "\n"
        "latest postings\n"
        "AT                    KIND     AMOUNT  CAUSE             BY    REASON\n"
        "2026-11-24 05:31:40Z  top_up  500.000  top_up:invoice-1  root  yearly\n"
    )


def test_message_list(desk: Desk) -> None:
    other = {**MESSAGE, "message_id": "0A0B0C0D", "part_total": 12, "state": "partly_delivered"}
    output = shown(desk, "message_list", [MESSAGE, other], "message", "list", "--account", "ward7", "--state", "queued")
    assert output == (
        "MESSAGE   ACCEPTED              ACCOUNT  DOOR  FROM          TO           PARTS  STATE\n"
        "6FD54FA2  2026-11-24 05:31:40Z  ward7    smtp  447700900456  46701740605      2  queued\n"
        "0A0B0C0D  2026-11-24 05:31:40Z  ward7    smtp  447700900456  46701740605     12  partly delivered\n"
    )
    assert desk.asked == [("message_list", {"account": "ward7", "state": "queued", "count_max": 20})]


def test_queue(desk: Desk) -> None:
    part = {
        "link": "carrier-a",
        "state": "queued",
        "lane": "alarm",
        "count": 3,
        "oldest_at_ms": AT_MS,
        "waiting_for": "connection refused",
        "then": "",
        "next_action_at_ms": LATER_MS,
        "expires_at_ms": LATER_MS + 60_000,
        "is_possible_duplicate": False,
    }
    submitted = {**part, "state": "submitted", "count": 1200, "waiting_for": "", "next_action_at_ms": None}
    doubt = {**part, "state": "in_doubt", "count": 1, "waiting_for": "the connection was lost: " + "x" * 40}
    doubt["then"] = "it is sent once more"
    mail = {"kind": "report", "account": "", "state": "", "count": 2, "oldest_at_ms": AT_MS, "reason": ""}
    mail |= {"next_action_at_ms": AT_MS, "kept_until_ms": LATER_MS}
    to_esme = {**mail, "kind": "to ESMEs", "account": "acme", "state": "owed", "next_action_at_ms": LATER_MS}
    to_esme["reason"] = "acme is bound, but the ESME did not answer it"
    assert shown(desk, "queue", {"parts": [part, submitted, doubt], "notices": [mail, to_esme]}, "queue") == (
        "LINK       LANE   STATE      PARTS  OLDEST                UNTIL\n"
        "carrier-a  alarm  queued         3  2026-11-24 05:31:40Z  2096-11-24 05:32:40Z\n"
        "    connection refused; next try at 2096-11-24 05:31:40Z\n"
        "carrier-a  alarm  submitted   1200  2026-11-24 05:31:40Z\n"
        "    for the receipt\n"
        "carrier-a  alarm  in doubt       1  2026-11-24 05:31:40Z  2096-11-24 05:31:40Z\n"
        "    the connection was lost: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; waiting for a late answer or\n"
        "    a receipt; then it is sent once more\n"
        "\n"
        "OWED              COUNT  OLDEST                KEPT UNTIL\n"
        "report                2  2026-11-24 05:31:40Z  2096-11-24 05:31:40Z\n"
        "    for the relay\n"
        "to ESMEs of acme      2  2026-11-24 05:31:40Z  2096-11-24 05:31:40Z\n"
        "    acme is bound, but the ESME did not answer it; next try at 2096-11-24 05:31:40Z\n"
    )
    assert shown(desk, "queue", {"parts": [], "notices": []}, "queue") == "no part waits\n"


def test_the_next_try_is_told_by_the_clock_when_it_is_today() -> None:
    assert printing.next_try(AT_MS + 60_000, AT_MS) == "; next try at 05:32:40Z"
    assert printing.next_try(AT_MS + 86_400_000, AT_MS) == "; next try at 2026-11-25 05:31:40Z"
    assert printing.next_try(AT_MS, AT_MS) == printing.next_try(None, AT_MS) == ""


def test_link_list(desk: Desk) -> None:
    lost = {**LINK, "name": "b", "state": "lost", "window_used": 0, "window_max": 100, "reason": "connection refused"}
    lost |= {"sessions_bound": 0, "sessions_total": 4, "spellings": {}}
    assert shown(desk, "link_list", [LINK, lost, LINK], "link", "list") == (
        "LINK       ENDPOINT               SYSTEM_ID  STATE  SINCE                 BINDS  WINDOW  IDS      QUEUED\n"
        "carrier-a  smpp.example.net:2775  acme       bound  2026-11-24 05:31:40Z    1/1    3/10  decimal      12\n"
        "b          smpp.example.net:2775  acme       lost   2026-11-24 05:31:40Z    0/4   0/100               12\n"
        "    connection refused\n"
        "carrier-a  smpp.example.net:2775  acme       bound  2026-11-24 05:31:40Z    1/1    3/10  decimal      12\n"
    )


SUMMARY = {
    "last_at_ms": AT_MS,
    "last_state": "delivered",
    "last_submitted_ms": 20,
    "last_receipt_ms": 4_200,
    "limit_ms": 60_000,
    "count": 288,
    "p50_ms": 3_900,
    "p95_ms": 8_040,
    "silent_since_ms": 0,
}


def test_link_list_with_selftests(desk: Desk) -> None:
    silent = {**SUMMARY, "last_state": "silent", "last_receipt_ms": None, "p50_ms": None, "p95_ms": None}
    rows = [{**LINK, "selftest": SUMMARY}, {**LINK, "selftest": silent}, LINK]
    lines = shown(desk, "link_list", rows, "link", "list").splitlines()
    assert [line.split()[10:] for line in lines[1:]] == [["4.20", "s", "3.90", "s/8.04", "s"], ["silent"], []]


@pytest.mark.parametrize(
    ("words", "command", "values", "answer", "told"),
    [
        (
            ["stop", "b", "--reason", "prices"],
            "link_stop",
            {"reason": "prices"},
            {"name": "b", "was": "started", "state": "stopped", "moved": 2},
            "link b is stopped; 2 parts that waited went to other links\n",
        ),
        (
            ["stop", "b"],
            "link_stop",
            {"reason": ""},
            {"name": "b", "was": "stopped", "state": "stopped", "moved": 0},
            "link b is stopped already\n",
        ),
        (
            ["start", "b"],
            "link_start",
            {},
            {"name": "b", "was": "started", "state": "started", "moved": 0},
            "link b was not stopped; `smsbridge link list` shows how it stands\n",
        ),
        (
            ["drain", "b"],
            "link_drain",
            {"reason": ""},
            {"name": "b", "was": "started", "state": "draining", "moved": 0},
            "link b is being drained; it stops by itself when what it has is out\n",
        ),
        (
            ["throttle", "b", "2.5", "--until", "2026-11-24T05:31:40"],
            "link_throttle",
            {"parts_per_second": 2.5, "until_at_ms": AT_MS},
            {"name": "b", "parts_per_second": 2.5, "until_at_ms": AT_MS},
            "link b sends 2.5 parts/s at most until 2026-11-24 05:31:40Z\n",
        ),
        (
            ["throttle", "b", "--off"],
            "link_throttle",
            {"parts_per_second": None, "until_at_ms": 0},
            {"name": "b", "parts_per_second": 10.0, "until_at_ms": None},
            "link b sends 10 parts/s at most\n",
        ),
    ],
)
def test_what_links_are_told(
    desk: Desk, words: list[str], command: str, values: dict[str, Any], answer: dict[str, Any], told: str
) -> None:
    assert shown(desk, command, answer, "link", *words) == told
    assert desk.asked == [(command, {"name": "b", "actor": actor(), **values})]


@pytest.mark.parametrize("words", [["b"], ["b", "2", "--off"], ["b", "0"], ["b", "2", "--for", "1h", "--until", "x"]])
def test_a_pace_is_said_once(desk: Desk, words: list[str]) -> None:
    assert desk.run("link", "throttle", *words).exit_code == 64
    assert desk.asked == []


RELOADED = {
    "errors": [],
    "warnings": [],
    "added": ["c"],
    "removed": [],
    "restarted": ["b"],
    "failed": {},
    "moved": 0,
    "needing_restart": ["smtp"],
}


def test_link_reload(desk: Desk) -> None:
    told = "added: c\nrestarted: b\nchanged too, and taken at the next start: smtp\n"
    assert shown(desk, "link_reload", RELOADED, "link", "reload") == told
    desk.answers["link_reload"] = {**RELOADED, "errors": ["x.yaml:3: links[0].port: wrong"]}
    result = desk.run("link", "reload")
    assert (result.exit_code, result.output) == (
        78,
        "x.yaml:3: links[0].port: wrong\nsmsbridge: nothing was changed; correct the file and try again\n",
    )
    desk.answers["link_reload"] = {**RELOADED, "failed": {"b": "no such file"}}
    assert desk.run("link", "reload").exit_code == 69


RETRIED = {
    "name": "b",
    "had_waited": True,
    "is_trying": False,
    "sessions_bound": 0,
    "sessions_total": 2,
    "reason": "no",
}


@pytest.mark.parametrize(
    ("facts", "code", "told"),
    [
        ({"sessions_bound": 2, "reason": ""}, 0, "link b is bound\n"),
        ({"sessions_bound": 2, "reason": "", "had_waited": False}, 0, "link b is bound already\n"),
        ({"sessions_bound": 1}, 0, "link b is bound, but not on all of its sessions: no\n"),
        ({"is_trying": True}, 0, "link b is still connecting; `smsbridge link list` shows how it goes on\n"),
        ({}, 69, "smsbridge: link b is not bound: no; the log of the appliance says more\n"),
    ],
)
def test_link_retry_says_what_came_of_it(desk: Desk, facts: dict[str, Any], code: int, told: str) -> None:
    desk.answers["link_retry"] = {**RETRIED, **facts}
    result = desk.run("link", "retry", "b")
    assert (result.exit_code, result.output) == (code, told)
    assert desk.asked == [("link_retry", {"name": "b", "actor": actor()})]


def test_status(desk: Desk) -> None:
    answer = {
        "version": "0.1.0",
        "pid": 4711,
        "started_at_ms": AT_MS,
        "state_folder": "/var/lib/smsbridge",
        "disk": {"level": "open", "free_bytes": 81 << 30, "total_bytes": 252 << 30, "needed_bytes": 0},
        "listeners": [
            {"door": "smtp", "address": "127.0.0.1", "port": 2525, "tls": "none"},
            {"door": "http", "address": "::1", "port": 8443, "tls": "tls"},
        ],
        "links": [],
    }
    assert shown(desk, "status", answer, "status") == (
        "version        0.1.0\n"
        "process        4711\n"
        "running since  2026-11-24 05:31:40Z\n"
        "state folder   /var/lib/smsbridge\n"
        "disk           81.0 GiB of 252.0 GiB free\n"
        "\n"
        "DOOR  LISTENS ON      TLS\n"
        "smtp  127.0.0.1:2525\n"
        "http  [::1]:8443      tls\n"
    )


def test_status_on_a_full_disk(desk: Desk) -> None:
    disk = {"level": "no_sending", "free_bytes": 60 << 20, "total_bytes": 20 << 30, "needed_bytes": 1088 << 20}
    answer = {"version": "0.1.0", "pid": 1, "started_at_ms": AT_MS, "state_folder": "/x", "listeners": [], "links": []}
    assert shown(desk, "status", {**answer, "disk": disk}, "status").endswith(
        "disk           60 MiB of 20.0 GiB free: NOTHING IS ACCEPTED OR SENT, until 1.1 GiB are free\n"
    )


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (
            {"parts": 1, "notices": 2000},
            "1 part, 2,000 notices since a restore: NOT SENT until `smsbridge held release`",
        ),
        ({"parts": 0, "notices": 1}, "0 parts, 1 notice since a restore: NOT SENT until `smsbridge held release`"),
    ],
)
def test_status_tells_what_is_held(desk: Desk, held: dict[str, int], told: str) -> None:
    disk = {"level": "open", "free_bytes": 60 << 20, "total_bytes": 20 << 30, "needed_bytes": 0}
    answer = {"version": "0.1.0", "pid": 1, "started_at_ms": AT_MS, "state_folder": "/x", "listeners": [], "links": []}
    answer |= {"disk": disk}
    assert "held           " + told in shown(desk, "status", {**answer, "held": held}, "status")
    assert "held" not in shown(desk, "status", {**answer, "held": {"parts": 0, "notices": 0}}, "status")


def test_numbers_and_prices(desk: Desk) -> None:
    number = {"number": "46701740699", "account": "ward7", "mail": "ward7@example.org", "is_for_esme": False}
    handed = {**number, "number": "46709", "mail": "", "is_for_esme": True}
    assert shown(desk, "number_list", [number, handed], "number", "list") == (
        "NUMBER       ACCOUNT  MAIL               ESMES\n"
        "46701740699  ward7    ward7@example.org\n"
        "46709        ward7                       yes\n"
    )
    line = {"prefix": "", "account_class": "", "price_mc": 1000, "valid_from_ms": 0, "state": "in force"}
    dated = {"prefix": "46", "account_class": "hospital", "price_mc": 800, "valid_from_ms": 1_796_083_200_000}
    dated["state"] = "coming"
    assert shown(desk, "tariff_list", [line, dated], "tariff", "list") == (
        "PREFIX      CLASS     PRICE  VALID FROM  STATE\n"
        "everywhere  every     1.000  always      in force\n"
        "46          hospital  0.800  2026-12-01  coming\n"
    )
    words = ("tariff", "set", "46", "0.8", "--class", "hospital")
    assert shown(desk, "tariff_set", dated, *words, "--valid-from", "2026-12-01") == (
        "one part to 46 costs 0.800 for class hospital from 2026-12-01 on\n"
    )
    asked = {"prefix": "46", "price_mc": 800, "account_class": "hospital", "valid_from_ms": 1_796_083_200_000}
    assert desk.asked[-1] == ("tariff_set", asked)
    output = shown(desk, "tariff_set", {**line, "prefix": "46"}, "tariff", "set", "46", "0.8")
    assert output == "one part to 46 costs 0.800\n"
    assert desk.asked[-1] == ("tariff_set", {**asked, "account_class": "", "valid_from_ms": 0})
    output = shown(desk, "number_add", number, "number", "add", "+46 70", "--account", "ward7", "--mail", "a@b")
    assert output == "texts to 46701740699 are mailed to ward7@example.org\n"
    output = shown(
        desk, "number_add", {**number, "is_for_esme": True}, "number", "add", "46", "--account", "w", "--for-esme"
    )
    assert output == "texts to 46701740699 are mailed to ward7@example.org and go to the ESMEs of ward7\n"
    assert desk.asked[-1][1] == {"number": "46", "account": "w", "mail": "", "is_for_esme": True}
    nowhere = desk.run("number", "add", "46709", "--account", "ward7")
    assert (nowhere.exit_code, "would go nowhere" in nowhere.stderr) == (64, True)


def test_a_message_is_taken_back(desk: Desk) -> None:
    answer = {"cancelled": ["6FD54FA2"], "refunded_mc": 2000}
    words = ("message", "cancel", "6FD54FA2")
    assert shown(desk, "message_cancel", answer, *words) == "cancelled 6FD54FA2; 2.000 given back\n"
    assert desk.asked[-1][1]["message_id"] == "6FD54FA2"
    assert desk.asked[-1][1]["actor"]
    assert shown(desk, "message_cancel", {**answer, "refunded_mc": 0}, *words) == "cancelled 6FD54FA2\n"
    desk.answers["message_cancel"] = Fault(FaultCode.TOO_LATE, "it is submitted")
    late = desk.run(*words)
    assert late.exit_code == 65
    assert late.stderr == (
        "smsbridge: too late to change this message: it is submitted; `smsbridge message show ID` tells where it is\n"
    )


def test_an_smpp_password_is_shown_once(desk: Desk) -> None:
    made = {"name": "gw", "password": "XG8X3LZJ"}
    shown_once = shown(desk, "account_smpp", made, "account", "smpp", "gw", "--network", "192.0.2.0/24")
    assert "system_id  gw\npassword   XG8X3LZJ\n" in shown_once
    assert desk.asked[-1][1] == {"name": "gw", "password": None, "networks": ["192.0.2.0/24"]}
    desk.answers["account_smpp"] = {"name": "gw", "password": ""}
    given = desk.run("account", "smpp", "gw", "--password", "-", "--network", "192.0.2.7", stdin="s3cret\n")
    assert given.output == "account gw has a new SMPP password\n"
    assert desk.asked[-1][1]["password"] == "s3cret"
    assert desk.run("account", "smpp", "gw", "--password", "-", stdin="").exit_code == 64


def test_the_rules_of_its_esmes_are_set_and_shown(desk: Desk) -> None:
    words = ("account", "set", "gw", "--smpp-binds", "4", "--smpp-parts-per-second", "50", "--smpp-id-form", "decimal")
    desk.answers["account_set"] = {"name": "gw", "is_disabled": False}
    assert desk.run(*words).exit_code == 0
    facts = {"smpp_binds_max": 4, "smpp_parts_per_second": 50.0, "smpp_id_form": "decimal"}
    assert desk.asked[-1] == ("account_set", {"name": "gw", "facts": facts})
    row = {**ACCOUNT, **facts, "credentials": [], "numbers": [], "postings": []}
    assert "SMPP          binds max 4, parts per second 50, id form decimal\n" in shown(
        desk, "account_show", row, "account", "show", "gw"
    )
    assert desk.run("account", "set", "gw", "--smpp-receipts", "maybe").exit_code == 64


def test_a_wrong_date_says_how_to_write_it(desk: Desk) -> None:
    result = desk.run("tariff", "set", "46", "0.8", "--valid-from", "1 December")
    assert result.exit_code == 64
    assert "write it like 2026-12-01 or 2026-12-01T06:00Z (UTC)" in result.stderr
    assert desk.asked == []


def test_a_price_list_with_mistakes_tells_all_of_them_and_asks_for_nothing(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("prefix;price\n46;0,8\n+47;1\n\n48;free\n")
    result = desk.run("tariff", "import", str(file))
    assert result.exit_code == 65
    assert result.stderr.splitlines() == [
        f"{file}:3: a prefix is up to 15 digits, without a plus: '+47'",
        f"{file}:5: not a price: 'free'; write credits with a point and at most three decimals, like 0.8",
        f"smsbridge: {file} was not taken; correct these lines and try again",
    ]
    file.write_bytes("prefix,price\n46,0.8\n# å\n".encode("latin-1"))
    assert desk.run("tariff", "import", str(file)).stderr.startswith(f"smsbridge: {file}:3: not UTF-8; ")
    assert desk.asked == []


def test_an_import_tells_what_it_did_or_would_do(desk: Desk) -> None:
    desk.answers["tariff_import"] = {"new": 1, "changed": 2, "same": 3, "gone": 4}
    words = ("tariff", "import", "-", "--replace", "--dry-run")
    result = desk.run(*words, stdin="prefix,price\n46,0.8\n")
    assert result.stdout == "nothing was changed; it would be: 1 new, 2 changed, 3 as before, 4 gone\n"
    name, values = desk.asked[-1]
    assert (name, values["is_replacing"], values["is_trial"]) == ("tariff_import", True, True)
    result = desk.run("tariff", "import", "-", stdin="prefix,price\n46,0.8\n")
    assert result.stdout == "prices taken: 1 new, 2 changed, 3 as before\n"


def test_refusals(desk: Desk) -> None:
    row = {
        "refusal_id": 7,
        "created_at_ms": AT_MS,
        "account": "ward7",
        "door": "smtp",
        "fault": "no_credit",
        "detail": "",
        "originator": "",
        "recipient": "46701740605",
        "text": "Pump 3 stopped, please come at once and bring a hose",
        "is_cut": False,
        "resubmitted_as": "",
    }
    assert shown(desk, "refusal_list", [row], "refusal", "list", "--account", "ward7", "--fault", "no credit") == (
        "REFUSAL  REFUSED               ACCOUNT  DOOR  FAULT      TO           TEXT"
        "                                      RESUBMITTED AS\n"
        "      7  2026-11-24 05:31:40Z  ward7    smtp  no_credit  46701740605"
        "  Pump 3 stopped, please come at once and…\n"
    )
    assert desk.asked[-1] == ("refusal_list", {"account": "ward7", "fault": "no_credit", "count_max": 20})
    sent = {"message_id": "6FD54FA2", "recipient": "46701740605", "part_total": 1, "price_mc": 800}
    assert shown(desk, "refusal_resubmit", [sent], "refusal", "resubmit", "7", "8") == (
        "MESSAGE   TO           PARTS  CHARGED\n6FD54FA2  46701740605      1    0.800\n"
    )
    assert desk.asked[-1] == ("refusal_resubmit", {"refusal_ids": [7, 8]})
    desk.answers["refusal_resubmit"] = Fault(FaultCode.ALREADY_EXISTS, "refusal 7 was resubmitted as message 6FD54FA2")
    result = desk.run("refusal", "resubmit", "7")
    assert result.exit_code == 65
    assert result.stderr.startswith("smsbridge: refusal 7 was resubmitted as message 6FD54FA2; nothing was submitted; ")


def test_a_trial_account_shows_what_is_left(desk: Desk) -> None:
    row = {**ACCOUNT, "trial_parts": 3, "closed_at_ms": None}
    assert shown(desk, "account_list", [row], "account", "list").splitlines()[1].endswith("trial, 3 free parts left")


def test_empty_lists_say_so_beside_the_output(desk: Desk) -> None:
    commands = ("account list", "number list", "tariff list", "message list", "link list")
    for command in commands:
        desk.answers = {command.replace(" ", "_"): []}
        result = desk.run(*command.split())
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr.startswith("no ")


def test_send(desk: Desk) -> None:
    sent = [
        {"message_id": "6FD54FA2", "recipient": "46701740605", "part_total": 1, "price_mc": 1000},
        {"message_id": "6FD54FA3", "recipient": "46701740606", "part_total": 1, "price_mc": 10_000},
    ]
    arguments = ("--account", "ward7", "--to", "46701740605", "--to", "46701740606", "Pump 3", "stopped")
    assert shown(desk, "send", sent, "send", *arguments) == (
        "MESSAGE   TO           PARTS  CHARGED\n"
        "6FD54FA2  46701740605      1    1.000\n"
        "6FD54FA3  46701740606      1   10.000\n"
    )
    assert desk.asked == [
        (
            "send",
            {
                "account": "ward7",
                "to": ["46701740605", "46701740606"],
                "text": "Pump 3 stopped",
                "originator": "",
                "lane": "",
                "reference": "",
                "at": "",
                "after": "",
                "worthless_after": "",
                "validity": "",
                "queue_age": "",
            },
        )
    ]


def test_send_takes_its_text_from_standard_input(desk: Desk) -> None:
    desk.answers["send"] = []
    result = desk.run("send", "--account", "ward7", "--to", "1", "-", stdin="two\nlines\n\n")
    assert result.exit_code == 0
    assert desk.asked[0][1]["text"] == "two\nlines"


def test_a_text_that_is_not_utf_8_is_refused(desk: Desk) -> None:
    result = desk.run("send", "--account", "ward7", "--to", "1", "Stra\udcdfe")
    assert (result.exit_code, desk.asked) == (65, [])
    assert result.stderr == "smsbridge: the text is not UTF-8; set the terminal to UTF-8, or convert it with iconv\n"


def test_the_account_may_come_from_the_environment(desk: Desk) -> None:
    desk.answers["send"] = []
    result = run("send", "--to", "1", "x", SMSBRIDGE_ACCOUNT="ops", SMSBRIDGE_STATE_FOLDER=str(desk.folder))
    assert result.exit_code == 0, result.stderr
    assert desk.asked[0][1]["account"] == "ops"


def test_account_add_shows_the_pin_once_and_alone_on_its_line(desk: Desk) -> None:
    desk.answers["account_add"] = {"name": "ward7", "pin": "K7QF2M9X"}
    result = desk.run("account", "add", "ward7", "--credit", "500", "--overdraft", "1.5", "--lane", "alarm")
    assert result.stdout == "account ward7 is open\nPIN  K7QF2M9X\n"
    assert "shown only now" in result.stderr
    ((_, values),) = desk.asked
    assert (values["credit_mc"], values["overdraft_mc"], values["lane"]) == (500_000, 1500, "alarm")
    assert (values["pin"], values["networks"]) == (None, [])


def test_an_imported_pin_needs_a_network_and_is_never_shown(desk: Desk) -> None:
    refused = desk.run("account", "add", "panel", "--pin", "4711")
    assert refused.exit_code == 64
    assert refused.stderr == (
        "smsbridge: a given PIN needs --network; name the network its device is in, as 192.168.7.0/24\n"
    )
    assert desk.asked == []
    desk.answers["account_add"] = {"name": "panel", "pin": ""}
    network = ("--network", "192.168.7.0/24")
    result = desk.run("account", "add", "panel", "--pin", "4711", *network)
    assert (result.stdout, result.stderr) == ("account panel is open\n", "")
    desk.answers["account_set_pin"] = {"name": "panel", "pin": ""}
    result = desk.run("account", "set-pin", "panel", "--pin", "-", *network, stdin="0815\n")
    assert result.stdout == "account panel has a new PIN\n"
    assert [values["pin"] for _, values in desk.asked] == ["4711", "0815"]
    assert desk.run("account", "set-pin", "panel", "--pin", "-", *network, stdin="\n").exit_code == 64


def test_top_up(desk: Desk) -> None:
    answer = {"name": "ward7", "amount_mc": 100_000, "balance_mc": 112_500, "key": "i-1", "is_new": True}
    arguments = ("account", "top-up", "ward7", "100", "--key", "i-1")
    assert shown(desk, "account_top_up", answer, *arguments) == "100.000 added to ward7, which now has 112.500\n"
    assert shown(desk, "account_top_up", {**answer, "is_new": False}, *arguments) == (
        "i-1 was booked before; nothing added to ward7, which now has 112.500\n"
    )
    shown(desk, "account_top_up", answer, "account", "top-up", "ward7", "100")
    shown(desk, "account_top_up", answer, "account", "top-up", "ward7", "100")
    keys = [values["key"] for _, values in desk.asked]
    assert keys[:2] == ["i-1", "i-1"]
    assert len(set(keys)) == 3, "a key that is made up is new each time"
    assert {values["actor"] for _, values in desk.asked} == {actor()}


def test_disable_enable_and_allow_network(desk: Desk) -> None:
    state = {"name": "ward7", "is_disabled": True}
    assert shown(desk, "account_disable", state, "account", "disable", "ward7") == "account ward7 is disabled\n"
    assert shown(desk, "account_enable", state, "account", "enable", "ward7") == "account ward7 is enabled\n"
    network = {"name": "ward7", "network": "10.0.0.0/8"}
    assert shown(desk, "account_allow_network", network, "account", "allow-network", "ward7", "10.0.0.0/8") == (
        "mail from 10.0.0.0/8 is accepted for account ward7\n"
    )


def test_an_audit_that_fails_is_an_exit_code_too(desk: Desk) -> None:
    good = {"name": "sums are balances", "is_ok": True, "detail": ""}
    bad = {"name": "nobody is below the floor", "is_ok": False, "detail": '[{"account_id": 3}]'}
    assert shown(desk, "ledger_audit", {"is_ok": True, "checks": [good]}, "ledger", "audit") == (
        "ok    sums are balances\n"
    )
    desk.answers["ledger_audit"] = {"is_ok": False, "checks": [good, bad]}
    for more in ((), ("--json",)):
        result = desk.run("ledger", "audit", *more)
        assert result.exit_code == 65
        assert result.stderr.startswith("smsbridge: 1 of 2 checks failed; ")
    assert json.loads(result.stdout) == desk.answers["ledger_audit"]


def test_an_audit_that_finds_damage_says_what_to_do(desk: Desk) -> None:
    detail = "database disk image is malformed"
    desk.answers["ledger_audit"] = {
        "is_ok": False,
        "checks": [{"name": "the file is sound", "is_ok": False, "detail": detail}],
    }
    result = desk.run("ledger", "audit")
    assert (result.exit_code, result.stdout) == (65, f"FAIL  the file is sound: {detail}\n")
    assert result.stderr.startswith("smsbridge: the ledger is damaged; stop the appliance, keep the file as it is and ")
    assert "`smsbridge restore FILE`" in result.stderr


def test_inbound_from_the_simulator(desk: Desk) -> None:
    arguments = ("simulator", "inbound", "46701740605", "46701740699", "Hello")
    answer = {"part_total": 2}
    assert shown(desk, "simulator_inbound", answer, *arguments) == "handed to the appliance in 2 parts\n"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("account list", [ACCOUNT]),
        ("account show ward7", {**ACCOUNT, "credentials": []}),
        ("number list", []),
        ("tariff list", []),
        ("message list", [MESSAGE]),
        ("message show 6FD54FA2", {**MESSAGE, "text": "åß漢"}),
        ("queue", {"parts": [], "notices": []}),
        ("link list", [LINK]),
        ("status", {"pid": 1}),
    ],
)
def test_json_is_the_answer_and_nothing_else(command: str, answer: Any, desk: Desk) -> None:
    name = "_".join(word for word in command.split() if word.islower() and word != "ward7")
    output = shown(desk, name, answer, *command.split(), "--json")
    assert json.loads(output) == answer
    assert "\\u" not in output


def test_what_a_text_holds_cannot_steer_the_terminal(desk: Desk) -> None:
    nasty = {**MESSAGE, "originator": "\x1b]0;owned\x07", "account": "a\nb"}
    output = shown(desk, "message_list", [nasty], "message", "list")
    assert "\x1b" not in output
    assert r"\x1b]0;owned\x07" in output
    assert len(output.splitlines()) == 2


OWN_WORDS = {
    FaultCode.BAD_REQUEST: "details",
    FaultCode.NOT_FOUND: "there is no details",
    FaultCode.ALREADY_EXISTS: "details",
}


@pytest.mark.parametrize("code", FaultCode)
def test_a_fault_is_told_with_what_to_do_next(code: FaultCode, desk: Desk) -> None:
    desk.answers["account_show"] = Fault(code, "details", private="never shown")
    result = desk.run("account", "show", "ward7")
    assert result.exit_code == exit_code_of(code)
    assert result.exit_code == 75 or code not in TEMPORARY
    assert result.stdout == ""
    next_step = (
        ""
        if code in (FaultCode.BAD_REQUEST, FaultCode.BAD_RECIPIENT, FaultCode.BAD_ORIGINATOR)
        else (f"; {NEXT_STEPS[code]}")
    )
    # What a program is told about a bad request would only be in a person's way.
    said = Fault(code, "details").sentence
    sentence = OWN_WORDS.get(code, said[0].lower() + said[1:])
    assert result.stderr == f"smsbridge: {sentence}{next_step}\n"
    assert "never shown" not in result.stderr


@pytest.mark.parametrize(
    ("code", "detail", "told"),
    [
        (FaultCode.NOT_FOUND, "link b", "there is no link b; `smsbridge link list` shows them all"),
        (FaultCode.NOT_FOUND, "message X", "there is no message X; `smsbridge message list` shows the newest"),
        (FaultCode.NOT_FOUND, "", "no such thing; the `list` commands show what there is"),
        (
            FaultCode.ALREADY_EXISTS,
            "number 46 has an owner already",
            "number 46 has an owner already; `smsbridge number list` shows whose it is",
        ),
        (FaultCode.ALREADY_EXISTS, "account a exists already", "account a exists already; choose another name"),
    ],
)
def test_advice_is_about_what_was_asked_for(desk: Desk, code: FaultCode, detail: str, told: str) -> None:
    desk.answers["account_show"] = Fault(code, detail)
    assert desk.run("account", "show", "ward7").stderr == f"smsbridge: {told}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["xyzzy"], "smsbridge: no such command 'xyzzy'; see `smsbridge --help`\n"),
        (["send"], "smsbridge: missing argument 'TEXT...'; see `smsbridge send --help`\n"),
        (["message", "list", "--count", "0"], "smsbridge: invalid value for '--count': "),
        (
            ["account", "top-up", "a", "1.2345"],
            "smsbridge: invalid value for 'AMOUNT': not an amount of credit: '1.2345'",
        ),
        (
            ["account", "top-up", "a", "--", "-5", "x"],
            "smsbridge: got unexpected extra argument (x); see `smsbridge acc",
        ),
        (["account", "add"], "smsbridge: missing argument 'NAME'; see `smsbridge account add --help`\n"),
        (["--colour"], "smsbridge: no such option '--colour'; see `smsbridge --help`\n"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 64
    assert result.stderr.startswith(words)
    assert result.stderr.count("\n") == 1


def test_without_arguments_the_help_is_shown() -> None:
    result = run()
    assert result.exit_code == 64
    assert result.stdout.startswith("Usage: smsbridge [OPTIONS] COMMAND")


def test_help_works_everywhere_and_names_no_hidden_option() -> None:
    for arguments in ([], ["account"], ["account", "add"], ["simulator"], ["simulator", "inbound"]):
        result = run(*arguments, "-h")
        assert result.exit_code == 0
        assert ("--config" in result.stdout) == (arguments == [])


def test_where_the_appliance_is_may_be_said_anywhere(desk: Desk, tmp_path: Path) -> None:
    desk.answers["queue"] = {"parts": [], "notices": []}
    folder = str(desk.folder)
    config = tmp_path / "bridge.yaml"
    config.write_text(f"state_folder: {folder}\n")
    elsewhere = str(tmp_path / "elsewhere")
    for result in (
        run("queue", "--state-folder", folder),
        run("--state-folder", folder, "queue"),
        run("--state-folder", elsewhere, "queue", "--state-folder", folder),
        run("--config", str(config), "queue"),
        run("queue", "--config", str(config)),
        run("queue", SMSBRIDGE_CONFIG=str(config)),
        run("queue", SMSBRIDGE_STATE_FOLDER=folder),
        run("--config", str(tmp_path / "elsewhere.yaml"), "queue", "--state-folder", folder),
    ):
        assert (result.exit_code, result.stdout) == (0, "no part waits\n"), result.stderr


def test_a_running_appliance_is_found_though_its_configuration_is_wrong_now(desk: Desk, tmp_path: Path) -> None:
    desk.answers["queue"] = {"parts": [], "notices": []}
    config = tmp_path / "bridge.yaml"
    config.write_text(f"state_folder: {desk.folder}\ncolour: green\nlinks: 5\n")
    assert run("queue", "--config", str(config)).exit_code == 0


def test_nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("bridge.app.cli.place.SYSTEM_CONFIG", tmp_path / "no-system-config.yaml")
    result = run("queue")
    assert result.exit_code == 69
    assert result.stderr == (
        "smsbridge: no appliance runs in state; start it with `smsbridge run`, or say where it is with --config FILE "
        "or --state-folder FOLDER\n"
    )
    assert not (tmp_path / "state").exists(), "a question must not found a ledger"


def test_some_commands_need_a_running_appliance(tmp_path: Path) -> None:
    for arguments in (["status"], ["simulator", "inbound", "1", "2", "x"]):
        result = run("--state-folder", str(tmp_path), *arguments)
        assert result.exit_code == 69
        assert result.stderr == f"smsbridge: no appliance runs in {tmp_path}; start it with `smsbridge run`\n"


def test_an_appliance_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.app.cli.simulator.INBOUND_TIMEOUT_S", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / control_frames.SOCKET_NAME))
        silent.listen()
        result = run("--state-folder", str(tmp_path), "simulator", "inbound", "1", "2", "x")
    assert result.exit_code == 75
    assert result.stderr == (
        f"smsbridge: the appliance does not answer on {tmp_path}/control.sock (timed out); it may be busy or hang: "
        "read its log, then try again\n"
    )


def test_the_system_configuration_is_used_when_nobody_names_another(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.answers["queue"] = {"parts": [], "notices": []}
    config = tmp_path / "bridge.yaml"
    config.write_text(f"state_folder: {desk.folder}\n")
    monkeypatch.setattr("bridge.app.cli.place.SYSTEM_CONFIG", config)
    monkeypatch.chdir(tmp_path.parent)
    assert run("queue").exit_code == 0
    assert run("status", "--state-folder", str(tmp_path / "none")).exit_code == 69


def test_check_tells_all_that_is_wrong_and_opens_nothing(tmp_path: Path) -> None:
    config = tmp_path / "bridge.yaml"
    config.write_text("colour: green\nsmtp:\n  size_max: many\n")
    result = run("check", "--config", str(config))
    assert (result.exit_code, result.stdout) == (78, "")
    assert [line.replace(str(config), "FILE") for line in result.stderr.splitlines()] == [
        "FILE:1: colour: is no setting; the settings here are state_folder, domain, smtp, http, smpp, links, selftest, "
        "relay, simulator, mail_sink, test_link, intake, originators, credit, disk, retention, backup, log",
        'FILE:3: smtp.size_max: "many" is not a whole number; write a whole number from 10240 to 52428800 '
        "(the default is 1048576)",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bridge.yaml"]


def test_check_says_what_a_good_configuration_would_open(tmp_path: Path) -> None:
    config = tmp_path / "bridge.yaml"
    config.write_text(
        "state_folder: /tmp/state\ndomain: sms.example.org\nhttp:\n  listen:\n    - address: '::1'\n"
        "links:\n  - {name: carrier-a, host: smpp.example.net, system_id: acme, password: twelve chars, tls: true}\n"
    )
    result = run("check", "--config", str(config))
    assert result.exit_code == 0
    assert result.stdout == (
        f"{config}: good\n"
        "  state folder    /tmp/state\n"
        "  mail domains    sms.example.org\n"
        "  e-mail in       127.0.0.1:2525\n"
        "  HTTP in         [::1]:8080\n"
        "  SMPP in         off\n"
        "  link carrier-a  smpp.example.net:2775 (TLS) as acme\n"
        "  test numbers    447700900000-447700999999: free, no handset gets a message; Ofcom keeps only "
        "447700900000-447700900999 of them for fiction\n"
        "  mail out        none: reports wait\n"
    )
    assert result.stderr == (
        f"{config}:7: links[0].password: the password has 12 characters, SMPP allows 8; some carriers take it all the "
        "same; else ask for a shorter one (a warning)\n"
    )


def test_run_with_a_wrong_configuration_starts_nothing(tmp_path: Path) -> None:
    config = tmp_path / "bridge.yaml"
    config.write_text("state_folder: here\ncolour: green\n")
    result = run("run", "--config", str(config))
    assert result.exit_code == 78
    assert result.stderr.startswith(f"{config}:2: colour: is no setting; ")
    assert not (tmp_path / "here").exists()


def test_check_of_the_built_in_defaults(tmp_path: Path) -> None:
    result = run("check", "--state-folder", str(tmp_path / "state"))
    assert result.exit_code == 0
    assert result.stdout.startswith("the built-in defaults: good\n")
    assert not (tmp_path / "state").exists()


def test_a_reader_that_has_seen_enough_gets_no_complaint(desk: Desk) -> None:
    desk.answers["message_list"] = [MESSAGE] * 1000
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "from bridge.app.cli.program import cli; cli(prog_name='smsbridge')",
                "message",
                "list",
            ],
            env={
                **os.environ,
                "SMSBRIDGE_STATE_FOLDER": str(desk.folder),
                "PYTHONPATH": str(Path(__file__).parents[3]),
            },
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_the_actor_behind_sudo_is_who_called_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "alice")
    assert actor() == "alice"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert actor() != "alice", "only root can have been called with sudo"


def test_the_command_line_does_not_install_the_reactor() -> None:
    """It would cost every command its start, and the loop must be chosen before."""
    program = "import sys; import bridge.app.cli.program; print('twisted.internet.reactor' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert done.stdout.strip() == "False"


def test_states_may_be_written_as_the_lists_show_them(desk: Desk) -> None:
    desk.answers["message_list"] = []
    assert desk.run("message", "list", "--state", "in doubt").exit_code == 0
    assert desk.asked[-1][1]["state"] == "in_doubt"
    assert desk.run("message", "list", "--state", "sent").exit_code == 64


def test_texts_from_handsets(desk: Desk) -> None:
    line = {
        "inbound_id": "0AB3C4D5",
        "account": "",
        "link": "carrier",
        "originator": "46701740605",
        "number": "46737494150",
        "text": "Coming",
        "is_incomplete": True,
        "received_at_ms": AT_MS,
    }
    shown_lines = shown(desk, "inbound_list", [line], "message", "inbound").splitlines()
    assert shown_lines[1].split() == [
        "0AB3C4D5", "2026-11-24", "05:31:40Z", "46701740605", "46737494150", "Coming", "(incomplete)",
    ]  # fmt: skip
