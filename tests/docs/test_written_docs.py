"""The documents tell the truth: what the code knows best is written from it, and examples work."""

import inspect
import re
from pathlib import Path

import click
import pytest

from bridge.app import config_file, settings_words, yaml_tree
from bridge.app.cli.exits import NEXT_STEPS
from bridge.app.cli.program import cli
from bridge.app.commands import COMMANDS
from bridge.app.settings import Settings
from bridge.app.settings_pages import EXAMPLES
from bridge.app.write_docs import PAGES, every_command
from bridge.messages.faults import FaultCode

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config/bridge.example.yaml"
SETTINGS = list(settings_words.every_setting(Settings))


@pytest.mark.parametrize("name", PAGES)
def test_a_written_document_is_what_the_code_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMSBRIDGE_ACCOUNT", raising=False)
    assert (ROOT / name).read_text() == PAGES[name](), "run: python -m bridge.app.write_docs"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.path)
def test_every_setting_says_what_it_is_for(setting: settings_words.Setting) -> None:
    description = setting.field.description or ""
    assert description.endswith("."), "a description is whole sentences"
    assert len(description) >= 12
    assert f"`{setting.path}`" in (ROOT / "docs/settings.md").read_text()


def test_every_group_refuses_unknown_settings_and_changes() -> None:
    for setting in SETTINGS:
        if setting.model is not None:
            assert setting.model.model_config.get("extra") == "forbid", setting.path
            assert setting.model.model_config.get("frozen") is True, setting.path


def paths_in(node: yaml_tree.Node) -> set[str]:
    """Every key of a file, written like the path of a setting."""
    if isinstance(node.content, dict):
        found = {re.sub(r"\[\d+\]", "[]", child.path) for child in node.content.values()}
        return found.union(*(paths_in(child) for child in node.content.values()))
    if isinstance(node.content, list):
        return set().union(*(paths_in(child) for child in node.content))
    return set()


def test_the_example_file_has_every_setting() -> None:
    uncommented = re.sub(r"^( *)#(?=[a-z_]+:|-)", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)
    root, errors = yaml_tree.parse(uncommented, str(EXAMPLE))
    assert errors == []
    assert root is not None
    assert paths_in(root) == {setting.path for setting in SETTINGS}


def test_the_example_file_loads_and_shows_the_defaults() -> None:
    reading = config_file.read(EXAMPLE)
    assert reading.warnings == []
    shown, default = reading.settings, Settings()
    assert (shown.smtp, shown.http, shown.intake, shown.log) == (
        default.smtp,
        default.http,
        default.intake,
        default.log,
    )
    assert [link.name for link in shown.links] == ["carrier-a"]


def test_settings_without_a_default_have_an_example() -> None:
    without = {
        setting.path
        for setting in SETTINGS
        if setting.model is None and (setting.field.is_required() or settings_words.default_of(setting.field) is None)
    }
    assert without == set(EXAMPLES)


@pytest.mark.parametrize(
    ("command", "path"), list(every_command()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_commands_help_is_worth_reading(command: click.Command, path: str) -> None:
    text = command.help or ""
    assert "Example:" in text or path == "smsbridge"
    first = text.splitlines()[0]
    assert first.endswith((".", "?"))
    assert len(first) <= 60 or path == "smsbridge", "the first line must fit the list of commands"
    assert f"## {path}\n" in (ROOT / "docs/cli.md").read_text()
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, f"{path} {parameter.name}"


def test_every_example_in_the_help_is_a_command_that_exists() -> None:
    names = {path for _, path in every_command()}
    for command, _ in every_command():
        for line in inspect.cleandoc(command.help or "").splitlines():
            if "smsbridge " not in line or not line.startswith("  "):
                continue
            words = line[line.index("smsbridge ") :].split()
            longest = max((n for n in (1, 2, 3) if " ".join(words[:n]) in names), default=0)
            assert longest > 1, line


def test_every_command_of_the_control_socket_is_used_by_the_command_line() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "bridge/app/cli").glob("*.py"))
    for name in COMMANDS:
        assert re.search(rf'call\(\s*"{name}"', sources), name


@pytest.mark.parametrize("code", FaultCode)
def test_every_fault_is_told_and_says_what_to_do(code: FaultCode) -> None:
    row = next(
        line for line in (ROOT / "docs/faults.md").read_text().splitlines() if line.startswith(f"| `{code.value}`")
    )
    assert NEXT_STEPS[code] in row


def test_commands_named_in_advice_exist() -> None:
    names = {path for _, path in every_command()}
    for advice in NEXT_STEPS.values():
        for command in re.findall(r"`(smsbridge [a-z -]+?)(?: [A-Z]|`)", advice):
            assert command.strip() in names, advice


def test_the_program_has_one_entry() -> None:
    assert cli.name == "cli"
    assert "smsbridge = bridge.app.main:main" in (ROOT / "setup.cfg").read_text()
