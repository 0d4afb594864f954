"""A file system of its own for one appliance, and a tracer that lets its system calls fail or wait."""

import fcntl
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import need_program
from tests.system.appliance import until

EXT4_SHUTDOWN = 0x8004587D
"""The ioctl that takes an ext4 off its disk as if that had died; what its journal had not written is lost."""
SHUTDOWN_WITHOUT_FLUSH = b"\x02\x00\x00\x00"


def _system(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount: {' '.join(command[:2])}: {done.stderr.strip()}")


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[Path]:
    """A file system in memory, of a size like 8m, at folder/disk."""
    at = folder / "disk"
    at.mkdir()
    _system("mount", "-t", "tmpfs", "-o", f"size={size}", "smsbridge-test", str(at))
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True, timeout=30)


class Ext4:
    """A real file system in a file of 64 MiB."""

    def __init__(self, folder: Path) -> None:
        self.image, self.at = folder / "disk.img", folder / "disk"
        self.at.mkdir()
        with self.image.open("wb") as file:
            file.truncate(64 * 1024 * 1024)
        _system(need_program("mkfs.ext4", "apt-get install e2fsprogs"), "-q", str(self.image))

    def mount(self) -> None:
        _system("mount", "-o", "loop", str(self.image), str(self.at))

    def turn(self, options: str) -> None:
        """Mount it anew with other options, while it is mounted."""
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.at)], check=True, timeout=30)

    def unmount(self) -> None:
        """Until nobody uses it any more: a process that just ended may still hold it for a moment."""
        until(lambda: subprocess.run(["umount", str(self.at)], capture_output=True, check=False).returncode == 0)

    def die(self) -> None:
        """From now on everything on it fails."""
        folder = os.open(self.at, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, EXT4_SHUTDOWN, SHUTDOWN_WITHOUT_FLUSH)
        finally:
            os.close(folder)


@contextmanager
def ext4(folder: Path) -> Iterator[Ext4]:
    disk = Ext4(folder)
    disk.mount()
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk.at)], capture_output=True, check=False, timeout=30)


def fill(folder: Path, leave: int) -> Path:
    """Fill the file system of `folder` until `leave` octets are free; gives the file that does it."""
    filler = folder / "filler"
    with filler.open("ab") as file:
        while (free := os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize) > leave:
            try:
                os.write(file.fileno(), bytes(min(free - leave, 1024 * 1024)))
            except OSError:
                break
    return filler


@contextmanager
def meddling(pid: int, log: Path, calls: str, how: str) -> Iterator[None]:
    """Trace all threads of a process and do `how` (strace's inject: error=EIO:when=3+) to its system calls `calls`."""
    strace = need_program("strace", "apt-get install strace")
    with log.open("wb") as out:
        tracer = subprocess.Popen(
            [strace, "-f", "-p", str(pid), "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:{how}"],
            stdout=out,
            stderr=out,
        )
        try:
            end = time.monotonic() + 15
            while "attached" not in log.read_text(errors="replace"):
                if tracer.poll() is not None:
                    told = log.read_text(errors="replace")
                    assert "ermitted" in told, told
                    pytest.skip(f"needs the right to trace: {told}")
                assert time.monotonic() < end, log.read_text(errors="replace")
                time.sleep(0.02)
            yield
        finally:
            tracer.terminate()
            tracer.wait(timeout=15)
