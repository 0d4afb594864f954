"""Who is connected and who is bound: the places of the SMPP door, and the sessions of each account."""

import asyncio
import math
from dataclasses import replace
from typing import Any

from bridge.intake.authenticate import Identity
from bridge.messages.faults import Fault, FaultCode
from bridge.routing.pacing import Pace
from bridge.smpp.matrix import State
from bridge.smpp_in.connection import EsmeConnection

EVICTION_MS = 1_000
"""How long a connection without a bind keeps its place when somebody else needs it."""
BURST_S = 1.0
"""Seconds' worth of parts that an account may submit at once: its ESMEs count by the second."""

RECEIVING = (State.BOUND_RX, State.BOUND_TRX)
BIND_TYPES = {State.BOUND_TX: "transmitter", State.BOUND_RX: "receiver", State.BOUND_TRX: "transceiver"}


class Places:
    """The connections of all listeners, in all and per address."""

    def __init__(self, connections_max: int, per_address_max: int) -> None:
        self.connections_max = connections_max
        self._per_address_max = per_address_max
        self.open: set[EsmeConnection] = set()
        self._unbound: dict[EsmeConnection, int] = {}
        """Connections without a bind, the oldest first, and since when."""
        self._addresses: dict[str, int] = {}

    def take(self, connection: EsmeConnection, now_ms: int) -> bool:
        """Give the connection a place; when all are used, the one that has waited longest for its bind loses its own.

        False when its address has its share, or when nobody has waited for as long as EVICTION_MS.
        """
        address = connection.peer.ip
        if self._addresses.get(address, 0) >= self._per_address_max:
            return False
        if len(self.open) >= self.connections_max and not self._evict(now_ms):
            return False
        self.open.add(connection)
        self._unbound[connection] = now_ms
        self._addresses[address] = self._addresses.get(address, 0) + 1
        return True

    def _evict(self, now_ms: int) -> bool:
        oldest = next(iter(self._unbound), None)
        if oldest is None or now_ms - self._unbound[oldest] < EVICTION_MS:
            return False
        self.leave(oldest)
        oldest.abort("its place was needed and it had not bound")
        return True

    def bound(self, connection: EsmeConnection) -> None:
        """The connection has a bind, and keeps its place."""
        self._unbound.pop(connection, None)

    def leave(self, connection: EsmeConnection) -> None:
        self._unbound.pop(connection, None)
        if connection not in self.open:
            return
        self.open.discard(connection)
        left = self._addresses[connection.peer.ip] - 1
        if left:
            self._addresses[connection.peer.ip] = left
        else:
            del self._addresses[connection.peer.ip]


class EsmeAccount:
    """One account's bound sessions, and what they share: who they are, and how fast they may submit."""

    def __init__(self, identity: Identity) -> None:
        self.account_id = identity.account_id
        self.name = identity.account_name
        self.identities: dict[int, Identity] = {}
        """By credential: a session submits with the rights of the credential that it bound with."""
        self.sessions: list[EsmeConnection] = []
        self.searching = asyncio.Lock()
        """Held by a cancel_sm without an id: the ledger reads thousands of messages for it, so one comes at a time."""
        self._next = 0
        self.rules = identity.smpp
        self._pace: Pace | None = None

    def renew(self, identity: Identity) -> None:
        """The account as it is now."""
        if identity.smpp.parts_per_second != self.rules.parts_per_second:
            self._pace = None
        self.rules = identity.smpp
        self.identities[identity.credential_id] = identity

    def join(self, connection: EsmeConnection, identity: Identity) -> None:
        """Count a session that is about to be bound. Raises Fault NOT_ALLOWED_HERE when the account has too many."""
        self.renew(identity)
        if len(self.sessions) >= self.rules.binds_max:
            raise Fault(
                FaultCode.NOT_ALLOWED_HERE,
                private=f"it has all its sessions, {self.rules.binds_max}; see `account set --smpp-binds`",
            )
        self.sessions.append(connection)
        connection.account = self
        connection.account_id, connection.account_name = self.account_id, self.name
        connection.credential_id = identity.credential_id

    def leave(self, connection: EsmeConnection) -> None:
        """The session's place is free, at once."""
        if connection in self.sessions:
            self.sessions.remove(connection)
        connection.account = None

    def may_submit(self, parts: int, now_ms: int) -> bool:
        """Whether so many parts are within the account's throughput now; they are counted then."""
        if not self.rules.parts_per_second:
            return True
        if self._pace is None:
            rate = self.rules.parts_per_second
            self._pace = Pace.of(rate, now_ms, max(1.0, rate * BURST_S))
        at_once = min(parts, int(self._pace.room))
        if self._pace.available(now_ms) < at_once:
            return False
        self._pace = self._pace.take(at_once, now_ms)
        if parts > at_once:  # More than a burst: the rest is paid for before anything grows again.
            owed_ms = math.ceil((parts - at_once) * 1000 / self.rules.parts_per_second)
            self._pace = replace(self._pace, at_ms=now_ms + owed_ms)
        return True

    @property
    def has_limit(self) -> bool:
        return self.rules.parts_per_second > 0

    # Receipts and inbound texts

    @property
    def receivers(self) -> list[EsmeConnection]:
        """Sessions that receipts and inbound texts may go to."""
        return [one for one in self.sessions if one.session.state in RECEIVING]

    def next_receiver(self) -> EsmeConnection | None:
        """The next session in turn with room for one more deliver_sm; None when none has any."""
        count = len(self.sessions)
        for step in range(count):
            at = (self._next + step) % count
            if self.sessions[at].room > 0:
                self._next = at + 1
                return self.sessions[at]
        return None


class Accounts:
    """The accounts whose ESMEs are or were bound since the start: as many as have SMPP, and they stay small."""

    def __init__(self) -> None:
        self._accounts: dict[int, EsmeAccount] = {}

    def of(self, identity: Identity) -> EsmeAccount:
        account = self._accounts.get(identity.account_id)
        if account is None:
            account = self._accounts[identity.account_id] = EsmeAccount(identity)
        return account

    def bound(self) -> list[EsmeAccount]:
        """Those with a session now."""
        return [account for account in self._accounts.values() if account.sessions]


def session_line(connection: EsmeConnection) -> dict[str, Any]:
    """One bound session in plain values, for people."""
    account = connection.account
    return {
        "account": account.name if account else "",
        "bind_type": BIND_TYPES.get(connection.session.state, ""),
        "version": version_name(connection.session.version),
        "address": connection.peer.ip,
        "tls": connection.peer.is_encrypted,
        "bound_at_ms": connection.bound_at_ms,
        "accepted": connection.accepted,
        "delivered": connection.delivered,
        "unanswered_by_us": connection.owed,
        "unanswered_by_esme": connection.session.unanswered_count,
        "window_max": connection.window_max,
    }


def version_name(version: int) -> str:
    """ "3.4" for 0x34."""
    return f"{version >> 4}.{version & 0x0F}"
