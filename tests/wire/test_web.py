"""The HTTP listeners against the clients that are out there: what is forgiven, what never is, and how it ends."""

import asyncio
import gc
import socket
import struct

import pytest
from structlog.testing import capture_logs
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, globalLogPublisher
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from bridge.runtime import logs
from bridge.runtime.web import WebListeners
from bridge.runtime.web_settings import HttpListen, HttpSettings
from bridge.runtime.web_site import WebRequest, answer
from tests.support import asyncio_test, eventually
from tests.wire.raw_http import Echo, ask, exchange, parse_answers, port_of, serving

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"

# name: (request, lenient answer, strict answer); an answer is "<version> <status>" and what was understood.
CASES: dict[str, tuple[bytes, str, str]] = {
    "HTTP/1.0 without Host": (b"GET /s?a=1&b=hi HTTP/1.0\r\n\r\n", "1.0 200 a=1&b=hi", "1.0 200 a=1&b=hi"),
    "HTTP/1.1 without Host": (b"GET /s?a=1 HTTP/1.1\r\nConnection: close\r\n\r\n", "1.1 200 a=1", "1.0 400"),
    "bare line feeds": (b"GET /s?a=1 HTTP/1.0\n\n", "1.0 200 a=1", "1.0 400"),
    "HTTP/0.9": (b"GET /s?a=1\r\n", "1.0 200 a=1", "1.0 400"),
    "HTTP/0.9 with raw spaces": (b"GET /s?a=one two\n", "1.0 200 a=one%20two", "1.0 400"),
    "raw space in the query": (b"GET /s?a=hi there HTTP/1.0\r\n\r\n", "1.0 200 a=hi%20there", "1.0 400"),
    "raw Latin-1 in the query": (b"GET /s?a=caf\xe9 HTTP/1.0\r\n\r\n", "1.0 200 a=caf%E9", "1.0 400"),
    "raw UTF-8 in the query": (b"GET /s?a=caf\xc3\xa9 HTTP/1.0\r\n\r\n", "1.0 200 a=caf%C3%A9", "1.0 400"),
    "escaped Latin-1": (b"GET /s?a=caf%E9 HTTP/1.0\r\n\r\n", "1.0 200 a=caf%E9", "1.0 200 a=caf%E9"),
    "semicolon": (b"GET /s?a=1;b=2 HTTP/1.0\r\n\r\n", "1.0 200 a=1;b=2", "1.0 200 a=1;b=2"),
    "empty and missing value": (b"GET /s?a=&b HTTP/1.0\r\n\r\n", "1.0 200 a=&b", "1.0 200 a=&b"),
    "lower-case method": (b"get /s?a=1 HTTP/1.0\r\n\r\n", "1.0 200 a=1", "1.0 400"),
    "lower-case version": (b"GET /s?a=1 http/1.0\r\n\r\n", "1.0 200 a=1", "1.0 400"),
    "absolute URL": (
        b"GET http://h/s?a=1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        "1.1 200 a=1",
        "1.1 200 a=1",
    ),
    "doubled slashes": (b"GET //s?a=1 HTTP/1.0\r\n\r\n", "1.0 200 a=1", "1.0 404"),
    "path in capitals": (b"GET /S?a=1 HTTP/1.0\r\n\r\n", "1.0 200 a=1", "1.0 200 a=1"),
    "folded header": (b"GET /s?a=1 HTTP/1.0\r\nX-A: 1\r\n 2\r\n\r\n", "1.0 200 a=1", "1.0 400"),
    "space before the colon": (b"GET /s?a=1 HTTP/1.0\r\nX-A : 1\r\n\r\n", "1.0 400", "1.0 400"),
    "Content-Length twice": (
        b"POST /s HTTP/1.0\r\nContent-Length: 3\r\nContent-Length: 3\r\n" + FORM + b"\r\na=1",
        "1.0 400",
        "1.0 400",
    ),
    "Content-Length and chunked": (
        b"POST /s HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n0\r\n\r\n",
        "1.0 400",
        "1.0 400",
    ),
    "POST of a form": (
        b"POST /s HTTP/1.0\r\n" + FORM + b"Content-Length: 3\r\n\r\na=1",
        "1.0 200 +a=1",
        "1.0 200 +a=1",
    ),
    "POST without a length": (b"POST /s HTTP/1.0\r\n" + FORM + b"\r\na=1", "1.0 200 +", "1.0 200 +"),
    "POST without a type": (
        b"POST /s HTTP/1.0\r\nContent-Length: 3\r\n\r\na=1",
        "1.0 200 +a=1",
        "1.0 200 +a=1",
    ),
    "POST in Latin-1": (
        b"POST /s HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded; charset=iso-8859-1\r\n"
        b"Content-Length: 8\r\n\r\na=caf%E9",
        "1.0 200 +a=caf%E9",
        "1.0 200 +a=caf%E9",
    ),
    "HTTP/1.0 asking to be kept": (
        b"GET /s?a=1 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
        "1.0 200 a=1",
        "1.0 200 a=1",
    ),
    "9 kB in the URL": (
        b"GET /s?a=" + b"x" * 9000 + b" HTTP/1.0\r\n\r\n",
        "1.0 200 a=" + "x" * 9000,
        "1.0 200 a=" + "x" * 9000,
    ),
    "20 kB in the URL": (b"GET /s?a=" + b"x" * 20_000 + b" HTTP/1.0\r\n\r\n", "1.0 414", "1.0 414"),
    "Expect: 100-continue": (
        b"POST /s HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\na=1",
        "1.1 200 +a=1",
        "1.1 200 +a=1",
    ),
    "HTTP/1.2": (
        b"GET /s?a=1 HTTP/1.2\r\nHost: h\r\nConnection: close\r\n\r\n",
        "1.1 200 a=1",
        "1.1 200 a=1",
    ),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "1.0 400", "1.0 400"),
    "empty line first": (b"\r\nGET /s?a=1 HTTP/1.0\r\n\r\n", "1.0 200 a=1", "1.0 200 a=1"),
    "tab in a header": (b"GET /s?a=1 HTTP/1.0\r\nX:\ta\r\n\r\n", "1.0 200 a=1", "1.0 200 a=1"),
    "TLS on the plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "1.0 400", "1.0 400"),
}


