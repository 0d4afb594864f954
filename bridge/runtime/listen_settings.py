"""What every listener has in common: an address, and the networks where a secret may cross the wire in clear."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from pydantic import BaseModel, ConfigDict, Field, field_validator

PRIVATE_NETWORKS = (
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
)
"""Loopback, the private ranges of RFC 1918 and RFC 4193, and link-local."""


def private_networks() -> list[IPv4Network | IPv6Network]:
    """The default of every `plain_auth_networks`: where a secret does not cross a public wire."""
    return [ip_network(network) for network in PRIVATE_NETWORKS]


class Listen(BaseModel):
    """One address that is listened on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(
        default="127.0.0.1",
        description="IP address to listen on; 0.0.0.0 is every IPv4 address, :: every address. "
        "The default serves this machine only, so that nothing is open by accident.",
    )

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        ip_address(value)
        return value
