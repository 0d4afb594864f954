"""The command coverage: what is reached, at which price, over which links, and how well."""

import click

from bridge.app.answers.routes import COVERAGE_MAX, CoverageLine
from bridge.app.cli import printing as out
from bridge.app.cli.base import json_option
from bridge.app.cli.place import call

COVERAGE_TIMEOUT_S = 120.0
"""It reads the parts of a day and looks at every network."""


@click.command("coverage")
@click.option("--country", metavar="CC", default="", help="Only this country, two letters.")
@click.option("--class", "account_class", metavar="CLASS", default="", help="As accounts of this class have it.")
@json_option
def coverage(country: str, account_class: str, is_json: bool) -> None:
    """List what is reached, by country and network.

    The price of a part, the links in order, and what became of the parts that links took in the last day: how many,
    how many of those that ended were delivered, and the median of seconds until the receipt. Of a busy day the newest
    50,000 parts are looked at.

    \b
    Example:
      smsbridge coverage --country SE
    """
    rows: list[CoverageLine] = call(
        "coverage", timeout_s=COVERAGE_TIMEOUT_S, country=country, account_class=account_class
    )
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("countries or networks: nothing has a price, a route or a network yet")
    out.table(
        ("country", "network", "mcc_mnc", "price", "links", "parts", "delivered", "seconds"),
        [
            (
                row["country"] or "elsewhere",
                row["network"],
                row["mcc_mnc"],
                _price(row),
                ", ".join(row["links"]) or "not served",
                row["parts"] or "",
                _ratio(row),
                f"{row['median_ms'] / 1000:.1f}" if row["median_ms"] is not None else "",
            )
            for row in rows
        ],
        right=("price", "parts", "delivered", "seconds"),
        below=[row["trouble"] for row in rows],
    )
    if len(rows) == COVERAGE_MAX:
        click.echo(f"the first {len(rows)} lines; --country CC shows those of one country", err=True)
    return None


def _price(row: CoverageLine) -> str:
    if row["price_mc"] is None or row["price_from_mc"] is None:
        return "no price"
    dearest = out.credit(row["price_mc"])
    return dearest if row["price_mc"] == row["price_from_mc"] else f"{out.credit(row['price_from_mc'])} to {dearest}"


def _ratio(row: CoverageLine) -> str:
    ended = row["delivered"] + row["failed"]
    return f"{100 * row['delivered'] / ended:.0f} %" if ended else ""
