"""What every test stands on: Twisted on one asyncio loop, and plain functions run outside of it."""

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.books import Books


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run plain test functions without a "running loop", so that they may call asyncio.run() themselves.

    pytest-twisted runs every test inside the reactor's greenlet, where asyncio believes a loop is running.
    """
    function = pyfuncitem.obj
    if inspect.iscoroutinefunction(function) or hasattr(function, "_pytest_twisted_mark"):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        function(**{name: pyfuncitem.funcargs[name] for name in names})
    finally:
        asyncio._set_running_loop(running)
    return True


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    """A real ledger on disk, run one transaction at a time; audited when the test ends."""
    opened = Books(tmp_path)
    try:
        yield opened
        opened.audit()
    finally:
        opened.close()
