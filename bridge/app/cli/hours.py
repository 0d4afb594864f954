"""Commands about when messages to a destination may be sent: hours."""

import click

from bridge.app.answers.senders import HoursLine
from bridge.app.cli import printing as out
from bridge.app.cli.base import Group, actor, json_option
from bridge.app.cli.place import call


@click.group(cls=Group)
def hours() -> None:
    """Hours of destinations: when messages may be sent there.

    Those of an account are set by `smsbridge account set NAME --hours`; a message waits until both are open.

    \b
    Example:
      smsbridge hours set country:FR "mo-fr 08:00-20:00, sa 10:00-20:00 Europe/Paris"
    """


@hours.command("set")
@click.argument("destination", metavar="DESTINATION")
@click.argument("hours", metavar="HOURS")
@click.option("--alarms", "is_for_alarms", is_flag=True, help="The alarm lane waits for them too.")
def hours_set(destination: str, hours: str, is_for_alarms: bool) -> None:
    """Say when messages to a destination may be sent.

    DESTINATION is prefix:4670, country:SE or everywhere; the longest prefix wins, then the country. It counts for
    messages that are accepted from now on.

    \b
    Example:
      smsbridge hours set country:FR "mo-fr 08:00-20:00, sa 10:00-20:00 Europe/Paris"
    """
    line: HoursLine = call(
        "hours_set", destination=destination, hours=hours, is_for_alarms=is_for_alarms, actor=actor()
    )
    too = ", alarms too" if line["is_for_alarms"] else ""
    click.echo(f"messages to {line['destination'] or 'everywhere'} are sent {line['hours']}{too}")


@hours.command("remove")
@click.argument("destination", metavar="DESTINATION")
def hours_remove(destination: str) -> None:
    """Let messages to a destination go at any time again.

    What was accepted before keeps its hours.

    \b
    Example:
      smsbridge hours remove country:FR
    """
    call("hours_remove", destination=destination, actor=actor())
    click.echo(f"messages to {destination} may be sent at any time")


@hours.command("list")
@json_option
def hours_list(is_json: bool) -> None:
    """List the hours of destinations.

    \b
    Example:
      smsbridge hours list
    """
    rows: list[HoursLine] = call("hours_list")
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("hours of destinations; messages go at any time")
    return out.table(
        ("destination", "hours", "alarms"),
        [(row["destination"] or "everywhere", row["hours"], "wait too" * row["is_for_alarms"]) for row in rows],
    )
