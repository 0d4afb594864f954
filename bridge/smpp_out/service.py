"""All links of the appliance as one service."""

import asyncio
from typing import Any

from bridge.smpp_out.link import Link, LinkLedger
from bridge.smpp_out.sender import Hints
from bridge.smpp_out.settings import LinkSettings


class Links:
    """Starts and stops the configured links, and finds one by its name."""

    name = "links"

    def __init__(self, settings: list[LinkSettings], ledger: LinkLedger, hints: Hints) -> None:
        self.links = {each.name: Link(each, ledger, hints) for each in settings}

    async def start(self) -> None:
        """Begin to connect every link; an SMSC that is away does not keep the appliance from starting."""
        for link in self.links.values():
            await link.start()

    async def stop(self) -> None:
        """Stop all links at once: each may wait for its last answers."""
        await asyncio.gather(*(link.stop() for link in self.links.values()))

    def status(self) -> list[dict[str, Any]]:
        """Facts about every link, in the order of the configuration."""
        return [link.status() for link in self.links.values()]

    def waiting_reason(self, name: str) -> str:
        """Why parts of link `name` wait, as one sentence; "" when nothing holds them up."""
        link = self.links.get(name)
        return f"no link is called {name}" if link is None else link.waiting_reason()
