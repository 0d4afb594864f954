"""All links of the appliance as one service: started and stopped together, and told things one by one while they run.

What a link is told (stop, start, drain, a slower pace) is kept in the ledger before it happens, so it outlives every
restart. New links come and old ones go while the others run on:

    configured -> working -> draining -> stopped
                     ^          |           |
                     +----------+-----------+      (start)
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from bridge.messages.faults import Fault, FaultCode
from bridge.routing.link_states import DRAINING, STOPPED, Told
from bridge.runtime import logs
from bridge.runtime.loop import monotonic_ms, now_ms
from bridge.smpp_out.link import LinkLedger

AWAY_MS = 3_000
"""A link that is not connected for so long is passed over: it is not coming back at once, and an alarm fails over
within five seconds. A short break costs nobody the first choice."""
LEAVE_MS = 60_000
"""How long a link that is no longer configured sends what it has and nobody else can take."""

WORKING = frozenset({"bound", "throttled", "ready"})
"""States of links that can send."""

log = logs.get("link")


class AnyLink(Protocol):
    """What all kinds of links can do; see Link."""

    name: str

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def retry(self) -> bool: ...

    def throttle(self, parts_per_second: float | None) -> None:
        """Send so many parts per second at most; None: as configured."""

    def status(self) -> dict[str, Any]: ...

    def waiting_reason(self) -> str: ...

    @property
    def is_trying(self) -> bool: ...

    @property
    def hearing_ms(self) -> int: ...


class LinksLedger(LinkLedger, Protocol):
    """What all links together need of the ledger: see LedgerClient."""

    async def do(self, verb: str, **values: Any) -> Any: ...

    async def read(self, report: str, **values: Any) -> Any: ...


class Named(Protocol):
    """The settings of any link."""

    @property
    def name(self) -> str: ...


AnySettings = TypeVar("AnySettings", bound=Named)


@dataclass(slots=True)
class Reloaded:
    """What a new configuration changed: names of links."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Those that did not start as they are now, and why; they run on as they were, or not at all when they are new."""


