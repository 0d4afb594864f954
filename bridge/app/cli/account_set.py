"""The command that changes an account: account set."""

from typing import Any

import click

from bridge.app.cli.account import (
    LANES,
    LOW_LIMIT_HELP,
    LOW_TEXT_HELP,
    MAIL_EVENTS,
    REFUNDS,
    REFUNDS_HELP,
    RESERVE_HELP,
)
from bridge.app.cli.base import CREDITS, SPAN, Command
from bridge.app.cli.exits import EX_USAGE, fail
from bridge.app.cli.place import call
from bridge.ledger.accounts import ALPHABETS, CHOICES


@click.command("set", cls=Command)
@click.argument("name")
@click.option("--email", metavar="ADDRESS", help="Where reports and warnings about the account go.")
@click.option("--mobile", metavar="NUMBER", help="Mobile number of its owner.")
@click.option("--class", "account_class", metavar="CLASS", help="Price class.")
@click.option("--home-country", metavar="CC", help="Two letters, as SE: lets it write numbers in national format.")
@click.option("--time-zone", metavar="ZONE", help="As Europe/Stockholm; kept with the account.")
@click.option("--lane", type=click.Choice(LANES), help="How urgent its texts are.")
@click.option(
    "--mail-events",
    type=click.Choice(MAIL_EVENTS),
    help="What is reported by mail: to the sender of a mail; of other messages only failures, to the account.",
)
@click.option("--originator", metavar="SENDER", help="Sender shown on the handset when a submission names none.")
@click.option("--overdraft", "overdraft_mc", type=CREDITS, help="How far below zero it may go.")
@click.option("--reserve", "reserve_mc", type=CREDITS, help=RESERVE_HELP)
@click.option("--refunds", type=click.Choice(REFUNDS), help=REFUNDS_HELP)
@click.option("--low-limit", "low_limit_mc", type=CREDITS, help=LOW_LIMIT_HELP)
@click.option("--low-text/--no-low-text", "is_low_texted", default=None, help=LOW_TEXT_HELP)
@click.option("--smpp-binds", "smpp_binds_max", type=click.IntRange(0), help="Sessions of its ESMEs at a time.")
@click.option(
    "--smpp-parts-per-second", type=click.FloatRange(0), help="What they may submit; more is throttled. 0: no limit."
)
@click.option(
    "--smpp-receipts",
    type=click.Choice(CHOICES["smpp_receipts"]),
    help="Which receipts they get: as registered_delivery asks, or another rule whatever it asks.",
)
@click.option("--smpp-alphabet-0", type=click.Choice(ALPHABETS), help="What data_coding 0 means.")
@click.option("--smpp-alphabet-1", type=click.Choice(ALPHABETS), help="What data_coding 1 means.")
@click.option(
    "--smpp-id-form",
    type=click.Choice(CHOICES["smpp_id_form"]),
    help="How message_id is spelled; hex_decimal: hex in submit_sm_resp, decimal in receipts; decimal_hex: reverse.",
)
@click.option(
    "--smpp-long-inbound",
    type=click.Choice(CHOICES["smpp_long_inbound"]),
    help="How long texts from handsets reach its ESMEs: as one message_payload, or in parts.",
)
@click.option("--hours", metavar="HOURS", help="When its messages may be sent, as mo-fr 08:00-20:00 Europe/Stockholm.")
@click.option(
    "--hours-for-alarms/--no-hours-for-alarms", default=None, help="Whether the alarm lane waits for them too."
)
@click.option("--validity", "validity_ms", type=SPAN, help="What is asked of the network; 0: as long as it allows.")
@click.option(
    "--queue-age", "queue_age_ms", type=SPAN, help="How long a message may wait for a link; 0: the settings'."
)
@click.option(
    "--worthless-after",
    "worthless_after_ms",
    type=SPAN,
    help="Neither send nor deliver a message later than so long after its time; 0: no such bound.",
)
@click.option(
    "--parts-per-second",
    type=click.FloatRange(0),
    help="How fast its parts leave, on all links together; it may submit more, which waits. 0: no limit.",
)
def account_set(name: str, **values: Any) -> None:
    """Change an account.

    Only what is named changes; "" takes a text away. What was accepted before keeps its price, lane and sender.

    \b
    Example:
      smsbridge account set ward7 --low-limit 20 --mobile 46701740605 --low-text
      smsbridge account set ward7 --overdraft 50 --refunds undeliverable
      smsbridge account set ward7 --hours "mo-fr 08:00-20:00" --worthless-after 4h
      smsbridge account set newsletters --lane bulk --parts-per-second 20
      smsbridge account set bulk-gateway --smpp-binds 4 --smpp-parts-per-second 50 --smpp-receipts always
    """
    facts = {fact: value for fact, value in values.items() if value is not None}
    if not facts:
        fail(EX_USAGE, "nothing to set", "name at least one option; `smsbridge account set --help` lists them")
    call("account_set", name=name, facts=facts)
    click.echo(f"account {name} is changed; `smsbridge account show {name}` shows it")
