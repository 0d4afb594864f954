"""Commands about networks: network list, import, export."""

from pathlib import Path
from typing import BinaryIO

import click

from bridge.app.answers.routes import NETWORK_LIST_MAX, NetworkLine, TableChange
from bridge.app.cli import printing as out
from bridge.app.cli.base import Group, json_option
from bridge.app.cli.place import call
from bridge.app.cli.tables import change_told, packed_file, write_file


@click.group(cls=Group)
def network() -> None:
    """Networks: in which one a range of numbers was given out.

    \b
    Example:
      smsbridge network import networks.csv --dry-run
    """


@network.command("list")
@json_option
def network_list(is_json: bool) -> None:
    """List the networks by prefix.

    \b
    Example:
      smsbridge network list
    """
    rows: list[NetworkLine] = call("network_list")
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("networks; `smsbridge network import FILE` takes some")
    out.table(
        ("prefix", "mcc_mnc", "country", "name"),
        [(row["prefix"], row["mcc_mnc"], row["country"], row["name"]) for row in rows],
    )
    if len(rows) == NETWORK_LIST_MAX:
        click.echo(f"the first {len(rows)} networks; `smsbridge network export` has all", err=True)
    return None


@network.command("import")
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.option("--dry-run", "is_trial", is_flag=True, help="Check FILE and tell what would change; change nothing.")
def network_import(file: BinaryIO, is_trial: bool) -> None:
    """Replace all networks by those of a file, or change nothing.

    FILE is CSV with the columns prefix, mcc_mnc, country, name; - is standard input. The longest prefix that fits a
    number counts. An empty country is the one of the number. Everything that is wrong is told with line and column.

    \b
    Example:
      smsbridge network import networks.csv
    """
    answer: TableChange = call("network_import", packed=packed_file(file), is_trial=is_trial)
    click.echo(change_told(answer, file, "networks", is_trial))


@network.command("export")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
def network_export(file: Path | None) -> None:
    """Write all networks as a table.

    To FILE, or to standard output. `network import` of it changes nothing.

    \b
    Example:
      smsbridge network export networks.csv
    """
    write_file(call("network_show"), file, "network range")
