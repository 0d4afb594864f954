"""Commands about links: link list, link retry."""

import click

from bridge.app.answers.appliance import LinkLine, LinkRetry
from bridge.app.cli import printing as out
from bridge.app.cli.base import Group, actor, json_option
from bridge.app.cli.exits import EX_UNAVAILABLE, fail
from bridge.app.cli.place import call


@click.group(cls=Group)
def link() -> None:
    """Links: the upstream SMPP connections.

    \b
    Example:
      smsbridge link list
      smsbridge link retry carrier
    """


@link.command("list")
@json_option
def link_list(is_json: bool) -> None:
    """List the links and how they are.

    State and since when; how many of its sessions are bound; how much of the window is used; how its receipts spell
    the ids of its answers, as far as any have come; how many parts wait for the link; and below what is in the way.

    \b
    Example:
      smsbridge link list
    """
    rows: list[LinkLine] = call("link_list")
    if is_json:
        return out.as_json(rows)
    return links_table(rows) if rows else out.nothing("links; `links` in the configuration adds some")


@link.command("retry")
@click.argument("name")
@json_option
def link_retry(name: str, is_json: bool) -> None:
    """Let a link that waits for its next try connect now.

    After a loss a link waits up to a minute for its next try, and five minutes when the carrier refused its system_id
    or password. Correct what was wrong, then use this; carriers lock accounts that knock too often. Ends with 69 when
    the link is not bound after that.

    \b
    Example:
      smsbridge link retry carrier
    """
    answer: LinkRetry = call("link_retry", needs_running=True, name=name, actor=actor())
    if is_json:
        out.as_json(answer)
    elif answer["sessions_bound"] == answer["sessions_total"]:
        click.echo(f"link {name} is bound" + " already" * (not answer["had_waited"]))
    elif answer["sessions_bound"]:
        click.echo(f"link {name} is bound, but not on all of its sessions: {answer['reason']}")
    elif answer["is_trying"]:
        click.echo(f"link {name} is still connecting; `smsbridge link list` shows how it goes on")
    if not answer["sessions_bound"] and not answer["is_trying"]:
        fail(EX_UNAVAILABLE, f"link {name} is not bound: {answer['reason']}", "the log of the appliance says more")


def links_table(rows: list[LinkLine]) -> None:
    """The links, and below each what is in its way."""
    out.table(
        ("link", "endpoint", "system_id", "state", "since", "binds", "window", "ids", "queued"),
        [
            (
                row["name"],
                row["endpoint"],
                row["system_id"],
                row["state"],
                out.utc(row["since_at_ms"]),
                f"{row['sessions_bound']}/{row['sessions_total']}" if row["sessions_total"] else "",
                f"{row['window_used']}/{row['window_max']}" if row["window_max"] else "",
                ", ".join(row["spellings"]),
                row["queued"],
            )
            for row in rows
        ],
        right=("binds", "window"),
        below=[row["reason"] for row in rows],
    )
