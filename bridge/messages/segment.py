"""Cutting a text into parts.

One part holds 160 septets or 70 UTF-16 units; as soon as there are more, every part gives six octets to the user data
header that numbers it and holds 153 septets or 67 units (3GPP TS 23.040, 9.2.3.24.1). Phones join the parts again, but
some show them one by one, so a cut should not fall inside what is read as one sign.
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from bridge.messages.charset import ESCAPE, encode, unit_count
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Coding

PARTS_MAX = 255
"""Parts of one message: the header counts them in one octet."""

SINGLE_MAX = {Coding.GSM7: 160, Coding.UCS2: 70}
"""Units of a message that needs no header: septets, or UTF-16 units."""

PART_MAX = {Coding.GSM7: 153, Coding.UCS2: 67}
"""Units of each part of a longer one, with the header that nearly all phones and carriers expect."""

HEADER_SIZE = 6
"""Octets of the usual header that numbers a part; one with a 16-bit reference has 7."""

OCTETS_MAX = 140
"""Octets of a message with its header (3GPP TS 23.040, 9.2.3.24)."""

_ZERO_WIDTH_JOINER = "\u200d"
_MARK_FIRST = "\u0300"
"""The lowest character that can belong to the sign before it."""

_ALPHABET_MAX = 4096
"""Characters whose answer is remembered: a few scripts, about 0.5 MB."""


def part_max(coding: Coding, header_size: int = HEADER_SIZE) -> int:
    """Units of a part beside a header of so many octets: septets, or UTF-16 units."""
    left = OCTETS_MAX - header_size
    return left * 8 // 7 if coding is Coding.GSM7 else left // 2


def segment(text: str, coding: Coding, header_size: int = HEADER_SIZE) -> list[str]:
    """The texts of the parts, one or more, in order: joined they are `text`, and "" gives [""].

    `header_size` is 7 for carriers that want 16-bit references: such parts hold 152 septets or 66 units.
    Never cuts an escape pair or a surrogate pair. Never cuts between a base character and its combining marks, inside
    a joined emoji or a flag, unless that cluster alone is larger than a part; the number of parts is the smallest
    possible under these rules. Raises Fault TOO_MANY_PARTS beyond PARTS_MAX.
    """
    size = unit_count(text, coding)
    if size <= SINGLE_MAX[coding]:
        return [text]
    limit = part_max(coding, header_size)
    if size > PARTS_MAX * limit:
        raise _too_many()
    pieces = _cut_septets(text, limit) if coding is Coding.GSM7 else _cut_units(text, limit)
    if len(pieces) > PARTS_MAX:
        raise _too_many()
    return pieces


def _too_many() -> Fault:
    return Fault(FaultCode.TOO_MANY_PARTS, f"more than {PARTS_MAX} parts")


def _cut_septets(text: str, limit: int) -> list[str]:
    """Cut at the last septet that fits, one earlier when that is an escape."""
    wire = encode(text, Coding.GSM7)
    pieces = []
    start = character = 0
    while start < len(wire):
        end = min(start + limit, len(wire))
        if wire[end - 1] == ESCAPE:
            end -= 1
        character_end = character + (end - start) - wire.count(ESCAPE, start, end)
        pieces.append(text[character:character_end])
        start, character = end, character_end
    return pieces


def _cut_units(text: str, limit: int) -> list[str]:
    """Fill each part with whole clusters; one larger than a part is cut between its characters, wherever it is full."""
    pieces = []
    piece, used = "", 0
    for cluster in _clusters(text):
        is_whole = len(cluster) == 1 or unit_count(cluster, Coding.UCS2) <= limit
        for atom in (cluster,) if is_whole else cluster:
            size = 1 if len(atom) == 1 and atom <= "\uffff" else unit_count(atom, Coding.UCS2)
            if used + size > limit:
                pieces.append(piece)
                piece, used = "", 0
            piece += atom
            used += size
    return [*pieces, piece]


def _clusters(text: str) -> Iterator[str]:
    """What is read as one sign each: the cases of Unicode's UAX 29 that occur at all in text messages."""
    start = 0
    is_half_flag = _is_regional(text[0])
    for at in range(1, len(text)):
        character = text[at]
        completes_flag = is_half_flag and _is_regional(character)
        is_half_flag = _is_regional(character) and not completes_flag
        is_joined = text[at - 1] == _ZERO_WIDTH_JOINER or (character >= _MARK_FIRST and _extends(character))
        if not (completes_flag or is_joined):
            yield text[start:at]
            start = at
    yield text[start:]


def _is_regional(character: str) -> bool:
    """Whether this is half of a flag."""
    return "\U0001f1e6" <= character <= "\U0001f1ff"


@lru_cache(maxsize=_ALPHABET_MAX)
def _extends(character: str) -> bool:
    """Whether the character belongs to the sign before it.

    Combining marks and variation selectors, joiners, skin tones, tags, the second half of Hangul syllables, and the
    second half of a surrogate pair that arrived as two characters.
    """
    return (
        unicodedata.category(character) in ("Mn", "Mc", "Me")
        or "\u200c" <= character <= _ZERO_WIDTH_JOINER
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
        or "\u1160" <= character <= "\u11ff"
        or "\udc00" <= character <= "\udfff"
    )
