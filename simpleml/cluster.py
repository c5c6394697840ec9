"""The server as replicas over a Ray cluster: `serve run simpleml.cluster:app replicas=2`.

Each replica is what a gunicorn worker is elsewhere: the same application with an engine of its own,
behind a bridge from ASGI. The settings are those of the environment of `serve run`, or of its
arguments (`precision=int8`), and hold for all replicas; the models folder must be there on every
node. docs/deployment.md says how to start a cluster, deploy/ray/ has a configuration.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from ray import serve

from simpleml.errors import SettingsError
from simpleml.settings import Settings
from simpleml.web.bridge import Bridge, Message, Receive, Send

BESIDE_TEXTS = 64
"""Requests that a replica answers beside those that generate or wait: probes, pages, refusals."""
_TO_FINISH = 30.0
"""Seconds beyond the longest text that a replica that is to stop may take."""


class Size(BaseModel):
    """How much of the cluster the server takes."""

    model_config = ConfigDict(extra="forbid")

    replicas: int = Field(1, ge=1, le=10_000)
    cores: float = Field(1, gt=0, le=1024)
    """Of each replica; its steps take as many threads."""


def app(arguments: Mapping[str, Any]) -> serve.Application:
    """The application for `serve run` and `serve deploy`.

    Args:
        arguments: `replicas`, `cores`, and settings by name; the environment has the others.

    Raises:
        SettingsError: a setting has a value it cannot have.
    """
    own = {name: text for name, text in arguments.items() if name in Size.model_fields}
    size = Size.model_validate(own)
    given = {name: text for name, text in arguments.items() if name not in own}
    settings = Settings.read(**given)
    _check(settings)
    settings = dataclasses.replace(
        settings,
        models_dir=settings.models_dir.absolute(),
        threads=settings.threads or max(1, math.floor(size.cores)),
    )

    @serve.deployment(
        name="SimpleML",
        num_replicas=size.replicas,
        ray_actor_options={"num_cpus": size.cores},
        # Fewer, and requests would wait before the replica, where no 429 is given and no probe
        # is answered.
        max_ongoing_requests=settings.max_rows + settings.max_waiting + BESIDE_TEXTS,
        graceful_shutdown_timeout_s=settings.deadline + _TO_FINISH,
        health_check_period_s=2,
    )
    @serve.ingress(lambda: _Replica(settings))
    class SimpleML:
        """One replica."""

    return SimpleML.bind()  # type: ignore[attr-defined]


def _check(settings: Settings) -> None:
    if settings.class_:
        raise SettingsError(
            "A class has one server, where its pupils take turns: start it with `simpleml class`.",
            param="class_",
        )
    if settings.training and not settings.training_keys:
        raise SettingsError(
            "Over a cluster everyone seems to come from the machine of the proxy: set "
            "SIMPLEML_TRAINING_KEYS, or leave SIMPLEML_TRAINING off.",
            param="training_keys",
        )
    if os.environ.get("RAY_SERVE_ENABLE_HA_PROXY") != "1":
        raise SettingsError(
            "Ray's own proxy is too slow for streams: start `ray` on every node, and this, with "
            "what deploy/ray/environment says."
        )


class _OwnRequestId(dict[str, Any]):
    """The start of an answer that has one X-Request-Id, the program's; Ray appends another."""

    def get(self, name: str, default: Any = None) -> Any:
        found = super().get(name, default)
        if name != "headers":
            return found
        ids = [header for header in found if header[0].lower() == b"x-request-id"]
        return [header for header in found if header not in ids[1:] or header is ids[0]]


class _Replica:
    """The application of one replica, made there."""

    def __init__(self, settings: Settings) -> None:
        from simpleml.web.app import create_app

        made = create_app(settings)
        service, trainings = (made.extensions[f"simpleml{one}"] for one in ("", "_training"))

        def stop() -> None:
            service.engine.stop()
            trainings.stop()
            trainings.join(_TO_FINISH)

        self._bridge = Bridge(made, trainings.start, stop)

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        async def send_once(message: Message) -> None:
            start = message["type"] == "http.response.start"
            await send(_OwnRequestId(message) if start else message)

        await self._bridge(scope, receive, send_once)
