"""Commands that move credit: account top-up, adjust, transfer, close; message refund."""

import secrets

import click

from bridge.app.answers.credit import Closing, Lot, Refund, TopUp, Transfer
from bridge.app.cli import printing as out
from bridge.app.cli.base import CREDITS, Command, actor, json_option
from bridge.app.cli.place import call
from bridge.messages.money import MILLIS_PER_CREDIT


def _key(key: str | None) -> str:
    """The key of a move; nobody needs to think of one for a move that is typed once."""
    return key or f"cli-{secrets.token_hex(8)}"


@click.command("top-up", cls=Command)
@click.argument("name")
@click.argument("amount", type=CREDITS)
@click.option(
    "--key", metavar="KEY", help="The payment's own number: the same key is booked only once. Made up when left out."
)
@click.option("--reason", metavar="TEXT", default="", help="Shown in the account's postings.")
def account_top_up(name: str, amount: int, key: str | None, reason: str) -> None:
    """Add credit to an account.

    Nothing that was refused before is sent again.

    \b
    Example:
      smsbridge account top-up ward7 100 --key invoice-2026-118
    """
    cause = _key(key)
    answer: TopUp = call("account_top_up", name=name, amount_mc=amount, key=cause, reason=reason, actor=actor())
    what = f"{out.credit(amount)} added to" if answer["is_new"] else f"{cause} was booked before; nothing added to"
    click.echo(f"{what} {name}, which now has {out.credit(answer['balance_mc'])}")


