"""Commands about routes: route list, add, remove, import, export, test."""

from pathlib import Path
from typing import BinaryIO

import click

from bridge.app.answers.routes import ROUTE_LIST_MAX, Explanation, RouteLine, TableChange
from bridge.app.cli import printing as out
from bridge.app.cli.base import Group, json_option
from bridge.app.cli.exits import EX_DATA, fail
from bridge.app.cli.explain import links_table
from bridge.app.cli.place import call
from bridge.app.cli.tables import change_told, packed_file, write_file


@click.group(cls=Group)
def route() -> None:
    """Routes: which links carry what, in which order.

    \b
    Example:
      smsbridge route add prefix:4670 "nordic*3 spare, main"
      smsbridge route test 46701740605
    """


@route.command("list")
@json_option
def route_list(is_json: bool) -> None:
    """List the routes.

    The most specific row that fits a message counts; an empty cell is any. Without any routes every link carries
    everything, in the order of the configuration.

    \b
    Example:
      smsbridge route list
    """
    rows: list[RouteLine] = call("route_list")
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("routes: every link carries everything, in the order of the configuration")
    out.table(
        ("route", "destination", "class", "originator", "coding", "kind", "hours", "links", "note"),
        [
            (
                row["route_id"],
                row["destination"] or "everywhere",
                row["account_class"],
                row["originator"],
                row["coding"],
                row["kind"],
                row["hours"],
                row["links"] or "not served",
                row["note"],
            )
            for row in rows
        ],
    )
    if len(rows) == ROUTE_LIST_MAX:
        click.echo(f"the first {len(rows)} routes; `smsbridge route export` has all", err=True)
    return None


@route.command("add")
@click.argument("destination")
@click.argument("links")
@click.option("--class", "account_class", metavar="CLASS", default="", help="Only for accounts of this class.")
@click.option("--originator", metavar="PATTERN", default="", help="Only for this originator; * is any characters.")
@click.option("--hours", metavar="HOURS", default="", help="Only then: mo-fr 08:00-20:00 Europe/Stockholm.")
@click.option("--coding", metavar="CODING", default="", help="Only for gsm7, ucs2 or binary.")
@click.option("--kind", metavar="KIND", default="", help="Only for text, flash or binary messages.")
@click.option("--note", metavar="TEXT", default="", help="Why, for the next person.")
def route_add(
    destination: str, links: str, account_class: str, originator: str, hours: str, coding: str, kind: str, note: str
) -> None:
    """Add a route.

    DESTINATION is prefix:4670, country:SE, network:24001 or "*" for everywhere. LINKS are names in order of
    preference with commas between; names without a comma between share one place, by shares like a*3 b*1. What the
    carrier takes for a part may follow, as a*3@0.021. Empty LINKS: not served. Counts from the next message on.

    \b
    Example:
      smsbridge route add prefix:4670 "nordic*3 spare, main"
      smsbridge route add country:NO "" --note "no contract"
    """
    cells = {"destination": destination, "class": account_class, "originator": originator, "hours": hours}
    cells |= {"coding": coding, "kind": kind, "links": links, "note": note}
    answer: RouteLine = call("route_add", cells=cells)
    click.echo(f"route {answer['route_id']} added: {_told(answer)}")


@route.command("remove")
@click.argument("route_id", type=click.IntRange(1), metavar="ROUTE")
def route_remove(route_id: int) -> None:
    """Take a route out, by its number in `route list`.

    Messages that were accepted before keep their links.

    \b
    Example:
      smsbridge route remove 12
    """
    answer: RouteLine = call("route_remove", route_id=route_id)
    click.echo(f"route {route_id} removed: {_told(answer)}")


@route.command("import")
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.option("--dry-run", "is_trial", is_flag=True, help="Check FILE and tell what would change; change nothing.")
def route_import(file: BinaryIO, is_trial: bool) -> None:
    """Replace all routes by those of a file, or change nothing.

    FILE is CSV with the columns destination, class, originator, hours, coding, kind, links, note; - is standard
    input. Everything that is wrong is told with line and column; then the old table stays.

    \b
    Example:
      smsbridge route import routes.csv --dry-run
    """
    answer: TableChange = call("route_import", packed=packed_file(file), is_trial=is_trial)
    click.echo(change_told(answer, file, "routes", is_trial))


@route.command("export")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
def route_export(file: Path | None) -> None:
    """Write all routes as a table.

    To FILE, or to standard output. `route import` of it changes nothing.

    \b
    Example:
      smsbridge route export routes.csv
    """
    write_file(call("route_show"), file, "route")


@route.command("test")
@click.argument("number")
@click.option("--account", metavar="NAME", default="", help="As this account would send.")
@click.option("--originator", metavar="TEXT", default="", help="With this originator.")
@json_option
def route_test(number: str, account: str, originator: str, is_json: bool) -> None:
    """Say which route a short text to NUMBER would take.

    Nothing is sent. `smsbridge explain` tells all about a message. Ends with 65 when it would be refused.

    \b
    Example:
      smsbridge route test 46701740605
    """
    answer: Explanation = call("explain", number=number, text="", account=account, originator=originator)
    if is_json:
        out.as_json(answer)
    else:
        counting = answer["route"]
        click.echo(f"{answer['recipient'] or number}: {_which(answer, counting)}")
        links_table(answer)
    if answer["refused"]:
        fail(EX_DATA, f"{number} would be refused: {answer['refused'][0]}", "`smsbridge route add` adds a route")


def _which(answer: Explanation, counting: RouteLine | None) -> str:
    if counting is not None:
        return f"route {counting['route_id']}, {_told(counting)}"
    if answer["is_test_number"]:
        return "a test number, no link is used"
    return "every link, for there are no routes" if answer["links"] else "no route"


def _told(row: RouteLine) -> str:
    """A route in one sentence."""
    only = [
        f"class {row['account_class']}" if row["account_class"] else "",
        f"originator {row['originator']}" if row["originator"] else "",
        row["coding"],
        row["kind"],
        row["hours"],
    ]
    limits = ", ".join(limit for limit in only if limit)
    to = row["destination"] or "everywhere"
    return f"{to}{f' ({limits})' if limits else ''} goes over {row['links']}" if row["links"] else f"{to} is not served"
