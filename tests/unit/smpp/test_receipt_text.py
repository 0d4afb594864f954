"""Receipts as text: exactly what strict clients read, and everything that carriers make of it."""

import re

import pytest

from bridge.smpp import receipt_text
from bridge.smpp.constants import MessageState
from bridge.smpp.receipt_text import ReceiptText
from tests.unit.smpp.test_times import NOON_MS

BUILT = receipt_text.build(
    smsc_id="6FD54FA2",
    state=MessageState.DELIVERED,
    submitted_at_ms=NOON_MS,
    done_at_ms=NOON_MS + 60_000,
    text="Pump 3 in station Nord: level above 92 %",
)


def test_build_exactly() -> None:
    assert BUILT == (
        "id:6FD54FA2 sub:001 dlvrd:001 submit date:2611241200 done date:2611241201"
        " stat:DELIVRD err:000 text:Pump 3 in station No"
    )


def test_a_failure_without_times_and_text_keeps_all_labels() -> None:
    built = receipt_text.build(
        smsc_id="1", state=MessageState.UNDELIVERABLE, submitted_at_ms=None, done_at_ms=None, error="1234"
    )
    assert built == ("id:1 sub:001 dlvrd:000 submit date:0000000000 done date:0000000000 stat:UNDELIV err:123 text:")


def test_what_we_build_satisfies_the_patterns_of_strict_clients() -> None:
    """Kannel's sscanf and Jasmin's expression, restated."""
    kannel = (
        r"id:(\S{1,64}) sub:(\S{1,3}) dlvrd:(\S{1,3}) submit date:(\d{1,14}) done date:(\d{1,14})"
        r" stat:(\S{1,15}) err:(\S{1,3}) "
    )
    jasmin = r"id:(?P<id>[\dA-Za-z-_]+) sub:(?P<sub>\d{1,3}) dlvrd:(?P<dlvrd>\d{1,3}) .*stat:(?P<stat>\w{7}) .*[tT]ext:"
    for state in MessageState:
        built = receipt_text.build(smsc_id="6FD54FA2", state=state, submitted_at_ms=NOON_MS, done_at_ms=None)
        assert re.match(kannel, built)
        assert re.match(jasmin, built)


def test_every_state_is_read_as_it_was_written() -> None:
    for state in MessageState:
        built = receipt_text.build(smsc_id="1", state=state, submitted_at_ms=NOON_MS, done_at_ms=NOON_MS)
        read = receipt_text.parse(built)
        assert read.state is state
        assert (read.submitted_at_ms, read.done_at_ms) == (NOON_MS, NOON_MS)
    assert set(receipt_text.PART_STATES) == set(MessageState)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BUILT, ReceiptText("6FD54FA2", "DELIVRD", "000", "2611241200", "2611241201")),
        (BUILT.upper(), ReceiptText("6FD54FA2", "DELIVRD", "000", "2611241200", "2611241201")),
        (
            "id:0e999f21-7d43 submit date:20261124120000 done date:261124120000 stat:DELIVRD err:000",
            ReceiptText("0e999f21-7d43", "DELIVRD", "000", "20261124120000", "261124120000"),
        ),
        ("stat:undeliv err:00B id:7", ReceiptText("7", "UNDELIV", "00B")),
        ("id: 18446744073709551615 stat: EXPIRED err: text:", ReceiptText("18446744073709551615", "EXPIRED")),
        ("id:7, sub:001, stat:REJECTD, err:69", ReceiptText("7", "REJECTD", "69")),
        ("id:7 stat:DELIVRD\nerr:000\ntext:x", ReceiptText("7", "DELIVRD", "000")),
        ("id:7 stat: err:12 text:", ReceiptText("7", "", "12")),
        ("id:7 dlvrd date:2611241200 stat:DELIVRD", ReceiptText("7", "DELIVRD")),
        ("id:1 id:2 stat:DELIVRD stat:UNDELIV", ReceiptText("1", "DELIVRD")),
        ("id:7 stat:DELIVRD err:00000000000000000000", ReceiptText("7", "DELIVRD", "0" * 16)),
        ("id:7 donedate:2611241201 stat:DELIVRD", ReceiptText("7", "DELIVRD", "", "", "2611241201")),
        ("text:id:9 stat:DELIVRD", ReceiptText()),
        ("something else", ReceiptText()),
        ("", ReceiptText()),
    ],
)  # fmt: skip
def test_parse_leniently(text: str, expected: ReceiptText) -> None:
    assert receipt_text.parse(text) == expected


def test_the_repeated_text_cannot_forge_the_receipt() -> None:
    """Behind text: are the words of whoever sent the message."""
    built = receipt_text.build(
        smsc_id="1", state=MessageState.UNDELIVERABLE, submitted_at_ms=None, done_at_ms=None, text=" stat:DELIVRD err:0"
    )
    assert receipt_text.parse(built).state is MessageState.UNDELIVERABLE


@pytest.mark.parametrize(
    ("stat", "state"),
    [
        ("DELIVERED", MessageState.DELIVERED),
        ("ACKED", MessageState.ACCEPTED),
        ("BUFFRED", MessageState.ENROUTE),
        ("FAILED", MessageState.UNDELIVERABLE),
        ("NO_SUCH", MessageState.UNKNOWN),
        ("", None),
    ],
)
def test_other_words_for_a_state(stat: str, state: MessageState | None) -> None:
    assert ReceiptText(stat=stat).state is state


@pytest.mark.parametrize(
    "text",
    [
        "id:7 is the pump, stat:bad",
        "see id:7 sub:001 stat:DELIVRD",
        "sub:001 stat:DELIVRD",
        "id:7 sub:001 dlvrd:001",
        "id: stat:DELIVRD sub:1",
        "text:id:7 sub:001 stat:DELIVRD",
        "hello",
        "",
    ],
)
def test_what_a_person_may_write_is_no_receipt(text: str) -> None:
    assert receipt_text.parse_unmarked(text) is None


@pytest.mark.parametrize("text", [BUILT, BUILT.lower(), "\n" + BUILT, "id:7 stat:EXPIRED done date:2611241200"])
def test_what_only_a_carrier_writes_is_one(text: str) -> None:
    assert receipt_text.parse_unmarked(text) == receipt_text.parse(text)
