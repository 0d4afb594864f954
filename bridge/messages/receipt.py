"""A receipt: the SMSC's word on what became of a part."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bridge.messages.causes import Cause, cause_of, code_key
from bridge.messages.message import PartState

FAILURES = frozenset({PartState.UNDELIVERABLE, PartState.EXPIRED, PartState.DELETED, PartState.REJECTED})
"""What a receipt says of a part that did not get through."""


class IdFormat(StrEnum):
    """How a link's receipts spell the ids that its answers gave."""

    AUTO = "auto"
    """As it turns out: in another case, without leading zeros, in the other number base."""
    EXACT = "exact"
    """Octet for octet."""
    HEX_TO_DECIMAL = "hex_to_decimal"
    """The answer is hex, the receipt is the same number in decimal."""
    DECIMAL_TO_HEX = "decimal_to_hex"


@dataclass(slots=True)
class Receipt:
    """Not frozen: made in the hot path; what the link knows of its carrier is filled in there, nothing else changes."""

    smsc_id: str
    """The SMSC's name for the part, exactly as it came (its spelling may differ from submit_sm_resp); may be empty."""
    state: PartState | None
    """One of RECEIPT_STATES, or None for an intermediate report that moves nothing."""
    error: str = ""
    """The network's error code as text, "000" or empty for none; at most 16 characters."""
    network_at_ms: int | None = None
    """When the network says it happened, UTC; often with minute resolution, so it may precede the submission."""
    originator: str = ""
    """The receipt's source address: the handset, as digits."""
    recipient: str = ""
    """The receipt's destination address: the originator of the part, as the carrier writes it."""
    submitted_at_ms: int | None = None
    """When the SMSC says that it took the part, UTC; None when it does not say."""
    reference: int | None = None
    """The user_message_reference that it repeats."""
    is_trying: bool = False
    """An intermediate report: the network has the part and is still trying."""
    cause: Cause | None = None
    """What `error` means on its link; None: nothing failed."""
    id_format: IdFormat = IdFormat.AUTO

    def explain(self, errors: Mapping[str, Cause] | None = None) -> None:
        """Find the cause, by the table of the link's own error codes. A failure has one, if only UNKNOWN."""
        may_fail = self.is_trying or self.state is PartState.UNKNOWN
        if self.state in FAILURES:
            self.cause = cause_of(self.error, errors)
        elif may_fail and code_key(self.error):
            found = cause_of(self.error, errors)
            self.cause = None if found is Cause.UNKNOWN else found
