"""The command that lets the ESMEs of an account bind: account smpp."""

import sys

import click

from bridge.app.answers.accounts import NewPassword
from bridge.app.cli import printing as out
from bridge.app.cli.account import PIN_SIZE_MAX
from bridge.app.cli.base import Command, json_option
from bridge.app.cli.exits import EX_USAGE, fail
from bridge.app.cli.place import call


@click.command("smpp", cls=Command)
@click.argument("name")
@click.option(
    "--password",
    metavar="PASSWORD",
    help="Import this password instead of making one; - reads it from standard input. Needs --network.",
)
@click.option(
    "--network", "networks", metavar="NETWORK", multiple=True, help="Network ESMEs may bind from; may be repeated."
)
@json_option
def account_smpp(name: str, password: str | None, networks: tuple[str, ...], is_json: bool) -> None:
    """Make a password for the ESMEs of an account.

    It is printed once and replaces the one before. An ESME binds with the account's name as its system_id; `account
    set --smpp-...` says what holds for it then. A made password has 8 characters, for SMPP 3.4 allows no more.

    \b
    Example:
      smsbridge account smpp bulk-gateway --network 192.0.2.0/24
      smsbridge account smpp old-gateway --password - --network 192.0.2.7 < password.txt
    """
    given = password
    if given == "-":
        given = sys.stdin.readline(PIN_SIZE_MAX).strip()
        if not given:
            fail(EX_USAGE, "standard input holds no password", "write it in the first line")
    answer: NewPassword = call("account_smpp", name=name, password=given, networks=list(networks))
    if is_json:
        return out.as_json(answer)
    click.echo(f"account {name} has a new SMPP password")
    if answer["password"]:
        click.echo(f"system_id  {name}\npassword   {answer['password']}")
        click.echo("It is shown only now; `smsbridge account smpp` makes another.", err=True)
    return None
