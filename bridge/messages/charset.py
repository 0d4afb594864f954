"""The two alphabets of a text message: GSM 03.38 when every character is in it, else UCS-2.

GSM 03.38 (now 3GPP TS 23.038, 6.2.1) has 128 septets, of which 0x1B escapes into a table of ten more
characters; those ten cost two septets each. On SMPP links a septet travels alone in an octet, unpacked.
UCS-2 is sent as UTF-16BE, so that a character above U+FFFF costs two units (a surrogate pair).

Four kinds of function: `choose` and `forced_ucs2` say which alphabet; `encode`, `decode` and `unit_count`
speak it; `normalise_text` makes what a door read fit to be sent; `downgrade` may save a text from UCS-2.
"""

import codecs
import re
import unicodedata

from bridge.messages.message import Coding

ESCAPE = 0x1B
"""The septet that announces a character of the extension table."""

REPLACEMENT = "\ufffd"

# Rows of 16. 0x09 is the capital C with cedilla: the standard's table shows it, though some phones draw a small one.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
"""Character of each septet 0x00..0x7F; the escape stands for itself and is no character."""

EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
"""Septet after the escape -> character (3GPP TS 23.038, 6.2.1.1)."""

EXTENSION_CHARACTERS = "".join(EXTENSION.values())

