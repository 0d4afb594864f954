"""What is said over the control socket: one JSON object a line, a request and then its answer.

    -> {"call": "account_show", "values": {"name": "demo"}}
    <- {"result": {...}}        or        {"fault": "not_found", "detail": "..."}

A connection may carry any number of requests, one after the other. A line is at most FRAME_SIZE_MAX octets.
"""

import json
from typing import Any

from bridge.messages.faults import Fault, FaultCode

SOCKET_NAME = "control.sock"
"""The socket's name in the state folder."""

FRAME_SIZE_MAX = 1_048_576
"""Octets of one line: room for thousands of list rows, and a bound on what a peer can make us hold."""

ANSWER_TIMEOUT_S = 60.0
"""Longest wait for one answer; commands that read the whole ledger ask for more."""

SOCKET_PATH_MAX = 107
"""Octets of a Unix socket's path: sun_path holds 108 with its final zero."""


def request(call: str, values: dict[str, Any]) -> bytes:
    """The line that asks for `call` with keyword `values`; Fault MESSAGE_TOO_LARGE when it does not fit."""
    return _line({"call": call, "values": values}, "the request")


def result(value: Any) -> bytes:
    """The line that answers with `value`; Fault MESSAGE_TOO_LARGE when it does not fit."""
    return _line({"result": value}, "the answer")


def fault(refusal: Fault) -> bytes:
    """The line that answers with a fault: its code and public detail, never its private part."""
    return _line({"fault": refusal.code.value, "detail": refusal.detail}, "the fault")


def read_request(line: bytes) -> tuple[str, dict[str, Any]]:
    """Name and keyword values of a request; Fault BAD_REQUEST for anything else."""
    frame = _object(line)
    call, values = frame.get("call"), frame.get("values", {})
    if not isinstance(call, str) or not isinstance(values, dict) or frame.keys() - {"call", "values"}:
        raise Fault(FaultCode.BAD_REQUEST, 'write {"call": NAME, "values": {...}}')
    return call, values


def read_answer(line: bytes) -> Any:
    """The result an answer carries; raises the Fault it carries instead."""
    frame = _object(line)
    if "result" in frame:
        return frame["result"]
    try:
        code = FaultCode(frame.get("fault", ""))
    except ValueError:
        raise Fault(FaultCode.TRY_LATER, "the appliance gave an answer this program does not know") from None
    raise Fault(code, str(frame.get("detail", "")))


def _line(frame: dict[str, Any], what: str) -> bytes:
    line = json.dumps(frame, separators=(",", ":")).encode() + b"\n"
    if len(line) > FRAME_SIZE_MAX:
        raise Fault(
            FaultCode.MESSAGE_TOO_LARGE, f"{what} has {len(line)} octets, at most {FRAME_SIZE_MAX} fit; ask for less"
        )
    return line


def _object(line: bytes) -> dict[str, Any]:
    try:
        frame = json.loads(line)
    except (ValueError, RecursionError):
        raise Fault(FaultCode.BAD_REQUEST, "not a line of JSON") from None
    if not isinstance(frame, dict):
        raise Fault(FaultCode.BAD_REQUEST, "not a JSON object")
    return frame
