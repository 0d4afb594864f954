"""A bench for links: a real ledger, the simulated SMSC and one link between them, on loopback."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bridge.intake.accept import Group
from bridge.ledger.queue import Prepared
from bridge.messages.message import Coding, Lane
from bridge.runtime.backoff import Backoff
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms
from bridge.simulator.script import Script
from bridge.simulator.settings import SimulatorSettings
from bridge.simulator.smsc import Smsc
from bridge.smpp_out.link import Link
from bridge.smpp_out.settings import LinkSettings
from tests.support import eventually

LINK = "upstream"
CREDIT_MC = 10_000_000
PRICE_MC = 1000


def quick_backoff(**values: float) -> Backoff:
    """The ladder in small, so that a test does not wait for seconds."""
    return Backoff(**({"first_s": 0.02, "longest_s": 0.1, "credentials_s": 300.0} | values), chance=lambda: 0.5)


class Bench:
    """What a test of a link needs at hand."""

    def __init__(self, folder: Path, ledger_class: type[LedgerClient] = LedgerClient) -> None:
        self.failures: list[Exception] = []
        self.ledger = ledger_class(folder / "ledger.sqlite", self.failures.append)
        self.smsc = Smsc(SimulatorSettings(port=0, receipt_delay_ms=10))
        self.links: list[Link] = []
        self.account_id = 0

    async def queue(self, *recipients: str, texts: tuple[str, ...] = ("hello",), **facts: Any) -> list[str]:
        """Accept one message for each recipient, one part for each text; gives their ids."""
        values = {
            "door": "cli",
            "originator": "Shop",
            "coding": Coding.GSM7,
            "lane": Lane.NORMAL,
            "price_mc": PRICE_MC,
            "links": (LINK,),
            "expires_at_ms": now_ms() + 3_600_000,
        } | facts
        messages = tuple(Prepared(recipient=recipient, texts=texts, **values) for recipient in recipients)
        accepted = await self.ledger.accept(Group(self.account_id, now_ms(), messages))
        return [each.message_id for each in accepted]

    def link(self, *, backoff: Backoff | None = None, **settings: Any) -> Link:
        """A link to the simulator, not yet started; stopped when the bench is."""
        values = {"name": LINK, "host": "127.0.0.1", "port": 1, "system_id": "simulator", "password": "simulate"}
        if "port" not in settings:
            values["port"] = self.smsc.port
        link = Link(LinkSettings(**(values | settings)), self.ledger, backoff or quick_backoff())
        self.links.append(link)
        return link

    async def bound(self, **settings: Any) -> Link:
        """A started link that is bound."""
        link = self.link(**settings)
        await link.start()
        await eventually(lambda: link.state in ("bound", "throttled"))
        return link

    async def parts(self, message_id: str) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = (await self.ledger.read("message_show", message_id=message_id))["parts"]
        return parts

    async def states(self, message_ids: list[str]) -> Counter[str]:
        """How many parts of these messages are in which state."""
        return Counter([part["state"] for each in message_ids for part in await self.parts(each)])

    async def reach(self, message_ids: list[str], timeout_s: float = 15.0, **wanted: int) -> None:
        """Wait until the parts of these messages are in exactly these states."""
        await self.until(message_ids, lambda states: states == Counter(wanted), timeout_s)

    async def until(
        self, message_ids: list[str], is_so: Callable[[Counter[str]], bool], timeout_s: float = 15.0
    ) -> None:
        seen: list[Counter[str]] = [Counter()]
        deadline = now_ms() + timeout_s * 1000
        while not is_so(seen[0]):
            assert now_ms() < deadline, f"not within {timeout_s} s; last seen {dict(seen[0])}"
            seen[0] = await self.states(message_ids)
            await asyncio.sleep(0.02)

    async def events(self, message_id: str) -> list[str]:
        """The history of a message."""
        shown = await self.ledger.read("message_show", message_id=message_id)
        return [line["event"] for line in shown["history"]]

    async def balance_mc(self) -> int:
        return int((await self.ledger.read("account_show", name="demo"))["balance_mc"])

    def submitted_to(self) -> Counter[str]:
        """How often the SMSC took a part for each recipient."""
        return Counter(entry.pdu.destination_addr for entry in self.smsc.journal if not entry.status)


@asynccontextmanager
async def bench(
    folder: Path, ledger_class: type[LedgerClient] = LedgerClient, script: Script | None = None
) -> AsyncIterator[Bench]:
    """A bench that runs; audited and put away at the end."""
    made = Bench(folder, ledger_class)
    if script is not None:
        made.smsc.script = script
    await made.ledger.start()
    await made.smsc.start()
    try:
        opened = await made.ledger.do("account_add", name="demo", now_ms=now_ms())
        made.account_id = opened["account_id"]
        await made.ledger.do("account_top_up", name="demo", amount_mc=CREDIT_MC, key="opening", now_ms=now_ms())
        try:
            yield made
        finally:
            for link in made.links:
                await link.stop()
        report = await made.ledger.read("ledger_audit")
        assert report["is_ok"], report
        assert not made.failures
    finally:
        await made.smsc.stop()
        await made.ledger.stop()
