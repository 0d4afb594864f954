"""Operations on links: how they stand, what they are told while they run, a new configuration, and their self-test."""

import asyncio
import time
from dataclasses import replace
from typing import Any

from bridge.app.answers.links import LinkLine, LinkPace, LinkReload, LinkRetry, LinkSelfTest, LinkTold
from bridge.app.config_errors import ConfigErrors
from bridge.app.operations.desk import Desk, own_actor
from bridge.app.settings import Settings
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import TEST_LINK
from bridge.routing.link_states import DRAINING, STARTED, STOPPED
from bridge.runtime import logs
from bridge.runtime.disk import Level
from bridge.runtime.loop import now_ms

RETRY_WAIT_S, RETRY_LOOK_S = 12.0, 0.05
"""How long a retry is awaited, a little longer than a bind may take by default; and how often one looks."""
RELOADED = frozenset({"links", "selftest"})
"""What a reload takes of a configuration; the rest of it needs a restart."""

log = logs.get("link")


class LinkOperations(Desk):
    """See `commands.LinkCommands`."""

    async def link_list(self) -> list[LinkLine]:
        """The configured links and how they stand, and the built-in one of test numbers."""
        waiting = (await self._ledger.read("queue"))["parts"]
        queued: dict[str, int] = {}
        for line in waiting:
            if line["state"] == "queued":
                queued[line["link"]] = queued.get(line["link"], 0) + line["count"]
        running = {status["link"]: status for status in self._links.status()} if self._links else {}
        spellings = await self._ledger.read("link_spellings")
        tests = await self._ledger.read("selftest_summary", now_ms=now_ms())
        disk = self._ledger.disk
        shut = "the disk is full: nothing is sent" if disk and disk.level is Level.NO_SENDING else ""
        built_in: LinkLine = {
            "name": TEST_LINK,
            "endpoint": "built in",
            "system_id": "",
            "state": "not running" if self._links is None else "ready",
            "since_at_ms": None,
            "reason": "for test numbers; no handset gets anything",
            "window_used": 0,
            "window_max": 0,
            "sessions_bound": 0,
            "sessions_total": 0,
            "spellings": {},
            "queued": queued.get(TEST_LINK, 0),
            "selftest": None,
        }
        configured: list[LinkLine] = [
            {
                "name": link.name,
                "endpoint": link.endpoint,
                "system_id": link.system_id,
                "state": running[link.name]["state"] if link.name in running else "not running",
                "since_at_ms": running[link.name]["since_ms"] if link.name in running else None,
                "reason": shut or (_reason(running[link.name]) if link.name in running else ""),
                "window_used": running[link.name]["unanswered"] if link.name in running else 0,
                "window_max": link.window_total,
                "sessions_bound": running[link.name]["sessions_bound"] if link.name in running else 0,
                "sessions_total": link.sessions_total,
                "spellings": spellings.get(link.name, {}),
                "queued": queued.get(link.name, 0),
                "selftest": tests.get(link.name),
            }
            for link in self._settings.links
        ]
        return [*configured, built_in]

    async def link_retry(self, *, name: str, actor: str = "") -> LinkRetry:
        """Have a link that waits for its next try connect now, and wait a while for what comes of it."""
        self._configured(name)
        link = self._links.links.get(name) if self._links is not None else None
        if self._links is None or link is None:
            raise Fault(FaultCode.NOT_FOUND, f"link {name}")
        if name in self._links.told and self._links.told[name].is_stopped:
            raise Fault(FaultCode.BAD_REQUEST, f"link {name} is stopped; `smsbridge link start {name}` starts it")
        had_waited = link.retry()
        if had_waited:
            log.info("link retried", link=name, by=actor or own_actor())
        deadline = time.monotonic() + RETRY_WAIT_S
        while link.is_trying:
            if time.monotonic() >= deadline:
                break
            await asyncio.sleep(RETRY_LOOK_S)
        status = link.status()
        return {
            "name": name,
            "had_waited": had_waited,
            "is_trying": link.is_trying,
            "sessions_bound": status["sessions_bound"],
            "sessions_total": status["sessions_total"],
            "reason": _reason(status),
        }

    # What people tell links

    async def link_stop(self, *, name: str, reason: str = "", actor: str = "") -> LinkTold:
        """Claim no more for a link, unbind it once what it sent is answered; what waits goes to other links."""
        return await self._tell(name, STOPPED, reason, actor)

    async def link_start(self, *, name: str, actor: str = "") -> LinkTold:
        """Let a link work again that was stopped or is being drained."""
        return await self._tell(name, STARTED, "", actor)

    async def link_drain(self, *, name: str, reason: str = "", actor: str = "") -> LinkTold:
        """Plan nothing new for a link; it sends what it has, and then it is stopped."""
        return await self._tell(name, DRAINING, reason, actor)

    async def _tell(self, name: str, state: str, reason: str, actor: str) -> LinkTold:
        """Have a link be in a state, also while the appliance does not run: it is so from the next start on."""
        self._configured(name)
        by = actor or own_actor()
        if self._links is None:
            done = await self._ledger.do("link_told", link=name, state=state, reason=reason, actor=by, now_ms=now_ms())
            return {"name": name, "was": done["was"], "state": state, "moved": 0}
        done = await self._links.tell(name, state, reason=reason, actor=by)
        moved = await self._watch.replan() if self._watch is not None and state == STOPPED else 0
        return {"name": name, "was": done["was"], "state": state, "moved": moved}

    async def link_throttle(
        self, *, name: str, parts_per_second: float | None, until_at_ms: int = 0, actor: str = ""
    ) -> LinkPace:
        """Have a link send so many parts a second at most, for a while or until told; None: as configured."""
        self._configured(name)
        by = actor or own_actor()
        if self._links is None:
            raise Fault(FaultCode.BAD_REQUEST, "the appliance is not running; `parts_per_second` configures a link")
        done = await self._links.pace(name, parts_per_second, until_ms=until_at_ms, actor=by)
        return {"name": name, "parts_per_second": done["parts_per_second"], "until_at_ms": until_at_ms or None}

    def _configured(self, name: str) -> None:
        if name == TEST_LINK:
            raise Fault(FaultCode.BAD_REQUEST, f"link {name} is built in and always ready")
        if all(link.name != name for link in self._settings.links):
            raise Fault(FaultCode.NOT_FOUND, f"link {name}")

    # A new configuration

    async def link_reload(self, *, actor: str = "") -> LinkReload:
        """Read the configuration again and take its links; with an error in it everything stays as it is."""
        if self._links is None or self._reread is None:
            raise Fault(FaultCode.BAD_REQUEST, "it runs on built-in defaults: there is no file to read again")
        by = actor or own_actor()
        try:
            reading = await asyncio.to_thread(self._reread)
            done = await self._links.reload(reading.settings.links)
        except ConfigErrors as wrong:
            return _not_reloaded([str(error) for error in wrong.errors])
        except (OSError, ValueError) as error:
            return _not_reloaded([str(error)])
        new = reading.settings
        self._settings = self._settings.model_copy(update={"links": list(self._links.settings)})
        if self._selftest is not None:
            self._selftest.usual = new.selftest
        header_sizes = {link.name: link.header_size for link in self._links.settings}
        self._door.tables = replace(self._door.tables, header_sizes=header_sizes)
        await self.read_tables()
        moved = await self._watch.replan() if self._watch is not None else 0
        answer: LinkReload = {
            "errors": [],
            "warnings": [str(warning) for warning in reading.warnings],
            "added": done.added,
            "removed": done.removed,
            "restarted": done.restarted,
            "failed": done.failed,
            "moved": moved,
            "needing_restart": _others(self._settings, new),
        }
        changed = "; ".join(
            f"{word} {' '.join(names)}"
            for word, names in (("added", done.added), ("removed", done.removed), ("restarted", done.restarted))
            if names
        )
        await self._ledger.do("links_noted", detail=changed or "no change", actor=by, now_ms=now_ms())
        log.info("links reloaded", by=by, changed=changed or "nothing", needing_restart=answer["needing_restart"])
        return answer

    # The self-test

    async def link_selftest_begin(self, *, name: str) -> LinkSelfTest:
        """Send a heartbeat through a link now."""
        self._configured(name)
        if self._selftest is None:
            raise Fault(FaultCode.BAD_REQUEST, "the appliance is not running: nothing would send it")
        await self._selftest.begin(name)
        return await self.link_selftest_show(name=name, count_max=1)

    async def link_selftest_show(self, *, name: str, count_max: int = 20) -> LinkSelfTest:
        """The newest heartbeats of a link, and what the last day of them says."""
        self._configured(name)
        summary = (await self._ledger.read("selftest_summary", now_ms=now_ms())).get(name)
        lines = await self._ledger.read("selftest_list", link=name, count_max=count_max)
        return {"name": name, "summary": summary, "heartbeats": lines}


def _others(before: Settings, now: Settings) -> list[str]:
    """Groups of settings that differ and that a reload does not take."""
    return [
        name for name in Settings.model_fields if name not in RELOADED and getattr(before, name) != getattr(now, name)
    ]


def _not_reloaded(errors: list[str]) -> LinkReload:
    for error in errors:
        log.error("links not reloaded", why=error)
    return {
        "errors": errors,
        "warnings": [],
        "added": [],
        "removed": [],
        "restarted": [],
        "failed": {},
        "moved": 0,
        "needing_restart": [],
    }


def _reason(status: dict[str, Any]) -> str:
    """What holds a link up, and which of its sessions is missing; its name and endpoint stand beside it."""
    why = status["waiting_reason"].removeprefix(f"link {status['link']} ")
    why = why.removeprefix(f"is not connected to {status['host']}:{status['port']}: ")
    return "; ".join(reason for reason in (why, status["sessions_reason"]) if reason)
