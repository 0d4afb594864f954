"""Accept: charge and queue a group of prepared messages, all of them or none, in the transaction they share.

A group is what one peer gets one answer for: the recipients of a mail, the numbers of one request. Groups of many
peers are accepted together (see ledger/worker.py); one that cannot pay is left out and the others go on.
"""

from dataclasses import dataclass

from bridge.ledger import credit
from bridge.ledger.database import Transaction
from bridge.ledger.queue import Prepared, enqueue_all, id_key
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.ids import public_id
from bridge.messages.message import Accepted
from bridge.messages.money import format_credits


@dataclass(frozen=True, slots=True)
class Group:
    """What one account submits at once."""

    account_id: int
    now_ms: int
    messages: tuple[Prepared, ...]
    """At least one."""

    @property
    def price_mc(self) -> int:
        return sum(message.price_mc * len(message.texts) for message in self.messages)


def accept(tx: Transaction, groups: list[Group]) -> list[list[Accepted] | Fault]:
    """Charge and queue every group whose account is enabled and can pay for all of it.

    Gives for each group what was accepted, or Fault NO_CREDIT (final: nothing is queued) or ACCOUNT_DISABLED.
    """
    standings = credit.standings(tx, {group.account_id for group in groups})
    faults: dict[int, Fault] = {}
    taken: list[tuple[int, int, Prepared]] = []
    for index, group in enumerate(groups):
        is_disabled, available_mc = standings.get(group.account_id, (True, 0))
        if is_disabled:
            faults[index] = Fault(FaultCode.ACCOUNT_DISABLED)
        elif group.price_mc > available_mc:
            faults[index] = Fault(FaultCode.NO_CREDIT, _shortfall(group.price_mc, available_mc))
        else:
            standings[group.account_id] = (False, available_mc - group.price_mc)
            taken += [(group.account_id, group.now_ms, message) for message in group.messages]
    accepted = iter(_take(tx, taken))
    return [faults.get(index) or [next(accepted) for _ in group.messages] for index, group in enumerate(groups)]


def _take(tx: Transaction, taken: list[tuple[int, int, Prepared]]) -> list[Accepted]:
    if not taken:
        return []
    key = id_key(tx)
    ids = enqueue_all(tx, taken)
    prices = [message.price_mc * len(message.texts) for _, _, message in taken]
    charges = [
        (account_id, message_id, price_mc, now_ms)
        for (account_id, now_ms, _), message_id, price_mc in zip(taken, ids, prices, strict=True)
    ]
    credit.charge_all(tx, charges)
    return [
        Accepted(public_id(message_id, key), message.recipient, len(message.texts), price_mc)
        for (_, _, message), message_id, price_mc in zip(taken, ids, prices, strict=True)
    ]


def _shortfall(price_mc: int, available_mc: int) -> str:
    return f"it costs {format_credits(price_mc)}, {format_credits(available_mc)} is left"
