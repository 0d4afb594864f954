"""Commands about virtual numbers: number."""

import click

from bridge.app.answers.accounts import NumberLine
from bridge.app.cli import printing as out
from bridge.app.cli.base import Group, json_option
from bridge.app.cli.place import call


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
