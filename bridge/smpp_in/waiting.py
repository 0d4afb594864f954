"""Waiting with an end, for what tells nobody when it happens."""

import asyncio
from collections.abc import Callable

from bridge.runtime.loop import running

LOOK_S = 0.01
"""How often it is looked at: only a stop waits so."""


async def until(fact: Callable[[], object], timeout_s: float) -> bool:
    """Wait until `fact()` is true; False when it was not within `timeout_s`."""
    deadline_s = running().time() + timeout_s
    while not fact():
        if running().time() >= deadline_s:
            return False
        await asyncio.sleep(LOOK_S)
    return True
