"""What one part costs: by account class and destination prefix. Immutable; a change makes a new tariff."""

from collections.abc import Iterable

from bridge.routing.prefixes import PrefixTable

EVERY_CLASS = ""


class Tariff:
    """Rows (account_class, prefix, price_mc): thousandths of a credit for each part, 0 or more.

    Within a class the longest prefix wins; any row of the account's own class goes before the rows of every class,
    however long their prefix. Raises ValueError for a negative price and as PrefixTable does.
    """

    __slots__ = ("_tables",)

    def __init__(self, rows: Iterable[tuple[str, str, int]]) -> None:
        by_class: dict[str, list[tuple[str, int]]] = {}
        for account_class, prefix, price_mc in rows:
            if price_mc < 0:
                raise ValueError(f"a price is 0 or more: {price_mc} for {prefix!r}")
            by_class.setdefault(account_class, []).append((prefix, price_mc))
        self._tables = {account_class: PrefixTable(prices) for account_class, prices in by_class.items()}

    def price_mc(self, account_class: str, recipient: str) -> int | None:
        """Price of one part to `recipient` (digits): from the class's own rows, else from every class's; else None."""
        for name in dict.fromkeys((account_class, EVERY_CLASS)):
            table = self._tables.get(name)
            price = table.find(recipient) if table is not None else None
            if price is not None:
                return price
        return None
