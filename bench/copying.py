#!/usr/bin/env python3
"""How much of what models write stands in what they have read, their own text and their base's.

    python bench/copying.py        # every model of ML/ that is a base or began from one
    python bench/copying.py francais contes --size 20000 --written tales.txt

For each model, at three temperatures, the share of its text that lies in passages of 20 characters
or more that stand verbatim in its own text, in its base's, and in either. `--written FILE` looks
in the same texts for what a person wrote and no model has read: common phrases stand everywhere,
and a model that copies no more than a person does has not copied. The corpora are looked for
beside the models (`python -m simpleml.corpora get francais`). Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from simpleml import ModelLoader
from simpleml.copying.cache import base_of
from simpleml.copying.index import Copied, Originality
from simpleml.errors import CorpusUnavailableError

TEMPERATURES = (0.2, 0.5, 0.8)


def either(found: Copied) -> float:
    """Share of the characters that lie in a passage of either text."""
    copied: set[int] = set()
    for one in (found.own, found.of_base):
        for passage in one.passages if one else ():
            copied |= set(range(passage.start, passage.start + passage.length))
    return len(copied) / max(1, found.own.characters)


def row(model: str, what: str, found: Copied) -> dict[str, Any]:
    """A line of the table."""

    def shortly(one: Originality | None) -> dict[str, Any] | None:
        longest = one.longest.length if one and one.longest else 0
        return one and {"share": round(one.copied_share, 4), "longest": longest}

    return {
        "model": model, "what": what, "own": shortly(found.own), "base": found.base,
        "of_base": shortly(found.of_base), "either": round(either(found), 4),
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""

    def cell(one: dict[str, Any] | None) -> str:
        return f"{one['share']:.1%}; {one['longest']}" if one else "–"

    lines = [
        "| model | text | in its own text; longest | in its base's; longest | in either |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for one in rows:
        base = f"{one['base']}: {cell(one['of_base'])}" if one["base"] else "–"
        cells = [one["model"], one["what"], cell(one["own"]), base, f"{one['either']:.1%}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def measure(loader: ModelLoader, name: str, size: int, written: list[Path]) -> list[dict[str, Any]]:
    """The rows of one model."""
    generator = loader.load(name)
    index = loader.corpus_index(generator)
    rows = []
    for temperature in TEMPERATURES:
        text = generator.generate(size, temperature, random_state=0)
        rows.append(row(name, str(temperature), loader.examine(generator, index, text)))
    for path in written:
        text = path.read_text(encoding="utf-8")
        rows.append(row(name, path.name, loader.examine(generator, index, text)))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="default: bases, and what began from one")
    parser.add_argument("--models-dir", type=Path, default=Path("ML"))
    parser.add_argument("--size", type=int, default=20_000, help="characters; default 20000")
    parser.add_argument("--written", type=Path, nargs="*", default=[], help="what a person wrote")
    given = parser.parse_args()
    loader = ModelLoader(given.models_dir)
    names = given.models or [
        one
        for one in loader.names()
        if (card := loader.card(one)).base or base_of(card) is not None
    ]
    rows = []
    for name in names:
        try:
            rows += measure(loader, name, given.size, given.written)
        except CorpusUnavailableError as error:
            print(f"{name}: {error.message}", file=sys.stderr)
    print(table(rows))
    print(json.dumps({"copying": rows, "size": given.size}))


if __name__ == "__main__":
    main()
