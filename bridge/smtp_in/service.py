"""The e-mail door as a service: the listeners, their TLS, and a stop that leaves no mail half accepted."""

import asyncio
import functools
import logging
import socket
import ssl
from contextlib import suppress
from pathlib import Path

from bridge.runtime import logs
from bridge.runtime.door import Door
from bridge.runtime.identity import Gatekeeper
from bridge.runtime.listener import Listener
from bridge.runtime.loop import monotonic_ms, running, spawn
from bridge.runtime.renewal import Renewal
from bridge.smtp_in import replies
from bridge.smtp_in.handler import MailHandler
from bridge.smtp_in.server import Doorway, SmtpConnection
from bridge.smtp_in.settings import SmtpListen, SmtpSettings
from bridge.smtp_in.trust import Trust

STOP_TIMEOUT_S = 10.0
"""How long a stop waits for the mails that are being accepted; the ledger answers within that, or says why."""
HANDSHAKE_TIMEOUT_S = 10.0
"""How long a TLS handshake may take; a connection has its place meanwhile."""
FULL_LOG_EVERY_MS = 10_000
"""One line so often for connections that are sent away unheard, however many they are."""

log = logs.get("smtp")


class SmtpDoor:
    """Listens on every address of `settings.listen`. `domain` is named in the greeting."""

    name = "smtp"

    def __init__(self, settings: SmtpSettings, domain: str, gatekeeper: Gatekeeper, door: Door) -> None:
        self._settings = settings
        trust = Trust(gatekeeper, settings.plain_auth_networks)
        self._doorway = Doorway(settings, domain, MailHandler(settings, trust, door))
        self._listeners: list[Listener] = []
        self._renewal: Renewal | None = None
        self._full_logged_at_ms = -FULL_LOG_EVERY_MS

    @property
    def ports(self) -> list[int]:
        """The ports listened on, in the order of the settings."""
        return [listener.address[1] for listener in self._listeners]

    async def start(self) -> None:
        """Open the listeners. Raises OSError for a port that is taken, ssl.SSLError for a certificate that is none."""
        # aiosmtpd logs every command, which holds numbers and secrets, and unknown ones even as warnings.
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        if any(listen.tls != "none" for listen in self._settings.listen):
            self._doorway.tls_context = _tls_context(self._settings.certificate, self._settings.private_key)
            files = (self._settings.certificate, self._settings.private_key)
            self._renewal = Renewal(tuple(path for path in files if path is not None), running().time())
        try:
            for listen in self._settings.listen:
                take = functools.partial(self._take, listen)
                self._listeners.append(Listener(listen.address, listen.port, take, self._send_away))
                log.info("listening", address=listen.address, port=self.ports[-1], tls=listen.tls)
        except BaseException:
            await self.stop()
            raise

    def _take(self, listen: SmtpListen, sock: socket.socket, address: str) -> None:
        """A connection was made: give it a place. Who finds none is told so, unless that would take a handshake."""
        self._renew(running().time())
        context = self._doorway.tls_context if listen.tls == "implicit" else None
        connection = SmtpConnection(self._doorway, running(), has_starttls=listen.tls == "starttls")
        if not self._doorway.enter(connection, address) and context is not None:
            sock.close()
            return

        def opened(_: object) -> None:
            connection.opening = None
            if connection.transport is None:  # TLS came to nothing, and asyncio tells nobody else.
                sock.close()
                self._doorway.leave(connection)

        connection.opening = spawn(self._open(connection, sock, context), "open an SMTP connection")
        connection.opening.add_done_callback(opened)

    async def _open(self, connection: SmtpConnection, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        patience_s = HANDSHAKE_TIMEOUT_S if context else None
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await running().connect_accepted_socket(
                lambda: connection, sock, ssl=context, ssl_handshake_timeout=patience_s
            )

    def _send_away(self, why: str) -> None:
        now = monotonic_ms()
        if now - self._full_logged_at_ms >= FULL_LOG_EVERY_MS:
            self._full_logged_at_ms = now
            log.warning("connections sent away", open=len(self._doorway.inside), why=why)

    def _renew(self, now_s: float) -> None:
        """Read a renewed certificate; open connections keep theirs. Files that are no good are tried again later."""
        if self._doorway.tls_context is None or self._renewal is None:
            return
        try:
            if self._renewal.is_due(now_s):
                # Into a new context first: a live one would be left with the certificate of another key.
                _tls_context(self._settings.certificate, self._settings.private_key)
                _load(self._doorway.tls_context, self._settings.certificate, self._settings.private_key)
                self._renewal.taken()
                log.info("certificate read", file=str(self._settings.certificate))
        except (OSError, ssl.SSLError) as error:
            log.error("certificate kept", why=str(error))

    async def stop(self) -> None:
        """Take no more mail, answer the mails that are being accepted, close the rest."""
        self._doorway.is_closing = True
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for connection in list(self._doorway.inside):
            connection.say_goodbye(replies.GOING_DOWN)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._doorway.emptied()
        except TimeoutError:
            for connection in list(self._doorway.inside):
                connection.abort()


def _tls_context(certificate: Path | None, private_key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, certificate, private_key)
    return context


def _load(context: ssl.SSLContext, certificate: Path | None, private_key: Path | None) -> None:
    if certificate is None or private_key is None:
        raise ValueError("smtp.certificate and smtp.private_key are needed for TLS")
    context.load_cert_chain(certificate, private_key)
