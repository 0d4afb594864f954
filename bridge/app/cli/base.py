"""What every command is made of: --config and --state-folder anywhere, amounts of credit, and the program itself."""

import os
import pwd
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from bridge.app.cli.exits import exit_code_told
from bridge.app.cli.place import Place
from bridge.intake.when import span_ms
from bridge.messages.faults import Fault
from bridge.messages.money import parse_credits

Function = TypeVar("Function", bound=Callable[..., Any])


class Credits(click.ParamType):
    """An amount of credit: 12 or 12.500."""

    name = "credits"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_credits(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


CREDITS = Credits()


class Span(click.ParamType):
    """A span of time like 15m or 1h30m, in milliseconds; 0 is none."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return 0 if value.strip() == "0" else span_ms(value)
        except Fault as fault:
            self.fail(fault.detail, param, ctx)


SPAN = Span()


def _place_options() -> list[click.Option]:
    """--config and --state-folder, to be taken anywhere on the line and shown once, at the top."""

    def remember(context: click.Context, option: click.Parameter, value: Path | None) -> None:
        if value is not None and option.name:
            setattr(context.ensure_object(Place), option.name, value)

    path = click.Path(path_type=Path)
    return [
        click.Option(["--config"], type=path, expose_value=False, hidden=True, callback=remember),
        click.Option(["--state-folder"], type=path, expose_value=False, hidden=True, callback=remember),
    ]


class Command(click.Command):
    """A command that takes --config and --state-folder too, wherever they are written."""

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self.params += _place_options()


class Group(click.Group):
    """A group of such commands, listed in the order in which they are told to people."""

    command_class = Command

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self.params += _place_options()

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class Program(click.Group):
    """The whole command: tells every refusal in our words and codes."""

    command_class = Command
    group_class = Group

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run one command line and end the process with its code; `standalone_mode` is always on."""
        run = super().main
        sys.exit(exit_code_told(lambda: run(args, prog_name, complete_var, standalone_mode=False, **extra)))


def json_option(function: Function) -> Function:
    """--json for a command that shows something."""
    return click.option("--json", "is_json", is_flag=True, help="Print JSON, for programs.")(function)


def actor() -> str:
    """Who is at the keyboard, for the books: the login name, also behind sudo."""
    name = os.environ.get("SUDO_USER")
    if name and os.geteuid() == 0:
        return name
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
