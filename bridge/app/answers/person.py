"""Answers about what is known of one phone number; and about what people did to the ledger."""

from typing import Any, TypedDict


class PersonCounts(TypedDict):
    """How much is known of one phone number."""

    number: str
    """E.164 digits."""
    counts: dict[str, int]
    """Table -> rows."""
    unfinished: list[str]
    """Messages that are on their way or not told yet: at most 20 of them."""
    unfinished_count: int
    accounts: list[str]
    """Accounts that have it as their mobile number."""
    virtual: str
    """The account that owns it, when it is a virtual number of ours."""


class PersonPage(TypedDict):
    """A page of what one table knows of a number."""

    rows: list[dict[str, Any]]
    next: int | None
    """Where the next page begins; None: that was all."""


class PersonErased(TypedDict):
    """What an erasure did."""

    number: str
    counts: dict[str, int]
    """Table -> rows erased."""
    left: list[str]
    """What has not ended yet, in words: at most 20."""
    left_count: int
    accounts: list[str]
    virtual: str
    backup_days: int
    """How long backups by schedule still hold what was erased."""
    is_log_cut: bool
    """False: a reader still needed the ledger's log, which is cut within a minute after it has ended."""


class ActionLine(TypedDict):
    """Something that somebody did to the ledger."""

    at_ms: int
    actor: str
    action: str
    detail: str
