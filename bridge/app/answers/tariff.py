"""Answers about prices."""

from typing import TypedDict

TARIFF_LIST_MAX = 5_000
"""Prices of one list, which must fit into one answer; an export has all of them."""


class TariffLine(TypedDict):
    """Price of one part to numbers that begin with `prefix`; an empty class is every class."""

    prefix: str
    account_class: str
    price_mc: int
    valid_from_ms: int
    """0: always."""
    state: str
    """"in force", "coming", or "past" when a later price for the same prefix and class has begun."""


class PackedTariff(TypedDict):
    """The whole tariff."""

    count: int
    packed: str
    """A price list as CSV, in the form of `packed.pack`."""


class TariffChange(TypedDict):
    """What an import did, or would do: numbers of prices."""

    new: int
    changed: int
    same: int
    gone: int
