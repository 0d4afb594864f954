"""Commands about messages: send, message list, message show, queue."""

import sys
from typing import Any

import click

from bridge.app.answers.messages import (
    Cancelled,
    InboundLine,
    MessageDetail,
    MessageLine,
    OwedLine,
    Queue,
    Rescheduled,
    SentMessage,
)
from bridge.app.cli import printing as out
from bridge.app.cli.account import LANES
from bridge.app.cli.base import Command, Group, actor, json_option
from bridge.app.cli.exits import EX_DATA, fail
from bridge.app.cli.life import life_of, parts_end_ms, parts_reason
from bridge.app.cli.place import call
from bridge.messages.message import MessageState

TEXT_SIZE_MAX = 65_536
"""Characters read of a text on standard input: far more than the parts a message may have."""
LIST_DEFAULT, LIST_MAX = 20, 1000
AT_HELP = "Send it at this time of the account's clock, as 2026-12-01T08:00; with Z or +01:00 behind it of that zone."
STATES = [state.value for state in MessageState]


class StateName(click.ParamType):
    """The state of a message, as the program or as the lists write it."""

    name = "state"

    def convert(self, value: str, param: click.Parameter | None, context: click.Context | None) -> str:
        state = value.strip().lower().replace(" ", "_")
        if state not in STATES:
            self.fail(f"{value!r} is no state; one of {', '.join(STATES)}", param, context)
        return state


@click.command(cls=Command)
@click.argument("text", nargs=-1, required=True)
@click.option(
    "--account", required=True, metavar="NAME", envvar="SMSBRIDGE_ACCOUNT", show_envvar=True, help="Account that pays."
)
@click.option("--to", required=True, multiple=True, metavar="NUMBER", help="Recipient; may be repeated.")
@click.option(
    "--originator", metavar="SENDER", default="", help="Sender shown on the handset; the account's when left out."
)
@click.option("--lane", type=click.Choice(LANES), help="How urgent; the account's lane when left out.")
@click.option("--reference", metavar="TEXT", default="", help="Your own name for it, at most 64 characters.")
@click.option("--at", metavar="TIME", default="", help=AT_HELP)
@click.option("--in", "after", metavar="SPAN", default="", help="Send it in so long: 90s, 15m, 2h, 1d, 1h30m.")
@click.option(
    "--worthless-after", metavar="SPAN", default="", help="Neither send nor deliver it later than so long after that."
)
@click.option("--validity", metavar="SPAN", default="", help="For how long the network may try to deliver it.")
@click.option("--queue-age", metavar="SPAN", default="", help="How long it may wait for a link.")
@json_option
def send(text: tuple[str, ...], to: tuple[str, ...], lane: str | None, is_json: bool, **values: Any) -> None:
    """Send a text to one or more numbers.

    TEXT is the rest of the line; - takes it from standard input. All numbers or none: when one is refused,
    nothing is sent and nothing charged. When this command ends well, the messages are charged, queued and on disk.

    \b
    Example:
      smsbridge send --account ward7 --to 46701740605 "Pump 3 stopped"
      df -h / | smsbridge send --account ops --lane alarm --to 46701740605 --to 46701740606 -
      smsbridge send --account ward7 --to 46701740605 --at 2026-12-01T08:00 --worthless-after 4h "Clinic at ten"
    """
    rows: list[SentMessage] = call("send", to=list(to), text=_text(text), lane=lane or "", **values)
    if is_json:
        return out.as_json(rows)
    return out.table(
        ("message", "to", "parts", "charged"),
        [(row["message_id"], row["recipient"], row["part_total"], out.credit(row["price_mc"])) for row in rows],
        right=("charged",),
    )


def _text(words: tuple[str, ...]) -> str:
    """The text: the words of the command line, or standard input."""
    text = sys.stdin.read(TEXT_SIZE_MAX).rstrip("\n") if words == ("-",) else " ".join(words)
    try:
        text.encode()
    except UnicodeEncodeError:
        fail(EX_DATA, "the text is not UTF-8", "set the terminal to UTF-8, or convert it with iconv")
    return text


@click.group(cls=Group)
def message() -> None:
    """Messages: what was accepted and what became of it.

    \b
    Example:
      smsbridge message list --account ward7
      smsbridge message show 6FD54FA2
    """


@message.command("list")
@click.option("--account", metavar="NAME", help="Only of this account.")
@click.option("--state", metavar="STATE", type=StateName(), help=f"Only in this state: {', '.join(STATES)}.")
@click.option(
    "--count",
    metavar="N",
    type=click.IntRange(1, LIST_MAX),
    default=LIST_DEFAULT,
    show_default=True,
    help="How many, the newest first.",
)
@json_option
def message_list(account: str | None, state: str | None, count: int, is_json: bool) -> None:
    """List the newest messages.

    \b
    Example:
      smsbridge message list --account ward7 --state undeliverable
    """
    rows: list[MessageLine] = call("message_list", account=account, state=state, count_max=count)
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("messages")
    return out.table(
        ("message", "accepted", "account", "door", "from", "to", "parts", "state"),
        [
            (
                row["message_id"],
                out.utc(row["accepted_at_ms"]),
                row["account"],
                row["door"],
                row["originator"],
                row["recipient"],
                row["part_total"],
                row["state"].replace("_", " "),
            )
            for row in rows
        ],
    )


