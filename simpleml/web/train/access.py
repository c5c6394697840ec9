"""Who may train: those with a key of SIMPLEML_TRAINING_KEYS, or else this machine alone.

The keys of SIMPLEML_API_KEYS open nothing here. Pages of other sites never get in, whatever the
CORS settings say: a browser would carry their wish to a server on the visitor's own machine.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from flask import request

from simpleml.errors import TrainingForbiddenError, TrainingOffError
from simpleml.settings import Settings
from simpleml.web.keys import Keys

_PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


def admit(settings: Settings) -> None:
    """Let the current request in, or raise.

    Raises:
        TrainingOffError: the server does not train.
        TrainingForbiddenError: it comes from a page of another site, or from another machine
            while there is no key.
        AuthenticationError: its key is missing or wrong.
    """
    require_on(settings)
    if request.method == "OPTIONS":
        return
    _refuse_other_sites()
    keys = Keys(settings.training_keys)
    if not keys:
        _refuse_other_machines()
        return
    keys.check_request(
        "Training asks for a key of its own: Authorization: Bearer KEY, or X-API-Key: KEY.",
        "The key is not one of those that may train.",
    )


def require_on(settings: Settings) -> None:
    """Raise TrainingOffError unless the server trains."""
    if not settings.training:
        raise TrainingOffError(
            "This server does not train: SIMPLEML_TRAINING=1 at its start turns it on."
        )


def _refuse_other_sites() -> None:
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    # Browsers name the site on https and localhost, the origin with whatever changes something.
    foreign = site not in ("same-origin", "none") if site else False
    if origin is not None and urlsplit(origin).netloc.lower() != request.host.lower():
        foreign = True
    if foreign:
        raise TrainingForbiddenError(
            "Pages of other sites cannot train here.", reason="training_elsewhere"
        )


def _refuse_other_machines() -> None:
    proxied = any(name in request.headers for name in _PROXY_HEADERS)
    # Behind a name that leads here by trick (DNS rebinding) a foreign page would be of this site.
    host = urlsplit(f"//{request.host}").hostname or ""
    if proxied or not _is_loopback(request.remote_addr or "") or not _is_own_name(host):
        raise TrainingForbiddenError(
            "Without SIMPLEML_TRAINING_KEYS only the server's own machine may train, by the name "
            "localhost and not through a proxy. Set a key to open it to others.",
            reason="training_here_alone",
        )


def _is_own_name(host: str) -> bool:
    return host == "localhost" or _is_loopback(host)


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return bool((mapped or found).is_loopback)
