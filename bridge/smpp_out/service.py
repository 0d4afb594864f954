"""All links of the appliance as one service."""

import asyncio
from typing import Any

from bridge.runtime import logs
from bridge.smpp_out.link import Link, LinkLedger
from bridge.smpp_out.settings import LinkSettings

log = logs.get("link")


class Links:
    """Starts and stops the configured links, and finds one by its name."""

    name = "links"

    def __init__(self, settings: list[LinkSettings], ledger: LinkLedger) -> None:
        self.links = {each.name: Link(each, ledger) for each in settings}

    async def start(self) -> None:
        """Begin to connect every link; an SMSC that is away does not keep the appliance from starting."""
        try:
            for link in self.links.values():
                await link.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all links at once: each may wait for its last answers. One that fails does not cut the others short."""
        stopped = await asyncio.gather(*(link.stop() for link in self.links.values()), return_exceptions=True)
        for name, error in zip(self.links, stopped, strict=True):
            if isinstance(error, BaseException):
                log.error("link did not stop", link=name, exc_info=error)

    def status(self) -> list[dict[str, Any]]:
        """Facts about every link, in the order of the configuration."""
        return [link.status() for link in self.links.values()]

    def hearing_ms(self) -> dict[str, int]:
        """For how long each link, by name, could hear receipts without a break until now; 0: it cannot."""
        return {name: link.hearing_ms for name, link in self.links.items()}

    def waiting_reason(self, name: str) -> str:
        """Why parts of link `name` wait, as one sentence; "" when nothing holds them up."""
        link = self.links.get(name)
        return f"no link is called {name}" if link is None else link.waiting_reason()
