"""One link: keeps its sessions bound to the SMSC, comes back after every loss, and says how it stands.

    starting -> binding -> bound <-> throttled
                   |          |         |
                   +--------> lost <----+      (and from lost, after a while, to starting)

A link stands as its best session for sending does. Its sessions are bound one after the other, and until the first
one is, the others are not tried: what keeps one out keeps them all out, and carriers lock accounts that knock often.
"""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from bridge.runtime import logs
from bridge.runtime.backoff import Backoff
from bridge.runtime.link_ledger import ReceiveLedger, SendLedger
from bridge.runtime.loop import now_ms, spawn
from bridge.runtime.waiting import happens
from bridge.smpp_out.asker import Asker, AskLedger
from bridge.smpp_out.endpoint import endpoint_of
from bridge.smpp_out.receiver import Receiver
from bridge.smpp_out.sender import Sender
from bridge.smpp_out.session import LinkSession, SessionState, Traffic, Way
from bridge.smpp_out.settings import LinkSettings
from bridge.smpp_out.turns import Turns

ANSWERS_WAIT_S = 10.0
"""At a clean stop: how long the answers to what was sent are awaited."""
STORE_WAIT_S = 12.0
"""At a clean stop: how long the ledger may take to store what came in and what became of the parts. Longer than a
stranger's lock on the ledger may keep one try (5 s), or the carrier's yes would be forgotten."""

WAYS: dict[str, tuple[Way, ...]] = {"transceiver": (Way.BOTH,), "pair": (Way.OUT, Way.IN)}
_WORDS = {Way.BOTH: "transceiver", Way.OUT: "transmitter", Way.IN: "receiver"}

log = logs.get("link")


class LinkLedger(SendLedger, ReceiveLedger, AskLedger, Protocol):
    """What a link needs of the ledger."""


class LinkState(StrEnum):
    """How a link stands."""

    STARTING = "starting"
    BINDING = "binding"
    BOUND = "bound"
    THROTTLED = "throttled"
    LOST = "lost"
    STOPPED = "stopped"


