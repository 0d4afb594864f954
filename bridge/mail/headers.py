"""The header block of a mail, read by hand: bounded, linear in its size, never a surprise.

The standard library's structured header parser recurses on comments and is quadratic on parameters
(a 2 kB `From:` raises RecursionError), and we need only plain facts: a subject, ids, a charset.
"""

import binascii
import re
from typing import TypeAlias

from bridge.mail import charsets
from bridge.messages.faults import Fault, FaultCode

BLOCK_SIZE_MAX = 100 * 1024
"""Octets of the header block; Postfix's own default for `header_size_limit`."""
FIELDS_MAX = 200
"""Header fields of one mail; a mail that came a long way has about 60."""
CONTENT_TYPE_SIZE_MAX = 2000
"""Octets of a Content-Type field with its folds. The library's parameter parser takes quadratic time."""
SUBJECT_SIZE_MAX = 998
"""Characters of a decoded subject: the longest line RFC 5322 allows."""
REFERENCES_MAX = 20
"""Message ids kept of a References field: the first of the thread and the last ones."""
ID_SIZE_MAX = 500
"""Octets of one message id that is worth answering to."""

_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_ENCODED_WORD = re.compile(r"=\?([!->@-~]{1,40})\?([bBqQ])\?([!->@-~ ]*)\?=")
_BETWEEN_ENCODED_WORDS = re.compile(r"(\?=)\s+(?==\?)")
_MESSAGE_ID = re.compile(rf"<[!-;=?-~]{{3,{ID_SIZE_MAX}}}>")
_ANGLE_ADDRESS = re.compile(r"<([!-;=?-~]{1,64}@[A-Za-z0-9.\[\]:-]{1,255})>")
_BARE_ADDRESS = re.compile(r"(?<![^\s<,;:(])[!#-'*+\-./0-9=?A-Z^-~]{1,64}@[A-Za-z0-9.-]{1,255}")
_PARAMETER = re.compile(r";\s*([A-Za-z0-9*-]{1,40})\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^;\s]*)", re.DOTALL)
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))

Fields: TypeAlias = list[tuple[str, bytes]]
"""Name in lower case and the value with its folds, in the order of the mail."""


def split(raw: bytes) -> tuple[Fields, bytes]:
    """The header fields of `raw` and the body after the empty line.

    A line that is no header field ends the block, as some devices send the text without any.
    Raises Fault UNREADABLE_MESSAGE beyond BLOCK_SIZE_MAX octets or FIELDS_MAX fields.
    """
    marks: list[tuple[str, int, int]] = []  # name, where the value starts and where it ends
    position = 0
    while position < len(raw):
        end = raw.find(b"\n", position) + 1 or len(raw)
        if end > BLOCK_SIZE_MAX:
            raise Fault(FaultCode.UNREADABLE_MESSAGE, f"its header is over {BLOCK_SIZE_MAX // 1024} KiB")
        line = raw[position:end]
        if not line.strip(b"\r\n"):
            position = end
            break
        if line[:1] in b" \t" and marks:
            name, start, _ = marks[-1]
            marks[-1] = (name, start, end)
        elif match := _FIELD.match(line):
            marks.append((match[1].decode("ascii").lower(), position + match.end(), end))
        elif not (line.startswith(b"From ") and position == 0):
            break
        if len(marks) > FIELDS_MAX:
            raise Fault(FaultCode.UNREADABLE_MESSAGE, f"it has more than {FIELDS_MAX} header fields")
        position = end
    return [(name, raw[start:end]) for name, start, end in marks], raw[position:]


def first(fields: Fields, name: str) -> bytes:
    """The value of the first field called `name` (lower case), or nothing."""
    return next((value for field, value in fields if field == name), b"")


def longest_field(lowered: bytes, name: bytes) -> int:
    """Octets of the longest field called `name` anywhere in a lower-case mail, with its folds; 0 for none."""
    longest = 0
    start = lowered.find(name)
    while start >= 0:
        end = lowered.find(b"\n", start)
        while end >= 0 and lowered[end + 1 : end + 2] in (b" ", b"\t"):
            end = lowered.find(b"\n", end + 1)
        end = len(lowered) if end < 0 else end
        longest = max(longest, end - start)
        start = lowered.find(name, end)
    return longest


def text(value: bytes) -> str:
    """A header value as characters: unfolded, encoded words decoded (RFC 2047), one line, no controls."""
    unfolded = _BETWEEN_ENCODED_WORDS.sub(r"\1", " ".join(charsets.decode(value).split()))
    decoded = _ENCODED_WORD.sub(lambda match: _encoded_word(match[1], match[2], match[3]), unfolded)
    return "".join(c if c.isprintable() else " " for c in decoded).strip()[:SUBJECT_SIZE_MAX]


def _encoded_word(charset: str, encoding: str, content: str) -> str:
    if encoding in "qQ":
        octets = binascii.a2b_qp(content.encode("ascii"), header=True)
    else:
        octets = base64(content.encode("ascii"))
    return charsets.decode(octets, charset.partition("*")[0])


def base64(octets: bytes) -> bytes:
    """What can be read of base64 with missing padding or foreign signs in it; never raises."""
    kept = octets.translate(None, _NOT_BASE64)
    # A single left-over sign carries six bits and no octet.
    kept = kept[: len(kept) - (len(kept) % 4 == 1)]
    return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))


def message_ids(value: bytes) -> list[str]:
    """The message ids of a Message-ID, References or In-Reply-To field, with their angle brackets."""
    ids = _MESSAGE_ID.findall(value.decode("latin-1"))
    if len(ids) > REFERENCES_MAX:
        ids = ids[:1] + ids[1 - REFERENCES_MAX :]
    return ids


def address(value: bytes) -> str:
    """The first bare ASCII address of an address field, or empty. Comments and names are not interpreted."""
    line = value[:CONTENT_TYPE_SIZE_MAX].decode("latin-1")
    if match := _ANGLE_ADDRESS.search(line):
        return match[1]
    match = _BARE_ADDRESS.search(line)
    return match[0] if match else ""


def content_type(value: bytes) -> tuple[str, dict[str, str]]:
    """Type and parameters of a Content-Type field, names and type in lower case; the first of a name counts.

    RFC 2231 continuations are not joined: no parameter that matters here is ever that long.
    Raises Fault UNREADABLE_MESSAGE for a field over CONTENT_TYPE_SIZE_MAX octets.
    """
    if len(value) > CONTENT_TYPE_SIZE_MAX:
        raise Fault(FaultCode.UNREADABLE_MESSAGE, f"a Content-Type field is over {CONTENT_TYPE_SIZE_MAX} octets")
    line = value.decode("latin-1")
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(line):
        quoted = match[2]
        parameters.setdefault(match[1].lower(), quoted[1:-1] if quoted.startswith('"') else quoted)
    return line.partition(";")[0].strip().lower(), parameters
