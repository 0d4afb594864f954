"""How the public id of a message is spelled towards an ESME as message_id, and read back.

One spelling everywhere is what ESMEs need; but one that comes from elsewhere may have been built for an SMSC that
answers submit_sm in hex and reports in decimal, or the other way round, so each account chooses.
"""

from enum import StrEnum

HEX_SIZE, LONG_HEX_SIZE = 8, 12
"""Digits of a public id, and of one from a ledger of more than 4,294,967,295 messages."""
DECIMAL_SIZE = 10
"""Digits of the decimal spelling, zero padded: what 32 bits may need."""


class IdForm(StrEnum):
    """The spellings an account may choose."""

    HEX = "hex"
    """Eight upper-case hex digits, everywhere."""
    DECIMAL = "decimal"
    """Ten decimal digits of the same number, everywhere."""
    HEX_DECIMAL = "hex_decimal"
    """Hex in submit_sm_resp, decimal in receipts."""
    DECIMAL_HEX = "decimal_hex"
    """Decimal in submit_sm_resp, hex in receipts."""


def message_id_of(public_id: str, form: str = IdForm.HEX, is_receipt: bool = False) -> str:
    """The message_id of a message: `is_receipt` for receipts, else for every response."""
    if form == IdForm.DECIMAL or form == (IdForm.HEX_DECIMAL if is_receipt else IdForm.DECIMAL_HEX):
        return f"{int(public_id, 16):0{DECIMAL_SIZE}d}"
    return public_id


def public_ids_of(message_id: str, form: str = IdForm.HEX) -> tuple[str, ...]:
    """The public ids an ESME may mean by this message_id, the likeliest first; empty when it can be none of ours.

    Upper or lower case, with or without leading zeros, hex or decimal: digits alone can be read both ways, and the
    account's form says which comes first; where it has both, that of the answer, unless the id is just as long as one
    of the other. Blanks around it are ignored.
    """
    written = message_id.strip()
    if not written.isascii() or not written.isalnum():
        return ()
    by_hex = _public_id(written, 16)
    by_decimal = _public_id(written, 10)
    is_hex = {
        IdForm.HEX: True,
        IdForm.DECIMAL: False,
        IdForm.HEX_DECIMAL: len(written) != DECIMAL_SIZE,
        IdForm.DECIMAL_HEX: len(written) == HEX_SIZE,
    }[IdForm(form)]
    readings = (by_hex, by_decimal) if is_hex else (by_decimal, by_hex)
    return tuple(dict.fromkeys(one for one in readings if one))


def _public_id(written: str, base: int) -> str:
    if len(written.lstrip("0")) > LONG_HEX_SIZE + 3:
        return ""
    try:
        value = int(written, base)
    except ValueError:
        return ""
    name = f"{value:0{HEX_SIZE}X}" if value >> 32 == 0 else f"{value:0{LONG_HEX_SIZE}X}"
    return name if len(name) in (HEX_SIZE, LONG_HEX_SIZE) else ""
