"""A small real house for tests of one room: the ledger on disk, the gatekeeper and the door, with accounts in it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bridge.intake.authenticate import CredentialKind, Identity
from bridge.intake.prepare import Tables
from bridge.intake.settings import IntakeSettings
from bridge.routing.routes import RouteTable
from bridge.routing.tariff import Tariff
from bridge.runtime.door import Door
from bridge.runtime.identity import Gatekeeper, Peer
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms

PRICE_MC = 1000
LINK = "upstream"


class House:
    """Ledger, gatekeeper and door as the appliance has them; every destination costs one credit and goes to LINK."""

    def __init__(self, folder: Path, settings: IntakeSettings | None = None) -> None:
        self.failures: list[Exception] = []
        self.ledger = LedgerClient(folder / "ledger.sqlite", self.failures.append)
        self.gatekeeper = Gatekeeper(self.ledger)
        tables = Tables(Tariff([("", "", 0, PRICE_MC)]), RouteTable.by_prefix([("", (LINK,))]))
        self.door = Door(self.ledger, tables, settings or IntakeSettings())

    async def add_account(
        self, name: str = "demo", *, pin: str = "", credit_mc: int = 100_000, networks: Sequence[str] = (), **facts: Any
    ) -> None:
        """An account with credit, a PIN if given (hashed for real), and source networks bound to it for mail."""
        await self.ledger.do("account_add", name=name, now_ms=now_ms(), **facts)
        if credit_mc:
            await self.ledger.do("account_top_up", name=name, amount_mc=credit_mc, key="opening", now_ms=now_ms())
        if pin:
            verifier = await self.gatekeeper.hash_secret(CredentialKind.PIN, pin)
            await self.ledger.do("credential_add", name=name, kind="pin", verifier=verifier, now_ms=now_ms())
        if networks:
            await self.ledger.do(
                "credential_add", name=name, kind="network", verifier="", networks=list(networks), now_ms=now_ms()
            )
        self.gatekeeper.forget()

    async def identity(self, name: str, pin: str) -> Identity:
        return await self.gatekeeper.by_secret(
            name, pin, kinds=(CredentialKind.PIN,), scope="send", peer=Peer("127.0.0.1")
        )

    async def balance_mc(self, name: str = "demo") -> int:
        account = await self.ledger.read("account_show", name=name)
        return int(account["balance_mc"])

    async def messages(self, **wanted: Any) -> list[dict[str, Any]]:
        """The newest messages as `message_list` tells them, newest first."""
        return list(await self.ledger.read("message_list", **wanted))

    async def audit(self) -> None:
        """Fail unless every law of the ledger holds."""
        report = await self.ledger.read("ledger_audit")
        assert report["is_ok"], [check for check in report["checks"] if not check["is_ok"]]


@asynccontextmanager
async def open_house(folder: Path, settings: IntakeSettings | None = None) -> AsyncIterator[House]:
    """Open a house in a folder (a new one, or one that was left there); its ledger is audited when it closes."""
    house = House(folder, settings)
    await house.ledger.start()
    try:
        yield house
        await house.audit()
    finally:
        house.gatekeeper.close()
        await house.ledger.stop()
