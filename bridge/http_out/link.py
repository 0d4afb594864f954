"""One link to a carrier that speaks HTTP: a sending half, a receiving half, and how it stands."""

from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import urlsplit

from bridge.dialects.mapping import Mapping
from bridge.http_out.receiver import HttpReceiver
from bridge.http_out.request import Requests
from bridge.http_out.sender import HttpSender
from bridge.http_out.settings import HttpLinkSettings
from bridge.runtime import logs
from bridge.runtime.backoff import Backoff
from bridge.runtime.link_ledger import ReceiveLedger, SendLedger
from bridge.runtime.loop import monotonic_ms, now_ms
from bridge.runtime.web_client import Limits, WebClient

ANSWERS_WAIT_S = 10.0
"""At a clean stop: how long the answers to what was sent are awaited."""
STORE_WAIT_S = 12.0
"""At a clean stop: how long the ledger may take to store what came in and what became of the parts."""

log = logs.get("link")


class LinkLedger(SendLedger, ReceiveLedger, Protocol):
    """What a link needs of the ledger."""


class HttpState(StrEnum):
    """How a link stands."""

    READY = "ready"
    THROTTLED = "throttled"
    LOST = "lost"
    STOPPED = "stopped"


class HttpLink:
    """One configured upstream over HTTP: a service, and what people ask of it."""

    def __init__(
        self, settings: HttpLinkSettings, mapping: Mapping, ledger: LinkLedger, backoff: Backoff | None = None
    ) -> None:
        """Raises OSError or ValueError when the password or the authorities cannot be read."""
        self.name = f"link {settings.name}"
        self.settings = settings
        self._client = WebClient(
            Limits(
                allowed=tuple(settings.networks),
                ca_file=settings.ca_file,
                connect_timeout_s=settings.connect_timeout_s,
                timeout_s=settings.response_timeout_s,
            )
        )
        requests = Requests(settings, mapping, settings.secret())
        self._sender = HttpSender(settings, mapping, requests, self._client, ledger, backoff or Backoff())
        self.receiver = HttpReceiver(settings, mapping, ledger, self._sender.told)
        self._endpoint = urlsplit(settings.url or mapping.url).netloc
        self._made_ms = monotonic_ms()
        self._stopped_at_ms = 0

    # The service

    async def start(self) -> None:
        """Begin to claim; the carrier is spoken to when there is something to send."""
        self._sender.start()

    async def stop(self) -> None:
        """Claim no more, wait for the answers that are due, store what came in."""
        await self._sender.stop(ANSWERS_WAIT_S)
        await self.receiver.drained(STORE_WAIT_S)
        if not await self._sender.settled(STORE_WAIT_S):
            log.error("answers lost", link=self.settings.name, advice="the ledger did not take them; expect resends")
        await self._client.close()
        self._stopped_at_ms = now_ms()

    def retry(self) -> bool:
        """Try now what waits for its next try, as after a loss; False when nothing does."""
        return self._sender.hurry()

    def throttle(self, parts_per_second: float | None) -> None:
        """Send so many parts per second at most, from now on; None: as configured."""
        self._sender.throttle(self.settings.parts_per_second if parts_per_second is None else parts_per_second)

    @property
    def is_trying(self) -> bool:
        """Never by itself: it is tried with the next part."""
        return False

    # What people ask

    @property
    def state(self) -> HttpState:
        """How the link stands now."""
        if self._stopped_at_ms:
            return HttpState.STOPPED
        if self._sender.trouble:
            return HttpState.LOST
        return HttpState.THROTTLED if self._sender.is_throttled else HttpState.READY

    @property
    def hearing_ms(self) -> int:
        """For how long receipts could come in until now: our own listeners take them, also for a stopped link."""
        return monotonic_ms() - self._made_ms

    def status(self) -> dict[str, Any]:
        """Facts for the command line and the console; times are UTC milliseconds, 0 for none."""
        settings = self.settings
        return {
            "link": settings.name,
            "state": self.state.value,
            "since_ms": self._stopped_at_ms or self._sender.since_ms,
            "host": self._endpoint,
            "port": 0,
            "system_id": settings.account,
            "window": settings.window,
            "unanswered": self._sender.unanswered,
            "parts_per_second": self._sender.parts_per_second,
            "peer_version": 0,
            "sessions_bound": 0,
            "sessions_total": 0,
            "trouble": self._sender.trouble,
            "next_try_at_ms": self._sender.next_try_at_ms,
            "waiting_reason": self.waiting_reason(),
            "sessions_reason": "",
            **asdict(self._sender.counts),
            "receipts": self.receiver.receipts,
            "inbound": self.receiver.inbound,
            "put_off": self.receiver.put_off,
            "asked": 0,
        }

    def waiting_reason(self) -> str:
        """Why a part that is due has not left yet, as one sentence; "" when nothing holds it up."""
        name = f"link {self.settings.name}"
        if self._stopped_at_ms:
            return f"{name} is stopped"
        if trouble := self._sender.trouble:
            at_ms = self._sender.next_try_at_ms
            next_try = f"; next try at {datetime.fromtimestamp(at_ms / 1000, UTC):%H:%M:%S}Z" if at_ms else ""
            return f"{name} is lost: {trouble}{next_try}"
        return self._sender.waiting_reason()
