#!/usr/bin/env python3
"""What a base is worth: nats on unseen text after training on a few kilobytes of an author.

    python bench/short_texts.py ML/francais.txt ML/english.txt [--sizes 20 30 100] [--seeds 1 2 3]

The authors are those that the corpora hold out (`simpleml corpora get francais`): Gréville and
Forster, whom no base has read. Each seed trains on another part of the author's text and all are
measured on the same 60,000 characters, far from every training part: the last chapters of the
novel that is trained on, and for French also another novel (`--texts`). Texts that no base fits
stand beside them: French in capitals, and any other file, such as keys of Tetris (ML/tetris.txt) or
another language, whose last 60,000 characters measure. `train.py` does the training, as anybody
would call it; its seconds are the whole command's. Every row goes to short_texts.jsonl as well,
from which --plot draws the picture: several runs make one table.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from simpleml.models.artifact import find_artifact, read_artifact  # noqa: E402
from simpleml.models.bases import bases_in  # noqa: E402
from simpleml.models.vocabulary import Vocabulary  # noqa: E402
from simpleml.training.base import nats_of, transferred  # noqa: E402

TEST = 60_000
RESULTS = Path(__file__).with_suffix(".jsonl")


@dataclass(frozen=True)
class Author:
    """A text to train on in parts, and the text that measures."""

    name: str
    source: str
    test: str

    def part(self, size: int, seed: int) -> str:
        """So many characters, from another place for each seed."""
        room = max(1, len(self.source) - size)
        start = room * (seed - 1) // 3
        start = self.source.find("\n", start) + 1
        return self.source[start : start + size]


GREVILLES_LAST = 298_870
"""Characters of the last novel of the French corpus."""


def greville(francais: str) -> Author:
    """The last three novels of the French corpus; the last of them measures."""
    return Author(
        "French, another novel",
        francais[-946_995:-GREVILLES_LAST],
        francais[-GREVILLES_LAST:][5000:][:TEST],
    )


def greville_herself(francais: str) -> Author:
    """The last novel of the French corpus; its last chapters measure."""
    return last_chapters("French, the same novel", francais[-GREVILLES_LAST:])


def forster(english: str) -> Author:
    """The last novel of the English corpus; its last chapters measure."""
    return last_chapters("English, the same novel", english[-608_191:])


def last_chapters(name: str, novel: str) -> Author:
    """A novel to train on but for its last 120,000 characters, half of which measure."""
    return Author(name, novel[:-120_000], novel[-80_000:][:TEST])


def capitals(francais: str) -> Author:
    """French in capitals without accents, which no novel is written in."""
    one = greville(francais)
    plain = str.maketrans("ÀÂÇÉÈÊËÎÏÔÙÛ", "AACEEEEIIOUU")
    return Author(
        "French in capitals",
        one.source.upper().translate(plain),
        one.test.upper().translate(plain),
    )


FRENCH = {"another": greville, "same": greville_herself, "capitals": capitals}


def authors_of(corpus: Path, texts: list[str]) -> list[Author]:
    """What a corpus has to train on and to be measured by."""
    text = corpus.read_text(encoding="utf-8")
    if corpus.stem == "english":
        return [forster(text)]
    if corpus.stem == "francais":
        return [FRENCH[name](text) for name in texts]
    return [Author(corpus.stem.capitalize(), text[:-TEST], text[-TEST:])]


def measure(folder: Path, name: str, test: str, symbols: str | None = None) -> float:
    """Nats per character of a model on text; characters that it lacks are read as the nearest.

    Args:
        folder: of the models.
        name: of the model.
        test: the text.
        symbols: a text whose characters the model is given; None: those that it has.
    """
    paths = find_artifact(folder, name)
    assert paths is not None
    artifact = read_artifact(paths)
    known = artifact.vocabulary if symbols is None else Vocabulary.of(symbols, level="char")
    indices = known.encode(test, "nearest").indices
    return nats_of(transferred(artifact, known), np.array(indices, np.int32))


def untouched(folder: Path, test: str, symbols: str) -> float:
    """Nats per character of the folder's best base on text; see ``measure``."""
    return min(measure(folder, one, test, symbols) for one in bases_in(folder, besides=""))


def trained(models: Path, text: str, test: str, arguments: list[str]) -> tuple[float, float]:
    """Nats of train.py's model on the test text, and the command's seconds."""
    with tempfile.TemporaryDirectory(prefix="simpleml-bench-") as made:
        folder = Path(made)
        for one in bases_in(models, besides=""):
            shutil.copytree(models / one, folder / one)
        (folder / "text.txt").write_text(text, encoding="utf-8")
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, ROOT / "train.py", folder / "text.txt", "--name", "short-text",
             "--models-dir", folder, "--sample-every", "0", *arguments],
            check=True, capture_output=True,
        )  # fmt: skip
        seconds = time.perf_counter() - began
        return measure(folder, "short-text", test), seconds


