"""Reading one mail in a process of its own, which the parent can kill: octets on stdin, JSON on stdout.

The parent starts `python -I -c COMMAND ROOT`, writes the mail, closes stdin and reads until the end;
`result_of` turns what it read back into a MailText, or raises the Fault the child met. The child takes
no arguments from the mail, opens nothing, and limits its own memory and processor time.
"""

import contextlib
import json
import resource
import sys
from dataclasses import asdict, fields
from pathlib import Path

from bridge.mail import body
from bridge.messages.faults import Fault, FaultCode

ROOT = str(Path(__file__).resolve().parents[2])
"""The folder the package `bridge` is in; an isolated interpreter does not look there by itself."""
COMMAND = "import sys; sys.path.append(sys.argv[1]); from bridge.mail.child import main; main()"

MEMORY_SIZE_MAX = 512 * 1024 * 1024
"""Octets of address space: 1 MiB of the worst mail was seen to need 80 MiB, 10 MiB of plain text 230 MiB."""
CPU_TIME_MAX_S = 10
"""Processor seconds, for the case that the parent dies and cannot kill us."""


def main() -> None:
    """Read one mail from stdin and write what it says, or the fault, to stdout as one JSON object."""
    for limit, most in ((resource.RLIMIT_AS, MEMORY_SIZE_MAX), (resource.RLIMIT_CPU, CPU_TIME_MAX_S)):
        # A sandbox may forbid setting limits; the parent's own time limit holds all the same.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (most, most))
    try:
        answer: dict[str, object] = asdict(body.read(sys.stdin.buffer.read()))
    except Fault as fault:
        answer = {"fault": fault.code, "detail": fault.detail, "private": fault.private}
    except MemoryError:
        answer = {"fault": FaultCode.UNREADABLE_MESSAGE, "detail": "reading it takes too much memory"}
    sys.stdout.buffer.write(json.dumps(answer).encode("ascii"))


def result_of(output: bytes) -> body.MailText:
    """What the child wrote, as a value. Raises the child's Fault, or UNREADABLE_MESSAGE when it said nothing."""
    try:
        answer = json.loads(output)
    except ValueError:
        raise Fault(FaultCode.UNREADABLE_MESSAGE, "reading it failed", private="the child said nothing") from None
    if "fault" in answer:
        raise Fault(FaultCode(answer["fault"]), answer.get("detail", ""), private=answer.get("private", ""))
    answer["loops"] = tuple(answer["loops"])
    return body.MailText(**{field.name: answer[field.name] for field in fields(body.MailText)})
