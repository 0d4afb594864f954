"""Operations on prices."""

import asyncio
from typing import Any

from bridge.app.answers.tariff import TARIFF_LIST_MAX, PackedTariff, TariffChange, TariffLine
from bridge.app.operations.desk import Desk
from bridge.app.packed import pack, unpack
from bridge.messages.faults import Fault, FaultCode
from bridge.routing import price_list
from bridge.routing.tariff import Row
from bridge.runtime.loop import now_ms


class TariffOperations(Desk):
    """See `commands.TariffCommands`."""

    async def tariff_list(self) -> list[TariffLine]:
        """Prices of one part by prefix and account class, the first TARIFF_LIST_MAX of them."""
        rows = await self._ledger.read("tariff_list")
        counting = _in_force(rows, now_ms())
        lines: list[TariffLine] = [
            {
                "prefix": row["prefix"],
                "account_class": row["account_class"],
                "price_mc": row["price_mc"],
                "valid_from_ms": row["valid_from_ms"],
                "state": _state(row, counting),
            }
            for row in rows[:TARIFF_LIST_MAX]
        ]
        return lines

    async def tariff_show(self) -> PackedTariff:
        """The whole tariff as a price list, past and coming rows included."""
        rows = await self._rows()
        return {"count": len(rows), "packed": await asyncio.to_thread(lambda: pack(price_list.write(rows)))}

    async def tariff_set(
        self, *, prefix: str, price_mc: int, account_class: str = "", valid_from_ms: int = 0
    ) -> TariffLine:
        """Set a price; messages accepted while it is in force pay it."""
        try:
            price_list.check_prefix(prefix)
            price_list.check_class(account_class)
        except ValueError as error:
            raise Fault(FaultCode.BAD_REQUEST, str(error)) from None
        row = {"prefix": prefix, "account_class": account_class, "price_mc": price_mc, "valid_from_ms": valid_from_ms}
        await self._ledger.do("tariff_set", **row)
        await self.read_tables()
        counting = _in_force(await self._ledger.read("tariff_list"), now_ms())
        return {
            "prefix": prefix,
            "account_class": account_class,
            "price_mc": price_mc,
            "valid_from_ms": valid_from_ms,
            "state": _state(row, counting),
        }

    async def tariff_import(self, *, packed: str, is_replacing: bool, is_trial: bool) -> TariffChange:
        """Take a packed price list into the tariff, all rows or none; `is_trial` only tells what would change."""
        # In a thread: a list of full size takes longer to read than the loop may stand still.
        found = await asyncio.to_thread(lambda: price_list.parse(unpack(packed, price_list.TEXT_MAX)))
        if found.errors:
            line, wrong = found.errors[0]
            raise Fault(FaultCode.BAD_REQUEST, f"line {line}: {wrong}")
        done = await self._ledger.do("tariff_import", rows=found.rows, is_replacing=is_replacing, is_trial=is_trial)
        if not is_trial:
            await self.read_tables()
        return {"new": done["new"], "changed": done["changed"], "same": done["same"], "gone": done["gone"]}

    async def _rows(self) -> list[Row]:
        return [
            (row["account_class"], row["prefix"], row["valid_from_ms"], row["price_mc"])
            for row in await self._ledger.read("tariff_list")
        ]


def _in_force(rows: list[dict[str, Any]], at_ms: int) -> dict[tuple[str, str], int]:
    """When the row that counts began, by class and prefix."""
    begun: dict[tuple[str, str], int] = {}
    for row in rows:
        if row["valid_from_ms"] <= at_ms:
            name = (row["account_class"], row["prefix"])
            begun[name] = max(row["valid_from_ms"], begun.get(name, 0))
    return begun


def _state(row: dict[str, Any], in_force: dict[tuple[str, str], int]) -> str:
    """Which of "in force", "past" and "coming" a row is."""
    counting_ms = in_force.get((row["account_class"], row["prefix"]), -1)
    if row["valid_from_ms"] == counting_ms:
        return "in force"
    return "past" if row["valid_from_ms"] < counting_ms else "coming"
