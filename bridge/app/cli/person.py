"""Commands about what is known of one phone number, and about what people did to the ledger."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import click

from bridge.app.answers.person import ActionLine, PersonCounts, PersonErased, PersonPage
from bridge.app.cli import printing as out
from bridge.app.cli.base import Group, actor, json_option
from bridge.app.cli.exits import EX_DATA, EX_TEMPORARY, fail
from bridge.app.cli.place import call
from bridge.app.times import with_times

SCAN_TIMEOUT_S = 600.0
"""These commands look through whole tables."""
FILE_MODE = 0o600
"""An export is nobody else's business."""
LIST_DEFAULT, LIST_MAX = 20, 1000

WORDS = {
    "message": ("message", "messages"),
    "inbound": ("text from it", "texts from it"),
    "inbound_part": ("piece of a text from it", "pieces of texts from it"),
    "refusal": ("refused submission", "refused submissions"),
    "mail_thread": ("mail that names it", "mails that name it"),
    "esme_message": ("message of an ESME that names it", "messages of ESMEs that name it"),
    "notice": ("notice that names it", "notices that name it"),
    "history": ("line of history that names it", "lines of history that name it"),
    "part": ("part that is named after it", "parts that are named after it"),
    "retry_key": ("sender's name for a message", "senders' names for messages"),
    "parked_receipt": ("receipt without a message", "receipts without a message"),
}
"""Table -> what one and several of its rows are called."""


@click.group(cls=Group)
def person() -> None:
    """What is known of one phone number: show, export, erase.

    \b
    Example:
      smsbridge person show 46701740605
      smsbridge person export 46701740605 person.json
      smsbridge person erase 46701740605
    """


@person.command("show")
@click.argument("number")
@json_option
def person_show(number: str, is_json: bool) -> None:
    """Show how much is known of a number.

    NUMBER is written with its country code.

    \b
    Example:
      smsbridge person show 46701740605
    """
    answer = _counts(number)
    if is_json:
        return out.as_json(answer)
    return _tell_counts(answer)


def _counts(number: str) -> PersonCounts:
    answer: PersonCounts = call("person_show", timeout_s=SCAN_TIMEOUT_S, number=number)
    return answer


def _tell_counts(answer: PersonCounts) -> None:
    lines = _in_words(answer["counts"])
    click.echo(f"{answer['number']}: {'' if lines else 'nothing is known of it'}".rstrip(" "))
    for line in lines:
        click.echo(f"  {line}")
    if answer["unfinished_count"]:
        some = f"{', '.join(answer['unfinished'])}{', ...' * (answer['unfinished_count'] > len(answer['unfinished']))}"
        click.echo(f"  not ended yet: {answer['unfinished_count']} ({some})")
    for line in _what_stays(answer["accounts"], answer["virtual"]):
        click.echo(f"  {line}")


def _in_words(counts: dict[str, int]) -> list[str]:
    """One line for each table that has something."""
    width = max((len(str(count)) for count in counts.values()), default=0)
    return [f"{count:>{width}} {WORDS[place][count != 1]}" for place, count in counts.items() if count]


def _what_stays(accounts: list[str], virtual: str) -> list[str]:
    """Where a number belongs to an account: that is for the account to change."""
    lines = [f"it is the mobile number of account {name}, and stays that" for name in accounts]
    if virtual:
        lines.append(f"it is a virtual number of account {virtual}, and stays that; what was sent from it stays too")
    return lines


@person.command("export")
@click.argument("number")
@click.argument("file", required=False, type=click.Path(path_type=Path))
def person_export(number: str, file: Path | None) -> None:
    """Write everything that is known of a number, as JSON.

    To FILE, which must not exist yet, or to standard output. Messages are whole, with their texts, parts, history
    and the mail they came from; every time is there in ms and as text, in UTC.

    \b
    Example:
      smsbridge person export 46701740605 person.json
    """
    found = _counts(number)
    with _opened(file) as target:
        _export(found, target)
    counts = ", ".join(line.strip() for line in _in_words(found["counts"])) or "nothing is known of it"
    click.echo(f"{found['number']}: {counts}", err=True)


