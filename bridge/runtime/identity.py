"""Who knocks: credentials checked off the loop, remembered for a while, refused alike whatever was wrong.

A password check costs 20 ms or more of a core, so few run at once and a verified credential is remembered for five
minutes under a keyed hash (never in clear). The peer cannot tell an unknown account from a wrong secret; the
operator's log can, also when only the case of the name was wrong.
"""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bridge.intake import authenticate
from bridge.intake.authenticate import CredentialKind, Identity
from bridge.messages.faults import Fault, FaultCode
from bridge.runtime import logs
from bridge.runtime.ledger_client import LedgerClient
from bridge.runtime.loop import now_ms, spawn

CACHE_S = 300.0
"""How long a verified credential is trusted without a new check; a change of credentials empties the cache at once."""
CACHE_MAX = 10_000
CHECKS_AT_ONCE = 2
"""Password checks that run at the same time: each takes a core and 19 MiB."""
CHECKS_WAITING_MAX = 32
"""Beyond this a login is told to come back later, so that guessing cannot starve the appliance."""

log = logs.get("identity")


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is on the other end of a connection."""

    ip: str
    is_encrypted: bool = False


@dataclass(slots=True)
class _Verified:
    account: dict[str, Any]
    credential: dict[str, Any]
    until_s: float


class Gatekeeper:
    """Turns credentials into identities."""

    def __init__(self, ledger: LedgerClient) -> None:
        self._ledger = ledger
        self._key = secrets.token_bytes(32)
        self._verified: dict[bytes, _Verified] = {}
        self._generation = 0
        self._checking: dict[bytes, asyncio.Task[_Verified | Fault]] = {}
        self._networks: list[dict[str, Any]] | None = None
        self._pool = ThreadPoolExecutor(CHECKS_AT_ONCE, thread_name_prefix="password")
        self._checks = 0
        self._listeners: list[Callable[[], None]] = []

    def on_forget(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after every change: a session that lasts looks again who it belongs to."""
        self._listeners.append(listener)

    def forget(self) -> None:
        """Drop everything remembered: call after any change of accounts or credentials."""
        self._generation += 1
        self._verified.clear()
        self._checking.clear()
        self._networks = None
        for listener in self._listeners:
            listener()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def by_secret(
        self, account_name: str, secret: str, *, kinds: tuple[CredentialKind, ...], scope: str, peer: Peer
    ) -> Identity:
        """The identity behind an account name and a secret.

        Raises Fault BAD_CREDENTIALS, NOT_ALLOWED_HERE, ACCOUNT_DISABLED, or TOO_FAST when too many logins wait.
        """
        verified = await self._verify(account_name, secret, kinds, peer)
        return authenticate.identify(verified.account, verified.credential, scope, peer.ip)

    async def by_network(self, peer: Peer, scope: str = "send") -> Identity | None:
        """The account that the peer's source network is bound to, or None."""
        networks = self._networks
        if networks is None:
            generation = self._generation
            networks = await self._ledger.read("network_credentials")
            if generation == self._generation:
                self._networks = networks
        return authenticate.by_network(networks, scope, peer.ip, now_ms())

    async def hash_secret(self, kind: CredentialKind, secret: str) -> str:
        """The verifier to store for a new secret."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, authenticate.hash_secret, kind, secret)

    async def _verify(self, account_name: str, secret: str, kinds: tuple[CredentialKind, ...], peer: Peer) -> _Verified:
        if not _is_text(account_name) or not _is_text(secret):
            raise Fault(FaultCode.BAD_CREDENTIALS, private="not text")
        digest = self._digest(account_name, secret, kinds)
        known = self._verified.get(digest)
        if known is not None and known.until_s > time.monotonic():
            return known
        # One check serves everybody who waits with the same secret: a start must not turn a crowd of devices away.
        check = self._checking.get(digest)
        if check is None:
            check = spawn(self._verify_anew(digest, account_name, secret, kinds, peer), "check a login")
            self._checking[digest] = check
            check.add_done_callback(lambda done: self._checked(digest, done))
        verified = await asyncio.shield(check)
        if isinstance(verified, Fault):
            raise Fault(verified.code, verified.detail, private=verified.private)
        return verified

    def _checked(self, digest: bytes, check: "asyncio.Task[_Verified | Fault]") -> None:
        if self._checking.get(digest) is check:
            del self._checking[digest]

    async def _verify_anew(
        self, digest: bytes, account_name: str, secret: str, kinds: tuple[CredentialKind, ...], peer: Peer
    ) -> _Verified | Fault:
        """Check a secret against the ledger and remember the answer; a refusal is a value, for several wait for it."""
        try:
            return await self._look_up(digest, account_name, secret, kinds, peer)
        except Fault as fault:
            return fault

    async def _look_up(
        self, digest: bytes, account_name: str, secret: str, kinds: tuple[CredentialKind, ...], peer: Peer
    ) -> _Verified:
        generation = self._generation
        facts = await self._ledger.read("credentials_of", name=account_name)
        credential = await self._check(facts, secret, kinds)
        if credential is None:
            # Beside the answer, not before it: the time it takes must not tell that a similar name exists.
            spawn(self._explain(facts, account_name, secret, kinds, peer), "explain a refused login")
            raise Fault(FaultCode.BAD_CREDENTIALS)
        if len(self._verified) >= CACHE_MAX:
            self._verified.clear()
        trusted_s = CACHE_S
        if credential["expires_at_ms"] is not None:
            trusted_s = min(trusted_s, (credential["expires_at_ms"] - now_ms()) / 1000)
        verified = _Verified(facts["account"], dict(credential), time.monotonic() + trusted_s)
        if generation == self._generation:
            self._verified[digest] = verified
        return verified

    async def _check(self, facts: Any, secret: str, kinds: tuple[CredentialKind, ...]) -> Any:
        if self._checks >= CHECKS_WAITING_MAX:
            raise Fault(FaultCode.TOO_FAST, private="too many password checks are waiting")
        self._checks += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, authenticate.find, facts, secret, kinds, now_ms())
        finally:
            self._checks -= 1

    async def _explain(
        self, facts: Any, account_name: str, secret: str, kinds: tuple[CredentialKind, ...], peer: Peer
    ) -> None:
        """Tell the operator what was wrong: the one mistake that people make most is the case of the name."""
        reason = "wrong secret" if facts["account"] else "no such account"
        if facts["near"]:
            near = await self._ledger.read("credentials_of", name=facts["near"])
            right = await self._check(near, secret, kinds) is not None
            reason = f"name differs only by case from {facts['near']}" + (", the secret is right" if right else "")
        log.warning("login refused", account=account_name[:64], peer=peer.ip, reason=reason)

    def _digest(self, account_name: str, secret: str, kinds: tuple[CredentialKind, ...]) -> bytes:
        parts = (account_name, secret, *kinds)
        text = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
        return hmac.new(self._key, text, hashlib.sha256).digest()


def _is_text(value: str) -> bool:
    """Whether a value can be stored and hashed: no stray halves of surrogate pairs, no NUL."""
    try:
        return "\0" not in value and value.encode() is not None
    except UnicodeEncodeError:
        return False
