"""Commands about the SMPP door: who is bound to it."""

import click

from bridge.app.answers.smpp import EsmeLine
from bridge.app.cli import printing as out
from bridge.app.cli.base import Group, json_option
from bridge.app.cli.place import call


@click.group(cls=Group)
def smpp() -> None:
    """ESMEs: the programs that are bound to our SMPP door.

    \b
    Example:
      smsbridge smpp list
    """


@smpp.command("list")
@json_option
def smpp_list(is_json: bool) -> None:
    """List the bound sessions.

    Whose they are, how and from where they are bound, what they have done since then, and how many requests wait
    for an answer: ours to the ESME, and the ESME's to us (of its window).

    \b
    Example:
      smsbridge smpp list
    """
    rows: list[EsmeLine] = call("smpp_list", needs_running=True)
    if is_json:
        return out.as_json(rows)
    return sessions(rows) if rows else out.nothing("ESME is bound; docs/smpp.md says how one connects")


def sessions(rows: list[EsmeLine]) -> None:
    """The sessions as a table."""
    out.table(
        ("account", "bound as", "SMPP", "from", "since", "accepted", "delivered", "we owe", "it owes"),
        [
            (
                row["account"],
                row["bind_type"],
                row["version"],
                row["address"] + " (TLS)" * row["tls"],
                out.utc(row["bound_at_ms"]),
                row["accepted"],
                row["delivered"],
                row["unanswered_by_us"],
                f"{row['unanswered_by_esme']}/{row['window_max']}",
            )
            for row in rows
        ],
        right=("it owes",),
    )
