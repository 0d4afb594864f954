"""What the octets of a message mean: data_coding to an alphabet and back (SMPP 3.4, 5.2.19; 3GPP TS 23.038, 4).

data_coding 0 is "the default alphabet" of the SMSC, and 1 is used for several; each account and each link says which
one it means. Values from 0x10 on are GSM's own data coding schemes: with a class (0x10..0x1F, 0xF0..0xF7), or telling
of waiting messages (0xC0..0xEF). Septets travel unpacked, one to an octet.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from bridge.messages import charset
from bridge.messages.data_coding import ALPHABET_BITS, CLASSED, EIGHT_BIT, SIXTEEN_BIT, class_form
from bridge.messages.message import Coding
from bridge.smpp.constants import DataCoding


class Alphabet(StrEnum):
    """What data_coding 0 (and 1) may stand for."""

    GSM = "gsm"
    """GSM 03.38."""
    ASCII = "ascii"
    LATIN1 = "latin1"
    CP1252 = "cp1252"
    """Latin-1 with the euro sign and typographic quotes in between, as Windows has it."""


class Kind(StrEnum):
    """What the octets are."""

    TEXT = "text"
    UCS2 = "ucs2"
    """Text too, in two octets a unit."""
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class Scheme:
    """One data_coding, understood."""

    kind: Kind
    codec: str = ""
    """"gsm" or the name of a Python codec; empty for what is no text."""
    data_coding: int = 0
    """What the same octets are called where 0 means GSM 03.38."""
    message_class: int | None = None
    """0 (shown at once and not kept), 1 (handset), 2 (SIM), 3 (terminal equipment); None: no class."""

    @property
    def is_latin(self) -> bool:
        """Whether GSM 03.38 has a letter at least much like each of its own."""
        return self.codec in (_CODECS[Alphabet.LATIN1], _CODECS[Alphabet.CP1252])


_PLAIN: dict[int, Scheme] = {
    DataCoding.BINARY_ALIAS: Scheme(Kind.BINARY, data_coding=DataCoding.BINARY_ALIAS),
    DataCoding.LATIN1: Scheme(Kind.TEXT, "latin-1", DataCoding.LATIN1),
    DataCoding.BINARY: Scheme(Kind.BINARY, data_coding=DataCoding.BINARY),
    DataCoding.JIS: Scheme(Kind.TEXT, "shift_jis", DataCoding.JIS),
    DataCoding.CYRILLIC: Scheme(Kind.TEXT, "iso8859_5", DataCoding.CYRILLIC),
    DataCoding.HEBREW: Scheme(Kind.TEXT, "iso8859_8", DataCoding.HEBREW),
    DataCoding.UCS2: Scheme(Kind.UCS2, "utf-16-be", DataCoding.UCS2),
    DataCoding.PICTOGRAM: Scheme(Kind.TEXT, "shift_jis", DataCoding.PICTOGRAM),
    DataCoding.ISO_2022_JP: Scheme(Kind.TEXT, "iso2022_jp", DataCoding.ISO_2022_JP),
    DataCoding.EXTENDED_KANJI: Scheme(Kind.TEXT, "euc_jp", DataCoding.EXTENDED_KANJI),
    DataCoding.KS_C_5601: Scheme(Kind.TEXT, "euc_kr", DataCoding.KS_C_5601),
}
_CODECS = {Alphabet.GSM: "gsm", Alphabet.ASCII: "ascii", Alphabet.LATIN1: "latin-1", Alphabet.CP1252: "cp1252"}
_STANDARD = {
    Alphabet.GSM: DataCoding.DEFAULT,
    Alphabet.ASCII: DataCoding.IA5,
    Alphabet.LATIN1: DataCoding.LATIN1,
    Alphabet.CP1252: DataCoding.LATIN1,
}
_WAITING = (0xC0, 0xD0, 0xE0)


@lru_cache(maxsize=4 * 4 * 256)
def scheme_of(data_coding: int, alphabet_0: str = Alphabet.GSM, alphabet_1: str = Alphabet.ASCII) -> Scheme | None:
    """What a data_coding means to somebody whose 0 and 1 mean these alphabets; None for a reserved or compressed one.

    Waiting-message indications count as binary: what they do lies in the data_coding, so they go as they are.
    """
    if data_coding in (DataCoding.DEFAULT, DataCoding.IA5):
        alphabet = Alphabet(alphabet_1 if data_coding else alphabet_0)
        return Scheme(Kind.TEXT, _CODECS[alphabet], _STANDARD[alphabet])
    group, bits = data_coding & 0xF0, data_coding & ALPHABET_BITS
    if group in _WAITING:
        return Scheme(Kind.BINARY, data_coding=data_coding)
    if group not in CLASSED:
        return _PLAIN.get(data_coding)
    message_class = data_coding & 0x03
    if bits == 0:
        # Whoever means another alphabet by 0 means it with a class too: so Kannel, for one, encodes it.
        codec = _CODECS[Alphabet(alphabet_0)]
        return Scheme(Kind.TEXT, codec, class_form(Coding.GSM7, message_class), message_class)
    if bits == EIGHT_BIT:
        return Scheme(Kind.BINARY, data_coding=data_coding, message_class=message_class)
    if bits == SIXTEEN_BIT and group == 0x10:
        return Scheme(Kind.UCS2, "utf-16-be", data_coding, message_class)
    return None


def decode(octets: bytes, codec: str) -> str:
    """Characters of a Scheme's octets. Never fails: what means nothing becomes U+FFFD."""
    if codec == "gsm":
        return charset.decode(octets, Coding.GSM7)
    return octets.decode(codec, errors="replace")