def row(author: Author, size: int, given: argparse.Namespace) -> dict[str, Any]:
    """One line of the table: from nothing once, the base, the tuned model for each seed."""
    found: dict[str, Any] = {"text": author.name, "characters": size}
    tuned, seconds, bases, same_symbols = [], [], [], []
    for seed in given.seeds:
        text = author.part(size, seed)
        nats, took = trained(
            given.models_dir, text, author.test, ["--random-state", str(seed), *given.arguments]
        )
        tuned.append(nats)
        seconds.append(took)
        bases.append(untouched(given.models_dir, author.test, text + author.test))
        same_symbols.append(untouched(given.models_dir, author.test, text))
    if tuned:
        found["tuned"], found["seconds"] = tuned, seconds
        found["base"] = statistics.mean(bases)
        found["base_with_its_symbols"] = statistics.mean(same_symbols)
    if given.nothing_minutes:
        found["nothing"], found["nothing_seconds"] = trained(
            given.models_dir,
            author.part(size, 1),
            author.test,
            ["--from", "nothing", "--max-minutes", str(given.nothing_minutes)],
        )
    return found


def kept() -> list[dict[str, Any]]:
    """The rows of all runs, the last of each text and size; what a later one lacks stays."""
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for line in RESULTS.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        rows.setdefault((one["text"], one["characters"]), {}).update(one)
    return sorted(rows.values(), key=lambda one: (one["text"], one["characters"]))


CURVES = {"nothing": "from nothing", "base": "base untouched", "tuned": "as train.py does it"}


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Nats against characters, a column for each text that was read at several sizes.

    What begins from nothing is far above the rest and has a scale of its own.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    count = Counter(one["text"] for one in rows)
    names = [name for name, sizes in count.items() if sizes > 1]
    figure, panels = pyplot.subplots(
        2, len(names), figsize=(4 * len(names), 4.6), squeeze=False, sharex=True, sharey="row",
        height_ratios=(1, 2),
    )  # fmt: skip
    ticks = sorted({one["characters"] for one in rows})
    for name, (above, below) in zip(names, panels.T, strict=True):
        mine = [one for one in rows if one["text"] == name]
        for number, (value, label) in enumerate(CURVES.items()):
            points = [(one["characters"], np.mean(one[value])) for one in mine if value in one]
            if points:
                panel = above if value == "nothing" else below
                panel.plot(*zip(*points, strict=True), "o-", label=label, color=f"C{number}")
        above.set(title=name, xscale="log")
        below.set(xlabel="KB read")
        below.set_xticks(ticks, [f"{tick / 1000:g}" for tick in ticks])
        for panel in (above, below):
            panel.minorticks_off()
            panel.grid(alpha=0.3)
            panel.legend(fontsize=7)
    figure.supylabel("nats per character", fontsize="medium")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """The table, row after row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "corpora", type=Path, nargs="*", help="francais.txt, english.txt, or any other text"
    )
    parser.add_argument("--models-dir", type=Path, default=ROOT / "ML")
    parser.add_argument("--sizes", type=float, nargs="+", default=[5, 20, 50, 100, 500], help="KB")
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument(
        "--nothing-minutes", type=float, default=0, help="also from nothing, so long"
    )
    parser.add_argument(
        "--texts",
        nargs="+",
        choices=("another", "same", "capitals"),
        default=["another", "same"],
        help="of French: another novel of the author, the same one, the first in capitals",
    )
    parser.add_argument("--plot", type=Path)
    parser.add_argument("arguments", nargs="*", help="after --: more of train.py's")
    given = parser.parse_args()
    authors = [author for path in given.corpora for author in authors_of(path, given.texts)]
    print(
        "| text | KB | from nothing (s) | base untouched | with the text's symbols "
        "| tuned, each seed | mean | seconds |"
    )
    print("| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |", flush=True)
    for author in authors:
        for size in given.sizes:
            if 1000 * size > len(author.source):
                continue
            one = row(author, int(1000 * size), given)
            with RESULTS.open("a", encoding="utf-8") as results:
                results.write(json.dumps(one, ensure_ascii=False) + "\n")
            nothing = (
                f"{one['nothing']:.3f} ({one['nothing_seconds']:.0f})" if "nothing" in one else ""
            )
            base = " | "
            if "base" in one:
                base = f"{one['base']:.3f} | {one['base_with_its_symbols']:.3f}"
            tuned = " |  | "
            if "tuned" in one:
                each = ", ".join(f"{nats:.3f}" for nats in one["tuned"])
                mean, seconds = statistics.mean(one["tuned"]), statistics.mean(one["seconds"])
                tuned = f"{each} | {mean:.3f} | {seconds:.0f}"
            print(f"| {author.name} | {size:g} | {nothing} | {base} | {tuned} |", flush=True)
    if given.plot:
        plot(kept(), given.plot)


if __name__ == "__main__":
    main()
