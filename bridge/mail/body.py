"""What a mail says: the octets between DATA and the dot become one text and the facts needed to answer it.

Which text: the first `text/plain` part that says anything, else the first `text/html` part turned into
text, else the subject. Attachments and attached messages are never read. Flat mail, as devices and
scripts send it, is read without the standard library's parser; only multipart mail goes through it.

`read_if_cheap` reads what takes about a millisecond. Everything else should be read in a process that can
be killed (`bridge.mail.child`), as it may be made to take long.
"""

import binascii
import email.message
import email.parser
import email.policy
from dataclasses import dataclass

from bridge.mail import charsets, headers, html_text, tidy
from bridge.messages.faults import Fault, FaultCode

DEPTH_MAX = 20
"""Levels of nesting; forwarded and signed mail reaches about six."""
PARTS_MAX = 200
"""MIME parts of one mail, containers included."""
CHEAP_SIZE_MAX = 64 * 1024
"""Octets of a mail that may be read on the spot."""
CHEAP_HTML_SIZE_MAX = 2 * 1024
"""Octets of HTML that may be read on the spot: honest HTML takes 0.3 ms for a KiB, crafted HTML quadratic time."""
_CHEAP_CONTAINERS_MAX = 4
_CHEAP_BOUNDARIES_MAX = 20
_BULK = frozenset({"bulk", "junk", "list"})


@dataclass(frozen=True, slots=True)
class MailText:
    """One mail, read. Every string is one line without controls, apart from `text`."""

    text: str
    """What goes into the SMS: LF line ends, not blank."""
    subject: str = ""
    message_id: str = ""
    """With its angle brackets, or empty."""
    references: str = ""
    """The ids this mail refers to, blank-separated (References, else In-Reply-To), or empty."""
    from_address: str = ""
    """The first bare address of From, unproved, or empty."""
    auto_submitted: str = ""
    """The keyword of Auto-Submitted (RFC 3834) in lower case: "", "no", "auto-generated", "auto-replied"."""
    is_bounce: bool = False
    """A delivery status or read receipt (`multipart/report`)."""
    is_bulk: bool = False
    """Mailing list or bulk mail (Precedence, List-Id): never to be answered."""
    loops: tuple[str, ...] = ()
    """The X-Loop fields, in lower case: the appliances this mail was written by."""
    received_count: int = 0
    at: str = ""
    """The field X-SMS-At: when the SMS is to be sent; this and the next two as `intake.when` reads them."""
    after: str = ""
    """X-SMS-In: in how long."""
    worthless_after: str = ""
    """X-SMS-Worthless-After: for how long from then on it is worth sending."""


class _Costly(Exception):
    """Going on would take longer than allowed."""


def read(raw: bytes) -> MailText:
    """Read one mail of any octets.

    Raises Fault EMPTY_TEXT when there is nothing to send and UNREADABLE_MESSAGE for a mail beyond the
    bounds of this module and of `headers`, or that the standard library cannot parse. Nothing else.
    """
    return _read(raw, html_size_max=len(raw))


def read_if_cheap(raw: bytes) -> MailText | None:
    """Read a mail that takes about a millisecond, whatever its octets are; None when it may take longer.

    Raises like `read`.
    """
    if len(raw) > CHEAP_SIZE_MAX or not _is_shallow(raw):
        return None
    try:
        return _read(raw, html_size_max=CHEAP_HTML_SIZE_MAX)
    except _Costly:
        return None


def _is_shallow(raw: bytes) -> bool:
    """Whether the library's parser, if it is needed at all, has little to do."""
    lowered = raw.lower()
    containers = lowered.count(b"multipart/") + lowered.count(b"message/")
    if not containers:
        return True
    if containers > _CHEAP_CONTAINERS_MAX or raw.count(b"\n--") > _CHEAP_BOUNDARIES_MAX:
        return False
    return headers.longest_field(lowered, b"content-type") <= headers.CONTENT_TYPE_SIZE_MAX


def _read(raw: bytes, html_size_max: int) -> MailText:
    fields, body = headers.split(raw)
    subject = headers.text(headers.first(fields, "subject"))
    kind, parameters = headers.content_type(headers.first(fields, "content-type"))
    if kind.startswith(("multipart/", "message/")):
        text = _text_of_multipart(raw, html_size_max)
    elif _is_attachment(headers.first(fields, "content-disposition").decode("latin-1")):
        text = ""
    else:
        encoding = headers.first(fields, "content-transfer-encoding").decode("latin-1")
        text = _text_of_part(kind, parameters, _transfer_decode(body, encoding), html_size_max)
    text = text or subject
    if not text:
        raise Fault(FaultCode.EMPTY_TEXT, "neither a text part nor a subject")
    return _with_facts(fields, text, subject, is_bounce=kind == "multipart/report")


