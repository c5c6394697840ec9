"""API keys: who may call the server when SIMPLEML_API_KEYS names some.

A key comes as `Authorization: Bearer KEY` or `X-API-Key: KEY`. Every route asks for it but the
probes and the bare pages of playground and training, which hold nothing and ask the visitor for the
key that their requests need; a CORS preflight, which browsers send without credentials, passes.
Training, where it is on, has keys of its own (simpleml.web.train.access).
"""

from __future__ import annotations

import hashlib
import hmac

from flask import Flask, current_app, request

from simpleml.errors import AuthenticationError
from simpleml.web.pages.rendering import wants_page

OPEN_BLUEPRINT = "probes"
PAGE_FILES = ("playground.static_file", "training_page.static_file")
TRAINING = ("training", "training_page")


class Keys:
    """The keys that are accepted, kept as hashes."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._digests = [_digest(key.encode("utf-8", "surrogateescape")) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def accept(self, given: bytes) -> bool:
        """Whether `given` is one of the keys (UTF-8), taking no time that tells how near it came.

        Hashes have one length, whatever was given; every key is compared, also after a match.
        """
        digest = _digest(given)
        found = False
        for known in self._digests:
            found |= hmac.compare_digest(digest, known)
        return found

    def check_request(self, missing: str, wrong: str) -> None:
        """Raise AuthenticationError, with the message that fits, unless the request has a key."""
        given = given_keys(
            request.headers.get("Authorization", ""), request.headers.get("X-API-Key", "")
        )
        if not given:
            raise AuthenticationError(missing)
        if not any(self.accept(one) for one in given):
            raise AuthenticationError(wrong)


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def given_keys(authorization: str, x_api_key: str) -> list[bytes]:
    """The keys that a request's two headers carry.

    Args:
        authorization, x_api_key: as WSGI gives headers, a character for each byte.
    """
    found = []
    scheme, _, credentials = authorization.strip().partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        found.append(credentials.strip())
    if x_api_key.strip():
        found.append(x_api_key.strip())
    return [key.encode("latin-1", "replace") for key in found]


def _is_open() -> bool:
    if request.endpoint == "home.home":
        return wants_page()
    if request.blueprint in TRAINING and current_app.extensions["simpleml"].settings.training:
        return True
    return request.blueprint == OPEN_BLUEPRINT or request.endpoint in PAGE_FILES


def guard(app: Flask, accepted: tuple[str, ...]) -> None:
    """Ask every request for a key before anything else is done for it."""
    keys = Keys(accepted)
    if not keys:
        return

    @app.before_request
    def check() -> None:
        if _is_open() or request.method == "OPTIONS":
            return
        keys.check_request(
            "This server asks for a key: Authorization: Bearer KEY, or X-API-Key: KEY.",
            "The key is not one of this server's.",
        )
