"""The HTTP listeners against clients that mean harm: nothing without a bound, nothing read in two ways."""

import asyncio
import random
import re
from collections import Counter
from contextlib import suppress

import pytest
from structlog.testing import capture_logs
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from bridge.runtime import web_channel, web_connections
from bridge.runtime.web_channel import FAREWELL_SIZE_MAX
from bridge.runtime.web_reader import HEAD_SIZE_MAX, HEADERS_MAX
from bridge.runtime.web_site import WebRequest, answer
from tests.support import asyncio_test, eventually
from tests.wire.raw_http import Echo, ask, exchange, parse_answers, port_of, serving


async def trickle(port: int, start: bytes, rest: bytes) -> tuple[int, bytes]:
    """Send `rest` octet by octet until the peer ends it; gives how many were sent, and the peer's last words."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(start)
    answered = asyncio.create_task(reader.read())
    sent = 0
    for octet in rest:
        if answered.done():
            break
        writer.write(bytes((octet,)))
        sent += 1
        await asyncio.sleep(0.02)
    words = await answered
    writer.close()
    return sent, words


async def send_while_it_is_taken(writer: asyncio.StreamWriter, size_max: int) -> int:
    """How many octets of ballast the peer's side takes before it cuts the connection, or takes none for a second."""
    sent = 0
    with suppress(ConnectionError, TimeoutError):
        while sent < size_max:
            writer.write(b"x" * 1_000_000)
            await asyncio.wait_for(writer.drain(), 1)
            sent += 1_000_000
    return sent


@pytest.mark.parametrize("lenient", [True, False], ids=["lenient", "strict"])
@asyncio_test
async def test_a_head_that_trickles_in_is_cut_at_its_deadline(lenient: bool) -> None:
    async with serving({b"s": Echo()}, lenient=lenient, header_timeout_s=0.3) as web:
        with capture_logs() as lines:
            sent, words = await trickle(port_of(web), b"GET /s HTTP/1.1\r\nX: ", b"a" * 500)
    assert sent < 500
    assert parse_answers(words)[0].status == 408
    assert [(line["event"], line["status"], line["peer"]) for line in lines] == [("refused", 408, "127.0.0.1")]


@asyncio_test
async def test_a_body_that_trickles_in_is_cut_at_its_deadline() -> None:
    async with serving({b"s": Echo()}, header_timeout_s=60, body_timeout_s=0.3) as web:
        head = b"POST /s HTTP/1.1\r\nHost: h\r\nContent-Length: 600\r\n\r\n"
        sent, words = await trickle(port_of(web), head, b"a" * 500)
    assert sent < 500
    assert parse_answers(words)[0].status == 408


@asyncio_test
async def test_a_kept_connection_has_the_same_deadline_for_its_next_request() -> None:
    async with serving({b"s": Echo()}, header_timeout_s=0.3, body_timeout_s=60) as web:
        got = await exchange(port_of(web), b"GET /s HTTP/1.1\r\nHost: h\r\n\r\n")
        assert [one.status for one in parse_answers(got)] == [200]
        sent, words = await trickle(
            port_of(web), b"GET /s HTTP/1.1\r\nHost: h\r\n\r\nGET /s HTTP/1.1\r\nX: ", b"a" * 500
        )
    assert sent < 500
    assert [one.status for one in parse_answers(words)] == [200, 408]


@asyncio_test
async def test_a_silent_connection_is_closed_without_a_word() -> None:
    async with serving({b"s": Echo()}, header_timeout_s=0.2) as web:
        with capture_logs() as lines:
            assert await exchange(port_of(web), b"") == b""
            assert await exchange(port_of(web), b"\r\n\r\n") == b""
    assert lines == []


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 1025",
        b"Content-Length: 10737418240",
        b"Content-Length: " + b"9" * 5000,
        b"Transfer-Encoding: chunked\r\n\r\n401",
        b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFF",
    ],
    ids=["one too many", "10 GiB", "5000 digits", "chunk one too many", "chunk of 4 GiB"],
)
@asyncio_test
async def test_a_body_over_the_limit_is_refused_before_it_is_read(framing: bytes) -> None:
    """None of the body is sent: the refusal must come all the same."""
    async with serving({b"s": Echo()}, body_size_max=1024, body_timeout_s=60) as web:
        got = await ask(port_of(web), b"POST /s HTTP/1.1\r\nHost: h\r\n" + framing + b"\r\n\r\n")
    assert (got.status, got.body) == (413, "The body is larger than 1024 octets\n")


