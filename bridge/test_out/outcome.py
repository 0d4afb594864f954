"""What becomes of a message to a test number: the last three digits choose."""

from dataclasses import dataclass

from bridge.messages.message import PartState


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ends, and what a carrier would say of it."""

    state: PartState
    error: str = ""
    """A network's error code, as in a receipt."""
    is_refused: bool = False
    """The link does not take it: nothing is submitted and no receipt comes."""


DELIVERED = Ending(PartState.DELIVERED)
ENDINGS: dict[str, Ending] = {
    "901": Ending(PartState.UNDELIVERABLE, "001"),
    "902": Ending(PartState.EXPIRED, "027"),
    "903": Ending(PartState.REJECTED, is_refused=True),
}
"""Last three digits -> ending; every other number is DELIVERED. docs/trying.md publishes this table."""


def ending_of(recipient: str) -> Ending:
    return ENDINGS.get(recipient[-3:], DELIVERED)
