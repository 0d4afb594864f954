"""Operations on the appliance as a whole: how it is, and its books."""

import os
from typing import Any

from bridge.app.answers.appliance import DiskState, Injected, Status
from bridge.app.operations.accounts import virtual_number
from bridge.app.operations.links import LinkOperations
from bridge.app.version import version
from bridge.ledger.audit import FILE_CHECK
from bridge.ledger.worker import LedgerFailed, is_damage
from bridge.messages import numbers
from bridge.messages.faults import Fault, FaultCode
from bridge.messages.number_plans import DIGITS_MAX
from bridge.runtime import logs

HANDSET_DIGITS_MIN = 3
"""Short codes write, too."""

log = logs.get("link")


class ApplianceOperations(LinkOperations):
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
    digits = numbers.digits_of(number)
    if digits is None or not HANDSET_DIGITS_MIN <= len(digits) <= DIGITS_MAX:
        detail = f"FROM is the number of a handset, {HANDSET_DIGITS_MIN} to {DIGITS_MAX} digits: {number}"
        raise Fault(FaultCode.BAD_REQUEST, detail)
    return digits
