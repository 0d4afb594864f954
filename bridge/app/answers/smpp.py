"""Answers about the ESMEs that are bound to this appliance."""

from typing import TypedDict


class EsmeLine(TypedDict):
    """One bound session."""

    account: str
    bind_type: str
    """"transmitter", "receiver" or "transceiver"."""
    version: str
    """What both sides speak, as "3.4"."""
    address: str
    tls: bool
    bound_at_ms: int
    accepted: int
    """Messages since the bind."""
    delivered: int
    """Receipts and inbound texts that the ESME has taken since the bind."""
    unanswered_by_us: int
    """Requests of the ESME that wait for our answer."""
    unanswered_by_esme: int
    """Receipts and inbound texts that wait for the ESME's answer."""
    window_max: int
    """How many of these there may be."""
