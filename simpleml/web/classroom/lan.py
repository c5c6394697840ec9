"""How others on the same network reach this machine."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Iterator

_PRIVATE = ("192.168.255.255", "10.255.255.255", "172.31.255.255", "192.0.2.1")
"""Addresses to ask the routing table about; nothing is sent to them."""


def lan_address() -> str:
    """This machine's address on its local network; 127.0.0.1 where it is on none."""
    return next(_addresses(), "127.0.0.1")


def _addresses() -> Iterator[str]:
    for target in _PRIVATE:
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.connect((target, 9))
            if _reachable(found := one.getsockname()[0]):
                yield found
    with contextlib.suppress(OSError):  # on no route at all, a hotspot of its own for instance
        for found in socket.gethostbyname_ex(socket.gethostname())[2]:
            if _reachable(found):
                yield found


def _reachable(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return not (found.is_loopback or found.is_unspecified)


def is_loopback(host: str) -> bool:
    """Whether a name, as an address bar shows it, leads to the browser's own machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
