"""Which links may carry a message, the first choice first. Immutable; a change makes a new table."""

from collections.abc import Iterable, Sequence

from bridge.routing.prefixes import PrefixTable


class RouteTable:
    """Rows (prefix, link names in order); the longest prefix wins and "" is everywhere.

    A row without links says that the prefix is not served, though a shorter one is. Raises ValueError as PrefixTable.
    """

    __slots__ = ("_table",)

    def __init__(self, rows: Iterable[tuple[str, Sequence[str]]]) -> None:
        self._table = PrefixTable([(prefix, tuple(links)) for prefix, links in rows])

    def links_for(self, recipient: str) -> tuple[str, ...]:
        """Link names for `recipient` (digits), in order; empty when the destination is not served."""
        return self._table.find(recipient) or ()
