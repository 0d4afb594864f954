"""Why a handset did not get its message: what a network's error code means, in one sentence for people.

Networks answer with numbers, and every SMSC passes them on in its own way. Most are the error codes of the Mobile
Application Part (3GPP TS 29.002, 17.6.6), in decimal; with them come the failure causes of the handset (3GPP TS 23.040,
9.2.3.22, TP-FCS), which are 128 and above, and a few that Nokia's centres added (CIMD2, status error codes). A carrier
with a table of its own says so in the settings of its link.
"""

from collections.abc import Mapping
from enum import StrEnum


class Cause(StrEnum):
    """What kept a message from its handset."""

    NO_SUCH_NUMBER = "no_such_number"
    SWITCHED_OFF = "switched_off"
    MEMORY_FULL = "memory_full"
    CONTRACT_ENDED = "contract_ended"
    ROUTE_FAULT = "route_fault"
    UNKNOWN = "unknown"


SENTENCES: dict[Cause, str] = {
    Cause.NO_SUCH_NUMBER: "the number does not exist",
    Cause.SWITCHED_OFF: "the phone was switched off or out of range",
    Cause.MEMORY_FULL: "the phone's memory for messages was full",
    Cause.CONTRACT_ENDED: "the number's contract has ended or does not allow text messages",
    Cause.ROUTE_FAULT: "there was a fault on the route to the phone",
    Cause.UNKNOWN: "the network did not say why",
}
"""The one public sentence of each, the same in mails, on the command line and in every answer. Mails and lines put it
behind a colon, so it has neither a capital nor a full stop."""

STILL_TRYING = "still trying"
"""What is said of a part that the network has and could not deliver yet."""

_MAP_CODES: dict[int, Cause] = {
    1: Cause.NO_SUCH_NUMBER,  # unknown subscriber
    5: Cause.SWITCHED_OFF,  # unidentified subscriber: the switch it was last seen at does not know it (any more)
    6: Cause.SWITCHED_OFF,  # absent subscriber, of short messages
    8: Cause.CONTRACT_ENDED,  # roaming not allowed
    9: Cause.CONTRACT_ENDED,  # illegal subscriber
    10: Cause.CONTRACT_ENDED,  # bearer service not provisioned
    11: Cause.CONTRACT_ENDED,  # teleservice not provisioned
    12: Cause.CONTRACT_ENDED,  # illegal equipment
    13: Cause.CONTRACT_ENDED,  # call barred
    21: Cause.ROUTE_FAULT,  # facility not supported
    27: Cause.SWITCHED_OFF,  # absent subscriber
    31: Cause.SWITCHED_OFF,  # subscriber busy for short messages
    32: Cause.MEMORY_FULL,  # delivery failure; nearly always its first reason, memory capacity exceeded
    33: Cause.SWITCHED_OFF,  # message waiting list full: so many wait for the phone already
    34: Cause.ROUTE_FAULT,  # system failure
    35: Cause.ROUTE_FAULT,  # data missing
    36: Cause.ROUTE_FAULT,  # unexpected data value
    51: Cause.ROUTE_FAULT,  # resource limitation
}
"""3GPP TS 29.002, those that occur with short messages."""

_HANDSET_CODES: dict[int, Cause] = {
    0xC0: Cause.ROUTE_FAULT,  # service centre busy
    0xC1: Cause.CONTRACT_ENDED,  # no subscription with the service centre
    0xC2: Cause.ROUTE_FAULT,  # system failure of the service centre
    0xC3: Cause.NO_SUCH_NUMBER,  # invalid address
    0xC4: Cause.CONTRACT_ENDED,  # destination barred
    0xD0: Cause.MEMORY_FULL,  # SIM storage full
    0xD3: Cause.MEMORY_FULL,  # memory capacity exceeded
}
"""3GPP TS 23.040, TP-FCS; written in decimal in receipts (208, 211)."""

_NOKIA_CODES: dict[int, Cause] = {
    19: Cause.CONTRACT_ENDED,  # the handset has no short message service
    22: Cause.MEMORY_FULL,
    29: Cause.SWITCHED_OFF,  # absent subscriber
    30: Cause.SWITCHED_OFF,  # busy for short messages
    44: Cause.CONTRACT_ENDED,  # illegal equipment
    60: Cause.SWITCHED_OFF,  # no answer to paging
    61: Cause.ROUTE_FAULT,  # congestion at the gateway
    63: Cause.ROUTE_FAULT,  # the home register did not answer
    64: Cause.ROUTE_FAULT,  # the switch did not answer
    72: Cause.ROUTE_FAULT,  # congestion
    80: Cause.SWITCHED_OFF,  # no answer to paging
    81: Cause.SWITCHED_OFF,  # detached
    82: Cause.CONTRACT_ENDED,  # roaming restriction
    83: Cause.SWITCHED_OFF,  # deregistered at home
    84: Cause.SWITCHED_OFF,  # purged: not seen for days
    85: Cause.SWITCHED_OFF,
    86: Cause.SWITCHED_OFF,
    87: Cause.SWITCHED_OFF,
    88: Cause.SWITCHED_OFF,
    89: Cause.SWITCHED_OFF,  # unidentified subscriber
    90: Cause.SWITCHED_OFF,
    113: Cause.CONTRACT_ENDED,  # no credit on the recipient's prepaid account
}
"""CIMD2, where the Mobile Application Part means nothing that has to do with short messages."""

USUAL: dict[str, Cause] = {str(code): cause for code, cause in {**_NOKIA_CODES, **_HANDSET_CODES, **_MAP_CODES}.items()}
"""Code in normal form -> cause, for links without a table of their own. docs/links.md publishes it."""


def code_key(error: str) -> str:
    """The normal form of an error code: as it came, without blanks, leading zeros and case; "" for none ("000")."""
    return error.strip().casefold().lstrip("0")


def cause_of(error: str, own: Mapping[str, Cause] | None = None) -> Cause:
    """Why a part failed whose receipt carries `error`. `own` is the link's table by `code_key`; it goes first."""
    key = code_key(error)
    return (own or {}).get(key) or USUAL.get(key, Cause.UNKNOWN)


def sentence(cause: str) -> str:
    """The public sentence of a stored cause; "" for none."""
    return SENTENCES[Cause(cause)] if cause else ""
