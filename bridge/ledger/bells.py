"""Bells: what claims wait for (see requests.py). A verb rings one when it has made something due for somebody.

Rung for nothing, nobody minds; not rung, the claim finds it by the clock, a little later.
"""

from collections.abc import Iterable

from bridge.ledger.database import Transaction

NOTICES = "notices"
"""Mails are owed."""


def of_link(link: str) -> str:
    """Parts are due on a link."""
    return f"link:{link}"


def of_esmes(account_id: int) -> str:
    """Something is owed to the ESMEs of an account."""
    return f"esme:{account_id}"


def ring_links(tx: Transaction, links: Iterable[str]) -> None:
    tx.bells.update(map(of_link, links))


def ring_esmes(tx: Transaction, account_ids: Iterable[int]) -> None:
    tx.bells.update(map(of_esmes, account_ids))


def ring_notices(tx: Transaction) -> None:
    tx.bells.add(NOTICES)


def due_in(tx: Transaction, bell: str, wait_ms: int) -> None:
    """More is due in `wait_ms`, by the clock alone: a claim that finds nothing waits no longer than that."""
    tx.due_in_ms[bell] = min(wait_ms, tx.due_in_ms.get(bell, wait_ms))
