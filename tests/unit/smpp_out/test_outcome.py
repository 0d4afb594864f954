"""Every command_status leads to the outcome the documentation promises."""

import pytest

from bridge.messages.message import ClaimedPart, Coding, OutcomeKind
from bridge.smpp.constants import Status
from bridge.smpp_out import outcome

THROTTLED = {0x14, 0x58}
BUSY = {0x08, 0x64, 0x102}
UNBOUND = {0x04, 0x05, 0x0D, 0x0E, 0x0F, 0x53}
REFUSED = {
    *{0x01, 0x02, 0x03, 0x06, 0x07, 0x0A, 0x0B, 0x0C, 0x11, 0x13, 0x15, 0x33, 0x34, 0x40, 0x42, 0x43, 0x44, 0x45},
    *{0x48, 0x49, 0x50, 0x51, 0x54, 0x55, 0x61, 0x62, 0x63, 0x65, 0x66, 0x67, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xFE},
    *{0x100, 0x101, 0x103, 0x104, 0x105, 0x106},
}
VENDOR = range(0x400, 0x500)
NOW_MS = 1_700_000_000_000


def part(attempt: int = 1) -> ClaimedPart:
    return ClaimedPart(
        part_id=7,
        message_id="6FD54FA2",
        account_id=1,
        part_no=1,
        part_total=1,
        concat_ref=9,
        originator="Shop",
        recipient="447700900123",
        coding=Coding.GSM7,
        text="hello",
        attempt=attempt,
        expires_at_ms=NOW_MS + 60_000,
        is_possible_duplicate=False,
    )


@pytest.mark.parametrize("status", [*range(0x200), *VENDOR], ids=hex)
def test_each_code_means_what_the_table_says(status: int) -> None:
    decision = outcome.decide(status, attempt=1)
    if status == 0:
        assert decision == outcome.Decision(OutcomeKind.SUBMITTED, "")
        return
    expected = OutcomeKind.REJECTED if status in REFUSED else OutcomeKind.DEFERRED
    assert decision.kind is expected
    assert decision.slows_link == (status in THROTTLED)
    assert decision.needs_rebind == (status in UNBOUND)
    assert (decision.retry_delay_ms > 0) == (expected is OutcomeKind.DEFERRED)
    assert f"(0x{status:02X})" in decision.reason


@pytest.mark.parametrize("status", sorted(THROTTLED | BUSY | UNBOUND), ids=hex)
def test_a_known_temporary_code_never_becomes_final(status: int) -> None:
    assert outcome.decide(status, attempt=1_000).kind is OutcomeKind.DEFERRED


@pytest.mark.parametrize("status", [0x09, 0x10, 0xFF, *list(VENDOR)[:20], 0x7FFFFFFF, 0xFFFFFFFF], ids=hex)
def test_an_unknown_code_is_temporary_five_times_and_then_final_with_the_code_shown(status: int) -> None:
    kinds = [outcome.decide(status, attempt).kind for attempt in range(1, 8)]
    assert kinds == [OutcomeKind.DEFERRED] * 5 + [OutcomeKind.REJECTED] * 2
    assert f"0x{status:02X}" in outcome.decide(status, 6).reason


def test_no_code_of_the_standard_is_forgotten() -> None:
    known = THROTTLED | BUSY | UNBOUND | REFUSED | {0x00}
    assert {int(status) for status in Status} - known == {Status.RUNKNOWNERR}


def test_a_busy_carrier_is_asked_less_and_less_often() -> None:
    delays = [outcome.decide(Status.RSYSERR, attempt).retry_delay_ms for attempt in range(1, 9)]
    assert delays[-1] > 4 * delays[0]
    assert max(delays) <= 900_000 * 1.2


def test_a_part_that_is_throttled_again_and_again_waits_up_to_16_s() -> None:
    """Some carriers say so of one handset whose queue is full; asked every second, it would slow all the others."""
    delays = [outcome.decide(Status.RMSGQFUL, 1, slowed=slowed).retry_delay_ms for slowed in (0, 1, 2, 3, 4, 5, 1000)]
    assert delays == [1000, 2000, 4000, 8000, 16_000, 16_000, 16_000]


