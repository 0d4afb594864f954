"""A carrier that speaks HTTP, for tests: takes requests on a port of 127.0.0.1, keeps them, and answers as told."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Asked:
    """One request as it came."""

    method: str
    target: str
    fields: dict[str, str]
    """Names in lower case."""
    body: bytes
    connection: int
    """Which connection it came on, counted from 1."""

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


def answer(status: int, body: str = "", content_type: str = "application/json", fields: str = "") -> bytes:
    """The octets of an answer."""
    octets = body.encode()
    head = (
        f"HTTP/1.1 {status} Whatever\r\nContent-Type: {content_type}\r\nContent-Length: {len(octets)}\r\n{fields}\r\n"
    )
    return head.encode() + octets


Answer = Callable[[Asked], "bytes | None | Awaitable[bytes | None]"]
"""What is answered; None: nothing, and the connection is closed."""


@dataclass
class CarrierServer:
    """Where it is, what came, and what is answered."""

    answer: Answer
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self.writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.strip().split("\r\n")
                method, target, _ = first.split(" ")
                fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                asked = Asked(method, target, fields, body, number)
                self.asked.append(asked)
                said = self.answer(asked)
                octets = said if isinstance(said, bytes) or said is None else await said
                if octets is None:
                    return
                writer.write(octets)
                await writer.drain()
                if b"Connection: close" in octets:
                    return
        except (OSError, EOFError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def open_carrier(answering: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[CarrierServer]:
    """A carrier for as long as the block lasts."""
    carrier = CarrierServer(answering, scheme="https" if tls else "http")
    server = await asyncio.start_server(carrier.serve, "127.0.0.1", 0, ssl=tls)
    carrier.port = server.sockets[0].getsockname()[1]
    try:
        yield carrier
    finally:
        server.close()
        for writer in carrier.writers:
            writer.transport.abort()
        await server.wait_closed()
