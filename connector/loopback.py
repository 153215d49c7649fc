"""Which hosts are this machine: plain http is allowed to them, and no proxy is ever asked. Pure."""

import ipaddress
import re
import socket

_NAME = "localhost"
# What a resolver takes for an IPv4 address: also 127.1, 2130706433, 0x7f.0.0.1 (inet_aton(3)).
_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}")


def is_loopback(host: str | None) -> bool:
    """Whether connecting to `host` never leaves this machine.

    A name is only `localhost`: what else a resolver makes a loopback address of, it may change its
    mind about. 0.0.0.0 and :: connect to this machine, too. `host` as in a URL, also in brackets.
    """
    name = (host or "").lower().strip("[]").removesuffix(".")
    if name == _NAME:
        return True
    address = _address(name)
    if address is None:
        return False
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    found = inner or address
    return found.is_loopback or found.is_unspecified


def past_proxies(host: str | None) -> bool:
    """Whether a request to `host` must not go to a proxy: also names below localhost (RFC 6761)."""
    name = (host or "").lower().removesuffix(".")
    return is_loopback(host) or name.endswith(f".{_NAME}")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        if _NUMBERS.fullmatch(name):
            return ipaddress.IPv4Address(socket.inet_aton(name))
        return ipaddress.ip_address(name.partition("%")[0])
    except (OSError, ValueError):
        return None
