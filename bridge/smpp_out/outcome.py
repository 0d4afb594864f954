"""What a command_status in submit_sm_resp means for the part and for the link. Pure.

Three things can follow from a refusal: the part waits and is tried again, here or on the next link of its route,
the part is given up and refunded, or nobody knows the code. An unknown code is taken as temporary for a few tries,
since a carrier's "busy" is often a number of its own, and as final after that, since so is its "no".
(SMPP 3.4, 5.1.3; 0x1xx are from SMPP 5.0; 0x400..0x4FF belong to the vendors.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from bridge.messages.message import ClaimedPart, Outcome, OutcomeKind
from bridge.routing.retry import retry_delay_ms
from bridge.smpp.constants import Status

UNKNOWN_TRIES_MAX = 5
"""Tries for which a code that no table explains is taken as temporary; the next one is a refusal."""
THROTTLED_DELAY_MS = 1_000
"""A throttled part waits this long; it is the link's slower pace that gives the carrier its rest."""
THROTTLED_DOUBLINGS_MAX = 4
"""Each further time it waits twice as long, up to 16 s: a carrier may mean one handset whose queue is full by it, which
must not hold up all the others."""
NO_STATUS = 0xFF
"""What a generic_nack without a status is read as: ESME_RUNKNOWNERR."""


class Meaning(Enum):
    """What a command_status says about the part."""

    ACCEPTED = "accepted"
    THROTTLED = "throttled"
    """Not now: the link sends too fast or the carrier's queue is full."""
    BUSY = "busy"
    """Not now: the carrier has a passing trouble of its own."""
    UNBOUND = "unbound"
    """Not on this session: it must be bound anew."""
    NEXT_LINK = "next_link"
    """Not here: another link may take it. No code of the standard says so; an operator may."""
    REFUSED = "refused"
    UNKNOWN = "unknown"


