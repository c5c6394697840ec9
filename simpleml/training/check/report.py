"""``train.py TEXT --check``: how long, how big, is it enough; in seconds, training nothing.

Looks at the file, the alphabet and the repetitions, measures how fast this machine trains a
network of the size asked for, and counts n-grams for the bar that the network has to clear.
The look at the text (:func:`inspect_text`) is pure; only the measurement imports Keras.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simpleml.models import words
from simpleml.training.check import ngram
from simpleml.training.corpus import (
    Split,
    TextFile,
    encode_characters,
    line_and_column,
    read_file,
    split_text,
)
from simpleml.training.machine import Speed
from simpleml.training.options import TrainingOptions
from simpleml.training.progress import duration

NATS_TO_BITS = 1.0 / float(np.log(2.0))
RARE = 10  # times; what stands there less often is hardly learned
SHOWN = 8  # rare symbols to list
PASSAGE = 64  # characters that make a repetition a passage; a power of two
NGRAM_ORDERS = {"char": 6, "word": 3}
NGRAM_SYMBOLS = 5_000_000  # counted at most, so that it stays a matter of seconds
ENDS_DIFFER = 0.10  # bits per character
TOO_SHORT, SHORT = 20_000, 100_000  # characters

# From small to large, layers and units. A rule of thumb: dropout and early stop let a network
# have some ten times as many parameters as characters and still gain; far beyond, it only costs
# time. The default, 3 x 512, fits from about 100,000 characters on.
SIZES = ((2, 64), (2, 128), (2, 256), (3, 256), (3, 512))
PARAMETERS_PER_CHARACTER = 60


@dataclass(frozen=True)
class Repetition:
    """Passages of at least :data:`PASSAGE` characters that stood in the text before."""

    share: float  # of the text
    longest: int  # characters
    first: int  # position of the longest
    again: int  # and of its copy


@dataclass(frozen=True)
class Advice:
    """One thing to know or to do about a text."""

    code: str  # for programs: which advice it is
    words: str  # a sentence or two
    values: dict[str, float]  # the numbers in it


@dataclass(frozen=True)
class Inspection:
    """What a look at the text alone says."""

    file: TextFile
    text: str
    options: TrainingOptions
    training_characters: int
    symbols: int  # in the whole text; characters or words
    alphabet: int  # distinct symbols that the network would have, V
    distinct: int  # distinct symbols in the text
    rare: tuple[tuple[str, int, int], ...]  # character, times, first position; rarest first
    unknown_share: float  # of the held-out symbols, with words
    repetition: Repetition
    ngram_bits: float  # per character, held out
    ngram_bits_elsewhere: float  # with the other way to hold out


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
    advice = [one.words for one in advise(inspection)]
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
    layers, units = suggested_size(seen.training_characters, min(seen.alphabet, 200))
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
        "alphabet": seen.alphabet,
        "rare": rare,
        "rare_count": len(seen.rare),
        "repeated_share": round(seen.repetition.share, 4),
        "bits_to_beat": round(seen.ngram_bits, 4),
        "layers": options.layers,
        "units": options.units,
        "parameters": speed.parameters,
        "suggested_layers": min(layers, options.layers),
        "suggested_units": min(units, options.units),
        "characters_per_second": round(speed.characters_per_second),
        "epochs": speed.epochs,
        "epoch_seconds": round(speed.epoch_seconds, 1),
        "seconds": round(_whole_seconds(options, speed), 1),
        "memory": speed.peak_memory,
        "machine": speed.machine,
        "advice": [
            {"code": one.code, "message": one.words, "values": one.values} for one in advise(seen)
        ],
        "words": [*describe(seen), *estimate(seen, speed)],
    }


def inspect_text(file: TextFile, options: TrainingOptions) -> Inspection:
    """Look at a text without any network."""
    text = file.text.lower() if options.lower else file.text
    split = split_text(text, options.validation, options.validation_fraction)
    other = "spread" if options.validation == "tail" else "tail"
    elsewhere = split_text(text, other, options.validation_fraction)
    if options.level == "word":
        tokens = words.tokenize(text)
        counts = Counter(tokens)
        kept = words.frequent_words(words.tokenize(split.text("training")), options.max_words)
    else:
        tokens = []
        counts = Counter(text)
        kept = sorted(counts)
    bits, unknown = _ngram_bits(split, options, kept)
    return Inspection(
        file=file,
        text=text,
        options=options,
        training_characters=len(split.text("training")),
        symbols=len(tokens) if tokens else len(text),
        alphabet=len(kept),
        distinct=len(counts),
        rare=_rare_characters(text),
        unknown_share=unknown,
        repetition=find_repetition(text),
        ngram_bits=bits,
        ngram_bits_elsewhere=_ngram_bits(elsewhere, options, kept)[0],
    )


def find_repetition(text: str, passage: int = PASSAGE) -> Repetition:
    """How much of a text stood in it before, in passages of at least ``passage`` characters.

    Every window of that length is hashed by doubling (64 bits, so that a chance agreement is out
    of the question) and looked up among the earlier ones.

    Args:
        passage: a power of two.
    """
    hashes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    width = 1
    while width < passage:
        if len(hashes) <= width:
            return Repetition(0.0, 0, 0, 0)
        left = (hashes[:-width] + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        hashes = (left ^ (left >> np.uint64(29))) + hashes[width:]
        width *= 2
    order = np.argsort(hashes, kind="stable")  # equal windows side by side, earlier ones first
    same = hashes[order[1:]] == hashes[order[:-1]]
    again, first = order[1:][same], order[:-1][same]
    if not again.size:
        return Repetition(0.0, 0, 0, 0)
    by_place = np.argsort(again)
    again, first = again[by_place], first[by_place]
    # Windows that follow each other in both places are one longer passage.
    breaks = np.flatnonzero((np.diff(again) != 1) | (np.diff(first) != 1)) + 1
    starts = np.concatenate(([0], breaks))
    lengths = np.diff(starts, append=len(again)) + passage - 1
    longest = int(lengths.argmax())
    covered = int(np.minimum(np.diff(again), passage).sum()) + passage
    return Repetition(
        covered / len(text),
        int(lengths[longest]),
        int(first[starts[longest]]),
        int(again[starts[longest]]),
    )


def _rare_characters(text: str) -> tuple[tuple[str, int, int], ...]:
    rare = [(times, character) for character, times in Counter(text).items() if times < RARE]
    return tuple((character, times, text.index(character)) for times, character in sorted(rare))


def _ngram_bits(split: Split, options: TrainingOptions, symbols: list[str]) -> tuple[float, float]:
    """Bits per held-out character of an n-gram model, and the share of unknown symbols there."""
    index = {symbol: number for number, symbol in enumerate(symbols)}

    def encode(text: str) -> NDArray[np.int32]:
        if options.level == "char":
            return encode_characters(text, index)
        unknown = index[words.UNKNOWN]
        return np.array([index.get(token, unknown) for token in words.tokenize(text)], np.int32)

    # The selection slice is no secret from a model that chooses nothing by it.
    training = encode(split.text("training") + split.text("selection"))[-NGRAM_SYMBOLS:]
    held_out = encode(split.text("validation"))
    order = NGRAM_ORDERS[options.level]
    nats = ngram.cross_entropy(training, held_out, len(symbols), order)
    per_character = len(held_out) / len(split.text("validation"))
    unknown_share = 0.0
    if options.level == "word":
        unknown_share = float((held_out == index[words.UNKNOWN]).mean())
    return nats * per_character * NATS_TO_BITS, unknown_share


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
            f"words and marks: {seen.symbols:,}, {seen.distinct:,} distinct; {seen.alphabet:,} are "
            f"kept, {seen.unknown_share:.1%} of the held-out ones are unknown"
        )
    else:
        lines.append(f"alphabet: {seen.alphabet} distinct characters")
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


def advise(seen: Inspection) -> list[Advice]:
    """What to do about it; the first says whether the text is enough."""
    size, options = len(seen.text), seen.options
    found: list[Advice] = []

    def add(code: str, words: str, **values: float) -> None:
        found.append(Advice(code, words, values))

    if size < TOO_SHORT:
        add(
            "too_short",
            f"Too short: with {size:,} characters a network copies its text or writes nonsense. "
            f"Collect {SHORT:,} characters or more.",
            characters=size,
            wanted=SHORT,
        )
    elif size < SHORT:
        add(
            "short",
            f"Short: with {size:,} characters expect many phrases to be copied. {SHORT:,} would "
            "do; --lower makes more of few.",
            characters=size,
            wanted=SHORT,
        )
    else:
        add(
            "enough",
            f"Enough: {size:,} characters are a text that a network can learn from.",
            characters=size,
        )
    # A table of words is large by itself and says nothing about the network behind it.
    layers, units = suggested_size(seen.training_characters, min(seen.alphabet, 200))
    if parameter_count(layers, units, 0) < parameter_count(options.layers, options.units, 0):
        add(
            "smaller_network",
            f"For so little text --layers {layers} --units {units} is enough and trains faster; "
            "a larger network learns it by heart sooner.",
            layers=layers,
            units=units,
        )
    repetition = seen.repetition
    if repetition.share > 0.05:
        add(
            "repetitions",
            f"{repetition.share:.0%} of the text are repetitions: they are learned by heart, and "
            "held-out figures flatter where a repeated passage is held out. Remove what is "
            "repeated by accident (headers, double chapters).",
            share=round(repetition.share, 4),
        )
    gap = seen.ngram_bits - seen.ngram_bits_elsewhere
    if options.validation == "tail" and gap > ENDS_DIFFER:
        add(
            "end_differs",
            f"The end differs from the rest (by {gap:.2f} bits per character): --validation "
            "spread holds out blocks from everywhere.",
            bits=round(gap, 2),
        )
    if options.level == "char" and len(seen.rare) > max(10, seen.alphabet // 4):
        add(
            "rare_characters",
            f"{len(seen.rare)} of {seen.alphabet} characters are rare: replace those you do not "
            "need; each costs every prediction.",
            rare=len(seen.rare),
            alphabet=seen.alphabet,
        )
    if options.level == "word" and seen.unknown_share > 0.10:
        add(
            "unknown_words",
            f"{seen.unknown_share:.0%} unknown words are many: raise --max-words, or let it learn "
            "characters.",
            share=round(seen.unknown_share, 4),
        )
    return found


def suggested_size(characters: int, alphabet: int) -> tuple[int, int]:
    """Layers and units of the largest usual network that this much text can fill."""
    chosen = SIZES[0]
    for layers, units in SIZES:
        if parameter_count(layers, units, alphabet) <= PARAMETERS_PER_CHARACTER * characters:
            chosen = (layers, units)
    return chosen


def parameter_count(layers: int, units: int, alphabet: int) -> int:
    """Numbers in a stack of LSTMs over one-hot symbols with a softmax above."""
    first = (alphabet + units + 1) * 4 * units
    others = (layers - 1) * (2 * units + 1) * 4 * units
    return first + others + (units + 1) * alphabet


def _name(character: str) -> str:
    """A character that can be recognised in a list."""
    if character.isprintable() and not character.isspace():
        return f"'{character}'"
    return unicodedata.name(character, "") or f"U+{ord(character):04X}"


def _measure(path: Path | str, options: TrainingOptions, encoding: str | None) -> Speed:
    from simpleml.training.check.speed import measure_speed

    return measure_speed(path, options, encoding)
