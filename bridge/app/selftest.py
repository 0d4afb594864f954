"""Heartbeats through the links: sent at their intervals, looked after, and told to whoever chooses links.

A link whose heartbeat gets no receipt within its limit is silent, and passed over until a later one is answered. Its
heartbeats go on meanwhile, for they are bound to their link.
"""

from datetime import UTC, datetime
from typing import Any, Protocol

from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import TEST_LINK
from bridge.routing.link_states import moment
from bridge.runtime import logs
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms
from bridge.runtime.selftest_settings import SelfTestSettings
from bridge.runtime.service import Periodic
from bridge.smpp_out.service import Links

LOOK_S = 1.0
VALIDITY_MS_MIN = 60_000
"""A heartbeat is worth sending until the next one is due, and a minute at least: a link may just be binding."""

log = logs.get("selftest")


class HasSelfTest(Protocol):
    """The settings of any link."""

    name: str
    selftest: SelfTestSettings | None


class SelfTest:
    """Sends heartbeats and judges links by them. `usual`: of links that have no setting of their own."""

    def __init__(self, ledger: LedgerClient, links: Links, usual: SelfTestSettings | None = None) -> None:
        self._ledger = ledger
        self._links = links
        self.usual = usual
        self._last_at_ms: dict[str, int] | None = None
        """By link, the last heartbeat; None: not read from the ledger yet."""
        self._is_open = True
        """Whether one may be under way."""

    def services(self) -> list[Periodic]:
        return [Periodic("selftest", LOOK_S, self.look)]

    def setting_of(self, name: str) -> SelfTestSettings | None:
        """The self-test of a link; None: it has none."""
        settings: HasSelfTest | None = next((each for each in self._links.settings if each.name == name), None)
        return None if settings is None else settings.selftest or self.usual

    async def look(self) -> None:
        """See what became of heartbeats, and send those that are due."""
        if self._last_at_ms is None:
            summary = await self._ledger.read("selftest_summary", now_ms=now_ms())
            self._last_at_ms = {name: line["last_at_ms"] for name, line in summary.items()}
            self._judge(summary)
        if self._is_open:
            await self._see()
        at_ms = now_ms()
        for name in list(self._links.links):
            setting = self.setting_of(name)
            # A clock that was set back must not keep heartbeats away for hours.
            passed_ms = abs(at_ms - self._last_at_ms.get(name, 0))
            if setting is not None and passed_ms >= setting.every_s * 1000 and not self._why_not(name):
                try:
                    await self._begin(name, setting)
                except Fault as fault:
                    self._last_at_ms[name] = at_ms  # Not once a second.
                    log.error("heartbeat not sent", link=name, why=str(fault))

    async def begin(self, name: str) -> str:
        """Send a heartbeat now; gives its public id. Raises Fault NOT_FOUND or BAD_REQUEST."""
        if name == TEST_LINK or name not in self._links.links:
            raise Fault(FaultCode.NOT_FOUND, f"link {name}")
        setting = self.setting_of(name)
        if setting is None:
            detail = f"link {name} has no self-test; `selftest` in the configuration gives it one"
            raise Fault(FaultCode.BAD_REQUEST, detail)
        if why := self._why_not(name):
            raise Fault(FaultCode.BAD_REQUEST, f"link {name} {why}")
        return await self._begin(name, setting)

    def _why_not(self, name: str) -> str:
        """Why no heartbeat goes through a link: people stopped it or drain it."""
        told = self._links.told.get(name)
        return told.trouble if told is not None else ""

    async def _begin(self, name: str, setting: SelfTestSettings) -> str:
        at_ms = now_ms()
        begun = await self._ledger.do(
            "selftest_begin",
            link=name,
            recipient=setting.recipient,
            originator=setting.originator,
            text=setting.words(name, f"{datetime.fromtimestamp(at_ms / 1000, UTC):%H:%M:%S}Z"),
            limit_ms=round(setting.limit_s * 1000),
            validity_ms=max(VALIDITY_MS_MIN, round(setting.every_s * 1000)),
            now_ms=at_ms,
        )
        if self._last_at_ms is not None:
            self._last_at_ms[name] = at_ms
        self._is_open = True
        message_id: str = begun["message_id"]
        log.info("heartbeat", link=name, message=message_id)
        return message_id

    async def _see(self) -> None:
        seen = await self._ledger.do("selftest_look", now_ms=now_ms())
        # One that was given up as silent may still be answered: it is looked for while its link counts as silent.
        self._is_open = seen["is_open"]
        if seen["changed"]:
            for name, was, state in seen["changed"]:
                (log.warning if state in ("silent", "unsent", "failed") else log.info)(
                    f"heartbeat {state}", link=name, was=was
                )
            self._judge(await self._ledger.read("selftest_summary", now_ms=now_ms()))
        self._is_open = self._is_open or bool(self._links.silent)

    def _judge(self, summary: dict[str, dict[str, Any]]) -> None:
        self._links.silent = {
            name: f"its self-test has had no receipt within {line['limit_ms'] / 1000:g} s"
            f" since {moment(line['silent_since_ms'])}"
            for name, line in summary.items()
            if line["silent_since_ms"] and self.setting_of(name) is not None
        }
