"""A control socket with canned answers: what the command line sees of an appliance, without the appliance."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import structlog.testing
from click.testing import CliRunner, Result

from bridge.app.cli.program import cli
from bridge.app.commands import COMMANDS, Commands
from bridge.app.control import ControlServer

AT_MS = 1_795_498_300_000
"""2026-11-24 05:31:40Z"""


class Desk:
    """Answers each command with `answers[name]`; an exception there is raised. Remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise AttributeError(name)

        async def answer(**values: Any) -> Any:
            inspect.signature(getattr(Commands, name)).bind(self, **values)
            self.asked.append((name, values))
            canned = self.answers[name]
            if isinstance(canned, Exception):
                raise canned
            return canned

        return answer

    def run(self, *arguments: str, stdin: str | bytes | None = None) -> Result:
        """Run `smsbridge` with these arguments against this desk."""
        return run("--state-folder", str(self.folder), *arguments, stdin=stdin)


def run(*arguments: str, stdin: str | bytes | None = None, **environment: str) -> Result:
    """Run `smsbridge` in this process, with none of our own variables but those given."""
    clean = {"SMSBRIDGE_CONFIG": None, "SMSBRIDGE_STATE_FOLDER": None, "SMSBRIDGE_ACCOUNT": None, **environment}
    return CliRunner().invoke(cli, arguments, prog_name="smsbridge", input=stdin, env=clean, terminal_width=100)


@contextmanager
def open_desk(folder: Path) -> Iterator[Desk]:
    """A desk that listens on folder/control.sock, on a loop in a thread of its own."""
    desk = Desk(folder)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        # The desk logs in this process too; what is captured is not written between the answers.
        with structlog.testing.capture_logs():
            server = ControlServer(folder, cast(Commands, desk))
            asyncio.run_coroutine_threadsafe(server.start(), loop).result(20)
            try:
                yield desk
            finally:
                asyncio.run_coroutine_threadsafe(server.stop(), loop).result(20)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
