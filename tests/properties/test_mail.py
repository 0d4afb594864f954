"""Any mail is read or refused, and nothing in a text or number gets out of its place in our own mails."""

from collections.abc import Callable
from email import message_from_bytes, policy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.ledger.outbox import InboundView, MessageView, Notice, PartView
from bridge.mail import body, compose, recipient, tidy
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import MailThread, MessageState, PartState

FRAGMENTS = [
    *(
        b"Subject: ",
        b"Content-Type: ",
        b"text/plain",
        b"text/html",
        b"multipart/mixed",
        b"; boundary=x",
        b"\r\n",
        b"\n",
    ),
    *(
        b"\r\n\r\n",
        b"--x\r\n",
        b"--x--",
        b"; charset=",
        b"utf-16",
        b"utf-7",
        b"idna",
        b"=?utf-8?q?",
        b"?=",
        b"message/rfc822",
    ),
    *(
        b"Content-Transfer-Encoding: ",
        b"base64",
        b"quoted-printable",
        b"=C3=B6",
        b"UHVtcA==",
        b"<p>",
        b"</p",
        b"<!--",
        b"&#",
    ),
    *(
        b"From: ",
        b"((((",
        b'"',
        b"@",
        b"Pump 3",
        b"\xff\xfe",
        b"\xc3",
        b"\x00",
        b"-- \r\n",
        b" ",
        b";",
        b"format=flowed",
    ),
]
mails = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=8), max_size=40).map(b"".join)
texts = st.text(max_size=60) | st.sampled_from(
    ["a\r\nBcc: evil@example.com", "x\n.\nMAIL FROM:<e@x>", "=?utf-8?q?=0D=0ABcc:?="]
)


def outcome(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives, or the code of its fault; anything else it raises fails the test."""
    try:
        return function(*arguments)
    except Fault as fault:
        return fault.code


@given(mails)
def test_any_octets_are_read_or_refused(raw: bytes) -> None:
    read = outcome(body.read, raw)
    if not isinstance(read, body.MailText):
        assert read in (FaultCode.EMPTY_TEXT, FaultCode.UNREADABLE_MESSAGE)
        return
    assert read.text.strip()
    assert read.text == tidy.trim(tidy.clean(read.text)), "the text is tidy already"
    for line in (read.subject, read.message_id, read.references, read.from_address, read.auto_submitted):
        assert line.isprintable()


@given(mails)
def test_reading_on_the_spot_is_reading(raw: bytes) -> None:
    at_once = outcome(body.read_if_cheap, raw)
    assert at_once is None or at_once == outcome(body.read, raw)


@given(st.text(max_size=400))
def test_any_address_is_a_number_or_a_fault(address: str) -> None:
    number = outcome(recipient.parse, address, ("sms.example",))
    if isinstance(number, FaultCode):
        assert number in (FaultCode.BAD_RECIPIENT, FaultCode.FOREIGN_DOMAIN)
    else:
        assert number.strip()
        assert number.isprintable()


@given(
    subject=texts,
    message_id=texts,
    references=texts,
    originator=texts,
    text=texts,
    reason=texts,
    state=st.sampled_from([state for state in PartState if state is not PartState.CLAIMED]),
)
def test_a_report_has_its_headers_and_no_others(
    subject: str, message_id: str, references: str, originator: str, text: str, reason: str, state: PartState
) -> None:
    thread = MailThread("ops@example.com", message_id, references, subject)
    parts = [PartView(1, state, 1000, 2000, None, reason[:16], reason)]
    view = MessageView("6FD54FA2", MessageState(state.value), "46701740605", originator, text, 0, thread, parts)
    notice = Notice(1, subject, "report", "ops@example.com", 1, 0, originator, message=view)
    names = headers_of(notice)
    assert names <= HEADERS | {"in-reply-to", "references"}


@given(originator=texts, number=texts, text=texts)
def test_an_inbound_mail_has_its_headers_and_no_others(originator: str, number: str, text: str) -> None:
    view = InboundView("0AB3C4D5", originator, number, text, 0, False)
    notice = Notice(1, text, "inbound", "owner@example.com", 1, 0, "demo", inbound=view)
    assert headers_of(notice) == HEADERS


HEADERS = {
    *("date", "message-id", "to", "from", "subject", "auto-submitted", "x-auto-response-suppress", "x-loop"),
    *("content-type", "content-transfer-encoding", "mime-version"),
}


def headers_of(notice: Notice) -> set[str]:
    """The header names of the composed mail, after checking that it is well-formed and goes to one reader."""
    octets = compose.mail(notice, "sms@sms.example", "sms.example")
    assert octets.isascii()
    head, _, _ = octets.partition(b"\r\n\r\n")
    assert all(line.strip() for line in head.split(b"\r\n")), "no header line is blank"
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    mail = message_from_bytes(octets, policy=policy.default)
    assert mail["To"] == notice.address
    assert [str(one.addr_spec) for one in mail["From"].addresses] == ["sms@sms.example"]
    assert len(mail.keys()) == len(set(map(str.lower, mail.keys())))
    return {name.lower() for name in mail.keys()}  # noqa: SIM118 - a message is no dict


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_any_chopping_of_octets_is_bounded_work(size: int) -> None:
    """Many small boundaries and fields end at a bound, not at the end of time."""
    with pytest.raises(Fault):
        body.read(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\n\r\n" * size)
