"""Beginning from a network that knows the language instead of from nothing.

A base is any model of characters; those whose card says ``base: true`` are tried by themselves. Its
symbols are matched with the text's one by one, never by position: the rows of its input kernel and
the columns and biases of its output layer become those of the new vocabulary, everything between
stays. It knows no file but the models' and no training framework.

Letters: V vocabulary, H units, L layers, B rows, T time steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simpleml.errors import SimpleMLError, TrainingError
from simpleml.models.artifact import (
    Artifact,
    find_artifact,
    read_artifact,
    read_card,
    read_vocabulary,
)
from simpleml.models.bases import bases_in
from simpleml.models.vocabulary import Vocabulary
from simpleml.training.recurrent import (
    Array,
    NetworkShape,
    from_network_weights,
    numpy_step,
    zero_state,
)

MEASURED_SYMBOLS = 24_576
"""Of a text, to say how well a base predicts it: a second or two."""
_ROWS = 64
LEAST_KNOWN = 0.5
"""Share of a text's symbols that a base has to know: of less it has nothing to say."""


@dataclass(frozen=True)
class Candidate:
    """A base of the folder, for all that is known without reading its weights."""

    name: str
    layers: int
    units: int
    known_share: float
    """Share of the text's symbols that it knows."""


@dataclass(frozen=True)
class Base:
    """A model to begin from, and how well it predicts the text as it is."""

    name: str
    artifact: Artifact
    nats: float
    """Nats per symbol on a sample of the training text."""
    known_share: float
    """Share of the text's symbols that it knows."""

    def parameters(self, vocabulary: Vocabulary) -> list[Array]:
        """Its parameters for another vocabulary; see ``transferred``."""
        return transferred(self.artifact, vocabulary)

    def described(self) -> dict[str, Any]:
        """For the card of the model that begins from it."""
        card = self.artifact.card
        return {
            "name": self.name,
            "weights_sha256": card.weights_sha256,
            "nats_before": round(self.nats, 4),
            "corpus": {
                one: card.corpus[one]
                for one in ("file", "sha256", "encoding")
                if one in card.corpus
            },
            **({"lower": True} if card.lower else {}),
        }

    @property
    def shape(self) -> tuple[int, int]:
        """Layers and units."""
        return self.artifact.card.layers, self.artifact.card.units


def transferred(artifact: Artifact, vocabulary: Vocabulary) -> list[Array]:
    """A model's parameters for another vocabulary, matched symbol by symbol.

    A symbol that the model lacks begins as the nearest one that it knows (as the seed policy
    ``nearest`` has it), else as the mean of all.

    Returns:
        float32 arrays in the order of ``NetworkShape.parameter_names``, with V that of
        ``vocabulary``.
    """
    parameters, _ = from_network_weights(artifact.weights)
    known = artifact.vocabulary
    kernel, output, bias = parameters[0], parameters[-2], parameters[-1]
    rows = np.tile(kernel.mean(axis=0), (len(vocabulary), 1))  # (V, 4H)
    columns = np.tile(output.mean(axis=1)[:, None], (1, len(vocabulary)))  # (H, V)
    biases = np.full(len(vocabulary), bias.min(), np.float32)
    for index, symbol in enumerate(vocabulary.symbols):
        near = (symbol,) if symbol in known.index else known.nearest(symbol)
        if near:
            old = known.index[near[0]]
            rows[index], columns[:, index], biases[index] = kernel[old], output[:, old], bias[old]
    return [rows, *parameters[1:-2], columns, biases]


