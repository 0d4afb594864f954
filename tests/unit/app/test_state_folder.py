"""A state folder is on a local disk, and its ledger is never replaced by an empty one."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from bridge.app import config_file, roles, state_folder
from bridge.app.config_errors import ConfigErrors
from bridge.app.instance import HAS_LEDGER, InstanceLock
from bridge.app.settings import Settings
from bridge.app.state_folder import LedgerLost, network_file_system
from bridge.ledger import runs, sqlite
from bridge.ledger.migrate import WrongLedger

MOUNTS = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:5 / /proc rw - proc proc rw
40 22 0:40 / /srv/share rw,relatime shared:9 - nfs4 box:/export rw,vers=4.2
41 40 0:41 / /srv/share/local rw - ext4 /dev/vdb rw
42 22 0:42 / /mnt/with\040space rw - cifs //box/x rw
43 22 0:43 / /home/me/remote rw,nosuid - fuse.sshfs me@box: rw
44 22 0:44 / /home/me/disk rw,nosuid - fuseblk /dev/sdc1 rw
45 22 0:45 / /mnt/twice rw - nfs box:/old rw
46 22 0:46 / /mnt/twice rw - xfs /dev/vdc rw
broken line
"""


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS)
    monkeypatch.setattr(state_folder, "MOUNTS", path)
    return path


@pytest.mark.parametrize(
    ("folder", "found"),
    [
        ("/var/lib/smsbridge", ""),
        ("/srv/share", "nfs4 at /srv/share"),
        ("/srv/share/a/b", "nfs4 at /srv/share"),
        ("/srv/shared", ""),
        ("/srv/share/local/state", ""),
        ("/mnt/with space/state", "cifs at /mnt/with space"),
        ("/home/me/remote/x", "fuse.sshfs at /home/me/remote"),
        ("/home/me/disk", ""),
        ("/mnt/twice/state", ""),
    ],
)
def test_the_file_system_of_a_folder(mounts: Path, folder: str, found: str) -> None:
    assert network_file_system(Path(folder)) == found


def test_a_configuration_on_a_network_file_system_is_refused(mounts: Path, tmp_path: Path) -> None:
    mounts.write_text(MOUNTS + f"99 22 0:99 / {tmp_path} rw - nfs4 box:/state rw\n")
    with pytest.raises(ConfigErrors, match=rf"is on a network file system \(nfs4 at {tmp_path}\)"):
        config_file.read_embedded(tmp_path / "state")


def test_without_a_list_of_mounts_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(state_folder, "MOUNTS", tmp_path / "none")
    assert network_file_system(tmp_path) == ""


def open_and_close(folder: Path) -> None:
    async def go() -> None:
        async with roles.offline_operations(Settings(state_folder=folder)):
            pass

    asyncio.run(go())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.suffix != ".lock"}


@pytest.mark.parametrize("loss", ["missing", "empty", "an empty database"])
def test_a_ledger_that_was_there_is_never_begun_anew(tmp_path: Path, loss: str) -> None:
    open_and_close(tmp_path)
    (tmp_path / "ledger.sqlite").unlink()
    if loss == "empty":
        (tmp_path / "ledger.sqlite").touch()
    elif loss == "an empty database":
        sqlite.open_writer(tmp_path / "ledger.sqlite").close()
    before = contents(tmp_path)
    for _ in range(2):
        with pytest.raises(LedgerLost, match="smsbridge restore FILE"):
            open_and_close(tmp_path)
    assert contents(tmp_path).get("ledger.sqlite") == before.get("ledger.sqlite")


def test_a_log_left_behind_alone_is_kept(tmp_path: Path) -> None:
    for ledger in (None, b""):
        (tmp_path / "ledger.sqlite-wal").write_bytes(b"what was written last")
        if ledger is not None:
            (tmp_path / "ledger.sqlite").write_bytes(ledger)
        with pytest.raises(LedgerLost, match=r"missing|empty"):
            open_and_close(tmp_path)
        assert (tmp_path / "ledger.sqlite-wal").read_bytes() == b"what was written last"


def test_backups_say_that_there_was_a_ledger(tmp_path: Path) -> None:
    copy = tmp_path / "backups" / "ledger-20261124T053140.000Z.sqlite"
    copy.parent.mkdir()
    copy.write_bytes(b"a copy")
    with pytest.raises(LedgerLost, match=rf"the newest is {copy}"):
        open_and_close(tmp_path)
    assert not (tmp_path / "ledger.sqlite").exists()


def test_a_truncated_ledger_is_refused_and_kept(tmp_path: Path) -> None:
    open_and_close(tmp_path)
    ledger = tmp_path / "ledger.sqlite"
    for size in (ledger.stat().st_size // 2 + 100, 4096, 100, 50):
        os.truncate(ledger, size)
        before = ledger.read_bytes()
        with pytest.raises(WrongLedger):
            open_and_close(tmp_path)
        assert ledger.read_bytes() == before


def test_a_folder_that_was_removed_begins_anew(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    open_and_close(folder)
    shutil.rmtree(folder)
    open_and_close(folder)
    assert runs.examine(folder / "ledger.sqlite").was_clean


def test_a_start_that_was_killed_before_the_ledger_was_made_is_no_loss(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path)
    lock.take()
    lock.release()
    (tmp_path / "ledger.sqlite").touch()
    assert HAS_LEDGER not in (tmp_path / "instance.lock").read_text()
    open_and_close(tmp_path)
    sqlite.open_reader(tmp_path / "ledger.sqlite").close()
    assert HAS_LEDGER in (tmp_path / "instance.lock").read_text()


def test_the_lock_remembers_who_was_seen_when_and_that_there_is_a_ledger(tmp_path: Path) -> None:
    first = InstanceLock(tmp_path)
    first.take()
    assert (first.last_seen_ms, first.has_ledger) == (None, False)
    first.remember_ledger()
    first.touch()
    first.release()
    first.touch()
    path = tmp_path / "instance.lock"
    os.utime(path, ns=(5_000_000_000, 5_000_000_000))
    for _ in range(2):
        second = InstanceLock(tmp_path)
        second.take()
        assert (second.last_seen_ms, second.has_ledger) == (5000, True), "looking at it is no sign of life"
        second.release()
    second.take()
    second.touch()
    second.release()
    assert path.stat().st_mtime > 1_000_000_000
