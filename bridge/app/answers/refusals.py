"""Answers about refusals."""

from typing import TypedDict

from bridge.app.answers.messages import SentMessage


class RefusalLine(TypedDict):
    """A submission that was not taken."""

    refusal_id: int
    created_at_ms: int
    account: str
    door: str
    fault: str
    detail: str
    originator: str
    recipient: str
    """As the sender wrote it."""
    text: str
    is_cut: bool
    """There was more than is kept."""
    resubmitted_as: str
    """The message that a deliberate resubmission made of it; empty: none."""


class MissingLine(TypedDict):
    """Numbers of one range that look valid and that were refused because something is missing for them."""

    prefix: str
    """Their leading digits."""
    country: str
    """Two letters; empty: the number does not tell."""
    detail: str
    """What is missing: a route or a price."""
    count: int
    """Refusals that were not resubmitted."""
    accounts: list[str]
    """The first of them by name."""
    account_count: int
    newest_at_ms: int


class WaitingLine(TypedDict):
    """Refusals of a range that can be resubmitted for one account."""

    account: str
    count: int
    oldest_at_ms: int
    newest_at_ms: int


class RefusedAgain(TypedDict):
    """A refusal that could not be resubmitted."""

    refusal_id: int
    fault: str
    why: str


class Resubmission(TypedDict):
    """One batch of a resubmission of a range."""

    sent: list[SentMessage]
    refused: list[RefusedAgain]
    too_old: int
    """Left alone: their texts are worth nothing any more."""
    lane: int
    """This and the next: where the next batch goes on."""
    after: int
    is_last: bool
