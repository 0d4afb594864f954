"""Octets of a request in, named values out."""

import base64
import itertools
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.http_in.request import (
    JSON_DEPTH_MAX,
    NAMES,
    PARAMETERS_MAX,
    Fields,
    UnsupportedBody,
    basic_credentials,
    decode,
    read_fields,
    split_recipients,
)
from bridge.messages.faults import Fault, FaultCode

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def of_query(query: bytes) -> Fields:
    return read_fields(query, "", "", b"")


def refusal_of(query: bytes = b"", content_type: str = "", body: bytes = b"", encoding: str = "") -> Fault:
    with pytest.raises(Fault) as refused:
        read_fields(query, content_type, encoding, body)
    assert refused.value.code is FaultCode.BAD_REQUEST
    assert refused.value.detail
    return refused.value


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b"one+two%20three", "one two three"),
        (b"caf%C3%A9", "café"),
        (b"caf%E9", "café"),
        (b"caf\xe9", "café"),
        (b"%80", "€"),
        (b"%81", "\x81"),
        (b"a;b", "a;b"),
        (b"a=b", "a=b"),
        (b"a?b#c", "a?b#c"),
        (b"%2541", "%41"),
        (b"%C0%AF", "À¯"),
        (b"", ""),
    ],
)
def test_a_value_without_a_charset(raw: bytes, text: str) -> None:
    """UTF-8 when it is that, else Windows-1252; decoded once; nothing but "&" separates."""
    assert of_query(b"text=" + raw).one("text") == text


@pytest.mark.parametrize("raw", [b"%zz", b"%", b"100%", b"%2", b"%u20AC", b"% 41"])
def test_a_percent_sign_that_escapes_nothing(raw: bytes) -> None:
    assert "%25" in refusal_of(b"text=" + raw).detail


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        ("utf-8", "žluť".encode(), "žluť"),
        ("ISO-8859-2", b"\xbelu\xbb", "žluť"),
        ("iso-8859-1", b"caf\xe9 \x80", "café €"),
        ("iso-8859-1", "é".encode(), "Ã©"),
        ("windows-1251", b"\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"),
        ("UTF-16BE", b"%00h%04%1F", "hП"),
        ("utf-16", b"\xff\xfeh\x00", "h"),
        ("utf-16le", b"h\x00", "h"),
        ("us-ascii", b"caf\xe9", "café"),
        ("GB2312", b"\xd6\xd0", "中"),
    ],
)
def test_a_named_charset_is_believed(charset: str, raw: bytes, text: str) -> None:
    query = b"account=demo&text=" + raw
    assert of_query(query + b"&charset=" + charset.encode()).one("text") == text
    form = read_fields(b"", f'{FORM}; charset="{charset}"', "", query)
    assert (form.one("text"), form.one("account")) == (text, "demo")


@pytest.mark.parametrize(
    "charset", [b"rot13", b"zlib_codec", b"unicode_escape", b"idna", b"utf-7", b"nonsense", b"x" * 99]
)
def test_what_is_no_charset_here(charset: bytes) -> None:
    assert "charset" in refusal_of(b"text=a&charset=" + charset).detail


def test_a_charset_that_is_not_true() -> None:
    assert "charset" in refusal_of(b"text=%E9&charset=utf-8").detail


def test_every_spelling_of_every_name_whatever_its_case() -> None:
    for spelling, name in NAMES.items():
        for written in (spelling, spelling.upper(), spelling.title()):
            assert of_query(f"{written}=utf-8".encode()).one(name) == "utf-8"


@pytest.mark.parametrize("name", sorted(set(NAMES.values()) - {"to"}))
def test_what_is_given_twice_is_refused_even_under_another_name(name: str) -> None:
    spellings = [spelling for spelling, meant in NAMES.items() if meant == name]
    for first in spellings:
        for second in spellings:
            with pytest.raises(Fault) as refused:
                of_query(f"{first}=utf-8&{second}=utf-8".encode()).one(name)
            assert refused.value.code is FaultCode.BAD_REQUEST


