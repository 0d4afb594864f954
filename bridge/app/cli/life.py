"""The life of a message in lines for people: what was accepted, what happened to each part, what is owed."""

from collections.abc import Iterator

from bridge.app.answers.messages import (
    EsmeNoticeLine,
    HistoryLine,
    MessageDetail,
    NoticeLine,
    PartDetail,
    QueueLine,
)
from bridge.app.cli.printing import clean, credit, next_try, sentence_lines, until, utc
from bridge.intake.when import span_text
from bridge.messages.hours import HELD_FOR_HOURS
from bridge.messages.message import TEST_LINK

_CODINGS = {"gsm7": "GSM 03.38", "ucs2": "UCS-2", "binary": "binary"}

_STATES = {
    "queued": "waits to be sent",
    "claimed": "is being sent",
    "submitted": "taken by the carrier, no receipt yet",
    "in_doubt": "in doubt: written to the carrier, never answered",
    "scheduled": "scheduled",
    "held": "held",
}
"""Unfinished states in words; finished ones speak for themselves."""

_WORD_OF_IT = "for a late answer or a receipt"
"""What settles a doubt."""

_EVENTS = {
    "rescheduled": "sent at another time",
    "originator_replaced": "sender replaced",
    "deferred": "put off",
    "failover": "moved to another link",
    "replanned": "moved to another link",
    "in_doubt": "in doubt",
    "resend": "queued again",
    "replaced": "replaced by its sender",
    "second_answer": "answered late, after it was sent again",
    "contradicting_receipt": "contradicting receipt, not applied",
    "settled_by_receipt": "taken by the carrier after all",
}
"""Events of the history in words."""


def life_of(detail: MessageDetail, now_ms: int) -> list[str]:
    """All lines of `smsbridge message show`."""
    lines = [*_head(detail)]
    whole = [entry for entry in detail["history"] if not entry["part_no"]]
    lines += [_at(entry["at_ms"], _told(entry)) for entry in whole]
    for part in detail["parts"]:
        lines += ["", *_part(detail, part, now_ms)]
    if detail["notices"]:
        lines += ["", "mails"]
        lines += [line for notice in detail["notices"] for line in _notice(notice, now_ms)]
    esme = detail.get("esme")
    if esme and esme["notices"]:
        lines += ["", "receipts to its ESME"]
        lines += [line for receipt in esme["notices"] for line in _receipt(receipt, now_ms)]
    return [clean(line) for line in lines]


