"""Pools at acceptance: the number of each message that names one, known before the message is written.

It is chosen in the ledger's transaction, because it depends on what was chosen before (see routing.originators).
"""

from collections.abc import Iterable

from bridge.ledger.database import Transaction
from bridge.ledger.queue import Prepared
from bridge.routing.originators import PoolUse, choose


def choose_numbers(tx: Transaction, messages: Iterable[tuple[int, Prepared]], now_ms: int) -> None:
    """Put the number of its pool into each of these (account, message) as its originator."""
    uses: dict[tuple[str, str], list[PoolUse]] = {}
    for account_id, message in messages:
        place = (message.pool, message.recipient)
        if place not in uses:
            rows = tx.rows("pool_uses_of", {"pool": message.pool, "recipient": message.recipient})
            uses[place] = [PoolUse(*row[2:]) for row in rows]
        message.originator = choose(message.pool_numbers, account_id, message.recipient, uses[place], now_ms)
        # What comes behind it in this commit sees it too.
        uses[place].append(PoolUse(account_id, message.originator, now_ms))


def remember(tx: Transaction, messages: Iterable[tuple[int, Prepared]], now_ms: int) -> None:
    """Note which numbers were used, once these (account, message) are accepted."""
    used = {
        (message.pool, message.recipient, account_id): (message.originator, now_ms) for account_id, message in messages
    }
    if used:
        tx.many("pool_uses_set", [key + value for key, value in used.items()])