@pytest.mark.parametrize("lenient", [True, False], ids=["lenient", "strict"])
@pytest.mark.parametrize("name", CASES)
@asyncio_test
async def test_odd_requests(name: str, lenient: bool) -> None:
    raw, forgiven, strict = CASES[name]
    async with serving({b"s": Echo()}, lenient=lenient) as web:
        got = await ask(port_of(web), raw)
    understood = ""
    if got.status == 200:
        _, query, body = got.body.split("\n")
        understood = query + ("+" + body if raw.startswith(b"POST") else "")
    else:
        assert got.body.strip(), "a refusal says what was wrong"
    assert f"{got.version.removeprefix('HTTP/')} {got.status} {understood}".strip() == (forgiven if lenient else strict)


@asyncio_test
async def test_account_in_the_url_becomes_basic_credentials() -> None:
    class Authorization(Resource):
        isLeaf = True

        def render_GET(self, request: WebRequest) -> bytes:
            return request.getUser() + b"|" + request.getPassword()

    async with serving({b"s": Authorization()}) as web:
        got = await ask(port_of(web), b"GET http://T%20A:p%40ss@host:8080/s HTTP/1.0\r\n\r\n")
    assert got.body == "T A|p@ss"


@asyncio_test
async def test_short_clients_find_the_connection_closed() -> None:
    async with serving({b"s": Echo()}) as web:
        got = await ask(port_of(web), b"GET /s HTTP/1.0\r\n\r\n")
    assert got.headers["connection"] == "close"


