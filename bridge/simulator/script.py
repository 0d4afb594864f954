"""Which behaviour a submitted part gets: what a test queued, else the first rule that fits, else the last digits.

A script is made of plain values and can be written down as YAML (script_file.py).
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import Random

from bridge.simulator.behaviour import DELIVERED, SUFFIX_SIZE, TABLE, Behaviour
from bridge.simulator.inbound import Burst
from bridge.simulator.sessions import CALM, Sessions
from bridge.simulator.spelling import IdSpelling
from bridge.smpp import translate
from bridge.smpp.pdus import SubmitSm

__all__ = ["COUNTED_MAX", "DELIVERED", "TABLE", "Behaviour", "IdSpelling", "Rule", "Script", "When"]

COUNTED_MAX = 10_000
"""Recipients whose tries are counted; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class When:
    """Which parts a rule is for: all that is said must fit. Patterns know `*` and `?`; empty fits anything."""

    recipient: str = ""
    originator: str = ""
    text: str = ""
    part: int = 0
    """Which part of a long message; 0: any, and short messages too."""
    nth: tuple[int, ...] = ()
    """Only the first, third, ... that fits otherwise; empty: all."""
    every: int = 1
    """Every second, tenth, ... that fits otherwise."""
    tries: int = 0
    """Only so many tries to the same recipient, then one goes on to the next rule; 0: every try."""
    share_percent: float | None = None
    """Of those that fit otherwise, and of all: the shares of several rules add up."""
    after_s: float = 0.0
    """Seconds since the first bind."""
    until_s: float | None = None
    repeat_s: float = 0.0
    """The clock of `after_s` and `until_s` begins anew so often; 0: never."""

    def fits(self, pdu: SubmitSm, elapsed_s: float) -> bool:
        """Whether the part is one of those; counts, tries and shares are left to the script."""
        if self.recipient and not fnmatchcase(pdu.destination_addr, self.recipient):
            return False
        if self.originator and not fnmatchcase(pdu.source_addr, self.originator):
            return False
        return self._is_time(elapsed_s) and (not (self.text or self.part) or self._fits_content(pdu))

    def is_turn(self, count: int) -> bool:
        """Whether the `count`-th part (1 or more) that fits is meant."""
        return (not self.nth or count in self.nth) and count % self.every == 0

    def _is_time(self, elapsed_s: float) -> bool:
        if self.repeat_s:
            elapsed_s %= self.repeat_s
        return self.after_s <= elapsed_s and (self.until_s is None or elapsed_s < self.until_s)

    def _fits_content(self, pdu: SubmitSm) -> bool:
        text, concat = translate.content_of(pdu)
        if self.part and (concat is None or concat.number != self.part):
            return False
        return not self.text or fnmatchcase(text, self.text)


@dataclass(frozen=True, slots=True)
class Rule:
    """Parts, and what happens to them."""

    when: When
    does: Behaviour


@dataclass(slots=True)
class Script:
    """Chooses the behaviour of each part, and says how sessions go and what handsets write."""

    table: dict[str, Behaviour] = field(default_factory=lambda: dict(TABLE))
    """By the last digits of the recipient, for what no rule fits."""
    default: Behaviour = DELIVERED
    rules: Sequence[Rule] = ()
    seed: int = 1
    sessions: Sessions = CALM
    inbound: tuple[Burst, ...] = ()
    about: str = ""
    dice: Random = field(init=False)
    """Every chance of the simulator is drawn from here."""
    _next: deque[Behaviour] = field(default_factory=deque)
    _tries: dict[str, int] = field(default_factory=dict)
    _fitted: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)  # noqa: S311 - to be repeatable, not secret

    def then(self, behaviours: Iterable[Behaviour]) -> None:
        """Give the next submitted parts these behaviours, in order, whatever their recipient."""
        self._next.extend(behaviours)

    def choose(self, pdu: SubmitSm, elapsed_s: float = 0.0) -> Behaviour:
        """What to do with the part that was just submitted, `elapsed_s` after the first bind."""
        if self.rules and not self._next and (does := self._by_rules(pdu, elapsed_s)) is not None:
            return does
        return self.behaviour(pdu.destination_addr)

    def behaviour(self, recipient: str) -> Behaviour:
        """What to do with the part that was just submitted for `recipient`, when no rule says."""
        if self._next:
            return self._next.popleft()
        chosen = self.table.get(recipient[-SUFFIX_SIZE:], self.default)
        if chosen.tries and self._count_try(recipient, chosen.tries) > chosen.tries:
            return self.default
        return chosen

    def _by_rules(self, pdu: SubmitSm, elapsed_s: float) -> Behaviour | None:
        drawn = self.dice.random() * 100
        below = 0.0
        for number, rule in enumerate(self.rules):
            when = rule.when
            if not when.fits(pdu, elapsed_s):
                continue
            if when.share_percent is not None:
                above, below = below, below + when.share_percent
                if not above <= drawn < below:
                    continue
            self._fitted[number] += 1
            if not when.is_turn(self._fitted[number]):
                continue
            if when.tries and self._count_try(f"{number}:{pdu.destination_addr}", when.tries) > when.tries:
                continue
            return rule.does
        return None

    def _count_try(self, key: str, tries_max: int) -> int:
        """How many times `key` was tried, this time included; counting starts anew past `tries_max`."""
        tries = self._tries.pop(key, 0) + 1
        if tries <= tries_max:
            self._tries[key] = tries
            if len(self._tries) > COUNTED_MAX:
                del self._tries[next(iter(self._tries))]
        return tries
