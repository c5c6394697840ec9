"""Where a new run begins: with which options, weights and words for the card and the log."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simpleml.errors import TrainingError
from simpleml.training import schedule
from simpleml.training.fine_tuning import beginning, counting_nats, tuning
from simpleml.training.material import Material
from simpleml.training.options import NOTHING, TrainingOptions
from simpleml.training.recurrent import Array
from simpleml.training.state import SavedPoint

BAR_SYMBOLS = 1_000_000
"""Of the training text, for counting to learn from, where a network is to be better than it."""


@dataclass(frozen=True)
class Begun:
    """A run's beginning.

    Attributes:
        options: with a base's sizes taken over.
        notes: for people.
        start: the base's parameters for the text's vocabulary; empty for a fresh network.
        card: what the card says of it: the base, if there is one, and why.
        about: other fields of the card: the base's language, if known.
    """

    options: TrainingOptions
    notes: list[str] = field(default_factory=list)
    start: list[Array] = field(default_factory=list)
    card: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)


def begin(
    material: Material,
    options: TrainingOptions,
    given: dict[str, Any],
    models_dir: Path,
    name: str,
) -> Begun:
    """Choose a base or nothing; a base's sizes are taken over.

    Args:
        material: the text, cut and encoded.
        options: of the run.
        given: options that were named explicitly.
        models_dir: where bases lie.
        name: of the model that is being written.

    Raises:
        TrainingError: the base that was named cannot be begun from; says why.
    """
    found = beginning(material, options, given, models_dir, name)
    card = found.described()
    if options.level == "char":  # for the verdict at the end
        card["bar_nats"] = round(counting_nats(material, BAR_SYMBOLS), 4)
    notes = [f"begins {found.why}"]
    if found.base is None:
        options = dataclasses.replace(options, begin_from=NOTHING)
        return Begun(options, notes, card=card)
    base = found.base
    layers, units = base.shape
    for option, value in (("layers", layers), ("units", units)):
        if given.get(option, value) != value:
            notes.append(f"--{option} {given[option]} is not used: {base.name} has {value}")
    return Begun(
        dataclasses.replace(options, begin_from=base.name, layers=layers, units=units),
        notes,
        base.parameters(material.vocabulary),
        card,
        {"language": language} if (language := base.artifact.card.language) else {},
    )


def go_on(
    point: SavedPoint, material: Material, options: TrainingOptions, name: str, text: Path | str
) -> Begun:
    """The beginning of a run that goes on from a saved point.

    Args:
        point: of the run that stopped.
        material: the text, cut and encoded.
        options: of the run.
        name: of the model.
        text: the text file.

    Raises:
        TrainingError: the point belongs to another text.
    """
    before, now = point.facts["text_sha256"], material.corpus["sha256"]
    if before != now:
        raise TrainingError(
            f"cannot resume {name}: it was trained on another text (sha256 {before[:12]}…, {text} "
            f"has {now[:12]}…)"
        )
    return Begun(options, [], point.start, point.facts.get("begun", {}))


def settled(options: TrainingOptions, symbols: int, begun: bool) -> TrainingOptions:
    """The options with every None that depends on the text replaced.

    Args:
        options: of the run.
        symbols: of the training text.
        begun: whether the run begins from a base.
    """
    windows = options.recipe == "windows"
    defaults: dict[str, Any] = {
        "dropout": 0.5 if windows else 0.35,
        "weight_drop": 0.0 if windows else 0.1,
        "epochs": 50 if windows else schedule.default_epochs(symbols),
        "batch_size": 128 if windows else schedule.default_rows(symbols),
        "learning_rate": 1e-3 if windows else 2e-3,
        "weight_decay": 0.0 if windows else 0.03,
    }
    if begun:
        defaults |= tuning(symbols)
    elif options.max_minutes is not None and not windows:
        defaults["epochs"] *= 3  # the minutes decide, within reason
    missing = {name: value for name, value in defaults.items() if getattr(options, name) is None}
    return dataclasses.replace(options, **missing)