@asyncio_test
async def test_pipelined_requests_are_answered_in_order() -> None:
    """The first answer takes longest; the others must wait for it."""

    class Slow(Resource):
        isLeaf = True

        def render_GET(self, request: WebRequest) -> int:
            loop = asyncio.get_running_loop()
            loop.call_later(0.2 if request.query == b"0" else 0, answer, request, 200, request.query.decode())
            return NOT_DONE_YET

    requests = [b"GET /s?%d HTTP/1.1\r\nHost: h\r\n\r\n" % number for number in range(20)]
    requests.append(b"GET /s?last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    async with serving({b"s": Slow()}) as web:
        answers = parse_answers(await exchange(port_of(web), b"".join(requests)))
    assert [got.body for got in answers] == [*map(str, range(20)), "last"]


@asyncio_test
async def test_a_peer_that_has_sent_all_still_gets_its_answers() -> None:
    """`printf ... | nc -N`: the peer's half of the connection is closed before the answer is made."""

    class Slow(Resource):
        isLeaf = True

        def render_GET(self, request: WebRequest) -> int:
            asyncio.get_running_loop().call_later(0.1, answer, request, 200, "late")
            return NOT_DONE_YET

    two = b"GET /s HTTP/1.1\r\nHost: h\r\n\r\n" * 2
    async with serving({b"s": Slow()}) as web:
        answers = parse_answers(await exchange(port_of(web), two, half_close=True))
    assert [got.body for got in answers] == ["late", "late"]


@asyncio_test
async def test_a_request_cut_short_is_never_handled() -> None:
    async with serving({b"s": Echo()}) as web:
        got = await ask(port_of(web), b"GET /s?a=1 HTTP/1.0\r\nHost: h\r\n", half_close=True)
    assert (got.status, got.body) == (400, "The request ended before it was complete\n")


@pytest.mark.parametrize("is_reset", [True, False], ids=["reset", "closed"])
@asyncio_test
async def test_a_disconnect_is_not_an_error_and_the_listener_lives_on(is_reset: bool) -> None:
    """The peer hangs up before its answer: nothing is logged as an error, also with a notification nobody awaits."""
    notified: list[Deferred[None]] = []

    class Never(Resource):
        isLeaf = True

        def render_GET(self, request: WebRequest) -> int:
            notified.append(request.notifyFinish())
            self.request = request
            return NOT_DONE_YET

    never = Never()
    failures: list[LogEvent] = []
    globalLogPublisher.addObserver(failures.append)
    async with serving({b"never": never, b"s": Echo()}) as web:
        with capture_logs() as lines:
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(web))
            writer.write(b"GET /never HTTP/1.1\r\nHost: h\r\n\r\n")
            await eventually(lambda: notified)
            if is_reset:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.close()
            if is_reset:
                await eventually(lambda: never.request.is_gone)
            answer(never.request, 200, "nobody hears this")
            await eventually(lambda: notified[0].called)
        assert (await ask(port_of(web), b"GET /s HTTP/1.0\r\n\r\n")).status == 200
    assert lines == []
    notified.clear()
    gc.collect()
    globalLogPublisher.removeObserver(failures.append)
    assert [event for event in failures if "log_failure" in event] == []


@asyncio_test
async def test_what_a_room_raises_is_our_fault_and_temporary() -> None:
    class Broken(Resource):
        isLeaf = True

        def render_GET(self, request: WebRequest) -> bytes:
            raise RuntimeError("boom")

    async with serving({b"s": Broken()}) as web:
        with capture_logs() as lines:
            got = await ask(port_of(web), b"GET /s?pin=SECRET HTTP/1.0\r\n\r\n")
    assert (got.status, got.headers["retry-after"], got.body) == (503, "10", "Try again later\n")
    assert [line["event"] for line in lines] == ["failed"]
    assert "boom" in str(lines[0]["exc_info"])
    assert "SECRET" not in str(lines)


