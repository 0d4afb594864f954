"""What an unquoted word in YAML means to us: and which words mean too much to be taken for anything."""

import re

from bridge.app.config_errors import shown

DIGITS_MAX = 18
"""Digits of a whole number: what fits 64 bits."""

Scalar = str | int | float | bool | None

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_SWITCHES = frozenset({"yes", "no", "on", "off", "y", "n"})
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+")
_OTHER_BASE = re.compile(r"[-+]?0[xob][0-9a-fA-F_]+")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_UNDERSCORES = re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9]+(?::[0-5]?[0-9])+")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|nan)", re.IGNORECASE)


def plain_scalar(text: str, key: str) -> tuple[Scalar, str, str]:
    """What an unquoted word means: (value, "", ""), or (None, what is wrong, what would be right)."""
    if text in _NULLS:
        return None, "", ""
    if text in _BOOLEANS:
        return _BOOLEANS[text], "", ""
    if _INTEGER.fullmatch(text) and len(text.lstrip("+-")) <= DIGITS_MAX:
        return int(text), "", ""
    if _DECIMAL.fullmatch(text) and abs(float(text)) != float("inf"):
        return float(text), "", ""
    wrong = _doubtful(text, shown(text, key))
    if not wrong:
        return text, "", ""
    if text.lower() in _SWITCHES:
        return None, wrong, "write true or false, or put it in quotes if the word is meant"
    return None, wrong, "write a plain decimal number, or put it in quotes if text is meant"


def _doubtful(text: str, name: str) -> str:
    """Why an unquoted word must not be trusted; empty when it is plain text."""
    if text.lower() in _SWITCHES:
        return f"{name} is true or false for some programs and a word for others"
    if _LEADING_ZERO.fullmatch(text):
        return f"{name} is octal for some programs and decimal for others"
    if _SEXAGESIMAL.fullmatch(text):
        return f"{name} counts in sixties for some programs and is text for others"
    if _OTHER_BASE.fullmatch(text) or _UNDERSCORES.fullmatch(text):
        return f"{name} is a number for some programs and text for others"
    if _INTEGER.fullmatch(text) or _DECIMAL.fullmatch(text):
        return f"{name} is larger than any number used here"
    return f"{name} is no number to count with" if _NO_NUMBER.fullmatch(text) else ""
