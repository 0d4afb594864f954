"""docs/credit.md tells the truth: its example is what the code makes of it, its commands and settings exist."""

import re
from pathlib import Path

from bridge.app.credit_settings import CreditSettings
from bridge.app.write_docs import every_command
from bridge.ledger.closing import DAY_MS, Purchase, lots_of
from bridge.messages.money import format_credits, parse_credits

PAGE = (Path(__file__).parents[2] / "docs/credit.md").read_text()
KINDS = ("charge", "refund", "top_up", "adjustment", "transfer", "payout", "forfeit")


def test_the_example_of_closing_is_what_closing_does() -> None:
    rows = re.findall(r"^\| (\d+\.\d{3}) \| (\d+) \| (\d+\.\d{3}) \| ([a-z ]+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 3
    now_ms = 1000 * DAY_MS
    purchases = [Purchase("top_up", "c", parse_credits(row[0]), now_ms - int(row[1]) * DAY_MS) for row in rows]
    days = CreditSettings().closing_refund_days
    lots = lots_of(purchases, sum(parse_credits(row[2]) for row in rows), now_ms - days * DAY_MS)
    fates = ["used up" if not lot.left_mc else "paid back" if lot.is_refundable else "forfeited" for lot in lots]
    assert [(format_credits(lot.left_mc), fate) for lot, fate in zip(lots, fates, strict=True)] == [
        (row[2], row[3]) for row in rows
    ]
    assert days == 10


def test_its_commands_exist_with_their_options() -> None:
    commands = {path: command for command, path in every_command()}
    lines = re.findall(r"(smsbridge [^`\n>]+)", PAGE)
    assert len(lines) > 10
    for words in (line.split() for line in lines):
        path = next(" ".join(words[:n]) for n in (3, 2) if " ".join(words[:n]) in commands)
        options = {option for parameter in commands[path].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, words


def test_it_names_every_kind_of_posting() -> None:
    table = PAGE[PAGE.index("| kind | sign |") :]
    assert all(f"`{kind}`" in table for kind in KINDS)