def nats_of(parameters: Sequence[Array], symbols: Array) -> float:
    """Mean loss over a text (N,) int32 swept in B rows from the zero state, in plain NumPy."""
    shape = shape_of(parameters)
    rows = max(1, min(_ROWS, len(symbols) // 128))
    steps = len(symbols) // rows
    table = symbols[: rows * steps].reshape(rows, steps)  # (B, T)
    state = zero_state(shape, rows)
    total, counted = 0.0, 0
    warm = min(32, steps // 4)  # symbols that are read before any is predicted
    for step in range(steps - 1):
        scores = numpy_step(parameters, shape, table[:, step], state)  # (B, V)
        if step >= warm:
            top = scores.max(axis=1)
            log_sum = top + np.log(np.exp(scores - top[:, None]).sum(axis=1))
            total += float((log_sum - scores[np.arange(rows), table[:, step + 1]]).sum())
            counted += rows
    return total / max(1, counted)


def shape_of(parameters: Sequence[Array]) -> NetworkShape:
    """The sizes of a network from its parameters."""
    return NetworkShape(len(parameters[-1]), len(parameters[-2]), (len(parameters) - 2) // 3)


def sampled(symbols: Array, most: int = MEASURED_SYMBOLS) -> Array:
    """At most so many symbols of a text, in stretches from everywhere."""
    if len(symbols) <= most:
        return symbols
    stretch = most // _ROWS
    starts = np.linspace(0, len(symbols) - stretch, _ROWS).astype(int)
    return np.concatenate([symbols[start : start + stretch] for start in starts])


def read_base(reference: str, models_dir: Path | str, *, level: str, name: str) -> Artifact:
    """The model to begin from, by its name in the models folder or by its folder's path.

    Args:
        reference: name or folder.
        models_dir: where a name is looked for.
        level: of the text's symbols.
        name: of the model that is being written.

    Raises:
        TrainingError: there is none, it cannot be used, or it is of another kind; says which.
    """
    if level != "char":
        raise TrainingError("--from: a network of words begins from nothing; leave --from out")
    folder = Path(models_dir, reference) if "/" not in reference else Path(reference)
    if folder.resolve() == Path(models_dir, name).resolve():
        raise TrainingError(
            f"--from {reference}: that is the model being written; choose another --name"
        )
    try:
        paths = find_artifact(folder.parent, folder.name)
        artifact = None if paths is None else read_artifact(paths)
    except SimpleMLError as error:
        raise TrainingError(f"--from {reference}: {error.message}") from None
    if artifact is None:
        there = ", ".join(bases_in(models_dir, name)) or "none"
        raise TrainingError(
            f"--from {reference}: there is no such model in {folder.parent}; bases there: {there}"
        )
    if artifact.card.level != "char":
        raise TrainingError(f"--from {reference}: it is a network of words, the text is characters")
    if len({layer.units for layer in artifact.weights.layers}) > 1:
        raise TrainingError(f"--from {reference}: its layers differ in size, which is not trained")
    return artifact


def measured(artifact: Artifact, vocabulary: Vocabulary, symbols: Array) -> Base:
    """A base with its figure for the text.

    Args:
        artifact: the base.
        vocabulary: of the text.
        symbols: the training text, (N,) int32.

    Raises:
        TrainingError: it knows not one of the text's symbols.
    """
    sample = sampled(symbols)
    share = _known_share(artifact.vocabulary, vocabulary, sample)
    if not share:
        raise TrainingError(
            f"--from {artifact.name}: it knows none of the text's symbols; use --from nothing"
        )
    nats = nats_of(transferred(artifact, vocabulary), sample)
    return Base(artifact.name, artifact, nats, share)


def _known_share(known: Vocabulary, vocabulary: Vocabulary, symbols: Array) -> float:
    """Share of the symbols of a text (N,) over ``vocabulary`` that are ``known``."""
    knows = np.array([symbol in known.index for symbol in vocabulary.symbols])
    return float(knows[symbols].mean())


def candidates(
    models_dir: Path | str, name: str, vocabulary: Vocabulary, symbols: Array
) -> list[Candidate]:
    """The folder's bases, looked at without reading weights; what cannot be read is none.

    Args:
        models_dir: the folder.
        name: of the model that is being written.
        vocabulary: of the text.
        symbols: the training text, (N,) int32.
    """
    found, sample = [], sampled(symbols)
    for one in bases_in(models_dir, name):
        try:
            paths = find_artifact(models_dir, one)
            card = None if paths is None else read_card(paths)
            if paths is None or card is None:
                continue
            share = _known_share(read_vocabulary(paths, card), vocabulary, sample)
        except SimpleMLError:
            continue
        found.append(Candidate(one, card.layers, card.units, share))
    return found


def best_base(
    models_dir: Path | str,
    name: str,
    vocabulary: Vocabulary,
    symbols: Array,
    among: Sequence[str] | None = None,
) -> Base | None:
    """The base that predicts the text best; None if there is none.

    Args:
        models_dir: the folder.
        name: of the model that is being written.
        vocabulary: of the text.
        symbols: the training text, (N,) int32.
        among: names of those that are measured; all of the folder's if None.
    """
    found = []
    for one in bases_in(models_dir, name) if among is None else among:
        try:
            artifact = read_base(one, models_dir, level="char", name=name)
            found.append(measured(artifact, vocabulary, symbols))
        except TrainingError:
            continue
    return min(found, key=lambda base: base.nats, default=None)
