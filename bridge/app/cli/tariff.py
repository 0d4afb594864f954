"""Commands about prices: tariff list, set, import, export."""

import sys
from pathlib import Path
from typing import BinaryIO

import click

from bridge.app.answers.tariff import TARIFF_LIST_MAX, PackedTariff, TariffChange, TariffLine
from bridge.app.cli import printing as out
from bridge.app.cli.base import CREDITS, Group, json_option
from bridge.app.cli.exits import EX_DATA, fail
from bridge.app.cli.place import call
from bridge.app.packed import pack, unpack
from bridge.routing import price_list

ERRORS_MAX = 100
"""Wrong lines told at once; a file with more has one mistake in it a hundred times."""


class Moment(click.ParamType):
    """A date, or a date and time in UTC."""

    name = "date"

    def convert(self, value: str, param: click.Parameter | None, context: click.Context | None) -> int:
        try:
            return price_list.parse_time(value.strip())
        except ValueError as error:
            self.fail(str(error), param, context)


@click.group(cls=Group)
def tariff() -> None:
    """Prices: what one part costs, where, and from when on.

    \b
    Example:
      smsbridge tariff set 46 0.8
      smsbridge tariff import prices.csv --dry-run
    """


@tariff.command("list")
@json_option
def tariff_list(is_json: bool) -> None:
    """List the prices of one part.

    The longest prefix that fits counts, and a price for the account's class goes before one for every class. Of
    several prices for one prefix and class the latest that has begun is in force; earlier ones are past, later ones
    are coming.

    \b
    Example:
      smsbridge tariff list
    """
    rows: list[TariffLine] = call("tariff_list")
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("prices; `smsbridge tariff set PREFIX PRICE` sets one")
    out.table(
        ("prefix", "class", "price", "valid from", "state"),
        [
            (
                row["prefix"] or "everywhere",
                row["account_class"] or "every",
                out.credit(row["price_mc"]),
                price_list.time_text(row["valid_from_ms"]) or "always",
                row["state"],
            )
            for row in rows
        ],
        right=("price",),
    )
    if len(rows) == TARIFF_LIST_MAX:
        click.echo(f"the first {len(rows)} prices; `smsbridge tariff export` has all", err=True)
    return None


@tariff.command("set")
@click.argument("prefix")
@click.argument("price", type=CREDITS)
@click.option("--class", "account_class", metavar="CLASS", default="", help="Only for accounts of this class.")
@click.option(
    "--valid-from",
    "valid_from_ms",
    type=Moment(),
    metavar="DATE",
    default="",
    help="Only from this day or moment on: 2026-12-01 or 2026-12-01T06:00Z, UTC. Always when left out.",
)
def tariff_set(prefix: str, price: int, account_class: str, valid_from_ms: int) -> None:
    """Set the price of one part.

    For numbers that begin with PREFIX; "" is everywhere. Messages that were accepted before keep the price they
    were charged.

    \b
    Example:
      smsbridge tariff set 46 0.8
      smsbridge tariff set "" 1 --class hospital
      smsbridge tariff set 46 0.85 --valid-from 2027-01-01
    """
    answer: TariffLine = call(
        "tariff_set", prefix=prefix, price_mc=price, account_class=account_class, valid_from_ms=valid_from_ms
    )
    whom = f" for class {account_class}" if account_class else ""
    since = price_list.time_text(valid_from_ms)
    since = f" from {since} on" if since else ""
    click.echo(f"one part to {prefix or 'everywhere'} costs {out.credit(price)}{whom}{since}")
    if answer["state"] == "past":
        click.echo(
            "a later price for the same prefix and class is in force; `smsbridge tariff list` shows both", err=True
        )


@tariff.command("import")
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.option("--replace", "is_replacing", is_flag=True, help="Drop every price that is not in FILE.")
@click.option("--dry-run", "is_trial", is_flag=True, help="Check FILE and tell what would change; change nothing.")
def tariff_import(file: BinaryIO, is_replacing: bool, is_trial: bool) -> None:
    """Take a price list into the tariff, all or nothing.

    FILE is CSV with the columns prefix, class, price, valid_from; - is standard input. An empty prefix is
    everywhere, an empty class every class, an empty valid_from always. Every wrong line is told; then nothing is
    taken. Prices that are not in FILE stay, unless --replace drops them.

    \b
    Example:
      smsbridge tariff import prices.csv --dry-run
      smsbridge tariff import prices.csv --replace
    """
    name = getattr(file, "name", "<stdin>")
    text = _text(file.read(4 * price_list.TEXT_MAX), name)
    found = price_list.parse(text)
    if found.errors:
        for line, wrong in found.errors[:ERRORS_MAX]:
            click.echo(f"{name}:{line}: {out.clean(wrong)}", err=True)
        if len(found.errors) > ERRORS_MAX:
            click.echo(f"... and {len(found.errors) - ERRORS_MAX} more", err=True)
        fail(EX_DATA, f"{name} was not taken", "correct these lines and try again")
    answer: TariffChange = call(
        "tariff_import", packed=pack(price_list.write(found.rows)), is_replacing=is_replacing, is_trial=is_trial
    )
    click.echo(_told(answer, is_trial, is_replacing))


def _text(octets: bytes, name: str) -> str:
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if octets[:2] in (b"\xff\xfe", b"\xfe\xff"):
            line = 1
        else:
            line = octets.count(b"\n", 0, error.start) + 1
        fail(EX_DATA, f"{name}:{line}: not UTF-8", "save it as CSV UTF-8, or convert it with iconv")


def _told(answer: TariffChange, is_trial: bool, is_replacing: bool) -> str:
    counts = f"{answer['new']} new, {answer['changed']} changed, {answer['same']} as before"
    if is_replacing:
        counts += f", {answer['gone']} gone"
    return f"nothing was changed; it would be: {counts}" if is_trial else f"prices taken: {counts}"


@tariff.command("export")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
def tariff_export(file: Path | None) -> None:
    """Write the whole tariff as a price list.

    To FILE, or to standard output. Past and coming prices are included; `tariff import --replace` of it changes
    nothing.

    \b
    Example:
      smsbridge tariff export prices.csv
      smsbridge tariff export | column -ts,
    """
    answer: PackedTariff = call("tariff_show")
    text = unpack(answer["packed"], price_list.TEXT_MAX)
    if file is None or str(file) == "-":
        sys.stdout.write(text)
        return
    try:
        file.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        fail(EX_DATA, f"{file} cannot be written ({error.strerror})", "name a file in a folder of yours")
    click.echo(f"{out.count(answer['count'], 'price')} written to {file}")
