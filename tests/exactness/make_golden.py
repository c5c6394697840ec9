"""Make golden/nights: a small network that the real TFLearn trained, and what TFLearn says with it.

    python tests/exactness/make_golden.py          # half a minute; needs TensorFlow and TFLearn

Everything that it writes is TFLearn's: the checkpoint, the probabilities after windows of the text,
and texts by seed, temperature and NumPy seed. None of this package's arithmetic is involved, so
that test_golden.py compares two programs.
"""

from __future__ import annotations

import json
import pickle
import shutil
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from tflearn_oracle import TFLearnOracle  # noqa: E402

NAME = "nights"
LAYERS, UNITS, WINDOW = 2, 24, 10
BATCHES = 4000
SIZE = 200
# The beginning of Antoine Galland's Les mille et une nuits (1704), public domain.
TEXT = """\
Les chroniques des Sassanides, anciens rois de Perse, qui avaient étendu leur empire dans les Indes,
dans les grandes et petites îles qui en dépendent, et bien loin au delà du Gange, jusqu'à la Chine,
rapportent qu'il y avait autrefois un roi de cette puissante maison, qui était le plus excellent
prince de son temps. Il se faisait autant aimer de ses sujets par sa sagesse et sa prudence, qu'il
s'était rendu redoutable à ses voisins par le bruit de sa valeur et par la réputation de ses troupes
belliqueuses et bien disciplinées. Il avait deux fils.
"""


def main() -> None:
    """Train, save, and write down what TFLearn computes."""
    index = {symbol: number for number, symbol in enumerate(sorted(set(TEXT)))}
    folder = HERE / "golden" / NAME
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    windows = [TEXT[at : at + WINDOW] for at in range(0, 8 * 64, 8)]
    with TFLearnOracle() as oracle:
        oracle.build(
            index, layers=LAYERS, units=UNITS, seq_maxlen=WINDOW, dropout=0.1,
            learning_rate=0.01, random_state=1,
        )  # fmt: skip
        oracle.fit(TEXT, BATCHES)
        oracle.save(folder / f"{NAME}.tfl")
        probabilities = oracle.probabilities(windows)  # (windows, V)
        texts = [
            {
                "seed": seed, "temperature": temperature, "numpy_seed": numpy_seed, "size": SIZE,
                "text": oracle.generate(SIZE, temperature, seed, numpy_seed),
            }
            for number, seed in enumerate((TEXT[:WINDOW], TEXT[173 : 173 + WINDOW], "e" * WINDOW))
            for numpy_seed, temperature in enumerate((0.1, 0.5, 1.0, 1.5), 10 * number)
        ]  # fmt: skip
    (folder / "checkpoint").unlink(missing_ok=True)  # it would say where the folder lay
    (folder / f"char_idx_{NAME}.pickle").write_bytes(pickle.dumps(index, protocol=2))
    np.savez_compressed(folder / "probabilities.npz", probabilities=probabilities)
    golden = {
        "layers": LAYERS, "units": UNITS, "seq_maxlen": WINDOW, "vocabulary_size": len(index),
        "windows": windows, "texts": texts,
    }  # fmt: skip
    data = json.dumps(golden, ensure_ascii=False, indent=1) + "\n"
    (folder / "golden.json").write_text(data, encoding="utf-8")
    for text in texts:
        print(f"{text['temperature']}  {text['text']!r}")
    print("spread of the probabilities:", probabilities.std(axis=0).max())


if __name__ == "__main__":
    main()