@click.command("adjust", cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("amount", type=CREDITS)
@click.option("--reason", metavar="TEXT", required=True, help="Shown in the account's postings.")
@click.option("--key", metavar="KEY", help="The same key is booked only once, for any account. Made up when left out.")
def account_adjust(name: str, amount: int, reason: str, key: str | None) -> None:
    """Correct the credit of an account, up or down.

    For what no other command books: a mistake, a gesture. It never takes more than there is.

    \b
    Example:
      smsbridge account adjust ward7 5 --reason "compensation for the outage of 2026-11-03"
      smsbridge account adjust ward7 -12.5 --reason "invoice 118 was never paid"
    """
    cause = _key(key)
    answer: TopUp = call("account_adjust", name=name, amount_mc=amount, key=cause, reason=reason, actor=actor())
    what = f"{out.credit(abs(amount))} {'added to' if amount > 0 else 'taken from'}"
    what = what if answer["is_new"] else f"{cause} was booked before; nothing moved for"
    click.echo(f"{what} {name}, which now has {out.credit(answer['balance_mc'])}")


@click.command("transfer", cls=Command)
@click.argument("giver", metavar="FROM")
@click.argument("taker", metavar="TO")
@click.argument("amount", type=CREDITS)
@click.option("--key", metavar="KEY", help="The same key is booked only once, for any account. Made up when left out.")
@click.option("--reason", metavar="TEXT", default="", help="Shown in the postings of both accounts.")
def account_transfer(giver: str, taker: str, amount: int, key: str | None, reason: str) -> None:
    """Move credit from one account to another.

    Both sides are booked at once, or none. It never takes more than the giver may spend.

    \b
    Example:
      smsbridge account transfer head-office ward7 50 --key budget-2026-12
    """
    cause = _key(key)
    answer: Transfer = call(
        "account_transfer", giver=giver, taker=taker, amount_mc=amount, key=cause, reason=reason, actor=actor()
    )
    what = f"{out.credit(amount)} moved" if answer["is_new"] else f"{cause} was booked before; nothing moved"
    left, has = out.credit(answer["giver_balance_mc"]), out.credit(answer["taker_balance_mc"])
    click.echo(f"{what}: {giver} now has {left}, {taker} {has}")


@click.command("refund", cls=Command)
@click.argument("message_id", metavar="MESSAGE")
@click.option("--reason", metavar="TEXT", required=True, help="Shown with the message and in the postings.")
@click.option("--part", "part_no", metavar="N", type=click.IntRange(1), help="Only this part. All when left out.")
@json_option
def message_refund(message_id: str, reason: str, part_no: int | None, is_json: bool) -> None:
    """Give back the price of a message with no good end.

    For what the appliance does not refund by itself: above all a message of which the outcome is unknown. Only
    finished parts that were not delivered are paid back, each once at most, to the account that paid.

    \b
    Example:
      smsbridge message refund 6FD54FA2 --reason "the carrier confirms that it was lost"
    """
    answer: Refund = call("message_refund", message_id=message_id, part_no=part_no, reason=reason, actor=actor())
    if is_json:
        return out.as_json(answer)
    out.table(
        ("part", "given back", "because it"),
        [(part["part_no"], out.credit(part["amount_mc"]), _because(part["outcome"])) for part in answer["parts"]],
        right=("given back",),
    )
    whose = "free parts" if answer["book"] == "trial" else "credit"
    what = f"{out.credit(answer['amount_mc'])} given back to account {answer['account']}"
    click.echo(f"{what}, which now has {out.credit(answer['balance_mc'])} {whose}")
    return None


def _because(outcome: str) -> str:
    return "has ended, and was not delivered" if outcome == "refunded" else outcome


@click.command("close", cls=Command)
@click.argument("name")
@click.option("--dry-run", "is_dry_run", is_flag=True, help="Show what would be paid back and forfeited; do nothing.")
@click.option(
    "--key", metavar="KEY", help="The request's own number: the same key closes only once. Made up when left out."
)
@click.option("--reason", metavar="TEXT", default="", help="Shown in the account's postings.")
@json_option
def account_close(name: str, is_dry_run: bool, key: str | None, reason: str, is_json: bool) -> None:
    """Close an account for good.

    What is left of credit that was bought in the last days (`credit.closing_refund_days`) is to be paid back, the
    rest is forfeited; credit is used oldest first. The account can neither send nor be opened again; its messages
    and postings stay. Look with --dry-run first.

    \b
    Example:
      smsbridge account close ward7 --dry-run
      smsbridge account close ward7 --key letter-2026-11-20
    """
    answer: Closing = call(
        "account_close", name=name, key=_key(key), is_dry_run=is_dry_run, reason=reason, actor=actor()
    )
    if is_json:
        return out.as_json(answer)
    if is_dry_run:
        click.echo(f"account {name} would be closed like this; nothing was changed\n")
        _lots(answer)
    elif answer["is_new"]:
        click.echo(f"account {name} is closed\n")
    else:
        click.echo(f"account {name} was closed before with this key; nothing moved now\n")
    out.facts(
        (
            ("credit before", out.credit(answer["balance_mc"])),
            ("to be paid back", out.credit(answer["payout_mc"])),
            ("forfeited", out.credit(answer["forfeit_mc"])),
            ("free parts ended", answer["free_parts_mc"] // MILLIS_PER_CREDIT or ""),
            ("cannot be yet", answer["obstacle"]),
        )
    )
    return None


def _lots(answer: Closing) -> None:
    if answer["lots_before"]:
        click.echo(f"{answer['lots_before']} older purchases are not shown")
    out.table(
        ("bought", "kind", "amount", "left", "and then", "cause"),
        [
            (
                out.utc(lot["bought_at_ms"]),
                lot["kind"],
                out.credit(lot["amount_mc"]),
                out.credit(lot["left_mc"]),
                _fate(lot, answer["refund_days"]),
                lot["cause"],
            )
            for lot in answer["lots"]
        ],
        right=("amount", "left"),
    )
    if answer["lots"]:
        click.echo()


def _fate(lot: Lot, refund_days: int) -> str:
    if not lot["left_mc"]:
        return "used up"
    if lot["is_refundable"]:
        return "paid back"
    return f"forfeited: more than {refund_days} days ago" if refund_days else "forfeited"
