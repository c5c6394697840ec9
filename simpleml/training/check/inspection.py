"""What a look at a text alone says: characters, repetitions, and the bar that counting sets.

Pure: it knows no network.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simpleml.models import words
from simpleml.training.check import ngram
from simpleml.training.check.repetition import Repetition, find_repetition
from simpleml.training.corpus import Split, TextFile, encode_characters, split_text
from simpleml.training.options import TrainingOptions
from simpleml.unwanted.words import UnwantedWords

NATS_TO_BITS = 1.0 / float(np.log(2.0))
RARE = 10  # times; what stands there less often is hardly learned
NGRAM_ORDERS = {"char": 6, "word": 3}
NGRAM_SYMBOLS = 5_000_000  # counted at most, so that it stays a matter of seconds


@dataclass(frozen=True)
class Inspection:
    """What a look at the text alone says."""

    file: TextFile
    text: str
    options: TrainingOptions
    symbols: int  # in the whole text; characters or words
    vocabulary: int  # distinct symbols that the network would have, V
    distinct: int  # distinct symbols in the text
    rare: tuple[tuple[str, int, int], ...]  # character, times, first position; rarest first
    unknown_share: float  # of the held-out symbols, with words
    repetition: Repetition
    ngram_bits: float  # per character, held out
    ngram_bits_elsewhere: float  # with the other way to hold out
    unwanted: tuple[tuple[str, int], ...]  # words that one may not want to read, with their times


def inspect_text(
    file: TextFile, options: TrainingOptions, unwanted: UnwantedWords | None = None
) -> Inspection:
    """Look at a text without any network.

    Args:
        file: the text.
        options: of the training.
        unwanted: words to look for; those of the usual lists by default.
    """
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
        symbols=len(tokens) if tokens else len(text),
        vocabulary=len(kept),
        distinct=len(counts),
        rare=_rare_characters(text),
        unknown_share=unknown,
        repetition=find_repetition(text),
        ngram_bits=bits,
        ngram_bits_elsewhere=_ngram_bits(elsewhere, options, kept)[0],
        unwanted=tuple((unwanted or UnwantedWords.usual()).count(text).most_common()),
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
