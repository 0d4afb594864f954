"""./run on a machine that knows nothing of us: what it installs, what it says, and that it leaves the rest alone."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"127\.0\.0\.1:\d+")
START_TIMEOUT_S = 60


NOT_IN_A_CLONE = (
    *(".git", ".venv", "state", "node_modules", "__pycache__", "*.egg-info", "build", "dist"),
    *(".pytest_cache", ".mypy_cache", ".ruff_cache", ".import_linter_cache", ".hypothesis"),
)


def program(path: Path, *lines: str) -> None:
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)


class Machine:
    """A home, a temporary folder and a path of its own, beside one copy of the project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = folder / "sms bridge"
        self.bin = folder / "bin"
        self.project.mkdir()
        foreign = ("XDG_", "PYTHON", "VIRTUAL_ENV", "SMSBRIDGE_")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        for variable, name in (("HOME", "home"), ("TMPDIR", "tmp")):
            (folder / name).mkdir()
            self.environment[variable] = str(folder / name)
        self.bin.mkdir()
        self.environment["PATH"] = f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin"

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            check=False,
            cwd="/",
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    for name in ("run", "bootstrap.sh", "requirements.lock", "setup.cfg", "pyproject.toml"):
        shutil.copy2(ROOT / name, machine.project / name)
    return machine


def test_a_python_that_is_too_old_is_named(machine: Machine) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        program(machine.bin / name, "case $2 in *print*) echo 3.9.2 ;; *) exit 1 ;; esac")
    done = machine.run(machine.project / "run")
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed, but python3 is Python 3.9.2" in done.stderr
    assert not (machine.project / ".venv").exists()


def test_no_python_at_all(machine: Machine) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        program(machine.bin / name, "exit 127")
    done = machine.run(machine.project / "run")
    assert done.returncode == 1
    assert "no Python found" in done.stderr
    assert "apt-get install -y python3 python3-venv" in done.stderr


def without_ensurepip(machine: Machine, user: int) -> None:
    """Debian without python3-venv, for root or for an ordinary user; apt-get writes down what it is asked for."""
    if shutil.which("/usr/bin/python3") is None:
        pytest.skip("this machine has no /usr/bin/python3: apt-get install python3")
    program(machine.bin / "python3", "case $2 in *ensurepip*) exit 1 ;; *print*) echo 3.11.2 ;; *) exit 0 ;; esac")
    program(machine.bin / "id", f"echo {user}")
    program(machine.bin / "apt-get", f'echo "$*" >>"{machine.folder}/asked"', "echo no network >&2", "exit 100")
    program(machine.bin / "apt-cache", f'cat "{machine.folder}/lists"')
    # The interpreter must look like Debian's own for apt-get to be the cure.
    script = (machine.project / "bootstrap.sh").read_text()
    assert script.count("/usr/bin/*) ;;") == 1
    (machine.project / "bootstrap.sh").write_text(script.replace("/usr/bin/*) ;;", f"{machine.bin}/*) ;;"))


def test_an_ordinary_user_without_python3_venv_is_told_the_one_command(machine: Machine) -> None:
    without_ensurepip(machine, user=1000)
    done = machine.run(machine.project / "run")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].split() == ["smsbridge:", "apt-get", "install", "-y", "python3-venv"]
    assert not (machine.folder / "asked").exists()
    assert not (machine.project / ".venv").exists()


@pytest.mark.parametrize("has_lists", [True, False])
def test_root_without_python3_venv_gets_it_installed(machine: Machine, has_lists: bool) -> None:
    without_ensurepip(machine, user=0)
    policy = "python3-venv:\n  Installed: (none)\n  Candidate: {}\n"
    (machine.folder / "lists").write_text(policy.format("3.11.2-1+b1" if has_lists else "(none)"))
    done = machine.run(machine.project / "run")
    asked = (machine.folder / "asked").read_text().splitlines()
    if has_lists:
        assert asked[0].endswith("install -y python3-venv")
    else:
        assert asked == ["-qq update"]
    assert all(line.endswith(("install -y python3-venv", "-qq update")) for line in asked)
    assert "running: apt-get install -y python3-venv" in done.stderr
    assert "failed" in done.stderr
    assert done.returncode == 1


def test_another_python_without_ensurepip_is_pointed_to_debian_s(machine: Machine) -> None:
    program(machine.bin / "python3", "case $2 in *ensurepip*) exit 1 ;; *print*) echo 3.12.1 ;; *) exit 0 ;; esac")
    done = machine.run(machine.project / "run")
    assert done.returncode == 1
    assert f"{machine.bin}/python3 has no ensurepip module" in done.stderr
    assert "SMSBRIDGE_PYTHON=/usr/bin/python3" in done.stderr


