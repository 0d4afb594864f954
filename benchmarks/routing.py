"""Choosing the way of a message: microseconds to normalise its number, find network, route, links and price.

    python -m benchmarks.routing [--rounds N]

Tables of full practical size: 10,000 prefixes each of prices, networks and routes, every tenth route with shares.
"known numbers" were written to before and are remembered; "new numbers" never were. The best round counts.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence

from benchmarks import common
from bridge.intake import prepare
from bridge.intake.authenticate import Identity
from bridge.intake.content import content_of
from bridge.intake.prepare import Tables
from bridge.intake.settings import IntakeSettings
from bridge.messages.message import Lane, Submission
from bridge.routing.networks import Network, NetworkTable
from bridge.routing.route_list import parse_links
from bridge.routing.routes import EVERYWHERE, Destination, Route, RouteTable
from bridge.routing.tariff import Tariff

PREFIXES = 10_000
KNOWN = 2_000
"""Numbers that are written to again and again; fewer than are remembered."""
NEW = 5_000
ROUNDS = 15
NOW_MS = 1_796_000_400_000
LIMIT_US = 15.0

LINKS = ("a", "b", "c")
IDENTITY = Identity(7, "bench", "gold", 1, Lane.NORMAL, "Pumps", "SE", frozenset({"send"}))
SETTINGS = IntakeSettings()


def tables(dice: random.Random) -> Tables:
    """Prices, networks and routes for PREFIXES ranges of Swedish mobile numbers, and something for all others."""
    prefixes = sorted({f"467{dice.randrange(10 ** dice.randrange(3, 6)):03}" for _ in range(3 * PREFIXES)})
    prefixes = dice.sample(prefixes, PREFIXES)
    prices = [("", "", 0, 1000)] + [("", prefix, 0, dice.randrange(2000)) for prefix in prefixes]
    networks = [Network(prefix, dice.choice(("24001", "24007", "24008")), "SE") for prefix in prefixes]
    routes = [Route(parse_links("a, b"), EVERYWHERE)]
    routes += [
        Route(parse_links("a*3 b, c" if number % 10 == 0 else "b, a, c"), Destination("prefix", prefix))
        for number, prefix in enumerate(prefixes)
    ]
    return Tables(Tariff(prices), RouteTable(routes), {}, NetworkTable(networks), frozenset(LINKS))


def number(dice: random.Random) -> str:
    """A number as people write it."""
    return f"07{dice.choice('02369')}{dice.randrange(10**7):07}"


def us_each(numbers: Sequence[str], judge: Callable[[str], object]) -> float:
    started = time.perf_counter()
    for one in numbers:
        judge(one)
    return (time.perf_counter() - started) / len(numbers) * 1e6


def measure(rounds: int) -> list[list[object]]:
    """Rows of step, microseconds for known and for new numbers."""
    dice = random.Random(5)
    world = tables(dice)
    content = content_of("Pump 3 in station Nord: level above 92 %", None, SETTINGS)

    def normalise(raw: str) -> object:
        return prepare.read_recipient(IDENTITY, raw, SETTINGS)

    def whole(raw: str) -> object:
        read = prepare.read_recipient(IDENTITY, raw, SETTINGS)
        submission = Submission("http", raw, "")
        return prepare.way_of(IDENTITY, submission, "Pumps", read, content, world, SETTINGS, NOW_MS)

    known = [number(dice) for _ in range(KNOWN)]
    rows: list[list[object]] = []
    for name, judge in (("normalise", normalise), ("normalise, route, price", whole)):
        us_each(known, judge)
        warm = min(us_each(known, judge) for _ in range(rounds))
        cold = min(us_each([number(dice) for _ in range(NEW)], judge) for _ in range(rounds))
        us_each(known, judge)
        rows.append([name, round(warm, 2), round(cold, 2)])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    rows = measure(rounds)
    headers = ["step", "known numbers us", "new numbers us"]
    common.print_table(f"The way of a message, {PREFIXES} prefixes: microseconds (limit {LIMIT_US:g})", headers, rows)
    keys = ("step", "known_us", "new_us")
    result = [dict(zip(keys, row, strict=True)) for row in rows]
    common.save("routing", {"what": "best round", "prefixes": PREFIXES, "rounds": rounds, "rows": result})


if __name__ == "__main__":
    main()
