"""Commands of the built-in other side: run the SMSC by itself, let one of its handsets write."""

import asyncio
import contextlib
import signal

import click

from bridge.app.answers.appliance import Injected
from bridge.app.cli.base import Group
from bridge.app.cli.exits import EX_UNAVAILABLE, fail
from bridge.app.cli.place import call
from bridge.simulator.settings import SimulatorSettings

INBOUND_TIMEOUT_S = 30.0
"""The simulator answers when the appliance has stored the text."""


@click.group(cls=Group, invoke_without_command=True)
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=2775, show_default=True, help="TCP port; 0 is any.")
@click.option("--system-id", default="simulator", show_default=True, help="The one system_id that may bind.")
@click.option("--password", default="simulate", show_default=True, help="Its password.")
@click.option("--receipt-delay-ms", type=click.IntRange(0), default=200, show_default=True, help="Time to a receipt.")
@click.pass_context
def simulator(
    context: click.Context, address: str, port: int, system_id: str, password: str, receipt_delay_ms: int
) -> None:
    """Run the built-in SMSC by itself.

    A carrier that reaches no handset; it runs until Ctrl-C. What it does with a text depends on the last digits
    of the number; docs/simulator.md lists them. The trial appliance of `smsbridge run` has one built in.

    \b
    Example:
      smsbridge simulator --port 2776
      smsbridge simulator inbound 46701740605 46701740699 "Hello"
    """
    if context.invoked_subcommand is not None:
        return
    settings = SimulatorSettings(
        address=address, port=port, system_id=system_id, password=password, receipt_delay_ms=receipt_delay_ms
    )
    try:
        asyncio.run(_simulate(settings))
    except OSError as error:
        fail(EX_UNAVAILABLE, f"cannot listen on {address}:{port} ({error.strerror})", "choose another --port")


async def _simulate(settings: SimulatorSettings) -> None:
    # Late: the SMPP rooms are not needed by any other command.
    from bridge.runtime import logs
    from bridge.runtime.logs_settings import LogSettings
    from bridge.simulator.smsc import Smsc

    logs.configure(LogSettings())
    smsc = Smsc(settings)
    await smsc.start()
    click.echo(f"SMSC on {settings.address}:{smsc.port}, bind as {settings.system_id} / {settings.password}")
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number_of_signal in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number_of_signal, ended.set)
    with contextlib.suppress(asyncio.CancelledError):
        await ended.wait()
    await smsc.stop()


@simulator.command("inbound")
@click.argument("originator", metavar="FROM")
@click.argument("recipient", metavar="TO")
@click.argument("text")
def simulator_inbound(originator: str, recipient: str, text: str) -> None:
    """Send a text from a simulated handset.

    The simulator of the running appliance delivers TEXT from handset FROM to virtual number TO.

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
