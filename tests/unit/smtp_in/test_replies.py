"""What SMTP says for each fault."""

import re

import pytest

from bridge.messages.faults import TEMPORARY, Fault, FaultCode
from bridge.smtp_in import replies


def test_every_fault_has_one_reply_and_4xx_means_temporary() -> None:
    assert set(replies.SMTP_REPLIES) == set(FaultCode)
    for code, status in replies.SMTP_REPLIES.items():
        assert re.fullmatch(r"([45])\d\d \1\.\d+\.\d+", status), status
        assert status.startswith("4") is (code in TEMPORARY), code


def test_no_credit_is_permanent() -> None:
    assert replies.reply(Fault(FaultCode.NO_CREDIT)).startswith("554 5.7.0 ")


def test_a_reply_carries_the_public_sentence_and_nothing_private() -> None:
    fault = Fault(FaultCode.TOO_MANY_PARTS, "12 parts, at most 10 are allowed", private="secret")
    assert replies.reply(fault) == "552 5.2.3 The text needs too many parts: 12 parts, at most 10 are allowed"


@pytest.mark.parametrize("status", ["550 x\r\nQUIT", "550 ä\udce9\x00", "550 " + "x" * 5000, b"250-PIPELINING"])
def test_a_reply_is_one_short_ascii_line(status: str | bytes) -> None:
    octets = replies.line(status)
    assert len(octets) <= 510
    assert octets.decode("ascii").isprintable()


def test_every_other_reply_has_a_code_and_an_enhanced_code_that_agree() -> None:
    texts = [value for name, value in vars(replies).items() if name.isupper() and isinstance(value, str)]
    assert len(texts) > 20
    for text in texts:
        assert re.match(r"([245])\d\d \1\.\d\.\d+ |354 ", text), text
