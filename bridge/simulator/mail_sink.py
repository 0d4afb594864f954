"""A mail server that delivers nothing: every mail it takes becomes a file, for trials and tests.

The folder is laid out like a maildir (`tmp`, `new`), so mail programs can open it; a file is complete
when it is in `new`. The oldest are removed beyond MAILS_MAX.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import time_ns
from typing import Any

from aiosmtpd.smtp import SMTP

from bridge.runtime import logs
from bridge.simulator.settings import MailSinkSettings

MAILS_MAX = 1000
"""Files kept: enough for a day of trying, small enough for any editor."""
SIZE_MAX = 1_048_576
"""Octets of one mail; ours have a few thousand."""
CONNECTIONS_MAX = 100

log = logs.get("mail_sink")


@dataclass(frozen=True, slots=True)
class Caught:
    """One mail that was taken."""

    path: Path
    mail_from: str
    """The envelope sender; empty for `<>`."""
    rcpt_tos: tuple[str, ...]
    content: bytes


class MailSink:
    """The sink as a service. `on_mail` is called on the loop for every mail taken."""

    name = "mail sink"

    def __init__(self, settings: MailSinkSettings, on_mail: Callable[[Caught], None] | None = None) -> None:
        self._settings = settings
        self._on_mail = on_mail
        self._new = settings.folder / "new"
        self._tmp = settings.folder / "tmp"
        self._numbers = count(1)
        self._kept: list[Path] = []
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._lock = asyncio.Lock()

    @property
    def port(self) -> int:
        """The port listened on; 0 when it does not listen."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server is not None else 0

    async def start(self) -> None:
        """Make the folder and listen. Raises OSError."""
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        await asyncio.to_thread(self._open_folder)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self, self._connections, loop), self._settings.address, self._settings.port
        )
        log.info("listening", address=self._settings.address, port=self.port, folder=str(self._new))

    async def stop(self) -> None:
        """Take no more mail."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.abort()

    def _open_folder(self) -> None:
        self._new.mkdir(parents=True, exist_ok=True)
        self._tmp.mkdir(exist_ok=True)
        self._kept = sorted(self._new.glob("*.eml"))

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        """aiosmtpd's hook: keep the mail, then say so."""
        mail_from = envelope.mail_from.strip("<>")
        async with self._lock:
            path = await asyncio.to_thread(self._keep, mail_from, envelope.rcpt_tos, envelope.content)
        caught = Caught(path, mail_from, tuple(envelope.rcpt_tos), envelope.content)
        log.info("mail", to=", ".join(caught.rcpt_tos), file=str(path))
        if self._on_mail is not None:
            self._on_mail(caught)
        return f"250 2.0.0 kept as {path.name}"

    def _keep(self, mail_from: str, rcpt_tos: list[str], content: bytes) -> Path:
        name = f"{time_ns() // 1_000_000}.{next(self._numbers):06}.eml"
        envelope = f"Return-Path: <{mail_from}>\r\n" + "".join(f"Delivered-To: {to}\r\n" for to in rcpt_tos)
        draft = self._tmp / name
        draft.write_bytes(envelope.encode("utf-8", "replace") + content)
        path = draft.rename(self._new / name)
        self._kept.append(path)
        while len(self._kept) > MAILS_MAX:
            self._kept.pop(0).unlink(missing_ok=True)
        return path


class _Connection(SMTP):
    """aiosmtpd's protocol, counted."""

    def __init__(self, sink: MailSink, inside: "set[_Connection]", loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            sink, data_size_limit=SIZE_MAX, enable_SMTPUTF8=True, hostname="mail-sink", ident="smsbridge", loop=loop
        )
        self._inside = inside

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._inside.add(self)
        if len(self._inside) > CONNECTIONS_MAX:
            transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._inside.discard(self)
        super().connection_lost(error)

    def abort(self) -> None:
        """Close at once."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    async def handle_exception(self, error: Exception) -> str:
        log.error("session failed", exc_info=error)
        return "451 4.3.0 Try again later"
