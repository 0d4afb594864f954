"""Commands about submissions that were not taken: refusal list, missing, resubmit."""

from collections import Counter

import click

from bridge.app.answers.messages import SentMessage
from bridge.app.answers.refusals import MissingLine, RefusalLine, RefusedAgain, Resubmission, WaitingLine
from bridge.app.cli import printing as out
from bridge.app.cli.base import Group, actor, json_option
from bridge.app.cli.exits import EX_DATA, fail
from bridge.app.cli.place import call
from bridge.messages.faults import Fault, FaultCode

LIST_DEFAULT, LIST_MAX = 20, 500
TEXT_SHOWN_MAX = 40
"""Characters of a text in the list."""
NAMES_SHOWN_MAX = 3
"""Accounts named in one line."""
HOPELESS = (FaultCode.NO_CREDIT.value, FaultCode.ACCOUNT_DISABLED.value)
"""Faults that are the account's, not of a single number."""
FAULTS = [code.value for code in FaultCode]


class FaultName(click.ParamType):
    """A fault by its name."""

    name = "fault"

    def convert(self, value: str, param: click.Parameter | None, context: click.Context | None) -> str:
        name = value.strip().lower().replace(" ", "_").replace("-", "_")
        if name not in FAULTS:
            self.fail(f"{value!r} is no fault; docs/faults.md lists them: {', '.join(FAULTS)}", param, context)
        return name


@click.group(cls=Group)
def refusal() -> None:
    """Refusals: what known accounts submitted and we did not take.

    \b
    Example:
      smsbridge refusal list --account ward7 --fault no_credit
      smsbridge refusal resubmit 4711
    """


@refusal.command("list")
@click.option("--account", metavar="NAME", help="Only of this account.")
@click.option("--fault", metavar="FAULT", type=FaultName(), help="Only for this reason, as no_credit.")
@click.option(
    "--count",
    metavar="N",
    type=click.IntRange(1, LIST_MAX),
    default=LIST_DEFAULT,
    show_default=True,
    help="How many, the newest first.",
)
@json_option
def refusal_list(account: str | None, fault: str | None, count: int, is_json: bool) -> None:
    """List the newest refusals.

    They were not charged and are never sent by themselves, also not after a top-up.

    \b
    Example:
      smsbridge refusal list --account ward7 --fault no_credit
    """
    rows: list[RefusalLine] = call("refusal_list", account=account, fault=fault, count_max=count)
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("refusals")
    return out.table(
        ("refusal", "refused", "account", "door", "fault", "to", "text", "resubmitted as"),
        [
            (
                row["refusal_id"],
                out.utc(row["created_at_ms"]),
                row["account"],
                row["door"],
                row["fault"],
                row["recipient"],
                _start(row["text"]),
                row["resubmitted_as"],
            )
            for row in rows
        ],
    )