@contextlib.contextmanager
def _opened(file: Path | None) -> Iterator[TextIO]:
    """The file, made new and for nobody else to read; a failure leaves none. Without a name, standard output."""
    if file is None:
        yield sys.stdout
        return
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    except FileExistsError:
        fail(EX_DATA, f"{file} exists already", "choose another name; an export never replaces a file")
    except OSError as error:
        fail(EX_DATA, f"{file} cannot be written ({error.strerror})", "choose another place")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as target:
            yield target
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _export(found: PersonCounts, target: TextIO) -> None:
    """Page after page, so that a large export is never held in memory."""
    head: dict[str, Any] = {"number": found["number"], "exported_at_ms": out.now_ms()}
    head |= {"mobile_of_accounts": found["accounts"], "virtual_number_of_account": found["virtual"]}
    head = with_times(head)
    target.write(json.dumps(head, indent=2, ensure_ascii=False).removesuffix("\n}"))
    for place in found["counts"]:
        target.write(f',\n  "{place}": [')
        end = ""
        for row in _rows(found["number"], place):
            target.write(f"{',' * bool(end)}\n{_indented(row)}")
            end = "\n  "
        target.write(f"{end}]")
    target.write("\n}\n")


def _indented(row: dict[str, Any]) -> str:
    return "    " + json.dumps(row, indent=2, ensure_ascii=False).replace("\n", "\n    ")


def _rows(number: str, place: str) -> Iterator[dict[str, Any]]:
    after: int | None = 0
    while after is not None:
        page: PersonPage = call("person_list", timeout_s=SCAN_TIMEOUT_S, number=number, place=place, after=after)
        yield from page["rows"]
        after = page["next"]


@person.command("erase")
@click.argument("number")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@json_option
def person_erase(number: str, is_sure: bool, is_json: bool) -> None:
    """Erase a number and what was said to it and by it.

    The number becomes "erased", texts and mails go for good; charges and refunds stay, for they name nobody.
    Messages that have not ended yet are left and named: run it again when they have ended. Ends with 75 then.

    \b
    Example:
      smsbridge person erase 46701740605
    """
    if not is_sure:
        _tell_counts(found := _counts(number))
        if not any(found["counts"].values()):
            return
        if not click.confirm("Erase this for good?"):
            fail(EX_DATA, "nothing erased", "")
    answer: PersonErased = call("person_erase", timeout_s=SCAN_TIMEOUT_S, number=number, actor=actor())
    if is_json:
        out.as_json(answer)
    else:
        _tell_erased(answer)
    if answer["left_count"]:
        left = ", ".join(answer["left"]) + ", ..." * (answer["left_count"] > len(answer["left"]))
        next_step = "run it again later; `smsbridge message show ID` says why a message waits"
        fail(EX_TEMPORARY, f"not erased, because not ended yet: {left}", next_step)


def _tell_erased(answer: PersonErased) -> None:
    lines = _in_words(answer["counts"])
    nothing = "nothing erased" if answer["left_count"] else f"nothing is known of {answer['number']}"
    click.echo(f"erased {answer['number']}:" if lines else nothing)
    for line in lines:
        click.echo(f"  {line}")
    for line in _what_stays(answer["accounts"], answer["virtual"]):
        click.echo(line)
    if not answer["is_log_cut"]:
        click.echo("a report or a backup still reads the ledger's log; the log is cut within a minute after that")
    if lines:
        click.echo(f"backups by schedule still hold it for up to {answer['backup_days']} days; see docs/privacy.md")


@click.group(cls=Group)
def actions() -> None:
    """What people did to the ledger.

    \b
    Example:
      smsbridge actions list
    """


@actions.command("list")
@click.option(
    "--count",
    metavar="N",
    type=click.IntRange(1, LIST_MAX),
    default=LIST_DEFAULT,
    show_default=True,
    help="How many, the newest first.",
)
@json_option
def action_list(count: int, is_json: bool) -> None:
    """List what people did to the ledger, the newest first.

    Closings, restores, erasures and the like; who did it, and when. It never names a phone number.

    \b
    Example:
      smsbridge actions list --count 5
    """
    rows: list[ActionLine] = call("action_list", count_max=count)
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("actions")
    return out.table(
        ("when", "who", "what", "detail"),
        [(out.utc(row["at_ms"]), row["actor"], row["action"].replace("_", " "), row["detail"]) for row in rows],
    )
