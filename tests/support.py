"""Small tools that several kinds of test share."""

import asyncio
import functools
import itertools
import os
import shutil
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred


def asyncio_test(function: Callable[..., Awaitable[None]]) -> Callable[..., Any]:
    """Run an `async def` test as one asyncio task on the reactor's loop, where all our coroutines live."""

    @pytest_twisted.ensureDeferred
    @functools.wraps(function)
    async def run(*args: Any, **kwargs: Any) -> None:
        from twisted.internet import reactor

        loop: asyncio.AbstractEventLoop = reactor._asyncioEventloop  # type: ignore[attr-defined]
        await Deferred.fromFuture(loop.create_task(function(*args, **kwargs)))

    return run


async def eventually(fact: Callable[[], Any], timeout_s: float = 10.0, every_s: float = 0.01) -> Any:
    """Wait until `fact()` is true and return it; AssertionError after `timeout_s`."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        value = fact()
        if value:
            return value
        assert asyncio.get_running_loop().time() < deadline, f"not within {timeout_s} s: {fact}"
        await asyncio.sleep(every_s)


PORTS = range(10_000, 32_000)
"""Below those that the kernel gives to connections by itself: none of them can take a port before it is listened on."""
_BEGIN = os.getpid() * 499 % len(PORTS)
"""Processes that test at the same time begin at places of their own."""
_ports = itertools.cycle((*PORTS[_BEGIN:], *PORTS[:_BEGIN]))


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on just now; the same one comes again after all others."""
    while True:
        port = next(_ports)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def need_program(name: str, how_to_install: str) -> str:
    """Path of a real program a peer test talks to; skips the test by name, or fails it when CI=true."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        message = f"{name} is not installed: {how_to_install}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path
