"""The guarded HTTP client of everything that we send requests with: carriers that speak HTTP, and callbacks.

- It connects only to public addresses and to networks that the operator named; a host is resolved once, and the
  connection goes to an address that was judged (see address_guard).
- https, verified for the name in the URL; http only into a network that the operator named.
- Redirects are an answer like any other and are not followed. There are no cookies, and no proxy.
- Connecting, TLS included, and the whole request have an end; answers have a size.
- It tells what nobody else can: whether a request that failed had left (`Unanswered`: nobody knows what became of it)
  or not (`NotSent`: it may be tried again). That decides about paying and sending twice, and is why this is not one of
  the libraries around: they retry on kept connections, or finish TLS after the request was handed over.

Connections are kept for a few seconds. A peer that closes one in the moment we use it leaves the request unanswered:
that is why they are not kept longer, and nothing is retried here.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bridge.runtime.address_guard import Network, Refused, is_named, resolve
from bridge.runtime.web_answer import HEAD_SIZE_MAX, BadAnswer, WebAnswer, read_answer

ANSWER_SIZE_MAX = 256 * 1024
"""Octets of an answer's body; a carrier's are a few hundred."""
CONNECT_TIMEOUT_S = 5.0
TIMEOUT_S = 30.0
KEPT_S = 4.0
"""How long an idle connection is used again: below the five seconds after which the impatient servers close."""
KEPT_MAX = 100
"""Idle connections, to all peers together."""
URL_SIZE_MAX = 16 * 1024
USER_AGENT = "smsbridge"

_OWN_FIELDS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer", "cookie"}
)
"""What a caller may not set: the client does, or must not."""
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class WebCall:
    """A request to send."""

    method: str
    url: str
    """Absolute, percent-encoded, without a fragment."""
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a client goes."""

    allowed: tuple[Network, ...] = ()
    """Networks that may be reached although they are not public, and without TLS."""
    ports: frozenset[int] | None = None
    """The only ports that are connected to; None: any."""
    ca_file: Path | None = None
    """Authorities to trust in place of the system's."""
    connect_timeout_s: float = CONNECT_TIMEOUT_S
    timeout_s: float = TIMEOUT_S
    """Of a whole request after it was connected."""
    answer_size_max: int = ANSWER_SIZE_MAX
    kept_s: float = KEPT_S


class NotSent(Exception):
    """Not an octet of the request has left us; the text says why."""


