"""Operations on originators, pools, and hours of destinations."""

from typing import Any

from bridge.app.answers.senders import (
    HoursLine,
    OriginatorChange,
    OriginatorLine,
    OriginatorRuleLine,
    PoolLine,
    RowCount,
)
from bridge.app.operations.desk import Desk, own_actor
from bridge.messages import address
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.hours import Hours
from bridge.messages.number_plans import is_country
from bridge.routing import originators
from bridge.routing.hours import COUNTRY, PREFIX
from bridge.routing.originators import POOL, POOL_NUMBERS_MAX, OriginatorKind
from bridge.routing.prefixes import DIGITS_MAX
from bridge.runtime.loop import now_ms

RULES_MAX = 5_000
"""Rows of the table of rules: every country, with its kinds, for some links."""
REFUSE = "refuse"
"""The replacement of a rule that lets nothing out, as people write it."""


class SenderOperations(Desk):
    """See `commands.SenderCommands`."""

    async def originator_list(self, *, account: str | None = None) -> list[OriginatorLine]:
        """Registered originators, of one account or of all."""
        if account is not None:
            await self.known(account)
        rows = await self._ledger.read("originator_list")
        return [
            {"account": row["account"], "originator": row["originator"], "created_at_ms": row["created_at_ms"]}
            for row in rows
            if account in (None, row["account"])
        ]

    async def originator_add(self, *, originator: str, account: str, actor: str = "") -> OriginatorChange:
        """Let an account use an originator."""
        parsed = originators.parse(originator)
        if parsed.startswith(POOL) and not await self._pool(parsed.removeprefix(POOL)):
            raise Fault(FaultCode.NOT_FOUND, f"{parsed}; `smsbridge originator pool set` makes one")
        values = {"originator": parsed, "account": account, "actor": actor or own_actor(), "now_ms": now_ms()}
        done = await self._ledger.do("originator_add", **values)
        await self.read_tables()
        return {"originator": parsed, "account": account, "is_new": done["is_new"], "left": 0}

    async def originator_remove(self, *, originator: str, account: str, actor: str = "") -> OriginatorChange:
        """Take an originator from an account."""
        parsed = originators.parse(originator)
        values = {"originator": parsed, "account": account, "actor": actor or own_actor(), "now_ms": now_ms()}
        done = await self._ledger.do("originator_remove", **values)
        await self.read_tables()
        return {"originator": parsed, "account": account, "is_new": False, "left": done["left"]}

    # --- what destinations make of them ---

    async def originator_rule_list(self) -> list[OriginatorRuleLine]:
        """The rules."""
        rows: list[OriginatorRuleLine] = await self._ledger.read("originator_rule_list")
        return rows

    async def originator_rule_set(
        self, *, destination: str, kind: str, replacement: str, link: str = "", actor: str = ""
    ) -> OriginatorRuleLine:
        """Say what goes out instead of a kind of originator; one rule for each destination, link and kind."""
        line = self._rule({"destination": destination, "kind": kind, "replacement": replacement, "link": link})
        async with self._changing:
            rows = [row for row in await self.originator_rule_list() if _key(row) != _key(line)]
            await self._replace([*rows, line], actor)
        return line

    async def originator_rule_remove(
        self, *, destination: str, kind: str, link: str = "", actor: str = ""
    ) -> OriginatorRuleLine:
        """Take a rule out. Raises Fault NOT_FOUND."""
        wanted = (check_destination(destination), link, kind)
        async with self._changing:
            rows = await self.originator_rule_list()
            found = [row for row in rows if _key(row) == wanted]
            if not found:
                raise Fault(FaultCode.NOT_FOUND, f"no rule for {kind} originators to {destination or 'everywhere'}")
            await self._replace([row for row in rows if _key(row) != wanted], actor)
        return found[0]

    async def originator_rule_import(self, *, rows: list[dict[str, str]], actor: str = "") -> RowCount:
        """The whole table anew, or nothing when a row is wrong. Raises Fault BAD_REQUEST with its number, from 1."""
        if len(rows) > RULES_MAX:
            raise Fault(FaultCode.BAD_REQUEST, f"{len(rows)} rules, at most {RULES_MAX} are taken")
        lines: list[OriginatorRuleLine] = []
        seen: dict[tuple[str, str, str], int] = {}
        for number, row in enumerate(rows, 1):
            try:
                line = self._rule(row)
            except Fault as fault:
                raise Fault(FaultCode.BAD_REQUEST, f"row {number}: {fault.detail}") from None
            if _key(line) in seen:
                raise Fault(
                    FaultCode.BAD_REQUEST,
                    f"row {number}: the same destination, link and kind as row {seen[_key(line)]}",
                )
            seen[_key(line)] = number
            lines.append(line)
        async with self._changing:
            await self._replace(lines, actor)
        return {"count": len(lines)}

    def _rule(self, row: dict[str, str]) -> OriginatorRuleLine:
        kind = row.get("kind", "").strip() or OriginatorKind.ALPHANUMERIC.value
        if kind not in set(OriginatorKind):
            raise Fault(FaultCode.BAD_REQUEST, f"kind: {kind} is none of {', '.join(OriginatorKind)}")
        link = row.get("link", "").strip()
        if link and link not in {one.name for one in self._settings.links}:
            raise Fault(FaultCode.BAD_REQUEST, f"link: there is no link {link}")
        written = row.get("replacement", "").strip()
        if not written:
            raise Fault(FaultCode.BAD_REQUEST, f"replacement: name an originator, pool:NAME or {REFUSE}")
        try:
            replacement = "" if written == REFUSE else originators.parse(written)
        except Fault as fault:
            raise Fault(FaultCode.BAD_REQUEST, f"replacement: {fault.detail}") from None
        destination = check_destination(row.get("destination", ""))
        return {"destination": destination, "link": link, "kind": kind, "replacement": replacement}

    async def _replace(self, rows: list[OriginatorRuleLine], actor: str) -> None:
        for row in rows:
            pool = row["replacement"].removeprefix(POOL) if row["replacement"].startswith(POOL) else ""
            if pool and not await self._pool(pool):
                raise Fault(FaultCode.BAD_REQUEST, f"replacement: there is no pool {pool}")
        values = [[row["destination"], row["link"], row["kind"], row["replacement"]] for row in rows]
        await self._ledger.do("originator_rules_replace", rows=values, actor=actor or own_actor(), now_ms=now_ms())
        await self.read_tables()

    # --- pools ---

    async def pool_list(self) -> list[PoolLine]:
        """The numbers of all pools."""
        rows: list[PoolLine] = await self._ledger.read("pool_list")
        return rows

    async def pool_set(self, *, pool: str, numbers: list[str], actor: str = "") -> RowCount:
        """The numbers of a pool; none takes it away."""
        name = originators.parse(POOL + pool).removeprefix(POOL)
        digits = list(dict.fromkeys(map(address.parse_originator, numbers)))
        if wrong := [one for one in digits if not one.isdigit()]:
            raise Fault(FaultCode.BAD_REQUEST, f"a pool is of numbers, {wrong[0]} is none")
        if len(digits) > POOL_NUMBERS_MAX:
            raise Fault(FaultCode.BAD_REQUEST, f"a pool has at most {POOL_NUMBERS_MAX} numbers")
        if not digits and (users := await self._users_of(POOL + name)):
            raise Fault(FaultCode.BAD_REQUEST, f"pool {name} is still used by {users}")
        values = {"pool": name, "numbers": digits, "actor": actor or own_actor(), "now_ms": now_ms()}
        done: RowCount = await self._ledger.do("pool_set", **values)
        await self.read_tables()
        return done

    async def _pool(self, name: str) -> list[PoolLine]:
        return [row for row in await self.pool_list() if row["pool"] == name]

    async def _users_of(self, originator: str) -> str:
        """Who would be left without the pool, for people; empty: nobody."""
        accounts = [row["account"] for row in await self.originator_list() if row["originator"] == originator]
        accounts += [row["name"] for row in await self._ledger.read("account_list") if row["originator"] == originator]
        rules = [row for row in await self.originator_rule_list() if row["replacement"] == originator]
        users = [f"account {name}" for name in dict.fromkeys(accounts)] + ["a rule"] * bool(rules)
        return ", ".join(users[:5])

    # --- hours of destinations ---

    async def hours_list(self) -> list[HoursLine]:
        """The hours of destinations."""
        rows: list[HoursLine] = await self._ledger.read("destination_hours_list")
        return rows

    async def hours_set(
        self, *, destination: str, hours: str, is_for_alarms: bool = False, actor: str = ""
    ) -> HoursLine:
        """When messages to a destination may be sent."""
        try:
            read = Hours.parse(hours)
        except ValueError as error:
            raise Fault(FaultCode.BAD_REQUEST, str(error)) from None
        if read.is_always:
            raise Fault(FaultCode.BAD_REQUEST, "say which hours; `smsbridge hours remove` takes them away")
        line: HoursLine = {
            "destination": check_destination(destination),
            "hours": str(read),
            "is_for_alarms": is_for_alarms,
        }
        await self._ledger.do("hours_set", **line, actor=actor or own_actor(), now_ms=now_ms())
        await self.read_tables()
        return line

    async def hours_remove(self, *, destination: str, actor: str = "") -> RowCount:
        """Let messages to a destination go at any time again."""
        values = {"destination": check_destination(destination), "actor": actor or own_actor(), "now_ms": now_ms()}
        await self._ledger.do("hours_remove", **values)
        await self.read_tables()
        return {"count": len(await self.hours_list())}


def _key(row: OriginatorRuleLine) -> tuple[str, str, str]:
    return row["destination"], row["link"], row["kind"]


def check_destination(written: Any) -> str:
    """'prefix:4670', 'country:SE' or '' for everywhere (written "everywhere" too). Raises Fault BAD_REQUEST."""
    destination = str(written).strip()
    if destination in ("", "everywhere"):
        return ""
    digits = destination.removeprefix(PREFIX)
    if digits != destination and digits.isascii() and digits.isdigit() and len(digits) <= DIGITS_MAX:
        return destination
    country = destination.removeprefix(COUNTRY)
    if country != destination and is_country(country):
        return COUNTRY + country.upper()
    raise Fault(
        FaultCode.BAD_REQUEST, f"destination: {destination[:32]} is none; write prefix:4670, country:SE or everywhere"
    )
