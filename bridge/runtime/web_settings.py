"""Settings of the HTTP listeners, and of what may be trusted on the plain ones."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bridge.runtime.listen_settings import Listen, private_networks


class HttpListen(Listen):
    """One address and port that speaks HTTP."""

    port: int = Field(
        default=8080,
        ge=0,
        le=65535,
        description="TCP port; 0 takes any free one. The default needs no privilege.",
    )
    tls: bool = Field(
        default=False,
        description="Speak HTTPS here, with `http.certificate` and `http.private_key`. Off, for devices that cannot.",
    )
    lenient: bool = Field(
        default=True,
        description="Forgive what old devices send: HTTP/0.9, bare line feeds, raw spaces and 8-bit octets in the "
        "URL, lower-case methods. Turn it off behind a reverse proxy, whose reading of a request must be the same.",
    )


class HttpSettings(BaseModel):
    """Everything that speaks HTTP to us shares these listeners."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: list[HttpListen] = Field(
        default_factory=lambda: [HttpListen()],
        description="Where to listen; each entry has address, port, tls and lenient. Empty: no HTTP at all.",
    )
    certificate: Path | None = Field(
        default=None,
        description="PEM file with the certificate and its chain, for the listeners with `tls`. A renewed one is read "
        "within seconds, without a restart.",
    )
    private_key: Path | None = Field(
        default=None, description="PEM file with the private key of `certificate`, without a passphrase."
    )
    connections_max: int = Field(
        default=500,
        ge=1,
        le=60_000,
        description="Open connections over all HTTP listeners. When they are used up, the one that has been waiting "
        "longest without a whole request is closed. The default stays below the usual limit of 1024 open files.",
    )
    body_size_max: int = Field(
        default=262_144,
        ge=1024,
        le=16_777_216,
        description="Largest request body, octets. A larger one is answered 413 before it is read. "
        "The default holds any text to 100 recipients many times over.",
    )
    header_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="Seconds from the connection, or from the last answer, until the whole request head is there, "
        "however steadily it trickles in. The default is generous for a modem line.",
    )
    body_timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Seconds from the request head until the whole body is there.",
    )
    plain_auth_networks: list[IPv4Network | IPv6Network] = Field(
        default_factory=private_networks,
        description="Networks from which a PIN, key or token is accepted over plain HTTP. Everywhere else it needs "
        "HTTPS. The default is loopback and the private ranges, where alarm panels live.",
    )

    @model_validator(mode="after")
    def _has_what_tls_needs(self) -> "HttpSettings":
        if any(listen.tls for listen in self.listen) and not (self.certificate and self.private_key):
            raise ValueError("a listener with tls needs both certificate and private_key")
        return self
