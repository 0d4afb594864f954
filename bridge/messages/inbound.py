"""An inbound message (MO): a text from a handset to one of our virtual numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Concat:
    """Which piece of a long message this is (UDH or SAR)."""

    reference: int
    total: int
    """2..255"""
    number: int
    """1..total"""


@dataclass(slots=True)
class InboundPart:
    """One deliver_sm that is not a receipt. Not frozen: made in the hot path, never changed."""

    originator: str
    """The handset, digits only where it is a number."""
    recipient: str
    """The virtual number, digits only."""
    text: str
    """Decoded characters of this piece; undecodable octets are shown as U+FFFD."""
    concat: Concat | None = None
