"""What `smsbridge message show` prints: the life of a message, part by part."""

from typing import Any

from bridge.app.answers.messages import MessageDetail
from bridge.app.cli.life import life_of
from tests.unit.app.desk import AT_MS

PART: dict[str, Any] = {
    "part_no": 1,
    "state": "queued",
    "link": "carrier-a",
    "lane": "alarm",
    "text": "Pump 3 stopped.",
    "attempt": 0,
    "waiting_for": "",
    "then": "",
    "next_action_at_ms": None,
    "expires_at_ms": AT_MS + 3_600_000,
    "claimed_at_ms": None,
    "submitted_at_ms": None,
    "final_at_ms": None,
    "network_at_ms": None,
    "smsc_id": "",
    "command_status": 0,
    "error": "",
    "cause": "",
    "why": "",
    "is_possible_duplicate": False,
}
CLAIMED = {**PART, "state": "claimed", "attempt": 1, "claimed_at_ms": AT_MS + 1000}
SUBMITTED = {**CLAIMED, "state": "submitted", "submitted_at_ms": AT_MS + 2000, "smsc_id": "0A1B2C3D"}
DELIVERED = {
    **SUBMITTED,
    "state": "delivered",
    "final_at_ms": AT_MS + 5000,
    "network_at_ms": AT_MS - 40_000,
    "error": "000",
}
HEAD = [
    "message 6FD54FA2: queued",
    "  account     ward7",
    "  accepted    2026-11-24 05:31:40Z through smtp",
    "  from        447700900456",
    "  to          46701740605",
    "  text        Pump 3 stopped.",
    "  size        1 part, GSM 03.38",
    "  route       carrier-a, carrier-b, lane alarm",
    "  charged     1.000",
]


def life(*parts: dict[str, Any], now_ms: int = AT_MS, **facts: Any) -> list[str]:
    message = {
        "message_id": "6FD54FA2",
        "state": "queued",
        "account": "ward7",
        "door": "smtp",
        "originator": "447700900456",
        "recipient": "46701740605",
        "part_total": len(parts),
        "price_mc": 1000 * len(parts),
        "book": "credit",
        "coding": "gsm7",
        "reference": "",
        "accepted_at_ms": AT_MS,
        "links": "carrier-a carrier-b",
        "link": "carrier-a",
        "lane": "alarm",
        "waiting_for": "",
        "next_action_at_ms": None,
        "text": "".join(part["text"] for part in parts),
        "expires_at_ms": AT_MS + 3_600_000,
        "validity_ms": 0,
        "worthless_at_ms": 0,
        "hours": "",
        "parts": list(parts),
        "history": [],
        "postings": [{"kind": "charge", "amount_mc": -1000, "at_ms": AT_MS, "reason": ""}],
        "notices": [],
        **facts,
    }
    return life_of(MessageDetail(**message), now_ms)  # type: ignore[typeddict-item]


def test_a_part_that_waits_for_its_turn() -> None:
    assert life(PART) == [
        *HEAD,
        "  valid until 2026-11-24 06:31:40Z",
        "",
        "part 1 of 1: waits to be sent",
        "  2026-11-24 05:31:40Z  accepted, charged and queued",
        "  waiting: for its turn",
    ]


def test_why_it_waits_and_until_when() -> None:
    part = {
        **CLAIMED,
        "state": "queued",
        "waiting_for": "throttled by the carrier",
        "next_action_at_ms": AT_MS + 30_000,
    }
    history = [{"at_ms": AT_MS + 1500, "part_no": 1, "event": "deferred", "detail": "throttled by the carrier"}]
    assert life(part, history=history)[-4:] == [
        "  2026-11-24 05:31:40Z  accepted, charged and queued",
        "  2026-11-24 05:31:41Z  claimed for link carrier-a",
        "  2026-11-24 05:31:41Z  put off: throttled by the carrier",
        "  waiting: throttled by the carrier; next try at 05:32:10Z",
    ]
    assert life(part, now_ms=AT_MS + 30_000)[-1] == "  waiting: throttled by the carrier", (
        "a time that is past says nothing"
    )


def test_a_delivered_part_shows_the_networks_earlier_time_as_it_is() -> None:
    lines = life(DELIVERED, state="delivered")
    assert "  valid until" not in "\n".join(lines)
    assert lines[10:] == [
        "part 1 of 1: delivered",
        "  2026-11-24 05:31:40Z  accepted, charged and queued",
        "  2026-11-24 05:31:41Z  claimed for link carrier-a",
        "  2026-11-24 05:31:42Z  submitted to carrier-a; the carrier calls it 0A1B2C3D",
        "  2026-11-24 05:31:45Z  delivered; the network says 2026-11-24 05:31:00Z",
    ]


