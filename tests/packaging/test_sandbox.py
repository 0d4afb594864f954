"""The service unit: systemd accepts it; under its restrictions the appliance's work goes on and mischief does not.

systemd is not needed as the init system: sandbox.py reads the unit and asks the kernel for the same restrictions, and
inside_sandbox.py tries what the appliance needs and what nobody must be able to do.
"""

import ctypes
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.packaging import sandbox
from tests.support import need_program

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
UNIT = ROOT / "systemd" / "smsbridge.service"
LOW_PORTS = ROOT / "systemd" / "smsbridge.service.d" / "low-ports.conf"

# What only the service manager acts on: there is nothing in it that could keep the appliance from working.
MANAGER = {
    *("Type", "NotifyAccess", "ExecStart", "User", "Group", "WorkingDirectory", "TimeoutStartSec", "TimeoutStopSec"),
    *("WatchdogSec", "Restart", "RestartSec", "RestartPreventExitStatus", "KillMode", "OOMPolicy"),
    *("MemoryHigh", "MemoryMax", "TasksMax", "RemoveIPC", "KeyringMode", "DevicePolicy"),
    *("StateDirectoryMode", "RuntimeDirectory", "RuntimeDirectoryMode"),
    *("ConfigurationDirectory", "ConfigurationDirectoryMode", "SystemCallArchitectures"),
}


def need_sandbox() -> None:
    need_program("systemd-analyze", "apt-get install systemd")
    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("libseccomp.so.2 is not installed: apt-get install libseccomp2")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)


def can_be_confined() -> bool:
    """Whether this machine lets us give a process its own view of files, devices and users."""
    return os.geteuid() == 0 and run("unshare", "--mount", "--user", "true").returncode == 0


def attempt(folder: Path, *units: Path, with_view: bool = False) -> dict[str, Any]:
    """Runs inside_sandbox.py under these units; without any, just so. `folder` becomes its state folder."""
    program = [sys.executable, str(HERE / "inside_sandbox.py"), str(folder)]
    if units:
        visible = [sys.prefix, sys.base_prefix, str(ROOT)]
        view = ["--state", str(folder), *(f"--visible={path}" for path in visible)] if with_view else []
        program = [sys.executable, str(HERE / "sandbox.py"), *map(str, units), *view, "--", *program]
    done = run(*program)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def restricted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    need_sandbox()
    return attempt(tmp_path_factory.mktemp("restricted"), UNIT)


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """With the service's own view of files, devices and users as well."""
    need_sandbox()
    if not can_be_confined():
        pytest.skip("only root, where namespaces are allowed, can give a process its own view of the system")
    return attempt(tmp_path_factory.mktemp("confined"), UNIT, with_view=True)


def test_everything_the_appliance_does_works_under_the_restrictions(restricted: dict[str, Any]) -> None:
    assert not {name: error for name, error in restricted["works"].items() if error}
    assert {"asyncio_tls", "twisted_tls", "password_check", "ledger_file"} <= set(restricted["works"])


def test_everything_works_in_the_service_s_own_view_of_the_system(confined: dict[str, Any]) -> None:
    assert not {name: error for name, error in confined["works"].items() if error}


EXPECTED = {
    **dict.fromkeys(("mount", "unshare user", "setns", "raw socket", "ptrace", "other user"), "EPERM"),
    **dict.fromkeys(("personality", "real time", "set-user-id bit", "priority"), "EPERM"),
    **dict.fromkeys(("packet socket", "netlink socket"), "EAFNOSUPPORT"),
}


def test_what_nobody_needs_is_refused(restricted: dict[str, Any]) -> None:
    assert {name: restricted["refused"][name] for name in EXPECTED} == EXPECTED


def test_the_same_is_refused_in_the_service_s_own_view(confined: dict[str, Any]) -> None:
    expected = EXPECTED | {"write outside the state folder": "EROFS", "port below 1024": "EACCES"}
    assert {name: confined["refused"][name] for name in expected} == expected


def test_no_privilege_is_left(restricted: dict[str, Any]) -> None:
    status = restricted["status"]
    assert (status["NoNewPrivs"], status["Seccomp"], status["Umask"]) == ("1", "2", "0077")
    assert int(status["CapEff"], 16) == 0
    assert os.geteuid() != 0 or int(status["CapBnd"], 16) == 0


