"""What every operation stands on: the ledger, the door, the gatekeeper, and what runs beside them."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bridge.app.backups import Backups
from bridge.app.config_file import Reading
from bridge.app.link_watch import LinkWatch
from bridge.app.selftest import SelfTest
from bridge.app.settings import Settings
from bridge.intake.authenticate import Identity, TimeRules
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import Lane
from bridge.routing import route_list
from bridge.routing.hours import DestinationHours, Hours, HoursRow
from bridge.routing.networks import Network, NetworkTable
from bridge.routing.originators import OriginatorKind, OriginatorRule, OriginatorTable
from bridge.routing.routes import Route, RouteTable, contradictions
from bridge.routing.tariff import Tariff
from bridge.runtime import logs
from bridge.runtime.door import Door
from bridge.runtime.identity import Gatekeeper
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms
from bridge.simulator.smsc import Smsc
from bridge.smpp_in.service import SmppDoor
from bridge.smpp_out.service import Links

log = logs.get("desk")


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
        self._watch: LinkWatch | None = None
        self._selftest: SelfTest | None = None
        self._reread: Callable[[], Reading] | None = None
        self._started_at_ms = now_ms()
        self._reading = asyncio.Lock()
        self._changing = asyncio.Lock()
        """Held from looking at the routes until what was found good is written."""
        self.backups = Backups(settings, ledger)

    def attach(self, links: Links, simulator: Smsc | None, smpp: SmppDoor | None = None) -> None:
        """Tell what runs beside the ledger; without it the commands about links say "not running"."""
        self._links = links
        self._simulator = simulator
        self._smpp = smpp

    def attach_links(self, watch: LinkWatch, selftest: SelfTest, reread: Callable[[], Reading] | None) -> None:
        """Tell what looks after the running links, and how the configuration is read again; None: it has no file."""
        self._watch = watch
        self._selftest = selftest
        self._reread = reread

    async def read_tables(self) -> None:
        """Read the business tables anew; the door uses them from then on."""
        # One after the other, so that an older reading never replaces a newer one; in a thread, because a tariff of
        # full size takes longer to build than the loop may stand still.
        async with self._reading:
            rows = await self._ledger.read("tariff_list")
            tariff = await asyncio.to_thread(
                Tariff, [(row["account_class"], row["prefix"], row["valid_from_ms"], row["price_mc"]) for row in rows]
            )
            routing = await self._read_routing() | await self._read_senders()
            self._door.tables = replace(self._door.tables, tariff=tariff, **routing)

    async def _read_senders(self) -> dict[str, Any]:
        """Originators, and hours of destinations."""
        allowed, rules = await self._ledger.read("originator_list"), await self._ledger.read("originator_rule_list")
        pools: dict[str, list[str]] = {}
        for row in await self._ledger.read("pool_list"):
            pools.setdefault(row["pool"], []).append(row["number"])
        originators = OriginatorTable(
            [(row["account_id"], row["originator"]) for row in allowed],
            [OriginatorRule(**row | {"kind": OriginatorKind(row["kind"])}) for row in rules],
            pools,
            must_be_registered=self._settings.originators.must_be_registered,
        )
        rows = await self._ledger.read("destination_hours_list")
        hours = DestinationHours(
            HoursRow(row["destination"], Hours.parse(row["hours"]), row["is_for_alarms"]) for row in rows
        )
        return {"originators": originators, "hours": hours}

    async def _read_routing(self) -> dict[str, Any]:
        """The tables of routes and networks. Rows that this version does not understand are told and left out."""
        links = tuple(link.name for link in self._settings.links)
        route_rows, network_rows = await self._ledger.read("route_list"), await self._ledger.read("network_list")
        routes, wrong = await asyncio.to_thread(routes_of, route_rows, links)
        for route_id, why in wrong:
            log.error("route not understood", route=route_id, reason=why, hint="see `smsbridge route list`")
        networks = await asyncio.to_thread(lambda: NetworkTable(Network(**row) for row in network_rows))
        return {"routes": routes, "networks": networks, "links": frozenset(links)}

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
            times=TimeRules.of(account),
        )


def cells_of(row: Mapping[str, Any]) -> dict[str, str]:
    """A route of the ledger by the columns of a file."""
    return {name: row["account_class" if name == "class" else name] for name in route_list.COLUMNS}


def routes_of(rows: list[dict[str, Any]], links: Sequence[str]) -> tuple[RouteTable, list[tuple[int, str]]]:
    """The table of the ledger's rows, and the numbers of those that are not understood, each with why.

    No rows at all: every link, in order, everywhere.
    """
    routes: list[Route] = []
    wrong: list[tuple[int, str]] = []
    for row in rows:
        route, errors = route_list.make(cells_of(row), row["route_id"])
        if route is not None:
            routes.append(route)
        else:
            wrong.append((row["route_id"], "; ".join(f"{column}: {why}" for column, why in errors)))
    for first, second, why in reversed(contradictions(routes)):
        wrong.append((routes[second].route_id, f"contradicts route {routes[first].route_id}: {why}"))
    bad = {route_id for route_id, _ in wrong}
    table = RouteTable(route for route in routes if route.route_id not in bad)
    return (table if rows else RouteTable.by_prefix([("", links)])), wrong


def check_mail(mail: str) -> None:
    """Plain addresses only: what a relay takes without quoting. Raises Fault BAD_REQUEST."""
    local, at, domain = mail.rpartition("@")
    if not (local and at and domain and mail.isascii() and mail.isprintable() and not set(mail) & set(' "<>,;')):
        raise Fault(FaultCode.BAD_REQUEST, f"not a mail address: {mail}")


def own_actor() -> str:
    """Who runs this process: the actor of what a command books."""
    return f"uid {os.getuid()}"
