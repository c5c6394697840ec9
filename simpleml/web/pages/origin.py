"""The address that links and lines of code name: one that others reach, too."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

from simpleml.web.classroom.lan import is_loopback, lan_address

_CONNECT_SECONDS = 0.5
_FRESH_SECONDS = 30.0
_found: dict[int, tuple[float, str]] = {}


def origin_for_others(url: str) -> str:
    """The origin of a page for others than this machine's own browser.

    Where the browser says localhost, that is this machine's address on its network, if the server
    listens there as well; else the address as the browser, or the proxy before it, has it.

    Args:
        url: of the request, such as http://localhost:8280/.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not is_loopback(parts.hostname or ""):
        return f"{parts.scheme}://{parts.netloc}"
    port = parts.port or 80
    known = _found.get(port)
    if known is None or time.monotonic() - known[0] > _FRESH_SECONDS:
        known = _found[port] = time.monotonic(), _address(port)
    host = known[1]
    return f"http://{host}{f':{port}' if parts.port else ''}" if host else f"http://{parts.netloc}"


def _address(port: int) -> str:
    """This machine's address on its network, if anything listens at that port there."""
    address = lan_address()
    if is_loopback(address):
        return ""
    try:
        with socket.create_connection((address, port), _CONNECT_SECONDS):
            return address
    except OSError:
        return ""
