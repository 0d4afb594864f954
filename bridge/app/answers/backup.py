"""Answers about backups, and about what a restore holds back."""

from typing import TypedDict


class NewBackup(TypedDict):
    """A backup that was made and verified, or why there is none."""

    problem: str
    """What is in the way; empty when it was made."""
    path: str
    size: int
    """Octets."""
    sha256: str
    taken_at_ms: int
    duration_ms: int


class BackupLine(TypedDict):
    """A backup in the usual folder."""

    path: str
    taken_at_ms: int
    size: int
    upgrade_from: int | None
    """Of which schema it was taken, before an upgrade; None: a usual backup."""


class BackupState(TypedDict):
    """How the backups are."""

    folder: str
    last_at_ms: int | None
    every_h: int
    problem: str
    """Why there is no newer one; empty when all is well."""


class HeldParts(TypedDict):
    """Parts that a restore holds back for the same reason."""

    account: str
    link: str
    lane: str
    waiting_for: str
    count: int
    first_at_ms: int
    """When the oldest of their messages was accepted."""
    last_at_ms: int


class HeldNotices(TypedDict):
    """Notices that a restore holds back for the same reason."""

    account: str
    kind: str
    waiting_for: str
    count: int
    first_at_ms: int
    last_at_ms: int


class Held(TypedDict):
    """What a restore holds back."""

    parts: list[HeldParts]
    notices: list[HeldNotices]


class HeldCount(TypedDict):
    """How much a restore holds back."""

    parts: int
    notices: int


class HeldDone(TypedDict):
    """What was released or cancelled."""

    parts: int
    notices: int
    refunded_mc: int
    links: list[str]
    """Where the parts wait now, or waited."""
