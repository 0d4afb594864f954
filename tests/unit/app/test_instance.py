"""The instance lock: one at a time, let go of by the kernel, waited for a moment."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.app import roles
from bridge.app.instance import AlreadyRunning, InstanceLock
from bridge.app.settings import Settings

HOLD = """
import sys, time
from pathlib import Path
from bridge.app.instance import InstanceLock
lock = InstanceLock(Path(sys.argv[1])); lock.take(); print("held", flush=True); time.sleep(float(sys.argv[2]))
"""


def holder(folder: Path, for_s: float) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder), str(for_s)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_one_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    first, second = InstanceLock(tmp_path), InstanceLock(tmp_path)
    first.take()
    with pytest.raises(AlreadyRunning, match=r"process \d+ uses"):
        second.take()
    first.release()
    second.take()
    second.release()


def test_the_kernel_lets_go_of_a_killed_ones_lock(tmp_path: Path) -> None:
    process = holder(tmp_path, 60)
    lock = InstanceLock(tmp_path)
    with pytest.raises(AlreadyRunning):
        lock.take()
    process.kill()
    process.communicate()
    lock.take()
    lock.release()


def test_a_start_waits_for_a_command_that_is_about_to_end(tmp_path: Path) -> None:
    process = holder(tmp_path, 1)

    async def open_it() -> list[object]:
        async with roles.offline_operations(Settings(state_folder=tmp_path)) as operations:
            return list(await operations.account_list())

    assert asyncio.run(open_it()) == []
    process.communicate()


def test_a_start_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "LOCK_WAIT_MS", 200)
    process = holder(tmp_path, 60)

    async def open_it() -> None:
        async with roles.offline_operations(Settings(state_folder=tmp_path)):
            pass

    with pytest.raises(AlreadyRunning):
        asyncio.run(open_it())
    process.kill()
    process.communicate()
