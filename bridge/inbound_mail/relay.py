"""One connection to the relay: send a mail, and say what its answer means for that mail.

Only an answer to this mail can end it: 2xx to the final dot is done, 5xx to its sender, recipient or
text is the end of it. Everything else (no connection, a refused login, a missing answer, 4xx) says
nothing about the mail, and it is tried again; its Message-ID is the same each time.
"""

import asyncio
import contextlib
import re
import ssl
from dataclasses import dataclass
from enum import Enum
from socket import IPPROTO_TCP, TCP_NODELAY

import aiosmtplib

from bridge.inbound_mail.settings import RelaySettings

REASON_SIZE_MAX = 200
"""Characters kept of what the relay said."""
# The library would make an address of almost anything, and not the one that was meant.
_ADDRESS = re.compile(r"[^\s<>@,;:\"()\[\]\\\x00-\x1f\x7f]{1,64}@[^\s<>@,;:\"()\[\]\\\x00-\x1f\x7f]{1,255}")
CLOSE_TIMEOUT_S = 2.0
"""How long QUIT may take before the connection is dropped."""


class Fate(Enum):
    """What an attempt came to."""

    DONE = "done"
    LATER = "later"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """The relay's word on one mail."""

    fate: Fate
    reason: str
    """One plain phrase with what the relay said."""
    is_unreachable: bool = False
    """The relay could not even be asked: trying the next mail at once is no use."""


class Relay:
    """A connection that opens when it is needed and is used for one mail after another. Not for two at once."""

    def __init__(self, settings: RelaySettings, local_hostname: str) -> None:
        self._settings = settings
        self._local_hostname = local_hostname
        self._client: aiosmtplib.SMTP | None = None

    async def send(self, address: str, octets: bytes) -> Answer:
        """Give one mail to the relay, with an empty envelope sender."""
        if not _ADDRESS.fullmatch(address):
            return Answer(Fate.REFUSED, "not an address that mail can go to")
        try:
            client = await self._connected()
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            await self.close()
            return Answer(Fate.LATER, f"the relay cannot be used: {_words(error)}", is_unreachable=True)
        try:
            return await self._transact(client, address, octets)
        except (aiosmtplib.SMTPException, OSError) as error:
            await self.close()
            return Answer(Fate.LATER, f"the relay did not answer: {_words(error)}")
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Say goodbye if the relay still listens; never raises."""
        client, self._client = self._client, None
        if client is None:
            return
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, ValueError):
            if client.is_connected:
                await client.quit(timeout=CLOSE_TIMEOUT_S)
        client.close()

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        settings = self._settings
        secret = await asyncio.to_thread(settings.secret)
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            local_hostname=self._local_hostname,
            timeout=settings.timeout_s,
            use_tls=settings.tls == "implicit",
            start_tls=settings.tls == "starttls",
            tls_context=await asyncio.to_thread(_tls_context, settings) if settings.tls != "none" else None,
            username=settings.username or None,
            password=secret or None,
        )
        self._client = client
        await client.connect()
        if socket := client.get_transport_info("socket"):
            socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        return client

    async def _transact(self, client: aiosmtplib.SMTP, address: str, octets: bytes) -> Answer:
        options = [] if address.isascii() else ["SMTPUTF8"]
        for sender in dict.fromkeys(("", self._settings.discard_address)):
            try:
                _, said = await client.sendmail(sender, [address], octets, mail_options=options)
            except aiosmtplib.SMTPSenderRefused as error:
                answer = _judge(error.code, f"MAIL FROM:<{sender}>", error.message)
                if answer.fate is Fate.LATER:
                    return answer
            except aiosmtplib.SMTPRecipientsRefused as error:
                refused = error.recipients[0]
                return _judge(refused.code, "the recipient", refused.message)
            except aiosmtplib.SMTPDataError as error:
                return _judge(error.code, "the mail", error.message)
            except aiosmtplib.SMTPNotSupported as error:
                return Answer(Fate.REFUSED, f"the relay cannot take this address: {_words(error)}")
            else:
                return Answer(Fate.DONE, _one_line(said))
        return answer


def _judge(code: int, what: str, said: str) -> Answer:
    fate = Fate.REFUSED if 500 <= code < 600 else Fate.LATER
    return Answer(fate, f"the relay refused {what}: {code} {_one_line(said)}")


def _tls_context(settings: RelaySettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _words(error: BaseException) -> str:
    return _one_line(str(error)) or type(error).__name__


def _one_line(said: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())[:REASON_SIZE_MAX]
