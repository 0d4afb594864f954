"""Commands about whose name a message bears: originator."""

import csv
from pathlib import Path

import click

from bridge.app.answers.senders import OriginatorChange, OriginatorLine, OriginatorRuleLine, PoolLine, RowCount
from bridge.app.cli import printing as out
from bridge.app.cli.base import Group, actor, json_option
from bridge.app.cli.exits import EX_DATA, fail
from bridge.app.cli.place import call
from bridge.routing.originators import OriginatorKind

FILE_SIZE_MAX = 1_000_000
"""Octets of a table of rules: more than the most rows have."""
COLUMNS = ("destination", "link", "kind", "replacement")
KINDS = [kind.value for kind in OriginatorKind]
DESTINATION_HELP = "prefix:4670, country:SE or everywhere."


@click.group(cls=Group)
def originator() -> None:
    """Originators: whose name a message bears.

    \b
    Example:
      smsbridge originator add Pumps ward7
      smsbridge originator rule set country:US 12025550123
    """


@originator.command("add")
@click.argument("originator", metavar="SENDER")
@click.argument("account", metavar="ACCOUNT")
def originator_add(originator: str, account: str) -> None:
    """Let an account use an originator.

    A name of at most 11 characters, a number, a short code, or pool:NAME. An account that has any may use these and
    its own default, and no others; an account that has none may use every one, unless the setting
    originators.must_be_registered is on.

    \b
    Example:
      smsbridge originator add Pumps ward7
    """
    done: OriginatorChange = call("originator_add", originator=originator, account=account, actor=actor())
    click.echo(f"account {account} {'may use' if done['is_new'] else 'has'} {done['originator']}")


@originator.command("remove")
@click.argument("originator", metavar="SENDER")
@click.argument("account", metavar="ACCOUNT")
def originator_remove(originator: str, account: str) -> None:
    """Take an originator from an account.

    \b
    Example:
      smsbridge originator remove Pumps ward7
    """
    done: OriginatorChange = call("originator_remove", originator=originator, account=account, actor=actor())
    left = f"{done['left']} are left" if done["left"] else "none is left"
    click.echo(f"account {account} may not use {done['originator']} any more; {left}")


@originator.command("list")
@click.option("--account", metavar="NAME", help="Only of this account.")
@json_option
def originator_list(account: str | None, is_json: bool) -> None:
    """List the registered originators.

    \b
    Example:
      smsbridge originator list --account ward7
    """
    rows: list[OriginatorLine] = call("originator_list", account=account)
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("originators; `smsbridge originator add SENDER ACCOUNT` registers one")
    return out.table(("account", "originator"), [(row["account"], row["originator"]) for row in rows])


@originator.group("rule", cls=Group)
def rule() -> None:
    """What becomes of originators that a destination refuses.

    \b
    Example:
      smsbridge originator rule set country:US 12025550123
      smsbridge originator rule set country:FR refuse --kind msisdn
    """


@rule.command("set")
@click.argument("destination", metavar="DESTINATION")
@click.argument("replacement", metavar="SENDER")
@click.option(
    "--kind", type=click.Choice(KINDS), default=KINDS[0], show_default=True, help="Of what kind of originator."
)
@click.option("--link", metavar="NAME", default="", help="Only where this link is the first of the route.")
def rule_set(destination: str, replacement: str, kind: str, link: str) -> None:
    """Say what goes out instead: an originator, or nothing.

    SENDER is another originator, pool:NAME, or refuse.

    DESTINATION is prefix:4670, country:SE or everywhere. The longest prefix wins, then the country.

    \b
    Example:
      smsbridge originator rule set country:US 12025550123
      smsbridge originator rule set prefix:33 refuse --kind msisdn
    """
    line: OriginatorRuleLine = call(
        "originator_rule_set", destination=destination, kind=kind, replacement=replacement, link=link, actor=actor()
    )
    click.echo(_told(line))


