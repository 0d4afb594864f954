"""Which text of a mail goes into the SMS, and the facts about the mail."""

from email.message import EmailMessage

import pytest

from bridge.mail import body, headers
from bridge.messages.faults import Fault, FaultCode


def multipart(*parts: tuple[str, bytes], kind: str = "alternative") -> bytes:
    """A multipart mail of parts given as header lines and body."""
    out = b"Subject: Alarm\r\nMIME-Version: 1.0\r\nContent-Type: multipart/%s; boundary=x\r\n\r\n" % kind.encode()
    for head, content in parts:
        out += b"--x\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"
    return out + b"--x--\r\n"


PLAIN = ("Content-Type: text/plain; charset=utf-8", "Pump größer".encode())
HTML = ("Content-Type: text/html; charset=utf-8", b"<p>Pump <b>html</b></p>")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"Subject: Alarm\r\n\r\nPump 3 stopped\r\n", "Pump 3 stopped"),
        (b"Subject: Alarm\r\n\r\n\r\n\r\n  Pump 3  \r\n\r\n stopped\r\n\r\n", "  Pump 3\n\n stopped"),
        (b"Pump 3 stopped\r\n", "Pump 3 stopped"),
        (b"Subject: Alarm from pump 3\r\n\r\n", "Alarm from pump 3"),
        (b"Subject: Alarm\r\n\r\n \r\n\t\r\n", "Alarm"),
        ("Subject: Alarm\r\n\r\nGrößer\r\n".encode(), "Größer"),
        ("Subject: Alarm\r\n\r\nGrößer\r\n".encode("cp1252"), "Größer"),
        (
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
            b"Gr=C3=B6=C3=9Fer als=\r\n je\r\n",
            "Größer als je",
        ),
        (b"Content-Transfer-Encoding: base64\r\n\r\nUHVtcCAzIHN0b3\r\nBwZWQ=\r\n", "Pump 3 stopped"),
        (b"Content-Type: text/html\r\n\r\n<p>Pump 3<br>stopped</p>", "Pump 3\nstopped"),
        (b"Content-Type: text/plain; format=flowed\r\n\r\nPump 3 \r\nstopped\r\n-- \r\nJoerg\r\n", "Pump 3 stopped"),
        (b"Content-Type: TEXT\r\n\r\nPump 3", "Pump 3"),
        (b"Subject: S\r\nContent-Type: application/pdf\r\n\r\n%PDF", "S"),
        (b"Subject: S\r\nContent-Disposition: attachment; filename=x.txt\r\n\r\nfile", "S"),
        (b"Subject: S\r\n\r\n\xe2\x80\x8b\xe2\x80\x8b\r\n", "S"),  # zero-width blanks are no text
        (multipart(PLAIN, HTML), "Pump größer"),
        (multipart(HTML, PLAIN), "Pump größer"),
        (multipart(HTML), "Pump html"),
        (multipart(("Content-Type: text/plain", b" \r\n"), HTML), "Pump html"),
        (multipart(("", b"no type"), HTML), "no type"),
        (multipart(("Content-Type: image/png", b"\x89PNG")), "Alarm"),
        (multipart((PLAIN[0] + "\r\nContent-Disposition: attachment", b"file"), HTML, kind="mixed"), "Pump html"),
        (multipart(("Content-Type: message/rfc822", b"Subject: other\r\n\r\nnot mine"), kind="mixed"), "Alarm"),
        (b"Content-Type: multipart/mixed; boundary=nowhere\r\n\r\nno boundary here", "no boundary here"),
        (b"Content-Type: multipart/mixed\r\n\r\nno boundary named", "no boundary named"),
        (multipart(PLAIN)[:-8], "Pump größer"),  # never ended
    ],
)
def test_the_text(raw: bytes, text: str) -> None:
    assert body.read(raw).text == text
    assert body.read(raw.replace(b"\r\n", b"\n")).text == text, "bare line feeds are read alike"


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"Subject:\r\n\r\n\r\n", multipart(("Content-Type: x/y", b"z")).replace(b"Alarm", b"")]
)
def test_no_text_is_a_fault(raw: bytes) -> None:
    with pytest.raises(Fault) as caught:
        body.read(raw)
    assert caught.value.code is FaultCode.EMPTY_TEXT


def test_a_mail_made_by_the_standard_library_arrives_as_written() -> None:
    mail = EmailMessage()
    mail["Subject"] = "Größe"
    mail.set_content("Käse – 5 €\nzweite Zeile\n")
    mail.add_alternative("<p>anders</p>", subtype="html")
    mail.add_attachment(b"PDF", maintype="application", subtype="pdf", filename="ä.pdf")
    read = body.read(mail.as_bytes())
    assert (read.text, read.subject) == ("Käse – 5 €\nzweite Zeile", "Größe")


