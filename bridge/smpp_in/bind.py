"""May this ESME bind? Judged from its name, its password, where it comes from and how many of its sessions are bound.

Every bind is answered within BIND_ANSWER_S. Wrong credentials are told after REFUSAL_S, whatever was wrong with them;
ESMEs give up on RINVPASWD, so everything that may pass is RBINDFAIL (see replies.py).
"""

import asyncio
from collections.abc import Sequence

from bridge.intake.authenticate import CredentialKind, Identity, Network, is_inside
from bridge.ledger.worker import LedgerFailed
from bridge.messages.faults import Fault, FaultCode
from bridge.runtime import logs
from bridge.runtime.identity import Gatekeeper
from bridge.runtime.loop import running
from bridge.smpp.constants import Status
from bridge.smpp.pdus import RESPONSE_TO, Bind, Pdu
from bridge.smpp_in import replies
from bridge.smpp_in.connection import EsmeConnection

KINDS = (CredentialKind.SMPP_PASSWORD, CredentialKind.PIN)
"""What opens a bind. A PIN too: an account that has one may try SMPP without asking anybody."""
SCOPE = "send"
BIND_ANSWER_S = 4.0
"""Clients give up after 5 s."""
REFUSAL_S = 0.5
"""After which wrong credentials are told: longer than any check takes, so that its time tells nothing."""

log = logs.get("smpp")


class Doorkeeper:
    """Judges binds."""

    def __init__(self, gatekeeper: Gatekeeper, password_networks: Sequence[Network]) -> None:
        self._gatekeeper = gatekeeper
        self._password_networks = password_networks

    async def judge(self, connection: EsmeConnection, bind: Bind) -> Identity | Status:
        """Whose ESME this is, or how its bind is refused. Returns within BIND_ANSWER_S; logs a refusal."""
        loop = running()
        started_s = loop.time()
        try:
            async with asyncio.timeout(BIND_ANSWER_S):
                return await self._identify(connection, bind)
        except Fault as fault:
            status = replies.bind_status_of(fault)
            why = _why(fault)
            if fault.code is FaultCode.BAD_CREDENTIALS:
                # The gatekeeper has said in the log what was wrong with them.
                await asyncio.sleep(max(0.0, REFUSAL_S - (loop.time() - started_s)))
                return status
        except (TimeoutError, LedgerFailed) as error:
            status, why = Status.RBINDFAIL, f"the check took too long: {type(error).__name__}"
        refused(connection, bind.system_id, why)
        return status

    async def _identify(self, connection: EsmeConnection, bind: Bind) -> Identity:
        peer = connection.peer
        identity = await self._gatekeeper.by_secret(bind.system_id, bind.password, kinds=KINDS, scope=SCOPE, peer=peer)
        if identity.has_networks or connection.has_certificate or is_inside(peer.ip, self._password_networks):
            return identity
        raise Fault(
            FaultCode.NOT_ALLOWED_HERE,
            private="a password alone is not enough from this network; see smpp.password_networks in docs/settings.md",
        )


_ADVICE = {FaultCode.ACCOUNT_DISABLED: "; `smsbridge account enable` lets it bind again"}


def _why(fault: Fault) -> str:
    """What the operator is told: what everybody may hear, what only the log may hold, and what to do."""
    private = f" ({fault.private})" if fault.private else ""
    return f"{fault.sentence}{private}{_ADVICE.get(fault.code, '')}"


def refused(connection: EsmeConnection, system_id: str, why: str) -> None:
    """Tell the operator; the ESME hears a number only."""
    log.warning("bind refused", account=system_id[:64], peer=connection.peer.ip, why=why)


def answer_to(bind: Bind, status: int, our_name: str) -> Pdu:
    """The response to a bind; the session adds the version."""
    response = RESPONSE_TO[bind.COMMAND_ID]
    return response(status=status) if status else response(system_id=our_name)  # type: ignore[call-arg]
