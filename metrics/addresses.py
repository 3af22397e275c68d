"""Which addresses of the internet may be asked on somebody's behalf: those that everybody could ask as well."""

import ipaddress
import socket
from collections.abc import Sequence

from metrics.errors import MetricsError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Through these an IPv6 address leads to an IPv4 one, its last four bytes: by translation, of two kinds, and as it was
# once written.
_LEADING_TO_IPV4 = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")))


class PrivateAddress(MetricsError):
    """The name leads, by at least one of its addresses, to where only this machine's own network gets."""

    code = "private_address"


class UnknownHost(MetricsError):
    code = "unknown_host"


def resolve(host: str, port: int, *, to_private: bool) -> list[str]:
    """The addresses of a host, each of which may be asked. Raises UnknownHost, PrivateAddress.

    One that may not is enough to refuse the name: which of several is taken would be somebody else's choice.
    """
    found = _addresses(host, port)
    if not found:
        raise UnknownHost("There is no such host.")
    if not to_private and not all(is_public(address) for address in found):
        raise PrivateAddress("The name leads into a private network, which EARSHOT_WEBHOOKS_TO_PRIVATE=1 allows.")
    return [str(address) for address in found]


def is_private_by_name(host: str) -> bool:
    """Whether a host is written as an address that may not be asked, in whatever form, or means this machine.

    Nobody is asked for a name's addresses: those of other names are looked at when they are used.
    """
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return not all(is_public(address) for address in _addresses(name, None, socket.AI_NUMERICHOST))


def is_public(address: Address) -> bool:
    """Whether it is one of the whole internet: not private, of this machine, of this link, of many, of nobody."""
    if isinstance(address, ipaddress.IPv6Address):
        if inner := _inner(address):
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that packets to this one end at."""
    if any(address in network for network in _LEADING_TO_IPV4):
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]


def _addresses(host: str, port: int | None, flags: int = 0) -> Sequence[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError):
        return []
    # What follows a % names a network card.
    return [ipaddress.ip_address(str(where[0]).partition("%")[0]) for *_, where in found]
