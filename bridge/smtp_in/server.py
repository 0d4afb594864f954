"""One SMTP connection: aiosmtpd's protocol with the limits, deadlines and tolerance that it lacks.

What a device may do: HELO and EHLO without a name, AUTH after HELO and in lower case, addresses without
`<>`, `MAIL FROM:` with a blank after the colon, lines up to 64 KiB, bare LF inside a mail. What ends a
mail is `CRLF . CRLF` and nothing else. What nobody may do: send the mail before our 354, speak HTTP,
make more than ERRORS_MAX errors, stay longer than the session's time, or reach `handler` with a
connection that is over the limits.

A mail that is being accepted is never interrupted: timers stand still from the final dot to our answer.
"""

import asyncio
import base64
import collections
import contextlib
import re
import ssl
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import TYPE_CHECKING, cast

from aiosmtpd.smtp import SMTP, Envelope, TLSSetupException

from bridge import failpoints
from bridge.intake.authenticate import Identity
from bridge.messages.faults import Fault, FaultCode
from bridge.runtime import logs
from bridge.runtime.identity import Peer
from bridge.smtp_in import data, login, paths, replies
from bridge.smtp_in.settings import SmtpSettings

if TYPE_CHECKING:
    from bridge.smtp_in.handler import MailHandler

log = logs.get("smtp")

LINE_SIZE_MAX = 65_536
"""Octets of a line. RFC 5321 says 1000, real mail has HTML in one line."""
COMMAND_SIZE_MAX = 1024
"""Octets of a command: twice RFC 5321's, for long addresses with options and AUTH in one line."""
ERRORS_MAX = 20
"""Refused commands of one connection; Postfix's own default. Refused recipients of a trusted sender do not count."""
DATA_TIMEOUT_S = 300.0
"""Seconds for the mail itself after our 354: 1 MiB at 3.5 kB/s."""
GOODBYE_WAIT_S = 5.0
"""How long a client may take to read our last line; one that has vanished, or never reads, loses its place then."""
AUTH_ATTEMPTS_MAX = 10
"""Failed logins of one connection."""

_SIZE_OPTION = re.compile(r"(?i)\sSIZE=([0-9]{1,20})(?:\s|$)")


class Mail(Envelope):
    """One mail transaction: aiosmtpd's envelope and what we found out about it."""

    def __init__(self) -> None:
        super().__init__()
        self.identity: Identity | None = None
        """Who sends; known from the first RCPT on."""
        self.numbers: dict[str, str] = {}
        """The recipients: normalised digits, and the number as the address has it."""


class Doorway:
    """What all connections of the door share: who is in, and whether more may come."""

    def __init__(self, settings: SmtpSettings, hostname: str, handler: "MailHandler") -> None:
        self.settings = settings
        self.hostname = hostname
        self.handler = handler
        self.tls_context: ssl.SSLContext | None = None
        self.is_closing = False
        self.inside: set[SmtpConnection] = set()
        self._is_empty = asyncio.Event()

    def enter(self, connection: "SmtpConnection", address: str) -> bool:
        """Give a connection from this address a place, before its TLS handshake; False when the limits leave none."""
        connection.peer = Peer(address.partition("%")[0])
        if self.is_closing or not self._admits(connection.peer.ip):
            why = "going down" if self.is_closing else "too many connections"
            log.warning("turned away", peer=connection.peer.ip, why=why)
            return False
        self.inside.add(connection)
        return True

    def _admits(self, ip: str) -> bool:
        if len(self.inside) >= self.settings.connections_max:
            return False
        same = sum(connection.peer.ip == ip for connection in self.inside)
        return same < self.settings.connections_per_address_max

    def leave(self, connection: "SmtpConnection") -> None:
        self.inside.discard(connection)
        if not self.inside:
            self._is_empty.set()

    async def emptied(self) -> None:
        """Wait until nobody is inside."""
        while self.inside:
            self._is_empty.clear()
            await self._is_empty.wait()


