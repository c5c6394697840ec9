"""What a training begins from, and how a network that knows the language is tuned to a text.

A base is spoiled sooner than it is improved: with the learning rate of a fresh network it forgets
more of the language than a short text can teach. So the rate is low, the passes are few, and what
is kept is a mean of the base's weights and the tuned ones (Wortsman et al., arXiv:2109.01903),
which is better than either on text that is no neighbour of the training text. It knows no training
framework.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simpleml.errors import TrainingError
from simpleml.training import base as bases
from simpleml.training.base import Base
from simpleml.training.check.ngram import cross_entropy
from simpleml.training.corpus import Part
from simpleml.training.material import Material
from simpleml.training.options import AUTO, NOTHING, TrainingOptions
from simpleml.training.recurrent import Array

COUNTED_SYMBOLS = 100_000
"""Of the training text, for counting to learn from. Of a long text it would learn enough to predict
it better than a base that has not read a line of it, and than which a tuned base is better by far:
Sherlock Holmes, 0.5 MB: counting 1.26, base 1.27."""


@dataclass(frozen=True)
class Beginning:
    """What a run begins from: a base, or nothing; and why, in a few words."""

    base: Base | None
    why: str
    counting: float | None = None
    """Nats per symbol of a 6-gram model on the selection slice, where it was asked."""
    reason: str = "asked"
    """The same for programs: asked, kind, no_base, symbols, size, best or counting."""
    nats: float | None = None
    """Nats per symbol with which the base, or the best that was tried, predicts the text."""

    def described(self) -> dict[str, Any]:
        """For the card: the base, if there is one, and why."""
        said: dict[str, Any] = {"why": self.why, "reason": self.reason}
        if self.counting is not None:
            said["counting_nats"] = round(self.counting, 4)
        return {**({"name": None} if self.base is None else self.base.described()), **said}


def beginning(
    material: Material,
    options: TrainingOptions,
    given: dict[str, Any],
    models_dir: Path | str,
    name: str,
) -> Beginning:
    """Decide what to begin from.

    ``auto`` takes the base that predicts the text best, if it does so better than counting which
    character follows which five; words, TFLearn's own recipe and other sizes than the base has
    begin from nothing.

    Args:
        material: the text, cut and encoded.
        options: of the run.
        given: options that were named explicitly.
        models_dir: where bases lie.
        name: of the model that is being written.

    Raises:
        TrainingError: the base that was named cannot be begun from; says why.
    """
    if options.begin_from == NOTHING:
        return Beginning(None, "from nothing, as asked")
    if options.begin_from != AUTO:
        if options.recipe != "stateful":
            raise TrainingError(
                "--from: TFLearn's recipe begins from nothing; leave --from or --recipe out"
            )
        artifact = bases.read_base(options.begin_from, models_dir, level=options.level, name=name)
        found = bases.measured(artifact, material.vocabulary, material.training)
        return Beginning(
            found,
            f"from {found.name}, as asked: it predicts the text with {found.nats:.2f} nats",
            nats=found.nats,
        )
    if options.level != "char" or options.recipe != "stateful":
        return Beginning(
            None,
            "from nothing: bases are character models of the stateful recipe",
            reason="kind",
        )
    return _of_the_folder(material, given, models_dir, name)


def _of_the_folder(
    material: Material, given: dict[str, Any], models_dir: Path | str, name: str
) -> Beginning:
    """The base of the folder that predicts the text best, if it does so better than counting.

    What it costs nothing to look at is looked at first: weights are read and a text is predicted
    only with those that could be begun from.
    """
    text = (material.vocabulary, material.training)
    there = bases.candidates(models_dir, name, *text)
    if not there:
        return Beginning(None, "from nothing: no model here is marked as a base", reason="no_base")
    fit = [one for one in there if one.known_share >= bases.LEAST_KNOWN]
    if not fit:
        why = "from nothing: no base here knows half of the text's symbols"
        return Beginning(None, why, reason="symbols")
    sized = [
        one
        for one in fit
        if (given.get("layers", one.layers), given.get("units", one.units))
        == (one.layers, one.units)
    ]
    if not sized:
        sizes = ", ".join(f"{one.name} is {one.layers}x{one.units}" for one in fit)
        why = f"from nothing: {sizes}, another size was asked for"
        return Beginning(None, why, reason="size")
    best = bases.best_base(models_dir, name, *text, among=[one.name for one in sized])
    if best is None:
        return Beginning(None, "from nothing: no base here can be read", reason="no_base")
    counting = counting_nats(material)
    said = f"{best.name} predicts the text with {best.nats:.2f} nats, counting with {counting:.2f}"
    if best.nats < counting:
        return Beginning(best, f"from {best.name}: {said}", counting, "best", best.nats)
    return Beginning(None, f"from nothing: {said}", counting, "counting", best.nats)


def counting_nats(
    material: Material, most: int = COUNTED_SYMBOLS, part: Part = "selection"
) -> float:
    """Nats per symbol of a 6-gram model of the training part on another one.

    Args:
        material: the text.
        most: symbols of the training part that it learns from; of the other, which it predicts.
        part: the selection slice, or the held-out text.
    """
    pieces = material.selection if part == "selection" else material.validation
    return cross_entropy(
        material.training[:most],
        np.concatenate(pieces)[:most],
        len(material.vocabulary),
    )


def tuning(symbols: int) -> dict[str, Any]:
    """Options that are right for a training text of so many symbols begun from a base.

    Measured on authors that no base has read (bench/RESULTS.md): a short text teaches its manner
    in a few passes, and the shorter it is, the more of the base is kept; a long one is read at a
    higher rate and keeps nothing of the base but where it began.
    """
    # From 150,000 to 2,000,000 symbols, 0 to 1.
    length = min(1.0, max(0.0, float(np.log(max(1, symbols) / 150_000) / np.log(2e6 / 150_000))))
    # From 100,000 symbols down to 5,000, 0 to 1.
    shortness = min(1.0, max(0.0, float(np.log(100_000 / max(1, symbols)) / np.log(20))))
    return {
        "learning_rate": round(6e-4 * 2.5**length, 6),
        "epochs": 5 if symbols < 1_500_000 else 4,
        "dropout": 0.1 + 0.1 * (length < 1),
        "weight_drop": 0.0,
        "weight_decay": 0.0,
        "batch_size": 16 if symbols < 150_000 else 32 if symbols < 1_500_000 else 64,
        "base_share": round(0.5 * (1.0 - length**3) + 0.25 * shortness, 3),
    }


def mixed(start: Sequence[Array], tuned: Sequence[Array], share: float) -> list[Array]:
    """``share`` of the weights that training began from and the rest of the tuned ones."""
    return [
        one + np.float32(1.0 - share) * (other - one)
        for one, other in zip(start, tuned, strict=True)
    ]
