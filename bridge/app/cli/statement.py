"""The statement of an account: account statement, as text, CSV or JSON, page by page however long it is."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import click

from bridge.app.answers.credit import StatementHead, StatementLine, StatementPage
from bridge.app.cli import printing as out
from bridge.app.cli.base import Command
from bridge.app.cli.csv_rows import csv_lines
from bridge.app.cli.exits import EX_USAGE, fail
from bridge.app.cli.place import call
from bridge.app.cli.tariff import Moment
from bridge.ledger.credit import BOOKS
from bridge.ledger.reports_credit import EVER_MS

STATEMENT_TIMEOUT_S = 300.0
"""The head of a statement adds up all postings of its account."""
CSV_COLUMNS = ("time", "kind", "amount", "balance", "cause", "by", "reason")


@click.command("statement", cls=Command)
@click.argument("name")
@click.option(
    "--from",
    "from_ms",
    type=Moment(),
    metavar="DATE",
    default="",
    help="The first day or moment, UTC: 2026-11-01 or 2026-11-01T06:00Z. From the beginning when left out.",
)
@click.option(
    "--to",
    "to_ms",
    type=Moment(),
    metavar="DATE",
    help="The first day or moment that is not in it. Until now when left out.",
)
@click.option(
    "--book",
    type=click.Choice(BOOKS),
    default="credit",
    show_default=True,
    help="Credit, or the free parts of a trial (1.000 is one).",
)
@click.option("--csv", "is_csv", is_flag=True, help="Print CSV, for spreadsheets.")
@click.option("--json", "is_json", is_flag=True, help="Print JSON, for programs.")
def account_statement(name: str, from_ms: int, to_ms: int | None, book: str, is_csv: bool, is_json: bool) -> None:
    """Show what an account was charged, and all else.

    Opening balance, every posting with the balance after it, totals by kind, closing balance. Opening and postings
    add up to the closing exactly; the closing of one month is the opening of the next.

    \b
    Example:
      smsbridge account statement ward7 --from 2026-11-01 --to 2026-12-01
      smsbridge account statement ward7 --from 2026-11-01 --to 2026-12-01 --csv > ward7-2026-11.csv
    """
    if is_csv and is_json:
        fail(EX_USAGE, "--csv and --json at once", "choose one")
    end_ms = EVER_MS if to_ms is None else to_ms
    if end_ms <= from_ms:
        fail(EX_USAGE, "the statement ends before it begins", "--to is the first moment after it")
    span: dict[str, Any] = {"name": name, "from_ms": from_ms, "to_ms": end_ms, "book": book}
    head: StatementHead = call("account_statement_show", timeout_s=STATEMENT_TIMEOUT_S, **span)
    show = _as_csv if is_csv else _as_json if is_json else _as_text
    show(head, _pages(head, span))


def _pages(head: StatementHead, span: dict[str, Any]) -> Iterator[list[StatementLine]]:
    after, balance_mc = 0, head["opening_mc"]
    while True:
        page: StatementPage = call(
            "account_statement_list",
            timeout_s=STATEMENT_TIMEOUT_S,
            count=head["count"],
            last=head["last"],
            after=after,
            balance_mc=balance_mc,
            **span,
        )
        yield page["postings"]
        if page["after"] is None:
            break
        after, balance_mc = page["after"], page["balance_mc"]


def _as_text(head: StatementHead, pages: Iterator[list[StatementLine]]) -> None:
    out.facts(
        (
            ("account", head["account"]),
            ("book", head["book"]),
            ("from", out.utc(head["from_at_ms"]) or "the beginning"),
            ("until before", out.utc(head["to_at_ms"]) or "now"),
            ("opening", out.credit(head["opening_mc"])),
        )
    )
    for postings in pages:
        if postings:
            click.echo()
        out.table(
            ("at", "kind", "amount", "balance", "cause", "by", "reason"),
            [
                (
                    out.utc(p["at_ms"]),
                    p["kind"],
                    out.credit(p["amount_mc"]),
                    out.credit(p["balance_mc"]),
                    p["cause"],
                    p["actor"],
                    p["reason"],
                )
                for p in postings
            ],
            right=("amount", "balance"),
        )
    click.echo()
    totals = [(total["kind"], total["count"], out.credit(total["amount_mc"])) for total in head["totals"]]
    out.table(("total of", "postings", "amount"), totals, right=("amount",))
    click.echo(f"{chr(10) if totals else ''}closing  {out.credit(head['closing_mc'])}")


def _as_csv(head: StatementHead, pages: Iterator[list[StatementLine]]) -> None:
    """The first and the last row are the balances; the amounts between are their difference."""
    opened, ended = out.utc(head["from_at_ms"]), out.utc(head["to_at_ms"])
    click.echo(csv_lines([CSV_COLUMNS, (opened, "opening", "", _number(head["opening_mc"]), "", "", "")]), nl=False)
    for postings in pages:
        rows = [
            (
                out.utc(p["at_ms"]),
                p["kind"],
                _number(p["amount_mc"]),
                _number(p["balance_mc"]),
                p["cause"],
                p["actor"],
                p["reason"],
            )
            for p in postings
        ]
        click.echo(csv_lines(rows), nl=False)
    click.echo(csv_lines([(ended, "closing", "", _number(head["closing_mc"]), "", "", "")]), nl=False)


def _number(amount_mc: int) -> Decimal:
    return Decimal(amount_mc).scaleb(-3)


def _as_json(head: StatementHead, pages: Iterator[list[StatementLine]]) -> None:
    """One object; its postings are written as they come, or a long statement would not fit into memory."""
    facts = {name: value for name, value in head.items() if name != "last"}
    click.echo(json.dumps(facts, indent=2, ensure_ascii=False)[:-2] + ',\n  "postings": [', nl=False)
    separator = "\n"
    for postings in pages:
        for posting in postings:
            click.echo(f"{separator}    {json.dumps(posting, ensure_ascii=False)}", nl=False)
            separator = ",\n"
    click.echo("\n  ]\n}" if separator == ",\n" else "]\n}")
