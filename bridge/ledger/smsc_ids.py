"""An SMSC's name for a part comes back in other spellings: upper case, without leading zeros, hex as decimal.

Some know their ids as UUIDs and write them with and without dashes, some as 64 bits and take the highest for a sign.
`smsc_key` is the form that is stored and looked up first; `key_of` is the one that a receipt's id stands for, by what
is known of its link, and `other_keys` are those to try where nothing is known. A link teaches which spelling is its own
by every receipt that finds its part.
"""

import contextlib
import re
from enum import StrEnum

from bridge.messages.receipt import IdFormat

_UUID = re.compile(r"[0-9a-f]{0,8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""In lower case; of the zeros in front any may be missing."""
_BELOW_ZERO = re.compile(r"-0*[1-9][0-9]{0,18}")
_WORD, _SIGN_BIT = 1 << 64, 1 << 63


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
    DASHES = "dashes"
    """One of them is a UUID with its dashes, the other has none."""
    SIGNED = "signed"
    """One of them is a negative decimal number: the highest of its 64 bits was taken for a sign."""


def smsc_key(smsc_id: str) -> str:
    """Case folded, without blanks around it and leading zeros; "" stays "".

    A UUID is without dashes, and a negative number of 64 bits the one of the same bits without a sign.
    """
    stripped = smsc_id.strip().casefold()
    if "-" in stripped:
        stripped = _without_dash(stripped)
    return stripped.lstrip("0") or stripped[:1]


def _without_dash(folded: str) -> str:
    if _UUID.fullmatch(folded):
        return folded.replace("-", "")
    return str(_WORD + int(folded)) if _is_below_zero(folded) else folded


def _is_below_zero(text: str) -> bool:
    return _BELOW_ZERO.fullmatch(text) is not None and int(text) >= -_SIGN_BIT


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
    if _is_below_zero(answered.strip()) != _is_below_zero(reported.strip()):
        return Spelling.SIGNED
    if smsc_key(answered) == smsc_key(reported):
        return Spelling.ZEROS if ("-" in answered) == ("-" in reported) else Spelling.DASHES
    return Spelling.DECIMAL if _as_hex(reported) == smsc_key(answered) else Spelling.HEX


def _as_hex(smsc_id: str) -> str:
    """The key of a decimal number in hex; "" for what is none."""
    text = smsc_id.strip()
    if _is_below_zero(text):
        text = smsc_key(text)
    return smsc_key(f"{int(text):x}") if text.isascii() and text.isdigit() else ""


def _as_decimal(smsc_id: str) -> str:
    """The key of a hex number in decimal; "" for what is none."""
    if "-" in smsc_id:  # Python reads a sign before hex digits too; no SMSC writes one.
        return ""
    with contextlib.suppress(ValueError):
        return smsc_key(str(int(smsc_id.strip(), 16)))
    return ""
