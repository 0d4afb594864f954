"""Answers about the appliance as a whole: how it is, and its books."""

from typing import NotRequired, TypedDict

from bridge.app.answers.backup import BackupState, HeldCount
from bridge.app.answers.links import LinkLine


class Listener(TypedDict):
    door: str
    address: str
    port: int
    tls: str


class DiskState(TypedDict):
    """The disk of the state folder."""

    level: str
    """"open", "no_intake" (nothing is accepted) or "no_sending" (nothing is accepted or sent)."""
    free_bytes: int
    total_bytes: int
    needed_bytes: int
    """Free space that opens everything again; 0 when all is open."""
    ballast_bytes: int
    """What the ballast holds now."""


class Status(TypedDict):
    """The running appliance at a glance."""

    version: str
    pid: int
    started_at_ms: int
    state_folder: str
    disk: DiskState
    listeners: list[Listener]
    links: list[LinkLine]
    backup: NotRequired[BackupState]
    held: NotRequired[HeldCount]


class AuditCheck(TypedDict):
    name: str
    """What must be true."""
    is_ok: bool
    detail: str
    """Where it is not."""


class Audit(TypedDict):
    is_ok: bool
    checks: list[AuditCheck]


class Injected(TypedDict):
    """In how many parts the appliance took an inbound text from the simulator."""

    part_total: int
