"""The many ways in which carriers write the id of a message: in the answer, and differently in the receipt."""

from collections.abc import Callable
from enum import StrEnum
from uuid import UUID

_MASK_32 = 0xFFFF_FFFF
_TOP_BIT_64 = 1 << 63
_STRANGER = "FFFFFFFF"
"""The id of a message that nobody submitted: ours count up from the time of the start."""


class IdForm(StrEnum):
    """What the ids in the answers look like."""

    HEX = "hex"
    ZEROS = "zeros"
    DECIMAL = "decimal"
    HEX64 = "hex64"
    DECIMAL64 = "decimal64"
    UUID = "uuid"
    LONGEST = "longest"
    SAME = "same"
    EMPTY = "empty"


class IdSpelling(StrEnum):
    """How a receipt spells the id that the answer gave."""

    SAME = "same"
    LOWER = "lower"
    UPPER = "upper"
    DECIMAL = "decimal"
    SIGNED = "signed"
    HEX = "hex"
    STRIPPED = "stripped"
    PADDED = "padded"
    UNDASHED = "undashed"
    STRANGER = "stranger"
    NONE = "none"


FORMS: dict[IdForm, Callable[[int], str]] = {
    IdForm.HEX: lambda number: f"{number & _MASK_32:08X}",
    IdForm.ZEROS: lambda number: f"{number & 0xFFFFF:08X}",
    IdForm.DECIMAL: lambda number: f"{number & _MASK_32:010d}",
    IdForm.HEX64: lambda number: f"{_TOP_BIT_64 | number:016X}",
    IdForm.DECIMAL64: lambda number: str(_TOP_BIT_64 | number),
    IdForm.UUID: lambda number: str(UUID(int=0x0A5E_D0D0_0000_4000_8000_0000_0000_0000 | number)),
    IdForm.LONGEST: lambda number: f"{number:064X}",
    IdForm.SAME: lambda number: "00000001",
    IdForm.EMPTY: lambda number: "",
}
"""The id of the message with this number, which is below 2**46."""

FORMS_ABOUT: dict[IdForm, str] = {
    IdForm.HEX: "eight hex digits, as usual",
    IdForm.ZEROS: "eight hex digits that begin with three zeros",
    IdForm.DECIMAL: "ten digits",
    IdForm.HEX64: "sixteen hex digits, the highest bit set",
    IdForm.DECIMAL64: "the same in decimal, nineteen digits",
    IdForm.UUID: "36 characters with dashes",
    IdForm.LONGEST: "64 characters, which with its NUL is all that fits",
    IdForm.SAME: "the same for every message",
    IdForm.EMPTY: "no id at all",
}

SPELLINGS: dict[IdSpelling, Callable[[str], str]] = {
    IdSpelling.SAME: lambda text: text,
    IdSpelling.LOWER: str.lower,
    IdSpelling.UPPER: str.upper,
    IdSpelling.DECIMAL: lambda text: str(int(text, 16)),
    IdSpelling.SIGNED: lambda text: str(int.from_bytes(int(text, 16).to_bytes(8, "big"), "big", signed=True)),
    IdSpelling.HEX: lambda text: f"{int(text):X}",
    IdSpelling.STRIPPED: lambda text: text.lstrip("0"),
    IdSpelling.PADDED: lambda text: text.zfill(16),
    IdSpelling.UNDASHED: lambda text: text.replace("-", ""),
    IdSpelling.STRANGER: lambda text: _STRANGER,
    IdSpelling.NONE: lambda text: "",
}

SPELLINGS_ABOUT: dict[IdSpelling, str] = {
    IdSpelling.SAME: "as in the answer",
    IdSpelling.LOWER: "in lower case",
    IdSpelling.UPPER: "in upper case",
    IdSpelling.DECIMAL: "in decimal what the answer gave in hex",
    IdSpelling.SIGNED: "in decimal, and negative when the highest of 64 bits is set",
    IdSpelling.HEX: "in hex what the answer gave in decimal",
    IdSpelling.STRIPPED: "without leading zeros",
    IdSpelling.PADDED: "with zeros in front, sixteen characters",
    IdSpelling.UNDASHED: "without dashes",
    IdSpelling.STRANGER: "the id of a message that nobody submitted",
    IdSpelling.NONE: "no id",
}


def spell(message_id: str, spelling: IdSpelling) -> str:
    """The id as a receipt of that kind has it; one that cannot be spelled so stays as it is."""
    try:
        return SPELLINGS[spelling](message_id)
    except (ValueError, OverflowError):
        return message_id
