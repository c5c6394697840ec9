"""What servers.AsgiServer serves."""

from __future__ import annotations

import sys

from simpleml import create_app
from simpleml.web.bridge import Bridge


def make() -> Bridge:
    """The application of the environment's settings."""
    return Bridge(create_app(), stopping=check_nothing_was_replaced)


def check_nothing_was_replaced() -> None:
    """Written to the server's log."""
    print("gevent is", "loaded" if "gevent" in sys.modules else "not loaded", flush=True)