def decode_text(
    octets: bytes, data_coding: int, alphabet_0: str = Alphabet.GSM, alphabet_1: str = Alphabet.ASCII
) -> str:
    """Characters by data_coding, of what must be shown whatever it is. Never fails: U+FFFD, and Latin-1 for octets."""
    scheme = scheme_of(data_coding, alphabet_0, alphabet_1)
    codec = scheme.codec if scheme is not None else ""
    return decode(octets, codec or _nearest(data_coding))


def _nearest(data_coding: int) -> str:
    """The codec in which a reserved scheme, or one of octets, is shown."""
    group, bits = data_coding & 0xF0, data_coding & ALPHABET_BITS
    if group == 0xE0:
        return "utf-16-be"
    if data_coding == DataCoding.BINARY_ALIAS:
        return "latin-1"
    if 0x80 <= group < 0xF0:
        return "gsm"
    if group == 0xF0:
        bits &= EIGHT_BIT
    return {EIGHT_BIT: "latin-1", SIXTEEN_BIT: "utf-16-be"}.get(bits, "gsm")


def encode(text: str, alphabet: str) -> bytes | None:
    """The octets of `text` in an alphabet; None when it lacks a character."""
    if alphabet == "gsm":
        return None if charset.forced_ucs2(text) else charset.encode(text, Coding.GSM7)
    try:
        return text.encode(_CODECS[Alphabet(alphabet)])
    except UnicodeEncodeError:
        return None


def encode_roughly(text: str, alphabet: str) -> bytes:
    """The same, never failing and never longer than one octet for each character (two for GSM's escaped ones).

    A character that the alphabet lacks becomes its plain letter where it has one, else a question mark.
    """
    octets = encode(text, alphabet)
    if octets is not None:
        return octets
    return b"".join(encode(sign, alphabet) or encode(charset.nearest(sign), alphabet) or b"?" for sign in text)


SUSPICION_UNITS_MIN = 3
"""Units of a text that may be taken for little-endian: two Chinese signs may look like Latin letters swapped."""


def is_little_endian(octets: bytes) -> bool:
    """Whether UCS-2 came with its octets swapped: by its mark, or because swapped it reads as words and else does not.

    Latin letters, blanks and line ends have a zero octet, and the side it is on tells. A text without any is believed.
    """
    if octets[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return octets[:2] == b"\xff\xfe"
    second = octets[1::2]
    zeros = second.count(0)
    if not zeros:
        return False
    first = octets[::2]
    if len(second) < SUSPICION_UNITS_MIN or first.count(0):
        return False
    latin = [one for one, other in zip(first, second, strict=False) if not other]
    if any(one < 0x20 and one not in (0x0A, 0x0D) for one in latin):
        return False
    if len(latin) * 2 > len(second):
        return len(set(latin)) > 1
    # Words of another script with blanks between: its letters share their high octet, so that varies less.
    return 0x20 in latin and len(set(second)) < len(set(first))


def decode_ucs2(octets: bytes) -> tuple[str, bytes, bool]:
    """The characters, the octets as they should have come (big-endian, without a mark), and whether they were swapped.

    The number of octets must be even.
    """
    is_swapped = is_little_endian(octets)
    if is_swapped:
        swapped = bytearray(len(octets))
        swapped[::2], swapped[1::2] = octets[1::2], octets[::2]
        octets = bytes(swapped)
    octets = octets.removeprefix(b"\xfe\xff")
    return octets.decode("utf-16-be", errors="replace"), octets, is_swapped