def test_query_and_form_add_up() -> None:
    fields = read_fields(b"account=a&to=1", FORM, "", b"text=b&to=2\r\n")
    assert (fields.one("account"), fields.one("text"), list(fields.all("to"))) == ("a", "b", ["1", "2"])
    with pytest.raises(Fault):
        read_fields(b"pin=1", FORM, "", b"pin=1").one("pin")


def test_keys_without_a_value_and_unknown_parameters() -> None:
    fields = of_query(b"&&text&nonsense=1&%74o=2&=3&\xff=4")
    assert (fields.one("text"), list(fields.all("to")), fields.one("pin")) == ("", ["2"], "")


def test_a_hundred_parameters_and_no_more() -> None:
    fields = of_query(b"&".join([b"to=1"] * PARAMETERS_MAX))
    assert len(fields.all("to")) == PARAMETERS_MAX
    refusal_of(b"&".join([b"to=1"] * (PARAMETERS_MAX + 1)))


@pytest.mark.parametrize("content_type", ["", "text/plain", FORM, "Application/X-WWW-Form-Urlencoded ; Charset=utf-8"])
def test_bodies_that_are_read_as_forms(content_type: str) -> None:
    assert read_fields(b"", content_type, "identity", b"text=a").one("text") == "a"


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [("multipart/form-data; boundary=x", ""), ("text/xml", ""), ("image/png", ""), (FORM, "gzip"), (JSON, "br")],
)
def test_bodies_of_another_kind(content_type: str, encoding: str) -> None:
    assert isinstance(refusal_of(b"", content_type, b"text=a", encoding), UnsupportedBody)


def test_a_kind_without_a_body_does_not_matter() -> None:
    assert read_fields(b"text=a", "text/xml", "gzip", b"").one("text") == "a"


@pytest.mark.parametrize("content_type", [JSON, "application/json; charset=utf-8", "application/problem+json"])
def test_a_json_body(content_type: str) -> None:
    body = {"Account": "A", "password": "p", "to": ["1", 2, "3"], "text": "çœ€ 👋", "lane": "alarm"}
    fields = read_fields(b"format=json", content_type, "", json.dumps(body).encode())
    assert [fields.one(name) for name in ("account", "pin", "text", "lane", "format")] == [
        "A",
        "p",
        "çœ€ 👋",
        "alarm",
        "json",
    ]
    assert list(fields.all("to")) == ["1", "2", "3"]
    assert list(read_fields(b"", JSON, "", b'{"to": 46701740605}').all("to")) == ["46701740605"]


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"text"',
        b"1",
        b"{",
        b'{"text": "a"} x',
        b"{'text': 'a'}",
        b'{"text": NaN}',
        b'{"text": 1e999}',
        b'{"text": Infinity}',
        b'{"text": null}',
        b'{"text": 1}',
        b'{"text": ["a"]}',
        b'{"text": {"a": "b"}}',
        b'{"to": [["1"]]}',
        b'{"to": [true]}',
        b'{"to": [1.5]}',
        b'{"to": {"1": "2"}}',
        b'{"to": ' + b"9" * 5000 + b"}",
        b'{"text": "a", "text": "b"}',
        b'{"to": "1", "x": {"a": 1, "a": 2}}',
        b'{"texxt": "a"}',
        b'{"charset": "utf-8"}',
        b'\xef\xbb\xbf{"text": "a"}',
        b'{"text": "caf\xe9"}',
        '{"text": "a"}'.encode("utf-16"),
        b"[" * 1000 + b"]" * 1000,
        b'{"text":' * 1000,
        b"[" * 250_000,
        b"{}" * 100_000,
        b'"' + b'\\"' * 120_000,
    ],
    ids=itertools.count(),
)
def test_json_that_is_refused(body: bytes) -> None:
    refusal_of(b"", JSON, body)


def test_an_empty_json_body_has_no_members() -> None:
    assert read_fields(b"", JSON, "", b"").one("text") == ""


def test_half_a_surrogate_pair_in_json_is_made_storable() -> None:
    fields = read_fields(b"", JSON, "", rb'{"text": "\ud83d\ude00 \ud83d", "ref": "\udc00"}')
    assert (fields.one("text"), fields.one("ref")) == ("😀 �", "�")


