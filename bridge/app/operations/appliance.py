"""Operations on the appliance as a whole: how it is, its links, its books."""

import asyncio
import os
import time
from typing import Any

from bridge.app.answers.appliance import DiskState, Injected, LinkLine, LinkRetry, Status
from bridge.app.operations.accounts import virtual_number
from bridge.app.operations.desk import Desk, own_actor
from bridge.app.version import version
from bridge.ledger.audit import FILE_CHECK
from bridge.ledger.worker import LedgerFailed, is_damage
from bridge.messages import address
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.message import TEST_LINK
from bridge.runtime import logs
from bridge.runtime.disk import Level

RETRY_WAIT_S, RETRY_LOOK_S = 12.0, 0.05
"""How long a retry is awaited, a little longer than a bind may take by default; and how often one looks."""
HANDSET_DIGITS_MIN = 3
"""Short codes write, too."""

log = logs.get("link")


class ApplianceOperations(Desk):
    """See `commands.ApplianceCommands`."""

    async def status(self) -> Status:
        """The appliance at a glance."""
        smtp = [("smtp", listen.address, listen.port, listen.tls) for listen in self._settings.smtp.listen]
        http = [
            ("http", listen.address, listen.port, "tls" if listen.tls else "none")
            for listen in self._settings.http.listen
        ]
        smpp = [
            ("smpp", listen.address, listen.port, "tls" if listen.tls else "none")
            for listen in self._settings.smpp.listen
        ]
        return {
            "version": version(),
            "pid": os.getpid(),
            "started_at_ms": self._started_at_ms,
            "state_folder": str(self._settings.state_folder.absolute()),
            "disk": self._disk_state(),
            "listeners": [{"door": d, "address": a, "port": p, "tls": t} for d, a, p, t in smtp + http + smpp],
            "links": await self.link_list(),
            "backup": self.backups.status(),
            "held": await self._ledger.read("held_count"),
        }

    def _disk_state(self) -> DiskState:
        disk = self._ledger.disk
        if disk is None:
            raise Fault(FaultCode.BAD_REQUEST, "nobody watches this ledger's disk")
        return {
            "level": disk.level.name.lower(),
            "free_bytes": disk.free,
            "total_bytes": disk.total,
            "needed_bytes": disk.needed,
            "ballast_bytes": disk.ballast.held,
        }

    async def link_list(self) -> list[LinkLine]:
        """The configured links and how they stand, and the built-in one of test numbers."""
        waiting = (await self._ledger.read("queue"))["parts"]
        queued: dict[str, int] = {}
        for line in waiting:
            if line["state"] == "queued":
                queued[line["link"]] = queued.get(line["link"], 0) + line["count"]
        running = {status["link"]: status for status in self._links.status()} if self._links else {}
        spellings = await self._ledger.read("link_spellings")
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
        }
        configured: list[LinkLine] = [
            {
                "name": link.name,
                "endpoint": f"{link.host}:{link.port}",
                "system_id": link.system_id,
                "state": running[link.name]["state"] if link.name in running else "not running",
                "since_at_ms": running[link.name]["since_ms"] if link.name in running else None,
                "reason": shut or (_reason(running[link.name]) if link.name in running else ""),
                "window_used": running[link.name]["unanswered"] if link.name in running else 0,
                "window_max": link.window * link.binds,
                "sessions_bound": running[link.name]["sessions_bound"] if link.name in running else 0,
                "sessions_total": link.sessions_total,
                "spellings": spellings.get(link.name, {}),
                "queued": queued.get(link.name, 0),
            }
            for link in self._settings.links
        ]
        return [*configured, built_in]

    async def link_retry(self, *, name: str, actor: str = "") -> LinkRetry:
        """Have a link that waits for its next try connect now, and wait a while for what comes of it."""
        if name == TEST_LINK:
            raise Fault(FaultCode.BAD_REQUEST, f"link {name} is built in and always ready")
        link = self._links.links.get(name) if self._links is not None else None
        if link is None:
            raise Fault(FaultCode.NOT_FOUND, f"link {name}")
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

    async def ledger_audit(self) -> dict[str, Any]:
        """Check every law of the ledger. Damage is a finding, also when it ends this appliance within a moment."""
        try:
            report: dict[str, Any] = await self._ledger.read("ledger_audit")
        except LedgerFailed as error:
            if not is_damage(error):
                raise
            return {"is_ok": False, "checks": [{"name": FILE_CHECK, "is_ok": False, "detail": str(error)}]}
        return report

    async def simulator_inbound(self, *, originator: str, recipient: str, text: str) -> Injected:
        """Let a handset of the built-in simulator write to one of our numbers."""
        if self._simulator is None:
            detail = "the built-in simulator is not running; `simulator` in the configuration turns it on"
            raise Fault(FaultCode.BAD_REQUEST, detail)
        if not self._simulator.is_bound:
            raise Fault(FaultCode.TRY_LATER, "no link is bound to the simulator; `smsbridge link list` says why")
        handset, number = _handset(originator), virtual_number(recipient)
        statuses = await self._simulator.send_inbound(handset, number, text)
        if any(statuses):
            raise Fault(FaultCode.TRY_LATER, "the link did not take it; its log says why")
        return {"part_total": len(statuses)}


def _handset(number: str) -> str:
    """The digits of a handset's number, as a carrier tells it. Raises Fault BAD_REQUEST."""
    digits = address.digits_of(number)
    if digits is None or not HANDSET_DIGITS_MIN <= len(digits) <= address.DIGITS_MAX:
        detail = f"FROM is the number of a handset, {HANDSET_DIGITS_MIN} to {address.DIGITS_MAX} digits: {number}"
        raise Fault(FaultCode.BAD_REQUEST, detail)
    return digits


def _reason(status: dict[str, Any]) -> str:
    """What holds a link up, and which of its sessions is missing; its name and endpoint stand beside it."""
    why = status["waiting_reason"].removeprefix(f"link {status['link']} ")
    why = why.removeprefix(f"is not connected to {status['host']}:{status['port']}: ")
    return "; ".join(reason for reason in (why, status["sessions_reason"]) if reason)
