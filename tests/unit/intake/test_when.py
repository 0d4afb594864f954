"""Times as people write them."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.intake.when import SPAN_MS_MAX, Said, moment_ms, span_ms, span_text
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Submission

PLAIN = Submission("http", "46701740605", "hi")
NOW_MS = int(datetime.fromisoformat("2026-11-24T12:00:00Z").timestamp()) * 1000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-12-01T08:00", "2026-12-01T07:00Z"),
        ("2026-12-01 08:00:30", "2026-12-01T07:00:30Z"),
        ("2026-07-01T08:00", "2026-07-01T06:00Z"),
        ("2026-12-01T08:00Z", "2026-12-01T08:00Z"),
        ("2026-12-01T08:00:00.500-05:00", "2026-12-01T13:00:00.500Z"),
        ("2026-03-29T02:30", "2026-03-29T01:30Z"),  # the clock jumps from 02:00 to 03:00
        ("2026-10-25T02:30", "2026-10-25T00:30Z"),  # it shows 02:30 twice
    ],
)
def test_a_moment_is_of_the_accounts_clock(text: str, utc: str) -> None:
    assert moment_ms(text, "Europe/Stockholm") == at(utc)


@pytest.mark.parametrize(
    "text", ["", "now", "08:00", "2026-12-01", "2026-13-01T08:00", "2026-12-01T08:00 CET", "20261201T0800"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(Fault, match="not a time") as refused:
        moment_ms(text, "UTC")
    assert refused.value.code is FaultCode.BAD_REQUEST


@given(st.integers(1, SPAN_MS_MAX // 1000))
def test_spans_read_back(seconds: int) -> None:
    assert span_ms(span_text(seconds * 1000)) == seconds * 1000


def test_spans() -> None:
    assert [span_ms(text) for text in ("90s", "15m", " 1H30m ", "1d")] == [90_000, 900_000, 5_400_000, 86_400_000]
    assert span_text(0) == ""
    for text in ("", "15", "m", "-5m", "0s", "30m1h", "9999d", "1.5h"):
        with pytest.raises(Fault, match="not a span"):
            span_ms(text)


def test_what_is_said_of_a_message() -> None:
    assert Said().on(PLAIN, "UTC", NOW_MS) is PLAIN
    timed = Said(after="15m", worthless_after="1h", validity="2h", queue_age="30m").on(PLAIN, "UTC", NOW_MS)
    assert (timed.due_at_ms, timed.expires_at_ms) == (NOW_MS + 900_000, NOW_MS + 4_500_000)
    assert (timed.validity_ms, timed.queue_age_ms) == (7_200_000, 1_800_000)
    assert Said(worthless_after="1h").on(PLAIN, "UTC", NOW_MS).expires_at_ms == NOW_MS + 3_600_000
    # A moment that has just passed is at once, for a request may be repeated; from then on it is worth nothing extra.
    assert Said(at="2026-11-24T11:00Z").on(PLAIN, "UTC", NOW_MS).due_at_ms == NOW_MS - 3_600_000
    with pytest.raises(Fault, match="is over"):
        Said(at="2025-12-01T08:00").on(PLAIN, "UTC", NOW_MS)
    with pytest.raises(Fault, match="not both"):
        Said(at="2026-12-01T08:00", after="15m").on(PLAIN, "UTC", NOW_MS)


def test_the_words_of_a_retry() -> None:
    assert Said().words == ()
    assert Said(after="15m").words != Said(at="15m").words
