"""Commands about what the business changes beside accounts: number, tariff."""

import click

from bridge.app import cli_print as out
from bridge.app.answers import NumberLine, TariffLine
from bridge.app.cli_base import CREDITS, Group, json_option
from bridge.app.cli_place import call


@click.group(cls=Group)
def number() -> None:
    """Virtual numbers: where texts from handsets arrive.

    \b
    Example:
      smsbridge number add 46701740699 --account ward7 --mail ward7@example.org
    """


@number.command("add")
@click.argument("number")
@click.option("--account", required=True, metavar="NAME", help="Account that owns the number.")
@click.option("--mail", required=True, metavar="ADDRESS", help="Address that texts to this number are mailed to.")
def number_add(number: str, account: str, mail: str) -> None:
    """Give a virtual number to an account.

    Texts from handsets to this number are mailed to ADDRESS.

    \b
    Example:
      smsbridge number add 46701740699 --account ward7 --mail ward7@example.org
    """
    answer: NumberLine = call("number_add", number=number, account=account, mail=mail)
    click.echo(f"texts to {answer['number']} are mailed to {answer['mail']}")


@number.command("list")
@json_option
def number_list(is_json: bool) -> None:
    """List the virtual numbers.

    \b
    Example:
      smsbridge number list
    """
    rows: list[NumberLine] = call("number_list")
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("numbers; `smsbridge number add NUMBER --account NAME --mail ADDRESS` adds one")
    return out.table(("number", "account", "mail"), [(row["number"], row["account"], row["mail"]) for row in rows])


@click.group(cls=Group)
def tariff() -> None:
    """Prices: what one part costs, and where.

    \b
    Example:
      smsbridge tariff set 46 0.8
    """


@tariff.command("list")
@json_option
def tariff_list(is_json: bool) -> None:
    """List the prices of one part.

    The longest prefix that fits counts, and a price for the account's class goes before one for every class.

    \b
    Example:
      smsbridge tariff list
    """
    rows: list[TariffLine] = call("tariff_list")
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("prices; `smsbridge tariff set PREFIX PRICE` sets one")
    return out.table(
        ("prefix", "class", "price"),
        [(row["prefix"] or "everywhere", row["account_class"] or "every", out.credit(row["price_mc"])) for row in rows],
        right=("price",),
    )


@tariff.command("set")
@click.argument("prefix")
@click.argument("price", type=CREDITS)
@click.option("--class", "account_class", metavar="CLASS", default="", help="Only for accounts of this class.")
def tariff_set(prefix: str, price: int, account_class: str) -> None:
    """Set the price of one part.

    For numbers that begin with PREFIX; "" is everywhere. Messages that were accepted before keep the price they
    were charged.

    \b
    Example:
      smsbridge tariff set 46 0.8
      smsbridge tariff set "" 1 --class hospital
    """
    call("tariff_set", prefix=prefix, price_mc=price, account_class=account_class)
    whom = f" for class {account_class}" if account_class else ""
    click.echo(f"one part to {prefix or 'everywhere'} costs {out.credit(price)}{whom}")
