"""Commands about copies of the ledger: backup and restore."""

import sqlite3
import sys
from pathlib import Path

import click

from bridge.app.answers.backup import BackupLine, BackupState, NewBackup
from bridge.app.cli import printing as out
from bridge.app.cli.base import Group, actor, json_option
from bridge.app.cli.exits import EX_DATA, EX_PERMISSION, EX_TEMPORARY, EX_USAGE, fail
from bridge.app.cli.place import call, give_back, the_place
from bridge.app.control_client import ControlClient, NotAnswering, NotPermitted, NotRunning
from bridge.app.control_frames import SOCKET_NAME
from bridge.app.instance import LEDGER_NAME, LOCK_NAME, AlreadyRunning, InstanceLock
from bridge.ledger import backup_folder, restore
from bridge.ledger.backup import Facts, NotSound
from bridge.runtime.ledger_client import BACKUP_FOLDER_NAME

BACKUP_TIMEOUT_S = 3600.0
"""Copying and checking a large ledger on a slow disk."""
_PLACE_OPTIONS = ("--config", "--state-folder")


class BackupGroup(Group):
    """`backup`, `backup FILE`, `backup list`: what is no command of the group is where the backup goes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = iter(args)
        first = ""
        for word in words:
            if word in _PLACE_OPTIONS:
                next(words, None)
            elif word in ("-h", "--help") or not word.startswith("-"):
                first = word
                break
        if first not in (*self.commands, "-h", "--help"):
            args = ["create", *args]
        return super().parse_args(ctx, args)


@click.group(cls=BackupGroup, options_metavar="[FILE_OR_FOLDER]", subcommand_metavar="| COMMAND [ARGS]...")
def backup() -> None:
    """Back the ledger up, now; or list the backups there are.

    The appliance may be running: nothing waits for a backup. Without a name it goes to the folder that
    `backup.folder` in the configuration says, where the scheduled ones are.

    \b
    Example:
      smsbridge backup
      smsbridge backup /media/usb
      smsbridge backup list
    """


@backup.command("create")
@click.argument("target", required=False, default="", metavar="[FILE_OR_FOLDER]")
@json_option
def backup_create(target: str, is_json: bool) -> None:
    """Make a verified backup now; the word may be left out.

    The copy is read back and checked whole before it gets its name; its SHA-256 lies beside it, in a file that
    `sha256sum --check` understands. An existing file is never replaced. The appliance writes the copy, so it must
    be allowed to write there.

    \b
    Example:
      smsbridge backup
      smsbridge backup create /media/usb/ledger-monday.sqlite
    """
    answer: NewBackup = call(
        "backup_create", timeout_s=BACKUP_TIMEOUT_S, target=str(Path(target).absolute()) if target else ""
    )
    if answer["problem"]:
        fail(EX_DATA, f"no backup was made: {answer['problem']}", "")
    if is_json:
        return out.as_json(answer)
    return out.facts(
        (
            ("backup", answer["path"]),
            ("size", f"{answer['size']:,} octets"),
            ("took", f"{answer['duration_ms'] / 1000:.1f} s, with its check"),
            ("sha256", answer["sha256"]),
        )
    )


@backup.command("list")
@json_option
def backup_list(is_json: bool) -> None:
    """List the backups in the usual folder.

    It needs neither a running appliance nor a ledger that can be opened.

    \b
    Example:
      smsbridge backup list
    """
    rows = _listing()
    if is_json:
        return out.as_json(rows)
    if not rows:
        return out.nothing("backups; `smsbridge backup` makes one")
    shown = [(out.utc(row["taken_at_ms"]), _kind(row), f"{row['size']:,}", row["path"]) for row in rows]
    return out.table(("taken", "of", "octets", "file"), shown, right=("octets",))


def _listing() -> list[BackupLine]:
    """What the appliance sees in its folder; when none runs, what we see there. A broken ledger is no obstacle."""
    place = the_place()
    try:
        with ControlClient(place.find_state_folder() / SOCKET_NAME):
            pass
    except NotRunning:
        settings = place.settings()
        folder = settings.backup.folder or settings.state_folder / BACKUP_FOLDER_NAME
        try:
            found = backup_folder.entries(folder)
        except OSError as error:
            fail(EX_PERMISSION, f"this user may not read {folder} ({error.strerror})", "use sudo")
        return [
            {
                "path": str(entry.path.absolute()),
                "taken_at_ms": entry.taken_at_ms,
                "size": entry.size,
                "upgrade_from": entry.upgrade_from,
            }
            for entry in found
        ]
    except (NotPermitted, NotAnswering):
        pass  # `call` meets the same, and tells it in words.
    rows: list[BackupLine] = call("backup_list")
    return rows


def _kind(row: BackupLine) -> str:
    return f"schema {row['upgrade_from']}, before an upgrade" if row["upgrade_from"] is not None else "the ledger"


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
def restore_command(file: Path, is_sure: bool) -> None:
    """Put a backup in place of the ledger.

    The appliance must be stopped. Nothing that was waiting in the backup is sent by itself afterwards: nobody
    knows whether it was sent since. It is held until `smsbridge held release` or `held cancel`. New messages are
    sent as usual. The present ledger is not deleted: it is renamed to ledger.sqlite.before-restore-TIME. A restore
    that is cut short is finished by the next start, or had not begun. docs/backup.md tells it step by step.

    \b
    Example:
      smsbridge restore /var/lib/smsbridge/backups/ledger-20261124T053140.000Z.sqlite
    """
    settings = the_place().settings()
    ledger = settings.state_folder / LEDGER_NAME
    lock = InstanceLock(settings.state_folder)
    try:
        lock.take()
    except AlreadyRunning as error:
        fail(EX_TEMPORARY, str(error), "stop the appliance first, as with `systemctl stop smsbridge`")
    except OSError as error:
        fail(EX_PERMISSION, f"this user may not use {settings.state_folder} ({error.strerror})", "use sudo")
    try:
        if not is_sure:
            _ask(file, ledger)
        done = restore.restore(file, ledger, actor=actor(), now_ms=out.now_ms())
        lock.remember_ledger()
    except NotSound as error:
        fail(EX_DATA, f"{file} is not restored: {error}", "nothing was changed; `smsbridge backup list` shows others")
    except (OSError, sqlite3.Error) as error:
        fail(EX_DATA, f"{file} is not restored ({error})", "look at the file, and at the room on the disk")
    finally:
        give_back(settings.state_folder, [LEDGER_NAME, LOCK_NAME])
        lock.release()
    _tell(done)


def _ask(file: Path, ledger: Path) -> None:
    """Show what would be restored, and go on only when somebody says yes."""
    facts: Facts = restore.look_at(file)
    taken = out.utc(facts.taken_at_ms) if facts.taken_at_ms else "not known; no backup of ours"
    out.facts(
        (
            ("backup of", taken),
            ("messages", f"{facts.messages:,}"),
            ("the newest", out.utc(facts.last_message_at_ms)),
            ("to be held", f"{out.count(facts.waiting, 'part')}, not sent yet when it was taken"),
            ("replaces", f"{ledger}, which is kept under another name" if ledger.exists() else ""),
        )
    )
    if not sys.stdin.isatty():
        fail(EX_USAGE, "a restore needs a yes", "look at the above and add --yes")
    if not click.confirm("Restore it?"):
        fail(EX_DATA, "nothing was restored", "")


def _tell(done: restore.Restored) -> None:
    click.echo(f"restored the backup of {out.utc(done.taken_at_ms)}")
    out.facts(
        (
            ("held", f"{out.count(done.held_parts, 'part')}, {out.count(done.held_notices, 'notice')}"),
            ("before", str(done.aside) if done.aside else ""),
            ("next", "start the appliance; `smsbridge held list` shows what is held, docs/backup.md what to do"),
        ),
        indent=2,
    )


def backup_words(state: BackupState) -> str:
    """The line of `smsbridge status` about backups."""
    if state["last_at_ms"] is None:
        told = "never" if state["every_h"] else "never; `backup.every_h` is 0"
    else:
        minutes = max(0, out.now_ms() - state["last_at_ms"]) // 60_000
        age = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
        told = f"{out.utc(state['last_at_ms'])}, {age} ago"
    return f"{told} ({state['problem']})" if state["problem"] else told
