"""Which network a number belongs to: an imported table of leading digits, and the country where that says nothing.

The table says in which network a range was given out. Where numbers may be taken along to another network, as in most
countries, it says nothing about a single number: what a receipt reports is nearer to the truth.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import phonenumbers

from bridge.messages.address import is_country
from bridge.routing.prefixes import PrefixTable
from bridge.routing.sheet import Sheet, read_sheet, write_sheet

COLUMNS = ("prefix", "mcc_mnc", "country", "name")
REQUIRED = ("prefix", "mcc_mnc")
NAME_MAX = 60
"""Characters of a network's name."""
ROWS_MAX = 20_000
"""Rows of the table: the ranges of the world's mobile networks; so many pass the control socket at once."""
MCC_MNC_SIZES = (5, 6)
"""Three digits of country and two or three of network (ITU-T E.212)."""


@dataclass(frozen=True, slots=True)
class Network:
    """Numbers that begin with `prefix` were given out in this network."""

    prefix: str
    mcc_mnc: str
    country: str = ""
    """Two letters; empty: by the number."""
    name: str = ""

    @property
    def label(self) -> str:
        """As people read it: the name, or the digits where it has none."""
        return self.name or self.mcc_mnc


class NetworkTable:
    """Networks by prefix; the longest that fits counts. Raises ValueError as PrefixTable."""

    __slots__ = ("_by_mcc_mnc", "_table")

    def __init__(self, rows: Iterable[Network] = ()) -> None:
        listed = list(rows)
        self._table = PrefixTable([(network.prefix, network) for network in listed])
        self._by_mcc_mnc: dict[str, list[Network]] = {}
        for network in listed:
            self._by_mcc_mnc.setdefault(network.mcc_mnc, []).append(network)

    def __iter__(self) -> Iterator[Network]:
        return (network for networks in self._by_mcc_mnc.values() for network in networks)

    def find(self, recipient: str) -> Network | None:
        """The network of a number (digits), as far as the table knows."""
        return self._table.find(recipient)

    def of(self, mcc_mnc: str) -> list[Network]:
        """The rows of one network; none when it is not known."""
        return self._by_mcc_mnc.get(mcc_mnc, [])


def calling_code(country: str) -> str:
    """The digits that numbers of a country begin with; several countries may share them."""
    return str(phonenumbers.country_code_for_region(country))


def parse(text: str) -> Sheet[Network]:
    """Read a table of networks; everything that is wrong is told with line and column."""
    return read_sheet(text, COLUMNS, REQUIRED, ROWS_MAX, _network, key=lambda network: network.prefix)


def write(networks: Iterable[Network]) -> str:
    """The table as CSV, sorted by prefix."""
    rows = sorted(networks, key=lambda network: network.prefix)
    return write_sheet(COLUMNS, [(row.prefix, row.mcc_mnc, row.country, row.name) for row in rows])


def _network(cells: dict[str, str], wrong: dict[str, str]) -> Network:
    prefix, mcc_mnc, country, name = (cells[column] for column in COLUMNS)
    country = country.upper()
    if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= 15):
        wrong["prefix"] = "a prefix is 1 to 15 digits, without a plus"
    if not (mcc_mnc.isascii() and mcc_mnc.isdigit() and len(mcc_mnc) in MCC_MNC_SIZES):
        wrong["mcc_mnc"] = "three digits of country and two or three of network, like 24001"
    if country and not is_country(country):
        wrong["country"] = "a country is two letters, like SE, or nothing"
    elif country and "prefix" not in wrong and not _may_be_in(prefix, country):
        wrong["country"] = f"numbers of {country} begin with {calling_code(country)}, not with {prefix}"
    if len(name) > NAME_MAX or not name.isprintable():
        wrong["name"] = f"a name has at most {NAME_MAX} printable characters"
    return Network(prefix, mcc_mnc, country, name)


def _may_be_in(prefix: str, country: str) -> bool:
    code = calling_code(country)
    return prefix.startswith(code) or code.startswith(prefix)
