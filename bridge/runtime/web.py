"""The HTTP listeners: everything that speaks HTTP to us hangs its resource here and shares ports, limits and deadlines.

A room mounts a resource under the first part of the path: `web.mount(b"send", resource)`. The listeners start and
stop as one service. Stopping closes the ports, lets answers that are being made go out, and turns the rest away.
"""

import asyncio
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.web.resource import IResource

from bridge.runtime.web_connections import Connections
from bridge.runtime.web_settings import HttpListen, HttpSettings
from bridge.runtime.web_site import Root, WebSite
from bridge.runtime.web_tls import Certificate

DRAIN_S = 10.0
"""How long answers may take to go out when the listeners stop; systemd gives a service 90 s."""
ABORT_S = 1.0
"""How long the loop may take to notice that a connection was cut."""


class WebListeners:
    """A service (`start`, `stop`) with one tree of resources for all HTTP listeners."""

    name = "web"

    def __init__(self, settings: HttpSettings, log: Any) -> None:
        """`log` is a logger as `logs.get` gives it."""
        self._settings = settings
        self._log = log
        self._root = Root()
        self._connections = Connections(settings.connections_max)
        self._ports: list[IListeningPort] = []

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Address and port of each listener as it really is (a port of 0 has become one), in the settings' order."""
        hosts: list[Any] = [port.getHost() for port in self._ports]
        return [(host.host, host.port) for host in hosts]

    def mount(self, name: bytes, resource: IResource) -> None:
        """Hang a room's resource under /name; b"" is the front page."""
        self._root.putChild(name, resource)

    async def start(self) -> None:
        """Open every listener, or none.

        Raises OSError naming the address that cannot be had or the file that cannot be read, and ValueError when the
        certificate and its key are no good.
        """
        from twisted.internet import reactor

        self._connections.is_draining = False
        try:
            for listen in self._settings.listen:
                self._ports.append(self._listen(listen, reactor))
        except BaseException:
            await self._close_ports()
            raise
        for (address, port), listen in zip(self.addresses, self._settings.listen, strict=True):
            self._log.info("listening", door="http", address=address, port=port, tls=listen.tls)

    def _listen(self, listen: HttpListen, reactor: Any) -> IListeningPort:
        site = WebSite(
            self._root,
            self._settings,
            self._connections,
            self._log,
            is_lenient=listen.lenient,
            reactor=reactor,
        )
        try:
            if not listen.tls:
                return reactor.listenTCP(listen.port, site, interface=listen.address)
            return reactor.listenSSL(listen.port, site, self._certificate(reactor), interface=listen.address)
        except CannotListenError as error:
            raise OSError(f"cannot listen on {listen.address} port {listen.port}: {error.socketError}") from None

    def _certificate(self, reactor: Any) -> Certificate:
        certificate, private_key = self._settings.certificate, self._settings.private_key
        assert certificate is not None, "the settings see to that"
        assert private_key is not None
        return Certificate(certificate, private_key, self._log, reactor)

    async def stop(self) -> None:
        await self._close_ports()
        self._connections.drain()
        if not await self._are_gone(DRAIN_S):
            self._connections.abort()
            await self._are_gone(ABORT_S)

    async def _close_ports(self) -> None:
        ports, self._ports = self._ports, []
        loop = asyncio.get_running_loop()
        for port in ports:
            await maybeDeferred(port.stopListening).asFuture(loop)

    async def _are_gone(self, within_s: float) -> bool:
        """Whether every connection has ended within that time."""
        try:
            async with asyncio.timeout(within_s):
                await self._connections.emptied()
        except TimeoutError:
            return False
        return True
