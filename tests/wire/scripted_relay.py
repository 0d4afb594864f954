"""A mail server that answers as it is told: the relay on a bad day."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

OK = "250 OK"


class ScriptedRelay:
    """What each command is answered; `mails` is what it was given, whatever it then said about it."""

    def __init__(self) -> None:
        self.answers: dict[str, list[str]] = {}
        """Replies to MAIL, RCPT and DATA still to give, first one first; then it agrees. "hang" and "drop" do so."""
        self.refuses_empty_sender = False
        self.needs_login = False
        self.mails: list[tuple[str, str, EmailMessage]] = []
        """Envelope sender, recipient, mail."""
        self.taken: list[EmailMessage] = []
        """The mails it said 250 to."""
        self.connections = 0
        self.open_most = 0
        self.inside: set[_Connection] = set()
        self.port = 0
        self.hold: asyncio.Event | None = None
        """When set, DATA waits for it."""

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.needs_login and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if address == "<>" and self.refuses_empty_sender:
            return "553 5.1.8 Empty sender not wanted here"
        envelope.mail_from = address
        return await self._answer("MAIL", server)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        envelope.rcpt_tos.append(address)
        return await self._answer("RCPT", server)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((envelope.mail_from or "", envelope.rcpt_tos[0], mail))
        if self.hold is not None:
            await self.hold.wait()
        answer = await self._answer("DATA", server)
        if answer.startswith("2"):
            self.taken.append(mail)
        return answer

    async def _answer(self, command: str, server: SMTP) -> str:
        waiting = self.answers.get(command, [])
        answer = waiting.pop(0) if waiting else OK
        if answer == "hang":
            await asyncio.sleep(60)
        if answer == "drop":
            assert isinstance(server, _Connection)
            server.abort()
        return answer


class _Connection(SMTP):
    def __init__(self, relay: ScriptedRelay, **options: Any) -> None:
        super().__init__(relay, hostname="relay.example", **options)
        self._relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self not in self._relay.inside:
            self._relay.connections += 1
        super().connection_made(transport)
        self._relay.inside.add(self)
        self._relay.open_most = max(self._relay.open_most, len(self._relay.inside))

    def connection_lost(self, error: Exception | None) -> None:
        self._relay.inside.discard(self)
        super().connection_lost(error)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()  # type: ignore[attr-defined]


def _authenticator(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data == LoginPassword(b"bridge", b"open sesame"), handled=False)


@asynccontextmanager
async def open_relay(
    *, port: int = 0, tls: ssl.SSLContext | None = None, is_implicit: bool = False, needs_login: bool = False
) -> AsyncIterator[ScriptedRelay]:
    """A relay on a free port of loopback, or on `port`; its login is bridge / open sesame."""
    relay = ScriptedRelay()
    relay.needs_login = needs_login
    options = {
        "tls_context": None if is_implicit else tls,
        "require_starttls": tls is not None and not is_implicit,
        "auth_require_tls": False,
        "authenticator": _authenticator,
        "enable_SMTPUTF8": True,
    }
    loop = asyncio.get_running_loop()
    make: Callable[[], _Connection] = lambda: _Connection(relay, loop=loop, **options)  # noqa: E731
    server = await loop.create_server(make, "127.0.0.1", port, ssl=tls if is_implicit else None)
    relay.port = int(server.sockets[0].getsockname()[1])
    try:
        yield relay
    finally:
        server.close()
        for connection in list(relay.inside):
            connection.abort()
        while relay.inside:
            await asyncio.sleep(0)
