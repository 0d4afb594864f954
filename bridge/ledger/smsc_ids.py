"""An SMSC's name for a part comes back in other spellings: upper case, without leading zeros, hex as decimal.

`smsc_key` is the form that is stored and looked up first; `other_keys` are the number bases a receipt may use.
"""

import contextlib


def smsc_key(smsc_id: str) -> str:
    """Case folded, without blanks around it and leading zeros; "" stays ""."""
    stripped = smsc_id.strip().casefold()
    return stripped.lstrip("0") or stripped[:1]


def other_keys(smsc_id: str) -> list[str]:
    """The same number written in the other base, as keys: decimal as hex, hex as decimal (any length)."""
    text = smsc_id.strip()
    found = []
    if text.isascii() and text.isdigit():
        found.append(smsc_key(f"{int(text):x}"))
    with contextlib.suppress(ValueError):
        found.append(smsc_key(str(int(text, 16))))
    return [key for key in dict.fromkeys(found) if key != smsc_key(text)]
