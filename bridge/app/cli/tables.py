"""What the commands about whole tables share: reading a file, telling its mistakes, writing one."""

import sys
from pathlib import Path
from typing import BinaryIO

import click

from bridge.app.answers.routes import PackedTable, TableChange
from bridge.app.cli import printing as out
from bridge.app.cli.exits import EX_DATA, fail
from bridge.app.packed import pack, unpack
from bridge.routing.sheet import TEXT_MAX


def packed_file(file: BinaryIO) -> str:
    """A whole file in the form of `packed.pack`; one that is no text ends the command."""
    return pack(_text(file.read(4 * TEXT_MAX), _name(file)))


def change_told(answer: TableChange, file: BinaryIO, what: str, is_trial: bool) -> str:
    """What an import of a file did, or would do; the mistakes of the file are told, and end the command."""
    if answer["errors"]:
        name = _name(file)
        for wrong in answer["errors"]:
            column = f" {wrong['column']}:" if wrong["column"] else ""
            click.echo(f"{name}:{wrong['line']}:{column} {out.clean(wrong['why'])}", err=True)
        if answer["error_total"] > len(answer["errors"]):
            click.echo(f"... and {answer['error_total'] - len(answer['errors'])} more", err=True)
        fail(EX_DATA, f"{name} was not taken", "correct these lines and try again")
    counts = f"{answer['new']} new, {answer['changed']} changed, {answer['same']} as before, {answer['gone']} gone"
    return f"nothing was changed; it would be: {counts}" if is_trial else f"{what} taken: {counts}"


def write_file(answer: PackedTable, file: Path | None, one: str) -> None:
    """Write a whole table to a file, or to standard output."""
    text = unpack(answer["packed"], TEXT_MAX)
    if file is None or str(file) == "-":
        sys.stdout.write(text)
        return
    try:
        file.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        fail(EX_DATA, f"{file} cannot be written ({error.strerror})", "name a file in a folder of yours")
    click.echo(f"{out.count(answer['count'], one)} written to {file}")


def _name(file: BinaryIO) -> str:
    return getattr(file, "name", "<stdin>")


def _text(octets: bytes, name: str) -> str:
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 if octets[:2] in (b"\xff\xfe", b"\xfe\xff") else octets.count(b"\n", 0, error.start) + 1
        fail(EX_DATA, f"{name}:{line}: not UTF-8", "save it as CSV UTF-8, or convert it with iconv")
