"""Answers about the appliance as a whole: how it is, its links, its books."""

from typing import NotRequired, TypedDict

from bridge.app.answers.backup import BackupState, HeldCount


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


class LinkLine(TypedDict):
    """A configured link and how it is."""

    name: str
    endpoint: str
    """host:port"""
    system_id: str
    state: str
    """As "bound", "connecting", "lost"; "not running" when the ledger was opened without the appliance."""
    since_at_ms: int | None
    reason: str
    window_used: int
    window_max: int
    """Of all its sessions together."""
    sessions_bound: int
    sessions_total: int
    spellings: dict[str, int]
    """How its receipts spelled the ids of its answers, and how often: "same", "case", "zeros", "hex", "decimal"."""
    queued: int


class LinkRetry(TypedDict):
    """What came of a try to bind a link at once."""

    name: str
    had_waited: bool
    """False: nothing waited for its next try."""
    is_trying: bool
    """It has not come to an end yet."""
    sessions_bound: int
    sessions_total: int
    reason: str
    """What is in the way; empty when every session is bound."""


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
