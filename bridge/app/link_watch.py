"""Looks after the links once a second: what drains, what is away, where the parts go that wait on one in trouble."""

from typing import Any

from bridge.messages.message import TEST_LINK
from bridge.runtime import logs
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms
from bridge.runtime.service import Periodic
from bridge.smpp_out.service import Links

LOOK_S = 1.0
ROUNDS_MAX = 20
"""Batches of one look at one link: 10,000 parts a second leave it, and the writer has time for others in between."""

log = logs.get("link")


class LinkWatch:
    """Re-plans in bounded batches what waits on links that are stopped, gone, away or silent."""

    def __init__(self, ledger: LedgerClient, links: Links) -> None:
        self._ledger = ledger
        self._links = links
        self._after: dict[str, Any] = {}
        """By link: where the next look goes on. What cannot move is looked at again in each round trip."""

    def services(self) -> list[Periodic]:
        return [Periodic("links", LOOK_S, self.look)]

    async def look(self) -> None:
        """One look at all links."""
        await self._links.watch()
        await self.replan()

    async def replan(self) -> int:
        """Move what waits on links in trouble, as far as one look goes; gives the number of parts that moved."""
        waited_for = await self._ledger.read("links_waited_for")
        standing = {name: f"link {name}: {why}" for name, why in self._links.standing.items()}
        for name in waited_for:
            if name != TEST_LINK and name not in self._links.links:
                standing.setdefault(name, f"link {name} is not configured any more")
        usable = [name for name in self._links.links if name not in self._links.trouble]
        for name in self._after.keys() - standing.keys():
            del self._after[name]
        return sum([await self._replan(name, standing[name], usable) for name in waited_for if name in standing])

    async def _replan(self, name: str, why: str, usable: list[str]) -> int:
        moved, to = 0, dict[str, int]()
        for _ in range(ROUNDS_MAX if usable else 0):
            done = await self._ledger.do(
                "replan", link=name, why=why, usable=usable, after=self._after.get(name), now_ms=now_ms()
            )
            moved += done["parts"]
            for target, parts in done["links"].items():
                to[target] = to.get(target, 0) + parts
            self._after[name] = done["next"]
            if done["next"] is None:
                break
        if moved:
            log.warning("replanned", link=name, parts=moved, to=to, reason=why)
        return moved
