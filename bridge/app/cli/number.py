"""Commands about virtual numbers: number."""

import click

from bridge.app.answers.accounts import NumberLine
from bridge.app.cli import printing as out
from bridge.app.cli.base import Group, json_option
from bridge.app.cli.exits import EX_USAGE, fail
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
@click.option("--mail", metavar="ADDRESS", default="", help="Address that texts to this number are mailed to.")
@click.option("--for-esme", "is_for_esme", is_flag=True, help="Hand them to the account's ESMEs, over SMPP.")
def number_add(number: str, account: str, mail: str, is_for_esme: bool) -> None:
    """Give a virtual number to an account.

    Texts from handsets to this number are mailed to ADDRESS, or go to the account's ESMEs, or both.

    \b
    Example:
      smsbridge number add 46701740699 --account ward7 --mail ward7@example.org
      smsbridge number add 46701740698 --account bulk-gateway --for-esme
    """
    if not mail and not is_for_esme:
        fail(EX_USAGE, "texts to this number would go nowhere", "give --mail ADDRESS, or --for-esme, or both")
    answer: NumberLine = call("number_add", number=number, account=account, mail=mail, is_for_esme=is_for_esme)
    click.echo(f"texts to {answer['number']} {_goal(answer)}")


def _goal(line: NumberLine) -> str:
    """Where texts to a number go."""
    mailed = f"are mailed to {line['mail']}" if line["mail"] else ""
    handed = f"go to the ESMEs of {line['account']}" if line["is_for_esme"] else ""
    return " and ".join(goal for goal in (mailed, handed) if goal)


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
    return out.table(
        ("number", "account", "mail", "ESMEs"),
        [(row["number"], row["account"], row["mail"], out.yes(row, "is_for_esme", "yes")) for row in rows],
    )
