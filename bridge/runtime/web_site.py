"""What all HTTP rooms share: the request object, short plain answers, and the tree of paths the rooms hang in."""

import ipaddress
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.python.failure import Failure
from twisted.web import server
from twisted.web.error import UnsupportedMethod
from twisted.web.http import datetimeToString
from twisted.web.resource import IResource, Resource, getChildForRequest

from bridge.runtime.web_channel import RETRY_AFTER_S, WebChannel
from bridge.runtime.web_connections import Connections
from bridge.runtime.web_reader import RequestReader, WireRequest
from bridge.runtime.web_settings import HttpSettings

TEXT = "text/plain; charset=utf-8"
METHODS = ("GET", "HEAD", "POST")


class WebRequest(server.Request):
    """A request whose URI holds no query, so that nothing of Twisted's can ever log one; see `query` and `body`."""

    channel: Any

    def __init__(self, channel: WebChannel, wire: WireRequest) -> None:
        super().__init__(channel, False, parsePOSTFormSubmission=False)
        self.method, self.uri, self.path = wire.method, wire.path, wire.path
        self.clientproto = wire.version
        self.query = wire.query
        """Still percent-encoded, visible ASCII."""
        self.body = wire.body
        self.headers = wire.headers
        self.content = BytesIO(wire.body)
        self.args = {}
        self.is_gone = False
        """The peer has disconnected: there is nobody to answer."""
        for name, value in wire.headers:
            self.requestHeaders.addRawHeader(name, value)
        self.parseCookies()

    @property
    def peer_ip(self) -> str:
        """The peer's address; an IPv4 address that came in through an IPv6 socket is written as IPv4."""
        address = ipaddress.ip_address(self.client.host)
        return str(getattr(address, "ipv4_mapped", None) or address)

    def process(self) -> None:
        """Find the resource and let it answer. Whatever it raises is our bug: logged, and temporary to the peer."""
        self.setHeader(b"Date", datetimeToString())
        self.prepath = []
        self.postpath = [unquote_to_bytes(part) for part in self.path[1:].split(b"/")]
        try:
            self.render(getChildForRequest(self.channel.factory.root, self))
        except Exception:
            self.processingFailed(Failure())

    def render(self, resource: IResource) -> None:
        try:
            body = resource.render(self)
        except UnsupportedMethod as refusal:
            methods: Iterable[bytes] = refusal.allowedMethods
            allowed = ", ".join(sorted(method.decode("ascii") for method in methods))
            answer(self, 405, f"Only {allowed} here\n", headers={"Allow": allowed})
            return
        if body is not server.NOT_DONE_YET:
            self.setHeader(b"Content-Length", b"%d" % len(body))
            self.write(body)
            self.finish()

    def processingFailed(self, reason: Failure) -> Failure:
        self.channel.factory.events.error(
            "failed", door="http", exc_info=(reason.type, reason.value, reason.getTracebackObject())
        )
        if not self.startedWriting:
            answer(self, 503, "Try again later\n", headers={"Retry-After": str(RETRY_AFTER_S)})
        elif not self.is_gone:
            self.loseConnection()
        return reason

    def connectionLost(self, reason: Failure) -> None:
        self.is_gone = True
        waiting = list(self.notifications)
        super().connectionLost(reason)
        for notification in waiting:
            # A peer that hangs up is daily life, not an unhandled error.
            notification.addErrback(lambda failure: None)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method.decode('ascii', 'replace')}>"


def answer(
    request: WebRequest,
    status: int,
    body: str,
    *,
    content_type: str = TEXT,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Write a whole short answer and finish; nothing happens when the peer is gone."""
    if request.is_gone:
        return
    octets = body.encode("utf-8", "replace")
    request.setResponseCode(status, HTTPStatus(status).phrase.encode("ascii"))
    request.setHeader(b"Content-Type", content_type.encode("ascii"))
    request.setHeader(b"Content-Length", b"%d" % len(octets))
    request.setHeader(b"Cache-Control", b"no-store")
    request.setHeader(b"X-Content-Type-Options", b"nosniff")
    for name, value in (headers or {}).items():
        request.setHeader(name.encode("ascii"), value.encode("ascii"))
    request.write(octets)
    request.finish()


class Root(Resource):
    """Where the rooms hang, by the first part of the path; its case does not matter, because devices shout."""

    def getChild(self, name: bytes, request: WebRequest) -> Resource:
        return self.children.get(name.lower(), NOT_FOUND)


class _NotFound(Resource):
    isLeaf = True

    def render(self, request: WebRequest) -> int:
        if request.method.decode("ascii") in METHODS:
            answer(request, 404, "Nothing here; messages go to /send\n")
        else:
            answer(request, 405, f"Only {', '.join(METHODS)} here\n", headers={"Allow": ", ".join(METHODS)})
        return server.NOT_DONE_YET


NOT_FOUND = _NotFound()


class WebSite(ServerFactory[WebChannel]):
    """The factory of one listener. It writes no access log: a query string holds PINs and texts."""

    noisy = False
    requestFactory = WebRequest

    def __init__(
        self,
        root: Root,
        settings: HttpSettings,
        connections: Connections,
        events: Any,
        *,
        is_lenient: bool,
        reactor: IReactorTime,
    ) -> None:
        """`events` is a logger as `logs.get` gives it; `reactor` is the clock of the deadlines."""
        self.root = root
        self.settings = settings
        self.connections = connections
        self.events = events
        self.reactor = reactor
        self._is_lenient = is_lenient

    def buildProtocol(self, address: IAddress | None) -> WebChannel:
        channel = WebChannel(RequestReader(is_lenient=self._is_lenient, body_size_max=self.settings.body_size_max))
        channel.factory = channel.site = self
        return channel

    def log(self, request: server.Request) -> None:
        """What Twisted's request calls for the access log; there is none."""
