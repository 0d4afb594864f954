"""The address in MAIL FROM and RCPT TO, cut out of the command without interpreting it.

aiosmtpd uses the mail library's recursive parser here, which 230 nested comments bring down, and which
refuses `<+46 70 174 06 05@domain>`.
"""

import re

_ANGLE = re.compile(r'<((?:[^<>"]|"(?:[^"\\]|\\.)*")*)>(.*)', re.DOTALL)
_BARE = re.compile(r'((?:[^\s<>"]|"(?:[^"\\]|\\.)*")+)(\s.*|)', re.DOTALL)
_AUTH_OPTION = re.compile(r"(?i)(?:^|\s)AUTH=\S*")


def split(argument: str) -> tuple[str | None, str | None]:
    """Address and the options behind it; (None, None) when there is no address to find.

    The empty path `<>` is given as "<>". An AUTH option (RFC 4954, 5) is dropped: we trust nobody's word
    on who logged in elsewhere, and servers that log in here send it.
    """
    stripped = argument.strip()
    if not stripped:
        return "", ""
    match = (_ANGLE if stripped.startswith("<") else _BARE).fullmatch(stripped)
    if match is None:
        return None, None
    return match[1].strip() or "<>", _AUTH_OPTION.sub("", match[2]).strip()
