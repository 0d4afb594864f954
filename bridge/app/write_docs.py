"""Write the documents that the code knows best: `python -m bridge.app.write_docs`, in the project's folder.

docs/settings.md and config/bridge.example.yaml from the settings, docs/cli.md from the commands' own help,
docs/faults.md from the closed list of faults. A test fails when one of them differs from what this would write.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from bridge.app.cli.exits import NEXT_STEPS, exit_code_of
from bridge.app.cli.program import cli
from bridge.app.settings_pages import example_file, settings_page
from bridge.http_in import replies as http_replies
from bridge.messages.faults import SENTENCES, TEMPORARY, FaultCode
from bridge.smpp_in import replies as smpp_replies
from bridge.smtp_in import replies as smtp_replies

HELP_WIDTH = 88


def cli_page() -> str:
    """docs/cli.md."""
    lines = [
        "# Command line",
        "",
        "Every command of `smsbridge`, as its own `--help` tells it. Commands talk to the running appliance over the",
        "control socket in its state folder; when none runs, they open the ledger themselves. Refusals go to standard",
        "error as `smsbridge: what; what to do next`.",
        "",
        "| exit code | means |",
        "|---|---|",
        "| 0 | done |",
        "| 64 | the command line is wrong |",
        "| 65 | refused: something in what was asked, or in the ledger, is wrong |",
        "| 69 | no appliance runs, or something it needs is not there |",
        "| 70 | `run`: an error of ours; the log has it |",
        "| 74 | `run`: the disk failed the ledger |",
        "| 75 | not now; the same command may work later |",
        "| 77 | this user may not |",
        "| 78 | the configuration is wrong |",
        "",
        "With `--json`, times are milliseconds UTC (`..._at_ms`) and amounts are thousandths of a credit (`..._mc`).",
        "",
        "<!-- Written by `python -m bridge.app.write_docs` from the commands. -->",
    ]
    for command, path in every_command():
        context = click.Context(command, info_name=path, terminal_width=HELP_WIDTH, color=False)
        context.help_option_names = cli.context_settings["help_option_names"]
        lines += ["", f"## {path}", "", "```", command.get_help(context), "```"]
    return "\n".join(lines) + "\n"


def every_command(command: click.Command = cli, path: str = "smsbridge") -> Iterator[tuple[click.Command, str]]:
    """Every command with its full name, groups before what is in them."""
    yield command, path
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from every_command(inner, f"{path} {name}")


def faults_page() -> str:
    """docs/faults.md."""
    lines = [
        "# Faults",
        "",
        "Everything that is refused, is refused with one of these. A temporary one may succeed later unchanged; any",
        "other needs a change first. Nothing is charged and nothing is kept for later. Where a door can, it adds what",
        "the sender can act on, as in `Not a phone number in international format: 0701234567`.",
        "",
        "<!-- Written by `python -m bridge.app.write_docs` from the tables in the code. -->",
        "",
        "| fault | temporary | sentence | SMTP | HTTP | SMPP | command line | what an operator can do |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for code in FaultCode:
        cells = (
            f"`{code.value}`",
            "yes" if code in TEMPORARY else "no",
            SENTENCES[code],
            f"`{smtp_replies.SMTP_REPLIES[code]}`",
            str(http_replies.STATUS[code]),
            f"`{smpp_replies.SMPP_REPLIES[code].name}`",
            str(exit_code_of(code)),
            NEXT_STEPS[code],
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "docs/settings.md": settings_page,
    "config/bridge.example.yaml": example_file,
    "docs/cli.md": cli_page,
    "docs/faults.md": faults_page,
}
"""File -> what it must hold."""


def main() -> None:
    """Write all of them below the current folder."""
    os.environ.pop("SMSBRIDGE_ACCOUNT", None)
    for name, page in PAGES.items():
        Path(name).write_text(page())
        click.echo(name)


if __name__ == "__main__":
    main()
