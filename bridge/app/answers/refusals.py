"""Answers about refusals."""

from typing import TypedDict


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
