"""What became of a message, in words for somebody who knows mail and phones but no SMS gateways.

"Delivered" is said only on the word of the carrier's receipt. Every sentence about a failure is followed
by what the reader can do. All times are UTC.
"""

import time
from collections.abc import Sequence

from bridge.mail.views import MessageView, PartView
from bridge.messages import causes
from bridge.messages.causes import Cause
from bridge.messages.message import MessageState, PartState

_MINUTE_MS = 60_000

_ASK_FIRST = "Ask the recipient before you send it again: it may have arrived."
_CAUSE_ADVICE = {
    Cause.NO_SUCH_NUMBER: "Check the number.",
    Cause.SWITCHED_OFF: "Send it again when the phone is on, if the text still matters.",
    Cause.MEMORY_FULL: "Ask the recipient to delete old messages, and send it again if the text still matters.",
    Cause.CONTRACT_ENDED: "Check the number, or reach the recipient in another way.",
    Cause.ROUTE_FAULT: "Send it again; if this happens again, ask your operator to look into it.",
}
"""What to do where the network said why; it goes before the advice that guesses."""
_CHECK_NUMBER = (
    "Check the number. If it is right, the phone may have been off or out of range for too long, its memory may be "
    "full, or the number may no longer exist."
)

_SENTENCES: dict[MessageState, tuple[str, str]] = {
    MessageState.SCHEDULED: ("Your message to {to} waits for its time.", ""),
    MessageState.HELD: ("Your message to {to} is held back until somebody here lets it go.", ""),
    MessageState.QUEUED: ("Your message to {to} waits to be sent.", ""),
    MessageState.SUBMITTED: (
        "Your message to {to} was handed to the carrier{at}. Whether the handset got it is not known yet.",
        "",
    ),
    MessageState.IN_DOUBT: (
        "Your message to {to} was sent to the carrier, which has not confirmed it yet.",
        _ASK_FIRST,
    ),
    MessageState.DELIVERED: ("Your message to {to} was delivered to the handset{at}.", ""),
    MessageState.PARTLY_DELIVERED: (
        "Only {delivered} of the {total} parts of your message to {to} were delivered to the handset. The phone may "
        "show a text with gaps, or nothing at all.",
        "Send the text again, or a shorter one: up to 160 plain characters fit into one part.",
    ),
    MessageState.UNDELIVERABLE: ("Your message to {to} could not be delivered to the handset.", _CHECK_NUMBER),
    MessageState.EXPIRED: (
        "Your message to {to} was not delivered before its time ran out{at}.",
        "The phone was probably off or out of range all the time. Send it again if the text still matters.",
    ),
    MessageState.DELETED: (
        "Your message to {to} was deleted in the carrier's network before it reached the handset.",
        "Send it again if the text still matters; if this happens again, ask your operator to look into it.",
    ),
    MessageState.REJECTED: (
        "Your message to {to} was refused by the carrier and not sent on.",
        "Check the number. If it is right, ask your operator: the carrier may not serve it, or may not allow the "
        "originator.",
    ),
    MessageState.CANCELLED: ("Your message to {to} was cancelled here and will not be sent.", ""),
    MessageState.UNKNOWN: (
        "Your message to {to} was sent, but nobody knows whether it arrived: the carrier never said.",
        _ASK_FIRST,
    ),
}

_NEVER_SENT = (
    "Your message to {to} was not sent: no carrier could take it before its time ran out{at}.",
    "It will not be sent later. Send it again if the text still matters.",
)
_MAYBE_SENT = {
    MessageState.EXPIRED: (
        "Your message to {to} may have been sent once, and it was too late to send it again{at}.",
        _ASK_FIRST,
    ),
    MessageState.CANCELLED: (
        "Your message to {to} was cancelled here after a backup was restored. It may have been sent before that; it is "
        "not sent again.",
        _ASK_FIRST,
    ),
}
"""What ended unsent as far as we know, but may have been sent: after a lost answer, or before a restore."""
_SIMULATED = "The simulated receipt for your message to {to} says: {state}{at}."
"""Of a test number: nothing of what a carrier or a handset did."""
_NETWORK_TIME_NOTE = (
    "Mobile networks give their times to the minute only, so a delivery can look earlier than the acceptance."
)


def utc(at_ms: int) -> str:
    """A time to the second: "2026-11-24 05:30:58 UTC"."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_ms / 1000))


def network_utc(at_ms: int) -> str:
    """A time as precise as a network gave it: without seconds when it is a whole minute."""
    return utc(at_ms) if at_ms % _MINUTE_MS else utc(at_ms)[:16] + " UTC"


def number(address: str) -> str:
    """An address as people write it: a plus before the digits of an E.164 number."""
    return f"+{address}" if len(address) > 8 and address.isascii() and address.isdigit() else address


def sentence(message: MessageView) -> tuple[str, str]:
    """What happened, and what the reader can do about it (or "")."""
    parts = message.parts
    told, advice = _SENTENCES[message.state]
    if message.state is MessageState.EXPIRED and not any(part.submitted_at_ms for part in parts):
        told, advice = _NEVER_SENT
    if message.state in _MAYBE_SENT and any(p.is_possible_duplicate and not p.submitted_at_ms for p in parts):
        told, advice = _MAYBE_SENT[message.state]
    if message.is_test and message.state.is_final and any(part.submitted_at_ms for part in parts):
        told, advice = _SIMULATED, ""
    if message.state is MessageState.UNDELIVERABLE:
        advice = next((_CAUSE_ADVICE[cause] for cause in _known_causes(parts)), advice)
    delivered = sum(part.state is PartState.DELIVERED for part in parts)
    at = _when(message.state, parts)
    state = message.state.replace("_", " ")
    to = number(message.recipient)
    return told.format(to=to, state=state, at=at, delivered=delivered, total=len(parts)), advice


def _known_causes(parts: Sequence[PartView]) -> list[Cause]:
    """Why parts failed, as far as the network said something that we know."""
    return [Cause(part.cause) for part in parts if part.cause and Cause(part.cause) in _CAUSE_ADVICE]


def why(part: PartView) -> str:
    """The network's, the carrier's or our own reason for the state of a part, or ""."""
    code = f"network error {part.error}" if part.error.strip("0") else ""
    return "; ".join(reason for reason in (part.reason, causes.sentence(part.cause), code) if reason)


def final_time(part: PartView) -> str:
    """When a part reached its final state: the network's time, else when we heard of it, else ""."""
    if part.network_at_ms is not None:
        return network_utc(part.network_at_ms)
    return utc(part.final_at_ms) if part.final_at_ms is not None else ""


def time_note(message: MessageView) -> str:
    """A word on network times that look wrong, or ""."""
    looks_early = any(
        part.network_at_ms is not None and part.network_at_ms < (part.submitted_at_ms or message.accepted_at_ms)
        for part in message.parts
    )
    return _NETWORK_TIME_NOTE if looks_early else ""


def _when(state: MessageState, parts: Sequence[PartView]) -> str:
    """ " at ..." for the moment the sentence speaks of, or ""."""
    if state is MessageState.SUBMITTED:
        submitted = [part.submitted_at_ms for part in parts if part.submitted_at_ms is not None]
        return f" at {utc(max(submitted))}" if submitted else ""
    last = max(parts, key=lambda part: part.network_at_ms or part.final_at_ms or 0)
    moment = final_time(last)
    return f" at {moment}" if moment else ""
