"""Answers about links: how they stand, what they were told, a new configuration, and their self-test."""

from typing import TypedDict


class SelfTestSummary(TypedDict):
    """The last heartbeat of a link, and those of the last 24 hours."""

    last_at_ms: int
    last_state: str
    """"waiting" (not taken yet), "submitted", "delivered", "failed" (a receipt says that it did not get through),
    "silent" (no receipt within the limit) or "unsent" (no carrier took it)."""
    last_submitted_ms: int | None
    """From its queueing until the carrier took it."""
    last_receipt_ms: int | None
    """From that until its receipt."""
    limit_ms: int
    count: int
    """Receipts of the last 24 hours."""
    p50_ms: int | None
    p95_ms: int | None
    silent_since_ms: int
    """0: the last one that was decided was answered."""


class LinkLine(TypedDict):
    """A configured link and how it is."""

    name: str
    endpoint: str
    """host:port"""
    system_id: str
    state: str
    """As "bound", "lost", "stopped", "draining"; "not running" when the ledger was opened without the appliance."""
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
    selftest: SelfTestSummary | None
    """None: it never had a heartbeat."""


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


class LinkTold(TypedDict):
    """A link that was stopped, started or is being drained."""

    name: str
    was: str
    """"started", "draining" or "stopped"."""
    state: str
    moved: int
    """Parts that went to other links at once; the rest follows, or waits."""


class LinkPace(TypedDict):
    """How fast a link may send from now on."""

    name: str
    parts_per_second: float
    """0: as fast as its window allows."""
    until_at_ms: int | None
    """None: until it is told otherwise."""


class LinkReload(TypedDict):
    """What a new reading of the configuration changed. With errors: nothing."""

    errors: list[str]
    """Each with file and line."""
    warnings: list[str]
    added: list[str]
    removed: list[str]
    """They send what nobody else can take, for a minute at most."""
    restarted: list[str]
    failed: dict[str, str]
    """Links that did not start as they are configured now, and why."""
    moved: int
    """Parts that went to other links at once."""
    needing_restart: list[str]
    """Other groups of settings that differ: they are taken at the next start."""


class Heartbeat(TypedDict):
    at_ms: int
    submitted_ms: int | None
    receipt_ms: int | None
    limit_ms: int
    state: str


class LinkSelfTest(TypedDict):
    """The heartbeats of a link, the newest first."""

    name: str
    summary: SelfTestSummary | None
    heartbeats: list[Heartbeat]
