"""What the simulated SMSC does with each part: told by the recipient's last four digits, or by a test.

The table is documented in docs/simulator.md; everything that is not in it is answered at once and delivered.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from bridge.smpp.constants import MessageState, Status

SUFFIX_SIZE = 4
"""Digits at the end of a recipient that choose its behaviour."""
COUNTED_MAX = 10_000
"""Recipients whose tries are counted; the oldest is forgotten first."""


class IdSpelling(Enum):
    """How a receipt spells the id that submit_sm_resp gave: the ways carriers differ in."""

    SAME = "same"
    DECIMAL = "decimal"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens to one submitted part."""

    about: str = "delivered after `receipt_delay_ms`"
    status: int = 0
    """command_status of the answer; anything but 0 ends the story."""
    tries: int = 0
    """Only so many tries to one recipient are treated like this, then one as usual; 0: every try."""
    is_silent: bool = False
    """Taken (and delivered, if `state` says so), but never answered."""
    answer_delay_ms: int = 0
    message_id: str | None = None
    """The id to answer with; None: the next of the SMSC's own."""
    state: MessageState | None = MessageState.DELIVERED
    """State in the receipt; None: no receipt."""
    error: str = "000"
    """Network error in the receipt, three digits."""
    id_spelling: IdSpelling = IdSpelling.SAME
    is_receipt_first: bool = False
    """The receipt is sent before the answer."""
    receipt_total: int = 1
    drops: bool = False
    """The connection is reset after the part was taken, without an answer to it."""


TABLE: dict[str, Behaviour] = {
    "1001": Behaviour("taken, then undeliverable", state=MessageState.UNDELIVERABLE, error="001"),
    "1002": Behaviour("taken, then expired", state=MessageState.EXPIRED, error="002"),
    "1003": Behaviour("refused at once: invalid recipient", status=Status.RINVDSTADR),
    "1004": Behaviour("throttled twice, then delivered", status=Status.RTHROTTLED, tries=2),
    "1005": Behaviour("taken, never answered, no receipt", is_silent=True, state=None),
    "1006": Behaviour("the receipt comes before the answer", is_receipt_first=True),
    "1007": Behaviour(
        "the connection is dropped after the part was taken; the next try is as usual", drops=True, tries=1
    ),
    "1008": Behaviour("the receipt spells the id in decimal, the answer in hex", id_spelling=IdSpelling.DECIMAL),
    "1009": Behaviour("the receipt comes twice", receipt_total=2),
}
"""Behaviour by the last four digits of the recipient."""

DELIVERED = Behaviour()


@dataclass(slots=True)
class Script:
    """Chooses the behaviour of each part: what a test queued, else the table, else `default`."""

    table: dict[str, Behaviour] = field(default_factory=lambda: dict(TABLE))
    default: Behaviour = DELIVERED
    _next: deque[Behaviour] = field(default_factory=deque)
    _tries: dict[str, int] = field(default_factory=dict)

    def then(self, behaviours: Iterable[Behaviour]) -> None:
        """Give the next submitted parts these behaviours, in order, whatever their recipient."""
        self._next.extend(behaviours)

    def behaviour(self, recipient: str) -> Behaviour:
        """What to do with the part that was just submitted for `recipient`."""
        if self._next:
            return self._next.popleft()
        chosen = self.table.get(recipient[-SUFFIX_SIZE:], self.default)
        if chosen.tries and self._count_try(recipient, chosen.tries) > chosen.tries:
            return self.default
        return chosen

    def _count_try(self, recipient: str, tries_max: int) -> int:
        """How many times `recipient` was tried, this time included; counting starts anew past `tries_max`."""
        tries = self._tries.pop(recipient, 0) + 1
        if tries <= tries_max:
            self._tries[recipient] = tries
            if len(self._tries) > COUNTED_MAX:
                del self._tries[next(iter(self._tries))]
        return tries
