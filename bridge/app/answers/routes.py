"""Answers about routes, networks, and how a number would be reached."""

from typing import TypedDict

ROUTE_LIST_MAX = 2_000
"""Routes of one list, which must fit into one answer; an export has all of them."""
NETWORK_LIST_MAX = 5_000
"""The same of networks."""
COVERAGE_MAX = 1_500
"""Lines of one listing of coverage."""
ERRORS_MAX = 100
"""Mistakes of one file told at once; a file with more has one mistake in it a hundred times."""


class RouteLine(TypedDict):
    """One route; an empty value is any."""

    route_id: int
    destination: str
    account_class: str
    originator: str
    hours: str
    coding: str
    kind: str
    links: str
    """Empty: not served."""
    note: str


class NetworkLine(TypedDict):
    """Numbers that begin with `prefix` were given out in this network."""

    prefix: str
    mcc_mnc: str
    country: str
    name: str


class PackedTable(TypedDict):
    """A whole table."""

    count: int
    packed: str
    """CSV, in the form of `packed.pack`."""


class WrongCell(TypedDict):
    """A mistake in a file."""

    line: int
    column: str
    """Empty: the whole line."""
    why: str


class TableChange(TypedDict):
    """What an import did, or would do: numbers of rows; or, with nothing done, what is wrong."""

    errors: list[WrongCell]
    error_total: int
    new: int
    changed: int
    same: int
    gone: int


class PlannedLink(TypedDict):
    """A link that the route of a number names."""

    link: str
    place: int
    """Place of preference, from 1; links that share one take turns."""
    share: int
    cost_mc: int | None
    """What the carrier takes for a part; None: not said."""
    order: int
    """In which order it is tried for this number, from 1; 0: never."""
    why: str
    """Why it is passed over, or why it is not to be used just now; empty: nothing is wrong with it."""


class Explanation(TypedDict):
    """How a message would go; what is not known because something before it was refused is empty or None."""

    recipient: str
    kind: str
    country: str
    network: str
    mcc_mnc: str
    network_prefix: str
    read_as: str
    """What was changed when the number was read."""
    account: str
    account_class: str
    originator: str
    originator_note: str
    """What becomes of the originator on this route, and why; empty: it stays."""
    coding: str
    message_kind: str
    parts: int
    forced_ucs2: str
    """The first character that GSM 03.38 does not have."""
    price_mc: int | None
    """Of one part."""
    route: RouteLine | None
    is_test_number: bool
    links: list[PlannedLink]
    refused: list[str]
    """Why the message would be refused; empty: it would be taken."""


class MeasuredLink(TypedDict):
    """What became of the parts that a link took for a destination."""

    link: str
    parts: int
    delivered: int
    failed: int
    median_ms: int | None
    """From the submission to the receipt of a delivery."""


class CoverageLine(TypedDict):
    """One country, or one network of it."""

    country: str
    mcc_mnc: str
    network: str
    prefixes: int
    """Ranges of the network that are known."""
    price_mc: int | None
    """Of one part, of the dearest range; None: none."""
    price_from_mc: int | None
    """Of the cheapest range."""
    links: list[str]
    """Empty: not served."""
    trouble: str
    """Why the first link is not to be used just now."""
    parts: int
    delivered: int
    failed: int
    median_ms: int | None
    measured: list[MeasuredLink]
