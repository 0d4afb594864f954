"""Operations on routes and networks."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from bridge.app.answers.routes import (
    ERRORS_MAX,
    NETWORK_LIST_MAX,
    ROUTE_LIST_MAX,
    NetworkLine,
    PackedTable,
    RouteLine,
    TableChange,
)
from bridge.app.operations.desk import Desk, cells_of
from bridge.app.packed import pack, unpack
from bridge.messages.faults import Fault, FaultCode
from bridge.routing import networks, route_checks, route_list
from bridge.routing.networks import Network, NetworkTable
from bridge.routing.route_checks import Prices
from bridge.routing.routes import Route, contradictions
from bridge.routing.sheet import TEXT_MAX, Wrong
from bridge.runtime.loop import now_ms

_NO_CHANGE = {"new": 0, "changed": 0, "same": 0, "gone": 0}


class RouteOperations(Desk):
    """See `commands.RouteCommands`."""

    async def route_list(self) -> list[RouteLine]:
        """The routes by number, the first ROUTE_LIST_MAX of them."""
        rows: list[RouteLine] = (await self._ledger.read("route_list"))[:ROUTE_LIST_MAX]
        return rows

    async def route_show(self) -> PackedTable:
        """The whole table as a file."""
        rows = await self._ledger.read("route_list")
        return {"count": len(rows), "packed": await asyncio.to_thread(lambda: pack(route_list.write(_routes(rows))))}

    async def route_add(self, *, cells: dict[str, str]) -> RouteLine:
        """Add a route, given by the columns of a file. Raises Fault BAD_REQUEST saying what it contradicts or lacks."""
        async with self._changing:
            kept = _routes(await self._ledger.read("route_list"))
            route, errors = route_list.make({str(name): str(value) for name, value in cells.items()})
            if route is None:
                raise Fault(FaultCode.BAD_REQUEST, "; ".join(f"{column}: {why}" for column, why in errors))
            for first, _, why in contradictions([*kept, route]):
                raise Fault(FaultCode.BAD_REQUEST, f"contradicts route {kept[first].route_id}: {why}")
            for _, column, why in await self._problems([route]):
                raise Fault(FaultCode.BAD_REQUEST, f"{column}: {why}")
            await self._ledger.do("route_import", rows=_rows([*kept, route]), is_trial=False)
            await self.read_tables()
            added: RouteLine = (await self._ledger.read("route_list"))[-1]
            return added

    async def route_remove(self, *, route_id: int) -> RouteLine:
        """Take a route out. Raises Fault NOT_FOUND."""
        async with self._changing:
            rows = await self._ledger.read("route_list")
            gone: RouteLine | None = next((row for row in rows if row["route_id"] == route_id), None)
            if gone is None:
                raise Fault(FaultCode.NOT_FOUND, f"route {route_id}")
            left = _routes([row for row in rows if row["route_id"] != route_id])
            await self._ledger.do("route_import", rows=_rows(left), is_trial=False)
            await self.read_tables()
            return gone

    async def route_import(self, *, packed: str, is_trial: bool) -> TableChange:
        """Put a packed file of routes in the place of all routes, or tell everything that is wrong with it."""
        async with self._changing:
            found = await asyncio.to_thread(lambda: route_list.parse(unpack(packed, TEXT_MAX)))
            missing = await self._problems(found.values)
            errors = [(found.rows[place][0], column, why) for place, column, why in missing]
            return await self._taken("route_import", [*found.errors, *errors], _rows(found.values), is_trial)

    async def network_list(self) -> list[NetworkLine]:
        """The networks by prefix, the first NETWORK_LIST_MAX of them."""
        rows: list[NetworkLine] = (await self._ledger.read("network_list"))[:NETWORK_LIST_MAX]
        return rows

    async def network_show(self) -> PackedTable:
        """The whole table as a file."""
        rows = [Network(**row) for row in await self._ledger.read("network_list")]
        return {"count": len(rows), "packed": await asyncio.to_thread(lambda: pack(networks.write(rows)))}

    async def network_import(self, *, packed: str, is_trial: bool) -> TableChange:
        """Put a packed file of networks in the place of all networks, or tell everything that is wrong with it."""
        async with self._changing:
            found = await asyncio.to_thread(lambda: networks.parse(unpack(packed, TEXT_MAX)))
            given = {network.mcc_mnc for network in found.values}
            errors = list(found.errors)
            for row in await self._ledger.read("route_list"):
                kind, _, value = row["destination"].partition(":")
                if kind == "network" and value not in given:
                    errors.append((1, "mcc_mnc", f"route {row['route_id']} is for network {value}, which is missing"))
            rows = [(one.prefix, one.mcc_mnc, one.country, one.name) for one in found.values]
            return await self._taken("network_import", errors, rows, is_trial)

    async def _taken(self, verb: str, errors: list[Wrong], rows: list[Any], is_trial: bool) -> TableChange:
        if errors:
            told = sorted(errors)[:ERRORS_MAX]
            wrong = [{"line": line, "column": column, "why": why} for line, column, why in told]
            return cast(TableChange, {"errors": wrong, "error_total": len(errors), **_NO_CHANGE})
        done = await self._ledger.do(verb, rows=rows, is_trial=is_trial)
        if not is_trial:
            await self.read_tables()
        return cast(TableChange, {"errors": [], "error_total": 0, **done})

    async def _problems(self, routes: Sequence[Route]) -> list[Wrong]:
        """What these routes lack: place in `routes`, column, why."""
        priced = [
            (row["account_class"], row["prefix"], row["valid_from_ms"], row["price_mc"])
            for row in await self._ledger.read("tariff_list")
        ]
        known = [Network(**row) for row in await self._ledger.read("network_list")]
        links, at_ms = {link.name for link in self._settings.links}, now_ms()
        return await asyncio.to_thread(
            lambda: route_checks.problems(routes, links, NetworkTable(known), Prices(priced, at_ms))
        )


def _routes(rows: list[dict[str, Any]]) -> list[Route]:
    """The ledger's rows as routes; one that this version does not understand breaks the change that is under way."""
    routes = []
    for row in rows:
        route, errors = route_list.make(cells_of(row), row["route_id"])
        if route is None:
            why = "; ".join(f"{column}: {why}" for column, why in errors)
            raise Fault(FaultCode.BAD_REQUEST, f"route {row['route_id']} is not understood: {why}")
        routes.append(route)
    return routes


def _rows(routes: Sequence[Route]) -> list[tuple[str, ...]]:
    """Routes as the ledger keeps them: everywhere has no destination there."""
    return [
        ("" if cells["destination"] == route_list.ANYWHERE else cells["destination"], *list(cells.values())[1:])
        for cells in map(route_list.row_of, routes)
    ]
