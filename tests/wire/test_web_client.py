"""The guarded HTTP client on loopback: where it goes, what it reads, and what it knows of a request that failed."""

import asyncio
import ipaddress
import ssl
from pathlib import Path

import pytest

from bridge.runtime import address_guard, web_client
from bridge.runtime.address_guard import why_refused
from bridge.runtime.web_client import Limits, NotSent, Unanswered, WebCall, WebClient, target_of
from tests.support import asyncio_test, free_port
from tests.wire.carrier_server import Asked, answer, open_carrier
from tests.wire.test_web_tls import write_certificate

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
OPEN = Limits(allowed=LOOPBACK)


def get(url: str) -> WebCall:
    return WebCall("GET", url)


# --- where it goes ---


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "2001:db8::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert why_refused(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_a_public_address_is_not(address: str) -> None:
    assert why_refused(ipaddress.ip_address(address)) == ""


def test_a_network_that_was_named_is_not_either() -> None:
    assert why_refused(ipaddress.ip_address("127.9.9.9"), LOOPBACK) == ""
    assert why_refused(ipaddress.ip_address("::ffff:127.0.0.1"), LOOPBACK) == ""
    assert why_refused(ipaddress.ip_address("10.0.0.1"), LOOPBACK)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "localhost",
        "LOCALHOST.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0",
        "0.0.0.0",
    ],
)
@asyncio_test
async def test_every_way_to_write_our_own_machine_is_refused(host: str) -> None:
    async with open_carrier(lambda asked: answer(200)) as carrier:
        client = WebClient()
        for scheme in ("https", "http"):
            with pytest.raises(NotSent):
                await client.call(get(f"{scheme}://{host}:{carrier.port}/"))
        assert carrier.connections == 0
        await client.close()


@asyncio_test
async def test_one_private_address_among_public_ones_spoils_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolved(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(None, None, None, "", (address, 443)) for address in ("1.1.1.1", "10.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    with pytest.raises(address_guard.Refused, match=r"two\.example: 10\.0\.0\.1 is not a public address"):
        await address_guard.resolve("two.example", 443)


@asyncio_test
async def test_a_name_is_resolved_once_and_its_judged_address_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_carrier(lambda asked: answer(200)) as carrier:
        names: list[str] = []
        loop = asyncio.get_running_loop()
        real = loop.getaddrinfo

        async def resolved(host: str, port: int, **facts: object) -> object:
            names.append(host)
            return await real("127.0.0.1" if host == "turns.example" else host, port, **facts)  # type: ignore[arg-type]

        monkeypatch.setattr(loop, "getaddrinfo", resolved)
        client = WebClient(OPEN)
        assert (await client.call(get(f"http://turns.example:{carrier.port}/x"))).status == 200
        assert names.count("turns.example") == 1
        assert set(names) <= {"turns.example", "127.0.0.1"}
        assert carrier.asked[0].fields["host"] == f"turns.example:{carrier.port}"
        await client.close()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https:///path",
        "https://",
        "//example.com/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://example.com/\r\nX: y",
        "https://example.com/ä",
        "https://[::1%25eth0]/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com/" + "x" * 20_000,
    ],
)
def test_a_url_that_is_none_of_ours_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL|port|Port|Invalid|netloc"):
        target_of(url)


@asyncio_test
async def test_without_tls_only_into_a_network_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolved(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(None, None, None, "", ("1.1.1.1", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    with pytest.raises(NotSent, match="without TLS"):
        await WebClient(OPEN).call(get("http://carrier.example/"))


@asyncio_test
async def test_only_ports_that_are_allowed() -> None:
    client = WebClient(Limits(allowed=LOOPBACK, ports=frozenset({443, 8443})))
    with pytest.raises(NotSent, match="port 25 is not allowed"):
        await client.call(get("https://127.0.0.1:25/"))


@asyncio_test
async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with open_carrier(lambda asked: answer(302, fields="Location: http://127.0.0.1:1/\r\n")) as carrier:
        client = WebClient(OPEN)
        found = await client.call(get(carrier.url + "/"))
        assert (found.status, found.field("location"), len(carrier.asked)) == (302, "http://127.0.0.1:1/", 1)
        await client.close()


@asyncio_test
async def test_no_cookie_comes_back() -> None:
    async with open_carrier(lambda asked: answer(200, fields="Set-Cookie: a=b\r\n")) as carrier:
        client = WebClient(OPEN)
        for _ in range(2):
            await client.call(get(carrier.url + "/"))
        assert all("cookie" not in asked.fields for asked in carrier.asked)
        with pytest.raises(NotSent, match="not for callers"):
            await client.call(WebCall("GET", carrier.url, (("Cookie", "a=b"),)))
        await client.close()


# --- what it sends and reads ---


@asyncio_test
async def test_a_request_goes_out_as_it_is() -> None:
    async with open_carrier(lambda asked: answer(200, '{"ok": true}')) as carrier:
        client = WebClient(OPEN)
        call = WebCall(
            "POST", carrier.url + "/a%20b?c=%E9&d", (("X-Key", "k"), ("Content-Type", "text/plain")), b"hello"
        )
        found = await client.call(call)
        (asked,) = carrier.asked
        assert (asked.method, asked.target, asked.body) == ("POST", "/a%20b?c=%E9&d", b"hello")
        assert asked.fields == {
            "host": f"127.0.0.1:{carrier.port}",
            "user-agent": "smsbridge",
            "accept-encoding": "identity",
            "x-key": "k",
            "content-type": "text/plain",
            "content-length": "5",
        }
        assert (found.status, found.body, found.field("content-type")) == (200, b'{"ok": true}', "application/json")
        await client.close()


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "a\x7fb", "€"])
@asyncio_test
async def test_a_field_cannot_carry_another_one(value: str) -> None:
    async with open_carrier(lambda asked: answer(200)) as carrier:
        with pytest.raises(NotSent, match="a field has"):
            await WebClient(OPEN).call(WebCall("GET", carrier.url, (("X-Key", value),)))
        assert carrier.connections == 0


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (CHUNKS, b"hello!"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nold", b"old"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"hi"),
        (b"HTTP/1.1 200\r\ncontent-length:2\r\n\r\nhi", b"hi"),
    ],
)
@asyncio_test
async def test_answers_of_every_form(said: bytes, body: bytes) -> None:
    async with open_carrier(lambda asked: said) as carrier:
        client = WebClient(OPEN)
        assert (await client.call(get(carrier.url + "/"))).body == body
        await client.close()


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbroken\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 20\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"4000\r\n"
        + b"x" * 0x4000
        + b"\r\n"
        + b"4000\r\n" * 2,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 20_000,
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    ],
)
@asyncio_test
async def test_what_is_no_answer_leaves_the_request_unanswered(said: bytes) -> None:
    async with open_carrier(lambda asked: said or None) as carrier:
        client = WebClient(Limits(allowed=LOOPBACK, answer_size_max=16_000, timeout_s=2))
        with pytest.raises(Unanswered):
            await client.call(get(carrier.url + "/"))
        assert client.kept_count == 0
        await client.close()