def test_the_facts() -> None:
    read = body.read(
        b"Received: by a\r\nReceived: by b\r\n"
        b"From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\nSubject: Alarm\r\n"
        b"Message-ID:\r\n <3@example.org>\r\nReferences: <1@example.org>\r\n <2@example.org>\r\n"
        b"Auto-Submitted: Auto-Generated; owner=x\r\nPrecedence: Bulk\r\nX-Loop: Sms.Example\r\n\r\nText"
    )
    assert read == body.MailText(
        text="Text",
        subject="Alarm",
        message_id="<3@example.org>",
        references="<1@example.org> <2@example.org>",
        from_address="joerg@example.org",
        auto_submitted="auto-generated",
        is_bulk=True,
        loops=("sms.example",),
        received_count=2,
    )


def test_a_reply_without_references_has_its_parent_from_in_reply_to() -> None:
    read = body.read(b"In-Reply-To: <1@example.org> <other@example.org>\r\n\r\nText")
    assert read.references == "<1@example.org>"


@pytest.mark.parametrize(
    ("head", "is_bounce", "is_bulk"),
    [
        (b"Content-Type: multipart/report; report-type=delivery-status; boundary=x", True, False),
        (b"List-Id: <list.example>", False, True),
        (b"Precedence: list", False, True),
        (b"Precedence: special-delivery", False, False),
        (b"X: y", False, False),
    ],
)
def test_automatic_mail_is_recognised(head: bytes, is_bounce: bool, is_bulk: bool) -> None:
    read = body.read(head + b"\r\nSubject: s\r\n\r\n")
    assert (read.is_bounce, read.is_bulk) == (is_bounce, is_bulk)


def nested(levels: int) -> bytes:
    heads = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(levels - 1)
    )
    return heads + b"Content-Type: text/plain\r\n\r\ndeep\r\n"


def test_nesting_is_bounded() -> None:
    assert body.read(nested(body.DEPTH_MAX)).text == "deep"
    for levels in (body.DEPTH_MAX + 1, 3000):
        with pytest.raises(Fault) as caught:
            body.read(nested(levels))
        assert caught.value.code is FaultCode.UNREADABLE_MESSAGE


def test_the_number_of_parts_is_bounded() -> None:
    most = [PLAIN] * (body.PARTS_MAX - 1)
    assert body.read(multipart(*most)).text == "Pump größer"
    with pytest.raises(Fault) as caught:
        body.read(multipart(*most, PLAIN))
    assert caught.value.code is FaultCode.UNREADABLE_MESSAGE


@pytest.mark.parametrize(
    "raw",
    [
        b"X: " + b"y" * headers.BLOCK_SIZE_MAX + b"\r\n\r\nText",
        b"X: y\r\n" * 10_000 + b"\r\nText",
        b"Content-Type: text/plain" + b";a=b" * 2000 + b"\r\n\r\nText",
        b"Content-Type: message/rfc822\r\n\r\n" * 3000,
    ],
)
def test_a_mail_beyond_the_bounds_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Fault) as caught:
        body.read(raw)
    assert caught.value.code is FaultCode.UNREADABLE_MESSAGE


def test_a_from_field_that_brings_the_library_down_is_nothing_special() -> None:
    assert body.read(b"From: " + b"(" * 3000 + b"a@b.example\r\n\r\nText").from_address == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: Alarm\r\n\r\nPump 3 stopped\r\n",
        multipart(PLAIN, (HTML[0], HTML[1] * 2000)),
        multipart(HTML),
        b"Subject: x\r\n\r\n" + b"y" * (body.CHEAP_SIZE_MAX - 14),
    ],
)
def test_cheap_mail_is_read_at_once(raw: bytes) -> None:
    assert body.read_if_cheap(raw) == body.read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: x\r\n\r\n" + b"y" * body.CHEAP_SIZE_MAX,
        multipart((HTML[0], HTML[1] * 2000)),
        b"Content-Type: text/html\r\n\r\n" + b"<a x='" * 1000,
        nested(10),
        multipart(*[PLAIN] * 30),
        multipart(("Content-Type: multipart/mixed" + ";a=b" * 2000, b"")),
    ],
)
def test_costly_mail_is_left_for_the_child(raw: bytes) -> None:
    assert body.read_if_cheap(raw) is None