@asyncio_test
async def test_a_client_that_is_still_sending_can_read_its_refusal() -> None:
    """Closing over octets nobody read makes systems reset the connection, and clients lose the answer."""
    async with serving({b"s": Echo()}) as web:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(web))
        writer.write(b"POST /s HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n" + b"x" * 100_000)
        (refusal,) = parse_answers(await reader.read())
        assert refusal.status == 413
        for _ in range(5):
            writer.write(b"x" * 100_000)
            await writer.drain()
        writer.close()
        await writer.wait_closed()


@asyncio_test
async def test_a_client_that_never_stops_sending_is_cut_off() -> None:
    async with serving({b"s": Echo()}) as web:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(web))
        writer.write(b"POST /s HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n")
        assert parse_answers(await reader.read())[0].status == 413
        sent = await send_while_it_is_taken(writer, 100_000_000)
        assert FAREWELL_SIZE_MAX <= sent < 100_000_000
        writer.close()


@asyncio_test
async def test_chunks_that_add_up_to_too_much() -> None:
    chunks = b"100\r\n" + b"a" * 256 + b"\r\n"
    async with serving({b"s": Echo()}, body_size_max=1024) as web:
        head = b"POST /s HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert (await ask(port_of(web), head + chunks * 4 + b"0\r\n\r\n")).status == 200
        assert (await ask(port_of(web), head + chunks * 4 + b"1\r\n")).status == 413


@asyncio_test
async def test_limits_are_exact() -> None:
    def with_head_of(size: int, end: bytes) -> bytes:
        start = b"GET /s HTTP/1.0\r\nX: "
        return start + b"a" * (size - len(start) - len(end)) + end

    async with serving({b"s": Echo()}, body_size_max=1024) as web:
        port = port_of(web)
        assert (await ask(port, with_head_of(HEAD_SIZE_MAX, b"\r\n\r\n"))).status == 200
        assert (await ask(port, with_head_of(HEAD_SIZE_MAX + 1, b"\r\n\r\n"))).status == 431
        line = b"GET /s?" + b"a" * (HEAD_SIZE_MAX - len(b"GET /s? HTTP/1.0\r\n\r\n")) + b" HTTP/1.0\r\n"
        assert (await ask(port, line + b"\r\n")).status == 200
        assert (await ask(port, line.replace(b"?", b"?aaa", 1) + b"\r\n")).status == 414
        headers = b"X: 1\r\n" * HEADERS_MAX
        assert (await ask(port, b"GET /s HTTP/1.0\r\n" + headers + b"\r\n")).status == 200
        assert (await ask(port, b"GET /s HTTP/1.0\r\n" + headers + b"X: 1\r\n\r\n")).status == 431
        post = b"POST /s HTTP/1.0\r\nContent-Length: 1024\r\n\r\n" + b"a" * 1024
        assert (await ask(port, post)).status == 200


HEAD = b"POST /s HTTP/1.1\r\nHost: h\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
TWO_READINGS = {
    "length and chunked": HEAD + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
    "chunked and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nX",
    "two lengths": HEAD + b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n",
    "two equal lengths": HEAD + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": HEAD + b"Content-Length: 0, 40\r\n\r\n",
    "a signed length": HEAD + b"Content-Length: +5\r\n\r\n",
    "a negative length": HEAD + b"Content-Length: -5\r\n\r\n",
    "a hexadecimal length": HEAD + b"Content-Length: 0x5\r\n\r\n",
    "a length with an underscore": HEAD + b"Content-Length: 1_0\r\n\r\n",
    "no length after the name": HEAD + b"Content-Length:\r\n\r\n",
    "a folded length": HEAD + b"Content-Length: 4\r\n 0\r\n\r\n",
    "a folded coding": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": HEAD + b"Content-Length : 40\r\n\r\n",
    "a tab before the colon": HEAD + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two codings": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST /s HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a carriage return in a header": HEAD + b"X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "NUL in a header": HEAD + b"X: a\0b\r\n\r\n",
    "NUL in the URL": b"GET /s?a=\0 HTTP/1.0\r\n\r\n",
    "NUL in a header's name": HEAD + b"X\0: a\r\n\r\n",
    "a vertical tab in a header": HEAD + b"X: a\x0bb\r\n\r\n",
    "a header without a name": HEAD + b": a\r\n\r\n",
    "a header without a colon": HEAD + b"nonsense\r\n\r\n",
    "white space before the first header": b"POST /s HTTP/1.1\r\n Host: h\r\n\r\n",
    "two hosts": HEAD + b"Host: i\r\n\r\n",
    "chunk size with a sign": HEAD + b"Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n",
    "chunk size with 0x": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
    "chunk size of nine digits": HEAD + b"Transfer-Encoding: chunked\r\n\r\n000000001\r\na\r\n0\r\n\r\n",
    "no chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n\r\na\r\n0\r\n\r\n",
    "chunk longer than it says": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    "chunk with a bare line feed": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
    "chunk data with a bare line feed": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n",
    "last chunk with a bare line feed": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\n\n",
    "a chunk extension without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 300,
    "trailers without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: " + b"a" * 5000,
}