class Link:
    """One configured upstream: a service with sessions, and a sending, a receiving and an asking half."""

    def __init__(self, settings: LinkSettings, ledger: LinkLedger, backoff: Backoff | None = None) -> None:
        self.name = f"link {settings.name}"
        self.settings = settings
        turns = Turns()
        self._sender = Sender(settings, ledger, turns)
        self._receiver = Receiver(settings, ledger, self._sender.told)
        self._asker = Asker(settings, ledger, turns, self._receiver.learned, self._sender.has_room)
        self._sessions = self._make_sessions(backoff or Backoff())
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._stopped_at_ms = 0

    def _make_sessions(self, backoff: Backoff) -> list[LinkSession]:
        traffic = Traffic(self._sender, self._receiver, self._asker)
        ways = WAYS[self.settings.bind] * self.settings.binds
        labels = [f"{number} ({_WORDS[way]})" if len(ways) > 1 else "" for number, way in enumerate(ways, 1)]
        return [
            LinkSession(self.settings, way, label, traffic, self._changed, backoff.fresh())
            for way, label in zip(ways, labels, strict=True)
        ]

    # The service

    async def start(self) -> None:
        """Begin to connect; returns at once, for the SMSC may be away. Raises OSError, ValueError for bad files."""
        self.settings.secret()
        endpoint_of(self.settings)
        self._task = spawn(self._keep_bound(), f"bind {self.settings.name}")
        self._sender.start()
        self._asker.start()

    async def stop(self) -> None:
        """Claim no more, wait for the answers that are due, unbind, close. Nothing is in doubt then, if they came."""
        if self._task is not None:
            self._task.cancel()
        await self._asker.stop()
        await self._sender.stop(ANSWERS_WAIT_S)
        await self._receiver.drained(STORE_WAIT_S)
        await asyncio.gather(*(session.close() for session in self._sessions))
        if not await self._sender.settled(STORE_WAIT_S):
            log.error("answers lost", link=self.settings.name, advice="the ledger did not take them; expect resends")
        self._stopped_at_ms = now_ms()

    async def _keep_bound(self) -> None:
        """Bind what is not bound: one try at a time, when its time has come."""
        while True:
            self._news.clear()
            session = self._next_to_bind()
            if session is None or session.wait_s:
                await happens(self._news, session.wait_s if session else None)
            else:
                await session.open()

    def _next_to_bind(self) -> LinkSession | None:
        """The session whose turn it is; None when all are bound."""
        away = [session for session in self._sessions if not session.is_bound]
        if len(away) == len(self._sessions):
            return away[0]
        return min(away, key=lambda session: session.wait_s, default=None)

    @property
    def is_trying(self) -> bool:
        """Whether a session is being bound, or is about to be."""
        session = self._next_to_bind()
        return session is not None and not session.wait_s

    def retry(self) -> bool:
        """Try now what waits for its next try, as after a loss; False when nothing does."""
        waiting = [session for session in self._sessions if session.state is SessionState.LOST and session.wait_s]
        for session in waiting:
            session.hurry()
        self._changed()
        return bool(waiting)

    def throttle(self, parts_per_second: float | None) -> None:
        """Send so many parts per second at most, from now on; None: as configured."""
        self._sender.throttle(self.settings.parts_per_second if parts_per_second is None else parts_per_second)

    def _changed(self) -> None:
        self._news.set()

    # What people ask

    @property
    def state(self) -> LinkState:
        """How the link stands now."""
        if self._stopped_at_ms:
            return LinkState.STOPPED
        state = self._best.state
        if state is SessionState.NEW:
            return LinkState.STARTING
        is_throttled = state is SessionState.BOUND and self._sender.is_throttled
        return LinkState.THROTTLED if is_throttled else LinkState(state.value)

    @property
    def _best(self) -> LinkSession:
        """The session for sending that stands best."""
        ranks = list(SessionState)
        senders = [session for session in self._sessions if session.can_send]
        return max(senders, key=lambda session: ranks.index(session.state))

    @property
    def hearing_ms(self) -> int:
        """For how long receipts could come in, on one session at least, until now; 0 while they cannot."""
        return max(session.bound_for_ms for session in self._sessions if session.can_receive)

    def status(self) -> dict[str, Any]:
        """Facts for the command line and the console; times are UTC milliseconds, 0 for none."""
        settings, best = self.settings, self._best
        peer = best.connection.session.peer_version if best.connection is not None else 0
        return {
            "link": settings.name,
            "state": self.state.value,
            "since_ms": self._stopped_at_ms or best.since_ms,
            "host": settings.host,
            "port": settings.port,
            "system_id": settings.system_id,
            "window": settings.window * settings.binds,
            "unanswered": self._sender.unanswered,
            "parts_per_second": self._sender.parts_per_second,
            "peer_version": peer,
            "sessions_bound": sum(session.is_bound for session in self._sessions),
            "sessions_total": len(self._sessions),
            "trouble": best.trouble,
            "next_try_at_ms": best.next_try_at_ms,
            "waiting_reason": self.waiting_reason(),
            "sessions_reason": self._sessions_reason(),
            **asdict(self._sender.counts),
            "receipts": self._receiver.receipts,
            "inbound": self._receiver.inbound,
            "put_off": self._receiver.put_off,
            "asked": self._asker.asked,
        }

    def waiting_reason(self) -> str:
        """Why a part that is due has not left yet, as one sentence; "" when nothing holds it up."""
        name = f"link {self.settings.name}"
        where = f"{self.settings.host}:{self.settings.port}"
        if self._stopped_at_ms:
            return f"{name} is stopped"
        best = self._best
        if best.state is SessionState.LOST:
            return f"{name} is not connected to {where}: {best.trouble}{_until(best)}"
        if best.state in (SessionState.NEW, SessionState.STARTING):
            return f"{name} is connecting to {where}"
        if best.state is SessionState.BINDING:
            return f"{name} waits for {where} to accept the bind"
        return self._sender.waiting_reason()

    def _sessions_reason(self) -> str:
        """Which of several sessions is missing, and why; "" when none is, or all are."""
        away = [session for session in self._sessions if not session.is_bound]
        if not away or len(away) == len(self._sessions):
            return ""
        first = away[0]
        why = first.trouble or "not bound yet"
        return f"session {first.label} is not bound: {why}{_until(first)}"


def _until(session: LinkSession) -> str:
    """When the next try is made, as the end of a sentence."""
    if not session.next_try_at_ms:
        return ""
    return f"; next try at {datetime.fromtimestamp(session.next_try_at_ms / 1000, UTC):%H:%M:%S}Z"
