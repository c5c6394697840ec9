"""What is known of a request when it is over: one log line, and what the metrics count.

    method=POST route=/v1/completions model=contes status=200 characters=200 ms=81.3 queue_ms=0.2
    request_id=4f0c…

The route is its pattern: neither the path nor the seed is ever written. A streamed answer is over
when its last byte was sent or its client has left.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import current_app, g

from simpleml.errors import ModelBrokenError
from simpleml.generation.mix import is_mix
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.web.classroom.access import check_visible
from simpleml.web.run import Run
from simpleml.web.service import Service

_log = logging.getLogger("simpleml.requests")


@dataclass
class RequestRecord:
    """One request, filled in while it is answered."""

    method: str
    request_id: str
    started: float = field(default_factory=time.monotonic)
    route: str = ""
    """The route's pattern, empty where none matched."""
    model: str = ""
    """Name of the model, of those that exist, or of a blend's joined by +; else empty."""
    visitor: str = ""
    """Whose request it is, in a class; empty for nobody in particular."""
    teacher: bool = False
    """It came with the teacher's key."""
    run: Run | None = None
    """What it has in the engine."""
    error_code: str = ""
    status: int = 0
    seconds: float = 0.0
    """From the first look at the request to the end of the answer."""

    @property
    def characters(self) -> int:
        """Symbols generated: characters, or words of a word-level model."""
        return self.run.generation.symbols_generated if self.run else 0

    @property
    def queue_seconds(self) -> float:
        """That it waited for the engine; 0 where it never did."""
        return self.run.generation.queue_seconds if self.run else 0.0

    @property
    def first_character_seconds(self) -> float | None:
        """From the first look at the request to the first symbol drawn."""
        first = self.run.generation.first_symbol_at if self.run else None
        return None if first is None else max(0.0, first - self.started)

    def write(self) -> None:
        """Write the line."""
        _log.info(
            "method=%s route=%s model=%s status=%d characters=%d ms=%.1f queue_ms=%.1f "
            "request_id=%s",
            self.method,
            self.route or "-",
            self.model or "-",
            self.status,
            self.characters,
            1000 * self.seconds,
            1000 * self.queue_seconds,
            self.request_id,
        )


def current_record() -> RequestRecord:
    """The record of the request that is being answered."""
    record: RequestRecord = g.record
    return record


def load_model(name: str | Mapping[str, float]) -> SequenceGenerator:
    """Load the model that the current request is about, and note its name if it exists.

    Raises:
        ModelNotFoundError, ModelBrokenError, InvalidValueError: as ModelLoader.load.
    """
    service: Service = current_app.extensions["simpleml"]
    try:
        generator = service.load(name)
    except ModelBrokenError:
        if isinstance(name, str) and not is_mix(name):
            current_record().model = name
        raise
    check_visible(*(one.name for one in generator.members))
    # A blend's without its weights, of which there is no end.
    current_record().model = "+".join(one.name for one in generator.members)
    return generator


def configure_logging() -> None:
    """Send the log to stderr, from INFO on, unless the program has set up logging itself."""
    logger = logging.getLogger("simpleml")
    if logger.handlers or logging.getLogger().handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
