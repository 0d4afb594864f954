"""From the characters of a mail's body to the text that is sent: the same for every kind of mail.

What is taken away is on this page and in docs/email.md, nothing else: line ends become LF, trailing
blanks of lines and blank lines at both ends go, control characters and direction overrides go, and a
signature behind a "-- " line is cut.
"""

import re

_SIGNATURE_MARK = "-- "
_LINE_END = re.compile(r"\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")

_REMOVED: dict[int, int | None] = {
    **dict.fromkeys((*range(0x20), 0x7F, *range(0x80, 0xA0))),  # controls; LF is put back below
    **dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A))),  # direction embeddings and overrides
    0xFEFF: None,  # a byte order mark in mid-text
    **dict.fromkeys(range(0xD800, 0xE000), 0xFFFD),  # lone surrogates can never be sent
    0x09: 0x20,
    0x0A: 0x0A,
}


def clean(text: str) -> str:
    """`text` with LF line ends and without characters that no handset should get."""
    return _LINE_END.sub("\n", text).translate(_REMOVED)


def cut_signature(text: str, mark: str = _SIGNATURE_MARK) -> str:
    """`text` up to its last line that is exactly the signature mark, when anything readable stands before it.

    The last one, so that a text quoting such a line loses as little as possible.
    """
    head, found, _ = f"\n{text}\n".rpartition(f"\n{mark}\n")
    return head[1:] if found and head.strip() else text


def trim(text: str) -> str:
    """`text` without trailing blanks in its lines and without blank lines at its ends."""
    lines = [line.rstrip() for line in text.split("\n")]
    return "\n".join(lines).strip("\n")


def join_flowed(text: str, *, is_delsp: bool) -> str:
    """Undo `format=flowed` (RFC 3676): a line that ends in a space goes on in the next one.

    `is_delsp` says that this last space was added by the sender's program and is not part of the text.
    Quoted lines (">") keep their line ends, as their depth could differ.
    """
    paragraphs: list[list[str]] = []
    goes_on = False
    for line in text.split("\n"):
        unstuffed = line[1:] if line.startswith(" ") else line
        is_fixed = unstuffed == _SIGNATURE_MARK or line.startswith(">")
        if not goes_on or is_fixed:
            paragraphs.append([])
        goes_on = unstuffed.endswith(" ") and not is_fixed
        paragraphs[-1].append(unstuffed[:-1] if goes_on and is_delsp else unstuffed)
    return "\n".join("".join(pieces) for pieces in paragraphs)
