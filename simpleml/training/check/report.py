"""``train.py TEXT --check``: how long, how big, is it enough; in seconds, training nothing.

Looks at the text (``inspection``), measures how fast this machine trains a network of the size
asked for (``speed``), and says what to do (``advice``). Only the measurement imports Keras.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simpleml.training.check.advice import advise, suggested_size
from simpleml.training.check.inspection import (
    NATS_TO_BITS,
    NGRAM_ORDERS,
    RARE,
    Inspection,
    inspect_text,
)
from simpleml.training.check.repetition import PASSAGE
from simpleml.training.corpus import line_and_column, read_file
from simpleml.training.machine import Speed
from simpleml.training.options import TrainingOptions
from simpleml.training.progress import duration

SHOWN = 8  # rare symbols to list


def check_text(
    path: Path | str,
    options: TrainingOptions,
    *,
    encoding: str | None = None,
    measure: Callable[[], Speed] | None = None,
) -> str:
    """The whole answer, in lines of text.

    Args:
        measure: what takes some training steps; a real training of this text by default.

    Raises:
        TrainingError: the text cannot be trained on or an option is impossible; says why.
    """
    inspection = inspect_text(read_file(path, encoding), options)
    speed = measure() if measure is not None else _measure(path, options, encoding)
    advice = [one.words for one in advise(inspection, speed)]
    sections = (describe(inspection), estimate(inspection, speed), advice)
    return "\n\n".join("\n".join(lines) for lines in sections)


def check_facts(
    path: Path | str,
    options: TrainingOptions,
    *,
    encoding: str | None = None,
    measure: Callable[[], Speed] | None = None,
) -> dict[str, Any]:
    """The same answer for programs: plain values, times in seconds, sizes in bytes.

    Args and errors are those of :func:`check_text`.
    """
    seen = inspect_text(read_file(path, encoding), options)
    speed = measure() if measure is not None else _measure(path, options, encoding)
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
        "seconds": round(_whole_seconds(options, speed), 1),
        "memory": speed.peak_memory,
        "machine": speed.machine,
        "advice": [
            {"code": one.code, "message": one.words, "values": one.values}
            for one in advise(seen, speed)
        ],
        "words": [*describe(seen), *estimate(seen, speed)],
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
        lines.append(f"alphabet: {seen.vocabulary} distinct characters")
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


def _whole_seconds(options: TrainingOptions, speed: Speed) -> float:
    """Seconds of training at most, evaluations not counted."""
    whole = speed.epoch_seconds * speed.epochs
    return whole if options.max_minutes is None else min(whole, 60 * options.max_minutes)


def _name(character: str) -> str:
    """A character that can be recognised in a list."""
    if character.isprintable() and not character.isspace():
        return f"'{character}'"
    return unicodedata.name(character, "") or f"U+{ord(character):04X}"


def _measure(path: Path | str, options: TrainingOptions, encoding: str | None) -> Speed:
    from simpleml.training.check.speed import measure_speed

    return measure_speed(path, options, encoding)
