"""Hints between rooms: "there is something for you". A hint may be lost; whoever waits also looks by the clock."""

import asyncio


class Wakeups:
    """Named bells. Names in use: "link:<name>" (parts were queued for a link), "notices" (mail is owed) and
    "esme:<account_id>" (something is owed to an account's ESMEs)."""

    def __init__(self) -> None:
        self._bells: dict[str, asyncio.Event] = {}

    def ring(self, name: str) -> None:
        """Wake whoever waits for `name` now, or the next one who will. Call on the loop."""
        self._bell(name).set()

    async def wait(self, name: str, timeout_s: float) -> bool:
        """Wait for the bell; True when it rang, False when the time ran out."""
        bell = self._bell(name)
        try:
            async with asyncio.timeout(timeout_s):
                await bell.wait()
        except TimeoutError:
            return False
        bell.clear()
        return True

    def _bell(self, name: str) -> asyncio.Event:
        return self._bells.setdefault(name, asyncio.Event())
