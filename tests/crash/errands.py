"""What the clients of the crash tests want sent: random and the same for the same seed, each text like no other.

Every stretch of a text as long as a part holds the number of its errand, so that a part seen at the carrier belongs
to exactly one errand, recipient and place.
"""

import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

ACCOUNTS = ("plant", "panel", "alarm", "poor")
"""The last one has credit for few messages at a time."""
FILLINGS = {
    "plain": ("pump", "door", "tank", "ok", "stop", "valve"),
    "extended": ("€5", "[x]", "{y}", "~", "|a|", "Ñandú", "å"),
    "other": ("насос", "дверь", "✓", "\U0001f6a8", "水位"),
}
"""Words by alphabet: GSM 03.38, with its extension table, and UCS-2 with surrogate pairs."""
KEY_KINDS = {
    "smtp": ("message-id", "message-id", "message-id", ""),
    "get": ("header", "ref", ""),
    "post": ("header", "ref", ""),
    "smpp": ("user_message_reference", ""),
}
"""How the clients of each door name what they want; "" not at all."""
RECIPIENTS_MAX = 20
NUMBERS = 10_000_000 // RECIPIENTS_MAX
"""Errands of one run: each has recipients of its own, in +46 70."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One wish of one client: a text to some recipients, asked for until it is answered, or only once."""

    number: int
    account: str
    door: str
    """"smtp", "get", "post" or "smpp"."""
    recipients: tuple[str, ...]
    text: str
    key: str
    """The client's name for it: Message-ID, Idempotency-Key, ref or user_message_reference; empty: none."""
    key_kind: str
    is_retried: bool
    """Whether the client asks again when the answer was lost."""
    copies: int = 1
    """How many messages the client wants: it asks again on purpose, after an answer."""
    receipts: int = 0
    """The registered_delivery of an ESME: 1 for every end, 2 for failures, 3 for success, 0 for none."""

    def facts(self) -> dict[str, Any]:
        return asdict(self)


def errands(seed: int, first: int = 1) -> Iterator[Errand]:
    """Errands without end, numbered from `first`."""
    for number in range(first, NUMBERS):
        yield _errand(random.Random(f"{seed}:{number}"), number, seed)


def _errand(dice: random.Random, number: int, seed: int) -> Errand:
    door = dice.choice(("smtp", "smtp", "get", "post", "smpp", "smpp"))
    count = 1 if door == "smpp" else dice.choices((1, 2, 4, RECIPIENTS_MAX), (70, 15, 14, 1))[0]
    recipients = tuple(f"4670{number * RECIPIENTS_MAX + place:07d}" for place in range(count))
    kind = dice.choice(KEY_KINDS[door])
    return Errand(
        number=number,
        account=dice.choices(ACCOUNTS, (6, 4, 2, 4))[0],
        door=door,
        recipients=recipients,
        text=_text(dice, number),
        key=f"c{seed}.{number}" if kind else "",
        key_kind=kind,
        is_retried=dice.random() < 0.85,
        receipts=dice.choice((1, 1, 1, 0, 2, 3)) if door == "smpp" else 0,
    )


def _text(dice: random.Random, number: int) -> str:
    """One to three parts' worth."""
    words = FILLINGS[dice.choices(tuple(FILLINGS), (6, 2, 2))[0]]
    size = dice.choice((20, 20, 60, 130, 200, 380)) // (2 if words is FILLINGS["other"] else 1)
    text = f"E{number:07d}"
    place = 0
    while len(text) < size:
        place += 1
        text += f" {number}.{place} {dice.choice(words)}"
    return text
