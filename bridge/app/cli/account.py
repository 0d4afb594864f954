"""Commands about who may send, and pays: account."""

import sys
from typing import Any

import click

from bridge.app.answers.accounts import AccountDetail, AccountLine, AllowedNetwork, NewPin
from bridge.app.cli import printing as out
from bridge.app.cli.base import CREDITS, Group, actor, json_option
from bridge.app.cli.exits import EX_USAGE, fail
from bridge.app.cli.place import call
from bridge.intake.when import span_text
from bridge.ledger.accounts import FACTS

PIN_SIZE_MAX = 200
"""Characters read of a PIN on standard input."""

LANES = ("alarm", "normal", "bulk")
MAIL_EVENTS = ("all", "failures", "none")
REFUNDS = ("unaccepted", "undeliverable")
REFUNDS_HELP = "Failed parts that are paid back: those no carrier accepted, or undeliverable ones too."
RESERVE_HELP = "Credit kept for the alarm lane."
LOW_LIMIT_HELP = "Warn once by mail when the credit falls below this; 0: never."
LOW_TEXT_HELP = "Send that warning to the mobile number too; it costs what a text costs."


@click.group(cls=Group)
def account() -> None:
    """Accounts: who may send, and pays.

    \b
    Example:
      smsbridge account add ward7 --email ward7@example.org --credit 500
      smsbridge account top-up ward7 100 --key invoice-2026-118
    """


@account.command("add")
@click.argument("name")
@click.option("--email", metavar="ADDRESS", default="", help="Where reports and warnings about the account go.")
@click.option("--mobile", metavar="NUMBER", default="", help="Mobile number of its owner.")
@click.option(
    "--class", "account_class", metavar="CLASS", default="", help="Price class; prices may be set for each class."
)
@click.option(
    "--home-country", metavar="CC", default="", help="Two letters, as SE: lets it write numbers in national format."
)
@click.option(
    "--time-zone",
    metavar="ZONE",
    default="UTC",
    show_default=True,
    help="As Europe/Stockholm; kept with the account, while everything is shown in UTC.",
)
@click.option("--lane", type=click.Choice(LANES), default="normal", show_default=True, help="How urgent its texts are.")
@click.option(
    "--mail-events",
    type=click.Choice(MAIL_EVENTS),
    default="all",
    show_default=True,
    help="What is reported by mail: to the sender of a mail; of other messages only failures, to the account.",
)
@click.option(
    "--originator", metavar="SENDER", default="", help="Sender shown on the handset when a submission names none."
)
@click.option(
    "--pin",
    metavar="PIN",
    help="Import this PIN instead of making one; - reads it from standard input. Needs --network.",
)
@click.option(
    "--network", "networks", metavar="NETWORK", multiple=True, help="Network the PIN is accepted from; may be repeated."
)
@click.option("--credit", "credit_mc", type=CREDITS, default="0", show_default=True, help="Credit to begin with.")
@click.option("--overdraft", "overdraft_mc", type=CREDITS, default="0", show_default=True, help="How far below zero.")
@click.option("--reserve", "reserve_mc", type=CREDITS, default="0", show_default=True, help=RESERVE_HELP)
@click.option("--refunds", type=click.Choice(REFUNDS), default="unaccepted", show_default=True, help=REFUNDS_HELP)
@click.option("--low-limit", "low_limit_mc", type=CREDITS, default="0", show_default=True, help=LOW_LIMIT_HELP)
@click.option("--low-text", "is_low_texted", is_flag=True, help=LOW_TEXT_HELP)
@click.option("--trial", "is_trial", is_flag=True, help="Give it free parts: `intake.trial_messages` of them.")
@json_option
def account_add(pin: str | None, networks: tuple[str, ...], is_json: bool, name: str, **values: Any) -> None:
    """Open an account and print its PIN, once.

    The PIN is the secret for HTTP and SMTP. A PIN of an old device can be imported with --pin; since such
    PINs are short, it is then accepted only from the networks named with --network.

    \b
    Example:
      smsbridge account add ward7 --email ward7@example.org --credit 500
      smsbridge account add panel-3 --lane alarm --pin 4711 --network 192.168.7.0/24
    """
    given = _given_pin(pin, networks)
    answer: NewPin = call("account_add", name=name, pin=given, networks=list(networks), actor=actor(), **values)
    _show_pin(answer, is_json, f"account {name} is open")


