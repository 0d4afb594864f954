"""The verbs of the ledger that any link needs, whatever it speaks: claim, settle, receive. LedgerClient has them."""

from collections.abc import Awaitable
from typing import Protocol

from bridge.messages.inbound import InboundPart
from bridge.messages.message import ClaimedPart, Outcome
from bridge.messages.receipt import Receipt
from bridge.runtime.health_watch import HealthWatch


class SettleLedger(Protocol):
    """The verb that takes outcomes, and the counts that health is judged by."""

    watch: HealthWatch

    def settle(self, link: str, outcomes: list[Outcome]) -> Awaitable[None]:
        """Book what became of claimed parts; returns after the commit."""


class SendLedger(SettleLedger, Protocol):
    """The verbs that sending needs."""

    def claim_when_due(
        self, link: str, count_max: int, wait_s: float, originator_parts_per_second: float = 0.0
    ) -> Awaitable[list[ClaimedPart]]:
        """Take due parts of `link`, or wait so long for some; returns after the commit."""

    def wake_link(self, link: str) -> None:
        """Have a claim that waits answered now."""


class ReceiveLedger(Protocol):
    """The verb that receiving needs."""

    def receive(self, link: str, arrivals: list[Receipt | InboundPart], now_ms: int) -> Awaitable[None]:
        """Store receipts and inbound parts; returns after the commit."""
