"""A relay between two real sockets that keeps every octet, and which side said it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

READ_SIZE = 65_536
LENGTH_SIZE = 4
GOODBYE_S = 5.0
"""How long connections may take to end when their relay does; only a scene that has failed leaves any."""


class Chunk(NamedTuple):
    """What one read gave."""

    is_from_server: bool
    octets: bytes


@dataclass(slots=True, eq=False)
class Conversation:
    """One TCP connection: who is at its ends, and what was said."""

    client: str
    server: str
    about: str
    chunks: list[Chunk] = field(default_factory=list)

    def frames(self, *, is_from_server: bool) -> list[bytes]:
        """The whole PDUs of one side, cut by nothing but their command_length."""
        stream = b"".join(chunk.octets for chunk in self.chunks if chunk.is_from_server == is_from_server)
        frames, at = [], 0
        while at + LENGTH_SIZE <= len(stream):
            size = int.from_bytes(stream[at : at + LENGTH_SIZE], "big")
            if size < LENGTH_SIZE or at + size > len(stream):
                break
            frames.append(stream[at : at + size])
            at += size
        return frames


class Recorder:
    """All conversations, in the order they began."""

    def __init__(self) -> None:
        self.conversations: list[Conversation] = []

    @asynccontextmanager
    async def relay(self, port: int, *, client: str, server: str, about: str) -> AsyncIterator[int]:
        """A port on 127.0.0.1 that leads to `port`; ends when the connections have."""
        pumps: set[asyncio.Task[None]] = set()

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            conversation = Conversation(client, server, about)
            self.conversations.append(conversation)
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
            for source, sink, is_from_server in ((reader, other_writer, False), (other_reader, writer, True)):
                pumps.add(asyncio.ensure_future(_pump(source, sink, conversation, is_from_server)))

        listener = await asyncio.start_server(take, "127.0.0.1", 0)
        try:
            yield int(listener.sockets[0].getsockname()[1])
        finally:
            listener.close()
            if pumps:
                _, stuck = await asyncio.wait(pumps, timeout=GOODBYE_S)
                for pump in stuck:
                    pump.cancel()
                await asyncio.gather(*stuck, return_exceptions=True)
            await listener.wait_closed()


async def _pump(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, conversation: Conversation, is_from_server: bool
) -> None:
    try:
        while octets := await source.read(READ_SIZE):
            conversation.chunks.append(Chunk(is_from_server, octets))
            sink.write(octets)
            await sink.drain()
    except ConnectionError:
        pass
    finally:
        sink.close()
