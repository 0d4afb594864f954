"""What a session tells its shell. Not frozen: made on the hot path, never changed."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from bridge.smpp.pdus import Pdu


class _NeedData(Enum):
    NEED_DATA = "need data"


NEED_DATA: Final = _NeedData.NEED_DATA
"""No event until more is fed. Compare with `is`."""

NeedData = _NeedData


@dataclass(slots=True)
class Bound:
    """Our bind was accepted; `pdu` is the response."""

    pdu: Pdu


@dataclass(slots=True)
class BindRefused:
    """Our bind was refused with this command_status; the session is still open, the shell closes."""

    status: int


@dataclass(slots=True)
class Answered:
    """The end of a token: its response came, or a generic_nack in its place. Look at `response.status`."""

    token: object
    response: Pdu


@dataclass(slots=True)
class TimedOut:
    """The end of a token: no response in time. The request is in doubt; its window slot is free again."""

    token: object


@dataclass(slots=True)
class LateAnswer:
    """The response to a request that has already timed out: a postscript, not a second end."""

    token: object
    response: Pdu


@dataclass(slots=True)
class Requested:
    """The peer asks for something that only the shell can do: call `respond(sequence, response)` once.

    outbind and alert_notification come this way too, and take no response.
    """

    pdu: Pdu
    sequence: int


@dataclass(slots=True)
class LinkDead:
    """The peer is silent, too slow or never bound; the shell closes the connection."""

    reason: str


@dataclass(slots=True)
class Unbound:
    """The unbind handshake is complete (either side began); the shell closes the connection."""


@dataclass(slots=True)
class Closed:
    """The connection is gone; these tokens were sent and never answered: they are in doubt."""

    unanswered: list[object] = field(default_factory=list)


Event = Bound | BindRefused | Answered | TimedOut | LateAnswer | Requested | LinkDead | Unbound | Closed
