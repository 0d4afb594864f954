"""Whose name a message bears: which originators an account may use, what a destination makes of them, pools. Pure.

An originator is a name (at most 11 characters), a number (E.164 digits) or a short code; `pool:NAME` stands for one of
the numbers of a pool, chosen for each recipient. An account without any registered originators may use every one,
unless they must be registered; one that has some may use these and its own default, and may always name none.

A destination (or a link) may not take every kind: a rule says what goes out instead, or that nothing does. Of the
rules that apply, that of the longest prefix wins, then that of the country, then that of everywhere; of these one of
the message's link, and then one of the originator's very kind.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.messages import address
from bridge.messages.faults import Fault, FaultCode
from bridge.routing.hours import COUNTRY, PREFIX

POOL = "pool:"
"""Before the name of a pool, where an originator is named."""
POOL_NAME_MAX = 32
POOL_NUMBERS_MAX = 1_000
"""A choice looks at each of them."""
ALLOWED_SHOWN_MAX = 10
"""Originators that a refusal lists."""
CONVERSATION_MS = 30 * 24 * 3600 * 1000
"""How long a number that one account used towards a recipient is left alone by other accounts, as long as there are
enough numbers: an answer that comes later than that is rare."""


class OriginatorKind(StrEnum):
    """What kind of originator, as rules name it."""

    ALPHANUMERIC = "alphanumeric"
    MSISDN = "msisdn"
    SHORT_CODE = "short_code"
    ANY = "any"
    """Only in rules: every kind, and none given."""


def kind_of(originator: str) -> OriginatorKind:
    """The kind of an originator as `parse` gives it; a pool is of numbers."""
    if originator.startswith(POOL):
        return OriginatorKind.MSISDN
    if not originator.isdigit():
        return OriginatorKind.ALPHANUMERIC
    is_short = len(originator) <= address.SHORT_CODE_MAX
    return OriginatorKind.SHORT_CODE if is_short else OriginatorKind.MSISDN


def parse(raw: str) -> str:
    """An originator as somebody wrote it, or a pool. Raises Fault BAD_ORIGINATOR."""
    if raw.startswith(POOL):
        name = raw.removeprefix(POOL)
        if not (name.isascii() and name.replace("-", "").isalnum() and len(name) <= POOL_NAME_MAX):
            detail = f"a pool is named by at most {POOL_NAME_MAX} letters, digits and hyphens"
            raise Fault(FaultCode.BAD_ORIGINATOR, detail)
        return raw
    return address.parse_originator(raw)


@dataclass(frozen=True, slots=True)
class OriginatorRule:
    """What becomes of a kind of originator at a destination, or on a link."""

    destination: str
    """'prefix:1', 'country:US' or '' for everywhere."""
    kind: OriginatorKind
    replacement: str
    """As `parse` gives it; empty: the message is refused."""
    link: str = ""
    """The first link of the message's route; empty: any."""

    @property
    def where(self) -> str:
        """For people."""
        place = self.destination.replace(":", " ", 1) or "everywhere"
        return f"{place} on link {self.link}" if self.link else place


@dataclass(frozen=True, slots=True)
class Chosen:
    """The originator of a message, before a pool has chosen its number."""

    originator: str
    pool: tuple[str, ...] = ()
    """The numbers that `originator`, a pool, chooses from."""
    note: str = ""
    """Why it is not the one that was asked for, for the history; empty: it is."""


