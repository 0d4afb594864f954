"""One account of the simulated SMSC: who may bind, its sessions, and what waits for one that takes it."""

from collections import deque
from dataclasses import dataclass, field

from bridge.runtime import logs
from bridge.simulator.connection import SmscConnection
from bridge.simulator.deliveries import Delivery
from bridge.simulator.stats import Counts
from bridge.smpp.constants import Status
from bridge.smpp.errors import LocalProtocolError

log = logs.get("simulator")


@dataclass(slots=True, eq=False)
class Account:
    """A system_id, with deliveries for any of its RX and TRX sessions."""

    system_id: str
    password: str
    waiting_max: int
    counts: Counts
    connections: list[SmscConnection] = field(default_factory=list)
    """Bound ones."""
    waiting: deque[Delivery] = field(default_factory=deque)
    _turn: int = 0

    def enqueue(self, delivery: Delivery) -> None:
        """Have it sent as soon as there is room; the oldest is given up beyond `waiting_max`."""
        self.waiting.append(delivery)
        if len(self.waiting) > self.waiting_max:
            self.waiting.popleft().finish(Status.RMSGQFUL)
            self.counts.dropped += 1

    def send(self) -> None:
        """Queue what waits on the sessions, as far as their windows allow, the same share on each; flush them."""
        if not self.waiting:
            return
        self._turn += 1
        turn = self._turn % max(1, len(self.connections))
        takers = [one for one in self.connections[turn:] + self.connections[:turn] if one.session.room > 0]
        for left, connection in zip(range(len(takers), 0, -1), takers, strict=True):
            self.send_to(connection, -(-len(self.waiting) // left))
            connection.flush()

    def send_to(self, connection: SmscConnection, count_max: int = 1 << 30) -> None:
        """Queue on `connection` what waits and has room."""
        waiting = self.waiting
        if not waiting or connection.is_deaf or not connection.is_open:
            return
        version = connection.session.peer_version
        counts = self.counts
        for _ in range(min(len(waiting), connection.session.room, count_max)):
            delivery = waiting.popleft()
            try:
                connection.send(delivery.for_version(version), delivery)
            except LocalProtocolError as error:  # An address that fits data_sm may be too long for deliver_sm.
                log.warning("delivery given up", system_id=self.system_id[:16], why=str(error))
                counts.dropped += 1
                delivery.finish(Status.RSYSERR)
                continue
            if delivery.is_receipt:
                counts.receipts_sent += 1
            else:
                counts.inbound_sent += 1
