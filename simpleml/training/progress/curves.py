"""training.png: how the losses fell."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from simpleml.training.progress.judgements import Judgement, put

PNG_NAME = "training.png"


def draw_curves(path: Path, judgements: Sequence[Judgement]) -> None:
    """Write training.png: nats per symbol against minutes of training, all of it or nothing.

    Raises:
        TrainingError: the disk is full or the folder not writable; the old picture stands.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    minutes = [judgement.seconds / 60 for judgement in judgements]
    curves: list[tuple[str, list[float | None]]] = [
        ("training (with dropout)", [one.loss for one in judgements]),
        ("validation (selection slice)", [one.selection_nats for one in judgements]),
        ("held out", [one.validation_nats for one in judgements]),
    ]
    for label, values in curves:
        points = [(x, y) for x, y in zip(minutes, values, strict=True) if y is not None]
        if points:
            axes.plot(*zip(*points, strict=True), marker=".", label=label)
    best = [one for one in judgements if one.best]
    if best:
        label = f"best epoch ({best[-1].epoch:.3g})"
        axes.axvline(best[-1].seconds / 60, color="0.6", linestyle=":", label=label)
    axes.set_xlabel("minutes of training")
    axes.set_ylabel("nats per symbol")
    axes.grid(alpha=0.3)
    axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    put(path, picture.getvalue())