@rule.command("remove")
@click.argument("destination", metavar="DESTINATION")
@click.option(
    "--kind", type=click.Choice(KINDS), default=KINDS[0], show_default=True, help="Of what kind of originator."
)
@click.option("--link", metavar="NAME", default="", help="The rule of this link.")
def rule_remove(destination: str, kind: str, link: str) -> None:
    """Take a rule away.

    \b
    Example:
      smsbridge originator rule remove country:US
    """
    line: OriginatorRuleLine = call(
        "originator_rule_remove", destination=destination, kind=kind, link=link, actor=actor()
    )
    click.echo(f"gone: {_told(line)}")


@rule.command("list")
@json_option
def rule_list(is_json: bool) -> None:
    """List the rules.

    \b
    Example:
      smsbridge originator rule list
    """
    rows: list[OriginatorRuleLine] = call("originator_rule_list")
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("rules; originators go out as they are")
    return out.table(
        COLUMNS,
        [
            (row["destination"] or "everywhere", row["link"], row["kind"], row["replacement"] or "refuse")
            for row in rows
        ],
    )


@rule.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def rule_import(file: Path) -> None:
    """Replace all rules by those of a CSV file.

    Its columns are destination, link, kind and replacement. All rows or none: a row that is wrong is told, and the
    rules stay as they are.

    \b
    Example:
      smsbridge originator rule import rules.csv
    """
    if file.stat().st_size > FILE_SIZE_MAX:
        fail(EX_DATA, f"{file} is larger than {FILE_SIZE_MAX} octets", "leave out what is no rule")
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines, strict=True)
            unknown = set(reader.fieldnames or ()) - set(COLUMNS)
            if unknown or not {"destination", "replacement"} <= set(reader.fieldnames or ()):
                fail(EX_DATA, "the first line does not name the columns", f"write {','.join(COLUMNS)}")
            rows = [{name: value or "" for name, value in row.items() if name} for row in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        fail(EX_DATA, f"{file} is not CSV in UTF-8: {error}", "save it as CSV")
    done: RowCount = call("originator_rule_import", rows=rows, actor=actor())
    click.echo(f"{done['count']} rules")


def _told(line: OriginatorRuleLine) -> str:
    kind = f"{line['kind'].replace('_', ' ')} originators" if line["kind"] != "any" else "originators"
    where = line["destination"] or "everywhere"
    by = f" by link {line['link']}" if line["link"] else ""
    becomes = f"go out as {line['replacement']}" if line["replacement"] else "are refused"
    return f"{kind} to {where}{by} {becomes}"


@originator.group("pool", cls=Group)
def pool() -> None:
    """Pools of numbers: each recipient gets one, and keeps it.

    \b
    Example:
      smsbridge originator pool set two-way 46701740690 46701740691
      smsbridge account set ward7 --originator pool:two-way
    """


@pool.command("set")
@click.argument("pool", metavar="NAME")
@click.argument("numbers", metavar="NUMBER...", nargs=-1, required=True)
def pool_set(pool: str, numbers: tuple[str, ...]) -> None:
    """Say which numbers a pool has.

    Recipients whose number stays in it keep theirs. Answers to a number of a pool go to the account that wrote to that
    handset from it last.

    \b
    Example:
      smsbridge originator pool set two-way 46701740690 46701740691
    """
    done: RowCount = call("pool_set", pool=pool, numbers=list(numbers), actor=actor())
    click.echo(f"pool {pool} has {done['count']} numbers; pool:{pool} stands for it")


@pool.command("remove")
@click.argument("pool", metavar="NAME")
def pool_remove(pool: str) -> None:
    """Take a pool away that nothing uses any more.

    \b
    Example:
      smsbridge originator pool remove two-way
    """
    call("pool_set", pool=pool, numbers=[], actor=actor())
    click.echo(f"pool {pool} is gone")


@pool.command("list")
@json_option
def pool_list(is_json: bool) -> None:
    """List the numbers of the pools.

    \b
    Example:
      smsbridge originator pool list
    """
    rows: list[PoolLine] = call("pool_list")
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("pools; `smsbridge originator pool set NAME NUMBER...` makes one")
    return out.table(
        ("pool", "number", "recipients"),
        [(row["pool"], row["number"], row["recipients"]) for row in rows],
        right=("recipients",),
    )
