"""A port that cannot be had is told in one way, whoever wanted it."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory

from bridge.app.listening import why_not


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def by_socket(port: int) -> None:
    socket.create_server(("127.0.0.1", port)).close()


def by_asyncio(port: int) -> None:
    async def listen() -> None:
        await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", port)

    asyncio.run(listen())


def by_twisted(port: int) -> None:
    """As runtime/web tells it."""
    try:
        reactor.listenTCP(port, Factory(), interface="127.0.0.1")  # type: ignore[attr-defined]
    except CannotListenError as error:
        raise OSError(f"cannot listen on 127.0.0.1 port {port}: {error.socketError}") from None


@pytest.mark.parametrize("listen", [by_socket, by_asyncio, by_twisted])
def test_a_taken_port_is_named(taken: int, listen: object) -> None:
    assert callable(listen)
    with pytest.raises(OSError, match="ddress already in use") as caught:
        listen(taken)
    told = f"port {taken} is taken by another program: it listens on 127.0.0.1 already (`ss -ltnp` shows which)"
    assert why_not(caught.value) == told


def test_other_errors_are_not_about_ports() -> None:
    assert why_not(FileNotFoundError(2, "No such file or directory", "/x")) is None
    assert why_not(PermissionError(13, "Permission denied", "/x")) is None
    told = why_not(OSError(99, "Cannot assign requested address"), ("192.0.2.1", 2775))
    assert told == "address 192.0.2.1 is none of this machine's"
    denied = "Permission denied (while attempting to bind on address ('127.0.0.1', 80))"
    assert str(why_not(PermissionError(13, denied))).startswith("port 80 is not allowed: ports below 1024 need ")