def _start(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TEXT_SHOWN_MAX else line[: TEXT_SHOWN_MAX - 1] + "…"


@refusal.command("missing")
@json_option
def refusal_missing(is_json: bool) -> None:
    """List ranges that no route or price covers.

    Numbers in them look valid and were refused; the most wanted range first. A new range of a
    network shows here; add a route (and a price) for it, then resubmit what its senders still want sent.

    \b
    Example:
      smsbridge refusal missing
      smsbridge route add prefix:467017 "nordic, spare"
      smsbridge refusal resubmit --prefix 467017 --account ward7 --agreed
    """
    rows: list[MissingLine] = call("refusal_missing")
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("ranges are missing")
    out.table(
        ("range", "country", "missing", "refusals", "accounts", "newest"),
        [
            (
                row["prefix"] + "…",
                row["country"],
                row["detail"],
                row["count"],
                _names(row),
                out.utc(row["newest_at_ms"]),
            )
            for row in rows
        ],
    )
    first = rows[0]["prefix"]
    click.echo(
        f"`smsbridge route add prefix:{first} LINKS` serves a range, `smsbridge tariff set {first} PRICE` prices it;"
        f" then `smsbridge refusal resubmit --prefix {first}` shows what waits for it",
        err=True,
    )
    return None


def _names(row: MissingLine) -> str:
    shown = row["accounts"][:NAMES_SHOWN_MAX]
    more = row["account_count"] - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


@refusal.command("resubmit")
@click.argument("refusal_ids", metavar="[REFUSAL...]", nargs=-1, type=click.IntRange(min=1))
@click.option("--prefix", metavar="DIGITS", help="All whose route or price was missing and whose number begins so.")
@click.option("--account", metavar="NAME", help="Of this account; with --prefix.")
@click.option("--agreed", "is_agreed", is_flag=True, help="The account agreed to have them sent and charged now.")
@click.option("--also-old", "is_old_too", is_flag=True, help="Those too that are too old to be of use; with --prefix.")
@json_option
def refusal_resubmit(
    refusal_ids: tuple[int, ...],
    prefix: str | None,
    account: str | None,
    is_agreed: bool,
    is_old_too: bool,
    is_json: bool,
) -> None:
    """Submit refusals once more, as new messages.

    For the account they came from and at today's price. Each can be resubmitted once. Repair what was wrong first:
    `refusal list` names it.

    Refusals named by number are sent all or none. With --prefix, all of one account's numbers of a range are sent, the
    alarm lane first, each by itself; without --account or --agreed nothing is sent, and it is told whose they are.
    Those older than a message of their lane may wait (`intake.validity_h`, `intake.alarm_validity_h`) are left alone.

    \b
    Example:
      smsbridge account top-up ward7 100
      smsbridge refusal resubmit 4711 4712
      smsbridge refusal resubmit --prefix 467017 --account ward7 --agreed
    """
    if bool(refusal_ids) == (prefix is not None):
        raise click.UsageError("name refusals by their numbers, or a range with --prefix")
    if prefix is None:
        if account is not None or is_agreed or is_old_too:
            raise click.UsageError("--account, --agreed and --also-old go with --prefix")
        return _resubmit(list(refusal_ids), is_json)
    if account is None or not is_agreed:
        return _show_waiting(prefix, account, is_json)
    return _resubmit_range(prefix, account, is_old_too, is_json)


def _resubmit(refusal_ids: list[int], is_json: bool) -> None:
    try:
        rows: list[SentMessage] = call("refusal_resubmit", refusal_ids=refusal_ids)
    except Fault as fault:
        if fault.code is not FaultCode.ALREADY_EXISTS:
            raise
        fail(EX_DATA, fault.detail, "nothing was submitted; `smsbridge message show` tells what became of that message")
    if is_json:
        return out.as_json(rows)
    return _show_sent(rows)


def _show_sent(rows: list[SentMessage]) -> None:
    out.table(
        ("message", "to", "parts", "charged"),
        [(row["message_id"], row["recipient"], row["part_total"], out.credit(row["price_mc"])) for row in rows],
        right=("charged",),
    )


def _show_waiting(prefix: str, account: str | None, is_json: bool) -> None:
    rows: list[WaitingLine] = call("refusal_waiting", prefix=prefix)
    rows = [row for row in rows if account in (None, row["account"])]
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("refusals of this range can be resubmitted")
    out.table(
        ("account", "refusals", "oldest", "newest"),
        [(row["account"], row["count"], out.utc(row["oldest_at_ms"]), out.utc(row["newest_at_ms"])) for row in rows],
    )
    click.echo(
        "nothing was submitted; once an account agrees to have them sent and charged now, say so:"
        f" `smsbridge refusal resubmit --prefix {prefix} --account {rows[0]['account']} --agreed`",
        err=True,
    )
    return None


def _resubmit_range(prefix: str, account: str, is_old_too: bool, is_json: bool) -> None:
    """Batch after batch, so that each is answered soon; what is sent stays sent, wherever this is broken off."""
    sent: list[SentMessage] = []
    refused: list[RefusedAgain] = []
    too_old = lane = after = 0
    while True:
        batch: Resubmission = call(
            "refusal_resubmit_range",
            prefix=prefix,
            account=account,
            lane=lane,
            after=after,
            is_old_too=is_old_too,
            actor=actor(),
        )
        sent += batch["sent"]
        refused += batch["refused"]
        too_old += batch["too_old"]
        lane, after = batch["lane"], batch["after"]
        if batch["is_last"]:
            break
        click.echo(f"{out.count(len(sent), 'message')} so far", err=True)
        if any(one["fault"] in HOPELESS for one in batch["refused"]):
            break  # The next ones would fare no better.
    if is_json:
        out.as_json({"sent": sent, "refused": refused, "too_old": too_old})
    else:
        _show_sent(sent)
        told = (
            f"{out.count(len(sent), 'message')} submitted, {out.credit(sum(one['price_mc'] for one in sent))} charged"
        )
        told += f"; {too_old} left alone as too old" if too_old else ""
        click.echo(told, err=True)
    if refused:
        reasons = Counter(one["why"] for one in refused)
        fail(
            EX_DATA,
            "; ".join(f"{out.count(number, 'refusal')} stayed: {why}" for why, number in reasons.most_common(3)),
            "they can be resubmitted again",
        )
