"""The user data header in front of a text: which piece of a long message this is (3GPP TS 23.040, 9.2.3.24)."""

from dataclasses import dataclass

from bridge.messages.inbound import Concat

CONCAT_8_BIT = 0x00
CONCAT_16_BIT = 0x08
CONCAT_SIZE = 6
"""Octets of the header that `build_concat` makes."""


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


def build_concat(reference: int, total: int, number: int) -> bytes:
    """The 6 octets that number a piece: 8-bit `reference`, `total` 2..255, `number` 1..total; else ValueError."""
    if not (2 <= total <= 255 and 1 <= number <= total):
        raise ValueError(f"no such piece: {number} of {total}")
    return bytes((CONCAT_SIZE - 1, CONCAT_8_BIT, 3, reference, total, number))
