"""Times as people write them for one message: at a moment, in a while, and for how long it is worth it. Pure.

A moment is written like 2026-12-01T08:00 and read as the account's clock shows it, unless a zone follows (Z or
+01:00). A time of day that the clock shows twice is the first one; one that it jumps over is read as if it had not
jumped. A span is written like 90s, 15m, 2h, 1d or 1h30m.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from bridge.intake.times import DAY_MS
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.hours import local_ms
from bridge.messages.message import Submission

PAST_MS_MAX = DAY_MS
"""A moment that passed less long ago is "at once", so that a request that is repeated is the same; one from before
that is a slip of the pen."""
SPAN_MS_MAX = 366 * DAY_MS
"""No span of ours is longer; what may be asked for is bounded where it is used."""

_SPAN = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_UNITS_MS = (DAY_MS, 3_600_000, 60_000, 1_000)


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of the times of a message, as text; empty: nothing."""

    at: str = ""
    """When it is to be sent."""
    after: str = ""
    """In how long from now; not together with `at`."""
    worthless_after: str = ""
    """For how long from then on it is worth sending and delivering."""
    validity: str = ""
    """What the network is asked for."""
    queue_age: str = ""
    """How long it may wait for a link."""

    def on(self, submission: Submission, time_zone: str, now_ms: int) -> Submission:
        """The submission with these times. Raises Fault BAD_REQUEST saying what is wrong."""
        if self == _NOTHING:
            return submission
        if self.at and self.after:
            raise Fault(FaultCode.BAD_REQUEST, "say when to send it (at) or in how long (in), not both")
        due_at_ms = submission.due_at_ms
        if self.at:
            due_at_ms = moment_ms(self.at, time_zone)
            if due_at_ms < now_ms - PAST_MS_MAX:
                raise Fault(FaultCode.BAD_REQUEST, f"{self.at} is over; what is it to be?")
        elif self.after:
            due_at_ms = now_ms + span_ms(self.after)
        expires_at_ms = submission.expires_at_ms
        if self.worthless_after:
            expires_at_ms = max(due_at_ms, now_ms) + span_ms(self.worthless_after)
        return replace(
            submission,
            due_at_ms=due_at_ms,
            expires_at_ms=expires_at_ms,
            validity_ms=span_ms(self.validity) if self.validity else 0,
            queue_age_ms=span_ms(self.queue_age) if self.queue_age else 0,
        )

    @property
    def words(self) -> tuple[str, ...]:
        """All of it, for the name of a retry: the same again says the same. Empty where nothing is said."""
        words = (self.at, self.after, self.worthless_after, self.validity, self.queue_age)
        return words if any(words) else ()


_NOTHING = Said()


def moment_ms(text: str, time_zone: str) -> int:
    """A moment as Unix milliseconds; `time_zone` holds where it names none. Raises Fault BAD_REQUEST."""
    written = text.strip()
    try:
        if not _MOMENT.fullmatch(written):
            raise ValueError
        moment = datetime.fromisoformat(written)
        return int(moment.timestamp() * 1000) if moment.tzinfo else local_ms(moment, time_zone)
    except (ValueError, OverflowError):
        detail = f"not a time: {written[:32]}; write it like 2026-12-01T08:00, with Z behind it for UTC"
        raise Fault(FaultCode.BAD_REQUEST, detail) from None


def span_ms(text: str) -> int:
    """A span in milliseconds, at least a second. Raises Fault BAD_REQUEST."""
    written = text.strip().lower()
    found = _SPAN.fullmatch(written)
    total_ms = (
        sum(int(count or 0) * unit for count, unit in zip(found.groups(), _UNITS_MS, strict=True)) if found else 0
    )
    if not 0 < total_ms <= SPAN_MS_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"not a span: {written[:32]}; write it like 90s, 15m, 2h, 1d or 1h30m")
    return total_ms


def span_text(span: int) -> str:
    """A span in milliseconds as `span_ms` reads it; "" for none."""
    told = ""
    for unit_ms, letter in zip(_UNITS_MS, "dhms", strict=True):
        count, span = divmod(span, unit_ms)
        told += f"{count}{letter}" if count else ""
    return told
