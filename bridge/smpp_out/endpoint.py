"""Where a link connects to: TCP, or TLS with the certificate verified."""

from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates

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
