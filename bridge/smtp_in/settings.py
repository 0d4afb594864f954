"""What an operator can say about the e-mail door."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bridge.runtime.listen_settings import Listen, private_networks


class SmtpListen(Listen):
    """One address and port that speaks SMTP."""

    port: int = Field(
        default=2525,
        ge=0,
        le=65535,
        description="TCP port; 0 takes any free one. Mail servers expect 25, programs that log in 587 or 465; "
        "the default needs no privilege.",
    )
    tls: Literal["none", "starttls", "implicit"] = Field(
        default="none",
        description="none: plain. starttls: plain until the client asks for TLS. implicit: TLS from the first byte "
        "(port 465). The last two need `smtp.certificate` and `smtp.private_key`.",
    )


class SmtpSettings(BaseModel):
    """The e-mail door: mail to NUMBER@domain becomes a message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: list[SmtpListen] = Field(
        default_factory=lambda: [SmtpListen()],
        description="Where to listen; each entry has address, port and tls. Empty: no e-mail door at all.",
    )
    domains: list[str] = Field(
        default=["sms.localhost"],
        min_length=1,
        max_length=100,
        description="The mail domains that are ours; mail for any other is refused, since nothing is relayed. "
        "The first is used where an address has no domain, and in the greeting. Left out: the appliance's `domain`.",
    )
    certificate: Path | None = Field(
        default=None,
        description="PEM file with the certificate and its chain, for the listeners with TLS. A renewed one is read "
        "within seconds, without a restart.",
    )
    private_key: Path | None = Field(
        default=None, description="PEM file with the private key of `certificate`, without a passphrase."
    )
    size_max: int = Field(
        default=1_048_576,
        ge=10_240,
        le=52_428_800,
        description="Largest mail, octets; a larger one is refused with 552. The default holds a mail with a "
        "signature picture or two; only its text is used.",
    )
    recipients_max: int = Field(
        default=100,
        ge=1,
        le=1000,
        description="Recipients of one mail; more are answered 452, and a mail server sends them in a second mail. "
        "The default is what RFC 5321 asks for at least.",
    )
    connections_max: int = Field(
        default=200,
        ge=1,
        le=20_000,
        description="Open connections over all SMTP listeners; more are answered 421. The default stays below the "
        "usual limit of 1024 open files.",
    )
    connections_per_address_max: int = Field(
        default=50,
        ge=1,
        le=20_000,
        description="Open connections from one IP address; more are answered 421, so that one sender cannot take "
        "all. The default is more than a mail server opens by itself (Postfix: 20).",
    )
    command_timeout_s: float = Field(
        default=60,
        gt=0,
        le=3600,
        description="Seconds until the next whole command must be there, however steadily it trickles in.",
    )
    session_timeout_s: float = Field(
        default=600,
        gt=0,
        le=86_400,
        description="Seconds a connection may last in all. A client that has more to send connects again.",
    )
    plain_auth_networks: list[IPv4Network | IPv6Network] = Field(
        default_factory=private_networks,
        description="Networks from which a PIN or mail secret is accepted without TLS. Everywhere else AUTH is "
        "answered 538 until TLS is on. The default is loopback and the private ranges, where alarm panels live.",
    )

    @field_validator("domains")
    @classmethod
    def _in_lower_case(cls, value: list[str]) -> list[str]:
        return [domain.strip().rstrip(".").lower() for domain in value]
