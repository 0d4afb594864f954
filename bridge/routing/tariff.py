"""What one part costs: by account class and destination prefix, from a day on. A change makes a new tariff."""

from collections.abc import Iterable

from bridge.routing.prefixes import PrefixTable

EVERY_CLASS = ""
ALWAYS_MS = 0
"""A row that is valid from here on has begun for everybody."""
FOR_EVER_MS = 1 << 62

Row = tuple[str, str, int, int]
"""(account_class, prefix, valid_from_ms, price_mc)"""


class Tariff:
    """Rows (account_class, prefix, valid_from_ms, price_mc): thousandths of a credit for each part, 0 or more.

    Of the rows of one class and prefix the latest that has begun counts. Within a class the longest prefix wins; any
    row of the account's own class goes before the rows of every class, however long their prefix. Raises ValueError
    for a negative price, for two rows with one class, prefix and time, and as PrefixTable does.
    """

    __slots__ = ("_in_force", "_rows")

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = sorted(rows)
        for before, row in zip([None, *self._rows], self._rows, strict=False):
            if row[3] < 0:
                raise ValueError(f"a price is 0 or more: {row[3]} for {row[1]!r}")
            if before is not None and before[:3] == row[:3]:
                raise ValueError(f"prefix comes twice: {row[1]!r}")
        # Rows that have not begun are checked too: a tariff must not turn bad at midnight.
        for account_class in {row[0] for row in self._rows}:
            PrefixTable((prefix, 0) for prefix in {row[1] for row in self._rows if row[0] == account_class})
        self._in_force = _InForce(self._rows, ALWAYS_MS)

    def price_mc(self, account_class: str, recipient: str, at_ms: int) -> int | None:
        """Price of one part to `recipient` (digits) at a time: from the class's own rows, else from every class's."""
        in_force = self._in_force
        if not in_force.begins_ms <= at_ms < in_force.ends_ms:
            # Kept until the next row begins: the usual call looks at two times and two dicts.
            in_force = self._in_force = _InForce(self._rows, at_ms)
        for name in dict.fromkeys((account_class, EVERY_CLASS)):
            table = in_force.tables.get(name)
            price = table.find(recipient) if table is not None else None
            if price is not None:
                return price
        return None


class _InForce:
    """The tables of the rows that count from `begins_ms` until just before `ends_ms`."""

    __slots__ = ("begins_ms", "ends_ms", "tables")

    def __init__(self, rows: list[Row], at_ms: int) -> None:
        """`rows` are sorted, so that of one class and prefix a later one replaces an earlier one."""
        self.begins_ms, self.ends_ms = -FOR_EVER_MS, FOR_EVER_MS
        prices: dict[str, dict[str, int]] = {}
        for account_class, prefix, valid_from_ms, price_mc in rows:
            if valid_from_ms <= at_ms:
                self.begins_ms = max(self.begins_ms, valid_from_ms)
                prices.setdefault(account_class, {})[prefix] = price_mc
            else:
                self.ends_ms = min(self.ends_ms, valid_from_ms)
        self.tables = {account_class: PrefixTable(table.items()) for account_class, table in prices.items()}
