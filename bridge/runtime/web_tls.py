"""The certificate of the HTTPS listeners, exchanged without closing them."""

from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLContextFactory, IReactorTime
from zope.interface import implementer

from bridge.runtime.renewal import Renewal

_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has no others."""


@implementer(IOpenSSLContextFactory)
class Certificate:
    """A context factory that hands out the newest certificate; connections that are open keep theirs."""

    def __init__(self, certificate: Path, private_key: Path, events: Any, reactor: IReactorTime) -> None:
        """Raises ValueError or OSError when the files cannot be used."""
        self._paths = (certificate, private_key)
        self._events = events
        self._reactor = reactor
        self._renewal = Renewal(self._paths, reactor.seconds())
        self._context = self._read()

    def getContext(self) -> SSL.Context:
        self._renew()
        return self._context

    def _renew(self) -> None:
        """Read changed files. Ones that are no good, or half written, are tried again at the next look."""
        try:
            if self._renewal.is_due(self._reactor.seconds()):
                self._context = self._read()
                self._renewal.taken()
                self._events.info("certificate read", file=str(self._paths[0]))
        except (ValueError, OSError) as error:
            self._events.error("certificate kept", why=str(error))

    def _read(self) -> SSL.Context:
        certificate, private_key = self._paths
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION)
        context.set_cipher_list(_CIPHERS)
        for path in self._paths:
            path.open("rb").close()  # OpenSSL does not say which file it could not open
        try:
            context.use_certificate_chain_file(str(certificate))
            context.use_privatekey_file(str(private_key))
            context.check_privatekey()
        except SSL.Error:
            raise ValueError(f"{certificate} and {private_key} are not a PEM certificate and its key") from None
        return context
