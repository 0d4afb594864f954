"""Waiting with an end."""

import asyncio


async def happens(event: asyncio.Event, timeout_s: float | None) -> bool:
    """Wait for `event`; False when it did not happen within `timeout_s` (None: wait for ever)."""
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return False
    return True
