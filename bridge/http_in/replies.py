"""What /send answers: one table from fault to HTTP status, one short text for devices, one object for programs.

Text: a line for each recipient, in the order they were given: `OK <id> <number>` or
`ERR <fault> <number>: <sentence>`; a refusal of the whole request is one line `ERR <fault>: <sentence>`.
JSON: `{"messages": [...], "refusals": [...]}` with the same facts.
The status is 200 as soon as one recipient was accepted, else that of the refusal, a temporary one first.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from bridge.http_in.request import UnsupportedBody
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Accepted
from bridge.messages.money import format_credits

RETRY_AFTER_S = 15
"""What a client hears with 429 and 503: long enough for a queue to move, short enough for an alarm."""
ECHO_MAX = 40
"""Characters of a recipient that are repeated in a refusal."""

STATUS: dict[FaultCode, int] = {
    FaultCode.BAD_CREDENTIALS: 401,
    FaultCode.NOT_ALLOWED_HERE: 403,
    FaultCode.ACCOUNT_DISABLED: 403,
    FaultCode.UNTRUSTED_SENDER: 403,
    FaultCode.FOREIGN_DOMAIN: 404,
    FaultCode.BAD_REQUEST: 400,
    FaultCode.BAD_RECIPIENT: 400,
    FaultCode.KIND_REFUSED: 422,
    FaultCode.NO_RECIPIENT: 400,
    FaultCode.TOO_MANY_RECIPIENTS: 400,
    FaultCode.OPTED_OUT: 403,
    FaultCode.BAD_ORIGINATOR: 400,
    FaultCode.EMPTY_TEXT: 400,
    FaultCode.TOO_MANY_PARTS: 413,
    FaultCode.MESSAGE_TOO_LARGE: 413,
    FaultCode.UNREADABLE_MESSAGE: 400,
    FaultCode.NO_ROUTE: 422,
    FaultCode.NO_CREDIT: 402,
    FaultCode.NOT_FOUND: 404,
    FaultCode.ALREADY_EXISTS: 409,
    FaultCode.KEY_REUSED: 409,
    FaultCode.TOO_LATE: 409,
    FaultCode.TOO_FAST: 429,
    FaultCode.QUEUE_FULL: 503,
    FaultCode.DISK_FULL: 503,
    FaultCode.TRY_LATER: 503,
}
"""Temporary faults, and only they, are 429 or 503: what a client may repeat unchanged."""

REPEATED_HEADER = "Idempotent-Replayed"
"""With an answer that was given before: everything in it was accepted by an earlier request."""
CHALLENGE = 'Basic realm="smsbridge", charset="UTF-8"'


@dataclass(frozen=True, slots=True)
class Refused:
    """One recipient, or with an empty one the whole request, that was not taken."""

    recipient: str
    """As the client wrote it."""
    fault: Fault


Result = Accepted | Refused


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    content_type: str
    body: str
    headers: dict[str, str] = field(default_factory=dict)


def reply_to(results: Sequence[Result], *, as_json: bool) -> Reply:
    """The answer to at least one result."""
    status = _status(results)
    headers = {}
    if status in (429, 503):
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if results and all(isinstance(result, Accepted) and result.is_repeat for result in results):
        headers[REPEATED_HEADER] = "true"
    if status == 401:
        headers["WWW-Authenticate"] = CHALLENGE
    if as_json:
        return Reply(status, "application/json", _json(results), headers)
    return Reply(status, "text/plain; charset=utf-8", "".join(_line(result) + "\n" for result in results), headers)


def _status(results: Sequence[Result]) -> int:
    faults = [result.fault for result in results if isinstance(result, Refused)]
    if len(faults) < len(results):
        return 200
    decisive = next((fault for fault in faults if fault.is_temporary), faults[0])
    return 415 if isinstance(decisive, UnsupportedBody) else STATUS[decisive.code]


def _line(result: Result) -> str:
    if isinstance(result, Accepted):
        return f"OK {result.message_id} {result.recipient}"
    recipient = _echo(result.recipient)
    return f"ERR {result.fault.code}{' ' if recipient else ''}{recipient}: {_echo(result.fault.sentence, 400)}"


def _json(results: Sequence[Result]) -> str:
    messages = [
        {
            "id": result.message_id,
            "recipient": result.recipient,
            "parts": result.part_total,
            "price": format_credits(result.price_mc),
            "is_repeat": result.is_repeat,
        }
        for result in results
        if isinstance(result, Accepted)
    ]
    refusals = [
        {
            "fault": result.fault.code.value,
            "recipient": _echo(result.recipient),
            "sentence": _echo(result.fault.sentence, 400),
            "is_temporary": result.fault.is_temporary,
        }
        for result in results
        if isinstance(result, Refused)
    ]
    return json.dumps({"messages": messages, "refusals": refusals}, ensure_ascii=False) + "\n"


def _echo(text: str, length_max: int = ECHO_MAX) -> str:
    """Text that came from outside, on one line and short."""
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown if len(shown) <= length_max else shown[: length_max - 1] + "…"
