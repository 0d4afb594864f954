"""An SMSC's name for a part comes back in other spellings: upper case, without leading zeros, hex as decimal.

`smsc_key` is the form that is stored and looked up first; `key_of` is the one that a receipt's id stands for, by what
is known of its link, and `other_keys` are those to try where nothing is known. A link teaches which spelling is its own
by every receipt that finds its part.
"""

import contextlib
from enum import StrEnum

from bridge.messages.receipt import IdFormat


class Spelling(StrEnum):
    """How a receipt spelled the id of the answer."""

    SAME = "same"
    CASE = "case"
    ZEROS = "zeros"
    """Leading zeros or blanks apart, and perhaps the case."""
    HEX = "hex"
    """The receipt is hex, the answer was the same number in decimal."""
    DECIMAL = "decimal"
    """The receipt is decimal, the answer was the same number in hex."""


def smsc_key(smsc_id: str) -> str:
    """Case folded, without blanks around it and leading zeros; "" stays ""."""
    stripped = smsc_id.strip().casefold()
    return stripped.lstrip("0") or stripped[:1]


def other_keys(smsc_id: str) -> list[str]:
    """The same number written in the other base, as keys: decimal as hex, hex as decimal (any length)."""
    found = [_as_hex(smsc_id), _as_decimal(smsc_id)]
    own = smsc_key(smsc_id)
    return [key for key in dict.fromkeys(found) if key and key != own]


def key_of(smsc_id: str, id_format: IdFormat) -> str:
    """The key that a receipt's id stands for on a link of this format."""
    if id_format is IdFormat.HEX_TO_DECIMAL:
        return _as_hex(smsc_id) or smsc_key(smsc_id)
    if id_format is IdFormat.DECIMAL_TO_HEX:
        return _as_decimal(smsc_id) or smsc_key(smsc_id)
    return smsc_key(smsc_id)


def spelling(answered: str, reported: str) -> Spelling:
    """How a receipt spelled the id of the answer, given that the two mean the same."""
    if answered == reported:
        return Spelling.SAME
    if answered.casefold() == reported.casefold():
        return Spelling.CASE
    if smsc_key(answered) == smsc_key(reported):
        return Spelling.ZEROS
    return Spelling.DECIMAL if _as_hex(reported) == smsc_key(answered) else Spelling.HEX


def _as_hex(smsc_id: str) -> str:
    """The key of a decimal number in hex; "" for what is none."""
    text = smsc_id.strip()
    return smsc_key(f"{int(text):x}") if text.isascii() and text.isdigit() else ""


def _as_decimal(smsc_id: str) -> str:
    """The key of a hex number in decimal; "" for what is none."""
    with contextlib.suppress(ValueError):
        return smsc_key(str(int(smsc_id.strip(), 16)))
    return ""
