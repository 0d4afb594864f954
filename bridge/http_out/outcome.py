"""What a carrier's answer over HTTP means for the parts that were asked for. Pure.

As on SMPP links: a refusal is temporary, final or about our pace; what nobody knows is taken as temporary for a few
tries. A request that left and was not answered leaves its parts in doubt, as does an answer that does not say.
"""

from dataclasses import dataclass

from bridge.dialects.answers import Verdict
from bridge.dialects.mapping import Action
from bridge.messages.message import ClaimedPart, Outcome, OutcomeKind
from bridge.routing.retry import retry_delay_ms

UNKNOWN_TRIES_MAX = 5
"""Tries for which an answer that nobody knows is taken as temporary; the next one is a refusal."""
NEXT_LINK_TRIES_MAX = 3
"""Tries of a part that this carrier's interface cannot express, before it is given up: another link may take it."""
SLOWED_DELAY_MS = 1_000
"""A part that was answered "too often" waits this long; it is the slower pace that gives the carrier its rest."""
SLOWED_DOUBLINGS_MAX = 4
RETRY_AFTER_MS_MAX = 300_000
"""The longest wait that a carrier may ask for."""

_PHRASES = {
    Action.RETRY: "the carrier cannot take the message just now",
    Action.SLOW: "throttled by the carrier",
    Action.NEXT_LINK: "the carrier does not take this message",
    Action.FAIL: "the carrier refused the message",
    Action.LOGIN: "the carrier does not accept our account or password",
    Action.DOUBT: "the carrier did not say whether it took the message",
    None: "the carrier answered in a way of its own",
}


@dataclass(frozen=True, slots=True)
class Moment:
    """When an answer came, and what is known beside it."""

    at_ms: int
    hold_ms: int
    """How long a doubt waits for a receipt."""
    random_fraction: float = 0.5
    """0..1: spreads the waits of parts that were refused together."""
    retry_after_ms: int = 0
    """What the carrier asked for; 0: nothing."""


def outcomes(parts: list[ClaimedPart], verdict: Verdict, moment: Moment, own_id: str) -> list[Outcome]:
    """What became of the parts of one request. `own_id` is our name for them, where the carrier gives none."""
    if verdict.action is Action.SUBMITTED:
        return _submitted(parts, verdict.ids or ([own_id] if own_id else []), moment.at_ms)
    reason = f"{_PHRASES[verdict.action]}: {verdict.reason}"
    if verdict.action is Action.DOUBT:
        return [in_doubt(part, reason, moment) for part in parts]
    return [_refused(part, verdict.action, reason, moment) for part in parts]


def _submitted(parts: list[ClaimedPart], ids: list[str], at_ms: int) -> list[Outcome]:
    """Each part its own id where the carrier gave as many; else all have the first, and its receipt is about all."""
    reason = "" if ids else "accepted without an id: no receipt can be matched"
    names = ids if len(ids) == len(parts) else [*ids[:1], ""][:1] * len(parts)
    kind = OutcomeKind.SUBMITTED
    return [Outcome(part.part_id, kind, at_ms, name, reason=reason) for part, name in zip(parts, names, strict=True)]


def _refused(part: ClaimedPart, action: Action | None, reason: str, moment: Moment) -> Outcome:
    tries = max(part.attempt - part.slowed, 1)
    delay_ms = retry_delay_ms(tries, moment.random_fraction)
    kind = OutcomeKind.DEFERRED
    if action is Action.FAIL or (action is None and tries > UNKNOWN_TRIES_MAX):
        return Outcome(part.part_id, OutcomeKind.REJECTED, moment.at_ms, reason=reason)
    if action is Action.NEXT_LINK:
        kind = OutcomeKind.NEXT_LINK
        delay_ms = delay_ms if tries > 1 else 0
    elif action is Action.SLOW:
        delay_ms = SLOWED_DELAY_MS << min(part.slowed, SLOWED_DOUBLINGS_MAX)
    if kind is OutcomeKind.DEFERRED:
        delay_ms = max(delay_ms, min(moment.retry_after_ms, RETRY_AFTER_MS_MAX))
    return Outcome(
        part_id=part.part_id,
        kind=kind,
        at_ms=moment.at_ms,
        reason=reason,
        retry_at_ms=moment.at_ms + delay_ms,
        is_slowed=action is Action.SLOW,
    )


def in_doubt(part: ClaimedPart, reason: str, moment: Moment) -> Outcome:
    """A part whose request left and was not answered."""
    return Outcome(
        part.part_id, OutcomeKind.IN_DOUBT, moment.at_ms, reason=reason, retry_at_ms=moment.at_ms + moment.hold_ms
    )


def unwritten(part: ClaimedPart, reason: str, at_ms: int) -> Outcome:
    """A part that was claimed and never left us."""
    return Outcome(part.part_id, OutcomeKind.UNWRITTEN, at_ms, reason=reason)


def unsendable(part: ClaimedPart, reason: str, at_ms: int) -> Outcome:
    """A part that this carrier's interface cannot express: for another link, if there is one."""
    if part.attempt > NEXT_LINK_TRIES_MAX:
        return Outcome(part.part_id, OutcomeKind.REJECTED, at_ms, reason=reason)
    delay_ms = retry_delay_ms(part.attempt) if part.attempt > 1 else 0
    return Outcome(part.part_id, OutcomeKind.NEXT_LINK, at_ms, reason=reason, retry_at_ms=at_ms + delay_ms)
