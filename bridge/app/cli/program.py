"""The command `smsbridge`: its groups, and the commands about the appliance as a whole."""

import sys
from pathlib import Path

import click

from bridge.app.answers.appliance import Audit, DiskState, Status
from bridge.app.cli import printing as out
from bridge.app.cli.account import account
from bridge.app.cli.account_set import account_set
from bridge.app.cli.account_smpp import account_smpp
from bridge.app.cli.backup import backup, backup_words, restore_command
from bridge.app.cli.base import Program, json_option
from bridge.app.cli.coverage import coverage
from bridge.app.cli.credit import account_adjust, account_close, account_top_up, account_transfer, message_refund
from bridge.app.cli.exits import EX_DATA, fail
from bridge.app.cli.explain import explain
from bridge.app.cli.held import held, held_words
from bridge.app.cli.hours import hours
from bridge.app.cli.link import link, links_table
from bridge.app.cli.message import message, queue, send
from bridge.app.cli.network import network
from bridge.app.cli.number import number
from bridge.app.cli.originator import originator
from bridge.app.cli.person import actions, person
from bridge.app.cli.place import Place, call, the_place
from bridge.app.cli.refusal import refusal
from bridge.app.cli.route import route
from bridge.app.cli.simulator import simulator
from bridge.app.cli.smpp import smpp
from bridge.app.cli.statement import account_statement
from bridge.app.cli.tariff import tariff
from bridge.app.config_errors import ConfigError
from bridge.app.settings import Settings
from bridge.app.state_folder import RESTORE
from bridge.app.version import version
from bridge.intake.test_numbers import DEFAULT, FICTION
from bridge.ledger.audit import FILE_CHECK

AUDIT_TIMEOUT_S = 600.0
"""The audit reads the whole ledger."""


@click.group(
    cls=Program,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version(), prog_name="smsbridge")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="SMSBRIDGE_CONFIG",
    metavar="FILE",
    help="Configuration file. Without it: /etc/smsbridge/bridge.yaml if there is one, else built-in defaults for a "
    "trial. [env: SMSBRIDGE_CONFIG]",
)
@click.option(
    "--state-folder",
    type=click.Path(path_type=Path),
    envvar="SMSBRIDGE_STATE_FOLDER",
    metavar="FOLDER",
    help="Folder of the ledger and the control socket, instead of the configured one. [env: SMSBRIDGE_STATE_FOLDER]",
)
@click.pass_context
def cli(context: click.Context, config: Path | None, state_folder: Path | None) -> None:
    """Send text messages from e-mail, HTTP and the command line, over your own SMPP links.

    Commands talk to the running appliance; when none runs, they open its ledger themselves. --config and
    --state-folder may stand anywhere on the line. Times are UTC, amounts are credits.

    \b
    Begin with:
      smsbridge run                                   the whole appliance, for a trial
      smsbridge send --account demo --to 46701740605 Hello
      smsbridge message list
    """
    place = context.ensure_object(Place)
    place.config, place.state_folder = config, state_folder


@cli.command()
def run() -> None:
    """Run the appliance until SIGTERM or Ctrl-C.

    Without a configuration it runs on built-in defaults: the built-in SMSC is its link and the built-in mail
    server its relay, so that nothing leaves this machine.

    \b
    Example:
      smsbridge run
      smsbridge run --config /etc/smsbridge/bridge.yaml
    """
    place = the_place()
    reading = place.reading()
    _warn(reading.warnings)
    # Late: it installs the loop, which must not happen for any other command.
    from bridge.app.run import run as run_appliance

    reread = place.reading if place.file is not None else None
    sys.exit(run_appliance(reading.settings, is_trial=place.file is None, reread=reread))


@cli.command()
def check() -> None:
    """Check the configuration; start nothing.

    Tells everything that is wrong at once, each with file, line, key and cure. Ends with 0 when `smsbridge run`
    would start with it, else with 78. It may be used beside the running appliance.

    \b
    Example:
      smsbridge check --config /etc/smsbridge/bridge.yaml
    """
    place = the_place()
    reading = place.reading()
    click.echo(f"{place.file or 'the built-in defaults'}: good")
    out.facts(_summary(reading.settings), indent=2)
    _warn(reading.warnings)


def _warn(warnings: list[ConfigError]) -> None:
    for warning in warnings:
        click.echo(f"{warning} (a warning)", err=True)


