"""The tariff's rows: rare writes, each one transaction of its own."""

from typing import Any

from bridge.ledger.database import Transaction
from bridge.messages.faults import Fault, FaultCode

TARIFF_ROWS_MAX = 20_000
"""Rows of the whole tariff, past and coming ones included: as many as one price list may have."""


def tariff_set(
    tx: Transaction, *, prefix: str, price_mc: int, account_class: str = "", valid_from_ms: int = 0
) -> dict[str, Any]:
    """Set the price of one part for a destination prefix ("" is everywhere) and account class ("" is every class).

    It counts from `valid_from_ms` on (0: always). Raises Fault BAD_REQUEST.
    """
    _check(prefix, price_mc, valid_from_ms)
    values = {"account_class": account_class, "prefix": prefix, "valid_from_ms": valid_from_ms, "price_mc": price_mc}
    tx.run("tariff_upsert", values)
    _check_size(tx)
    return {}


def tariff_import(
    tx: Transaction, *, rows: list[tuple[str, str, int, int]], is_replacing: bool, is_trial: bool
) -> dict[str, Any]:
    """Take rows (account_class, prefix, valid_from_ms, price_mc) into the tariff: all of them or none.

    `is_replacing`: what is not among them goes. `is_trial`: change nothing and tell what would change. Gives
    {"new", "changed", "same", "gone"}: numbers of rows. Raises Fault BAD_REQUEST.
    """
    if not rows:
        raise Fault(FaultCode.BAD_REQUEST, "no prices: without any, every message would be refused")
    for _, prefix, valid_from_ms, price_mc in rows:
        _check(prefix, price_mc, valid_from_ms)
    given = {tuple(row[:3]): row[3] for row in rows}
    if len(given) != len(rows):
        raise Fault(FaultCode.BAD_REQUEST, "two prices with the same class, prefix and time")
    present = {tuple(row[:3]): row[3] for row in tx.rows("tariff_rows")}
    gone = present.keys() - given.keys() if is_replacing else set()
    differing = [(*name, price_mc) for name, price_mc in given.items() if present.get(name) != price_mc]
    if not is_trial:
        if is_replacing:
            tx.run("tariff_delete")
        tx.many("tariff_upsert_many", [(*name, price_mc) for name, price_mc in given.items()])
        _check_size(tx)
    new = len(given.keys() - present.keys())
    return {
        "new": new,
        "changed": len(differing) - new,
        "same": len(given) - len(differing),
        "gone": len(gone),
    }


def _check(prefix: str, price_mc: int, valid_from_ms: int) -> None:
    if price_mc < 0:
        raise Fault(FaultCode.BAD_REQUEST, "a price is 0 or more")
    if prefix and not (prefix.isascii() and prefix.isdigit() and len(prefix) <= 15):
        raise Fault(FaultCode.BAD_REQUEST, "a prefix is up to 15 digits, without a plus")
    if valid_from_ms < 0:
        raise Fault(FaultCode.BAD_REQUEST, "a price is valid from 1970 on at the earliest")


def _check_size(tx: Transaction) -> None:
    row = tx.row("tariff_count")
    if row is not None and row[0] > TARIFF_ROWS_MAX:
        raise Fault(FaultCode.BAD_REQUEST, f"the tariff would have {row[0]} prices, at most {TARIFF_ROWS_MAX} fit")