_PHRASES: dict[int, tuple[Meaning, str]] = {
    0x00: (Meaning.ACCEPTED, ""),
    0x01: (Meaning.REFUSED, "the carrier finds the text too long"),
    0x02: (Meaning.REFUSED, "the carrier could not read the request"),
    0x03: (Meaning.REFUSED, "the carrier does not know this request"),
    0x04: (Meaning.UNBOUND, "the carrier says that the link is not bound for sending"),
    0x05: (Meaning.UNBOUND, "the carrier says that the link is bound already"),
    0x06: (Meaning.REFUSED, "the carrier refused the priority"),
    0x07: (Meaning.REFUSED, "the carrier refused to give receipts"),
    0x08: (Meaning.BUSY, "the carrier has a system error"),
    0x0A: (Meaning.REFUSED, "the carrier refused the originator"),
    0x0B: (Meaning.REFUSED, "the carrier refused the recipient"),
    0x0C: (Meaning.REFUSED, "the carrier did not accept the message id"),
    0x0D: (Meaning.UNBOUND, "the carrier says that the bind failed"),
    0x0E: (Meaning.UNBOUND, "the carrier no longer accepts the password"),
    0x0F: (Meaning.UNBOUND, "the carrier no longer accepts the system_id"),
    0x11: (Meaning.REFUSED, "the carrier could not cancel"),
    0x13: (Meaning.REFUSED, "the carrier could not replace"),
    0x14: (Meaning.THROTTLED, "the carrier's queue is full"),
    0x15: (Meaning.REFUSED, "the carrier refused the service type"),
    0x33: (Meaning.REFUSED, "the carrier refused the number of recipients"),
    0x34: (Meaning.REFUSED, "the carrier does not know the distribution list"),
    0x40: (Meaning.REFUSED, "the carrier refused the destination flag"),
    0x42: (Meaning.REFUSED, "the carrier refused to replace an earlier message"),
    0x43: (Meaning.REFUSED, "the carrier refused the kind of message (esm_class)"),
    0x44: (Meaning.REFUSED, "the carrier could not submit to the distribution list"),
    0x45: (Meaning.REFUSED, "the carrier refused the message"),
    0x48: (Meaning.REFUSED, "the carrier refused the originator's type of number"),
    0x49: (Meaning.REFUSED, "the carrier refused the originator's numbering plan"),
    0x50: (Meaning.REFUSED, "the carrier refused the recipient's type of number"),
    0x51: (Meaning.REFUSED, "the carrier refused the recipient's numbering plan"),
    0x53: (Meaning.UNBOUND, "the carrier no longer accepts the system_type"),
    0x54: (Meaning.REFUSED, "the carrier refused the replace flag"),
    0x55: (Meaning.REFUSED, "the carrier refused the number of messages"),
    0x58: (Meaning.THROTTLED, "throttled by the carrier"),
    0x61: (Meaning.REFUSED, "the carrier refused the scheduled time"),
    0x62: (Meaning.REFUSED, "the carrier refused the validity period"),
    0x63: (Meaning.REFUSED, "the carrier does not know the predefined message"),
    0x64: (Meaning.BUSY, "the carrier cannot take the message just now"),
    0x65: (Meaning.REFUSED, "the carrier refused the message for good"),
    0x66: (Meaning.REFUSED, "the carrier rejected the message"),
    0x67: (Meaning.REFUSED, "the carrier could not answer a query"),
    0xC0: (Meaning.REFUSED, "the carrier could not read an optional parameter"),
    0xC1: (Meaning.REFUSED, "the carrier does not allow an optional parameter"),
    0xC2: (Meaning.REFUSED, "the carrier refused a parameter's length"),
    0xC3: (Meaning.REFUSED, "the carrier misses an optional parameter"),
    0xC4: (Meaning.REFUSED, "the carrier refused an optional parameter's value"),
    0xFE: (Meaning.REFUSED, "the carrier could not deliver"),
    0x100: (Meaning.REFUSED, "the carrier does not allow us this service type"),
    0x101: (Meaning.REFUSED, "the carrier does not allow us to do this"),
    0x102: (Meaning.BUSY, "the carrier's service is not available just now"),
    0x103: (Meaning.REFUSED, "the carrier denied the service type"),
    0x104: (Meaning.REFUSED, "the carrier refused the alphabet (data_coding)"),
    0x105: (Meaning.REFUSED, "the carrier refused the originator's subunit"),
    0x106: (Meaning.REFUSED, "the carrier refused the recipient's subunit"),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from one command_status."""

    kind: OutcomeKind
    reason: str
    retry_delay_ms: int = 0
    """After which time to try again (DEFERRED, NEXT_LINK), else 0."""
    slows_link: bool = False
    needs_rebind: bool = False
    """The session is of no use any more: close it and bind anew."""


def meaning_of(status: int) -> tuple[Meaning, str]:
    """What `status` says, and the phrase for people; the phrase names the code unless it is 0."""
    meaning, phrase = _PHRASES.get(status, (Meaning.UNKNOWN, "the carrier answered with a code of its own"))
    return meaning, f"{phrase} (0x{status:02X})" if phrase else ""


_ACCEPTED = Decision(OutcomeKind.SUBMITTED, "")


def decide(
    status: int,
    attempt: int,
    random_fraction: float = 0.5,
    meanings: Mapping[int, Meaning] | None = None,
    *,
    slowed: int = 0,
) -> Decision:
    """What to do with a part whose submit_sm was answered with `status` on its `attempt`-th try (1 or more).

    `slowed` tries before that one were answered "too fast", and are not counted by `attempt`.

    `random_fraction` (0..1) spreads the waits of parts that were refused together. `meanings` are the carrier's own.
    """
    if status == Status.ROK:
        return _ACCEPTED
    meaning, reason = meaning_of(status)
    meaning = (meanings or {}).get(status, meaning)
    if meaning is Meaning.THROTTLED:
        delay_ms = THROTTLED_DELAY_MS << min(slowed, THROTTLED_DOUBLINGS_MAX)
        return Decision(OutcomeKind.DEFERRED, reason, delay_ms, slows_link=True)
    if meaning is Meaning.REFUSED or (meaning is Meaning.UNKNOWN and attempt > UNKNOWN_TRIES_MAX):
        return Decision(OutcomeKind.REJECTED, reason)
    if meaning is Meaning.NEXT_LINK:
        # Once each way without a wait; links that refuse it in a circle are asked less and less often.
        delay_ms = retry_delay_ms(attempt, random_fraction) if attempt > 1 else 0
        return Decision(OutcomeKind.NEXT_LINK, reason, delay_ms)
    return Decision(
        OutcomeKind.DEFERRED, reason, retry_delay_ms(attempt, random_fraction), needs_rebind=meaning is Meaning.UNBOUND
    )


def submitted(part: ClaimedPart, smsc_id: str, *, at_ms: int, ask_after_ms: int = 0) -> Outcome:
    """The outcome of a part that the carrier took. Without an id it is taken all the same.

    After `ask_after_ms` a receipt that is missing is asked for; 0: never.
    """
    reason = "" if smsc_id else "accepted without a message id: no receipt can be matched"
    ask_at_ms = at_ms + ask_after_ms if ask_after_ms and smsc_id else 0
    return Outcome(part.part_id, OutcomeKind.SUBMITTED, at_ms, smsc_id, 0, reason, ask_at_ms)


def refused(part: ClaimedPart, decision: Decision, *, status: int, at_ms: int) -> Outcome:
    """The outcome of a part that the carrier did not take, now or ever."""
    is_later = decision.kind is not OutcomeKind.REJECTED
    return Outcome(
        part_id=part.part_id,
        kind=decision.kind,
        at_ms=at_ms,
        command_status=status,
        reason=decision.reason,
        retry_at_ms=at_ms + decision.retry_delay_ms if is_later else 0,
        is_slowed=decision.slows_link,
    )


def in_doubt(part: ClaimedPart, reason: str, *, at_ms: int, hold_ms: int) -> Outcome:
    """The outcome of a part that was written and not answered; `retry_at_ms` ends the wait for a late word."""
    return Outcome(part.part_id, OutcomeKind.IN_DOUBT, at_ms, reason=reason, retry_at_ms=at_ms + hold_ms)


def unwritten(part: ClaimedPart, reason: str, *, at_ms: int) -> Outcome:
    """The outcome of a part that was claimed and never left us."""
    return Outcome(part.part_id, OutcomeKind.UNWRITTEN, at_ms, reason=reason)


def unsendable(part: ClaimedPart, reason: str, *, at_ms: int) -> Outcome:
    """The outcome of a part that cannot be put into a submit_sm at all."""
    return Outcome(part.part_id, OutcomeKind.REJECTED, at_ms, reason=reason)