# --- what it knows of a failure ---


@asyncio_test
async def test_nobody_there_means_that_nothing_was_sent() -> None:
    with pytest.raises(NotSent, match="no connection to 127.0.0.1"):
        await WebClient(OPEN).call(get(f"http://127.0.0.1:{free_port()}/"))


@asyncio_test
async def test_no_answer_in_time_means_that_it_may_have_been_taken() -> None:
    never = asyncio.Event()

    async def answering(asked: Asked) -> bytes:
        await never.wait()
        return b""

    async with open_carrier(answering) as carrier:
        with pytest.raises(Unanswered, match=r"no answer within 0\.1 s"):
            await WebClient(Limits(allowed=LOOPBACK, timeout_s=0.1)).call(get(carrier.url + "/"))


@asyncio_test
async def test_a_handshake_that_hangs_means_that_nothing_was_sent() -> None:
    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = WebClient(Limits(allowed=LOOPBACK, connect_timeout_s=0.1))
    with pytest.raises(NotSent, match=r"within 0\.1 s"):
        await client.call(get(f"https://127.0.0.1:{port}/"))
    server.close()
    await server.wait_closed()


@asyncio_test
async def test_a_certificate_is_verified_before_anything_is_sent(tmp_path: Path) -> None:
    write_certificate(tmp_path, "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    async with open_carrier(lambda asked: answer(200), tls) as carrier:
        call = WebCall("POST", f"https://localhost:{carrier.port}/", (), b"secret")
        with pytest.raises(NotSent, match="its certificate is not trusted"):
            await WebClient(OPEN).call(call)
        assert carrier.asked == []
        trusting = Limits(allowed=(*LOOPBACK, ipaddress.ip_network("::1/128")), ca_file=tmp_path / "cert.pem")
        client = WebClient(trusting)
        assert (await client.call(call)).status == 200
        with pytest.raises(NotSent, match="its certificate is not trusted"):
            await WebClient(trusting).call(get(f"https://127.0.0.1:{carrier.port}/"))
        await client.close()


# --- connections that are kept ---


@asyncio_test
async def test_a_connection_serves_one_request_after_the_other() -> None:
    async with open_carrier(lambda asked: answer(200)) as carrier:
        client = WebClient(OPEN)
        for _ in range(3):
            await client.call(get(carrier.url + "/"))
        assert (carrier.connections, client.kept_count) == (1, 1)
        await client.close()
        assert client.kept_count == 0


@pytest.mark.parametrize(
    "said",
    [
        answer(200, fields="Connection: close\r\n"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        answer(200) + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    ],
)
@asyncio_test
async def test_a_connection_that_is_over_or_says_too_much_serves_no_other(said: bytes) -> None:
    async with open_carrier(lambda asked: said) as carrier:
        client = WebClient(OPEN)
        for _ in range(2):
            assert (await client.call(get(carrier.url + "/"))).body == b""
        assert carrier.connections == 2
        await client.close()


@asyncio_test
async def test_a_connection_that_was_idle_for_too_long_serves_no_other() -> None:
    async with open_carrier(lambda asked: answer(200)) as carrier:
        client = WebClient(Limits(allowed=LOOPBACK, kept_s=0))
        for _ in range(2):
            await client.call(get(carrier.url + "/"))
        assert carrier.connections == 2


@asyncio_test
async def test_a_request_that_is_given_up_leaves_no_connection_to_the_next() -> None:
    gate = asyncio.Event()

    async def answering(asked: Asked) -> bytes:
        if asked.target == "/slow":
            await gate.wait()
            return answer(200, "the slow one")
        return answer(200, "the other one")

    async with open_carrier(answering) as carrier:
        client = WebClient(OPEN)
        slow = asyncio.ensure_future(client.call(get(carrier.url + "/slow")))
        while not carrier.asked:
            await asyncio.sleep(0)
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        gate.set()
        assert (await client.call(get(carrier.url + "/"))).body == b"the other one"
        await client.close()


def test_what_may_be_kept_is_bounded() -> None:
    assert 0 < web_client.KEPT_S < 5
    assert 0 < web_client.KEPT_MAX <= 1000
