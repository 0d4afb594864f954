"""When a message may be sent, and until when it is worth it: due time, age limit, hours, validity. Pure.

Four times are told apart. The *due time* is the first moment at which it may be sent: now, the time it is scheduled
for, or when its hours open. The *queue age* bounds how long it may wait for a link from then on. The *validity* is
what the network is asked for once a link hands it over; nothing is asked unless somebody says so. And a message is
*worthless* after a moment that its sender knows: neither sent nor, as far as the network obeys, delivered after it.
"""

from bridge.intake.authenticate import NO_TIME_RULES, TimeRules
from bridge.intake.settings import IntakeSettings
from bridge.ledger.queue import MessageTime
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import SCHEDULE_DAYS_MAX, Lane, Submission
from bridge.routing.hours import ALWAYS, DestinationHours, Hours, all_open_ms, join

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
VALIDITY_MS_MAX = 7 * DAY_MS
"""A sender may ask for so long a validity, as for the longest of the settings; more is cut, as carriers do."""


def times_of(
    submission: Submission,
    rules: TimeRules,
    lane: Lane,
    destination: Hours,
    settings: IntakeSettings,
    now_ms: int,
) -> tuple[int, int, MessageTime | None]:
    """When a message is due first (0: at once), until when it may wait for a link, and what else is said of its times.

    `destination` are the hours of where it goes, for its lane. Raises Fault BAD_REQUEST for times that cannot be.
    """
    due_at_ms = check_due(submission.due_at_ms, now_ms)
    usual_ms = validity_ms(lane, settings)
    is_plain = rules is NO_TIME_RULES and destination is ALWAYS
    if is_plain and not (submission.expires_at_ms or submission.validity_ms or submission.queue_age_ms):
        return due_at_ms, max(due_at_ms, now_ms) + usual_ms, None
    check_span(submission.validity_ms, "validity")
    check_span(submission.queue_age_ms, "queue age")
    worthless_at_ms = check_expiry(submission.expires_at_ms, due_at_ms, now_ms)
    worthless_after_ms = 0 if worthless_at_ms else rules.worthless_after_ms
    if worthless_after_ms:
        worthless_at_ms = max(due_at_ms, now_ms) + worthless_after_ms
    hours = (account_hours(rules, lane), destination)
    opens_at_ms = open_from(hours, due_at_ms or now_ms)
    is_held = opens_at_ms > (due_at_ms or now_ms)
    if worthless_at_ms and worthless_at_ms <= opens_at_ms:
        raise Fault(FaultCode.BAD_REQUEST, "it is worthless before the hours open at which it may be sent")
    due_at_ms = opens_at_ms if is_held else due_at_ms
    own_age_ms = submission.queue_age_ms or rules.queue_age_ms
    expires_at_ms = max(due_at_ms, now_ms) + (own_age_ms or usual_ms)
    if submission.expires_at_ms and not submission.queue_age_ms:
        # Whoever says until when it is worth sending need not say how long it may wait.
        expires_at_ms = worthless_at_ms
    elif worthless_at_ms:
        expires_at_ms = min(expires_at_ms, worthless_at_ms)
    said = MessageTime(
        validity_ms=submission.validity_ms or rules.validity_ms,
        worthless_at_ms=worthless_at_ms,
        hours=join(hours),
        queue_age_ms=own_age_ms,
        worthless_after_ms=worthless_after_ms,
        is_held=is_held,
    )
    return due_at_ms, expires_at_ms, said if said != _NOTHING else None


_NOTHING = MessageTime()


def account_hours(rules: TimeRules, lane: Lane) -> Hours:
    """Those of an account that hold for a lane."""
    if not rules.hours or (lane is Lane.ALARM and not rules.hours_for_alarms):
        return ALWAYS
    return Hours.parse(rules.hours, rules.time_zone)


def destination_hours(table: DestinationHours, recipient: str, country: str, lane: Lane) -> Hours:
    """Those of where a message goes."""
    return ALWAYS if table.is_empty else table.find(recipient, country, lane)


def open_from(hours: tuple[Hours, ...], at_ms: int) -> int:
    """The first moment from `at_ms` on at which all of them are open. Raises Fault BAD_REQUEST when there is none."""
    opens_at_ms = all_open_ms(hours, at_ms)
    if opens_at_ms is None:
        raise Fault(FaultCode.BAD_REQUEST, "the hours of the account and those of the destination never meet")
    return opens_at_ms


def validity_ms(lane: Lane, settings: IntakeSettings) -> int:
    """How long a message of a lane may wait for a link from its first chance on, when nobody says."""
    return HOUR_MS * (settings.alarm_validity_h if lane is Lane.ALARM else settings.validity_h)


def check_span(span_ms: int, what: str) -> None:
    """Raises Fault BAD_REQUEST for one that nobody may ask for."""
    if not 0 <= span_ms <= VALIDITY_MS_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"{what} is at most {VALIDITY_MS_MAX // DAY_MS} days")


def check_due(due_at_ms: int, now_ms: int) -> int:
    """When a part may be sent first; 0: at once, also when that time has come. Raises Fault BAD_REQUEST."""
    if due_at_ms <= now_ms:
        return 0
    if due_at_ms > now_ms + SCHEDULE_DAYS_MAX * DAY_MS:
        raise Fault(FaultCode.BAD_REQUEST, f"scheduled more than {SCHEDULE_DAYS_MAX} days ahead")
    return due_at_ms


def check_expiry(expires_at_ms: int, due_at_ms: int, now_ms: int) -> int:
    """Until when a part may be sent, at most VALIDITY_MS_MAX from its first chance on; 0: nothing was said.

    Raises Fault BAD_REQUEST for a validity that is over before the part may be sent.
    """
    if not expires_at_ms:
        return 0
    if expires_at_ms <= now_ms:
        raise Fault(FaultCode.BAD_REQUEST, "its validity is over already")
    if expires_at_ms <= due_at_ms:
        raise Fault(FaultCode.BAD_REQUEST, "its validity is over before the time it is scheduled for")
    return min(expires_at_ms, max(due_at_ms, now_ms) + VALIDITY_MS_MAX)