def test_parts_that_differ_are_told_one_by_one() -> None:
    waiting = {**SUBMITTED, "part_no": 2, "text": " Call 112.", "attempt": 2}
    lines = life(DELIVERED, waiting)
    assert "  text        Pump 3 stopped. Call 112." in lines
    assert "  size        2 parts, GSM 03.38" in lines
    assert [line for line in lines if line.startswith("part ")] == [
        "part 1 of 2: delivered",
        "part 2 of 2: taken by the carrier, no receipt yet",
    ]
    assert "  2026-11-24 05:31:41Z  claimed for link carrier-a, attempt 2" in lines
    assert lines[-1] == "  waiting: for the receipt"


def test_a_refused_part_shows_why_and_its_refund() -> None:
    rejected = {**CLAIMED, "state": "rejected", "final_at_ms": AT_MS + 3000, "command_status": 0x0B}
    rejected["waiting_for"] = "not a number of this carrier"
    postings = [{"kind": "refund", "amount_mc": 1000, "at_ms": AT_MS + 3000, "reason": "not a number of this carrier"}]
    lines = life(rejected, state="rejected", postings=postings)
    assert "  refunded    1.000 at 2026-11-24 05:31:43Z (not a number of this carrier)" in lines
    assert lines[-1] == ("  2026-11-24 05:31:43Z  rejected: not a number of this carrier (command_status 0x0000000B)")


def test_an_undelivered_part_shows_the_networks_error() -> None:
    lost = {**DELIVERED, "state": "undeliverable", "error": "017", "network_at_ms": None}
    assert life(lost)[-1] == "  2026-11-24 05:31:45Z  undeliverable (network error 017)"
    why = {"cause": "switched_off", "why": "the phone was switched off or out of range"}
    assert life({**lost, **why})[-1] == (
        "  2026-11-24 05:31:45Z  undeliverable: the phone was switched off or out of range (network error 017)"
    )


def test_a_part_that_the_network_still_tries_says_until_when_and_why() -> None:
    trying = {**SUBMITTED, "waiting_for": "still trying", "error": "027", "next_action_at_ms": AT_MS + 60_000}
    trying |= {"cause": "switched_off", "why": "the phone was switched off or out of range"}
    assert life(trying)[-2:] == [
        "  waiting: still trying, until 2026-11-24 06:31:40Z: the phone was switched off or out of range; the",
        "    carrier is asked at 2026-11-24 05:32:40Z",
    ]
    assert life(SUBMITTED)[-1] == "  waiting: for the receipt"


def test_doubt_and_a_possible_duplicate_are_said_plainly() -> None:
    part = {**CLAIMED, "state": "in_doubt", "is_possible_duplicate": True, "next_action_at_ms": AT_MS + 60_000}
    part |= {"attempt": 2, "then": "it ends as unknown and stays charged; " + "long " * 12}
    history = [{"at_ms": AT_MS + 2000, "part_no": 1, "event": "resend", "detail": "it may arrive twice"}]
    lines = life(part, history=history)
    assert "part 1 of 1: in doubt: written to the carrier, never answered" in lines
    assert "  may have arrived twice: it was sent again after a try that was never answered" in lines
    assert "  2026-11-24 05:31:42Z  queued again: it may arrive twice" in lines
    assert lines[-3:] == [
        "  waiting: for a late answer or a receipt, until 2026-11-24 05:32:40Z, longer while its link is down",
        "  then: it ends as unknown and stays charged; long long long long long long long long long long long",
        "    long",
    ]


def test_what_waits_to_be_sent_again_has_not_arrived_twice_yet() -> None:
    part = {**CLAIMED, "state": "queued", "is_possible_duplicate": True}
    assert not any("may have arrived twice" in line for line in life(part))


def test_what_happened_to_the_message_as_a_whole_stands_above_its_parts() -> None:
    history = [{"at_ms": AT_MS + 1000, "part_no": None, "event": "cancelled", "detail": "by root"}]
    lines = life(PART, history=history)
    assert lines[10] == "  2026-11-24 05:31:41Z  cancelled: by root"