@account.command("list")
@json_option
def account_list(is_json: bool) -> None:
    """List the accounts with their credit.

    \b
    Example:
      smsbridge account list
    """
    rows: list[AccountLine] = call("account_list")
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("accounts; `smsbridge account add NAME` opens one")
    out.table(
        ("name", "credit", "overdraft", "lane", "class", "e-mail", "note"),
        [
            (
                row["name"],
                out.credit(row["balance_mc"]),
                out.credit(row["overdraft_mc"]),
                row["lane"],
                row["account_class"],
                row["email"],
                _in_short(row),
            )
            for row in rows
        ],
        right=("credit", "overdraft"),
    )
    return None


def _in_short(row: AccountLine) -> str:
    if row["closed_at_ms"]:
        return "closed"
    trial = "" if row["trial_parts"] is None else f"trial, {row['trial_parts']} free parts left"
    return "; ".join(note for note in (out.yes(row, "is_disabled", "disabled"), trial) if note)


@account.command("show")
@click.argument("name")
@json_option
def account_show(name: str, is_json: bool) -> None:
    """Show one account.

    Its settings, its credentials (never a secret), its numbers and its latest postings.

    \b
    Example:
      smsbridge account show ward7
    """
    row: AccountDetail = call("account_show", name=name)
    if is_json:
        return out.as_json(row)
    out.facts(
        (
            ("account", row["name"] + _note(row)),
            ("credit", out.credit(row["balance_mc"])),
            ("overdraft", out.credit(row["overdraft_mc"]) if row["overdraft_mc"] else ""),
            ("for alarms only", out.credit(row["reserve_mc"]) if row["reserve_mc"] else ""),
            ("warned below", out.credit(row["low_limit_mc"]) if row["low_limit_mc"] else ""),
            ("warned by", "mail and text" if row["is_low_texted"] and row["low_limit_mc"] else ""),
            ("refunds", row["refunds"] if row["refunds"] != REFUNDS[0] else ""),
            ("free parts", "" if row["trial_parts"] is None else f"{row['trial_parts']} left of the trial"),
            ("class", row["account_class"]),
            ("e-mail", row["email"]),
            ("mobile", row["mobile"]),
            ("home country", row["home_country"]),
            ("time zone", row["time_zone"]),
            ("lane", row["lane"]),
            ("mail events", row["mail_events"]),
            ("originator", row["originator"]),
            ("numbers", " ".join(row["numbers"])),
            ("hours", row["hours"] + (" (alarms too)" if row["hours"] and row["hours_for_alarms"] else "")),
            ("network tries", span_text(row["validity_ms"])),
            ("waits at most", span_text(row["queue_age_ms"])),
            ("worthless after", span_text(row["worthless_after_ms"])),
            ("sends at most", f"{row['parts_per_second']:g} parts/s" if row["parts_per_second"] else ""),
            ("SMPP", _smpp_rules(row)),
            ("opened", out.utc(row["created_at_ms"])),
            ("closed", out.utc(row["closed_at_ms"])),
        )
    )
    _show_credentials(row)
    if row["postings"]:
        click.echo("\nlatest postings")
        out.table(
            ("at", "kind", "amount", "cause", "by", "reason"),
            [
                (
                    out.utc(p["created_at_ms"]),
                    p["kind"],
                    out.credit(p["amount_mc"]),
                    p["cause"],
                    p["actor"],
                    p["reason"],
                )
                for p in row["postings"]
            ],
            right=("amount",),
        )
    return None