@pytest.mark.parametrize("lenient", [True, False], ids=["lenient", "strict"])
@pytest.mark.parametrize("name", TWO_READINGS)
@asyncio_test
async def test_what_could_be_read_in_two_ways_is_refused(name: str, lenient: bool) -> None:
    """One 400, then the connection is closed; what follows on it is never taken for a request."""
    seen: list[bytes] = []

    class Seen(Echo):
        def render_GET(self, request: WebRequest) -> bytes:
            seen.append(request.path)
            return super().render_GET(request)

        render_POST = render_GET

    async with serving({b"s": Seen(), b"smuggled": Seen()}, lenient=lenient) as web:
        got = await ask(port_of(web), TWO_READINGS[name] + SMUGGLED, half_close=True)
    assert got.status == 400
    assert got.body.strip()
    assert seen == []


@asyncio_test
async def test_trailers_are_thrown_away_and_the_next_request_is_found() -> None:
    first = HEAD + b"Transfer-Encoding: Chunked\r\n\r\n3;x=y\r\na=1\r\n0\r\nContent-Length: 40\r\nX: y\r\n\r\n"
    last = b"GET /s?b=2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    async with serving({b"s": Echo()}) as web:
        answers = parse_answers(await exchange(port_of(web), first + last))
    assert [got.body for got in answers] == ["POST\n\na=1", "GET\nb=2\n"]


@asyncio_test
async def test_chunk_framing_without_end_is_cut_off() -> None:
    """One-octet chunks with long extensions: the framing may not outgrow the body's own limit."""
    flood = (b"1;" + b"x" * 200 + b"\r\na\r\n") * 100
    async with serving({b"s": Echo()}, body_size_max=4096) as web:
        got = await ask(port_of(web), HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + flood)
    assert (got.status, got.body) == (400, "The chunked body has more framing than data\n")


class Held(Resource):
    """Answers when it is told to."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[WebRequest] = []

    def render_GET(self, request: WebRequest) -> int:
        self.requests.append(request)
        return NOT_DONE_YET


@asyncio_test
async def test_connections_beyond_the_limit_are_turned_away_while_all_are_busy() -> None:
    held = Held()
    request = b"GET /s HTTP/1.0\r\n\r\n"
    async with serving({b"s": held}, connections_max=2) as web:
        busy = [asyncio.create_task(ask(port_of(web), request)) for _ in range(2)]
        await eventually(lambda: len(held.requests) == 2)
        got = await ask(port_of(web), b"")
        assert (got.status, got.headers["retry-after"]) == (503, "10")
        for one in held.requests:
            answer(one, 200, "late")
        assert [(await one).body for one in busy] == ["late", "late"]
        held.requests.clear()
        again = asyncio.create_task(ask(port_of(web), request))
        await eventually(lambda: held.requests)
        answer(held.requests[0], 200, "again")
        assert (await again).body == "again"


@asyncio_test
async def test_who_waits_longest_without_a_request_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle attackers on every place: each new client takes the oldest one's."""
    monkeypatch.setattr(web_connections, "EVICTION_S", 0.0)
    held = Held()
    async with serving({b"s": held, b"e": Echo()}, connections_max=3, header_timeout_s=60) as web:
        port = port_of(web)
        working = asyncio.create_task(ask(port, b"GET /s HTTP/1.0\r\n\r\n"))
        await eventually(lambda: held.requests)
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        idle[0][1].write(b"GET /e HT")
        assert (await ask(port, b"GET /e?a HTTP/1.0\r\n\r\n")).status == 200
        with pytest.raises(ConnectionResetError):
            await idle[0][0].read()
        assert (await ask(port, b"GET /e?b HTTP/1.0\r\n\r\n")).status == 200
        answer(held.requests[0], 200, "worked")
        assert (await working).body == "worked"
        for _, writer in idle:
            writer.close()