def _summary(settings: Settings) -> list[tuple[str, str]]:
    """What would be opened, in words."""
    smtp = [out.endpoint(x.address, x.port) + f" ({x.tls})".replace(" (none)", "") for x in settings.smtp.listen]
    http = [out.endpoint(x.address, x.port) + " (TLS)" * x.tls for x in settings.http.listen]
    smpp_in = [out.endpoint(x.address, x.port) + " (TLS)" * x.tls for x in settings.smpp.listen]
    pairs = [
        ("state folder", str(settings.state_folder)),
        ("mail domains", ", ".join(settings.smtp.domains)),
        ("e-mail in", ", ".join(smtp) or "off"),
        ("HTTP in", ", ".join(http) or "off"),
        ("SMPP in", ", ".join(smpp_in) or "off"),
    ]
    for one in settings.links:
        where = one.endpoint + (" (HTTP)" if one.kind == "http" else " (TLS)" * one.tls)
        pairs.append((f"link {one.name}", f"{where} as {one.system_id}" if one.system_id else where))
    if not settings.links:
        pairs.append(("links", "none: every message is refused"))
    for numbers in settings.intake.test_numbers:
        note = f"; Ofcom keeps only {FICTION} of them for fiction" if numbers == DEFAULT else ""
        pairs.append(("test numbers", f"{numbers}: free, no handset gets a message{note}"))
    relay = settings.relay
    pairs.append(("mail out", out.endpoint(relay.host, relay.port) if relay else "none: reports wait"))
    if settings.simulator:
        pairs.append(("simulator", out.endpoint(settings.simulator.address, settings.simulator.port)))
    if settings.mail_sink:
        pairs.append(("mail sink", out.endpoint(settings.mail_sink.address, settings.mail_sink.port)))
    return pairs


@cli.command()
@json_option
def status(is_json: bool) -> None:
    """Show how the running appliance is.

    Since when it runs, how much room its disk has, where it listens, how its links are.

    \b
    Example:
      smsbridge status
    """
    answer: Status = call("status", needs_running=True)
    if is_json:
        return out.as_json(answer)
    out.facts(
        (
            ("version", answer["version"]),
            ("process", answer["pid"]),
            ("running since", out.utc(answer["started_at_ms"])),
            ("state folder", answer["state_folder"]),
            ("disk", _disk(answer["disk"])),
            ("last backup", backup_words(answer["backup"]) if "backup" in answer else ""),
            ("held", held_words(answer["held"]) if "held" in answer else ""),
        )
    )
    if answer["listeners"]:
        click.echo()
        out.table(
            ("door", "listens on", "TLS"),
            [
                (x["door"], out.endpoint(x["address"], x["port"]), x["tls"].replace("none", ""))
                for x in answer["listeners"]
            ],
        )
    if answer["links"]:
        click.echo()
        links_table(answer["links"])
    return None


def _disk(disk: DiskState) -> str:
    """How much is free, and what the appliance does not do because of it."""
    told = f"{out.size(disk['free_bytes'])} of {out.size(disk['total_bytes'])} free"
    effect = _SHORT_OF_ROOM.get(disk["level"], "")
    return f"{told}: {effect}, until {out.size(disk['needed_bytes'])} are free" if effect else told


_SHORT_OF_ROOM = {"no_intake": "NOTHING IS ACCEPTED", "no_sending": "NOTHING IS ACCEPTED OR SENT"}


cli.add_command(send)
cli.add_command(message)
cli.add_command(queue)
cli.add_command(refusal)
cli.add_command(account)
for command in (account_set, account_smpp, account_top_up, account_adjust, account_transfer):
    account.add_command(command)
for command in (account_statement, account_close):
    account.add_command(command)
message.add_command(message_refund)
cli.add_command(number)
cli.add_command(tariff)
cli.add_command(originator)
cli.add_command(hours)
cli.add_command(link)
cli.add_command(route)
cli.add_command(network)
cli.add_command(explain)
cli.add_command(coverage)


@cli.group()
def ledger() -> None:
    """The ledger: are its books right?

    \b
    Example:
      smsbridge ledger audit
    """


@ledger.command("audit")
@json_option
def ledger_audit(is_json: bool) -> None:
    """Prove that the books are right.

    Sums of postings are balances, every message is charged once, every refund has its reason, and so on. Reads
    the whole ledger and changes nothing. Ends with 65 when a check fails.

    \b
    Example:
      smsbridge ledger audit
    """
    answer: Audit = call("ledger_audit", timeout_s=AUDIT_TIMEOUT_S)
    if is_json:
        out.as_json(answer)
    else:
        for one in answer["checks"]:
            found = f": {out.clean(one['detail'])}" if one["detail"] else ""
            click.echo(f"{'ok  ' if one['is_ok'] else 'FAIL'}  {out.clean(one['name'])}{found}")
    if any(one["name"] == FILE_CHECK and not one["is_ok"] for one in answer["checks"]):
        next_step = f"stop the appliance, keep the file as it is and {RESTORE}"
        fail(EX_DATA, "the ledger is damaged", f"{next_step}; `smsbridge backup list` shows them")
    if not answer["is_ok"]:
        failed = sum(not one["is_ok"] for one in answer["checks"])
        what = f"{failed} of {len(answer['checks'])} checks failed"
        fail(EX_DATA, what, "stop the appliance, keep the ledger file as it is, and report this")


cli.add_command(backup)
cli.add_command(restore_command, "restore")
cli.add_command(held)
cli.add_command(smpp)
cli.add_command(person)
cli.add_command(actions)
cli.add_command(simulator)