def _head(detail: MessageDetail) -> Iterator[str]:
    parts = detail["parts"]
    yield f"message {detail['message_id']}: {_plain(detail['state'])}"
    yield f"  account     {detail['account']}"
    yield f"  accepted    {utc(detail['accepted_at_ms'])} through {detail['door']}"
    yield f"  from        {detail['originator'] or '(none: the carrier decides)'}"
    note = " (a test number: no handset gets it)" if detail["links"] == TEST_LINK else ""
    yield f"  to          {detail['recipient']}{note}"
    coding = _CODINGS.get(detail["coding"], detail["coding"])
    count = f"{len(parts)} parts" if len(parts) > 1 else "1 part"
    label = "octets" if detail["coding"] == "binary" else "text"
    yield f"  {label:<10}  {detail['text'] or '(erased)'}"
    yield f"  size        {count}, {coding}"
    lane = parts[0]["lane"] if parts else ""
    yield f"  route       {', '.join(detail['links'].split())}, lane {lane}"
    is_free = detail["book"] == "trial"
    yield f"  charged     {_free(len(parts)) if is_free else credit(detail['price_mc'])}"
    for posting in detail["postings"]:
        if posting["kind"] == "refund":
            reason = f" ({posting['reason']})" if posting["reason"] else ""
            back = _free(posting["amount_mc"] // 1000) if is_free else credit(posting["amount_mc"])
            yield f"  refunded    {back} at {utc(posting['at_ms'])}{reason}"
    if detail["reference"]:
        yield f"  reference   {detail['reference']}"
    if parts and any(part["final_at_ms"] is None for part in parts):
        yield f"  valid until {utc(detail['expires_at_ms'])}"
    if detail["worthless_at_ms"]:
        yield f"  worthless   after {utc(detail['worthless_at_ms'])}"
    if detail["validity_ms"]:
        yield f"  validity    {span_text(detail['validity_ms'])} asked of the network"
    if detail["hours"]:
        yield f"  hours       {detail['hours']}"


def _free(count: int) -> str:
    return f"{count} free parts of the trial" if count > 1 else "1 free part of the trial"


def _part(detail: MessageDetail, part: PartDetail, now_ms: int) -> Iterator[str]:
    of = f"part {part['part_no']} of {detail['part_total']}"
    yield f"{of}: {_STATES.get(part['state'], _plain(part['state']))}"
    if part["is_possible_duplicate"] and part["attempt"] > 1:
        yield "  may have arrived twice: it was sent again after a try that was never answered"
    for at_ms, told in sorted(_events(detail, part), key=lambda event: event[0]):
        yield _at(at_ms, told)
    if part["final_at_ms"] is None:
        yield from sentence_lines(_waiting(part, now_ms), "  ")
        if part["then"]:
            yield from sentence_lines(f"then: {part['then']}", "  ")


def _events(detail: MessageDetail, part: PartDetail) -> Iterator[tuple[int, str]]:
    """Times of the part's columns and entries of its history; sorting keeps this order within one millisecond."""
    yield detail["accepted_at_ms"], "accepted, charged and queued"
    for entry in detail["history"]:
        if entry["part_no"] == part["part_no"]:
            yield entry["at_ms"], _told(entry)
    if part["claimed_at_ms"]:
        attempt = f", attempt {part['attempt']}" if part["attempt"] > 1 else ""
        yield part["claimed_at_ms"], f"claimed for link {part['link']}{attempt}"
    if part["submitted_at_ms"]:
        name = f"; the carrier calls it {part['smsc_id']}" if part["smsc_id"] else ""
        yield part["submitted_at_ms"], f"submitted to {part['link']}{name}"
    if part["final_at_ms"]:
        yield part["final_at_ms"], _ending(part)


def _ending(part: PartDetail) -> str:
    told = _plain(part["state"]) + (f": {part['waiting_for']}" if part["waiting_for"] else "")
    if part["command_status"]:
        told += f" (command_status 0x{part['command_status']:08X})"
    if part["why"]:
        told += f": {part['why']}"
    if part["error"].strip("0"):
        told += f" (network error {part['error']})"
    if part["network_at_ms"]:
        told += f"; the network says {utc(part['network_at_ms'])}"
    return told


def _waiting(part: PartDetail, now_ms: int) -> str:
    if part["state"] == "submitted":
        return f"waiting: {_submitted(part, now_ms)}"
    if part["state"] == "in_doubt":
        return f"waiting: {_WORD_OF_IT}{_until(part['next_action_at_ms'], now_ms)}, longer while its link is down"
    why = part["waiting_for"] or reason_of(part["state"])
    if why == HELD_FOR_HOURS:
        return f"waiting: {_held(part['next_action_at_ms'], now_ms)}"
    when = next_try if part["state"] == "queued" else _until
    return f"waiting: {why}{when(part['next_action_at_ms'], now_ms)}"


def _submitted(part: PartDetail, now_ms: int) -> str:
    """What a submitted part waits for: its receipt, while the network may still be trying, until its validity ends."""
    told = reason_of(part["state"])
    if part["waiting_for"]:
        told = f"{part['waiting_for']}{_until(part['expires_at_ms'], now_ms)}"
        told += f": {part['why']}" if part["why"] else ""
    asked = until(part["next_action_at_ms"], now_ms)
    return told + (f"; the carrier is asked at {asked}" if asked else "")


def reason_of(state: str) -> str:
    """Why a part waits that has no reason of its own."""
    return {
        "queued": "for its turn",
        "claimed": "for the carrier's answer",
        "submitted": "for the receipt",
        "scheduled": "for its scheduled time",
    }.get(state, _plain(state))


def parts_reason(line: QueueLine, now_ms: int) -> str:
    """Why the parts of a line of the queue wait, and what comes next."""
    why = line["waiting_for"] or reason_of(line["state"])
    if why == HELD_FOR_HOURS:
        return _held(line["next_action_at_ms"], now_ms)
    if line["state"] == "in_doubt":
        return f"{why}; waiting {_WORD_OF_IT}; then {line['then']}"
    return why + (next_try(line["next_action_at_ms"], now_ms) if line["state"] == "queued" else "")


def parts_end_ms(line: QueueLine) -> int | None:
    """Until when they wait, or may wait: queued ones for as long as they are valid."""
    return line["expires_at_ms"] if line["state"] == "queued" else line["next_action_at_ms"]


def _until(at_ms: int | None, now_ms: int) -> str:
    return f", until {utc(at_ms)}" if until(at_ms, now_ms) else ""


def _held(at_ms: int | None, now_ms: int) -> str:
    """When hours open next; they did when that moment has come and a link is to take the part."""
    return f"{HELD_FOR_HOURS} until {utc(at_ms)}" if until(at_ms, now_ms) else "its turn: its hours are open"


def _notice(notice: NoticeLine, now_ms: int) -> Iterator[str]:
    what = f'report "{_plain(notice["event"])}"' if notice["kind"] == "report" else notice["kind"]
    yield _at(notice["created_at_ms"], f"{what} owed to {notice['address']}")
    tries = f", attempt {notice['attempt']}" if notice["attempt"] > 1 else ""
    if notice["state"] == "done":
        yield _at(notice["done_at_ms"] or 0, f"taken by the relay{tries}")
    elif notice["state"] == "given_up":
        yield _at(notice["done_at_ms"] or 0, f"given up{tries}: {notice['reason']}")
    else:
        why = notice["reason"] or "for the relay"
        yield from sentence_lines(f"waiting: {why}{next_try(notice['next_action_at_ms'], now_ms)}", "  ")
        yield from _kept(notice["kept_until_ms"])


def _receipt(notice: EsmeNoticeLine, now_ms: int) -> Iterator[str]:
    yield _at(notice["created_at_ms"], f'receipt "{_plain(notice["event"])}" owed')
    tries = f", attempt {notice['attempt']}" if notice["attempt"] > 1 else ""
    if notice["state"] == "done":
        yield _at(notice["done_at_ms"] or 0, f"taken by the ESME{tries}")
    elif notice["state"] == "given_up":
        yield _at(notice["done_at_ms"] or 0, f"given up{tries}: {notice['reason']}")
    else:
        why = notice["reason"] + next_try(notice["next_action_at_ms"], now_ms)
        yield from sentence_lines(f"waiting: {why}", "  ")
        yield from _kept(notice["kept_until_ms"])


def _kept(until_ms: int | None) -> Iterator[str]:
    if until_ms:
        yield f"  kept until {utc(until_ms)}"


def _told(entry: HistoryLine) -> str:
    event = _EVENTS.get(entry["event"], _plain(entry["event"]))
    return f"{event}: {entry['detail']}" if entry["detail"] else event


def _at(at_ms: int, told: str) -> str:
    return f"  {utc(at_ms):<20}  {told}"


def _plain(state: str) -> str:
    return state.replace("_", " ")
