#!/usr/bin/env python3
"""Who could have written this? How often the model that should win does, on text none has read.

    python bench/who_wrote.py [--models shakespeare sherlock contes francais] [--texts ML]

From the part of each model's text that its card holds out, 200 excerpts are cut in all, evenly, at
lines' or words' beginnings; each is scored by every model as /v1/score does, and the best should be
the one whose text it is. The texts lie beside the models: `simpleml corpora get NAME`. Prints, for
each length, who was taken for whom, and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from simpleml import ModelLoader, SequenceGenerator  # noqa: E402
from simpleml.training.corpus import read_text, split_text  # noqa: E402

LENGTHS = (50, 100, 300)
ROWS = 100


def held_out(model: SequenceGenerator, texts: Path) -> str:
    """What its training never saw."""
    card = model.card
    how = card.training["options"]
    text = read_text(texts / card.corpus["file"], card.corpus["encoding"])
    assert len(text) == card.corpus["characters"], f"{card.corpus['file']} is another text"
    return split_text(text, how["validation"], how["validation_fraction"]).text("validation")


def excerpts(text: str, count: int, size: int) -> list[str]:
    """So many, from everywhere, each from the beginning of a word on."""
    found = []
    for start in np.linspace(0, len(text) - 2 * size - 100, count).astype(int):
        begin = 1 + max(text.find(" ", start), 0)
        found.append(text[begin : begin + size])
    return found


def nats(model: SequenceGenerator, texts: list[str]) -> list[float]:
    """Of each text per character; they are read side by side, which changes none."""
    parts = [texts[first : first + ROWS] for first in range(0, len(texts), ROWS)]
    return [score.nats for part in parts for score in model.scores(part)]


def main() -> None:
    """Score, and print who was taken for whom."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = ["shakespeare", "sherlock", "contes", "francais"]
    parser.add_argument("--models", nargs="+", default=names)
    parser.add_argument("--models-dir", type=Path, default=ROOT / "ML")
    parser.add_argument("--texts", type=Path, help="folder of the texts (--models-dir)")
    parser.add_argument("--excerpts", type=int, default=200)
    parser.add_argument("--precision", default="float32")
    given = parser.parse_args()
    loader = ModelLoader(given.models_dir, given.precision)
    models = [loader.load(name) for name in given.models]
    texts = [held_out(model, given.texts or given.models_dir) for model in models]
    facts: dict[str, object] = {"models": given.models, "precision": given.precision}
    for size in LENGTHS:
        cut = [excerpts(text, given.excerpts // len(models), size) for text in texts]
        each = len(cut[0])
        table = np.array([nats(model, [one for part in cut for one in part]) for model in models])
        taken_for = table.argmin(axis=0).reshape(len(models), each)  # (its author, excerpt)
        counts = np.array([np.bincount(row, minlength=len(models)) for row in taken_for])
        share = float(np.trace(counts) / counts.sum())
        print(
            f"\n{size} characters: {share:.1%} of {counts.sum()} excerpts; written by | taken for"
        )
        print("| written by | " + " | ".join(given.models) + " |")
        print("| --- |" + " ---: |" * len(models))
        for name, row in zip(given.models, counts, strict=True):
            print(f"| {name} | " + " | ".join(map(str, row)) + " |")
        facts[str(size)] = {"right": round(share, 4), "counts": counts.tolist()}
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
