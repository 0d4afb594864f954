"""What every operation stands on: the ledger, the door, the gatekeeper, and what runs beside them."""

import asyncio
import os
from dataclasses import replace
from typing import Any

from bridge.app.backups import Backups
from bridge.app.settings import Settings
from bridge.intake.authenticate import Identity
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Lane
from bridge.routing.tariff import Tariff
from bridge.runtime.door import Door
from bridge.runtime.identity import Gatekeeper
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms
from bridge.simulator.smsc import Smsc
from bridge.smpp_in.service import SmppDoor
from bridge.smpp_out.service import Links


class Desk:
    """One open ledger and what the operations need beside it."""

    def __init__(self, settings: Settings, ledger: LedgerClient, gatekeeper: Gatekeeper, door: Door) -> None:
        self._settings = settings
        self._ledger = ledger
        self._gatekeeper = gatekeeper
        self._door = door
        self._links: Links | None = None
        self._simulator: Smsc | None = None
        self._smpp: SmppDoor | None = None
        self._started_at_ms = now_ms()
        self._reading = asyncio.Lock()
        self.backups = Backups(settings, ledger)

    def attach(self, links: Links, simulator: Smsc | None, smpp: SmppDoor | None = None) -> None:
        """Tell what runs beside the ledger; without it the commands about links say "not running"."""
        self._links = links
        self._simulator = simulator
        self._smpp = smpp

    async def read_tables(self) -> None:
        """Read the business tables anew; the door uses them from then on."""
        # One after the other, so that an older reading never replaces a newer one; in a thread, because a tariff of
        # full size takes longer to build than the loop may stand still.
        async with self._reading:
            rows = await self._ledger.read("tariff_list")
            tariff = await asyncio.to_thread(
                Tariff, [(row["account_class"], row["prefix"], row["valid_from_ms"], row["price_mc"]) for row in rows]
            )
            self._door.tables = replace(self._door.tables, tariff=tariff)

    async def known(self, name: str) -> dict[str, Any]:
        """Facts of an account. Raises Fault NOT_FOUND, naming one that differs only by case."""
        facts = await self._ledger.read("credentials_of", name=name)
        account: dict[str, Any] | None = facts["account"]
        if account is None:
            hint = f"; did you mean {facts['near']}? Case counts" if facts["near"] else ""
            raise Fault(FaultCode.NOT_FOUND, f"account {name}{hint}")
        return account

    async def identity(self, name: str) -> Identity:
        account = await self.known(name)
        if account["is_disabled"]:
            raise Fault(FaultCode.ACCOUNT_DISABLED, name)
        return Identity(
            account_id=account["account_id"],
            account_name=account["name"],
            account_class=account["account_class"],
            credential_id=0,
            lane=Lane(account["lane"]),
            originator=account["originator"],
            home_country=account["home_country"],
            scopes=frozenset({"send"}),
        )


def check_mail(mail: str) -> None:
    """Plain addresses only: what a relay takes without quoting. Raises Fault BAD_REQUEST."""
    local, at, domain = mail.rpartition("@")
    if not (local and at and domain and mail.isascii() and mail.isprintable() and not set(mail) & set(' "<>,;')):
        raise Fault(FaultCode.BAD_REQUEST, f"not a mail address: {mail}")


def own_actor() -> str:
    """Who runs this process: the actor of what a command books."""
    return f"uid {os.getuid()}"
