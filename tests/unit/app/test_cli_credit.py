"""The commands that move credit and show it: what they ask, and what a person reads."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.app.cli.csv_rows import csv_lines
from bridge.ledger.reports_credit import EVER_MS
from bridge.messages.faults import Fault, FaultCode
from tests.unit.app.desk import AT_MS, Desk, open_desk
from tests.unit.app.test_cli import ACCOUNT, shown


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as opened:
        yield opened


def test_adjust_takes_an_amount_with_a_sign(desk: Desk) -> None:
    answer = {"name": "ward7", "amount_mc": -12_500, "balance_mc": 0, "key": "k", "is_new": True}
    words = ("account", "adjust", "ward7", "-12.5", "--reason", "never paid", "--key", "k")
    assert shown(desk, "account_adjust", answer, *words) == "12.500 taken from ward7, which now has 0.000\n"
    (_, values) = desk.asked[0]
    assert (values["amount_mc"], values["key"], values["reason"]) == (-12_500, "k", "never paid")
    assert values["actor"]
    again = {**answer, "is_new": False}
    assert shown(desk, "account_adjust", again, *words) == (
        "k was booked before; nothing moved for ward7, which now has 0.000\n"
    )
    assert "added to ward7" in shown(desk, "account_adjust", answer, "account", "adjust", "ward7", "5", "--reason", "r")
    assert desk.run("account", "adjust", "ward7", "5").exit_code == 64


def test_transfer(desk: Desk) -> None:
    answer = {"giver_balance_mc": 1000, "taker_balance_mc": 2500, "is_new": True}
    words = ("account", "transfer", "head", "ward7", "2.5", "--key", "k")
    assert shown(desk, "account_transfer", answer, *words) == "2.500 moved: head now has 1.000, ward7 2.500\n"
    again = shown(desk, "account_transfer", {**answer, "is_new": False}, *words)
    assert again == "k was booked before; nothing moved: head now has 1.000, ward7 2.500\n"


def test_a_move_without_a_key_gets_one_of_its_own(desk: Desk) -> None:
    answer = {"giver_balance_mc": 1, "taker_balance_mc": 1, "is_new": True}
    for _ in range(2):
        shown(desk, "account_transfer", answer, "account", "transfer", "a", "b", "1")
    first, second = (values["key"] for _, values in desk.asked)
    assert first != second


def test_refund(desk: Desk) -> None:
    parts = [
        {"part_no": 1, "amount_mc": 1000, "outcome": "refunded"},
        {"part_no": 2, "amount_mc": 0, "outcome": "was delivered"},
    ]
    answer = {"account": "ward7", "book": "credit", "amount_mc": 1000, "balance_mc": 99_000, "parts": parts}
    words = ("message", "refund", "6FD54FA2", "--reason", "lost")
    assert shown(desk, "message_refund", answer, *words) == (
        "PART  GIVEN BACK  BECAUSE IT\n"
        "   1       1.000  has ended, and was not delivered\n"
        "   2       0.000  was delivered\n"
        "1.000 given back to account ward7, which now has 99.000 credit\n"
    )
    assert shown(desk, "message_refund", {**answer, "book": "trial"}, *words).endswith("now has 99.000 free parts\n")
    shown(desk, "message_refund", answer, *words, "--part", "2")
    assert [values["part_no"] for _, values in desk.asked] == [None, None, 2]


CLOSING = {
    "account": "ward7",
    "key": "k",
    "is_new": True,
    "closed_at_ms": None,
    "balance_mc": 60_000,
    "payout_mc": 20_000,
    "forfeit_mc": 40_000,
    "free_parts_mc": 0,
    "refund_days": 10,
    "lots": [],
    "lots_before": 0,
    "obstacle": "",
}


def lot(amount_mc: int, left_mc: int, *, is_refundable: bool = False, key: str = "a") -> dict[str, Any]:
    facts = {"bought_at_ms": AT_MS, "kind": "top_up", "cause": f"top_up:{key}"}
    return facts | {"amount_mc": amount_mc, "left_mc": left_mc, "is_refundable": is_refundable}


def test_a_dry_run_of_closing_shows_what_becomes_of_each_purchase(desk: Desk) -> None:
    lots = [lot(100_000, 0), lot(50_000, 40_000, key="b"), lot(20_000, 20_000, is_refundable=True, key="c")]
    answer = {**CLOSING, "lots": lots, "lots_before": 7, "obstacle": "it owes 1.000; pay", "free_parts_mc": 3000}
    assert shown(desk, "account_close", answer, "account", "close", "ward7", "--dry-run") == (
        "account ward7 would be closed like this; nothing was changed\n"
        "\n"
        "7 older purchases are not shown\n"
        "BOUGHT                KIND     AMOUNT    LEFT  AND THEN                          CAUSE\n"
        "2026-11-24 05:31:40Z  top_up  100.000   0.000  used up                           top_up:a\n"
        "2026-11-24 05:31:40Z  top_up   50.000  40.000  forfeited: more than 10 days ago  top_up:b\n"
        "2026-11-24 05:31:40Z  top_up   20.000  20.000  paid back                         top_up:c\n"
        "\n"
        "credit before     60.000\n"
        "to be paid back   20.000\n"
        "forfeited         40.000\n"
        "free parts ended  3\n"
        "cannot be yet     it owes 1.000; pay\n"
    )
    assert desk.asked[0][1]["is_dry_run"] is True


def test_closing(desk: Desk) -> None:
    words = ("account", "close", "ward7", "--key", "k")
    amounts = "\ncredit before    60.000\nto be paid back  20.000\nforfeited        40.000\n"
    assert shown(desk, "account_close", CLOSING, *words) == f"account ward7 is closed\n{amounts}"
    again = shown(desk, "account_close", {**CLOSING, "is_new": False}, *words)
    assert again == f"account ward7 was closed before with this key; nothing moved now\n{amounts}"
    assert desk.asked[0][1]["is_dry_run"] is False


def test_set_sends_only_what_is_named(desk: Desk) -> None:
    answer = {"name": "ward7", "is_disabled": False}
    words = ("account", "set", "ward7", "--email", "", "--overdraft", "5", "--no-low-text", "--lane", "alarm")
    assert shown(desk, "account_set", answer, *words).startswith("account ward7 is changed")
    assert desk.asked[0][1] == {
        "name": "ward7",
        "facts": {"email": "", "overdraft_mc": 5000, "is_low_texted": False, "lane": "alarm"},
    }
    nothing = desk.run("account", "set", "ward7")
    assert (nothing.exit_code, len(desk.asked)) == (64, 1)
    assert "name at least one option" in nothing.stderr


def test_a_closed_account_says_so_and_shows_its_rules(desk: Desk) -> None:
    facts = {"closed_at_ms": AT_MS, "is_disabled": True, "refunds": "undeliverable", "reserve_mc": 5000}
    rules = {"low_limit_mc": 9000, "is_low_texted": True, "credentials": [], "numbers": [], "postings": []}
    text = shown(desk, "account_show", {**ACCOUNT, **facts, **rules}, "account", "show", "ward7")
    for line in (
        "account          ward7 (closed)",
        "for alarms only  5.000",
        "warned below     9.000",
        "warned by        mail and text",
        "refunds          undeliverable",
        "closed           2026-11-24 05:31:40Z",
    ):
        assert f"{line}\n" in text
    row = {**ACCOUNT, **facts}
    assert shown(desk, "account_list", [row], "account", "list").endswith("closed\n")


# --- statements ---

HEAD = {
    "account": "ward7",
    "book": "credit",
    "from_at_ms": AT_MS,
    "to_at_ms": None,
    "opening_mc": 500,
    "closing_mc": 98_500,
    "count": 2,
    "totals": [
        {"kind": "charge", "count": 1, "amount_mc": -2000},
        {"kind": "top_up", "count": 1, "amount_mc": 100_000},
    ],
    "last": 17,
}


def line(kind: str, amount_mc: int, balance_mc: int, **facts: str) -> dict[str, Any]:
    words = {"cause": f"{kind}:k", "actor": "kim", "reason": ""} | facts
    return {"at_ms": AT_MS, "kind": kind, "amount_mc": amount_mc, "balance_mc": balance_mc} | words


PAGE = {
    "postings": [line("top_up", 100_000, 100_500), line("charge", -2000, 98_500, cause="message 6FD54FA2", actor="")],
    "after": None,
    "balance_mc": 98_500,
}
FROM = ("account", "statement", "ward7", "--from", "2026-11-24T05:31:40Z")


def statement(desk: Desk, page: dict[str, Any], *words: str) -> str:
    desk.answers["account_statement_list"] = page
    return shown(desk, "account_statement_show", HEAD, *FROM, *words)


def test_a_statement_as_text(desk: Desk) -> None:
    assert statement(desk, PAGE) == (
        "account       ward7\n"
        "book          credit\n"
        "from          2026-11-24 05:31:40Z\n"
        "until before  now\n"
        "opening       0.500\n"
        "\n"
        "AT                    KIND     AMOUNT  BALANCE  CAUSE             BY   REASON\n"
        "2026-11-24 05:31:40Z  top_up  100.000  100.500  top_up:k          kim\n"
        "2026-11-24 05:31:40Z  charge   -2.000   98.500  message 6FD54FA2\n"
        "\n"
        "TOTAL OF  POSTINGS   AMOUNT\n"
        "charge           1   -2.000\n"
        "top_up           1  100.000\n"
        "\n"
        "closing  98.500\n"
    )
    span = {"name": "ward7", "from_ms": AT_MS, "to_ms": EVER_MS, "book": "credit"}
    place = {"count": 2, "last": 17, "after": 0, "balance_mc": 500}
    assert desk.asked == [("account_statement_show", span), ("account_statement_list", span | place)]


def test_a_statement_as_json(desk: Desk) -> None:
    told = json.loads(statement(desk, PAGE, "--json"))
    assert told == {name: value for name, value in HEAD.items() if name != "last"} | {"postings": PAGE["postings"]}
    assert json.loads(statement(desk, {**PAGE, "postings": []}, "--json"))["postings"] == []


def test_a_statement_as_csv_keeps_numbers_and_disarms_formulas(desk: Desk) -> None:
    postings = [line("adjustment", -500, 0, reason="=HYPERLINK(1)", actor="@kim", cause='adjustment:"a",b')]
    rows = list(csv.reader(io.StringIO(statement(desk, {**PAGE, "postings": postings}, "--csv"), newline="")))
    assert rows == [
        ["time", "kind", "amount", "balance", "cause", "by", "reason"],
        ["2026-11-24 05:31:40Z", "opening", "", "0.500", "", "", ""],
        ["2026-11-24 05:31:40Z", "adjustment", "-0.500", "0.000", 'adjustment:"a",b', "'@kim", "'=HYPERLINK(1)"],
        ["", "closing", "", "98.500", "", "", ""],
    ]


@pytest.mark.parametrize("start", "=+-@\t\r")
def test_no_text_is_a_formula(start: str) -> None:
    assert next(csv.reader(io.StringIO(csv_lines([[f"{start}1"]]), newline=""))) == [f"'{start}1"]


def test_a_statement_asks_for_a_span_that_can_be(desk: Desk) -> None:
    day = "2026-11-24"
    for words in (("--from", day, "--to", day), ("--csv", "--json"), ("--book", "gold"), ("--from", "yesterday")):
        assert desk.run("account", "statement", "ward7", *words).exit_code == 64
    assert desk.asked == []


def test_a_refusal_of_a_statement_is_told(desk: Desk) -> None:
    desk.answers["account_statement_show"] = Fault(FaultCode.NOT_FOUND, "account ward8")
    result = desk.run("account", "statement", "ward8")
    assert (result.exit_code, result.stdout) == (65, "")
    assert "account ward8" in result.stderr
