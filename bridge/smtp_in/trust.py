"""Who may send by mail: SMTP AUTH, else the network a connection comes from. `From:` proves nothing."""

from collections.abc import Sequence

from bridge.intake.authenticate import CredentialKind, Identity, Network, is_inside
from bridge.messages.faults import Fault, FaultCode
from bridge.runtime.identity import Gatekeeper, Peer

MAIL_KINDS = (CredentialKind.PIN, CredentialKind.MAIL_SECRET)
"""The credentials that open SMTP AUTH."""
SCOPE = "send"


class Trust:
    """The e-mail door's judgement of its peers."""

    def __init__(self, gatekeeper: Gatekeeper, plain_auth_networks: Sequence[Network]) -> None:
        self._gatekeeper = gatekeeper
        self._plain_auth_networks = plain_auth_networks

    def may_log_in(self, peer: Peer) -> bool:
        """Whether a secret may cross this connection: it is encrypted, or the network is one we call private."""
        return peer.is_encrypted or is_inside(peer.ip, self._plain_auth_networks)

    async def log_in(self, account_name: str, secret: str, peer: Peer) -> Identity:
        """The identity behind SMTP AUTH. Raises the faults of `Gatekeeper.by_secret`."""
        return await self._gatekeeper.by_secret(account_name, secret, kinds=MAIL_KINDS, scope=SCOPE, peer=peer)

    async def by_network(self, peer: Peer) -> Identity:
        """The account the peer's network is bound to. Raises Fault UNTRUSTED_SENDER, ACCOUNT_DISABLED."""
        identity = await self._gatekeeper.by_network(peer, scope=SCOPE)
        if identity is None:
            raise Fault(FaultCode.UNTRUSTED_SENDER, private=peer.ip)
        return identity