class SmtpConnection(SMTP):
    """The protocol of one connection. `has_starttls` says whether this listener offers TLS on demand."""

    line_length_limit = LINE_SIZE_MAX

    def __init__(self, doorway: Doorway, loop: asyncio.AbstractEventLoop, *, has_starttls: bool) -> None:
        super().__init__(
            doorway.handler,
            data_size_limit=doorway.settings.size_max,
            enable_SMTPUTF8=True,
            hostname=doorway.hostname,
            ident="smsbridge",
            tls_context=doorway.tls_context if has_starttls else None,
            timeout=doorway.settings.command_timeout_s,
            auth_require_tls=False,  # our own smtp_AUTH knows networks, too
            loop=loop,
        )
        self.command_size_limits = collections.defaultdict(lambda: COMMAND_SIZE_MAX)
        self.doorway = doorway
        self.peer = Peer("")
        self.opening: asyncio.Task[None] | None = None
        """While the transport is made: with TLS from the first byte, that is the handshake."""
        self._errors = 0
        self._logins = 0
        self._ends_at_s = 0.0
        self._is_refused = False
        self._is_answering = False

    # --- the connection ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        is_first = self._original_transport is None
        if is_first:
            if sock := transport.get_extra_info("socket"):
                sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            if self not in self.doorway.inside:
                self._turn_away(cast(asyncio.Transport, transport))
                return
            self._ends_at_s = self.loop.time() + self.doorway.settings.session_timeout_s
        self.peer = Peer(self.peer.ip, is_encrypted=transport.get_extra_info("ssl_object") is not None)
        super().connection_made(transport)

    def _turn_away(self, transport: asyncio.Transport) -> None:
        self._is_refused = True
        status = replies.GOING_DOWN if self.doorway.is_closing else replies.TOO_MANY_CONNECTIONS
        transport.write(replies.line(status) + b"\r\n")
        transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._is_refused:
            self.doorway.leave(self)
            super().connection_lost(error)

    def eof_received(self) -> bool | None:
        return None if self._is_refused else super().eof_received()

    async def _handle_client(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client is gone; aiosmtpd has closed our side
            await super()._handle_client()

    def say_goodbye(self, status: str) -> None:
        """Close with a last line; a mail that is being accepted gets its answer first. Who does not read is cut off."""
        if self.transport is None:
            self.abort()
        elif not self._is_answering:
            transport = cast(asyncio.WriteTransport, self.transport)
            transport.write(replies.line(status) + b"\r\n")
            transport.close()
            self.loop.call_later(GOODBYE_WAIT_S, self.abort)

    def abort(self) -> None:
        """Close at once."""
        if self.transport is not None:
            cast(asyncio.WriteTransport, self.transport).abort()
        elif self.opening is not None:
            self.opening.cancel()

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Start the command's clock again; it never runs longer than what is left of the session."""
        wanted_s = duration or self.doorway.settings.command_timeout_s
        super()._reset_timeout(max(min(wanted_s, self._ends_at_s - self.loop.time()), 0.001))

    def _timeout_cb(self) -> None:
        log.info("timed out", peer=self.peer.ip)
        self.say_goodbye(replies.TOO_SLOW)

    async def push(self, status: str | bytes) -> None:
        """Send one reply line; after too many refusals also the last one."""
        octets = replies.line(status)
        self._writer.write(octets + b"\r\n")
        if octets.startswith(b"5") and not self._is_bad_recipient(octets):
            self._errors += 1
            if self._errors > ERRORS_MAX:
                log.warning("too many errors", peer=self.peer.ip)
                self.say_goodbye(replies.TOO_MANY_ERRORS)
                return
        await self._writer.drain()

    def _is_bad_recipient(self, octets: bytes) -> bool:
        return octets.startswith(b"550 5.1.") and isinstance(self.envelope, Mail) and self.envelope.identity is not None

    async def handle_exception(self, error: Exception) -> str:
        """Our bug is temporary to the peer; a fault is what it says; a failed handshake is the peer's."""
        if isinstance(error, Fault):
            return replies.reply(error)
        if isinstance(error, TLSSetupException):
            log.info("tls failed", peer=self.peer.ip, why=repr(error.__cause__))
            return replies.TLS_FAILED
        log.error("session failed", peer=self.peer.ip, exc_info=error)
        return replies.reply(Fault(FaultCode.TRY_LATER))

    # --- commands ---

    def _create_envelope(self) -> Mail:
        return Mail()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        return paths.split(arg)

    async def smtp_HELO(self, hostname: str | None) -> None:
        await super().smtp_HELO(hostname or "unnamed")

    async def smtp_EHLO(self, hostname: str | None) -> None:
        await super().smtp_EHLO(hostname or "unnamed")

    async def smtp_MAIL(self, arg: str | None) -> None:
        size = _SIZE_OPTION.search(arg or "")
        if size and int(size[1]) > self.doorway.settings.size_max:
            await self.push(replies.TOO_LARGE)
            return
        await super().smtp_MAIL(arg)

    async def smtp_STARTTLS(self, arg: str) -> None:
        if self._tls_protocol is not None:
            await self.push("503 5.5.1 TLS is already on")
            return
        await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg: str | None) -> None:
        if await self.check_helo_needed():
            return
        await self.push(await self._log_in((arg or "").split()))
        if self._logins >= AUTH_ATTEMPTS_MAX:
            self.say_goodbye(replies.TOO_MANY_ERRORS)

    async def _log_in(self, words: list[str]) -> str:
        assert self.session is not None
        if self.session.authenticated:
            return replies.ALREADY_LOGGED_IN
        if not self.doorway.handler.trust.may_log_in(self.peer):
            return replies.NEEDS_TLS
        if not 1 <= len(words) <= 2 or words[0].upper() not in ("PLAIN", "LOGIN"):
            return replies.UNKNOWN_MECHANISM
        self._logins += 1
        try:
            name, secret = await login.credentials(words[0].upper(), words[1] if words[1:] else None, self._ask)
            identity = await self.doorway.handler.log_in(name, secret, self.peer)
        except login.Cancelled:
            return replies.AUTH_CANCELLED
        except login.Unreadable:
            return replies.BAD_AUTH
        except Fault as fault:
            return replies.reply(fault)
        self.session.auth_data = identity  # type: ignore[assignment]  # aiosmtpd: "can contain anything"
        self.session.authenticated = True
        self._logins = 0
        return replies.LOGGED_IN

    async def _ask(self, challenge: bytes) -> bytes:
        await self.push(b"334 " + base64.b64encode(challenge))
        try:
            return await self._reader.readline()
        except ValueError:  # longer than any line may be
            raise login.Unreadable from None

    async def smtp_DATA(self, arg: str | None) -> None:
        mail = self.envelope
        if await self.check_helo_needed():
            return
        if not isinstance(mail, Mail) or not mail.rcpt_tos:
            await self.push(replies.NO_RECIPIENT_YET)
        elif arg:
            await self.push(replies.NO_ARGUMENT)
        elif self._reader._buffer:  # type: ignore[attr-defined]
            await self.push(replies.TALKS_AHEAD)
            self.say_goodbye(replies.TOO_MANY_ERRORS)  # what follows is a mail, not commands
        else:
            await self._take_mail(mail)

    async def _take_mail(self, mail: Mail) -> None:
        await self.push(replies.GO_AHEAD)
        self._reset_timeout(DATA_TIMEOUT_S)
        content = await data.read_mail(self._reader, self.doorway.settings.size_max)
        if isinstance(content, bytes):
            self._is_answering = True
            try:
                status = await self.doorway.handler.accept(mail, content, self.peer)
            finally:
                self._is_answering = False
                self._reset_timeout()
        else:
            status = content
        await self.push(status)
        failpoints.reach("smtp.answered")
        self._set_post_data_state()
        if self.doorway.is_closing:
            self.say_goodbye(replies.GOING_DOWN)

    async def smtp_GET(self, arg: str | None) -> None:
        """A browser, or somebody who makes one talk to mail servers."""
        await self.push(replies.NOT_HTTP)
        self.say_goodbye(replies.TOO_MANY_ERRORS)

    smtp_POST = smtp_PUT = smtp_HEAD = smtp_OPTIONS = smtp_CONNECT = smtp_GET
