"""What a data coding scheme says besides the alphabet (3GPP TS 23.038, 4): the class of a message, and its octets.

SMPP's data_coding has such schemes from 0x10 on (SMPP 3.4, 5.2.19); class 0 is shown at once and not kept ("flash").
"""

from bridge.messages.message import Coding

CLASSED = (0x10, 0xF0)
"""The groups of schemes that name a class."""
ALPHABET_BITS, EIGHT_BIT, SIXTEEN_BIT = 0x0C, 0x04, 0x08
"""Of a scheme with a class: which bits name its alphabet, and which of them octets and UCS-2; none: septets."""
_SEPTETS = (0, 1)
"""Plain schemes whose octets are septets: the default alphabet, under both its names."""


def class_form(coding: Coding, message_class: int) -> int:
    """The data_coding of a text with a class: 0x10 is a flash text in GSM 03.38, 0x18 one in UCS-2."""
    return 0x10 | (SIXTEEN_BIT if coding is Coding.UCS2 else 0) | message_class


def class_of(data_coding: int) -> int | None:
    """The class that a data_coding names, 0 to 3; None when it names none."""
    return data_coding & 0x03 if data_coding & 0xF0 in CLASSED else None


def is_septets(data_coding: int) -> bool:
    """Whether its octets are septets, one to an octet, which a carrier packs; else they are whole octets."""
    return data_coding in _SEPTETS or (class_of(data_coding) is not None and not data_coding & ALPHABET_BITS)
