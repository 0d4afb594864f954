"""Where a link connects to: TCP, or TLS with the certificate verified."""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.python.failure import Failure
from zope.interface import implementer

from bridge.smpp_out.settings import LinkSettings

_PEM_END = b"-----END CERTIFICATE-----"


def endpoint_of(settings: LinkSettings) -> IStreamClientEndpoint:
    """The endpoint of `settings`. Raises OSError or ValueError when `ca_file` cannot be read."""
    from twisted.internet import reactor

    plain = HostnameEndpoint(reactor, settings.host, settings.port, timeout=settings.bind_timeout_s)
    if not settings.tls:
        return plain
    trust = None
    if settings.ca_file is not None:
        trust = trustRootFromCertificates(_certificates(settings.ca_file.read_bytes()))
    return wrapClientTLS(optionsForClientTLS(settings.host, trust), plain)


def _certificates(pem: bytes) -> list[Certificate]:
    blocks = [block + _PEM_END for block in pem.split(_PEM_END)[:-1]]
    if not blocks:
        raise ValueError("ca_file holds no PEM certificate")
    return [Certificate.loadPEM(block) for block in blocks]


@implementer(IStreamClientEndpoint)
class Watched:
    """An endpoint that tells of each try and why it failed; ClientService keeps that to itself."""

    def __init__(
        self, inner: IStreamClientEndpoint, on_trying: Callable[[], None], on_failure: Callable[[Failure], Failure]
    ) -> None:
        self._inner = inner
        self._on_trying = on_trying
        self._on_failure = on_failure

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect, as endpoints do."""
        self._on_trying()
        return self._inner.connect(protocolFactory).addErrback(self._on_failure)
