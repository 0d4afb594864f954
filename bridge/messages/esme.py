"""What an ESME says of its message and hears again: in receipts, and when it asks about it by query_sm."""

from dataclasses import dataclass


@dataclass(slots=True)
class EsmeFacts:
    """Fields of a submit_sm, submit_multi or data_sm as they came. Not frozen: made in the hot path, never changed."""

    service_type: str = ""
    source_addr: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    destination_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    registered_delivery: int = 0
    """As it counts, after the account's own rule: bits 0 and 1 final receipts, bit 4 intermediate ones."""
    user_message_reference: int | None = None
    data_coding: int = 0
    """In which a replace_sm is read, for that has none of its own."""