def test_two_spellings_in_json_are_a_duplicate() -> None:
    with pytest.raises(Fault):
        read_fields(b"", JSON, "", b'{"pin": "a", "password": "b"}').one("pin")


@pytest.mark.parametrize(
    "body", [b'{"to":' + b"[" * JSON_DEPTH_MAX + b"]" * JSON_DEPTH_MAX + b"}", b'["",' + b"[],{}," * 99]
)
def test_json_is_not_parsed_when_it_nests_too_deep(body: bytes) -> None:
    assert "nested" in refusal_of(b"", JSON, body).detail


def test_nesting_is_counted_outside_of_strings() -> None:
    text = "[" * (JSON_DEPTH_MAX * 20) + '\\"' + "{"
    body = json.dumps({"text": text}).encode()
    assert read_fields(b"", JSON, "", body).one("text") == text


@given(st.dictionaries(st.sampled_from(["account", "pin", "text", "from", "ref", "lane"]), st.text()))
def test_json_round_trip(values: dict[str, str]) -> None:
    fields = read_fields(b"", JSON, "", json.dumps(values).encode())
    assert {name: fields.one(name) for name in values} == values


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_any_honest_escaping(text: str) -> None:
    octets = text.encode()
    everything = b"".join(b"%%%02x" % octet for octet in octets)
    assert of_query(b"text=" + everything).one("text") == text
    minimal = octets.replace(b"%", b"%25").replace(b"&", b"%26").replace(b"+", b"%2B").replace(b" ", b"+")
    assert of_query(b"text=" + minimal).one("text") == text


@given(
    st.binary(max_size=300),
    st.sampled_from(["", FORM, JSON, "text/plain; charset=utf-16", "x/y", FORM + ";charset"]),
    st.sampled_from(["", "gzip"]),
    st.binary(max_size=300),
)
def test_any_octets_are_read_or_refused(query: bytes, content_type: str, encoding: str, body: bytes) -> None:
    """Nothing but a Fault comes out, and what is read can be stored."""
    with suppress(Fault):
        fields = read_fields(query, content_type, encoding, body)
        for name in set(NAMES.values()):
            assert all(value.encode() is not None for value in fields.all(name))


@given(st.binary())
def test_undeclared_octets_always_decode(octets: bytes) -> None:
    assert decode(octets) is not None


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["46701740605"], ["46701740605"]),
        (["46701740605,447700900123"], ["46701740605", "447700900123"]),
        (["46701740605; 447700900123 ,"], ["46701740605", "447700900123"]),
        (["46701740605 447700900123"], ["46701740605", "447700900123"]),
        (["46701740605\r\n447700900123\n"], ["46701740605", "447700900123"]),
        (["46701740605", "447700900123"], ["46701740605", "447700900123"]),
        ([" 46701740605"], ["46701740605"]),
        (["+46 70 174 06 05"], ["+46 70 174 06 05"]),
        (["+46 70 174 06 05, +44 7700 900123"], ["+46 70 174 06 05", "+44 7700 900123"]),
        (["46701740605 123"], ["46701740605", "123"]),
        (["", " ", ",;,"], []),
        (["bob"], ["bob"]),
    ],
)
def test_lists_of_recipients(values: list[str], numbers: list[str]) -> None:
    assert split_recipients(values) == numbers


def test_basic_credentials() -> None:
    def header(octets: bytes) -> str:
        return "Basic " + base64.b64encode(octets).decode()

    assert basic_credentials(header(b"demo:se:cret")) == ("demo", "se:cret")
    assert basic_credentials(header("dém:ö".encode())) == ("dém", "ö")
    assert basic_credentials(header("dém:ö".encode("latin-1"))) == ("dém", "ö")
    assert basic_credentials(header(b"demo:x").replace("Basic", "bAsIc ")) == ("demo", "x")
    assert basic_credentials("") is None
    assert basic_credentials("Bearer abc") is None
    for broken in ("Basic !!!", "Basic", header(b"demo"), "Basic é"):
        with pytest.raises(Fault):
            basic_credentials(broken)
