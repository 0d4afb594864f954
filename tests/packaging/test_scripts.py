"""The shell scripts at the top: they parse and can be started, and ./test knows every program that a test asks for."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ("run", "test", ".ci/run", "tests/tools/lock")


@pytest.mark.parametrize("name", [*SCRIPTS, "bootstrap.sh"])
def test_a_plain_shell_can_read_it(name: str) -> None:
    done = subprocess.run(["/bin/sh", "-n", ROOT / name], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_can_be_started(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
    assert (ROOT / name).read_text("utf-8").startswith("#!/bin/sh\n")


def programs_asked_for() -> Iterator[tuple[str, str]]:
    """Every need_program("name", ...) in the tests, with the file that asks."""
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("need_program"):
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    yield str(first.value), str(path.relative_to(ROOT))


def test_every_program_that_a_test_needs_is_installed_by_the_test_script() -> None:
    """Packages bring more programs than the one they are known by; those stand beside it here."""
    listing = re.search(r"cat <<'END'\n(.*?)END\n", (ROOT / "test").read_text("utf-8"), re.DOTALL)
    assert listing
    known = {line.split()[0] for line in listing[1].splitlines()}
    assert {"postfix", "swaks", "tshark"} <= known
    beside = {"postconf": "postfix", "smtp-source": "postfix", "smtp-sink": "postfix", "sendmail": "postfix"}
    beside |= {"systemd-sysusers": "systemd-analyze", "systemd-tmpfiles": "systemd-analyze", "text2pcap": "tshark"}
    unknown = [
        f"{name} ({path})" for name, path in programs_asked_for() if name not in known and beside.get(name) not in known
    ]
    assert not unknown, "add them to programs() in ./test"
