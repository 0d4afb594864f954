"""Answers about originators, pools, and hours of destinations."""

from typing import TypedDict


class OriginatorLine(TypedDict):
    """An originator that an account may use."""

    account: str
    originator: str
    created_at_ms: int


class OriginatorChange(TypedDict):
    """An originator that was given or taken."""

    originator: str
    account: str
    is_new: bool
    """Of one that was given: whether the account did not have it before."""
    left: int
    """Of one that was taken: how many the account has left; none: it may use every one."""


class OriginatorRuleLine(TypedDict):
    """What becomes of a kind of originator at a destination."""

    destination: str
    link: str
    kind: str
    replacement: str
    """Empty: refused."""


class PoolLine(TypedDict):
    """A number of a pool."""

    pool: str
    number: str
    recipients: int
    """How many got it last."""


class RowCount(TypedDict):
    """How many rows a table has now."""

    count: int


class HoursLine(TypedDict):
    """When messages to a destination may be sent."""

    destination: str
    hours: str
    is_for_alarms: bool
