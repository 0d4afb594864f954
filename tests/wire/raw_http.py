"""A client that sends exactly the octets it is given, and listeners to send them to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from twisted.web.resource import Resource

from bridge.runtime import logs
from bridge.runtime.web import WebListeners
from bridge.runtime.web_settings import HttpListen, HttpSettings
from bridge.runtime.web_site import WebRequest

PATIENCE_S = 20.0


@dataclass
class Answer:
    """One answer as it came over the wire."""

    version: str
    status: int
    headers: dict[str, str]
    body: str


class Echo(Resource):
    """Says what it understood: method, query and body, one a line."""

    isLeaf = True

    def render_GET(self, request: WebRequest) -> bytes:
        request.setHeader(b"Content-Type", b"text/plain")
        return b"\n".join((request.method, request.query, request.body))

    render_POST = render_GET


@asynccontextmanager
async def serving(
    resources: Mapping[bytes, Resource], *, lenient: bool = True, **settings: object
) -> AsyncIterator[WebListeners]:
    """Listeners on one free port of 127.0.0.1, with these resources."""
    listen = [HttpListen(port=0, lenient=lenient)]
    web = WebListeners(HttpSettings.model_validate({"listen": listen, **settings}), logs.get("web"))
    for name, resource in resources.items():
        web.mount(name, resource)
    await web.start()
    try:
        yield web
    finally:
        await web.stop()


def port_of(web: WebListeners) -> int:
    return web.addresses[0][1]


async def exchange(port: int, raw: bytes, *, half_close: bool = False, tls: ssl.SSLContext | None = None) -> bytes:
    """Send `raw`, then read until the peer closes. An answer cut short by a reset is what had come until then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    received = b""
    try:
        async with asyncio.timeout(PATIENCE_S):
            writer.write(raw)
            await writer.drain()
            if half_close:
                writer.write_eof()
            while data := await reader.read(65_536):
                received += data
    except ConnectionError:
        pass
    finally:
        writer.close()
    return received


async def ask(port: int, raw: bytes, *, half_close: bool = False) -> Answer:
    """One request, one answer, and the peer closes."""
    answers = parse_answers(await exchange(port, raw, half_close=half_close))
    assert len(answers) == 1, answers
    return answers[0]


def parse_answers(received: bytes) -> list[Answer]:
    """All answers in a stream; each must say how long it is."""
    answers: list[Answer] = []
    position = 0
    while position < len(received):
        end = received.index(b"\r\n\r\n", position)
        status_line, *lines = received[position:end].decode("latin-1").split("\r\n")
        position = end + 4
        version, status, _ = status_line.split(" ", 2)
        if status == "100":
            continue
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        length = int(headers["content-length"])
        answers.append(Answer(version, int(status), headers, received[position : position + length].decode()))
        position += length
    return answers
