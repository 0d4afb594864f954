"""What a table of routes needs from the rest: its links exist, its networks are known, its destinations have prices."""

from collections.abc import Collection, Iterable, Sequence

from bridge.routing.networks import NetworkTable, calling_code
from bridge.routing.routes import Route
from bridge.routing.tariff import EVERY_CLASS, Row

Wrong = tuple[int, str, str]
"""Place of the route in the table, column, what is wrong."""


class Prices:
    """Where anything has a price at one moment. Rows as of a tariff."""

    __slots__ = ("_covered", "_prefixes")

    def __init__(self, rows: Iterable[Row], at_ms: int) -> None:
        self._prefixes: dict[str, set[str]] = {}
        for account_class, prefix, valid_from_ms, _ in rows:
            if valid_from_ms <= at_ms:
                self._prefixes.setdefault(account_class, set()).add(prefix)
        self._covered = {
            account_class: {prefix[:size] for prefix in prefixes for size in range(len(prefix) + 1)}
            for account_class, prefixes in self._prefixes.items()
        }

    def has_any(self, account_class: str, digits: str) -> bool:
        """Whether a number that begins so can have a price for a class; for every class, whether it can for any."""
        classes = (account_class, EVERY_CLASS) if account_class else tuple(self._prefixes)
        return any(
            digits in self._covered.get(name, ())
            or any(digits[:size] in self._prefixes.get(name, ()) for size in range(len(digits) + 1))
            for name in classes
        )


def problems(routes: Sequence[Route], links: Collection[str], networks: NetworkTable, prices: Prices) -> list[Wrong]:
    """Everything that is missing for these routes, in their order."""
    found: list[Wrong] = []
    for place, route in enumerate(routes):
        for choice in route.choices:
            if choice.link not in links:
                known = f"; links are {', '.join(sorted(links))}" if links else ""
                found.append((place, "links", f"no link {choice.link} in the configuration{known}"))
        to = route.destination
        if to.kind == "network" and not networks.of(to.value):
            found.append((place, "destination", f"network {to.value} is not in the table of networks"))
        elif route.places and not any(
            prices.has_any(route.account_class, digits) for digits in _digits(route, networks)
        ):
            whom = f" for class {route.account_class}" if route.account_class else ""
            found.append((place, "destination", f"no price{whom}; `smsbridge tariff set` sets one"))
    return found


def _digits(route: Route, networks: NetworkTable) -> list[str]:
    """What the numbers of a route begin with."""
    kind, value = route.destination
    if kind == "country":
        return [calling_code(value)]
    return [network.prefix for network in networks.of(value)] if kind == "network" else [value]