class OriginatorTable:
    """Immutable. `allowed` are (account_id, originator), `pools` name -> numbers."""

    __slots__ = ("_allowed", "_must_be_registered", "_pools", "_prefix_max", "_rules")

    def __init__(
        self,
        allowed: Iterable[tuple[int, str]] = (),
        rules: Iterable[OriginatorRule] = (),
        pools: Mapping[str, Sequence[str]] | None = None,
        *,
        must_be_registered: bool = False,
    ) -> None:
        self._allowed: dict[int, list[str]] = {}
        for account_id, originator in allowed:
            self._allowed.setdefault(account_id, []).append(originator)
        self._rules = {(rule.destination, rule.link, rule.kind.value): rule for rule in rules}
        self._prefix_max = max((len(r) - len(PREFIX) for r, _, _ in self._rules if r.startswith(PREFIX)), default=0)
        self._pools = {name: tuple(numbers) for name, numbers in (pools or {}).items()}
        self._must_be_registered = must_be_registered

    def of_message(self, account_id: int, asked: str, default: str) -> str:
        """The originator of a message that asks for `asked` (empty: none). Raises Fault BAD_ORIGINATOR."""
        originator = asked or default
        if not originator:
            return ""
        originator = parse(originator)
        # What the operator gave the account as its default needs no row of its own.
        if not asked or asked == default:
            return originator
        allowed = self._allowed.get(account_id)
        is_free = allowed is None and not self._must_be_registered and not originator.startswith(POOL)
        if is_free or (allowed is not None and originator in allowed):
            return originator
        raise Fault(
            FaultCode.BAD_ORIGINATOR, self._what_is_allowed([*(allowed or ()), *([default] if default else ())])
        )

    def for_route(self, originator: str, recipient: str, country: str, link: str) -> Chosen:
        """What goes out to a recipient (digits) in a country, by a link. Raises Fault BAD_ORIGINATOR."""
        rule = self._rule(originator, recipient, country, link) if self._rules else None
        if rule is None or (originator and rule.replacement == originator):
            return self._with_pool(Chosen(originator))
        kind = (
            f"{kind_of(originator).value.replace('_', ' ')} originator" if originator else "text without an originator"
        )
        if not rule.replacement:
            detail = f"{rule.where} takes no {kind}; {self._what_is_taken(recipient, country, link)}"
            raise Fault(FaultCode.BAD_ORIGINATOR, detail)
        note = f"{originator or 'none'} became {rule.replacement}: {rule.where} takes no {kind}"
        return self._with_pool(Chosen(rule.replacement, note=note))

    def _with_pool(self, chosen: Chosen) -> Chosen:
        if not chosen.originator.startswith(POOL):
            return chosen
        numbers = self._pools.get(chosen.originator.removeprefix(POOL))
        if not numbers:
            raise Fault(FaultCode.BAD_ORIGINATOR, f"{chosen.originator} has no numbers")
        return Chosen(chosen.originator, numbers, chosen.note)

    def _rule(self, originator: str, recipient: str, country: str, link: str) -> OriginatorRule | None:
        kinds = (kind_of(originator).value, OriginatorKind.ANY.value) if originator else (OriginatorKind.ANY.value,)
        lengths = range(min(self._prefix_max, len(recipient)), 0, -1)
        places = [*(PREFIX + recipient[:length] for length in lengths), COUNTRY + country, ""]
        for place in places:
            for one_link in dict.fromkeys((link, "")):
                for kind in kinds:
                    if rule := self._rules.get((place, one_link, kind)):
                        return rule
        return None

    def _what_is_taken(self, recipient: str, country: str, link: str) -> str:
        """The kinds that a destination lets through."""
        samples = {"a name": "x", "a number": "4670000000", "a short code": "700"}
        rules = {name: self._rule(one, recipient, country, link) for name, one in samples.items()}
        taken = [name for name, rule in rules.items() if rule is None or rule.replacement]
        return f"use {' or '.join(taken)}" if taken else "it takes none"

    def _what_is_allowed(self, allowed: list[str]) -> str:
        shown = list(dict.fromkeys(allowed))[:ALLOWED_SHOWN_MAX]
        told = f"this account may use {', '.join(shown)}" if shown else "this account has none registered"
        return f"{told}; the operator adds others"


@dataclass(frozen=True, slots=True)
class PoolUse:
    """A number of a pool that an account used towards the recipient at hand."""

    account_id: int
    number: str
    used_at_ms: int


def choose(numbers: Sequence[str], account_id: int, recipient: str, uses: Iterable[PoolUse], now_ms: int) -> str:
    """The number of a pool (at least one) that an account uses towards a recipient.

    It keeps the one that it used last, for as long as that is in the pool. Else it gets one that no other account used
    towards this recipient within CONVERSATION_MS, so that an answer tells whose conversation it is of; where all are
    taken, the one whose conversation is the oldest. Among several the recipient decides, the same way every time: a
    number that joins or leaves the pool moves no recipient but its own.
    """
    latest: dict[str, int] = {}
    own: PoolUse | None = None
    for use in uses:
        if use.number not in numbers:
            continue
        if use.account_id == account_id:
            own = use if own is None or use.used_at_ms > own.used_at_ms else own
        elif use.used_at_ms > now_ms - CONVERSATION_MS:
            latest[use.number] = max(use.used_at_ms, latest.get(use.number, 0))
    if own is not None:
        return own.number
    # A free one first (it has no time), then the oldest conversation; among equals the recipient's own order.
    return min(numbers, key=lambda number: (latest.get(number, 0), _weight(recipient, number)))


def _weight(recipient: str, number: str) -> bytes:
    return hashlib.blake2b(f"{recipient} {number}".encode(), digest_size=8).digest()
