"""Which appliance a command is about, and how it is asked: over its control socket, else on its ledger."""

import asyncio
import contextlib
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import click

from bridge.app import config_file, control_frames
from bridge.app.cli.exits import EX_DATA, EX_PERMISSION, EX_TEMPORARY, EX_UNAVAILABLE, Refused
from bridge.app.commands import COMMANDS
from bridge.app.control_client import ControlClient, NotAnswering, NotPermitted, NotRunning
from bridge.app.instance import LEDGER_NAME, LOCK_NAME, AlreadyRunning
from bridge.app.settings import Settings
from bridge.ledger import restore
from bridge.ledger.migrate import WrongLedger
from bridge.ledger.worker import LedgerFailed
from bridge.runtime import logs
from bridge.runtime.logs_settings import LogSettings

SYSTEM_CONFIG = Path("/etc/smsbridge/bridge.yaml")
"""Where an installed appliance has its configuration."""
DEFAULT_STATE_FOLDER = Path("state")
READING = frozenset(name for name in COMMANDS if name.endswith(("_list", "_show", "_audit")) or name == "queue")
"""Commands that change nothing."""
_NEEDING = READING | {"backup_create", "held_release", "held_cancel"}
"""Commands that mean a ledger that is there, and never make one."""


class Place:
    """Which appliance the command is about."""

    def __init__(self) -> None:
        self.config: Path | None = None
        self.state_folder: Path | None = None

    @property
    def is_named(self) -> bool:
        """Whether somebody said where it is; else we are only guessing."""
        return bool(self.file or self.state_folder)

    @property
    def file(self) -> Path | None:
        """The configuration file; None for the built-in defaults."""
        if self.config is None and self.state_folder is None and _is_there(SYSTEM_CONFIG):
            return SYSTEM_CONFIG
        return self.config

    def reading(self) -> config_file.Reading:
        """The whole configuration, checked. Raises ConfigErrors."""
        if self.file is None:
            return config_file.read_embedded(self.state_folder or DEFAULT_STATE_FOLDER)
        return config_file.read(self.file, self.state_folder)

    def settings(self) -> Settings:
        """The settings, checked. Raises ConfigErrors."""
        return self.reading().settings

    def find_state_folder(self) -> Path:
        """Where the control socket is. Needs of the configuration no more than that. Raises ConfigErrors."""
        if self.state_folder is not None:
            return self.state_folder
        return config_file.state_folder_in(self.file) if self.file else DEFAULT_STATE_FOLDER


def _is_there(path: Path) -> bool:
    """Whether a file exists; also one in a folder that this user may not enter, so that its reading can say so."""
    try:
        return path.exists()
    except PermissionError:
        return True


def call(
    command: str, /, *, timeout_s: float = control_frames.ANSWER_TIMEOUT_S, needs_running: bool = False, **values: Any
) -> Any:
    """Carry out one of `commands.COMMANDS`: by the running appliance, else on its ledger.

    Raises Fault, ConfigErrors or Refused.
    """
    place = the_place()
    folder = place.find_state_folder()
    socket_path = folder / control_frames.SOCKET_NAME
    try:
        with ControlClient(socket_path) as client:
            return client.call(command, timeout_s=timeout_s, **values)
    except NotRunning:
        if needs_running or not (place.is_named or folder.is_dir()):
            raise _nobody(place, folder) from None
    except NotPermitted:
        next_step = "use sudo, or join the group that owns the socket"
        raise Refused(EX_PERMISSION, f"this user may not talk to the appliance ({socket_path})", next_step) from None
    except NotAnswering as error:
        what = f"the appliance does not answer on {socket_path} ({error})"
        raise Refused(EX_TEMPORARY, what, "it may be busy or hang: read its log, then try again") from None
    answer = _call_offline(place, folder, command, values)
    if command == "send":
        click.echo("no appliance runs: this waits until one is started", err=True)
    return answer


def _nobody(place: Place, folder: Path) -> Refused:
    next_step = "start it with `smsbridge run`"
    if not place.is_named:
        next_step += ", or say where it is with --config FILE or --state-folder FOLDER"
    return Refused(EX_UNAVAILABLE, f"no appliance runs in {folder}", next_step)


def _call_offline(place: Place, folder: Path, name: str, values: dict[str, Any]) -> Any:
    """Open the ledger ourselves, under the instance lock. A command that only reads never makes one."""
    settings = place.settings()
    ledger = settings.state_folder / LEDGER_NAME
    if name in _NEEDING and not _is_there(ledger) and not restore.is_decided(ledger):
        next_step = "start the appliance, or look whether --config or --state-folder names the right place"
        raise Refused(EX_UNAVAILABLE, f"there is no ledger in {settings.state_folder}", next_step)
    logs.configure(LogSettings(level="error"))
    try:
        # Standard output is for the answer; what the ledger may have to log goes beside it.
        with contextlib.redirect_stdout(sys.stderr):
            return asyncio.run(_carry_out(settings, name, values))
    except AlreadyRunning:
        what = f"another process holds the ledger in {folder} but does not listen on its control socket"
        raise Refused(EX_TEMPORARY, what, "if it is just starting or stopping, try again; else read its log") from None
    except PermissionError as error:
        what = f"this user may not open the ledger in {folder} ({error.filename})"
        raise Refused(EX_PERMISSION, what, "use sudo, or run it as the user of the appliance") from None
    except (WrongLedger, LedgerFailed, OSError, sqlite3.Error) as error:
        next_step = "look at disk and folder; `smsbridge restore FILE` brings a broken ledger back from a backup"
        raise Refused(EX_DATA, f"the ledger in {folder} cannot be used ({error})", next_step) from None


async def _carry_out(settings: Settings, name: str, values: dict[str, Any]) -> Any:
    # Late: it opens half the house, which most commands, asking over the socket, never need.
    from bridge.app import roles

    async with roles.offline_operations(settings) as operations:
        try:
            return await getattr(operations, name)(**values)
        finally:
            ledger = roles.ledger_path(settings)
            give_back(settings.state_folder, [ledger.name, f"{ledger.name}-wal", f"{ledger.name}-shm", LOCK_NAME])


def give_back(folder: Path, names: list[str]) -> None:
    """Let what root made in somebody's state folder be theirs, or their appliance could not start again."""
    owner = folder.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            os.chown(folder / name, owner.st_uid, owner.st_gid, follow_symlinks=False)


def the_place() -> Place:
    """The place of the command that runs now."""
    return click.get_current_context().ensure_object(Place)