@asyncio_test
async def test_a_client_that_does_not_read_its_answers_gets_no_more_made() -> None:
    """Pipelining without reading must not fill our memory; when the client reads at last, nothing is missing."""
    total, size = 400, 100_000

    class Big(Resource):
        isLeaf = True
        made = 0

        def render_GET(self, request: WebRequest) -> bytes:
            self.made += 1
            return b"%05d" % self.made + b"x" * size

    big = Big()
    async with serving({b"s": big}) as web:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(web))
        writer.write(b"GET /s HTTP/1.1\r\nHost: h\r\n\r\n" * (total - 1))
        writer.write(b"GET /s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        # The client's own library reads a little ahead too; then both sides stand still.
        made = -1
        while made != big.made:
            made = big.made
            await asyncio.sleep(0.3)
        assert 0 < made < total / 2
        answers = parse_answers(await reader.read())
        writer.close()
    assert [got.body[:5] for got in answers] == [f"{number:05d}" for number in range(1, total + 1)]


@asyncio_test
async def test_a_client_that_never_reads_its_answers_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is deaf or has vanished without a word: its place is needed."""
    monkeypatch.setattr(web_channel, "SEND_S", 0.2)

    class Big(Resource):
        isLeaf = True

        def render_GET(self, request: WebRequest) -> bytes:
            return b"x" * 1_000_000

    async with serving({b"s": Big()}, header_timeout_s=0.3) as web:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(web), limit=1024)
        writer.write(b"GET /s HTTP/1.1\r\nHost: h\r\n\r\n" * 100)
        await eventually(lambda: web._connections._open)
        await eventually(lambda: not web._connections._open)
        writer.transport.abort()


@asyncio_test
async def test_little_is_read_ahead_while_an_answer_is_made() -> None:
    held = Held()
    async with serving({b"s": held}) as web:
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(web))
        writer.write(b"GET /s HTTP/1.1\r\nHost: h\r\n\r\n")
        await eventually(lambda: held.requests)
        assert await send_while_it_is_taken(writer, 100_000_000) < 100_000_000
        answer(held.requests[0], 200, "done")
        writer.transport.abort()


def garbage(chance: random.Random) -> bytes:
    """Octets that are sometimes nearly a request."""
    if chance.random() < 0.3:
        return chance.randbytes(chance.randrange(1, 400))
    valid = chance.choice(
        [
            b"GET /s?a=1&b=%20x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
            b"POST /s HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na=1",
            b"POST /s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n0\r\n\r\n",
            b"HEAD http://u:p@h/s HTTP/1.0\r\nCookie: a=b; c\r\nExpect: 100-continue\r\n\r\n",
        ]
    )
    octets = bytearray(valid * chance.choice([1, 1, 2]))
    for _ in range(chance.randrange(0, 6)):
        where = chance.randrange(len(octets))
        change = chance.randrange(3)
        if change == 0:
            octets[where] = chance.randrange(256)
        elif change == 1:
            del octets[where : where + chance.randrange(1, 9)]
            octets += b"" if octets else b"x"
        else:
            octets[where:where] = chance.choice([b"\r\n", b"\n", b"\0", b" ", b":", b"\xff", b"%", chance.randbytes(5)])
    return bytes(octets)


@pytest.mark.parametrize("lenient", [True, False], ids=["lenient", "strict"])
@asyncio_test
async def test_garbage_is_never_our_fault(lenient: bool) -> None:
    """1000 broken requests: every answer is below 500, and the listener answers a good one afterwards."""
    chance = random.Random(20_261_124)
    statuses: Counter[int] = Counter()
    async with serving({b"s": Echo()}, lenient=lenient) as web:
        with capture_logs() as lines:
            for _ in range(1000):
                received = await exchange(port_of(web), garbage(chance), half_close=True)
                statuses.update(map(int, re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)))
        assert (await ask(port_of(web), b"GET /s HTTP/1.0\r\n\r\n")).status == 200
    assert max(statuses) < 500, statuses
    assert statuses[200] > 50, statuses
    assert statuses[400] > 300, statuses
    assert {line["event"] for line in lines} == {"refused"}
