"""The plan of one message: its links in order, and which of them were passed over and why. Pure.

A route names places of preference; links that share a place take turns by their shares. Which of them is first for a
message is decided by a number that is given in: one recipient of one account always gets the same one, so that what is
written to it after one another stays in order, and its shares are shares of the recipients.
"""

from collections.abc import Collection
from dataclasses import dataclass
from zlib import crc32

from bridge.routing.health import HealthView, Healthy
from bridge.routing.routes import Choice, Question, Route, RouteTable

DRAW_BITS = 32
"""A draw is a number of so many bits."""
_MASK = (1 << DRAW_BITS) - 1

NOT_CONFIGURED = "no such link in the configuration"


HEALTHY: HealthView = Healthy()


@dataclass(slots=True)
class Plan:
    """What was chosen. Not frozen: made for each message, never changed."""

    route: Route | None
    """None: the route is missing."""
    links: tuple[str, ...] = ()
    """In order; those in trouble come last, as a last resort. Empty: not served."""
    passed_over: tuple[tuple[str, str], ...] = ()
    """Links that the route names and why another one was chosen before them."""
    first: str = ""
    """The link that would be first if all were well."""
    trouble: str = ""
    """Why the first of `links` is not to be used just now; another one would not be better."""

    @property
    def missing(self) -> str:
        """Why there are no links, as the detail of a fault; empty for a destination that is not to be served."""
        if self.route is None:
            return "route missing"
        return "no link of its route is configured" if self.route.places else ""

    @property
    def note(self) -> str:
        """One sentence for the history when the first choice was passed over; else empty."""
        why = dict(self.passed_over).get(self.first, "")
        return f"link {self.first} passed over: {why}" if why else ""


def draw_of(account_id: int, recipient: str) -> int:
    """The draw of a message: the same for one recipient of one account, and evenly spread over many."""
    # A checksum alone gives neighbouring numbers a pattern; multiplied by an odd number and folded it has none.
    mixed = (crc32(recipient.encode(), account_id & _MASK) * 0x9E3779B1) & _MASK
    mixed = ((mixed ^ (mixed >> 15)) * 0x85EBCA77) & _MASK
    return mixed ^ (mixed >> 13)


def plan(
    question: Question,
    routes: RouteTable,
    links: Collection[str] | None = None,
    health: HealthView = HEALTHY,
    draw: int = 0,
) -> Plan:
    """Choose the links of a message. `links`: those that exist; None: all that routes name. `draw`: see `draw_of`."""
    route = routes.find(question)
    if route is None or not route.places:
        return Plan(route)
    wanted = route.in_turn or tuple(link for place in route.places for link in in_order(place, draw))
    network = question.network.mcc_mnc if question.network is not None else question.country
    good, bad, passed_over = [], [], []
    for link in wanted:
        if links is not None and link not in links:
            passed_over.append((link, NOT_CONFIGURED))
        elif why := health.trouble(link, network, question.at_ms):
            bad.append((link, why))
        else:
            good.append(link)
    if good:
        return Plan(route, (*good, *(link for link, _ in bad)), (*passed_over, *bad), wanted[0])
    # None is better than the other: the message waits for them in the order of the route.
    return Plan(route, tuple(link for link, _ in bad), tuple(passed_over), wanted[0], bad[0][1] if bad else "")


def in_order(place: tuple[Choice, ...], draw: int) -> list[str]:
    """The links of one place, drawn by their shares one after the other without putting any back."""
    if len(place) == 1:
        return [place[0].link]
    left, order = list(place), []
    while left:
        total = sum(choice.share for choice in left)
        scaled = draw * total
        at, draw = scaled >> DRAW_BITS, scaled & _MASK  # What the draw says beyond this choice decides the next one.
        for index, choice in enumerate(left):
            at -= choice.share
            if at < 0:
                order.append(left.pop(index).link)
                break
        if left:
            draw = _stretched(draw, choice.share)
    return order


def _stretched(rest: int, share: int) -> int:
    """A draw again, of what is left of one: it lies evenly, but in multiples that the share has made."""
    mixed = ((rest ^ share) * 0x9E3779B1) & _MASK
    return mixed ^ (mixed >> 16)
