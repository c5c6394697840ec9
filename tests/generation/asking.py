"""Requests to an engine, as a web server would make them."""

from __future__ import annotations

import threading
from typing import Any

from waiting import wait_until

from simpleml import SequenceGenerator
from simpleml.copying.guard import guards
from simpleml.copying.index import OriginalityIndex
from simpleml.generation.engine import Engine
from simpleml.generation.request import new_streams
from simpleml.generation.text_stream import GenerationOptions


class Asked:
    """One request: its texts so far, how it ended, how often its listener was told."""

    def __init__(
        self,
        engine: Engine,
        generator: SequenceGenerator,
        seed: str = "",
        *,
        seconds: float = 60.0,
        each: int = 1,
        streaming: bool = False,
        index: OriginalityIndex | None = None,
        request_id: str = "",
        **options: Any,
    ) -> None:
        options = {"random_state": 1, **options}
        streams, seeds = new_streams(
            generator,
            [generator.vocabulary.encode(seed).indices],
            GenerationOptions(**options),
            each=each,
            starts_blank=not seed,
            processors=guards(index, options.get("max_copy"), generator.vocabulary),
        )
        self.told = 0
        self.over = threading.Event()
        self.generation = engine.submit(
            generator, seeds, streams, seconds=seconds, streaming=streaming,
            listener=self._listen, request_id=request_id,
        )  # fmt: skip

    def _listen(self) -> None:
        self.told += 1
        if self.generation.done:
            self.over.set()

    def wait(self) -> Asked:
        """Until it is over, well or badly."""
        wait_until(lambda: self.generation.done and self.told, 60, "the request ends")
        return self

    @property
    def reasons(self) -> list[str | None]:
        return [stream.finish_reason for stream in self.generation.streams]

    def texts(self) -> list[str]:
        """What follows the seed; raises what the request failed with."""
        self.wait()
        if self.generation.error is not None:
            raise self.generation.error
        return [stream.take() for stream in self.generation.streams]

    def text(self) -> str:
        (text,) = self.texts()
        return text
