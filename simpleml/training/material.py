"""What a training learns from: a text, its vocabulary, and its three parts as numbers.

Knows the options that say how to cut and count; no network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simpleml.errors import CorpusError
from simpleml.models import words
from simpleml.models.vocabulary import Vocabulary
from simpleml.training.corpus import (
    Part,
    Split,
    TextFile,
    encode_characters,
    read_file,
    split_text,
)
from simpleml.training.options import TrainingOptions
from simpleml.training.recurrent import Array


@dataclass(frozen=True)
class Material:
    """A text ready for training; every piece is contiguous text, (N,) int32."""

    vocabulary: Vocabulary
    training: Array
    selection: list[Array]
    validation: list[Array]
    characters: dict[Part, int]
    validation_text: str
    held_out: str  # in words, for the card
    corpus: dict[str, Any]  # for the card: file, sha256, characters, …
    notes: tuple[str, ...]  # what was changed while reading
    shown: tuple[str, ...]  # what the file is and how its text begins, where that is not plain

    def bits_per_character(self, nats: float, part: Part) -> float:
        """Nats per symbol as bits per character of the text; they differ for words."""
        pieces = self.selection if part == "selection" else self.validation
        symbols = sum(len(piece) for piece in pieces)
        return nats / math.log(2) * symbols / max(1, self.characters[part])


def read_material(
    path: Path | str,
    options: TrainingOptions,
    encoding: str | None = None,
    source: str | None = None,
    licence: str | None = None,
) -> Material:
    """Read, split and encode a text as the options say.

    Characters are those of the whole text, so that a held-out one is never unknown; words are
    those of the training part.

    Raises:
        CorpusError: the text cannot be used; the message says what is wrong and where.
    """
    return material_of(read_file(path, encoding), options, source, licence)


def material_of(
    file: TextFile,
    options: TrainingOptions,
    source: str | None = None,
    licence: str | None = None,
) -> Material:
    """As :func:`read_material`, of a file that was read."""
    text = file.text.lower() if options.lower else file.text
    split = split_text(text, options.validation, options.validation_fraction)
    if options.level == "word":
        symbols = words.frequent_words(words.tokenize(split.text("training")), options.max_words)
        vocabulary = Vocabulary(
            symbols,
            level="word",
            lossless_words=True,
            unknown_symbol=words.UNKNOWN,
            lower=options.lower,
        )
    else:
        vocabulary = Vocabulary.of(text, level="char", lower=options.lower)
    if len(vocabulary) < 2:
        raise CorpusError("the text holds one distinct symbol: there is nothing to learn")
    corpus = {
        "file": file.path.name if file.is_text else f"{file.path.stem}.txt",
        "sha256": file.sha256,
        "characters": len(file.text),
        "encoding": file.encoding,
        **({} if file.is_text else {"taken_from": file.path.name}),
        **({"source": source} if source else {}),
        **({"licence": licence} if licence else {}),
    }
    parts: tuple[Part, ...] = ("training", "selection", "validation")
    return Material(
        vocabulary=vocabulary,
        training=np.concatenate(_pieces(split, "training", vocabulary)),
        selection=_pieces(split, "selection", vocabulary),
        validation=_pieces(split, "validation", vocabulary),
        characters={part: sum(last - first for first, last in split.spans(part)) for part in parts},
        validation_text=split.text("validation"),
        held_out=split.describe,
        corpus=corpus,
        notes=tuple(f"{note} (the file itself is unchanged)" for note in file.notes),
        shown=file.shown,
    )


def _pieces(split: Split, part: Part, vocabulary: Vocabulary) -> list[Array]:
    index, unknown = vocabulary.index, vocabulary.unknown_index
    pieces: list[Array] = []
    for first, last in split.spans(part):
        piece = split.source[first:last]
        if vocabulary.level == "char":
            pieces.append(encode_characters(piece, index))
        else:
            tokens = words.tokenize(piece)
            pieces.append(np.array([index.get(token, unknown) for token in tokens], np.int32))
    return pieces
