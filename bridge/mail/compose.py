"""Our own mails: what became of a message, what a handset sent to a virtual number, and that credit runs low.

A mail is a pure function of its notice, the sender and the domain, so every try makes the same octets:
same Message-ID, same Date. It marks itself as automatic in every way that keeps others from answering it.

The header block is written by hand: the library decodes encoded words in values that are given to it,
so that a subject `=?utf-8?q?=0D=0ABcc:_...?=` would become a header field of its own.
"""

import binascii
import hashlib
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime

from bridge.mail import credit_words, headers, tidy, wording
from bridge.mail.views import CreditView, InboundView, MessageView, Notice, PartView
from bridge.messages.message import MessageState
from bridge.messages.money import format_credits

WIDTH = 72
"""Columns of a line: every mail client shows as many."""
QUOTE_MAX = 480
"""Characters of the original text that a report repeats: three parts."""
SUBJECT_MAX = 200
_PLAIN_LINE_MAX = 990
"""Octets of a line that may go as it is; RFC 5322 allows 998."""


def mail(notice: Notice, sender: str, domain: str) -> bytes:
    """The mail for a notice as it goes over the wire. `sender` is the bare address in From; `domain` is ours.

    It is ASCII, but for an address with other letters in To, which needs SMTPUTF8 anyway.
    Raises ValueError when the notice tells nothing (neither message nor inbound nor credit).
    """
    if notice.message is not None:
        fields, lines = _report_fields(notice.message), _report(notice.message, notice.account_name)
    elif notice.inbound is not None:
        fields, lines = _inbound_fields(notice.inbound), _inbound(notice.inbound)
    elif notice.credit is not None:
        fields = {"From": _phrase("SMS credit"), "Subject": _unstructured("Subject", _credit_subject(notice))}
        lines = _credit(notice.credit, notice)
    else:
        raise ValueError(f"notice {notice.key} tells nothing")
    encoding, body = _encode(
        "\r\n".join([*lines, "", "-- ", f"Written by {domain}. Nobody reads answers to this mail.", ""])
    )
    head = [
        ("Date", format_datetime(datetime.fromtimestamp(notice.created_at_ms // 1000, UTC))),
        ("Message-ID", f"<{message_id_of(notice.key)}@{domain}>"),
        ("From", f"{fields.pop('From')} <{sender}>"),
        ("To", _printable(notice.address)),
        *fields.items(),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("X-Loop", domain),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", encoding),
    ]
    return "".join(f"{name}: {value}\r\n" for name, value in head).encode() + b"\r\n" + body


def message_id_of(key: str) -> str:
    """The left side of a Message-ID: always the same for one key, and telling nothing about it."""
    return hashlib.blake2s(key.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _report_fields(message: MessageView) -> dict[str, str]:
    thread = message.thread
    subject = _printable(thread.subject)[:SUBJECT_MAX] if thread else ""
    if not subject:
        subject = f"SMS to {wording.number(message.recipient)}: {message.state.replace('_', ' ')}"
    elif not subject.lower().startswith("re:"):
        subject = f"Re: {subject}"
    fields = {"From": _phrase("SMS report"), "Subject": _unstructured("Subject", subject)}
    if thread and (ids := _ids(thread.message_id)):
        fields["In-Reply-To"] = ids[0]
        fields["References"] = "\r\n ".join(dict.fromkeys([*_ids(thread.references), ids[0]]))
    return fields


def _inbound_fields(inbound: InboundView) -> dict[str, str]:
    handset, number = wording.number(inbound.originator), wording.number(inbound.number)
    return {
        "From": _phrase(f"{handset} by SMS"),
        "Subject": _unstructured("Subject", f"SMS from {handset} to {number}"),
    }


def _report(message: MessageView, account_name: str) -> Iterator[str]:
    if message.is_test:
        yield from _wrapped("This is a test number: no handset got anything, and the receipt was simulated.")
        yield ""
    told, advice = wording.sentence(message)
    yield from _wrapped(told)
    reasons = list(dict.fromkeys(reason for part in message.parts if (reason := wording.why(part))))
    if reasons and message.state is not MessageState.DELIVERED:
        yield from _wrapped(f"Reason: {'; '.join(reasons)}.")
    if advice:
        yield ""
        yield from _wrapped(advice)
    yield ""
    yield _fact("Message id", message.message_id)
    yield _fact("To", wording.number(message.recipient))
    if message.originator:
        yield _fact("From", wording.number(message.originator))
    yield _fact("Account", account_name)
    yield _fact("Accepted", wording.utc(message.accepted_at_ms))
    yield from _parts(message)
    if note := wording.time_note(message):
        yield ""
        yield from _wrapped(note)
    if message.text:
        yield ""
        yield "The text:"
        yield ""
        yield from _quoted(message.text)


def _credit_subject(notice: Notice) -> str:
    assert notice.credit is not None
    return f"Account {notice.account_name}: credit below {format_credits(notice.credit.limit_mc)}"


def _credit(view: CreditView, notice: Notice) -> Iterator[str]:
    for sentence in credit_words.sentences(view, notice.account_name, wording.utc(notice.created_at_ms)):
        yield from _wrapped(sentence)
        yield ""
    yield _fact("Account", notice.account_name)
    for name, value in credit_words.facts(view):
        yield _fact(name, value)


def _parts(message: MessageView) -> Iterator[str]:
    """The times of a single part as facts, of several as a table."""
    parts = message.parts
    if len(parts) == 1:
        part = parts[0]
        if part.submitted_at_ms is not None:
            yield _fact("Submitted", wording.utc(part.submitted_at_ms))
        if moment := wording.final_time(part):
            yield _fact(part.state.capitalize(), moment + _whose_time(part, is_test=message.is_test))
        return
    yield ""
    yield f"  {'Part':<6}{'State':<15}{'Submitted (UTC)':<21}{'Final (UTC)':<21}Error".rstrip()
    for part in sorted(parts, key=lambda one: one.part_no):
        submitted = wording.utc(part.submitted_at_ms) if part.submitted_at_ms is not None else "-"
        times = (time.removesuffix(" UTC") for time in (submitted, wording.final_time(part) or "-"))
        cells = [f"{part.part_no:<6}{part.state.replace('_', ' '):<15}", *(f"{time:<21}" for time in times)]
        yield f"  {''.join(cells)}{_printable(part.error) or '-'}"


def _whose_time(part: PartView, *, is_test: bool) -> str:
    if is_test:
        return " (simulated)" if part.submitted_at_ms is not None else ""
    return " (the network's time)" if part.network_at_ms is not None else ""


def _inbound(inbound: InboundView) -> Iterator[str]:
    yield from tidy.clean(inbound.text).split("\n")
    yield ""
    if inbound.is_incomplete:
        yield from _wrapped("Parts of this text are missing: the network did not deliver them within a day.")
        yield ""
    yield _fact("From", wording.number(inbound.originator))
    yield _fact("To", wording.number(inbound.number))
    yield _fact("Received", wording.utc(inbound.received_at_ms))
    yield _fact("Inbound id", inbound.inbound_id)


def _encode(text: str) -> tuple[str, bytes]:
    """Transfer encoding and octets of a body with CRLF line ends."""
    octets = text.encode("utf-8", "replace")
    if octets.isascii() and max(map(len, octets.split(b"\r\n"))) <= _PLAIN_LINE_MAX:
        return "7bit", octets
    return "quoted-printable", binascii.b2a_qp(octets, istext=True)


def _unstructured(name: str, text: str) -> str:
    """A header value for any text: as it is, or as encoded words (RFC 2047) when it has other than plain ASCII."""
    line = _printable(text)
    if line.isascii() and "=?" not in line:
        return line
    return Header(line, "utf-8", header_name=name).encode(linesep="\r\n")


def _phrase(text: str) -> str:
    """A display name for any text (RFC 5322, 3.4)."""
    line = _printable(text)
    if line.isascii() and "=?" not in line:
        return '"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return Header(line, "utf-8", header_name="From").encode(linesep="\r\n")


def _fact(name: str, value: str) -> str:
    return f"  {name:<15}{_printable(value)}"


def _wrapped(sentence: str) -> list[str]:
    return textwrap.wrap(_printable(sentence), WIDTH, break_long_words=False, break_on_hyphens=False)


def _quoted(text: str) -> Iterator[str]:
    """The text as a mail quotes it, cut at QUOTE_MAX characters."""
    shown = tidy.clean(text)
    for line in shown[:QUOTE_MAX].split("\n"):
        for piece in textwrap.wrap(line, WIDTH - 2, drop_whitespace=False) or [""]:
            yield f"> {piece}".rstrip()
    if len(shown) > QUOTE_MAX:
        yield f"> ... ({len(shown)} characters in all)"


def _ids(text: str) -> list[str]:
    return headers.message_ids(text.encode("latin-1", "ignore"))


def _printable(text: str) -> str:
    """One line without controls and lone surrogates."""
    return "".join(character if character.isprintable() else " " for character in text).strip()
