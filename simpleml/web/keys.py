"""API keys: who may call the server when SIMPLEML_API_KEYS names some.

A key comes as `Authorization: Bearer KEY` or `X-API-Key: KEY`. Each operation says which key it
asks for (Operation.key): all ask but the probes, the documentation, and the bare pages of
playground and training, which hold nothing and ask the visitor for the key that their requests
need. A CORS preflight, which browsers send without credentials, passes. Training, where it is on,
has keys of its own (simpleml.web.train.access).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from flask import Flask, request

from simpleml.errors import AuthenticationError
from simpleml.settings import Settings
from simpleml.web.negotiation import wants_page
from simpleml.web.openapi.operation import Operation


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
        authorization: as WSGI gives headers, a character for each byte.
        x_api_key: the same.
    """
    found = []
    scheme, _, credentials = authorization.strip().partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        found.append(credentials.strip())
    if x_api_key.strip():
        found.append(x_api_key.strip())
    return [key.encode("latin-1", "replace") for key in found]


def guard(app: Flask, settings: Settings, operations: Sequence[Operation]) -> None:
    """Ask every request for the key that its operation asks for, before anything else is done."""
    keys = Keys(settings.api_keys)
    if not keys:
        return
    wanted = {one.rule: one.key for one in operations}

    def is_open() -> bool:
        key = wanted[request.url_rule.rule] if request.url_rule else "server"
        if key == "training":  # asks for it itself
            return settings.training
        return key == "none" or (key == "page" and wants_page())

    @app.before_request
    def check() -> None:
        if request.method == "OPTIONS" or is_open():
            return
        keys.check_request(
            "This server asks for a key: Authorization: Bearer KEY, or X-API-Key: KEY.",
            "The key is not one of this server's.",
        )
