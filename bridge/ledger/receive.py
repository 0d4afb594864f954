"""What came back from a link: receipts and inbound messages, stored before the link acknowledges them."""

from dataclasses import dataclass

from bridge.ledger import inbound, receipts
from bridge.ledger.database import Transaction
from bridge.ledger.parked import Arrived
from bridge.ledger.receipts import Move
from bridge.messages.inbound import InboundPart
from bridge.messages.receipt import Receipt


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one link received, in order."""

    link: str
    arrivals: list[Receipt | InboundPart]
    now_ms: int


@dataclass(frozen=True, slots=True)
class Received:
    """What a delivery did, for the log."""

    moves: list[Move]
    ownerless: list[str]
    """Virtual numbers among the arrivals that nobody owns."""


def receive(tx: Transaction, deliveries: list[Delivery]) -> list[Received]:
    """Store and apply everything. The moves of a group are told with its first delivery."""
    arrived = [
        Arrived(delivery.link, arrival, delivery.now_ms)
        for delivery in deliveries
        for arrival in delivery.arrivals
        if isinstance(arrival, Receipt)
    ]
    moves = receipts.apply(tx, arrived) if arrived else []
    return [Received([] if index else moves, _inbound(tx, delivery)) for index, delivery in enumerate(deliveries)]


def _inbound(tx: Transaction, delivery: Delivery) -> list[str]:
    wholes: list[inbound.Whole] = []
    for arrival in delivery.arrivals:
        if isinstance(arrival, InboundPart):
            wholes += inbound.store(tx, delivery.link, arrival, delivery.now_ms)
    return inbound.give(tx, wholes, delivery.now_ms)
