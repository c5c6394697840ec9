"""The record of a run, ML/<name>/training/events.jsonl: one JSON object a line, only ever appended.

It is what programs read to know how a run went or goes; training.csv, the picture and the lines on
the screen say the same to people. Every event has

    type        "start", "progress", "judgement", "sample", "note" or "end"
    time        when, seconds since 1970
    seconds     of training so far, earlier sessions included
    step        updates of the optimiser so far
    characters  predicted so far in training, earlier sessions included (symbols, with words)

and, by its type:

    start      steps (updates of the whole run, if nothing ends it sooner), max_seconds (that this
               session may take, or null). A resumed run goes on in the same file with another
               start; what an earlier session did beyond its ``step`` was lost and counts no more.
    progress   every second at first, every ten seconds after ten minutes: share (of the run that
               is behind, 0 to 1), loss (of the last update that was read, nats per symbol),
               characters_per_second, seconds_left; each but share may be null
    judgement  epoch (a fraction), characters_per_second, learning_rate, loss (mean since the last
               judgement, nats per symbol, with dropout), selection_nats (per symbol, on the slice
               that choices are made on), validation_nats (null, or per symbol, held out),
               validation_bits (per character), best (the best so far, hence exported)
    sample     temperature, text, seed (the text that it goes on from, its last characters)
    note       text, for people
    end        state ("done", "stopped" by a signal, "failed"), reason; where it is done also
               epochs, best_epoch, stateful_nats and window_nats (per symbol, held out) and
               bits_per_character

Numbers that are not finite are null. A reader takes a last line without a line end as not written
yet and passes over what it does not know.

Try it::

    for event in read_events(Path("ML/x/training/events.jsonl")):
        print(event["type"], event["seconds"])
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EVENTS_FILE = Path("training") / "events.jsonl"  # in a model's folder


class EventLog:
    """Appends to an events.jsonl.

    The file is opened for each event, since exporting a model puts another folder in the place of
    the one that it lies in. A disk that is full ends no training here: training.csv and the saved
    point say so.

    Args:
        path: the file; None to record nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def append(self, event: dict[str, Any]) -> None:
        """Add one event; its time is now."""
        if self._path is None:
            return
        plain = {name: _finite(value) for name, value in {**event, "time": time.time()}.items()}
        line = json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as file:
                if file.seek(0, os.SEEK_END):
                    file.seek(-1, os.SEEK_END)
                    if file.read(1) != b"\n":  # a line that was cut short ends here
                        line = b"\n" + line
                file.write(line)


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a record, oldest first; none where there is no such file."""
    try:
        with path.open("rb") as file:
            for line in file:
                with contextlib.suppress(ValueError):
                    event = json.loads(line)
                    if isinstance(event, dict) and "type" in event:
                        yield event
    except FileNotFoundError:
        return


def _finite(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return value if math.isfinite(value) else None
