"""The text of a delivery receipt (SMPP 3.4, appendix B): built exactly, read leniently.

The standard gives it as an example, and every SMSC has its own: labels in upper or lower case, fields missing or in
another order, dates of 10, 12 or 14 digits. Clients are strict, so what we build has all fields in the usual order:

    id:0A1B2C3D sub:001 dlvrd:001 submit date:2611240538 done date:2611240539 stat:DELIVRD err:000 text:Hello wor
"""

import re
from dataclasses import dataclass

from bridge.messages.message import PartState
from bridge.smpp.constants import MessageState
from bridge.smpp.times import format_receipt_date, parse_receipt_date

TEXT_SIZE_MAX = 20
"""Characters of the original text that a receipt repeats."""

ERROR_SIZE_MAX = 16
"""Characters of an error code that are kept; the standard says 3."""

SMSC_ID_SIZE_MAX = 255
"""Characters of an id that are kept; the standard says 64, and submit_sm_resp is read with the same limit."""

STATS: dict[MessageState, str] = {
    MessageState.SCHEDULED: "SCHEDUL",
    MessageState.ENROUTE: "ENROUTE",
    MessageState.DELIVERED: "DELIVRD",
    MessageState.EXPIRED: "EXPIRED",
    MessageState.DELETED: "DELETED",
    MessageState.UNDELIVERABLE: "UNDELIV",
    MessageState.ACCEPTED: "ACCEPTD",
    MessageState.UNKNOWN: "UNKNOWN",
    MessageState.REJECTED: "REJECTD",
    MessageState.SKIPPED: "SKIPPED",
}
"""message_state and the seven letters that stand for it in a text."""

_OTHER_SPELLINGS = {
    "DELIVERED": MessageState.DELIVERED,
    "UNDELIVERABLE": MessageState.UNDELIVERABLE,
    "UNDELIVERED": MessageState.UNDELIVERABLE,
    "FAILED": MessageState.UNDELIVERABLE,
    "REJECTED": MessageState.REJECTED,
    "ACCEPTED": MessageState.ACCEPTED,
    "ACKED": MessageState.ACCEPTED,
    "BUFFRED": MessageState.ENROUTE,
    "BUFFERD": MessageState.ENROUTE,
    "BUFFERED": MessageState.ENROUTE,
}
_STATE_OF_STAT = {stat: state for state, stat in STATS.items()} | _OTHER_SPELLINGS

PART_STATES: dict[MessageState, PartState | None] = {
    MessageState.SCHEDULED: None,
    MessageState.ENROUTE: None,
    MessageState.ACCEPTED: None,
    MessageState.DELIVERED: PartState.DELIVERED,
    MessageState.EXPIRED: PartState.EXPIRED,
    MessageState.DELETED: PartState.DELETED,
    MessageState.UNDELIVERABLE: PartState.UNDELIVERABLE,
    MessageState.UNKNOWN: PartState.UNKNOWN,
    MessageState.REJECTED: PartState.REJECTED,
    MessageState.SKIPPED: PartState.UNDELIVERABLE,
}
"""What a report makes of a part; None for one that is on its way and moves nothing."""

_LABEL = re.compile(r"(?:^|[\s,;])(id|sub|dlvrd|submit ?date|done ?date|stat|err|text):", re.IGNORECASE)

_USUAL = re.compile(
    r"id:([^\s,;]+) sub:[^\s,;]* dlvrd:[^\s,;]* submit date:([^\s,;]*) done date:([^\s,;]*)"
    r" stat:([^\s,;]+) err:([^\s,;]*) [tT]ext:"
)
"""What nearly every receipt looks like: read in a tenth of the time, and to the same effect."""


@dataclass(slots=True)
class ReceiptText:
    """What a receipt's text says. Empty or None where it says nothing."""

    smsc_id: str = ""
    stat: str = ""
    """As it came, in upper case."""
    error: str = ""
    submit_date: str = ""
    """Digits as they came."""
    done_date: str = ""

    @property
    def submitted_at_ms(self) -> int | None:
        """Unix time, taken as UTC; None when the digits are no date."""
        return parse_receipt_date(self.submit_date)

    @property
    def done_at_ms(self) -> int | None:
        return parse_receipt_date(self.done_date)

    @property
    def state(self) -> MessageState | None:
        """The state that `stat` names; UNKNOWN for a word nobody knows, None for no word at all."""
        return _STATE_OF_STAT.get(self.stat, MessageState.UNKNOWN) if self.stat else None


def parse(text: str) -> ReceiptText:
    """Read what can be found, whatever the order, the case and the gaps. Never fails.

    Only what stands before "text:" counts: behind it are the words of the sender of the message.
    """
    return _read_usual(text) or _read(_fields(text)[1])


def parse_unmarked(text: str) -> ReceiptText | None:
    """The receipt in a text that nothing else marks as one; None when it looks like a person's words.

    It must begin with an id and have a state and a date or count: nobody writes that by chance.
    """
    if usual := _read_usual(text):
        return usual
    before, found = _fields(text)
    if before.strip() or not (found.get("id") and found.get("stat")):
        return None
    return _read(found) if found.keys() & {"sub", "dlvrd", "submitdate", "donedate"} else None


def _fields(text: str) -> tuple[str, dict[str, str]]:
    """What stands before the first label, and the first word behind each label up to "text:"."""
    before, *rest = _LABEL.split(text)
    found: dict[str, str] = {}
    for label, value in zip(rest[::2], rest[1::2], strict=True):
        label = label.lower().replace(" ", "")
        if label == "text":
            break
        words = value.split(None, 1)
        found.setdefault(label, words[0].strip(",;") if words else "")
    return before, found


def _read_usual(text: str) -> ReceiptText | None:
    usual = _USUAL.match(text)
    if usual is None:
        return None
    smsc_id, submit_date, done_date, stat, error = usual.groups()
    return ReceiptText(smsc_id[:SMSC_ID_SIZE_MAX], stat.upper(), error[:ERROR_SIZE_MAX], submit_date, done_date)


def _read(found: dict[str, str]) -> ReceiptText:
    return ReceiptText(
        smsc_id=found.get("id", "")[:SMSC_ID_SIZE_MAX],
        stat=found.get("stat", "").upper(),
        error=found.get("err", "")[:ERROR_SIZE_MAX],
        submit_date=found.get("submitdate", ""),
        done_date=found.get("donedate", ""),
    )


def build(
    *,
    smsc_id: str,
    state: MessageState,
    submitted_at_ms: int | None,
    done_at_ms: int | None,
    error: str = "000",
    text: str = "",
    part_total: int = 1,
    parts_delivered: int | None = None,
) -> str:
    """The text of a receipt: all fields, in the order that strict clients need.

    `error` is cut to 3 characters, `text` to 20; unknown times are ten zeros. "text:" is there even when empty,
    because old clients look for a blank behind the error. `parts_delivered` None: all of them when the state says so,
    else none.
    """
    if parts_delivered is None:
        parts_delivered = part_total if state is MessageState.DELIVERED else 0
    return (
        f"id:{smsc_id} sub:{part_total:03d} dlvrd:{parts_delivered:03d}"
        f" submit date:{format_receipt_date(submitted_at_ms)} done date:{format_receipt_date(done_at_ms)}"
        f" stat:{STATS[state]} err:{error[:3]} text:{text[:TEXT_SIZE_MAX]}"
    )
