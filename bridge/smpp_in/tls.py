"""TLS of the SMPP listeners; a renewed certificate is read without closing them."""

import ssl
from pathlib import Path

from bridge.runtime import logs
from bridge.runtime.renewal import Renewal
from bridge.smpp_in.settings import SmppListen, SmppSettings

log = logs.get("smpp")


class ServerTls:
    """One context for the listeners that ask for a client's certificate, and one for those that do not."""

    def __init__(self, settings: SmppSettings, now_s: float) -> None:
        """Raises OSError or ssl.SSLError when a file is missing or no good, as far as a listener needs it."""
        self._settings = settings
        self._contexts = {
            asks: self._new(asks_client=asks)
            for asks in {listen.client_certificates for listen in settings.listen if listen.tls}
        }
        files = (settings.certificate, settings.private_key, settings.client_ca_file)
        paths: tuple[Path, ...] = tuple(path for path in files if path is not None)
        self._renewal = Renewal(paths, now_s) if self._contexts else None

    def context(self, listen: SmppListen) -> ssl.SSLContext | None:
        return self._contexts[listen.client_certificates] if listen.tls else None

    def renew(self, now_s: float) -> None:
        """Read changed files; open connections keep theirs. Files that are no good are tried again later."""
        if self._renewal is None:
            return
        try:
            if self._renewal.is_due(now_s):
                for asks, context in self._contexts.items():
                    # Into a new context first: a live one would be left with the certificate of another key.
                    self._new(asks_client=asks)
                    self._load(context, asks_client=asks)
                self._renewal.taken()
                log.info("certificate read", file=str(self._settings.certificate))
        except (OSError, ssl.SSLError) as error:
            log.error("certificate kept", why=str(error))

    def _new(self, *, asks_client: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._load(context, asks_client=asks_client)
        return context

    def _load(self, context: ssl.SSLContext, *, asks_client: bool) -> None:
        settings = self._settings
        if settings.certificate is None or settings.private_key is None:
            raise ValueError("smpp.certificate and smpp.private_key are needed for TLS")
        context.load_cert_chain(settings.certificate, settings.private_key)
        if asks_client:
            context.load_verify_locations(settings.client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
