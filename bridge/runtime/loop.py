"""The one loop: asyncio with Twisted's reactor on top of it.

Every coroutine of ours is an asyncio coroutine. Deferreds appear only in shells; `await d.asFuture(loop)` crosses over.
`install()` must run before anything imports `twisted.internet.reactor`.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Coroutine
from typing import Any

from bridge.runtime import logs

SWITCH_INTERVAL_S = 0.0002
"""How long a busy thread keeps the interpreter: the ledger's thread of short statements starves at the default 5 ms.

Half of it halves the wait for a commit beside a loop that never rests, and costs the HTTP door a quarter of its speed.
"""

GARBAGE_AFTER = (50_000, 20, 50)
"""After how many new objects cycles are looked for, and how much seldomer among older ones. Nearly all is freed without
that; looking after every 700, as Python does by itself, costs a tenth of the speed, and pauses of some 50 ms when many
messages are under way."""

log = logs.get("loop")
_tasks: set[asyncio.Task[Any]] = set()


def install() -> asyncio.AbstractEventLoop:
    """Make the loop and put Twisted's reactor on it; gives the loop.

    Not uvloop: when a peer resets a connection that has unread data, uvloop drops the poll handle and tells nobody, so
    Twisted never hears of the loss and keeps the dead connection for ever (twisted#11904, uvloop#552).
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.set_threshold(*GARBAGE_AFTER)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    from twisted.internet import asyncioreactor

    asyncioreactor.install(loop)
    return loop


def running() -> asyncio.AbstractEventLoop:
    """The loop that runs now."""
    return asyncio.get_running_loop()


def now_ms() -> int:
    """Wall clock, ms UTC: for what is stored and shown."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """A clock that never steps: for timers and durations."""
    return time.monotonic_ns() // 1_000_000


def boottime_ms() -> int:
    """A clock that never steps and goes on while the machine sleeps: for telling a step from a sleep."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def spawn(coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
    """Run a coroutine beside the caller; its failure is logged, and the task is kept alive until it ends."""
    task = asyncio.get_running_loop().create_task(coroutine, name=name)
    _tasks.add(task)
    task.add_done_callback(_ended)
    return task


def _ended(task: asyncio.Task[Any]) -> None:
    _tasks.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("task failed", task=task.get_name(), exc_info=error)