def test_an_accepted_part_keeps_the_id_exactly_as_it_came() -> None:
    result = outcome.submitted(part(), " 0aB-9", at_ms=NOW_MS)
    assert (result.kind, result.smsc_id, result.retry_at_ms, result.reason) == (
        OutcomeKind.SUBMITTED,
        " 0aB-9",
        0,
        "",
    )


def test_an_accepted_part_without_an_id_is_submitted_and_says_so() -> None:
    result = outcome.submitted(part(), "", at_ms=NOW_MS, ask_after_ms=60_000)
    assert result.kind is OutcomeKind.SUBMITTED
    assert (result.smsc_id, result.retry_at_ms) == ("", 0), "nobody can be asked about a part without a name"
    assert "without a message id" in result.reason


def test_a_missing_receipt_is_asked_for_after_a_while() -> None:
    assert outcome.submitted(part(), "17", at_ms=NOW_MS, ask_after_ms=60_000).retry_at_ms == NOW_MS + 60_000


def test_a_refused_part_says_how() -> None:
    decision = outcome.decide(Status.RINVDSTADR, 1)
    result = outcome.refused(part(), decision, status=Status.RINVDSTADR, at_ms=NOW_MS)
    assert (result.kind, result.smsc_id, result.command_status) == (OutcomeKind.REJECTED, "", Status.RINVDSTADR)
    assert result.retry_at_ms == 0


def test_times_are_absolute() -> None:
    decision = outcome.decide(Status.RTHROTTLED, 1)
    deferred = outcome.refused(part(), decision, status=Status.RTHROTTLED, at_ms=NOW_MS)
    assert deferred.retry_at_ms == NOW_MS + outcome.THROTTLED_DELAY_MS
    doubtful = outcome.in_doubt(part(), "lost", at_ms=NOW_MS, hold_ms=60_000)
    assert (doubtful.kind, doubtful.retry_at_ms) == (OutcomeKind.IN_DOUBT, NOW_MS + 60_000)
    assert outcome.unwritten(part(), "lost", at_ms=NOW_MS).kind is OutcomeKind.UNWRITTEN


OWN = {
    Status.RSUBMITFAIL: outcome.Meaning.BUSY,
    0x401: outcome.Meaning.THROTTLED,
    0x402: outcome.Meaning.NEXT_LINK,
    Status.RTHROTTLED: outcome.Meaning.REFUSED,
}


def test_a_carriers_own_meanings_go_before_the_table() -> None:
    retried = outcome.decide(Status.RSUBMITFAIL, 1, meanings=OWN)
    assert (retried.kind, retried.slows_link) == (OutcomeKind.DEFERRED, False)
    slowed = outcome.decide(0x401, 100, meanings=OWN)
    assert (slowed.kind, slowed.slows_link) == (OutcomeKind.DEFERRED, True)
    assert "0x401" in slowed.reason
    assert outcome.decide(Status.RTHROTTLED, 1, meanings=OWN).kind is OutcomeKind.REJECTED
    assert outcome.decide(Status.RINVDSTADR, 1, meanings=OWN) == outcome.decide(Status.RINVDSTADR, 1)


def test_the_next_link_is_tried_at_once_and_a_circle_of_links_less_and_less_often() -> None:
    decisions = [outcome.decide(0x402, attempt, meanings=OWN) for attempt in range(1, 6)]
    assert {decision.kind for decision in decisions} == {OutcomeKind.NEXT_LINK}
    delays = [decision.retry_delay_ms for decision in decisions]
    assert delays[0] == 0
    assert 0 < delays[1] < delays[2] < delays[3]
    assert outcome.refused(part(2), decisions[1], status=0x402, at_ms=NOW_MS).retry_at_ms == NOW_MS + delays[1]
