"""Commands about submissions that were not taken: refusal list, refusal resubmit."""

import click

from bridge.app.answers.messages import SentMessage
from bridge.app.answers.refusals import RefusalLine
from bridge.app.cli import printing as out
from bridge.app.cli.base import Group, json_option
from bridge.app.cli.exits import EX_DATA, fail
from bridge.app.cli.place import call
from bridge.messages.faults import Fault, FaultCode

LIST_DEFAULT, LIST_MAX = 20, 500
TEXT_SHOWN_MAX = 40
"""Characters of a text in the list."""
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


@refusal.command("resubmit")
@click.argument("refusal_ids", metavar="REFUSAL...", nargs=-1, required=True, type=click.IntRange(min=1))
@json_option
def refusal_resubmit(refusal_ids: tuple[int, ...], is_json: bool) -> None:
    """Submit refusals once more, as new messages.

    For the account they came from and at today's price; all of them or none. Each can be resubmitted once. Repair
    what was wrong first: `refusal list` names it.

    \b
    Example:
      smsbridge account top-up ward7 100
      smsbridge refusal resubmit 4711 4712
    """
    try:
        rows: list[SentMessage] = call("refusal_resubmit", refusal_ids=list(refusal_ids))
    except Fault as fault:
        if fault.code is not FaultCode.ALREADY_EXISTS:
            raise
        fail(EX_DATA, fault.detail, "nothing was submitted; `smsbridge message show` tells what became of that message")
    if is_json:
        return out.as_json(rows)
    return out.table(
        ("message", "to", "parts", "charged"),
        [(row["message_id"], row["recipient"], row["part_total"], out.credit(row["price_mc"])) for row in rows],
        right=("charged",),
    )
