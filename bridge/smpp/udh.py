"""The user data header in front of a text: which piece of a long message this is (3GPP TS 23.040, 9.2.3.24)."""

from dataclasses import dataclass

from bridge.messages.inbound import Concat

CONCAT_8_BIT = 0x00
CONCAT_16_BIT = 0x08
CONCATS = {CONCAT_8_BIT: 3, CONCAT_16_BIT: 4}
"""The elements that number a piece, and how long their data is: reference, total, number."""
PORTS_8_BIT = 0x04
PORTS_16_BIT = 0x05
PORTS = frozenset({PORTS_8_BIT, PORTS_16_BIT})
"""The elements that name the application on the handset: destination port, source port."""
CONCAT_SIZE = 6
"""Octets of a header with an 8-bit reference and nothing else; one with a 16-bit reference has one more."""


class UdhError(ValueError):
    """A header whose lengths contradict each other."""


@dataclass(slots=True)
class Udh:
    """The information elements of a header, in order; the identifiers are not unique."""

    elements: list[tuple[int, bytes]]

    @property
    def concat(self) -> Concat | None:
        """The last valid concatenation element, 8 or 16 bit; None when there is none or the message has one piece."""
        for identifier, data in reversed(self.elements):
            if identifier == CONCAT_8_BIT and len(data) == 3:
                reference, total, number = data
            elif identifier == CONCAT_16_BIT and len(data) == 4:
                reference, total, number = data[0] << 8 | data[1], data[2], data[3]
            else:
                continue
            if total > 1 and 1 <= number <= total:
                return Concat(reference, total, number)
        return None


def parse(octets: bytes) -> tuple[Udh, bytes]:
    """The header at the start of `octets`, and the user data after it. Raises UdhError when a length lies."""
    if not octets or 1 + octets[0] > len(octets):
        raise UdhError("the header is longer than the user data")
    end = 1 + octets[0]
    elements = []
    at = 1
    while at < end:
        if at + 2 > end or at + 2 + octets[at + 1] > end:
            raise UdhError("an element is longer than the header")
        stop = at + 2 + octets[at + 1]
        elements.append((octets[at], octets[at + 2 : stop]))
        at = stop
    return Udh(elements), octets[end:]


def pure_concat(header: bytes) -> Concat | None:
    """What a whole header with its length octet says, if it numbers a piece and does nothing else; None otherwise."""
    try:
        parsed, rest = parse(header)
    except UdhError:
        return None
    return parsed.concat if len(parsed.elements) == 1 and not rest else None


def build(elements: list[tuple[int, bytes]]) -> bytes:
    """A header with its length octet; ValueError when it is longer than 255 octets."""
    octets = b"".join(bytes((identifier, len(data))) + data for identifier, data in elements)
    return bytes((len(octets),)) + octets


def build_concat(reference: int, total: int, number: int, *, is_16_bit: bool = False) -> bytes:
    """The 6 or 7 octets that number a piece: `reference` of 8 or 16 bits, `total` 2..255, `number` 1..total.

    Raises ValueError, or OverflowError for a reference with too many bits.
    """
    if not (2 <= total <= 255 and 1 <= number <= total):
        raise ValueError(f"no such piece: {number} of {total}")
    if is_16_bit:
        return bytes((CONCAT_SIZE, CONCAT_16_BIT, 4)) + reference.to_bytes(2, "big") + bytes((total, number))
    return bytes((CONCAT_SIZE - 1, CONCAT_8_BIT, 3, reference, total, number))