def _with_facts(fields: headers.Fields, text: str, subject: str, *, is_bounce: bool) -> MailText:
    ids = headers.message_ids(headers.first(fields, "message-id"))
    references = headers.message_ids(headers.first(fields, "references"))
    if not references:
        references = headers.message_ids(headers.first(fields, "in-reply-to"))[:1]
    precedence = headers.text(headers.first(fields, "precedence")).lower()
    auto_submitted = headers.text(headers.first(fields, "auto-submitted")).lower()
    return MailText(
        text=text,
        subject=subject,
        message_id=ids[0] if ids else "",
        references=" ".join(references),
        from_address=headers.address(headers.first(fields, "from")),
        auto_submitted=auto_submitted.partition(";")[0].partition("(")[0].strip(),
        is_bounce=is_bounce,
        is_bulk=precedence in _BULK or any(name == "list-id" for name, _ in fields),
        loops=tuple(headers.text(value).lower() for name, value in fields if name == "x-loop"),
        received_count=sum(name == "received" for name, _ in fields),
        at=headers.text(headers.first(fields, "x-sms-at")),
        after=headers.text(headers.first(fields, "x-sms-in")),
        worthless_after=headers.text(headers.first(fields, "x-sms-worthless-after")),
    )


def _text_of_part(kind: str, parameters: dict[str, str], octets: bytes, html_size_max: int) -> str:
    """The tidy text of one decoded part; empty when it says nothing or is no text."""
    if kind == "text/html":
        if len(octets) > html_size_max:
            raise _Costly
        text = html_text.to_text(charsets.decode(octets, parameters.get("charset", "")))
        # HTML has no trailing blanks, so a signature mark has lost its own.
        return _if_readable(tidy.trim(tidy.cut_signature(tidy.clean(text), "--")))
    if kind not in ("text/plain", "text", ""):
        return ""
    text = tidy.clean(charsets.decode(octets, parameters.get("charset", "")))
    if parameters.get("format", "").lower() == "flowed":
        text = tidy.join_flowed(text, is_delsp=parameters.get("delsp", "").lower() == "yes")
    return _if_readable(tidy.trim(tidy.cut_signature(text)))


def _if_readable(text: str) -> str:
    """`text` when a person can see anything of it; zero-width characters alone are no text."""
    return text if any(character.isprintable() and not character.isspace() for character in text) else ""


def _transfer_decode(octets: bytes, encoding: str) -> bytes:
    match encoding.strip().lower():
        case "quoted-printable":
            return binascii.a2b_qp(octets)
        case "base64":
            return headers.base64(octets)
    return octets


def _is_attachment(disposition: str) -> bool:
    return disposition.partition(";")[0].strip().lower() == "attachment"


def _text_of_multipart(raw: bytes, html_size_max: int) -> str:
    """The first plain text, else the first HTML, of a multipart mail; empty when it has neither.

    The library raises almost anything on broken mail (RecursionError, LookupError, AttributeError ...),
    so whatever comes out of it is the mail's fault.
    """
    try:
        parts = _text_parts(email.parser.BytesParser(policy=email.policy.compat32).parsebytes(raw))
        for wanted in ("text/plain", "text/html"):
            for kind, parameters, part in parts:
                octets = part.get_payload(decode=True) if kind == wanted else None
                if isinstance(octets, bytes) and (text := _text_of_part(kind, parameters, octets, html_size_max)):
                    return text
    except (Fault, _Costly):
        raise
    except Exception as error:
        raise Fault(FaultCode.UNREADABLE_MESSAGE, "its MIME structure is broken", private=repr(error)) from error
    return ""


def _text_parts(root: email.message.Message) -> list[tuple[str, dict[str, str], email.message.Message]]:
    """Type, parameters and part of every plain and HTML part in reading order.

    Attachments are left out, and everything inside an attached message: that is somebody else's text.
    """
    found: list[tuple[str, dict[str, str], email.message.Message]] = []
    waiting = [(root, 1, True)]
    count = 0
    while waiting:
        part, depth, is_ours = waiting.pop()
        count += 1
        if depth > DEPTH_MAX or count > PARTS_MAX:
            raise Fault(FaultCode.UNREADABLE_MESSAGE, f"over {DEPTH_MAX} levels or {PARTS_MAX} parts of MIME")
        kind, parameters = headers.content_type(str(part.get("Content-Type", "")).encode("latin-1", "replace"))
        content = part.get_payload()
        if isinstance(content, list):
            is_ours = is_ours and not kind.startswith("message/")
            children = [child for child in content if isinstance(child, email.message.Message)]
            waiting.extend((child, depth + 1, is_ours) for child in reversed(children))
        elif is_ours and not _is_attachment(str(part.get("Content-Disposition", ""))):
            # A multipart without any boundary in it is a plain text that is labelled wrongly.
            is_plain = kind in ("", "text") or kind.startswith("multipart/")
            found.append(("text/plain" if is_plain else kind, parameters, part))
    return found
