"""A receipt: the SMSC's word on what became of a part."""

from dataclasses import dataclass

from bridge.messages.message import PartState


@dataclass(slots=True)
class Receipt:
    """Not frozen: made in the hot path, never changed."""

    smsc_id: str
    """The SMSC's name for the part, exactly as it came (its spelling may differ from submit_sm_resp)."""
    state: PartState | None
    """One of RECEIPT_STATES, or None for an intermediate report that moves nothing."""
    error: str = ""
    """The network's error code as text, "000" or empty for none; at most 16 characters."""
    network_at_ms: int | None = None
    """When the network says it happened, UTC; often with minute resolution, so it may precede the submission."""
    originator: str = ""
    """The receipt's source address: the handset, as digits."""
