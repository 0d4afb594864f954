"""What of a part goes out as it came: content that is no text, a header of the sender's own, a class."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UserData:
    """The user data of a part as far as the sender settled it (3GPP TS 23.040, 9.2.3.24)."""

    header: bytes = b""
    """The user data header with its length octet; empty: none."""
    body: bytes | None = None
    """The octets behind the header; None: made of the part's text."""
    data_coding: int | None = None
    """As it was given (SMPP 3.4, 5.2.19); None: by the coding of the message."""
    protocol_id: int = 0
    """How the handset is to treat the part: 0x41 to 0x47 replace the one before of that type, 0x40 is not shown (3GPP
    TS 23.040, 9.2.3.9)."""