def test_mails_that_are_owed_taken_and_given_up() -> None:
    owed = {
        "kind": "report",
        "event": "partly_delivered",
        "address": "nurse@example.org",
        "state": "owed",
        "attempt": 2,
        "reason": "the relay does not answer",
        "next_action_at_ms": AT_MS + 60_000,
        "created_at_ms": AT_MS + 5000,
        "kept_until_ms": AT_MS + 86_400_000,
        "done_at_ms": None,
    }
    done = {**owed, "state": "done", "done_at_ms": AT_MS + 65_000}
    gone = {**owed, "state": "given_up", "done_at_ms": AT_MS + 65_000, "reason": "550 no such user"}
    lines = life(DELIVERED, notices=[owed, done, gone])
    assert lines[lines.index("mails") + 1 :] == [
        '  2026-11-24 05:31:45Z  report "partly delivered" owed to nurse@example.org',
        "  waiting: the relay does not answer; next try at 05:32:40Z",
        "  kept until 2026-11-25 05:31:40Z",
        '  2026-11-24 05:31:45Z  report "partly delivered" owed to nurse@example.org',
        "  2026-11-24 05:32:45Z  taken by the relay, attempt 2",
        '  2026-11-24 05:31:45Z  report "partly delivered" owed to nurse@example.org',
        "  2026-11-24 05:32:45Z  given up, attempt 2: 550 no such user",
    ]


def test_a_text_cannot_steer_the_terminal() -> None:
    lines = life({**PART, "text": "a\x1b[31m\nb"})
    assert r"  text        a\x1b[31m\nb" in lines
    assert all(line.isprintable() for line in lines)


def test_a_message_without_originator_and_with_a_reference() -> None:
    lines = life(PART, originator="", reference="alarm-9", coding="ucs2")
    assert "  from        (none: the carrier decides)" in lines
    assert "  reference   alarm-9" in lines
    assert "  size        1 part, UCS-2" in lines


def test_a_test_number_says_that_no_handset_gets_it_and_a_trial_what_it_used() -> None:
    lines = life(PART, recipient="447700900123", links="test", book="trial")
    assert "  to          447700900123 (a test number: no handset gets it)" in lines
    assert "  charged     1 free part of the trial" in lines


def test_receipts_that_an_esme_is_owed_and_the_octets_of_its_message() -> None:
    notice = {"event": "delivered", "attempt": 1, "reason": "", "next_action_at_ms": AT_MS, "created_at_ms": AT_MS}
    notice["kept_until_ms"] = AT_MS + 86_400_000
    notices = [
        {**notice, "event": "enroute", "state": "done", "attempt": 2, "done_at_ms": AT_MS + 1000},
        {**notice, "state": "owed", "reason": "gw is not bound", "done_at_ms": None},
        {**notice, "event": "expired", "state": "given_up", "reason": "nobody came", "done_at_ms": AT_MS + 2000},
    ]
    scheduled = {**PART, "state": "scheduled", "next_action_at_ms": AT_MS + 60_000}
    told = life(scheduled, coding="binary", text="00FF", esme={"notices": notices})
    assert "  octets      00FF" in told
    assert "  waiting: for its scheduled time, until 2026-11-24 05:32:40Z" in told
    assert told[told.index("receipts to its ESME") :] == [
        "receipts to its ESME",
        '  2026-11-24 05:31:40Z  receipt "enroute" owed',
        "  2026-11-24 05:31:41Z  taken by the ESME, attempt 2",
        '  2026-11-24 05:31:40Z  receipt "delivered" owed',
        "  waiting: gw is not bound",
        "  kept until 2026-11-25 05:31:40Z",
        '  2026-11-24 05:31:40Z  receipt "expired" owed',
        "  2026-11-24 05:31:42Z  given up: nobody came",
    ]


def test_a_part_outside_its_hours_says_until_when() -> None:
    waits = {**PART, "state": "scheduled", "waiting_for": "held for hours", "next_action_at_ms": AT_MS + 3_600_000}
    told = life(waits, hours="mo-su 08:00-20:00 UTC", worthless_at_ms=AT_MS + 7_200_000, validity_ms=5_400_000)
    assert "  waiting: held for hours until 2026-11-24 06:31:40Z" in told
    assert "  hours       mo-su 08:00-20:00 UTC" in told
    assert "  worthless   after 2026-11-24 07:31:40Z" in told
    assert "  validity    1h30m asked of the network" in told
    late = life({**waits, "state": "queued", "next_action_at_ms": AT_MS - 1})
    assert "  waiting: its turn: its hours are open" in late
