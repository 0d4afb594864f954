"""Parts go out over HTTP: claims from the ledger what window and pace allow, asks for each, and settles the answers.

As on SMPP links the claim is committed before the first octet leaves. A request stands for one part, or for all parts
of one message where the carrier takes whole texts: then the parts are gathered as they are claimed, and sent together.

    ready <-> throttled
      |         |
      +--> lost +      (no connection, or the carrier does not know us; from there, after a while, one try at a time)
"""

import asyncio
import random
from dataclasses import dataclass, field

from bridge import failpoints
from bridge.dialects.answers import judge
from bridge.dialects.mapping import Action, LongTexts, Mapping
from bridge.http_out import outcome
from bridge.http_out.request import Requests, Unsendable, reference
from bridge.http_out.settings import HttpLinkSettings
from bridge.messages.message import ClaimedPart
from bridge.runtime import logs
from bridge.runtime.backoff import Backoff
from bridge.runtime.books import Books, Counts
from bridge.runtime.link_ledger import SendLedger
from bridge.runtime.loop import monotonic_ms, now_ms, running, spawn
from bridge.runtime.pacer import Pacer
from bridge.runtime.waiting import happens
from bridge.runtime.web_answer import WebAnswer
from bridge.runtime.web_client import NotSent, Unanswered, WebCall, WebClient

RETRY_S = 1.0
"""Wait after the ledger failed us."""
POLL_S = 1.0
"""How long a claim waits in the ledger: then the queue is looked at for parts whose time has come."""
GATHER_S = 5.0
"""How long the parts of a message that were claimed wait for the others. They are due at the same time; where one is
missing for longer it has gone another way, and the rest goes without it."""
GATHER_MAX = 1000
"""Parts that wait so; beyond it the oldest message goes as it is."""

log = logs.get("link")


@dataclass(slots=True)
class _Gathered:
    """Parts of one message that wait for the rest of it."""

    since: float
    """On the loop's clock."""
    parts: list[ClaimedPart] = field(default_factory=list)


