"""The header block, read by hand."""

import pytest

from bridge.mail import headers
from bridge.messages.faults import Fault, FaultCode


def test_fields_keep_their_order_and_folds() -> None:
    fields, body = headers.split(b"Subject: one\r\n two\r\nFROM : a@b.c\r\nX: \r\n\r\nText\r\n\r\nmore")
    assert fields == [("subject", b" one\r\n two\r\n"), ("from", b" a@b.c\r\n"), ("x", b" \r\n")]
    assert body == b"Text\r\n\r\nmore"


@pytest.mark.parametrize(
    ("raw", "names", "body"),
    [
        (b"", [], b""),
        (b"\r\nText", [], b"Text"),
        (b"Subject: x", ["subject"], b""),
        (b"Subject: x\nTo: y\n\nText", ["subject", "to"], b"Text"),
        (b"No header at all\r\nbut text", [], b"No header at all\r\nbut text"),
        (b"Subject: x\r\nText without an empty line\r\n", ["subject"], b"Text without an empty line\r\n"),
        (b"From someone Tue Nov 24\r\nSubject: x\r\n\r\nText", ["subject"], b"Text"),
        (b" folded before anything\r\n\r\nText", [], b" folded before anything\r\n\r\nText"),
    ],
)
def test_what_is_no_header_is_text(raw: bytes, names: list[str], body: bytes) -> None:
    fields, rest = headers.split(raw)
    assert [name for name, _ in fields] == names
    assert rest == body


def test_the_block_is_bounded() -> None:
    most = b"X: y\r\n" * headers.FIELDS_MAX
    assert len(headers.split(most + b"\r\n")[0]) == headers.FIELDS_MAX
    for raw in (most + b"X: y\r\n", b"X: " + b"y" * headers.BLOCK_SIZE_MAX, b"X: y\r\n y\r\n" + b" y\r\n" * 30_000):
        with pytest.raises(Fault) as caught:
            headers.split(raw)
        assert caught.value.code is FaultCode.UNREADABLE_MESSAGE


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b" Alarm \r\n\t from pump 3\r\n", "Alarm from pump 3"),
        (b"=?utf-8?q?caf=C3=A9?=", "café"),
        (b"=?UTF-8?Q?a_b?= =?utf-8?b?w6k=?= c", "a bé c"),
        (b"=?iso-8859-1?Q?Gr=F6=DFe?=\r\n =?iso-8859-1?Q?_5?=", "Größe 5"),
        (b"=?utf-8*de?q?x?=", "x"),
        (b"=?utf-8?b?w6k?=", "é"),
        (b"=?utf-8?b?!?=", ""),
        (b"=?x-none?q?caf=C3=A9?=", "café"),
        (b"=?zlib_codec?q?abc?=", "abc"),
        (b"=?utf-8?q?=0D=0ABcc:_x@y?=", "Bcc: x@y"),
        (b"a =? b ?= c", "a =? b ?= c"),
        ("Größe".encode("cp1252"), "Größe"),
        (b"nul\x00 esc\x1b[2J", "nul  esc [2J"),
    ],
)
def test_a_value_becomes_one_printable_line(value: bytes, text: str) -> None:
    assert headers.text(value) == text


def test_a_long_subject_is_cut() -> None:
    assert len(headers.text(b"x" * 50_000)) == headers.SUBJECT_SIZE_MAX


def test_message_ids_are_found_among_anything() -> None:
    assert headers.message_ids(b" <a@b>\r\n\t(comment) <c@d> <no blank allowed> <> broken@e") == ["<a@b>", "<c@d>"]
    many = headers.message_ids(b" ".join(b"<%d@x>" % n for n in range(100)))
    assert many == ["<0@x>", *(f"<{n}@x>" for n in range(81, 100))]


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (b"a@b.example", "a@b.example"),
        (b'"B, A" <a@b.example>', "a@b.example"),
        (b"=?utf-8?q?x?= <a.b+c@d-e.example>, z@y", "a.b+c@d-e.example"),
        (b"undisclosed-recipients:;", ""),
        (b"(" * 3000 + b"a@b.example", ""),
        ("jörg@b.example".encode(), ""),
    ],
)
def test_the_first_plain_address_is_taken(value: bytes, address: str) -> None:
    assert headers.address(value) == address


def test_content_type_and_parameters() -> None:
    kind, parameters = headers.content_type(
        b' Text/PLAIN; charset="utf-8" ;\r\n\tformat=flowed; format=fixed; x="a\\"b;c"'
    )
    assert kind == "text/plain"
    assert parameters == {"charset": "utf-8", "format": "flowed", "x": 'a\\"b;c'}
    assert headers.content_type(b"") == ("", {})
    with pytest.raises(Fault):
        headers.content_type(b"text/plain" + b";a=b" * 1000)


@pytest.mark.parametrize(
    ("octets", "decoded"),
    [(b"YWJj", b"abc"), (b"YW Jj\r\n", b"abc"), (b"YWI", b"ab"), (b"YWJjY", b"abc"), (b"=YW=Jj=", b"abc"), (b"!", b"")],
)
def test_base64_with_faults_is_read_as_far_as_it_goes(octets: bytes, decoded: bytes) -> None:
    assert headers.base64(octets) == decoded


def test_the_longest_field_is_found_anywhere() -> None:
    raw = b"content-type: a\r\n b\r\nx: y\r\n\r\ncontent-type: abc\r\n"
    assert headers.longest_field(raw, b"content-type") == len(b"content-type: a\r\n b\r")
    assert headers.longest_field(b"x", b"content-type") == 0
