"""Commands about what a restore holds back: held list, release, cancel."""

import click

from bridge.app.answers.backup import Held, HeldCount, HeldDone
from bridge.app.cli import printing as out
from bridge.app.cli.base import Group, actor, json_option
from bridge.app.cli.place import call
from bridge.app.cli.tariff import Moment
from bridge.ledger.held import EVER_MS

HELD_TIMEOUT_S = 600.0
"""Hundreds of thousands of parts, a thousand at a time."""


@click.group(cls=Group)
def held() -> None:
    """What a restore holds back: show it, release it, cancel it.

    \b
    Example:
      smsbridge held list
      smsbridge held release --from 2026-11-24T05:00
    """


def held_words(held: HeldCount) -> str:
    """The line of `smsbridge status` about what is held; empty when nothing is."""
    if not any(held.values()):
        return ""
    told = f"{out.count(held['parts'], 'part')}, {out.count(held['notices'], 'notice')} since a restore"
    return f"{told}: NOT SENT until `smsbridge held release` or `held cancel`; `held list` shows them"


@held.command("list")
@json_option
def held_list(is_json: bool) -> None:
    """List what is held, by account, link and lane.

    \b
    Example:
      smsbridge held list
    """
    answer: Held = call("held_list")
    if is_json:
        return out.as_json(answer)
    if not (answer["parts"] or answer["notices"]):
        return out.nothing("held parts or notices")
    out.table(
        ("account", "link", "lane", "parts", "accepted from", "to", "why"),
        [
            (x["account"], x["link"], x["lane"], x["count"], out.utc(x["first_at_ms"]), out.utc(x["last_at_ms"]))
            + (x["waiting_for"],)
            for x in answer["parts"]
        ],
    )
    if answer["parts"] and answer["notices"]:
        click.echo()
    return out.table(
        ("account", "notices", "count", "owed from", "to", "why"),
        [
            (x["account"], x["kind"], x["count"], out.utc(x["first_at_ms"]), out.utc(x["last_at_ms"]), x["waiting_for"])
            for x in answer["notices"]
        ],
    )


_from = click.option(
    "--from",
    "from_ms",
    type=Moment(),
    metavar="DATE",
    help="Only what was accepted then or later, UTC: 2026-11-24 or 2026-11-24T05:31Z.",
)
_to = click.option("--to", "to_ms", type=Moment(), metavar="DATE", help="Only what was accepted before.")
_account = click.option("--account", default="", metavar="NAME", help="Only of this account.")


@held.command("release")
@_from
@_to
@_account
@json_option
def held_release(from_ms: int | None, to_ms: int | None, account: str, is_json: bool) -> None:
    """Send what is held, marked as possible duplicates.

    Parts go back to their queues at once. One whose validity has ended expires instead, and is told; because it
    may have been sent before, it stays charged. Held mails go out, too.

    \b
    Example:
      smsbridge held release --from 2026-11-24T05:00 --to 2026-11-24T06:00
      smsbridge held release --account ward7
    """
    answer: HeldDone = call(
        "held_release",
        timeout_s=HELD_TIMEOUT_S,
        account=account,
        from_ms=0 if from_ms is None else from_ms,
        to_ms=EVER_MS if to_ms is None else to_ms,
        actor=actor(),
    )
    if is_json:
        return out.as_json(answer)
    where = f" to {', '.join(answer['links'])}" if answer["links"] else ""
    parts, notices = out.count(answer["parts"], "part"), out.count(answer["notices"], "notice")
    return click.echo(f"released {parts}{where} and {notices}")


@held.command("cancel")
@_from
@_to
@_account
@click.option("--refund", "is_refunded", is_flag=True, help="Give their price back.")
@json_option
def held_cancel(from_ms: int | None, to_ms: int | None, account: str, is_refunded: bool, is_json: bool) -> None:
    """End what is held without sending it.

    Parts end as cancelled, and their senders are told that they may have been sent before. So they stay charged
    unless --refund gives their price back. Held mails are given up.

    \b
    Example:
      smsbridge held cancel --to 2026-11-24T05:00 --refund
    """
    answer: HeldDone = call(
        "held_cancel",
        timeout_s=HELD_TIMEOUT_S,
        account=account,
        from_ms=0 if from_ms is None else from_ms,
        to_ms=EVER_MS if to_ms is None else to_ms,
        is_refunded=is_refunded,
        actor=actor(),
    )
    if is_json:
        return out.as_json(answer)
    money = f", refunded {out.credit(answer['refunded_mc'])}" if is_refunded else ", nothing refunded"
    parts, notices = out.count(answer["parts"], "part"), out.count(answer["notices"], "notice")
    return click.echo(f"cancelled {parts} and {notices}{money}")