_WIRE = {ord(sign): chr(septet) for septet, sign in enumerate(BASIC) if septet != ESCAPE} | {
    ord(sign): chr(ESCAPE) + chr(septet) for septet, sign in EXTENSION.items()
}
_OUTSIDE = re.compile("[^" + re.escape("".join(map(chr, _WIRE))) + "]")
# Keyed by the escape and the basic character of the septet behind it, because decoding meets them that way.
# A second escape is reserved and read as one space (3GPP TS 23.038, 6.2.1.1, note 1).
_ESCAPED = {chr(ESCAPE) + BASIC[septet]: sign for septet, sign in EXTENSION.items()} | {chr(ESCAPE) * 2: " "}
# Characters whose septet is their ASCII code. Most texts have no others, and are done in a tenth of the time.
_SAME = "".join(sign for septet, sign in enumerate(BASIC) if ord(sign) == septet != ESCAPE)
_ALL_SAME = re.compile("[" + re.escape(_SAME) + "]*").fullmatch
_ALL_SAME_OCTETS = re.compile(b"[" + re.escape(_SAME.encode()) + b"]*").fullmatch
_ESCAPE_PAIR = re.compile("\x1b.?", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def forced_ucs2(text: str) -> str:
    """The first character of `text` that GSM 03.38 does not have, or "" when it has them all."""
    found = _OUTSIDE.search(text)
    return found.group() if found else ""


def choose(text: str) -> Coding:
    """GSM7 when GSM 03.38 has every character of `text`, else UCS2."""
    return Coding.UCS2 if _OUTSIDE.search(text) else Coding.GSM7


def unit_count(text: str, coding: Coding) -> int:
    """What `text` costs: septets (GSM7, an extension character counts two) or UTF-16 units (UCS2)."""
    if coding is Coding.GSM7:
        return len(text) if _ALL_SAME(text) else len(text) + sum(map(text.count, EXTENSION_CHARACTERS))
    return len(text) if text.isascii() else len(text) + sum(character > "\uffff" for character in text)


def encode(text: str, coding: Coding) -> bytes:
    """The octets of short_message: one septet per octet (GSM7) or UTF-16BE (UCS2). Never fails.

    What the alphabet cannot carry is replaced, unit for unit: "?" in GSM7 (only when the caller insists on GSM7
    against `choose`), U+FFFD for a lone surrogate in UCS2.
    """
    if coding is Coding.GSM7:
        if _ALL_SAME(text):
            return text.encode("ascii")
        return _OUTSIDE.sub("?", text).translate(_WIRE).encode("latin-1")
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError:
        return _SURROGATE.sub(REPLACEMENT, text).encode("utf-16-be")


def decode(octets: bytes, coding: Coding) -> str:
    """The characters of `octets`, the inverse of `encode`. Never fails; what means nothing becomes U+FFFD.

    GSM7: an octet above 0x7F and an escape at the very end are U+FFFD; an escape before a septet that the
    extension table lacks is ignored, as the standard asks. UCS2: an odd last octet and a lone surrogate are U+FFFD.
    """
    if coding is Coding.UCS2:
        return octets.decode("utf-16-be", "replace")
    if _ALL_SAME_OCTETS(octets):
        return octets.decode("ascii")
    text = codecs.charmap_decode(octets, "replace", BASIC)[0]
    if chr(ESCAPE) not in text:
        return text
    return _ESCAPE_PAIR.sub(lambda pair: _unescape(pair.group()), text)


def _unescape(pair: str) -> str:
    return _ESCAPED.get(pair) or (pair[1:] or REPLACEMENT)


# What no handset should get: C0 and C1 without the line breaks handled below, DEL, byte order marks, and the
# embeddings, overrides and isolates of the bidirectional algorithm, which make a text read differently from what was
# checked. The marks U+200E, U+200F and U+061C stay: Hebrew and Arabic need them, and they cannot reorder a whole line.
_DROPPED = dict.fromkeys(
    [
        *range(0x20),
        *range(0x7F, 0xA0),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        0xFEFF,
    ]
)
for _kept in (0x0A, 0x0B, 0x0C, 0x0D, 0x85):
    del _DROPPED[_kept]
_TIDY = _DROPPED | {0x09: " "}
_LINE_BREAK = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")


def normalise_text(text: str) -> str:
    """What the sender wrote, without what cannot or must not reach a handset. Applied once, at the intake.

    Every kind of line break becomes one LF; TAB becomes a space; NUL, the other C0 and C1 controls, DEL, byte order
    marks and the bidirectional embeddings, overrides and isolates are dropped; surrogate halves that make a pair are
    joined and lone ones become U+FFFD. Nothing else changes: no trimming, no composing, no change of alphabet.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _LINE_BREAK.sub("\n", text.translate(_TIDY))
    if _SURROGATE.search(text):
        text = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
    return text


# Typography that word processors put in by themselves; each has a plain twin of the same meaning.
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′ʼ`´", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‹", "<"),
        **dict.fromkeys("›", ">"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys(
            "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "
        ),
        **dict.fromkeys("\u00ad\u200b\u2060"),
        "…": "...",
        "•": "*",
        "·": ".",
        "⁄": "/",
    }
)


# What else stands for a sign where it does not exist; letters with an accent are decomposed instead.
_NEAREST = {chr(sign): plain[:1] for sign, plain in _PLAIN.items() if plain} | dict(
    zip("€ðÐđĐłŁœŒıƒ×÷°¢", "EdDdDlLoOifx:oc", strict=True)
)
_ONE_SEPTET = str.maketrans("^{}\\[~]|€\f", "'()/(-)/E\n")
"""The nearest of one septet to each character that takes two."""


def nearest(sign: str) -> str:
    """The character that stands for `sign` where an alphabet lacks it: without its accent; "" when there is none."""
    if (plain := _NEAREST.get(sign)) is not None:
        return plain
    letters = unicodedata.normalize("NFKD", sign)
    return letters[0] if letters != sign and all(map(unicodedata.combining, letters[1:])) else ""


def roughly(text: str, septets_max: int) -> str:
    """`text` in GSM 03.38 whatever it takes, one character for each: the nearest letter, else a question mark.

    Where that is more than `septets_max`, characters of two septets become ones of one as well: "[" is "(", "€" is "E".
    It may be too long even so.
    """
    plain = _OUTSIDE.sub(lambda found: _in_gsm(nearest(found.group())), text)
    return plain if unit_count(plain, Coding.GSM7) <= septets_max else plain.translate(_ONE_SEPTET)


def _in_gsm(sign: str) -> str:
    return sign if sign and not forced_ucs2(sign) else "?"


def downgrade(text: str) -> str:
    """A spelling of `text` in GSM 03.38, when only typography keeps it out of there; otherwise `text` itself.

    Curly quotes, dashes, special spaces, the ellipsis, bullets and letters written as base plus accent are respelled.
    The result is `text` or lies wholly in GSM 03.38, and never needs more parts than `text`: a respelling that would
    not save the whole text from UCS-2 changes nothing, and one of more than two septets per UTF-16 unit is not used
    (a UCS-2 part has 67 units, a GSM one at least 152 usable septets).
    """
    if not forced_ucs2(text):
        return text
    plain = unicodedata.normalize("NFC", text).translate(_PLAIN)
    if forced_ucs2(plain) or unit_count(plain, Coding.GSM7) > 2 * unit_count(text, Coding.UCS2):
        return text
    return plain
