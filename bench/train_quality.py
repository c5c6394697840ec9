#!/usr/bin/env python3
"""TFLearn's own recipe against ours: the same text, split and machine, the same minutes.

    python bench/train_quality.py ../shared/data/sherlock.txt --minutes 15

runs TFLearn's ``fit`` on its semi-redundant windows, then our training, one after the other, each
in a process of its own (TFLearn switches TensorFlow 2 off), and writes a table, a plot of held-out
nats against minutes, and one line of JSON. Ours stops its clock for nothing: compilation, the
measurements and the exports are in its minutes; TFLearn's clock counts its updates alone.

Both are measured on the last 10 % of the text, which neither trains on and which decides nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def tflearn_run(text: Path, minutes: float, out: Path) -> None:
    """TFLearn's recipe for so many minutes; writes its points to ``out``."""
    import numpy as np
    from tflearn_recipe import train_recipe

    from simpleml.training.material import read_material
    from simpleml.training.options import TrainingOptions

    material = read_material(text, TrainingOptions())
    # It makes no choice, so it may have the selection slice as well.
    training = np.concatenate([material.training, *material.selection])

    def report(point: Any) -> None:
        minute = point.seconds / 60
        print(f"tflearn {minute:5.1f} min  {point.validation_nats:.4f} nats", flush=True)

    points = train_recipe(
        training,
        material.validation[0],
        material.vocabulary.index,
        max_seconds=60 * minutes,
        validate_every=min(120.0, 15 * minutes),
        report=report,
    )
    curve = [[point.seconds / 60, point.validation_nats] for point in points]
    result = {"curve": curve, "epochs": points[-1].epochs, "nats": points[-1].validation_nats}
    out.write_text(json.dumps(result))


def our_run(
    text: Path, minutes: float, name: str, models: Path, out: Path, given: dict[str, float]
) -> None:
    """Our recipe for so many minutes; writes its curve on the held-out part to ``out``."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from simpleml.training.evaluation import Evaluation, evaluate_stateful
    from simpleml.training.trainer import Trainer, TrainingOptions

    curve: list[list[float]] = []
    started = time.perf_counter()

    class Watched(Trainer):
        """Looks at the held-out part after each epoch, for the plot; chooses nothing by it."""

        def _judge(self) -> Evaluation:
            found = evaluate_stateful(self._learner, self.material.validation)
            curve.append([(time.perf_counter() - started) / 60, found.nats])
            print(f"ours {curve[-1][0]:5.1f} min  {found.nats:.4f} nats", flush=True)
            return super()._judge()

    options = TrainingOptions(**{"max_minutes": minutes, **given})  # type: ignore[arg-type]
    command = f"python train.py {text.name} --name {name} --max-minutes {minutes:g}" + "".join(
        f" --{option.replace('_', '-')} {value:g}" for option, value in given.items()
    )
    result = Watched(
        text, name, models_dir=models, options=options, overwrite=True, command=command
    ).run()
    curve.append([(time.perf_counter() - started) / 60, result.stateful.nats])
    out.write_text(
        json.dumps(
            {
                "curve": curve,
                "epochs": result.epochs,
                "nats": result.stateful.nats,
                "window_nats": result.window.nats,
            }
        )
    )


def draw(results: dict[str, Any], title: str, path: Path) -> None:
    """Held-out nats against minutes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for label, result in results.items():
        axes.plot(*zip(*result["curve"], strict=True), marker=".", label=label)
    axes.set(xlabel="minutes of training", ylabel="nats per character, held out", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)


def main() -> None:
    """The two runs and their comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--name", help="of the model that ours leaves; default the file's name")
    parser.add_argument("--models-dir", type=Path, default=Path("bench/models"))
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder of the results")
    parser.add_argument("--dropout", type=float, help="of ours, as train.py has it")
    parser.add_argument("--weight-drop", type=float, help="of ours, as train.py has it")
    parser.add_argument("--part", choices=("both", "tflearn", "ours"), default="both")
    chosen = parser.parse_args()
    name = chosen.name or chosen.text.stem
    files = {part: chosen.out / f"train_quality_{name}_{part}.json" for part in ("tflearn", "ours")}
    if chosen.part == "tflearn":
        tflearn_run(chosen.text, chosen.minutes, files["tflearn"])
        return
    if chosen.part == "ours":
        given = {
            option: value
            for option in ("dropout", "weight_drop")
            if (value := getattr(chosen, option)) is not None
        }
        our_run(chosen.text, chosen.minutes, name, chosen.models_dir, files["ours"], given)
        return
    chosen.out.mkdir(parents=True, exist_ok=True)
    for part, file in files.items():
        if file.exists():
            print(f"{file} is there already: used as it is")
            continue
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--part", part], check=True)
    results = {part: json.loads(file.read_text()) for part, file in files.items()}
    labels = {"tflearn": "TFLearn's recipe", "ours": "train.py"}
    draw(
        {labels[part]: result for part, result in results.items()},
        f"{chosen.text.name}, 3x512, {chosen.minutes:g} minutes each",
        chosen.out / f"train_quality_{name}.png",
    )
    print(f"\n| recipe | epochs | held-out nats per character after {chosen.minutes:g} min |")
    print("| --- | ---: | ---: |")
    for part, result in results.items():
        print(f"| {labels[part]} | {result['epochs']:.2f} | {result['nats']:.3f} |")
    better = results["tflearn"]["nats"] - results["ours"]["nats"]
    print(
        json.dumps(
            {
                "text": chosen.text.name,
                "minutes": chosen.minutes,
                "tflearn_nats": round(results["tflearn"]["nats"], 4),
                "ours_nats": round(results["ours"]["nats"], 4),
                "ours_window_nats": round(results["ours"]["window_nats"], 4),
                "better_by": round(better, 4),
            }
        )
    )


if __name__ == "__main__":
    main()
