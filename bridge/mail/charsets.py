"""Octets of a mail to characters: an allow-list of charsets, and what to do with the ones that lie.

Python knows codecs that are no charsets (`zlib_codec`, `unicode_escape`, `idna`); a mail must never
choose one of those. Decoding cannot fail: what cannot be read becomes U+FFFD.
"""

_CHARSETS: dict[str, str] = {
    "": "us-ascii",
    "ascii": "us-ascii",
    "us-ascii": "us-ascii",
    "ansi_x3.4-1968": "us-ascii",
    "iso646-us": "us-ascii",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "utf-7": "utf-7",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "macintosh": "mac_roman",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "hz-gb-2312": "hz",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "windows-31j": "cp932",
    "iso-2022-jp": "iso2022_jp",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "iso-2022-kr": "iso2022_kr",
    "tis-620": "cp874",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    "ibm437": "cp437",
    "cp437": "cp437",
    "ibm850": "cp850",
    "cp850": "cp850",
    "ibm866": "cp866",
    # What calls itself Latin-1 is mostly Windows' superset of it, which has printable signs at 0x80..0x9F.
    **{f"iso-8859-{n}": f"iso8859_{n}" for n in range(2, 17) if n != 12},
    "iso-8859-1": "cp1252",
    **{f"windows-{n}": f"cp{n}" for n in (874, *range(1250, 1259))},
    **{f"cp{n}": f"cp{n}" for n in (874, *range(1250, 1259))},
}
"""Names as mails write them, in lower case, to Python's codecs. A charset that is not here is unknown."""

_NAME_SIZE_MAX = 40
"""Longer names are no charset; the longest above has 18 characters."""


def decode(octets: bytes, charset: str = "") -> str:
    """The characters of `octets` in the declared `charset`; unknown or wrong ones are guessed.

    Unknown: UTF-8 when it is valid UTF-8, else Windows-1252. ASCII with eight-bit octets likewise.
    """
    codec = _CHARSETS.get(charset.strip().strip("'\"").lower()[:_NAME_SIZE_MAX], "us-ascii")
    if codec in ("us-ascii", "utf-8"):
        return _guess(octets, is_declared_utf8=codec == "utf-8")
    if codec == "utf-16":
        codec = _utf16_order(octets)
    return octets.decode(codec, "replace")


def _guess(octets: bytes, *, is_declared_utf8: bool) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if is_declared_utf8:
        text = octets.decode("utf-8", "replace")
        foreign = len(text) - len(text.encode("ascii", "ignore"))
        # A few damaged signs in good UTF-8 stay damaged; text without a single good one only claims to be UTF-8.
        if foreign > text.count("\N{REPLACEMENT CHARACTER}"):
            return text
    return octets.decode("cp1252", "replace")


def _utf16_order(octets: bytes) -> str:
    """UTF-16 without a byte order mark: the order that puts the zeros of Latin text into the high octets."""
    if octets[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    return "utf-16-be" if octets[0::2].count(0) >= octets[1::2].count(0) else "utf-16-le"
