"""What an operator can say about the SMPP door."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bridge.runtime.listen_settings import Listen, private_networks


class SmppListen(Listen):
    """One address and port that speaks SMPP."""

    port: int = Field(
        default=2775, ge=0, le=65535, description="TCP port; 2775 is the registered port of SMPP, 0 any free."
    )
    tls: bool = Field(
        default=False,
        description="Speak TLS from the first byte, with `smpp.certificate` and `smpp.private_key`; usual ports are "
        "3550 and 2776.",
    )
    client_certificates: bool = Field(
        default=False,
        description="Only for ESMEs that show a certificate of an authority in `smpp.client_ca_file`; needs `tls`.",
    )


class SmppSettings(BaseModel):
    """The SMPP door: here the appliance is the SMSC that ESMEs bind to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: list[SmppListen] = Field(
        default_factory=list,
        examples=[[{"address": "0.0.0.0", "port": 2775}]],  # noqa: S104 - an example for people
        description="Where to listen; each entry has address, port, tls and client_certificates. Empty: no SMPP door.",
    )
    system_id: str = Field(
        default="smsbridge",
        max_length=15,
        pattern=r"^[ -~]*$",
        description="What this SMSC calls itself when it answers a bind, in ASCII; no ESME is known to care.",
    )
    certificate: Path | None = Field(
        default=None,
        description="PEM file with the certificate and its chain, for the listeners with `tls`. A renewed one is read "
        "within seconds, without a restart.",
    )
    private_key: Path | None = Field(
        default=None, description="PEM file with the private key of `certificate`, without a passphrase."
    )
    client_ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authorities whose certificates ESMEs may show. One that is added counts within "
        "seconds, one that is taken out from the next start.",
    )
    password_networks: list[IPv4Network | IPv6Network] = Field(
        default_factory=private_networks,
        description="Networks from which a name and a password are enough to bind. From elsewhere the password must be "
        "bound to the networks it may come from, or the ESME must have shown a certificate: the eight characters that "
        "SMPP has room for are no protection on the Internet. The default is loopback and the private ranges.",
    )
    connections_max: int = Field(
        default=200,
        ge=1,
        le=20_000,
        description="Open connections over all SMPP listeners. When they are used up, the one that has waited longest "
        "without a bind is closed. The default stays below the usual limit of 1024 open files.",
    )
    connections_per_address_max: int = Field(
        default=50,
        ge=1,
        le=20_000,
        description="Open connections from one IP address; more are closed at once, so that one program that loses its "
        "way cannot take all.",
    )
    bind_timeout_s: float = Field(
        default=10, gt=0, le=600, description="Seconds from the connection until the ESME must be bound."
    )
    pdu_timeout_s: float = Field(
        default=10,
        gt=0,
        le=600,
        description="Seconds until a PDU that has begun must be there, however it trickles in.",
    )
    enquire_link_s: float = Field(
        default=30, ge=1, le=3600, description="Seconds of silence after which the ESME is asked whether it is there."
    )
    inactivity_s: float = Field(
        default=0,
        ge=0,
        le=86_400,
        description="Seconds without any request but enquire_link after which a session is closed; 0: never.",
    )
    response_timeout_s: float = Field(
        default=60,
        ge=1,
        le=3600,
        description="Seconds an ESME has to answer a receipt or an inbound text before it is sent again.",
    )
    requests_max: int = Field(
        default=500,
        ge=1,
        le=1000,
        description="Requests of one session that may wait for our answer. What is beyond it stays in the socket until "
        "answers have gone out, so an ESME may use any window.",
    )
    window: int = Field(
        default=100,
        ge=1,
        le=1000,
        description="Receipts and inbound texts sent and not yet answered, at most, per session.",
    )

    @model_validator(mode="after")
    def _has_what_tls_needs(self) -> Self:
        if any(listen.tls for listen in self.listen) and not (self.certificate and self.private_key):
            raise ValueError("a listener with tls needs both certificate and private_key")
        for listen in self.listen:
            if listen.client_certificates and not (listen.tls and self.client_ca_file):
                raise ValueError("client_certificates needs tls on the same listener, and client_ca_file")
        return self
