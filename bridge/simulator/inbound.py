"""What handsets write by themselves, as a script says: bursts of texts, long ones in whatever order."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


class LongForm(StrEnum):
    """How a long text is carried."""

    UDH8 = "udh8"
    UDH16 = "udh16"
    SAR = "sar"
    PAYLOAD = "payload"


class Order(StrEnum):
    """In which order, and how often, the parts of a long text come."""

    AS_WRITTEN = "as_written"
    REVERSED = "reversed"
    SHUFFLED = "shuffled"
    TWICE = "twice"
    FIRST_TWICE = "first_twice"
    WITHOUT_FIRST = "without_first"
    WITHOUT_LAST = "without_last"


@dataclass(frozen=True, slots=True)
class Burst:
    """So many texts at once, and again."""

    originator: str
    """The first handset; the next texts come from the numbers after it."""
    recipient: str
    text: str
    """`{n}` in it becomes the running number of the text."""
    count: int = 1
    after_s: float = 0.0
    """Seconds from the first bind that takes texts to the first burst."""
    every_s: float = 0.0
    """Seconds from a burst to the next; 0: there is one."""
    form: LongForm = LongForm.UDH8
    order: Order = Order.AS_WRITTEN
    account: str = ""
    """system_id of the account that gets them; empty: the first that is bound."""

    def originator_of(self, number: int) -> str:
        """The handset that writes the `number`-th text (0 or more); a name stays the same."""
        if not self.originator.isdigit():
            return self.originator
        size = len(self.originator)
        return str(int(self.originator) + number).zfill(size)[-size:]

    def text_of(self, number: int) -> str:
        return self.text.replace("{n}", str(number))


def _shuffled(items: list[Item], dice: Random) -> list[Item]:
    return dice.sample(items, len(items))


_ORDERS: dict[Order, Callable[[list[Item], Random], list[Item]]] = {
    Order.AS_WRITTEN: lambda items, dice: items,
    Order.REVERSED: lambda items, dice: items[::-1],
    Order.SHUFFLED: _shuffled,
    Order.TWICE: lambda items, dice: items + items,
    Order.FIRST_TWICE: lambda items, dice: items[:1] + items,
    Order.WITHOUT_FIRST: lambda items, dice: items[1:],
    Order.WITHOUT_LAST: lambda items, dice: items[:-1],
}


def ordered(items: list[Item], order: Order, dice: Random) -> list[Item]:
    """The parts of one long text as they go out; a text of one part is never left out."""
    return _ORDERS[order](items, dice) if len(items) > 1 else items