class Unanswered(Exception):
    """The request has left, all or in part, and no whole answer came; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL points to."""

    scheme: str
    host: str
    """As in the URL, in ASCII, without brackets."""
    port: int
    path: str
    """With its query; what stands in the request line."""

    @property
    def authority(self) -> str:
        """For the Host field."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    kept_at: float = 0.0


class WebClient:
    """Sends requests; `close` when nothing more is to be sent."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Raises OSError or ValueError when `ca_file` cannot be used."""
        self._limits = limits or Limits()
        try:
            self._tls = ssl.create_default_context(cafile=self._limits.ca_file)
        except ssl.SSLError:
            raise ValueError(f"{self._limits.ca_file} holds no PEM certificate") from None
        self._kept: dict[tuple[str, str, int], list[_Connection]] = {}

    @property
    def kept_count(self) -> int:
        """Idle connections just now."""
        return sum(map(len, self._kept.values()))

    async def close(self) -> None:
        """Close what is kept."""
        kept, self._kept = self._kept, {}
        for connection in (each for many in kept.values() for each in many):
            _drop(connection)

    async def call(self, call: WebCall) -> WebAnswer:
        """Send it and read the whole answer, whatever its status. Raises NotSent or Unanswered."""
        try:
            target = target_of(call.url)
            head = _head(call, target)
        except ValueError as wrong:
            raise NotSent(str(wrong)) from None
        key = (target.scheme, target.host, target.port)
        connection = self._take(key) or await self._connect(target)
        is_over = False
        try:
            answer = await self._exchange(connection, call, head)
            is_over = answer.is_kept
        finally:  # Cancelled, too: a connection with an answer under way serves nobody else.
            if is_over:
                self._keep(key, connection)
            else:
                _drop(connection)
        return answer

    async def _exchange(self, connection: _Connection, call: WebCall, head: bytes) -> WebAnswer:
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                connection.writer.write(head + call.body)
                await connection.writer.drain()
                return await read_answer(connection.reader, call.method, self._limits.answer_size_max)
        except TimeoutError:
            raise Unanswered(f"no answer within {self._limits.timeout_s:g} s") from None
        except BadAnswer as wrong:
            raise Unanswered(f"the answer cannot be read: {wrong}") from None
        except EOFError:
            raise Unanswered("the connection ended before the answer") from None
        except OSError as error:
            raise Unanswered(f"the connection broke before the answer: {_words(error)}") from None

    async def _connect(self, target: Target) -> _Connection:
        """A connection to an address of the target that was judged, its certificate verified. Raises NotSent."""
        limits = self._limits
        if limits.ports is not None and target.port not in limits.ports:
            raise NotSent(f"port {target.port} is not allowed")
        try:
            async with asyncio.timeout(limits.connect_timeout_s):
                addresses = await resolve(target.host, target.port, limits.allowed)
                if target.scheme == "http" and not all(is_named(each, limits.allowed) for each in addresses):
                    raise NotSent(f"{target.host} is not in a network that may be reached without TLS")
                return await self._connect_to([str(address) for address in addresses], target)
        except TimeoutError:
            raise NotSent(f"no connection to {target.authority} within {limits.connect_timeout_s:g} s") from None
        except Refused as refused:
            raise NotSent(str(refused)) from None
        except (OSError, UnicodeError) as error:
            raise NotSent(f"no connection to {target.authority}: {_words(error)}") from None

    async def _connect_to(self, addresses: Sequence[str], target: Target) -> _Connection:
        """Try one address after the other; raises what the last one raised."""
        is_tls = target.scheme == "https"
        for number, address in enumerate(addresses, 1):
            try:
                reader, writer = await asyncio.open_connection(
                    address,
                    target.port,
                    limit=HEAD_SIZE_MAX,
                    ssl=self._tls if is_tls else None,
                    server_hostname=target.host if is_tls else None,
                )
            except OSError:
                if number == len(addresses):
                    raise
            else:
                return _Connection(reader, writer)
        raise OSError("no address")

    def _take(self, key: tuple[str, str, int]) -> _Connection | None:
        """A kept connection that is still good."""
        kept = self._kept.get(key, [])
        while kept:
            connection = kept.pop()
            is_fresh = time.monotonic() - connection.kept_at < self._limits.kept_s
            # Octets that nobody asked for would be taken for the answer.
            if is_fresh and not connection.reader.at_eof() and not _has_more(connection.reader):
                return connection
            _drop(connection)
        self._kept.pop(key, None)
        return None

    def _keep(self, key: tuple[str, str, int], connection: _Connection) -> None:
        now = time.monotonic()
        for others in self._kept.values():
            while others and now - others[0].kept_at >= self._limits.kept_s:
                _drop(others.pop(0))
        if self._limits.kept_s <= 0 or self.kept_count >= KEPT_MAX or connection.reader.at_eof():
            _drop(connection)
            return
        connection.kept_at = now
        self._kept.setdefault(key, []).append(connection)


def target_of(url: str) -> Target:
    """Where a URL points to. Raises ValueError for one that is not sent to: other schemes, with a password, broken."""
    if len(url) > URL_SIZE_MAX:
        raise ValueError(f"the URL is longer than {URL_SIZE_MAX} characters")
    if not (url.isascii() and url.isprintable()) or set(url) & set(' "<>\\^`{|}'):
        raise ValueError("the URL has characters that must be percent-encoded")
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        raise ValueError("the URL does not begin with https://")
    if "@" in parts.netloc:
        raise ValueError("the URL has a user name or password in it")
    host = (parts.hostname or "").rstrip(".")
    if not host or "%" in host:
        raise ValueError("the URL names no host")
    port = parts.port if parts.port is not None else _DEFAULT_PORTS[scheme]
    if port == 0:
        raise ValueError("the URL names port 0")
    query = f"?{parts.query}" if parts.query else ""
    return Target(scheme, host, port, (parts.path or "/") + query)


def _head(call: WebCall, target: Target) -> bytes:
    if call.method not in ("GET", "POST", "PUT"):
        raise ValueError(f"{call.method} is not a method we use")
    fields = [("Host", target.authority), ("User-Agent", USER_AGENT), ("Accept-Encoding", "identity")]
    for name, value in call.fields:
        if name.lower() in _OWN_FIELDS:
            raise ValueError(f"the field {name} is not for callers to set")
        fields = [own for own in fields if own[0].lower() != name.lower()]
        fields.append((name, value))
    if call.body or call.method != "GET":
        fields.append(("Content-Length", str(len(call.body))))
    lines = [f"{call.method} {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    if any(ord(character) < 0x20 and character != "\t" or character == "\x7f" for line in lines for character in line):
        raise ValueError("a field has a control character in it")
    try:
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError("a field has characters beyond Latin-1") from None


def _drop(connection: _Connection) -> None:
    with contextlib.suppress(OSError, RuntimeError):
        connection.writer.transport.abort()


def _has_more(reader: asyncio.StreamReader) -> bool:
    """Whether octets wait to be read; the stream itself does not tell."""
    return bool(getattr(reader, "_buffer", b""))


def _words(error: Exception) -> str:
    """What went wrong, for people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason})"
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__