def test_it_is_the_unit_that_refuses(tmp_path: Path) -> None:
    """Without it the same deeds end otherwise, so the refusals above say something about the unit."""
    free = attempt(tmp_path)
    assert not {name: error for name, error in free["works"].items() if error}
    anyone = ("mount", "setns", "netlink socket", "personality", "set-user-id bit", "ptrace", "priority")
    root = ("raw socket", "packet socket", "other user", "write outside the state folder")
    for name in anyone + (root if os.geteuid() == 0 else ()):
        assert free["refused"][name] != EXPECTED.get(name, "EROFS"), name


def test_tls_is_why_memory_may_become_executable(tmp_path: Path) -> None:
    """MemoryDenyWriteExecute= is left out for this reason alone: once this test fails, put it in."""
    need_sandbox()
    assert "MemoryDenyWriteExecute" not in sandbox.read_unit([str(UNIT)])
    addition = tmp_path / "addition.conf"
    addition.write_text("[Service]\nMemoryDenyWriteExecute=yes\n")
    denied = attempt(tmp_path, UNIT, addition)
    assert denied["refused"]["memory made executable"] != ""
    assert "ffi.callback" in denied["works"].pop("twisted_tls")
    assert not any(denied["works"].values())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has the capability to hand on")
def test_low_ports_need_the_drop_in(restricted: dict[str, Any], tmp_path: Path) -> None:
    assert restricted["refused"]["port below 1024"] == "EACCES"
    allowed = attempt(tmp_path, UNIT, LOW_PORTS)
    assert allowed["refused"]["port below 1024"] == ""
    assert int(allowed["status"]["CapEff"], 16) == 1 << sandbox.CAPABILITIES["CAP_NET_BIND_SERVICE"]
    assert not any(allowed["works"].values())


def test_every_directive_is_tried_here_or_concerns_only_the_manager() -> None:
    unit = sandbox.read_unit([str(UNIT), str(LOW_PORTS)])
    limits = {name for name in unit if name.startswith("Limit")}
    assert len(limits) == 2
    assert set(unit) <= set(sandbox.FILTERS) | sandbox.VIEW | sandbox.ALWAYS | MANAGER | limits


def test_how_it_is_started_watched_and_started_again() -> None:
    unit = sandbox.read_unit([str(UNIT)])
    assert unit["Type"] == ["notify"]
    assert unit["NotifyAccess"] == ["main"]
    assert int(unit["WatchdogSec"][0]) >= 10
    assert unit["Restart"] == ["always"]
    assert sandbox.words(unit, "RestartPreventExitStatus") == ["65", "78"]
    assert unit["ExecStart"] == ["/opt/smsbridge/.venv/bin/smsbridge run --config /etc/smsbridge/bridge.yaml"]


def unit_that_can_start(folder: Path, *parts: Path) -> Path:
    """The unit with its drop-ins in one file, and a program that is there, since systemd-analyze looks for it."""
    text = "\n".join(part.read_text("utf-8") for part in parts)
    unit = folder / "smsbridge.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    return unit


@pytest.mark.parametrize("parts", [(UNIT,), (UNIT, LOW_PORTS)], ids=["plain", "low ports"])
def test_systemd_accepts_the_unit_and_finds_little_exposed(parts: tuple[Path, ...], tmp_path: Path) -> None:
    analyze = need_program("systemd-analyze", "apt-get install systemd")
    unit = unit_that_can_start(tmp_path, *parts)
    verdict = run(analyze, "verify", "--man=no", unit)
    assert (verdict.returncode, verdict.stderr) == (0, "")
    verdict = run(analyze, "security", "--offline=true", "--threshold=20", "--no-pager", unit)
    assert verdict.returncode == 0, verdict.stdout[-300:] + verdict.stderr


def test_systemd_accepts_the_user_and_the_folders(tmp_path: Path) -> None:
    """Both snippets are carried out for real, in an empty system of their own."""
    if os.geteuid() != 0:
        pytest.skip("only root can make users, even in a folder")
    for program, kind in (("systemd-sysusers", "sysusers"), ("systemd-tmpfiles", "tmpfiles")):
        path = need_program(program, "apt-get install systemd")
        target = tmp_path / "etc" / f"{kind}.d" / "smsbridge.conf"
        target.parent.mkdir(parents=True)
        target.write_bytes((ROOT / "systemd" / f"smsbridge.{kind}").read_bytes())
        create = ["--create"] if kind == "tmpfiles" else []
        done = run(path, f"--root={tmp_path}", *create, target)
        assert done.returncode == 0, done.stderr
    user = next(line for line in (tmp_path / "etc/passwd").read_text().splitlines() if line.startswith("smsbridge:"))
    group = int(user.split(":")[3])
    assert user.endswith(":/var/lib/smsbridge:/usr/sbin/nologin")
    status = (tmp_path / "etc/smsbridge").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (0, group, 0o750)