class HttpSender:
    """The sending half of one link."""

    def __init__(
        self,
        settings: HttpLinkSettings,
        mapping: Mapping,
        requests: Requests,
        client: WebClient,
        ledger: SendLedger,
        backoff: Backoff,
    ) -> None:
        self._name = settings.name
        self._window = settings.window
        self._hold_ms = round(settings.in_doubt_hold_s * 1000)
        self._mapping = mapping
        self._requests = requests
        self._client = client
        self._ledger = ledger
        self._backoff = backoff
        self._pacer = Pacer(settings.parts_per_second, monotonic_ms())
        self._originator_rate = settings.originator_parts_per_second or 0.0
        self._books = Books(settings.name, ledger)
        self._gathered: dict[str, _Gathered] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None
        self.trouble = ""
        """Why the last try failed; "" when the carrier answered."""
        self.since_ms = now_ms()
        """Since when it stands as it does."""
        self._next_try_ms = 0
        """Monotonic; nothing is claimed before."""

    def start(self) -> None:
        """Begin to claim."""
        self._task = spawn(self._run(), f"send {self._name}")

    async def stop(self, answers_wait_s: float) -> None:
        """Claim no more; wait for the answers that are due, at most `answers_wait_s`; the rest is in doubt."""
        self._is_stopping = True
        self._news.set()
        if self._task is not None:
            self._ledger.wake_link(self._name)
            await asyncio.wait({self._task})
        for message_id in list(self._gathered):
            for part in self._gathered.pop(message_id).parts:
                self._unwritten(part, "the link stopped before the part was sent")
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=answers_wait_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def settled(self, timeout_s: float) -> bool:
        """Wait until the ledger knows every outcome; False when it did not take them in time."""
        return await self._books.closed(timeout_s)

    async def told(self) -> None:
        """Let the ledger have every answer so far before what it is asked next."""
        await self._books.told()

    # What the link asks

    @property
    def counts(self) -> Counts:
        """What was done since the process started."""
        return self._books.counts

    @property
    def unanswered(self) -> int:
        """Requests sent and not yet answered."""
        return len(self._sending)

    @property
    def parts_per_second(self) -> float:
        """The present pace; 0 for no limit."""
        return round(self._pacer.rate, 2)

    @property
    def is_throttled(self) -> bool:
        """Whether the carrier made us slower."""
        return self._pacer.is_slowed

    @property
    def next_try_at_ms(self) -> int:
        """When the next try is made, ms UTC; 0 when none is waited for."""
        left_ms = self._next_try_ms - monotonic_ms()
        return now_ms() + left_ms if self.trouble and left_ms > 0 else 0

    def hurry(self) -> bool:
        """Try now what waits for its next try; False when nothing does."""
        is_waiting = bool(self.next_try_at_ms)
        self._next_try_ms = 0
        self._news.set()
        return is_waiting

    def throttle(self, parts_per_second: float | None) -> None:
        """Send so many parts per second at most; None: no limit."""
        self._pacer.set_rate(parts_per_second, monotonic_ms())
        self._news.set()
        self._ledger.wake_link(self._name)  # What waits there was asked for at the old pace.

    def waiting_reason(self) -> str:
        """What holds a due part up while the carrier can be reached; "" for nothing."""
        if self._pacer.is_slowed:
            return f"link {self._name} was throttled by the carrier and sends {self._pacer.rate:.3g} parts/s"
        if len(self._sending) >= self._window:
            return f"link {self._name} waits for the answers to {len(self._sending)} requests (its window is full)"
        if self._pacer.rate:
            return f"link {self._name} sends {self._pacer.rate:.3g} parts/s at most"
        return ""

    # Claim and send

    async def _run(self) -> None:
        while not self._is_stopping:
            self._news.clear()
            self._send_overdue()
            count, pause_s = self._allowance()
            if count:
                await self._claim_and_send(count)
            else:
                await happens(self._news, pause_s)

    def _allowance(self) -> tuple[int, float | None]:
        """How many parts to claim now; when none, after how many seconds to look again (None: at the next news)."""
        now = monotonic_ms()
        if self.trouble and now < self._next_try_ms:
            return 0, (self._next_try_ms - now) / 1000
        # After trouble one request at a time, until one is answered.
        room = (1 if self.trouble else self._window) - len(self._sending)
        if room <= 0:
            return 0, GATHER_S if self._gathered else None
        count = self._pacer.allow(room, now)
        return count, None if count else self._pacer.wait_s(now)

    async def _claim_and_send(self, count: int) -> None:
        # What was answered is settled no later than the next parts are claimed, so that a crash never finds more
        # claims than the window is wide.
        await self.told()
        if self._is_stopping:
            return
        try:
            parts = await self._ledger.claim_when_due(self._name, count, POLL_S, self._originator_rate)
        except Exception:  # The sender's outermost hook: a ledger in trouble must not end the link.
            log.exception("claim failed", link=self._name)
            await asyncio.sleep(RETRY_S)
            return
        for part in parts:
            if self._is_stopping:
                self._unwritten(part, "the link stopped before the part was sent")
            elif self._mapping.long_texts is LongTexts.WHOLE and part.part_total > 1:
                self._gather(part)
            else:
                self._send([part])

    def _gather(self, part: ClaimedPart) -> None:
        gathered = self._gathered.setdefault(part.message_id, _Gathered(running().time()))
        gathered.parts.append(part)
        if len(gathered.parts) == part.part_total:
            self._send(self._gathered.pop(part.message_id).parts)
        elif sum(len(each.parts) for each in self._gathered.values()) > GATHER_MAX:
            self._send(self._gathered.pop(next(iter(self._gathered))).parts)

    def _send_overdue(self) -> None:
        """Send what has waited too long for the rest of its message."""
        oldest = running().time() - GATHER_S
        for message_id in [name for name, each in self._gathered.items() if each.since <= oldest]:
            parts = self._gathered.pop(message_id).parts
            log.warning("sent without the rest", link=self._name, message=message_id, parts=len(parts))
            self._send(parts)

    def _send(self, parts: list[ClaimedPart]) -> None:
        parts.sort(key=lambda part: part.part_no)
        task = spawn(self._ask(parts), f"request {self._name}")
        self._sending.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._news.set()

    async def _ask(self, parts: list[ClaimedPart]) -> None:
        """Ask for the parts, and enter what became of them."""
        call = self._call(parts)
        if call is None:
            return
        self._pacer.wrote(len(parts), monotonic_ms())
        self.counts.written += len(parts)
        failpoints.reach("link.written")
        try:
            answer = await self._client.call(call)
        except NotSent as why:
            self._lost(str(why))
            for part in parts:
                self._unwritten(part, f"the carrier could not be reached: {why}")
        except Unanswered as why:
            self._doubt(parts, f"no answer from the carrier: {why}")
        except asyncio.CancelledError:
            self._doubt(parts, "the link stopped before the carrier answered")
            raise
        except Exception:  # The outermost hook of a request: our bug, and nobody knows whether it had left.
            log.exception("request failed", link=self._name, message=parts[0].message_id)
            self._doubt(parts, "our own trouble while it was sent")
        else:
            failpoints.reach("link.answered")
            self._answered(parts, answer)

    def _call(self, parts: list[ClaimedPart]) -> WebCall | None:
        """The request; None when there is no way to ask for these parts, which is entered."""
        try:
            filled = self._requests.of(parts, now_ms())
        except Unsendable as why:
            reason = str(why)
        except Exception as error:  # One part that cannot be written must not stop those behind it.
            log.exception("part unsendable", link=self._name, message=parts[0].message_id)
            reason = f"it cannot be sent: {type(error).__name__}"
        else:
            return WebCall(filled.method, filled.url, filled.fields, filled.body)
        for part in parts:
            self._books.enter(part, outcome.unsendable(part, reason, now_ms()))
        return None

    def _answered(self, parts: list[ClaimedPart], answer: WebAnswer) -> None:
        verdict = judge(self._mapping, answer.status, answer.field("content-type"), answer.body)
        moment = self._moment(answer.field("retry-after"))
        own_id = reference(parts[0]) if self._mapping.id.own else ""
        for part, each in zip(parts, outcome.outcomes(parts, verdict, moment, own_id), strict=True):
            self._books.enter(part, each)
        if verdict.action is Action.LOGIN:
            self._lost(f"the carrier does not accept our account or password: {verdict.reason}", is_refused=True)
            return
        self._reached()
        if verdict.action is Action.SLOW:
            self._pacer.throttled(monotonic_ms())
            self._ledger.wake_link(self._name)  # What waits there was asked for at the old pace.
        elif verdict.action is Action.SUBMITTED:
            self._pacer.accepted(monotonic_ms())

    def _moment(self, retry_after: str = "") -> outcome.Moment:
        seconds = int(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 7 else 0
        fraction = random.random()  # noqa: S311 - spreads waits, hides nothing
        return outcome.Moment(now_ms(), self._hold_ms, fraction, seconds * 1000)

    def _doubt(self, parts: list[ClaimedPart], reason: str) -> None:
        moment = self._moment()
        for part in parts:
            self._books.enter(part, outcome.in_doubt(part, reason, moment))

    def _unwritten(self, part: ClaimedPart, reason: str) -> None:
        self._books.enter(part, outcome.unwritten(part, reason, now_ms()))

    def _lost(self, why: str, *, is_refused: bool = False) -> None:
        """Wait with the next try; several requests that fail together are one failure."""
        now = monotonic_ms()
        if not self.trouble or now >= self._next_try_ms:
            wait_s = self._backoff.next_delay_s(0, is_refused=is_refused)
            self._next_try_ms = now + round(wait_s * 1000)
            log.warning("link lost", link=self._name, why=why, next_try_s=round(wait_s, 1))
        if not self.trouble:
            self.since_ms = now_ms()
            self._ledger.wake_link(self._name)
        self.trouble = why
        self._news.set()

    def _reached(self) -> None:
        if self.trouble:
            log.info("link ready", link=self._name)
            self.trouble, self.since_ms = "", now_ms()
            self._backoff = self._backoff.fresh()
            self._news.set()
