"""Counts what links take, refuse and deliver, by leading digits and minute: what health is judged by.

Digits are those of recipients.

A measurement and no truth: it begins anew with every start, and learns within minutes.
"""

from collections import Counter
from collections.abc import Callable

from bridge.messages.message import Outcome, OutcomeKind, PartState
from bridge.routing.health import MINUTE_MS, PATIENCE_MS, WINDOW_MS, Tally

HEAD_SIZE = 7
"""Leading digits that are told apart. Ranges of networks are hardly ever given out in smaller pieces."""
CELLS_MAX = 100_000
"""Combinations of link, leading digits and minute that are counted, some 20 MB; what comes above is not."""

_Cell = tuple[str, str, int]
"""Link, leading digits, minute since 1970."""

_REFUSED = frozenset({OutcomeKind.NEXT_LINK, OutcomeKind.REJECTED, OutcomeKind.DEFERRED})


class HealthWatch:
    """The counts of all links. Used on the loop alone."""

    def __init__(self) -> None:
        self._taken: Counter[_Cell] = Counter()
        self._refused: Counter[_Cell] = Counter()
        self._delivered: Counter[_Cell] = Counter()
        self._failed: Counter[_Cell] = Counter()

    def offered(self, link: str, recipient: str, outcome: Outcome) -> None:
        """A link answered for a part, or did not: what it says about its pace says nothing about its health."""
        if outcome.kind is OutcomeKind.SUBMITTED:
            counter = self._taken
        elif outcome.kind in _REFUSED and not outcome.is_slowed:
            counter = self._refused
        else:
            return
        self._count(counter, link, recipient, outcome.at_ms)

    def ended(self, link: str, recipient: str, submitted_at_ms: int, state: PartState) -> None:
        """A receipt told the end of a part."""
        counter = self._delivered if state is PartState.DELIVERED else self._failed
        self._count(counter, link, recipient, submitted_at_ms)

    def _count(self, counter: "Counter[_Cell]", link: str, recipient: str, at_ms: int) -> None:
        cell = link, recipient[:HEAD_SIZE], at_ms // MINUTE_MS
        if cell in counter or len(counter) < CELLS_MAX:
            counter[cell] += 1

    def tallies(self, network_of: Callable[[str], str], now_ms: int) -> list[Tally]:
        """What became of the parts of the last WINDOW_MS, for each link, network and minute; forgets what is older.

        `network_of` gives the network of leading digits, as Tally.network has it.
        """
        oldest = (now_ms - WINDOW_MS) // MINUTE_MS
        sums: dict[tuple[str, str, int], list[int]] = {}
        networks: dict[str, str] = {}
        for index, counter in enumerate((self._taken, self._delivered, self._failed, self._refused)):
            for cell in [cell for cell in counter if cell[2] < oldest]:
                del counter[cell]
            for (link, head, minute), count in counter.items():
                network = networks.get(head)
                if network is None:
                    network = networks[head] = network_of(head)
                sums.setdefault((link, network, minute), [0, 0, 0, 0])[index] += count
        return [_tally(place, counts, now_ms) for place, counts in sums.items()]


def _tally(place: tuple[str, str, int], counts: list[int], now_ms: int) -> Tally:
    """Missing are the receipts of parts that were all taken longer than PATIENCE_MS ago."""
    link, network, minute = place
    taken, delivered, failed, refused = counts
    minute_ms = minute * MINUTE_MS
    is_old = minute_ms + MINUTE_MS <= now_ms - PATIENCE_MS
    # Receipts of parts that were taken before this process started, or that are counted no more, have no parts here.
    taken = max(taken, delivered + failed)
    missing = taken - delivered - failed if is_old else 0
    return Tally(link, network, minute_ms, taken, delivered, failed, missing, refused)
