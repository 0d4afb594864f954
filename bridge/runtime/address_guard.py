"""Which addresses our own requests may go to: public ones, and those that the operator named.

A host is resolved once, every address that it has is judged, and the connection goes to one of these: a name that
points somewhere else a moment later changes nothing. What a name looks like (0x7f.1, 2130706433, a name that resolves
to 127.0.0.1) does not matter, since only addresses are judged.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_REFUSED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "::/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
"""Not public, or another address in disguise (6to4, Teredo, NAT64), which could be a private one."""


class Refused(Exception):
    """The target is not one we send requests to; the text says why."""


def why_refused(address: Address, allowed: Sequence[Network] = ()) -> str:
    """Why nothing is sent to `address`; "" when it may be: it is public, or in one of the `allowed` networks."""
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped if mapped is not None else address
    if is_named(address, allowed):
        return ""
    refused = any(address.version == network.version and address in network for network in _REFUSED)
    return f"{address} is not a public address" if refused or not address.is_global else ""


def is_named(address: Address, allowed: Sequence[Network]) -> bool:
    """Whether the operator named a network that `address` is in."""
    return any(address.version == network.version and address in network for network in allowed)


async def resolve(host: str, port: int, allowed: Sequence[Network] = ()) -> list[Address]:
    """The addresses of `host`, all of them judged. Raises Refused when one may not be reached, OSError for none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(ipaddress.ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found))
    if not addresses:
        raise OSError(f"{host} has no address")
    for address in addresses:
        # One that may not be reached spoils the name: who controls it chooses which one we would have taken.
        if why := why_refused(address, allowed):
            raise Refused(f"{host}: {why}" if host != str(address) else why)
    return addresses
