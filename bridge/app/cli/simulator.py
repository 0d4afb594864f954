"""Commands of the built-in other side: run the SMSC by itself, let one of its handsets write, load any SMSC."""

import asyncio
import contextlib
import dataclasses
import gc
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bridge.app.answers.appliance import Injected
from bridge.app.cli import printing as out
from bridge.app.cli.base import Group
from bridge.app.cli.exits import EX_DATA, EX_UNAVAILABLE, EX_USAGE, fail
from bridge.app.cli.place import call
from bridge.app.listening import why_not
from bridge.simulator import ready
from bridge.simulator.settings import SimulatorAccount, SimulatorSettings

if TYPE_CHECKING:
    from bridge.simulator.script import Script
    from bridge.simulator.smsc import Smsc

INBOUND_TIMEOUT_S = 30.0
"""The simulator answers when the appliance has stored the text."""
TELL_EVERY_S = 1.0
GARBAGE_THRESHOLDS = (50_000, 20, 100)
"""Under load nearly all that is made is dropped at once, and looking through the rest costs a tenth of the speed."""
NAME_SIZE_MAX = 64
"""Characters of a system_id and of a password."""


class SimulatorGroup(Group):
    """The group, whose help also tells the ready scripts and what the last digits choose."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # Late: no other command needs it.
        from bridge.simulator.behaviour import TABLE

        with formatter.section("Ready scripts"):
            formatter.write_dl([(name, ready.about(name)) for name in ready.names()])
        with formatter.section("What the last four digits of a number choose"):
            rows = [(suffix, does.about) for suffix, does in TABLE.items()]
            formatter.write_dl([*rows, ("else", "delivered after --receipt-delay-ms")])


@click.group(cls=SimulatorGroup, invoke_without_command=True)
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=2775, show_default=True, help="TCP port; 0 is any.")
@click.option("--system-id", default="simulator", show_default=True, help="The system_id that may bind.")
@click.option("--password", default="simulate", show_default=True, help="Its password.")
@click.option("--account", "accounts", multiple=True, metavar="ID:PASSWORD", help="One more that may bind; repeatable.")
@click.option("--script", "script_name", metavar="NAME|FILE", default="", help="A ready script, or a YAML file.")
@click.option("--seed", type=click.IntRange(0), help="Where chance begins, instead of the script's.")
@click.option("--receipt-delay-ms", type=click.IntRange(0), default=200, show_default=True, help="Time to a receipt.")
@click.option(
    "--window", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Unanswered deliveries a session."
)
@click.option("--certificate", type=click.Path(path_type=Path), help="PEM file; with it and a key the port speaks TLS.")
@click.option("--private-key", type=click.Path(path_type=Path), help="PEM file with the certificate's key.")
@click.pass_context
def simulator(
    context: click.Context,
    address: str,
    port: int,
    system_id: str,
    password: str,
    accounts: tuple[str, ...],
    script_name: str,
    seed: int | None,
    receipt_delay_ms: int,
    window: int,
    certificate: Path | None,
    private_key: Path | None,
) -> None:
    """Run the built-in SMSC by itself.

    A carrier that reaches no handset; it runs until Ctrl-C, tells each second what happens, and all of it at the end.
    What it does with a part is decided by the rules of its script, else by the last digits of the number.
    docs/simulator.md tells how scripts are written. The trial appliance of `smsbridge run` has one built in, on port
    2775: beside it choose another.

    \b
    Example:
      smsbridge simulator --port 2776
      smsbridge simulator --port 2776 --script storm
      smsbridge simulator --port 2776 --script my.yaml --account second:secret
      smsbridge simulator inbound 46701740605 46701740699 "Hello"
      smsbridge simulator traffic --port 2776 --count 1000
    """
    if context.invoked_subcommand is not None:
        return
    if (certificate is None) != (private_key is None):
        fail(EX_USAGE, "TLS needs --certificate and --private-key", "name both")
    settings = SimulatorSettings(
        address=address,
        port=port,
        system_id=system_id,
        password=password,
        accounts=_accounts(system_id, accounts),
        receipt_delay_ms=receipt_delay_ms,
        window=window,
        certificate=certificate,
        private_key=private_key,
    )
    asyncio.run(_simulate(settings, _script(script_name, seed)))


def _accounts(system_id: str, words: tuple[str, ...]) -> list[SimulatorAccount]:
    """The further accounts; each has one password."""
    accounts: list[SimulatorAccount] = []
    for one in map(_account, words):
        if one.system_id in (system_id, *(other.system_id for other in accounts)):
            fail(EX_USAGE, f"account {one.system_id} has two passwords", "name each once, the first one by --system-id")
        accounts.append(one)
    return accounts


def _account(words: str) -> SimulatorAccount:
    system_id, colon, password = words.partition(":")
    if not colon or not 0 < len(system_id) <= NAME_SIZE_MAX or len(password) > NAME_SIZE_MAX:
        fail(EX_USAGE, f"--account {words}", "write it like second:secret")
    return SimulatorAccount(system_id=system_id, password=password)


def _script(name: str, seed: int | None) -> "Script":
    """The script of that name or file; a file that is wrong ends the command with all that is wrong with it."""
    # Late: the SMPP rooms are not needed by any other command.
    from bridge.app.config_file import read_script
    from bridge.simulator.script import Script

    if not name:
        return Script(seed=1 if seed is None else seed)
    path = ready.find(Path(name))
    if path is None:
        fail(EX_USAGE, ready.missing(name), f"name a YAML file, or one of {', '.join(ready.names())}")
    written = read_script(path)
    return (written if seed is None else written.model_copy(update={"seed": seed})).value()


async def _simulate(settings: SimulatorSettings, script: "Script") -> None:
    from bridge.runtime import logs
    from bridge.runtime.logs_settings import LogSettings
    from bridge.simulator.smsc import Smsc

    logs.configure(LogSettings())
    smsc = Smsc(settings, script)
    try:
        await smsc.start()
    except OSError as error:
        why = why_not(error, (settings.address, settings.port)) or str(error.strerror or error)
        fail(EX_UNAVAILABLE, why, "choose another --port, or --address")
    except ValueError as error:
        fail(EX_DATA, str(error), "name a PEM file for each")
    where = out.endpoint(settings.address, smsc.port) + " (TLS)" * (settings.certificate is not None)
    click.echo(f"SMSC on {where}, bind as {settings.system_id} / {settings.password}")
    for account in settings.accounts:
        click.echo(f"also as {account.system_id} / {account.password}")
    if script.about:
        click.echo(f"it plays: {script.about}")
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number_of_signal in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number_of_signal, ended.set)
    await _tell(smsc, ended)
    await smsc.stop()
    _tell_all(smsc)


async def _tell(smsc: "Smsc", ended: asyncio.Event) -> None:
    """A line for every second in which something happened, until the end."""
    from bridge.simulator import stats

    before, since = smsc.counts.snapshot(), time.monotonic()
    while not ended.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), TELL_EVERY_S)
        now = time.monotonic()
        sessions = sum(len(account.connections) for account in smsc.accounts.values())
        line = stats.line(before, smsc.counts, now - since, smsc.waiting, sessions)
        if line:
            click.echo(f"{time.strftime('%H:%M:%S')}  {line}")
        before, since = smsc.counts.snapshot(), now


def _tell_all(smsc: "Smsc") -> None:
    from bridge.simulator import stats

    click.echo()
    out.table(
        ("since the start", "count"), [(name, f"{count:,}") for name, count in stats.rows(smsc.counts)], ["count"]
    )


@simulator.command("inbound")
@click.argument("originator", metavar="FROM")
@click.argument("recipient", metavar="TO")
@click.argument("text")
def simulator_inbound(originator: str, recipient: str, text: str) -> None:
    """Send a text from a simulated handset.

    The simulator of the running appliance delivers TEXT from handset FROM to virtual number TO; both are digits.

    \b
    Example:
      smsbridge simulator inbound 46701740605 46701740699 "Door 4 is open"
    """
    answer: Injected = call(
        "simulator_inbound",
        needs_running=True,
        timeout_s=INBOUND_TIMEOUT_S,
        originator=originator,
        recipient=recipient,
        text=text,
    )
    click.echo(f"handed to the appliance in {answer['part_total']} {'part' if answer['part_total'] == 1 else 'parts'}")


@simulator.command("script")
@click.argument("name", required=False, default="")
def simulator_script(name: str) -> None:
    """Print a ready script, to begin your own with.

    Without NAME the ready scripts are listed.

    \b
    Example:
      smsbridge simulator script storm > my.yaml
      smsbridge simulator --port 2776 --script my.yaml
    """
    if not name:
        out.table(("script", "what it plays"), [(each, ready.about(each)) for each in ready.names()])
        return
    path = ready.path_of(name)
    if path is None:
        fail(EX_USAGE, f"there is no ready script {name}", f"the ready ones are {', '.join(ready.names())}")
    click.echo(path.read_text("utf-8"), nl=False)


@simulator.command("traffic")
@click.option("--host", default="127.0.0.1", show_default=True, help="The SMSC.")
@click.option("--port", type=click.IntRange(1, 65535), default=2775, show_default=True, help="Its TCP port.")
@click.option("--system-id", default="simulator", show_default=True, help="The system_id to bind as.")
@click.option("--password", default="simulate", show_default=True, help="Its password.")
@click.option("--count", type=click.IntRange(1), default=100, show_default=True, help="Messages to send.")
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=100.0,
    show_default=True,
    help="Messages per second; 0: as fast as the window allows.",
)
@click.option("--window", type=click.IntRange(1), default=50, show_default=True, help="Unanswered messages at a time.")
@click.option("--originator", default="Traffic", show_default=True, help="A name; 11 letters or digits.")
@click.option("--to", type=click.IntRange(1), default=447700900100, show_default=True, help="The first of 900 numbers.")
@click.option("--text", help="What to send instead of a line about load; ASCII, one part.")
@click.option(
    "--wait-s", type=click.FloatRange(0), default=10.0, show_default=True, help="How long to wait for receipts."
)
def simulator_traffic(
    host: str,
    port: int,
    system_id: str,
    password: str,
    count: int,
    rate: float,
    window: int,
    originator: str,
    to: int,
    text: str | None,
    wait_s: float,
) -> None:
    """Send a load of messages to any SMSC.

    Speaks through smpplib, another implementation of SMPP. Ends with 0 when every message was accepted, 1 when some
    were not, 2 when there was no session.

    \b
    Example:
      smsbridge simulator traffic --port 2776 --count 1000 --rate 200
    """
    from bridge.simulator import traffic

    load = traffic.Load(
        host, port, system_id, password, count, rate, window, originator, to, receipts_wait_s=wait_s
    )  # fmt: skip
    if text is not None:
        if not text.isascii() or len(text) > traffic.TEXT_SIZE_MAX:
            fail(EX_USAGE, "--text is no ASCII of one part", f"write at most {traffic.TEXT_SIZE_MAX} plain letters")
        load = dataclasses.replace(load, text=text)
    click.get_current_context().exit(traffic.run(load))
