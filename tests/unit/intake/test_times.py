"""When a message may be sent: schedule, age limit, validity, worthless after, hours."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.intake.authenticate import NO_TIME_RULES, TimeRules
from bridge.intake.settings import IntakeSettings
from bridge.intake.times import DAY_MS, HOUR_MS, times_of
from bridge.ledger.queue import MessageTime
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.hours import ALWAYS, Hours
from bridge.messages.message import Lane, Submission
from bridge.routing.hours import DestinationHours, HoursRow

NIGHT_MS = int(datetime(2026, 11, 23, 23, tzinfo=UTC).timestamp()) * 1000
"""A Monday, 23:00 UTC."""
OPENS_MS = NIGHT_MS + 9 * HOUR_MS
DAYTIME = "08:00-20:00 UTC"


def judge(
    rules: TimeRules = NO_TIME_RULES, lane: Lane = Lane.NORMAL, destination: Hours = ALWAYS, **said: Any
) -> tuple[int, int, MessageTime | None]:
    submission = Submission("http", "46701740605", "hi", **said)
    return times_of(submission, rules, lane, destination, IntakeSettings(), NIGHT_MS)


def test_nothing_said_is_nothing_kept() -> None:
    assert judge() == (0, NIGHT_MS + DAY_MS, None)
    assert judge(TimeRules(time_zone="Europe/Stockholm")) == (0, NIGHT_MS + DAY_MS, None)
    assert judge(lane=Lane.ALARM) == (0, NIGHT_MS + HOUR_MS, None)


def test_a_message_outside_its_hours_is_due_when_they_open_and_its_age_counts_from_there() -> None:
    due_at_ms, expires_at_ms, said = judge(TimeRules(DAYTIME))
    assert (due_at_ms, expires_at_ms) == (OPENS_MS, OPENS_MS + DAY_MS)
    assert said == MessageTime(hours=f"mo-su {DAYTIME}", is_held=True)
    due_at_ms, _, said = judge(TimeRules("21:00-23:30 UTC"))
    assert (due_at_ms, said) == (0, MessageTime(hours="mo-su 21:00-23:30 UTC"))


def test_hours_are_in_the_zone_of_the_account_unless_they_name_one() -> None:
    # 08:00 in Stockholm is 07:00 UTC in November.
    assert judge(TimeRules("08:00-20:00", time_zone="Europe/Stockholm"))[0] == NIGHT_MS + 8 * HOUR_MS
    assert judge(TimeRules("08:00-20:00 UTC", time_zone="Europe/Stockholm"))[0] == OPENS_MS


def test_both_the_account_and_the_destination_must_be_open() -> None:
    destination = Hours.parse("tu 10:00-12:00 UTC")
    due_at_ms, _, said = judge(TimeRules(DAYTIME), destination=destination)
    assert due_at_ms == OPENS_MS + 2 * HOUR_MS
    assert said is not None
    assert said.hours == f"mo-su {DAYTIME}; tu 10:00-12:00 UTC"
    with pytest.raises(Fault, match="never meet") as refused:
        judge(TimeRules(DAYTIME), destination=Hours.parse("21:00-22:00 UTC"))
    assert refused.value.code is FaultCode.BAD_REQUEST


def test_an_alarm_waits_for_no_hours_unless_they_are_for_alarms_too() -> None:
    assert judge(TimeRules(DAYTIME), Lane.ALARM) == (0, NIGHT_MS + HOUR_MS, None)
    assert judge(TimeRules(DAYTIME, hours_for_alarms=True), Lane.ALARM)[0] == OPENS_MS
    table = DestinationHours(
        [HoursRow("country:SE", Hours.parse(DAYTIME)), HoursRow("", Hours.parse("sa 10:00-11:00"), True)]
    )
    assert table.find("46701740605", "SE", Lane.ALARM) is ALWAYS
    assert table.find("46701740605", "SE", Lane.BULK) == Hours.parse(DAYTIME)
    assert table.find("4799999999", "NO", Lane.ALARM) == Hours.parse("sa 10:00-11:00")


def test_the_longest_prefix_has_the_hours() -> None:
    rows = [
        HoursRow(one, Hours.parse(f"0{n}:00-10:00")) for n, one in enumerate(("prefix:46", "prefix:4670", "country:SE"))
    ]
    table = DestinationHours(rows)
    assert [str(table.find(number, "SE", Lane.NORMAL))[6:8] for number in ("46701", "4681", "4571")] == [
        "01",
        "00",
        "02",
    ]
    with pytest.raises(ValueError, match="not a destination: planet:earth"):
        DestinationHours([HoursRow("planet:earth", ALWAYS)])


def test_the_network_is_asked_only_what_somebody_said() -> None:
    assert judge(validity_ms=HOUR_MS)[2] == MessageTime(validity_ms=HOUR_MS)
    rules = TimeRules(validity_ms=2 * HOUR_MS)
    assert judge(rules)[2] == MessageTime(validity_ms=2 * HOUR_MS)
    assert judge(rules, validity_ms=HOUR_MS)[2] == MessageTime(validity_ms=HOUR_MS)
    with pytest.raises(Fault, match="validity is at most 7 days"):
        judge(validity_ms=8 * DAY_MS)


def test_the_age_limit_of_the_queue_is_the_messages_then_the_accounts_then_the_settings() -> None:
    rules = TimeRules(queue_age_ms=2 * HOUR_MS)
    assert judge(rules)[1] == NIGHT_MS + 2 * HOUR_MS
    assert judge(rules, queue_age_ms=60_000)[1] == NIGHT_MS + 60_000
    assert judge(rules, due_at_ms=NIGHT_MS + DAY_MS)[1] == NIGHT_MS + DAY_MS + 2 * HOUR_MS


def test_what_is_worthless_waits_no_longer() -> None:
    rules = TimeRules(worthless_after_ms=2 * HOUR_MS)
    _, expires_at_ms, said = judge(rules)
    assert expires_at_ms == NIGHT_MS + 2 * HOUR_MS
    assert said == MessageTime(worthless_at_ms=NIGHT_MS + 2 * HOUR_MS, worthless_after_ms=2 * HOUR_MS)
    # The message's own word goes before that of its account, and the smaller bound holds.
    _, expires_at_ms, said = judge(rules, expires_at_ms=NIGHT_MS + HOUR_MS)
    assert (expires_at_ms, said) == (NIGHT_MS + HOUR_MS, MessageTime(worthless_at_ms=NIGHT_MS + HOUR_MS))
    assert judge(rules, queue_age_ms=60_000)[1] == NIGHT_MS + 60_000
    assert judge(rules, lane=Lane.ALARM)[1] == NIGHT_MS + HOUR_MS


def test_what_would_be_worthless_before_its_hours_open_is_refused() -> None:
    with pytest.raises(Fault, match="worthless before the hours open"):
        judge(TimeRules(DAYTIME, worthless_after_ms=9 * HOUR_MS))
    due_at_ms, expires_at_ms, _ = judge(TimeRules(DAYTIME, worthless_after_ms=9 * HOUR_MS + 1))
    assert (due_at_ms, expires_at_ms) == (OPENS_MS, OPENS_MS + 1)