class Links:
    """Starts and stops the configured links, finds one by its name, and lets people tell them things."""

    name = "links"

    def __init__(
        self, settings: Sequence[AnySettings], ledger: LinksLedger, make: Callable[[AnySettings, LinksLedger], AnyLink]
    ) -> None:
        """`make` gives a link of the kind that its settings are of."""
        self._ledger = ledger
        self._make: Callable[[Any, LinksLedger], AnyLink] = make
        self.settings: list[Any] = list(settings)
        """As they are now; the same list for the whole life of the process."""
        self.links: dict[str, AnyLink] = {each.name: make(each, ledger) for each in settings}
        self.told: dict[str, Told] = {}
        self.silent: Mapping[str, str] = {}
        """Links whose self-test is not answered, and why; the self-test's to set."""
        self.on_change: Callable[[], None] = lambda: None
        """Called when it may have changed which links are to be used."""
        self._leaving: dict[str, int] = {}
        """Links that are no longer configured, and when they are stopped at the latest (monotonic)."""
        self._away_since_ms: dict[str, int] = {}
        self._changing = asyncio.Lock()
        self._trouble: dict[str, str] = {}

    # The service

    async def start(self) -> None:
        """Begin to connect every link but those that people stopped; an SMSC that is away does not keep the appliance
        from starting."""
        self.told = {row["link"]: Told.of(row) for row in await self._ledger.read("link_states")}
        try:
            for name, link in self.links.items():
                await self._start(name, link)
        except BaseException:
            await self.stop()
            raise
        self._look_again()

    async def stop(self) -> None:
        """Stop all links at once: each may wait for its last answers. One that fails does not cut the others short."""
        names = [name for name in self.links if not self._is_stopped(name)]
        stopped = await asyncio.gather(*(self.links[name].stop() for name in names), return_exceptions=True)
        for name, error in zip(names, stopped, strict=True):
            if isinstance(error, BaseException):
                log.error("link did not stop", link=name, exc_info=error)

    async def _start(self, name: str, link: AnyLink) -> None:
        if self._is_stopped(name):
            return
        told = self.told.get(name)
        if told is not None and (pace := told.pace(now_ms())) is not None:
            link.throttle(pace)
        await link.start()

    def _is_stopped(self, name: str) -> bool:
        return name in self.told and self.told[name].is_stopped

    # What people tell

    async def tell(self, name: str, state: str, *, reason: str = "", actor: str = "") -> dict[str, Any]:
        """Have a link be STARTED, DRAINING or STOPPED, and wait until it is so; a drained one stops later by itself.

        Gives {"was": the state before}. Raises Fault NOT_FOUND, or BAD_REQUEST for a stopped link that is to drain.
        """
        async with self._changing:
            self._known(name)
            if state == DRAINING and self._is_stopped(name):
                raise Fault(FaultCode.BAD_REQUEST, f"link {name} is stopped already")
            return await self._tell(name, state, reason, actor)

    async def _tell(self, name: str, state: str, reason: str, actor: str) -> dict[str, Any]:
        was_stopped = self._is_stopped(name)
        done = await self._ledger.do("link_told", link=name, state=state, reason=reason, actor=actor, now_ms=now_ms())
        await self._read_told()
        if done["was"] != state:
            log.warning(f"link {state}", link=name, by=actor, reason=reason)
        if state == STOPPED and not was_stopped:
            self._look_again()  # Before it stops: nothing new is to be planned for it.
            await self.links[name].stop()
        elif was_stopped and state != STOPPED:
            self.links[name] = link = self._make(self._settings_of(name), self._ledger)
            await self._start(name, link)
        self._look_again()
        return {"was": done["was"]}

    async def pace(
        self, name: str, parts_per_second: float | None, *, until_ms: int = 0, actor: str = ""
    ) -> dict[str, Any]:
        """Have a link send so many parts per second at most, until `until_ms` (0: until told); None: as configured.

        Raises Fault NOT_FOUND, or BAD_REQUEST for a pace that is no slower than the configured one.
        """
        async with self._changing:
            self._known(name)
            most = self._settings_of(name).parts_per_second
            if parts_per_second is not None and most is not None and parts_per_second > most:
                detail = f"link {name} is configured to send {most:g} parts/s at most; change its settings for more"
                raise Fault(FaultCode.BAD_REQUEST, detail)
            await self._ledger.do(
                "link_paced",
                link=name,
                parts_per_second=parts_per_second,
                until_ms=until_ms if parts_per_second is not None else 0,
                actor=actor,
                now_ms=now_ms(),
            )
            await self._read_told()
            if not self._is_stopped(name):
                self.links[name].throttle(parts_per_second)
            log.warning("link paced", link=name, by=actor, parts_per_second=parts_per_second or "as configured")
            return {"parts_per_second": parts_per_second or most or 0.0}

    def _known(self, name: str) -> None:
        if name not in self.links or name in self._leaving:
            raise Fault(FaultCode.NOT_FOUND, f"link {name}")

    def _settings_of(self, name: str) -> Any:
        return next(each for each in self.settings if each.name == name)

    async def _read_told(self) -> None:
        self.told = {row["link"]: Told.of(row) for row in await self._ledger.read("link_states")}

    # A new configuration

    async def reload(self, settings: Sequence[Any]) -> Reloaded:
        """Take a new list of links: what is new starts, what is gone is drained, what differs is restarted.

        All others run on. Raises what `make` raises for settings that cannot be used; then nothing has changed.
        """
        async with self._changing:
            before = {each.name: each for each in self.settings}
            new = {each.name: each for each in settings}
            made = {
                name: self._make(each, self._ledger)
                for name, each in new.items()
                if name not in before or _differ(before[name], each)
            }
            done = Reloaded(
                added=[name for name in made if name not in before],
                removed=[name for name in before if name not in new],
                restarted=[name for name in made if name in before],
            )
            self.settings[:] = settings
            for name in done.removed:
                self._leaving[name] = monotonic_ms() + LEAVE_MS
            self._look_again()
            await asyncio.gather(*(self._replace(name, link, before, done) for name, link in made.items()))
            self.links = {name: self.links[name] for name in [*new, *self._leaving] if name in self.links}
            self._look_again()
        await self.watch()
        return done

    async def _replace(self, name: str, link: AnyLink, before: Mapping[str, Any], done: Reloaded) -> None:
        """Let a link run as it is configured now, in place of the one that runs; a failure is told in `done`."""
        self._leaving.pop(name, None)
        old = self.links.get(name)
        if old is not None and not self._is_stopped(name):
            await old.stop()
        self.links[name] = link
        try:
            await self._start(name, link)
        except (OSError, ValueError) as error:
            log.error("link did not start", link=name, reason=str(error))
            done.failed[name] = str(error)
            if name not in before:
                return
            self.settings[[each.name for each in self.settings].index(name)] = before[name]
            self.links[name] = again = self._make(before[name], self._ledger)
            await self._start(name, again)

    # What the clock does

    async def watch(self) -> None:
        """Once a second: stop what is drained, end what was slowed for a while, see which links are away."""
        self._see_who_is_away()  # Not behind a link that takes long to stop.
        self._look_again()
        async with self._changing:
            for name, told in list(self.told.items()):
                if name not in self.links:
                    continue
                if told.is_draining and await self._is_empty(name):
                    reason = f"drained; {told.reason}" if told.reason else "drained"
                    await self._tell(name, STOPPED, reason, told.actor)
                elif told.parts_per_second is not None and told.pace(now_ms()) is None:
                    await self._end_pace(name)
            for name, until_ms in list(self._leaving.items()):
                if self._is_stopped(name) or monotonic_ms() >= until_ms or await self._is_empty(name):
                    await self._leave(name)
        self._look_again()

    async def _is_empty(self, name: str) -> bool:
        load = await self._ledger.read("link_load", link=name)
        return not any(load.values()) and not self.links[name].status()["unanswered"]

    async def _end_pace(self, name: str) -> None:
        await self._ledger.do("link_paced", link=name, parts_per_second=None, actor="", now_ms=now_ms())
        await self._read_told()
        if not self._is_stopped(name):
            self.links[name].throttle(None)
        log.info("link paced", link=name, parts_per_second="as configured")

    async def _leave(self, name: str) -> None:
        link = self.links[name]
        if not self._is_stopped(name):
            await link.stop()
        del self.links[name], self._leaving[name]
        log.warning("link removed", link=name, hint="it is no longer in the configuration")

    def _see_who_is_away(self) -> None:
        now = monotonic_ms()
        for name, link in self.links.items():
            if self._is_stopped(name) or _can_be_tried(link.status()):
                self._away_since_ms.pop(name, None)
            else:
                self._away_since_ms.setdefault(name, now)
        for name in self._away_since_ms.keys() - self.links.keys():
            del self._away_since_ms[name]

    # Which links are to be used

    def _look_again(self) -> None:
        trouble = self._find_trouble()
        if trouble != self._trouble:
            self._trouble = trouble
            self.on_change()

    @property
    def trouble(self) -> dict[str, str]:
        """Links that are not to be used for new messages, and why, as the end of "passed over: "."""
        return dict(self._trouble)

    @property
    def standing(self) -> dict[str, str]:
        """Links whose waiting parts are to go another way, and why: all in trouble but those that are drained."""
        return {name: why for name, why in self._trouble.items() if not self._drains(name)}

    def _drains(self, name: str) -> bool:
        return name in self.told and self.told[name].is_draining and name not in self._leaving

    def _find_trouble(self) -> dict[str, str]:
        found: dict[str, str] = {}
        now = monotonic_ms()
        for name, link in self.links.items():
            told = self.told.get(name)
            if name in self._leaving:
                found[name] = "it is no longer in the configuration"
            elif told is not None and told.trouble:
                found[name] = f"it {told.trouble}"
            elif now - self._away_since_ms.get(name, now) >= AWAY_MS:
                found[name] = f"it is not connected: {link.status()['trouble'] or 'still trying'}"
            elif name in self.silent:
                found[name] = self.silent[name]
        return found

    # What people ask

    def status(self) -> list[dict[str, Any]]:
        """Facts about every link, in the order of the configuration."""
        return [self._status(name, link) for name, link in self.links.items()]

    def _status(self, name: str, link: AnyLink) -> dict[str, Any]:
        line = link.status()
        told = self.told.get(name)
        line["pace_words"] = told.pace_words(now_ms()) if told is not None else ""
        if told is not None and told.trouble:
            line |= {"state": told.state, "since_ms": told.since_ms}
        if name in self._leaving:
            line["state"] = "leaving"
        return line | {"waiting_reason": self.waiting_reason(name)}

    def hearing_ms(self) -> dict[str, int]:
        """For how long each link, by name, could hear receipts without a break until now; 0: it cannot."""
        return {name: link.hearing_ms for name, link in self.links.items()}

    def stopped_words(self, name: str) -> str:
        """By whom a link was stopped, since when and why, as one sentence; "" when it is not."""
        return f"link {name} {self.told[name].trouble}" if self._is_stopped(name) else ""

    def waiting_reason(self, name: str) -> str:
        """Why parts of link `name` wait, as one sentence; "" when nothing holds them up."""
        link = self.links.get(name)
        if link is None:
            return f"no link is called {name}"
        if stopped := self.stopped_words(name):
            return stopped
        told = self.told.get(name)
        reason = link.waiting_reason()
        if told is not None and (words := told.pace_words(now_ms())):
            return f"{reason}; it {words}" if reason else f"link {name} {words}"
        return reason


def _can_be_tried(status: Mapping[str, Any]) -> bool:
    """Whether a part would go out, or at least find out whether it can: links without sessions try with a part only."""
    has_time_come = status["state"] == "lost" and not status["sessions_total"] and not status["next_try_at_ms"]
    return status["state"] in WORKING or has_time_come


def _differ(before: Any, now: Any) -> bool:
    """Whether a link has to be restarted: its self-test goes on beside it, whatever its settings."""
    return bool(before.model_copy(update={"selftest": None}) != now.model_copy(update={"selftest": None}))
