"""``train.py TEXT --check``: how long, how big, is it enough; in seconds, training nothing.

Looks at the text (``inspection``), chooses what a training would begin from, measures how fast this
machine trains a network of the size asked for (``speed``), and says what to do (``advice``). Only
the measurement imports Keras.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from simpleml.training.begun import settled
from simpleml.training.check.advice import Advice, advise, suggested_size, whole_seconds
from simpleml.training.check.inspection import (
    NATS_TO_BITS,
    NGRAM_ORDERS,
    RARE,
    Inspection,
    inspect_text,
)
from simpleml.training.check.repetition import PASSAGE
from simpleml.training.corpus import line_and_column, read_file
from simpleml.training.fine_tuning import Beginning, beginning, counting_nats
from simpleml.training.machine import Speed
from simpleml.training.material import material_of
from simpleml.training.options import TrainingOptions
from simpleml.training.progress import duration
from simpleml.unwanted.words import UnwantedWords

SHOWN = 8  # rare symbols to list


@dataclass(frozen=True)
class Check:
    """A text, what a training on it would begin from, and how fast this machine would train."""

    seen: Inspection
    begun: Beginning
    speed: Speed

    @property
    def base(self) -> str | None:
        """Name of the base, if there is one."""
        return None if self.begun.base is None else self.begun.base.name

    @property
    def advice(self) -> list[Advice]:
        """What to do; the first says whether the text is enough."""
        return advise(self.seen, self.speed, self.base)


def look(
    path: Path | str,
    options: TrainingOptions,
    *,
    encoding: str | None = None,
    measure: Callable[[], Speed] | None = None,
    models_dir: Path | str | None = None,
    name: str = "",
    given: dict[str, Any] | None = None,
) -> Check:
    """Look at a text, choose what to begin from, time some steps.

    Args:
        path: of the text.
        options: of the training.
        encoding: of plain text; None to find it out.
        measure: what takes some training steps; a real training of this text by default.
        models_dir: where bases lie; None for nowhere.
        name: of the model that would be written.
        given: options that were named explicitly.

    Raises:
        TrainingError: the text cannot be trained on or an option is impossible; says why.
    """
    file = read_file(path, encoding)
    if models_dir is None:
        begun = Beginning(None, "from nothing: no folder of models was named", reason="no_base")
    else:
        material = material_of(file, options)
        begun = beginning(material, options, given or {}, models_dir, name)
        if begun.base is not None:
            layers, units = begun.base.shape
            options = dataclasses.replace(options, layers=layers, units=units)
            options = settled(options, len(material.training), begun=True)
            if begun.counting is None:
                begun = dataclasses.replace(begun, counting=counting_nats(material))
    unwanted = None if models_dir is None else UnwantedWords.of_folder(Path(models_dir))
    seen = inspect_text(file, options, unwanted)
    return Check(seen, begun, (measure or partial(_measure, path, options, encoding))())


def check_text(path: Path | str, options: TrainingOptions, **how: Any) -> str:
    """The whole answer, in lines of text; arguments and errors are those of :func:`look`."""
    found = look(path, options, **how)
    advice = [one.words for one in found.advice]
    sections = (describe(found.seen), [*begins(found), *estimate(found.seen, found.speed)], advice)
    return "\n\n".join("\n".join(lines) for lines in sections)


def check_facts(path: Path | str, options: TrainingOptions, **how: Any) -> dict[str, Any]:
    """The same answer for programs: plain values, times in seconds, sizes in bytes.

    Arguments and errors are those of :func:`look`.
    """
    found = look(path, options, **how)
    seen, speed, options = found.seen, found.speed, found.seen.options
    layers, units = options.layers, options.units
    if found.base is None:
        layers, units = suggested_size(options, speed)
    rare = []
    for character, times, position in seen.rare[:SHOWN]:
        line, column = line_and_column(seen.text, position)
        named = {"character": character, "name": _name(character), "times": times}
        rare.append({**named, "line": line, "column": column})
    return {
        "files": [seen.file.facts],
        "bytes": seen.file.size,
        "characters": len(seen.text),
        "lines": seen.text.count("\n") + 1,
        "symbols": seen.symbols,
        "alphabet": seen.vocabulary,
        "rare": rare,
        "rare_count": len(seen.rare),
        "unwanted": [{"word": word, "times": times} for word, times in seen.unwanted],
        "repeated_share": round(seen.repetition.share, 4),
        "bits_to_beat": round(seen.ngram_bits, 4),
        "layers": options.layers,
        "units": options.units,
        "parameters": speed.parameters,
        "suggested_layers": layers,
        "suggested_units": units,
        "characters_per_second": round(speed.characters_per_second),
        "epochs": speed.epochs,
        "epoch_seconds": round(speed.epoch_seconds, 1),
        "seconds": round(whole_seconds(options, speed), 1),
        "memory": speed.peak_memory,
        "machine": speed.machine,
        "begins_from": _beginning_facts(found),
        "advice": [
            {"code": one.code, "message": one.words, "values": one.values} for one in found.advice
        ],
        "words": [*describe(seen), *begins(found), *estimate(seen, speed)],
    }


def describe(seen: Inspection) -> list[str]:
    """The file and the text, line by line."""
    file = seen.file
    changed = f"; {', '.join(file.notes)}" if file.notes else ", line ends LF, no byte order mark"
    lines = [
        f"{file.path}: {file.size:,} bytes, {file.describe}{changed}",
        f"text: {len(seen.text):,} characters in {seen.text.count(chr(10)) + 1:,} lines",
    ]
    lines += ["it begins:", *file.shown[1:]] if file.shown else []
    if seen.options.level == "word":
        lines.append(
            f"words and marks: {seen.symbols:,}, {seen.distinct:,} distinct; {seen.vocabulary:,} "
            f"are kept, {seen.unknown_share:.1%} of the held-out ones are unknown"
        )
    else:
        lines.append(f"vocabulary: {seen.vocabulary} distinct characters")
    if seen.rare:
        places = []
        for character, times, position in seen.rare[:SHOWN]:
            line, column = line_and_column(seen.text, position)
            places.append(f"{_name(character)} {times}x, first at {line}:{column}")
        more = f"; and {len(seen.rare) - SHOWN} more" if len(seen.rare) > SHOWN else ""
        lines.append(
            f"rare characters (under {RARE} times, line:column): {'; '.join(places)}{more}"
        )
    repetition = seen.repetition
    said = f"repeated passages ({PASSAGE} characters or more): {repetition.share:.1%} of the text"
    if repetition.longest:
        here = ":".join(map(str, line_and_column(seen.text, repetition.first)))
        there = ":".join(map(str, line_and_column(seen.text, repetition.again)))
        said += f"; the longest, {repetition.longest:,} characters, at {here} and again at {there}"
    lines.append(said)
    return lines


def begins(found: Check) -> list[str]:
    """What a training would begin from, and why."""
    begun = found.begun
    if begun.base is None or begun.counting is None:
        return [f"begins {begun.why}"]
    as_it_is = _in_both(begun.base.nats)
    return [
        f"begins from {found.base}: as it is, it predicts this text with {as_it_is}",
        f"counting which character follows which five needs {_in_both(begun.counting)}",
    ]


def _in_both(nats: float) -> str:
    return f"{nats * NATS_TO_BITS:.2f} bits per character ({nats:.2f} nats)"


def _beginning_facts(found: Check) -> dict[str, Any]:
    def bits(nats: float | None) -> float | None:
        return None if nats is None else round(nats * NATS_TO_BITS, 4)

    begun = found.begun
    return {
        "name": found.base,
        "why": begun.why,
        "reason": begun.reason,
        "bits": bits(begun.nats),
        "counting_bits": bits(begun.counting),
    }


def estimate(seen: Inspection, speed: Speed) -> list[str]:
    """How long and how big, line by line."""
    options = seen.options
    whole = speed.epoch_seconds * speed.epochs
    run = f"{speed.epochs} epochs of {duration(speed.epoch_seconds)} are {duration(whole)}"
    if options.max_minutes is not None and whole > 60 * options.max_minutes:
        run += f"; --max-minutes ends it after {duration(60 * options.max_minutes)}"
    order = NGRAM_ORDERS[options.level]
    counted = f"counting {order}-grams of {'words' if options.level == 'word' else 'characters'}"
    return [
        f"network: {options.layers} x {options.units}, {speed.parameters:,} parameters",
        f"speed: {speed.characters_per_second:,.0f} characters/s measured here ({speed.machine})",
        f"time: {run} at most; it stops sooner when the held-out slice no longer improves",
        f"memory: {speed.peak_memory / 1e6:,.0f} MB at most so far, those steps included",
        f"bar to beat: {seen.ngram_bits:.3f} bits per character "
        f"({seen.ngram_bits / NATS_TO_BITS:.3f} nats) held out, by {counted} (Kneser-Ney)",
    ]


def _name(character: str) -> str:
    """A character that can be recognised in a list."""
    if character.isprintable() and not character.isspace():
        return f"'{character}'"
    return unicodedata.name(character, "") or f"U+{ord(character):04X}"


def _measure(path: Path | str, options: TrainingOptions, encoding: str | None) -> Speed:
    from simpleml.training.check.speed import measure_speed

    return measure_speed(path, options, encoding)
