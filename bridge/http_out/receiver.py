"""What a carrier tells us on our own HTTP listeners: receipts and texts from handsets, answered after the commit.

The path is /carrier/LINK/TOKEN/receipt, and /carrier/LINK/TOKEN/text. The token is the only proof of who speaks, and is
compared in constant time. What cannot be read is answered 400, what the ledger cannot take just now 503: carriers send
it again then.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from bridge import failpoints
from bridge.dialects import notices
from bridge.dialects.mapping import Mapping, Reply
from bridge.http_out.request import RECEIPTS, TEXTS
from bridge.http_out.settings import HttpLinkSettings
from bridge.ledger.worker import LedgerFailed
from bridge.messages.faults import Fault
from bridge.messages.inbound import InboundPart
from bridge.messages.receipt import Receipt
from bridge.runtime import logs
from bridge.runtime.batches import Batches
from bridge.runtime.link_ledger import ReceiveLedger
from bridge.runtime.loop import now_ms, running, spawn
from bridge.runtime.web_site import WebRequest, answer

RECEIVE_MAX = 50
"""Requests in one call of the ledger; some carriers send a hundred receipts in each."""
WAITING_MAX = 5_000
"""Requests not yet stored; what comes beyond them is put off."""

log = logs.get("link")

Arrival = Receipt | InboundPart


class HttpReceiver:
    """The receiving half of one link."""

    def __init__(
        self,
        settings: HttpLinkSettings,
        mapping: Mapping,
        ledger: ReceiveLedger,
        told: Callable[[], Awaitable[None]],
    ) -> None:
        """`told` lets the ledger have what the carrier answered so far: a receipt may be about one of these parts."""
        self.receipts = 0
        self.inbound = 0
        self.put_off = 0
        self._name = settings.name
        self._errors = settings.errors
        self._token = settings.receipt_token
        self._mapping = mapping
        self._ledger = ledger
        self._told = told
        self._batches: Batches[tuple[list[Arrival], asyncio.Future[bool]]] = Batches(
            f"receive {self._name}", self._store, RECEIVE_MAX
        )

    async def drained(self, timeout_s: float) -> bool:
        """Wait until all that came is stored and answered; False when it took longer."""
        return await self._batches.drained(timeout_s)

    def is_known(self, token: bytes) -> bool:
        """Whether this is the link's token."""
        return self._token is not None and hmac.compare_digest(self._token.encode("ascii"), token)

    def reply_to(self, what: str) -> Reply | None:
        """What the carrier wants to hear; None when its mapping knows nothing of the kind."""
        mapping = {RECEIPTS: self._mapping.receipt, TEXTS: self._mapping.inbound}.get(what)
        return mapping.reply if mapping is not None else None

    def read(self, what: str, query: bytes, content_type: str, body: bytes) -> list[Arrival]:
        """What a request tells. Raises notices.Unreadable."""
        if what == RECEIPTS and self._mapping.receipt is not None:
            return [*notices.receipts(self._mapping.receipt, query, content_type, body, self._errors)]
        if what == TEXTS and self._mapping.inbound is not None:
            return [*notices.inbound(self._mapping.inbound, query, content_type, body)]
        return []

    async def take(self, arrivals: list[Arrival]) -> bool:
        """Have them stored; False when the ledger did not take them, and the carrier must send them again."""
        if not arrivals:
            return True
        if self._batches.count >= WAITING_MAX:
            self.put_off += len(arrivals)
            return False
        stored: asyncio.Future[bool] = running().create_future()
        self._batches.add((arrivals, stored))
        return await stored

    async def _store(self, batch: list[tuple[list[Arrival], asyncio.Future[bool]]]) -> None:
        is_stored = False
        await self._told()
        arrivals = [arrival for some, _ in batch for arrival in some]
        try:
            await self._ledger.receive(self._name, arrivals, now_ms())
            is_stored = True
        except (Fault, LedgerFailed) as trouble:  # The carrier must send it again.
            log.error("receive put off", link=self._name, count=len(arrivals), why=str(trouble))
        except Exception:  # The receiver's outermost hook: our bug, met by one request and not by its neighbours.
            log.exception("receive failed", link=self._name, count=len(arrivals))
            if len(batch) > 1:
                for one in batch:
                    await self._store([one])
                return
        self._count(arrivals, is_stored=is_stored)
        for _, stored in batch:
            if not stored.done():
                stored.set_result(is_stored)
        failpoints.reach("link.acknowledged")

    def _count(self, arrivals: list[Arrival], *, is_stored: bool) -> None:
        receipts = sum(isinstance(arrival, Receipt) for arrival in arrivals)
        if is_stored:
            self.receipts += receipts
            self.inbound += len(arrivals) - receipts
        else:
            self.put_off += len(arrivals)


class CarrierResource(Resource):
    """Everything under /carrier: finds the link's receiver by the path."""

    isLeaf = True

    def __init__(self, find: Callable[[str], HttpReceiver | None]) -> None:
        """`find` gives the receiver of a link by its name, None for a link that does not take anything."""
        super().__init__()
        self._find = find

    def render_GET(self, request: WebRequest) -> int:
        return self._render(request)

    def render_POST(self, request: WebRequest) -> int:
        return self._render(request)

    def _render(self, request: WebRequest) -> int:
        steps: list[bytes] = request.postpath or []
        path = [step.decode("utf-8", "replace") for step in steps]
        receiver = self._find(path[0]) if len(path) == 3 else None
        if receiver is None or not receiver.is_known(steps[1]) or receiver.reply_to(path[2]) is None:
            answer(request, 404, "Nothing here\n")
            return NOT_DONE_YET
        spawn(self._take(request, receiver, path[0], path[2]), "carrier request")
        return NOT_DONE_YET

    async def _take(self, request: WebRequest, receiver: HttpReceiver, link: str, what: str) -> None:
        reply = receiver.reply_to(what) or Reply()
        content_type: Any = request.getHeader(b"content-type") or b""
        try:
            arrivals = receiver.read(what, request.query, content_type.decode("latin-1"), request.body)
        except notices.Unreadable as why:
            log.warning("unreadable", link=link, what=what, why=str(why))
            answer(request, 400, f"Not understood: {why}\n")
            return
        except Exception:  # The endpoint's outermost hook: our bug, and temporary to the carrier.
            log.exception("receive failed", link=link, what=what)
            answer(request, 503, "Try again later\n", headers={"Retry-After": "10"})
            return
        if await receiver.take(arrivals):
            answer(request, reply.status, reply.body, content_type=reply.content_type)
        else:
            answer(request, 503, "Try again later\n", headers={"Retry-After": "10"})
