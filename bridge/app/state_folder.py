"""Whether a state folder is fit for a ledger: on a local disk, and not robbed of the ledger it had."""

import re
from collections.abc import Iterator
from pathlib import Path

from bridge.ledger.migrate import WrongLedger

MOUNTS = Path("/proc/self/mountinfo")
NETWORK_TYPES = re.compile(
    r"nfs|cifs|smb|afs$|ncpfs|ceph|lustre|9p$|fuse\.(sshfs|s3fs|rclone|davfs|gluster|ceph|curlftp)"
)
"""How the types of file systems begin that reach over a network: several machines, or none, see one file's locks and
shared memory there, and the ledger's log needs both."""
RESTORE = "restore a backup with `smsbridge restore FILE`"


class LedgerLost(WrongLedger):
    """The ledger that this folder had is gone; an empty one in its place would look like a fresh start."""


def network_file_system(folder: Path) -> str:
    """Type and place of the network file system that a folder is on, or would be made on; "" for a local one."""
    place = folder.absolute().resolve()
    best, kind = "", ""
    for at, type_of in _mounts():
        if len(at) >= len(best) and place.is_relative_to(at):
            best, kind = at, type_of
    return f"{kind} at {best}" if NETWORK_TYPES.match(kind) else ""


def _mounts() -> Iterator[tuple[str, str]]:
    """Every mount point with its type, in the order of mounting (proc(5), mountinfo); none where they are hidden."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, types = before.split(" "), after.split(" ")
        if len(fields) > 4 and types[0]:
            yield re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4]), types[0]


def refuse_if_lost(ledger: Path, *, had_ledger: bool, backup: Path | None) -> None:
    """For a ledger that is missing or has nothing in it: raise LedgerLost when there was one.

    `had_ledger`: the folder remembers one. A log that was left behind alone, or a `backup` of it, says the same.
    """
    is_log_left = not _size(ledger) and _size(ledger.with_name(f"{ledger.name}-wal"))
    if had_ledger or is_log_left or backup:
        state = "empty" if ledger.exists() else "missing"
        told = f"the ledger {ledger} is {state}, and there was one; {restore_words(backup)}"
        raise LedgerLost(f"{told}, or move the whole folder away to begin anew")


def restore_words(backup: Path | None) -> str:
    """How a ledger comes back, and from which file at best."""
    return RESTORE + (f" (the newest is {backup})" if backup else "")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
