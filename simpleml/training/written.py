"""What a finished network writes: whole words or half ones, its own or copied?

The same is asked of the held-out text, which a person wrote and the network never saw: of its words
some stand in the training text, and some of its phrases too. That is what one may expect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simpleml.copying.index import PASSAGE, OriginalityIndex
from simpleml.models.text_file import text_file
from simpleml.training.material import Material
from simpleml.training.recurrent import Array, NetworkShape
from simpleml.training.samples import sample_rows

TEMPERATURE = 0.5
ROWS, LENGTH, SEED = 16, 250, 50
"""Texts that are written, symbols of each, symbols of the held-out text that each continues."""
MOST_SYMBOLS = 20_000_000
"""Of a training text; of a longer one, which is a base's, nothing is asked: memory."""
_MOST_HELD_OUT = 50_000  # characters
_WORD = re.compile(r"[^\W\d_]+")


def judge_written(
    parameters: Sequence[Array],
    shape: NetworkShape,
    material: Material,
    models_dir: Path,
    begun: Mapping[str, Any],
) -> dict[str, Any]:
    """What a network writes, in figures for its card.

    Args:
        parameters: in the order of ``NetworkShape.parameter_names``.
        shape: of the network.
        material: what it has read.
        models_dir: where its base's text may lie.
        begun: what the card says of the model that it began from.

    Returns:
        ``temperature``, ``characters``; ``known_words`` (the share of its words that stand in what
        it, or its base, has read) and ``known_words_held_out``; ``copied`` (the share of its
        characters in passages that stand in its text) and ``copied_held_out``. Empty for a text
        that is too long or too short to ask.
    """
    if not PASSAGE <= len(material.training) <= MOST_SYMBOLS:
        return {}
    texts = _texts(parameters, shape, material)
    read = _text_of(material, material.training)
    held_out = material.validation_text[:_MOST_HELD_OUT]
    index = OriginalityIndex.build(read) if len(read) >= PASSAGE else None
    found: dict[str, Any] = {
        "temperature": TEMPERATURE,
        "characters": sum(map(len, texts)),
    }
    if index is not None:
        copied = sum(index.examine(text).copied for text in texts)
        found["copied"] = round(copied / max(1, found["characters"]), 4)
        found["copied_held_out"] = round(index.examine(held_out).copied_share, 4)
    if material.vocabulary.level == "char":
        known = _words(read) | _base_words(models_dir, begun)
        own = [word for text in texts for word in _whole_words(text)]
        found["known_words"] = _share(own, known)
        found["known_words_held_out"] = _share(_whole_words(held_out), known)
    return found


def _texts(parameters: Sequence[Array], shape: NetworkShape, material: Material) -> list[str]:
    """What it writes after beginnings from all over the held-out text."""
    held_out = np.concatenate(material.validation)
    starts = np.linspace(0, max(0, len(held_out) - SEED), ROWS).astype(int)
    seeds = np.stack([np.resize(held_out[at : at + SEED], SEED) for at in starts])  # (B, T)
    written = sample_rows(
        parameters, shape, seeds, LENGTH, TEMPERATURE, np.random.default_rng(0),
        never=material.vocabulary.unknown_index,
    )  # fmt: skip
    return [_text_of(material, row) for row in written]


def _text_of(material: Material, indices: Array) -> str:
    symbols = material.vocabulary.symbols
    if material.vocabulary.level == "char":
        return "".join(np.array(symbols)[indices].tolist())
    return material.vocabulary.join(symbols[index] for index in indices)


def _words(text: str) -> set[str]:
    return {found.group().lower() for found in _WORD.finditer(text)}


def _whole_words(text: str) -> list[str]:
    """Its words but the first and the last, which may be cut."""
    return _WORD.findall(text.lower())[1:-1]


def _base_words(models_dir: Path, begun: Mapping[str, Any]) -> set[str]:
    name, corpus = begun.get("name"), begun.get("corpus")
    if not isinstance(name, str) or not isinstance(corpus, dict):
        return set()
    try:
        text = text_file(models_dir, name, corpus).read_text(corpus.get("encoding") or "utf-8")
    except (OSError, ValueError, LookupError):
        return set()  # it need not lie here
    return _words(text)


def _share(words: Sequence[str], known: set[str]) -> float | None:
    return round(sum(word in known for word in words) / len(words), 4) if words else None
