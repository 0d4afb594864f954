"""Octets to requests: the same whatever the chopping, and never anything but a request or a refusal."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.runtime.web_body import BadRequest
from bridge.runtime.web_reader import NEED_DATA, ContinueWanted, Phase, RequestReader, WireRequest

BODY_SIZE_MAX = 4096


@dataclass
class Heard:
    requests: list[WireRequest] = field(default_factory=list)
    refusal: tuple[int, str] | None = None


def hear(pieces: list[bytes], *, is_lenient: bool) -> Heard:
    """All that comes out of a reader that is fed these pieces, up to the first request that ends the connection."""
    reader = RequestReader(is_lenient=is_lenient, body_size_max=BODY_SIZE_MAX)
    heard = Heard()
    for piece in pieces:
        reader.receive_data(piece)
        try:
            while (event := reader.next_event()) is not NEED_DATA:
                if isinstance(event, WireRequest):
                    heard.requests.append(event)
                    if not event.is_persistent:
                        return heard
        except BadRequest as refusal:
            heard.refusal = (refusal.status, refusal.sentence)
            return heard
    return heard


def read(raw: bytes, *, is_lenient: bool = True) -> WireRequest:
    heard = hear([raw], is_lenient=is_lenient)
    assert heard.refusal is None
    (request,) = heard.requests
    return request


LINES = st.sampled_from(
    [
        b"GET /send?to=1&text=a%20b HTTP/1.1\r\n",
        b"GET /send?to=1 HTTP/1.0\r\n",
        b"get //send?text=raw space \xe9 http/1.1\n",
        b"GET http://u:p@host/x?y HTTP/1.1\r\n",
        b"POST /send HTTP/1.1\r\n",
        b"POST /send HTTP/1.1\r\n",
        b"\r\nHEAD / HTTP/1.1\r\n",
        b"GET /simple\r\n",
    ]
)
HEADERS = st.lists(
    st.sampled_from(
        [
            b"Content-Length: 3\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Content-Length: 9999\r\n",
            b"Connection: close\r\n",
            b"Expect: 100-continue\r\n",
            b"X: y\n",
            b"X: y\r\n folded\r\n",
            b"X : y\r\n",
        ]
    ),
    max_size=2,
).map(b"".join)
BODIES = st.sampled_from(
    [b"", b"", b"abc", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"1;x\r\nz\r\n0\r\nX: y\r\n\r\n", b"0\n\n"]
)
NOISE = st.one_of(
    st.just(b""), st.just(b""), st.just(b""), st.binary(max_size=4), st.sampled_from([b"\r", b"\n", b"\0"])
)
REQUESTS = st.tuples(LINES, st.sampled_from([b"Host: h\r\n", b""]), HEADERS, NOISE, st.just(b"\r\n"), BODIES, NOISE)
WIRE = st.lists(REQUESTS.map(b"".join), max_size=5).map(b"".join)
"""Connections with requests that are good, nearly good, and broken, one after the other."""


@given(WIRE, st.lists(st.integers(0, 400), max_size=12), st.booleans())
def test_any_chopping_gives_the_same(raw: bytes, cuts: list[int], is_lenient: bool) -> None:
    edges = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    pieces = [raw[start:end] for start, end in zip(edges, edges[1:], strict=False)]
    assert hear(pieces, is_lenient=is_lenient) == hear([raw], is_lenient=is_lenient)


@given(WIRE, st.booleans())
def test_octet_by_octet_gives_the_same(raw: bytes, is_lenient: bool) -> None:
    assert hear([bytes((octet,)) for octet in raw], is_lenient=is_lenient) == hear([raw], is_lenient=is_lenient)


@given(WIRE)
def test_what_the_strict_reader_takes_the_lenient_one_reads_alike(raw: bytes) -> None:
    """But for doubled slashes, which only the lenient one joins."""
    strict, lenient = hear([raw], is_lenient=False), hear([raw], is_lenient=True)
    for ours, theirs in zip(strict.requests, lenient.requests, strict=False):
        if b"//" not in ours.path:
            assert ours == theirs


@given(st.binary(max_size=200), st.lists(st.integers(1, 50), max_size=10))
def test_a_body_is_the_same_sized_or_chunked(body: bytes, sizes: list[int]) -> None:
    head = b"POST /s HTTP/1.1\r\nHost: h\r\n"
    chunks, rest = b"", body
    for size in [*sizes, len(body)]:
        piece, rest = rest[:size], rest[size:]
        chunks += b"%X\r\n%s\r\n" % (len(piece), piece) if piece else b""
    sized = read(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    chunked = read(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert sized.body == chunked.body == body


@given(st.binary(min_size=1, max_size=60))
def test_a_raw_query_is_kept_octet_by_octet(octets: bytes) -> None:
    """Whatever is no control character arrives, as itself or as %XX."""
    from urllib.parse import unquote_to_bytes

    raw = bytes(octet for octet in octets.strip() if octet >= 0x20 and octet not in b"\x7f%")
    request = read(b"GET /s?x" + raw + b"x HTTP/1.0\r\n\r\n")
    assert unquote_to_bytes(request.query) == b"x" + raw + b"x"
    assert request.query.isascii()


def test_phases_tell_which_deadline_runs() -> None:
    reader = RequestReader(is_lenient=True, body_size_max=BODY_SIZE_MAX)

    def feed(raw: bytes) -> Phase:
        reader.receive_data(raw)
        while reader.next_event() is not NEED_DATA:
            pass
        return reader.phase

    assert reader.phase is Phase.BETWEEN
    assert feed(b"\r\n\n") is Phase.BETWEEN
    assert feed(b"G") is Phase.HEAD
    assert feed(b"ET /s HTTP/1.1\r\nHost: h\r\n") is Phase.HEAD
    assert feed(b"Content-Length: 2\r\n\r\n") is Phase.BODY
    assert feed(b"a") is Phase.BODY
    assert feed(b"b") is Phase.BETWEEN
    assert reader.pending == 0


def test_continue_is_wanted_only_while_the_body_is_missing() -> None:
    head = b"POST /s HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n"
    reader = RequestReader(is_lenient=False, body_size_max=BODY_SIZE_MAX)
    reader.receive_data(head)
    assert isinstance(reader.next_event(), ContinueWanted)
    assert reader.next_event() is NEED_DATA
    reader.receive_data(b"ab" + head + b"cd")
    requests = [reader.next_event(), reader.next_event()]
    assert [request.body for request in requests if isinstance(request, WireRequest)] == [b"ab", b"cd"]


def test_a_refusal_is_final() -> None:
    reader = RequestReader(is_lenient=True, body_size_max=BODY_SIZE_MAX)
    reader.receive_data(b"nonsense\r\n")
    with pytest.raises(BadRequest) as first:
        reader.next_event()
    reader.receive_data(b"GET /s HTTP/1.0\r\n\r\n")
    with pytest.raises(BadRequest) as second:
        reader.next_event()
    assert first.value is second.value
    assert reader.pending == 0


def test_credentials_of_the_url_do_not_replace_a_header() -> None:
    """Both are seen; the room that reads them decides."""
    request = read(b"GET http://u:p@h/s HTTP/1.0\r\nAuthorization: Basic eDp5\r\n\r\n")
    assert request.values(b"authorization") == [b"Basic dTpw", b"Basic eDp5"]


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a?b?c", b"/a", b"b?c"),
        (b"/a#b?c", b"/a#b", b"c"),
        (b"/a//b?c//d", b"/a/b", b"c//d"),
        (b"http://h", b"/", b""),
        (b"HTTPS://h:1?x", b"/", b"x"),
        (b"http://h/?http://i/", b"/", b"http://i/"),
        (b"/?text=see HTTP/1.1 of it", b"/", b"text=see%20HTTP/1.1%20of%20it"),
    ],
)
def test_targets(target: bytes, path: bytes, query: bytes) -> None:
    request = read(b"GET " + target + b" HTTP/1.0\r\n\r\n")
    assert (request.path, request.query) == (path, query)


@pytest.mark.parametrize("target", [b"send", b"*", b"ftp://h/", b"h:443", b"?a=1", b""])
def test_targets_that_are_refused(target: bytes) -> None:
    heard = hear([b"GET " + target + b" HTTP/1.0\r\n\r\n"], is_lenient=True)
    assert heard.refusal is not None
    assert heard.refusal[0] == 400
    assert heard.requests == []