class Appliance:
    """One ./run in a process group of its own, with what it printed."""

    def __init__(self, machine: Machine, command: Path, *arguments: str) -> None:
        self.output = machine.folder / "output"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, ROOT / "tests/packaging/alone.py", command, *arguments],
                cwd="/",
                env=machine.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, pattern: str) -> re.Match[str]:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not (found := re.search(pattern, self.output.read_text())):
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.output.read_text()}"
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)
        return found

    def interrupt(self) -> int:
        """Ctrl-C, which the terminal sends to the whole group; returns the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(60)


@contextmanager
def running(machine: Machine, command: Path, *arguments: str) -> Iterator[Appliance]:
    appliance = Appliance(machine, command, *arguments)
    try:
        yield appliance
    finally:
        appliance.kill()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A copy of the project that was installed once, over a .venv as Ctrl-C left it when that was just begun."""
    machine = Machine(tmp_path_factory.mktemp("fresh"))
    shutil.copytree(ROOT, machine.project, ignore=shutil.ignore_patterns(*NOT_IN_A_CLONE), dirs_exist_ok=True)
    machine.environment["SMSBRIDGE_PYTHON"] = f"{sys.base_prefix}/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
    (machine.project / ".venv" / "bin").mkdir(parents=True)
    (machine.project / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
    done = machine.run(machine.project / "run", "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: smsbridge run" in done.stdout
    assert "installing the" in done.stderr
    assert done.stderr.splitlines()[-1] == "smsbridge: installed"
    return machine


def installed(machine: Machine) -> dict[str, int]:
    """Every file of .venv but the byte code that a first import writes, with its time of change."""
    files = [file for file in (machine.project / ".venv").rglob("*") if "__pycache__" not in file.parts]
    assert len(files) > 1000
    return {str(file): file.lstat().st_mtime_ns for file in files if not file.is_dir()}


def pasted(greeting: str, pattern: str) -> str:
    """Runs one of the commands that the greeting offers, as a person would; returns what it said."""
    command = re.search(pattern, greeting, re.MULTILINE)
    assert command, greeting
    done = subprocess.run(
        ["/bin/sh", "-c", command[1]], check=False, cwd="/", capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, f"{command[1]}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_first_start_makes_everything_and_the_second_installs_nothing(fresh: Machine) -> None:
    """Through a symbolic link, from another folder, without any network but loopback where we may have that."""
    before = installed(fresh)
    link = fresh.folder / "link"
    link.symlink_to(fresh.project / "run")
    pins = []
    for command in (fresh.project / "run", link):
        with running(fresh, command) as appliance:
            appliance.wait_for(r"Ctrl-C stops")
            greeting = appliance.output.read_text()
            assert len(set(ADDRESS.findall(greeting))) >= 3
            assert "installing" not in greeting
            pins.append(appliance.wait_for(r"PIN (\S+)")[1])
            assert pasted(greeting, r"^ *(\S.*smsbridge.* send .*)$").startswith("MESSAGE ")
            assert appliance.interrupt() == 0
            assert "Traceback" not in appliance.output.read_text()
    assert pins[0] == pins[1], "the second start keeps the data"
    assert installed(fresh) == before
    assert (fresh.project / "state").is_dir()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_is_left_outside_the_folder(fresh: Machine) -> None:
    assert list((fresh.folder / "home").rglob("*")) == []
    assert list((fresh.folder / "tmp").rglob("*")) == []
    assert not (fresh.project / ".venv" / "tmp").exists()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_configuration_decides_where_the_state_is(fresh: Machine) -> None:
    configuration = fresh.folder / "bridge.yaml"
    configuration.write_text("state_folder: kept here\nno_such_setting: 1\n")
    done = fresh.run(fresh.project / "run", "--config", configuration)
    assert done.returncode == 78
    assert "no_such_setting" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_changed_lock_is_installed_over_what_is_there(fresh: Machine) -> None:
    """Last of its module. An index that cannot be reached says so, and what was installed stays whole."""
    lock = fresh.project / "requirements.lock"
    lock.write_text(lock.read_text() + "not-there-yet==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    environment = dict(fresh.environment)
    fresh.environment |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": str(fresh.folder)}
    done = fresh.run(fresh.project / "run", "--help")
    assert done.returncode == 1
    assert "not-there-yet" in done.stderr
    assert "could not install requirements.lock" in done.stderr
    fresh.environment = environment
    lock.write_text(lock.read_text().split("not-there-yet")[0])
    done = fresh.run(fresh.project / "run", "--help")
    assert done.returncode == 0, done.stderr
    assert "making .venv" not in done.stderr
    assert "installed" in done.stderr
