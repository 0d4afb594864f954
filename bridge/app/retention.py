"""The retention at work: round after round of erasing what is older than the settings allow, then the log is cut."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bridge.app.retention_settings import RetentionSettings
from bridge.ledger.retention import DAY_MS, text_limit_ms
from bridge.runtime import logs
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms
from bridge.runtime.service import Periodic

EVERY_S = 60.0
ROUNDS_MAX = 100
"""Rounds of one run: 25,000 messages a minute, as many as 400 messages a second leave behind."""
PAUSE_S = 0.01
"""Between two rounds, for what people wait for."""

log = logs.get("retention")


class Retention:
    """Erases what is too old. Each round is one bounded transaction; a large backlog takes several runs."""

    def __init__(self, ledger: LedgerClient, settings: RetentionSettings, clock: Callable[[], int] = now_ms) -> None:
        self._ledger = ledger
        self._settings = settings
        self._clock = clock

    def services(self) -> list[Periodic]:
        return [Periodic("retention", EVERY_S, self.run)]

    async def run(self) -> None:
        """Erase texts and messages whose time is over, and leave no copy of them in the log."""
        texts = await self._rounds(self._erase_texts)
        messages = await self._rounds(self._forget_messages) if self._settings.message_days else {}
        if any(texts.values()) or any(messages.values()):
            self._ledger.has_erased = True
            log.info("erased", texts=sum(texts.values()), rows=sum(messages.values()))
        if self._ledger.has_erased:
            await self._ledger.truncate_wal()

    async def _rounds(self, round_of: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, int]:
        """Run rounds until there is no more, at most ROUNDS_MAX; gives how many of each kind were erased."""
        counts: dict[str, int] = {}
        for _ in range(ROUNDS_MAX):
            done = await round_of()
            is_more = done.pop("is_more")
            counts = {kind: counts.get(kind, 0) + count for kind, count in done.items()}
            if not is_more:
                break
            await asyncio.sleep(PAUSE_S)
        return counts

    async def _erase_texts(self) -> dict[str, Any]:
        before_ms = text_limit_ms(self._clock(), self._settings.text_days)
        due = await self._ledger.read("texts_due", before_ms=before_ms)
        done: dict[str, Any] = await self._ledger.do("erase_texts", message_ids=due, before_ms=before_ms)
        return done

    async def _forget_messages(self) -> dict[str, Any]:
        before_ms = self._clock() - self._settings.message_days * DAY_MS
        done: dict[str, Any] = await self._ledger.do("forget_messages", before_ms=before_ms)
        return done