@pytest.mark.parametrize("method", [b"DELETE", b"OPTIONS", b"PUT", b"TRACE", b"CONNECT", b"M-SEARCH"])
@asyncio_test
async def test_an_unknown_method_is_answered_with_those_that_work(method: bytes) -> None:
    async with serving({b"s": Echo()}) as web:
        for path in (b"/s", b"/nowhere"):
            got = await ask(port_of(web), method + b" " + path + b" HTTP/1.0\r\n\r\n")
            assert (got.status, got.headers["allow"]) == (405, "GET, HEAD, POST")
            assert "GET" in got.body


@asyncio_test
async def test_options_of_the_whole_server() -> None:
    async with serving({b"s": Echo()}) as web:
        assert (await ask(port_of(web), b"OPTIONS * HTTP/1.0\r\n\r\n")).status == 405


@pytest.mark.parametrize(
    "path", [b"/", b"/nowhere", b"/..%2fs", b"/%2e%2e/s", b"/s%00", b"/%5cs", b"/%2fs", b"/.", b"/s%2f"]
)
@asyncio_test
async def test_paths_that_lead_nowhere(path: bytes) -> None:
    async with serving({b"s": Echo()}) as web:
        assert (await ask(port_of(web), b"GET " + path + b" HTTP/1.0\r\n\r\n")).status == 404


@asyncio_test
async def test_stop_lets_an_answer_go_out_and_turns_the_rest_away() -> None:
    asked = asyncio.Event()

    class Slow(Resource):
        isLeaf = True

        def render_GET(self, request: WebRequest) -> int:
            asked.set()
            self.request = request
            return NOT_DONE_YET

    slow = Slow()
    async with serving({b"s": slow}) as web:
        port = port_of(web)
        idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        half_reader, half_writer = await asyncio.open_connection("127.0.0.1", port)
        half_writer.write(b"GET /s HTTP/1.1\r\n")
        in_flight = asyncio.create_task(exchange(port, b"GET /s HTTP/1.1\r\nHost: h\r\n\r\n" * 2))
        await asked.wait()
        stopping = asyncio.create_task(web.stop())
        assert await idle_reader.read() == b""
        assert (await half_reader.read()).startswith(b"HTTP/1.0 503 ")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        assert not stopping.done()
        answer(slow.request, 200, "done")
        assert [got.body for got in parse_answers(await in_flight)] == ["done"]
        idle_writer.close()
        half_writer.close()
        await stopping


@asyncio_test
async def test_it_starts_again_after_a_stop() -> None:
    async with serving({b"s": Echo()}) as web:
        await web.stop()
        await web.start()
        assert (await ask(port_of(web), b"GET /s HTTP/1.1\r\nConnection: close\r\n\r\n")).status == 200


@asyncio_test
async def test_when_one_address_is_taken_none_is_opened() -> None:
    async with serving({}) as other:
        taken = port_of(other)
        web = WebListeners(HttpSettings(listen=[HttpListen(port=0), HttpListen(port=taken)]), logs.get("web"))
        with pytest.raises(OSError, match=str(taken)):
            await web.start()
        assert web.addresses == []


@asyncio_test
async def test_nagle_is_off() -> None:
    options: list[bool] = []

    class Look(Resource):
        isLeaf = True

        def render_GET(self, request: WebRequest) -> bytes:
            options.append(bool(request.channel.transport.getTcpNoDelay()))
            return b""

    async with serving({b"s": Look()}) as web:
        await ask(port_of(web), b"GET /s HTTP/1.0\r\n\r\n")
    assert options == [True]


@asyncio_test
async def test_ipv4_through_an_ipv6_socket_is_written_as_ipv4() -> None:
    class Whence(Resource):
        isLeaf = True

        def render_GET(self, request: WebRequest) -> bytes:
            return request.peer_ip.encode()

    web = WebListeners(HttpSettings(listen=[HttpListen(address="::", port=0)]), logs.get("web"))
    web.mount(b"s", Whence())
    await web.start()
    try:
        assert (await ask(port_of(web), b"GET /s HTTP/1.0\r\n\r\n")).body == "127.0.0.1"
    finally:
        await web.stop()
