"""Reading a mail in a process of its own."""

import subprocess
import sys

import pytest

from bridge.mail import body, child
from bridge.messages.faults import Fault, FaultCode


def read_in_child(raw: bytes) -> body.MailText:
    """Exactly as the e-mail door starts it: isolated, from a folder that has nothing to do with us."""
    command = [sys.executable, "-I", "-c", child.COMMAND, child.ROOT]
    done = subprocess.run(command, input=raw, capture_output=True, cwd="/", timeout=30, check=True)
    assert done.stderr == b""
    return child.result_of(done.stdout)


def test_the_child_reads_what_we_read() -> None:
    raw = "Subject: Größe\r\nX-Loop: a\r\nMessage-ID: <1@b>\r\n\r\n\0Käse 👩‍🔧 \r\n".encode()
    assert read_in_child(raw) == body.read(raw)
    assert read_in_child(raw).loops == ("a",)


@pytest.mark.parametrize(
    ("raw", "code"), [(b"", FaultCode.EMPTY_TEXT), (b"X: y\r\n" * 500, FaultCode.UNREADABLE_MESSAGE)]
)
def test_the_childs_fault_is_ours(raw: bytes, code: FaultCode) -> None:
    with pytest.raises(Fault) as ours:
        body.read(raw)
    with pytest.raises(Fault) as childs:
        read_in_child(raw)
    assert childs.value.code is ours.value.code is code
    assert childs.value.detail == ours.value.detail


@pytest.mark.parametrize("output", [b"", b"Traceback", b'{"text": '])
def test_a_child_that_died_is_the_mails_fault(output: bytes) -> None:
    with pytest.raises(Fault) as caught:
        child.result_of(output)
    assert caught.value.code is FaultCode.UNREADABLE_MESSAGE
