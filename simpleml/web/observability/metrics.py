"""Prometheus metrics: /metrics.

One worker answers from its own memory. With several, each writes into the files of
PROMETHEUS_MULTIPROC_DIR (gunicorn.conf.py prepares it) and whichever is asked adds them up.
A label never holds a seed, a path or a name that is not a model's.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import prometheus_client
from flask import Response, current_app
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from simpleml.errors import ModelBrokenError, SettingsError
from simpleml.models.artifact import find_artifact, read_card
from simpleml.web.observability.request_log import RequestRecord
from simpleml.web.openapi.operation import STRING, TEXT, Operation, Routes
from simpleml.web.service import Service

# prometheus_client's own says 1.0.0, which scrapers of the text format do not expect.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_REJECTIONS = ("queue_full", "stopping")
_REJECTED_STATUSES = (401, 408, 413, 429, 503)
_REFRESH_SECONDS = 0.5
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120)
_FIRST_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)

blueprint = Routes("metrics", tag="operate")


@blueprint.operation(
    Operation(
        "get", "/metrics", "Prometheus metrics of all workers.", {TEXT: STRING},
        example="BASE/metrics",
    )
)  # fmt: skip
def metrics() -> Response:
    """Metrics of all workers in Prometheus' text format."""
    page: Metrics = current_app.extensions["simpleml_metrics"]
    return Response(page.exposition(), content_type=CONTENT_TYPE)


class Metrics:
    """The metrics of one worker, and the page that adds up those of all."""

    def __init__(self, service: Service) -> None:
        """Raises SettingsError where the folder that several processes share cannot be made."""
        self._service = service
        # Otherwise each series has a second one that says when it was made.
        prometheus_client.disable_created_metrics()
        self.several = _prepare_folder(os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""))
        own = CollectorRegistry()
        self._page = CollectorRegistry() if self.several else own
        if self.several:
            MultiProcessCollector(self._page)
        self._page.register(_ModelQuality(service))
        counter = partial(Counter, registry=own)
        seconds = partial(_histogram, own)
        gauge = partial(Gauge, registry=own, multiprocess_mode="livesum")
        self.requests = counter(
            "simpleml_requests",
            "Requests answered, by model (empty where there is none), route and status.",
            ("model", "route", "status"),
        )
        self.characters = counter(
            "simpleml_generated_characters",
            "Characters generated (words, where the model's symbols are words).",
            ("model",),
        )
        self.rejected = counter(
            "simpleml_requests_rejected",
            "Requests turned away before any work, by reason.",
            ("reason",),
        )
        self.duration = seconds(
            "simpleml_request_duration_seconds",
            "From a generating request's arrival to the end of its answer.",
            _SECONDS,
        )
        self.first_character = seconds(
            "simpleml_time_to_first_character_seconds",
            "From a generating request's arrival to its first character.",
            _FIRST_SECONDS,
        )
        self.queue = seconds(
            "simpleml_queue_duration_seconds",
            "How long a generating request waited for its place.",
            _FIRST_SECONDS,
        )
        self.running = gauge("simpleml_requests_running", "Requests that are generating.")
        self.waiting = gauge("simpleml_requests_waiting", "Requests that wait for a place.")
        self.loaded = Gauge(
            "simpleml_model_loaded",
            "1 where a worker has the model in memory.",
            ("model",),
            registry=own,
            multiprocess_mode="livemax",
        )
        for reason in _REJECTIONS:
            self.rejected.labels(reason)
        self._refreshing = threading.Lock()
        self._seen_models: set[str] = set()
        self._watching = False

    def exposition(self) -> bytes:
        """The page."""
        self._refresh(self._service.loader.names())
        page: bytes = generate_latest(self._page)
        return page

    def record(self, record: RequestRecord) -> None:
        """Count a request that is over."""
        self.requests.labels(record.model, record.route, str(record.status)).inc()
        if record.error_code and record.status in _REJECTED_STATUSES:
            self.rejected.labels(record.error_code).inc()
        if record.run is None:
            return
        self.characters.labels(record.model).inc(record.characters)
        self.duration.observe(record.seconds)
        self.queue.observe(record.queue_seconds)
        first = record.first_character_seconds
        if first is not None:
            self.first_character.observe(first)

    def watch(self) -> None:
        """Keep the gauges up to date while the engine has work.

        Another worker may be asked for the page and reads what was last written here; a worker
        without work does nothing.
        """
        if self.several and not self._watching:
            self._watching = True
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        try:
            while not self._service.engine.drained:
                self._refresh()
                time.sleep(_REFRESH_SECONDS)
        finally:
            self._watching = False
            self._refresh()

    def _refresh(self, names: Sequence[str] = ()) -> None:
        with self._refreshing:
            self._refresh_alone(names)

    def _refresh_alone(self, names: Sequence[str]) -> None:
        self.running.set(self._service.engine.running)
        self.waiting.set(self._service.engine.waiting)
        loaded = set(self._service.loader.loaded())
        self._seen_models |= loaded
        self._seen_models.update(names)
        for name in self._seen_models:
            self.loaded.labels(name).set(name in loaded)
        if names and not self.several:  # files of several processes cannot forget a series
            for gone in self._seen_models - loaded - set(names):
                self.loaded.remove(gone)
            self._seen_models &= loaded | set(names)


def _histogram(
    registry: CollectorRegistry, name: str, what: str, buckets: Sequence[float]
) -> Histogram:
    return Histogram(name, what, buckets=buckets, registry=registry)


def _prepare_folder(name: str) -> bool:
    """Whether several processes share a folder, which is there then.

    Raises:
        SettingsError: it cannot be made.
    """
    if not name:
        return False
    try:
        Path(name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"PROMETHEUS_MULTIPROC_DIR is {name!r}, which cannot be made: {error.strerror}",
            param="PROMETHEUS_MULTIPROC_DIR",
        ) from error
    return True


class _ModelQuality(Collector):  # type: ignore[misc]  # prometheus_client is not looked into
    """What the models' cards say; the same in every worker, so read when asked."""

    def __init__(self, service: Service) -> None:
        self._loader = service.loader

    def describe(self) -> Iterable[Any]:
        """Its names, so that registering it reads no file."""
        return [self._family()]

    def collect(self) -> Iterable[Any]:
        family = self._family()
        for name in self._loader.names():
            bits = self._bits(name)
            if bits is not None:
                family.add_metric([name], bits)
        return [family]

    @staticmethod
    def _family() -> Any:
        return GaugeMetricFamily(
            "simpleml_model_validation_bits_per_character",
            "Bits per character on text that the model never saw, as its card says.",
            labels=["model"],
        )

    def _bits(self, name: str) -> float | None:
        try:
            paths = find_artifact(self._loader.models_dir, name)
            card = read_card(paths) if paths else None
        except ModelBrokenError:
            return None
        value = card.metrics.get("bits_per_character") if card else None
        return float(value) if isinstance(value, int | float) else None