def _smpp_rules(row: AccountLine) -> str:
    """What of its SMPP rules differs from what every account begins with, in the words of `account set`."""
    usual = {name: value for name, value in FACTS.items() if name.startswith("smpp_")}
    told = [(name, value) for name in usual if (value := dict(row).get(name, usual[name])) != usual[name]]
    words = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in told}
    return ", ".join(f"{name.removeprefix('smpp_').replace('_', ' ')} {value}" for name, value in words.items())


def _note(row: AccountLine) -> str:
    if row["closed_at_ms"]:
        return " (closed)"
    return " (disabled)" if row["is_disabled"] else ""


def _show_credentials(row: AccountDetail) -> None:
    if not row["credentials"]:
        return
    click.echo("\ncredentials")
    out.table(
        ("kind", "may", "from", "made", "expires"),
        [
            (
                credential["kind"],
                " ".join(credential["scopes"]),
                " ".join(credential["networks"]) or "anywhere",
                out.utc(credential["created_at_ms"]),
                out.utc(credential["expires_at_ms"]) or "never",
            )
            for credential in row["credentials"]
        ],
    )


@account.command("set-pin")
@click.argument("name")
@click.option(
    "--pin",
    metavar="PIN",
    help="Import this PIN instead of making one; - reads it from standard input. Needs --network.",
)
@click.option(
    "--network", "networks", metavar="NETWORK", multiple=True, help="Network the PIN is accepted from; may be repeated."
)
@json_option
def account_set_pin(name: str, pin: str | None, networks: tuple[str, ...], is_json: bool) -> None:
    """Replace the PIN of an account.

    The new one is printed once; the old one ends at once.

    \b
    Example:
      smsbridge account set-pin ward7
      smsbridge account set-pin panel-3 --pin - --network 192.168.7.0/24 < pin.txt
    """
    given = _given_pin(pin, networks)
    answer: NewPin = call("account_set_pin", name=name, pin=given, networks=list(networks))
    _show_pin(answer, is_json, f"account {name} has a new PIN")


@account.command("disable")
@click.argument("name")
def account_disable(name: str) -> None:
    """Refuse everything from an account.

    What it has queued still goes out.

    \b
    Example:
      smsbridge account disable ward7
    """
    call("account_disable", name=name)
    click.echo(f"account {name} is disabled")


@account.command("enable")
@click.argument("name")
def account_enable(name: str) -> None:
    """Let a disabled account in again.

    \b
    Example:
      smsbridge account enable ward7
    """
    call("account_enable", name=name)
    click.echo(f"account {name} is enabled")


@account.command("allow-network")
@click.argument("name")
@click.argument("network")
def account_allow_network(name: str, network: str) -> None:
    """Take mail from a network without login.

    Binds a source network to an account: for senders that cannot log in, such as a monitoring host. Everybody
    in that network can then send at the account's cost, so name single hosts where you can.

    \b
    Example:
      smsbridge account allow-network ward7 192.168.7.20/32
    """
    answer: AllowedNetwork = call("account_allow_network", name=name, network=network)
    click.echo(f"mail from {answer['network']} is accepted for account {name}")


def _given_pin(pin: str | None, networks: tuple[str, ...]) -> str | None:
    """The PIN to import, or None to have one made."""
    if pin is None:
        return None
    if not networks:
        fail(EX_USAGE, "a given PIN needs --network", "name the network its device is in, as 192.168.7.0/24")
    if pin != "-":
        return pin
    given = sys.stdin.readline(PIN_SIZE_MAX).strip()
    if not given:
        fail(EX_USAGE, "standard input holds no PIN", "write it in the first line")
    return given


def _show_pin(answer: NewPin, is_json: bool, what: str) -> None:
    if is_json:
        return out.as_json(answer)
    click.echo(what)
    if answer["pin"]:
        click.echo(f"PIN  {answer['pin']}")
        click.echo("It is shown only now; `smsbridge account set-pin` makes another.", err=True)
    return None
