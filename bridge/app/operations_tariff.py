"""Operations on prices."""

from typing import Any

from bridge.app import answers
from bridge.app.operations_desk import Desk


class TariffOperations(Desk):
    """See `commands.TariffCommands`."""

    async def tariff_list(self) -> list[dict[str, Any]]:
        """Prices of one part by prefix and account class."""
        found: list[dict[str, Any]] = await self._ledger.read("tariff_list")
        return found

    async def tariff_set(self, *, prefix: str, price_mc: int, account_class: str = "") -> answers.TariffLine:
        """Set a price; messages accepted from now on pay it."""
        await self._ledger.do("tariff_set", prefix=prefix, price_mc=price_mc, account_class=account_class)
        await self.read_tables()
        return {"prefix": prefix, "account_class": account_class, "price_mc": price_mc}
