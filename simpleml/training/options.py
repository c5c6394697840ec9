"""What a training can be told, with the defaults that were measured to be right.

``None`` means "from the size of the text" and is settled once, when the run begins; a resumed run
goes on with the settled values.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from simpleml.errors import TrainingError

RECIPES = ("stateful", "windows")
LEVELS = ("char", "word")
AUTO, NOTHING = "auto", "nothing"
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class TrainingOptions:
    """All of ``train.py``'s options that shape a run; times in minutes, sizes in symbols."""

    layers: int = 3
    units: int = 512
    dropout: float | None = None  # on each layer's outputs
    weight_drop: float | None = None  # on the recurrent weights
    seq_maxlen: int = 25  # window for window mode, and for --recipe windows
    redun_step: int = 3  # distance between windows, --recipe windows
    steps: int = 64  # time steps of a chunk, --recipe stateful
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    reset: float = 0.05  # state-reset probability: rows that begin a chunk from the zero state
    begin_from: str = AUTO  # a base's name or folder, "auto" or "nothing"
    base_share: float | None = None  # of the base's weights in what is kept
    level: str = "char"
    max_words: int = 10_000
    lower: bool = False
    recipe: str = "stateful"
    validation: str = "tail"
    validation_fraction: float = 0.1
    patience: int = 8  # epochs without a better selection score
    max_minutes: float | None = None
    judge_every: int | None = None  # characters; None: see judging.JudgingPlan
    sample_every: int = 5  # epochs; 0 for never
    sample_seed: str | None = None  # None: the beginning of the held-out text
    random_state: int = 1
    precision: str = "auto"

    def checked(self) -> TrainingOptions:
        """Itself, if every value is possible.

        Raises:
            TrainingError: naming the option, its value and what it may be.
        """
        _within("--layers", self.layers, 1, 8)
        _within("--units", self.units, 1, 4096)
        _within("--dropout", self.dropout, 0.0, 0.95)
        _within("--weight-drop", self.weight_drop, 0.0, 0.95)
        _within("--seq-maxlen", self.seq_maxlen, 1, 2000)
        _within("--redun-step", self.redun_step, 1, 10_000)
        _within("--steps", self.steps, 1, 1000)
        _within("--epochs", self.epochs, 1, 100_000)
        _within("--batch-size", self.batch_size, 1, 65_536)
        _within("--learning-rate", self.learning_rate, 1e-7, 1.0)
        _within("--weight-decay", self.weight_decay, 0.0, 10.0)
        _within("--base-share", self.base_share, 0.0, 1.0)
        _within("--max-words", self.max_words, 10, 200_000)
        _within("--patience", self.patience, 1, 100_000)
        _within("--max-minutes", self.max_minutes, 0.01, 100_000)
        _within("--judge-every", self.judge_every, 1, 10**12)
        _within("--sample-every", self.sample_every, 0, 100_000)
        _within("--random-state", self.random_state, 0, 2**63 - 1)
        for name, value, choices in (
            ("--recipe", self.recipe, RECIPES),
            ("--level", self.level, LEVELS),
            ("--precision", self.precision, PRECISIONS),
        ):
            if value not in choices:
                raise TrainingError(f"{name} {value}: must be one of {', '.join(choices)}")
        return self

    def as_dict(self) -> dict[str, Any]:
        """Plain values, to be kept in a saved point and in the card."""
        return dataclasses.asdict(self)


MAY_CHANGE = frozenset(
    {"patience", "max_minutes", "judge_every", "sample_every", "sample_seed", "epochs", "precision"}
)
"""What ``--resume`` may be given anew; everything else must be as it was."""


def lengthened(saved: dict[str, Any], given: dict[str, Any]) -> bool:
    """Whether a resumed run was ``given`` another end than it had."""
    minutes = given.get("max_minutes")
    return "epochs" in given or (minutes is not None and minutes != saved.get("max_minutes"))


def resumed(saved: dict[str, Any], given: dict[str, Any]) -> TrainingOptions:
    """The options of a resumed run: the saved ones, with what was ``given`` anew.

    Raises:
        TrainingError: something was given that would make it another run.
    """
    fields = {field.name for field in dataclasses.fields(TrainingOptions)}
    saved = {"begin_from": NOTHING, **saved}  # runs of before there were bases
    if given.get("begin_from") == AUTO:
        given = {name: value for name, value in given.items() if name != "begin_from"}
    changed = [
        f"{flag(name)} {value} (it was {saved.get(name)})"
        for name, value in given.items()
        if name not in MAY_CHANGE and value != saved.get(name)
    ]
    if changed:
        raise TrainingError(
            f"cannot resume with {', '.join(changed)}: leave that out, or start anew with "
            "--overwrite"
        )
    known = {name: value for name, value in saved.items() if name in fields}
    return TrainingOptions(**{**known, **given}).checked()


def flag(name: str) -> str:
    """A field's name on the command line."""
    return "--from" if name == "begin_from" else f"--{name.replace('_', '-')}"


def _within(name: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:
        raise TrainingError(f"{name} {value:g}: must be between {least:g} and {most:g}")
