#!/usr/bin/env python3
"""What a shipped model's card says of its writing: samples and copying; and ML/README.md.

    python tools/cards.py sherlock --licence "public domain" --source "…" --example "Holmes "
    python tools/cards.py --readme

For each model named it generates samples in both modes at temperatures 0.2, 0.5 and 0.8 after the
first of its examples, examines 20,000 characters at each of these temperatures for passages that
stand in the corpus (ML/<name>.txt), and writes all of it into the card as it came, chosen by
nobody: the random state is 0. Then it writes ML/README.md from the cards of all models.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from simpleml import ModelLoader  # noqa: E402
from simpleml.files import write_whole  # noqa: E402
from simpleml.generation.sequence_generator import SequenceGenerator  # noqa: E402
from simpleml.originality import PASSAGE  # noqa: E402

TEMPERATURES = (0.2, 0.5, 0.8)
SAMPLE = 400
EXAMINED = 20_000
MODES = {"stateful": True, "window": False}
README_HEAD = """\
# The models

One folder per model: TFLearn's checkpoint (`.tfl.*`), the vocabulary (`char_idx_*.pickle`), the
card (`.json`) that this page is made from (`python tools/cards.py --readme`), and the training's
curve (`training.csv`, `training.png`). The corpora are not here: `python -m simpleml.corpora get
NAME` fetches one; Tetris' is made by `python examples/tetris.py`.

Nats are per symbol of text that the training never saw. Copied: the share of 20,000 generated
characters that lies in passages of 20 or more standing verbatim in the corpus, at temperatures 0.2,
0.5 and 0.8, and the longest such passage. (Twenty keys of Tetris come up again by themselves: every
game begins with the same pieces. Whole games are what to compare: examples/README.md.)

| model | learned from | network | held out | nats, stateful | windows | minutes | copied |
| --- | --- | --- | --- | ---: | ---: | ---: | --- |"""


def samples(generator: SequenceGenerator, seed: str) -> list[dict[str, Any]]:
    """One text for each mode and temperature."""
    return [
        {
            "mode": mode,
            "temperature": temperature,
            "random_state": 0,
            "seed": seed,
            "text": generator.generate(
                SAMPLE, temperature, seed, random_state=0, stateful=stateful
            ),
        }
        for mode, stateful in MODES.items()
        for temperature in TEMPERATURES
    ]


def originality(loader: ModelLoader, generator: SequenceGenerator) -> dict[str, Any]:
    """By temperature: how much of 20,000 characters stands in the corpus.

    The texts are those that ``python -m simpleml.originality NAME`` examines.
    """
    index = loader.corpus_index(generator)
    found = {}
    for temperature in TEMPERATURES:
        text = generator.generate(EXAMINED, temperature, random_state=0)
        result = index.examine(text)
        longest = result.longest
        found[str(temperature)] = {
            "characters": result.characters,
            "passage_from": PASSAGE,
            "copied_share": round(result.copied_share, 4),
            "longest": longest and longest.length,
            "longest_text": longest and text[longest.start : longest.start + longest.length],
        }
        print(f"  {temperature}: {result.copied_share:.1%} copied", flush=True)
    return found


def complete(name: str, given: argparse.Namespace) -> None:
    """Fill in one model's card."""
    path = given.models_dir / name / f"{name}.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    for field in ("source", "licence"):
        if getattr(given, field):
            card["corpus"][field] = getattr(given, field)
    if given.source_fr:
        card["corpus"].setdefault("sources", {})["fr"] = given.source_fr
    for language in ("fr", "en"):
        if title := getattr(given, f"title_{language}"):
            card.setdefault("title", {})[language] = title
    if given.command:
        card["training"]["command"] = given.command
    notes = card.setdefault("notes", {})
    if given.example:
        notes["examples"] = given.example
    loader = ModelLoader(given.models_dir)
    generator = loader.load(name)
    seed = notes["examples"][0]
    print(name, flush=True)
    notes["samples"] = samples(generator, seed)
    notes["originality"] = originality(loader, generator)
    write_whole(path, (json.dumps(card, ensure_ascii=False, indent=1) + "\n").encode())


def readme(models_dir: Path) -> str:
    """ML/README.md: a table of all models, then each one's samples."""
    cards = {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(models_dir.glob("*/*.json"))
        if path.stem == path.parent.name and "samples" in path.read_text(encoding="utf-8")
    }
    lines = [README_HEAD]
    for name, card in cards.items():
        metrics, corpus = card["metrics"], card["corpus"]
        copied = card["notes"]["originality"].values()
        shares = ", ".join(f"{one['copied_share']:.1%}" for one in copied)
        longest = max(one["longest"] or 0 for one in copied)
        lines.append(
            f"| [{name}](#{name}) | {corpus['source']}, {corpus['licence']}; "
            f"{corpus['characters']:,} characters | {card['layers']}x{card['units']} | "
            f"{metrics['held_out']} | {metrics['stateful']['nats']:.3f} | "
            f"{metrics['window']['nats']:.3f} | {card['training']['seconds'] / 60:.0f} | "
            f"{shares}; {longest} |"
        )
    for name, card in cards.items():
        training = card["training"]
        lines += [
            "",
            f"## {name}",
            "",
            f"    {training['command']}",
            "",
            f"{training['machine']}; {training['seconds'] / 60:.0f} minutes, epoch "
            f"{training['best_epoch']} of {training['epochs']} kept. What follows was not chosen: "
            "random_state 0, as it came.",
        ]
        for sample in card["notes"]["samples"]:
            lines += [
                "",
                f"### {name}, {sample['mode']}, temperature {sample['temperature']}",
                "",
                "```text",
                sample["text"].strip("\n"),
                "```",
            ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Cards, then the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--models-dir", type=Path, default=ROOT / "ML")
    parser.add_argument("--source", help="where the corpus comes from")
    parser.add_argument("--source-fr", help="the same in French, for the pages")
    parser.add_argument("--licence")
    parser.add_argument("--title-fr", help="what the pages call it in French")
    parser.add_argument("--title-en", help="and in English")
    parser.add_argument("--command", help="what trains it anew")
    parser.add_argument("--example", action="append", help="a seed to try; the first is sampled")
    parser.add_argument("--readme", action="store_true", help="write ML/README.md alone")
    given = parser.parse_args()
    for name in given.names:
        complete(name, given)
    if given.names or given.readme:
        write_whole(given.models_dir / "README.md", readme(given.models_dir).encode())


if __name__ == "__main__":
    main()
