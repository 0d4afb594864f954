"""Commands about links: list, retry, stop, start, drain, throttle, reload, selftest."""

import time

import click

from bridge.app.answers.links import (
    Heartbeat,
    LinkLine,
    LinkPace,
    LinkReload,
    LinkRetry,
    LinkSelfTest,
    LinkTold,
    SelfTestSummary,
)
from bridge.app.cli import printing as out
from bridge.app.cli.base import SPAN, Group, actor, json_option
from bridge.app.cli.exits import EX_CONFIG, EX_UNAVAILABLE, fail
from bridge.app.cli.place import call
from bridge.intake.when import moment_ms
from bridge.messages.faults import Fault

STOP_TIMEOUT_S = 60.0
"""A link that is stopped or restarted waits for the answers that are due, and for the ledger to store them."""
LOOK_S = 0.2
HEARTBEATS_MAX = 1000


@click.group(cls=Group)
def link() -> None:
    """Links: the upstream connections.

    \b
    Example:
      smsbridge link list
      smsbridge link drain carrier --reason "maintenance at 22:00"
      smsbridge link start carrier
    """


@link.command("list")
@json_option
def link_list(is_json: bool) -> None:
    """List the links and how they are.

    State and since when; how many of its sessions are bound; how much of the window is used; how its receipts spell
    the ids of its answers, as far as any have come; how many parts wait for the link; the time to receipt of its last
    self-test, and what half and 95 of 100 of the last day's did not exceed; and below what is in the way.

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
    elif not answer["sessions_total"]:  # Over HTTP there is nothing to bind.
        how = "is tried with the next part" if answer["had_waited"] else "waits for no next try"
        click.echo(f"link {name} {how}")
    elif answer["sessions_bound"] == answer["sessions_total"]:
        click.echo(f"link {name} is bound" + " already" * (not answer["had_waited"]))
    elif answer["sessions_bound"]:
        click.echo(f"link {name} is bound, but not on all of its sessions: {answer['reason']}")
    elif answer["is_trying"]:
        click.echo(f"link {name} is still connecting; `smsbridge link list` shows how it goes on")
    if answer["sessions_total"] and not answer["sessions_bound"] and not answer["is_trying"]:
        fail(EX_UNAVAILABLE, f"link {name} is not bound: {answer['reason']}", "the log of the appliance says more")


_reason_option = click.option(
    "--reason", metavar="TEXT", default="", help="Why, for the next person: it is shown to everybody who asks."
)


@link.command("stop")
@click.argument("name")
@_reason_option
@json_option
def link_stop(name: str, reason: str, is_json: bool) -> None:
    """Stop a link; what waits for it goes to other links.

    It sends nothing more, and unbinds once what it sent is answered. What waits for it goes to the next link of its
    route, whole messages only; what has no other link, or may have been sent once, waits until the link is started
    again or its validity ends. It stays stopped over restarts, until `smsbridge link start`.

    \b
    Example:
      smsbridge link stop carrier --reason "wrong prices since today"
    """
    answer: LinkTold = call("link_stop", timeout_s=STOP_TIMEOUT_S, name=name, reason=reason, actor=actor())
    if is_json:
        return out.as_json(answer)
    already = " already" * (answer["was"] == "stopped")
    moved = f"; {out.count(answer['moved'], 'part')} that waited went to other links" if answer["moved"] else ""
    return click.echo(f"link {name} is stopped{already}{moved}")


@link.command("start")
@click.argument("name")
@json_option
def link_start(name: str, is_json: bool) -> None:
    """Start a link that was stopped, or that is being drained.

    \b
    Example:
      smsbridge link start carrier
    """
    answer: LinkTold = call("link_start", timeout_s=STOP_TIMEOUT_S, name=name, actor=actor())
    if is_json:
        return out.as_json(answer)
    if answer["was"] == "started":
        return click.echo(f"link {name} was not stopped; `smsbridge link list` shows how it stands")
    return click.echo(f"link {name} is started; `smsbridge link list` shows how it connects")


@link.command("drain")
@click.argument("name")
@_reason_option
@json_option
def link_drain(name: str, reason: str, is_json: bool) -> None:
    """Let a link send what it has, and stop it then.

    It gets nothing new: messages are planned without it from now on.

    \b
    Example:
      smsbridge link drain carrier --reason "maintenance at 22:00"
    """
    answer: LinkTold = call("link_drain", timeout_s=STOP_TIMEOUT_S, name=name, reason=reason, actor=actor())
    if is_json:
        return out.as_json(answer)
    return click.echo(f"link {name} is being drained; it stops by itself when what it has is out")


@link.command("throttle")
@click.argument("name")
@click.argument("parts_per_second", type=click.FloatRange(min=0, min_open=True), required=False)
@click.option("--off", is_flag=True, help="Back to the configured pace.")
@click.option("--until", metavar="TIME", default="", help="Until this time, UTC, as 2026-12-01T08:00.")
@click.option("--for", "span_ms", metavar="SPAN", type=SPAN, default=0, help="For so long: 15m, 2h, 1h30m.")
@json_option
def link_throttle(
    name: str, parts_per_second: float | None, off: bool, until: str, span_ms: int, is_json: bool
) -> None:
    """Have a link send so many parts per second at most.

    It may be slower than `parts_per_second` in the configuration, not faster. Without --until or --for it stays so,
    also over restarts, until `--off`.

    \b
    Example:
      smsbridge link throttle carrier 5 --for 2h
      smsbridge link throttle carrier --off
    """
    if off == (parts_per_second is not None):
        raise click.UsageError("give PARTS_PER_SECOND, or --off")
    if until and span_ms:
        raise click.UsageError("give --until or --for, not both")
    until_at_ms = _moment(until) if until else out.now_ms() + span_ms if span_ms else 0
    answer: LinkPace = call(
        "link_throttle",
        needs_running=True,
        name=name,
        parts_per_second=parts_per_second,
        until_at_ms=until_at_ms,
        actor=actor(),
    )
    if is_json:
        return out.as_json(answer)
    pace = f"{answer['parts_per_second']:g} parts/s at most" if answer["parts_per_second"] else "as fast as it may"
    until_words = f" until {out.utc(answer['until_at_ms'])}" if answer["until_at_ms"] and not off else ""
    return click.echo(f"link {name} sends {pace}{until_words}")


def _moment(until: str) -> int:
    try:
        return moment_ms(until, "UTC")
    except Fault as fault:
        raise click.UsageError(fault.detail) from None


@link.command("reload")
@json_option
def link_reload(is_json: bool) -> None:
    """Take the links of the configuration as they are now.

    Everything else runs on. New links are started, links whose settings changed are restarted, and those that are gone
    send what nobody else can take, for a minute at most. With an error in the file nothing changes, and it ends with
    78. SIGHUP does the same.

    \b
    Example:
      smsbridge check && smsbridge link reload
    """
    answer: LinkReload = call("link_reload", timeout_s=2 * STOP_TIMEOUT_S, needs_running=True, actor=actor())
    if is_json:
        out.as_json(answer)
    for warning in answer["warnings"]:
        click.echo(f"warning: {out.clean(warning)}", err=True)
    for error in answer["errors"]:
        click.echo(out.clean(error), err=True)
    if answer["errors"]:
        fail(EX_CONFIG, "nothing was changed", "correct the file and try again")
    if not is_json:
        _tell_reloaded(answer)
    if answer["failed"]:
        names = ", ".join(answer["failed"])
        fail(EX_UNAVAILABLE, f"not started as configured now: {names}", "; ".join(answer["failed"].values()))


def _tell_reloaded(answer: LinkReload) -> None:
    for word, names in (
        ("added", answer["added"]),
        ("restarted", answer["restarted"]),
        ("removed", answer["removed"]),
    ):
        if names:
            click.echo(f"{word}: {', '.join(names)}")
    if not (answer["added"] or answer["restarted"] or answer["removed"]):
        click.echo("no link has changed")
    if answer["needing_restart"]:
        click.echo(f"changed too, and taken at the next start: {', '.join(answer['needing_restart'])}")


@link.command("selftest")
@click.argument("name")
@click.option("--now", "is_now", is_flag=True, help="Send a heartbeat now and wait for what comes of it.")
@click.option(
    "--count", "count_max", type=click.IntRange(1, HEARTBEATS_MAX), default=20, help="How many are listed; 20."
)
@json_option
def link_selftest(name: str, is_now: bool, count_max: int, is_json: bool) -> None:
    """Show the heartbeats of a link, the newest first.

    Time to submit and time to receipt of each. `selftest` in the configuration says to which number they go and how
    often. With --now it ends with 69 when the heartbeat gets no receipt within its limit.

    \b
    Example:
      smsbridge link selftest carrier
      smsbridge link selftest carrier --now
    """
    if is_now:
        answer = _heartbeat_now(name)
    else:
        answer = call("link_selftest_show", name=name, count_max=count_max)
    if is_json:
        out.as_json(answer)
    elif answer["heartbeats"]:
        out.table(
            ("sent", "state", "to submit", "to receipt"),
            [
                (out.utc(line["at_ms"]), line["state"], _span(line["submitted_ms"]), _span(line["receipt_ms"]))
                for line in answer["heartbeats"]
            ],
            right=("to submit", "to receipt"),
        )
        click.echo(_day(answer["summary"]))
    else:
        out.nothing("heartbeats; `selftest` in the configuration sends some")
    if is_now and answer["heartbeats"][0]["state"] not in ("delivered", "failed"):
        fail(EX_UNAVAILABLE, f"the heartbeat is {answer['heartbeats'][0]['state']}", "`smsbridge link list` says more")


def _heartbeat_now(name: str) -> LinkSelfTest:
    """Send one and wait until it is answered or late."""
    answer: LinkSelfTest = call("link_selftest_begin", needs_running=True, name=name)
    first: Heartbeat = answer["heartbeats"][0]
    # Twice the limit: one for the carrier to take it, one for the receipt.
    deadline = time.monotonic() + 2 * first["limit_ms"] / 1000 + 1
    while first["state"] in ("waiting", "submitted") and time.monotonic() < deadline:
        time.sleep(LOOK_S)
        answer = call("link_selftest_show", needs_running=True, name=name, count_max=1)
        first = answer["heartbeats"][0]
    return answer


def _span(span_ms: int | None) -> str:
    return "" if span_ms is None else f"{span_ms / 1000:.2f} s"


def _day(summary: SelfTestSummary | None) -> str:
    if summary is None or summary["p50_ms"] is None:
        return "no receipt in the last 24 hours"
    receipts = out.count(summary["count"], "receipt")
    return f"{receipts} in 24 hours: half within {_span(summary['p50_ms'])}, 95 % within {_span(summary['p95_ms'])}"


def links_table(rows: list[LinkLine]) -> None:
    """The links, and below each what is in its way. The column of self-tests is there when any link has some."""
    has_tests = any(row["selftest"] for row in rows)
    headers = ("link", "endpoint", "system_id", "state", "since", "binds", "window", "ids", "queued")
    out.table(
        (*headers, "last", "p50/p95") if has_tests else headers,
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
                *(_tested(row["selftest"]) if has_tests else ()),
            )
            for row in rows
        ],
        right=("binds", "window", "last", "p50/p95"),
        below=[row["reason"] for row in rows],
    )


def _tested(summary: SelfTestSummary | None) -> tuple[str, str]:
    """Two cells: the last heartbeat, and the last day's."""
    if summary is None:
        return "", ""
    last = _span(summary["last_receipt_ms"]) or summary["last_state"]
    return last, f"{_span(summary['p50_ms'])}/{_span(summary['p95_ms'])}" if summary["p50_ms"] is not None else ""