@message.command("show")
@click.argument("message_id", metavar="MESSAGE")
@json_option
def message_show(message_id: str, is_json: bool) -> None:
    """Show the whole life of a message.

    Part by part, in UTC, with the reason why it waits and until when.

    \b
    Example:
      smsbridge message show 6FD54FA2
    """
    detail: MessageDetail = call("message_show", message_id=message_id)
    if is_json:
        return out.as_json(detail)
    return click.echo("\n".join(life_of(detail, out.now_ms())))


@message.command("cancel")
@click.argument("message_id", metavar="MESSAGE")
@json_option
def message_cancel(message_id: str, is_json: bool) -> None:
    """Take a message back before it is sent.

    All of it or nothing: when a carrier has one of its parts already, it is too late. Its price comes back, and
    whoever is told of its end is told so.

    \b
    Example:
      smsbridge message cancel 6FD54FA2
    """
    answer: Cancelled = call("message_cancel", message_id=message_id, actor=actor())
    if is_json:
        return out.as_json(answer)
    back = f"; {out.credit(answer['refunded_mc'])} given back" if answer["refunded_mc"] else ""
    return click.echo(f"cancelled {' '.join(answer['cancelled'])}{back}")


@message.command("reschedule")
@click.argument("message_id", metavar="MESSAGE")
@click.option("--at", metavar="TIME", default="", help=AT_HELP)
@click.option("--in", "after", metavar="SPAN", default="", help="Send it in so long: 90s, 15m, 2h, 1d, 1h30m.")
@json_option
def message_reschedule(message_id: str, is_json: bool, **values: Any) -> None:
    """Send a message at another time, while no carrier has it.

    A time that has come means at once. Hours that hold for it hold at the new time too, and how long it is worth
    sending counts from there, unless its sender named the moment.

    \b
    Example:
      smsbridge message reschedule 6FD54FA2 --at 2026-12-01T08:00
      smsbridge message reschedule 6FD54FA2 --in 15m
    """
    answer: Rescheduled = call("message_reschedule", message_id=message_id, actor=actor(), **values)
    if is_json:
        return out.as_json(answer)
    return click.echo(f"message {answer['message_id']} is sent at {out.utc(answer['due_at_ms'])}")


@message.command("inbound")
@click.option(
    "--count",
    metavar="N",
    type=click.IntRange(1, LIST_MAX),
    default=LIST_DEFAULT,
    show_default=True,
    help="How many, the newest first.",
)
@json_option
def message_inbound(count: int, is_json: bool) -> None:
    """List the newest texts from handsets.

    A text without an account came to a number that nobody owns; `smsbridge number add` gives it an owner.

    \b
    Example:
      smsbridge message inbound --count 5
    """
    rows: list[InboundLine] = call("inbound_list", count_max=count)
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("texts from handsets")
    return out.table(
        ("inbound", "received", "from", "to", "account", "text"),
        [
            (
                row["inbound_id"],
                out.utc(row["received_at_ms"]),
                row["originator"],
                row["number"],
                row["account"],
                row["text"] + (" (incomplete)" if row["is_incomplete"] else ""),
            )
            for row in rows
        ],
    )


@click.command(cls=Command)
@json_option
def queue(is_json: bool) -> None:
    """Show what is not finished, and why.

    Parts by link, lane and state, and what we owe by mail and to ESMEs: how many, since when the oldest, until when
    the first of them waits or is kept, and below why, and what comes next. Times are UTC.

    \b
    Example:
      smsbridge queue
    """
    answer: Queue = call("queue")
    if is_json:
        return out.as_json(answer)
    now_ms = out.now_ms()
    parts, notices = answer["parts"], answer["notices"]
    if not parts:
        click.echo("no part waits")
    out.table(
        ("link", "lane", "state", "parts", "oldest", "until"),
        [
            (
                row["link"],
                row["lane"],
                row["state"].replace("_", " "),
                row["count"],
                out.utc(row["oldest_at_ms"]),
                out.until(parts_end_ms(row), now_ms),
            )
            for row in parts
        ],
        below=[parts_reason(row, now_ms) for row in parts],
    )
    if notices:
        click.echo()
    out.table(
        ("owed", "count", "oldest", "kept until"),
        [
            (_owed_to(row), row["count"], out.utc(row["oldest_at_ms"]), out.until(row["kept_until_ms"], now_ms))
            for row in notices
        ],
        below=[(row["reason"] or "for the relay") + out.next_try(row["next_action_at_ms"], now_ms) for row in notices],
    )
    return None


def _owed_to(row: OwedLine) -> str:
    return f"to ESMEs of {row['account']}" if row["account"] else row["kind"]
