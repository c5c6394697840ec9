"""`simpleml score FILE`: which of the models predicts a text best, and could have written it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simpleml.documents.reader import read_document
from simpleml.errors import SimpleMLError
from simpleml.generation.network import PRECISIONS
from simpleml.generation.scoring import Score
from simpleml.loader import ModelLoader

_SHOWN_UNKNOWN = 5


def parser(prog: str = "simpleml score") -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="How well each model predicts a text, in bits per character; the best first.",
    )
    parser.add_argument("text", type=Path, help="a file of any kind that train takes")
    parser.add_argument(
        "--model", action="append", metavar="NAME", help="ask this one; again for more (all)"
    )
    parser.add_argument("--models-dir", type=Path, default=Path("ML"), help="default ML")
    parser.add_argument("--encoding", help="of the text (found out)")
    parser.add_argument(
        "--precision", choices=PRECISIONS, default="float32", help="default float32"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    return parser


def main(arguments: Sequence[str] | None = None, prog: str = "simpleml score") -> int:
    """Run; returns the exit status: 0 done, 1 no model could, 130 stopped by Ctrl-C."""
    given = parser(prog).parse_args(arguments)
    loader = ModelLoader(given.models_dir, given.precision, most_loaded=1)
    scores: list[tuple[str, Score]] = []
    failed: list[tuple[str, str]] = []
    try:
        text = read_document(given.text, encoding=given.encoding).text
        text = text.replace("\r\n", "\n").replace("\r", "\n")  # as training reads it
        for name in dict.fromkeys(given.model or loader.names()):
            try:
                scores.append((name, loader.load(name).score(text)))
            except SimpleMLError as error:
                failed.append((name, error.message))
    except SimpleMLError as error:
        print(f"{prog}: {error.message}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{prog}: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{prog}: interrupted", file=sys.stderr)
        return 130
    scores.sort(key=lambda one: one[1].nats)
    if given.json:
        print(json.dumps(_facts(scores, failed)))
    else:
        width = max((len(name) for name, _ in scores), default=0)
        for name, score in scores:
            print(f"{name:{width}}  {score.bits:6.3f} bits per character{_unknown(score)}")
    for name, message in failed:
        print(f"{prog}: {name}: {message}", file=sys.stderr)
    if not scores and not failed:
        print(f"{prog}: there are no models in {given.models_dir}", file=sys.stderr)
    return 0 if scores else 1


def _unknown(score: Score) -> str:
    if not score.unknown:
        return ""
    shown = [
        f"{one.symbol!r} {one.count} times" + f" (read as {one.read_as!r})" * bool(one.read_as)
        for one in score.unknown[:_SHOWN_UNKNOWN]
    ]
    more = ["…"] if len(score.unknown) > _SHOWN_UNKNOWN else []
    return f"; unknown: {', '.join(shown + more)}"


def _facts(scores: list[tuple[str, Score]], failed: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "models": [
            {
                "model": name,
                "nats": round(score.nats, 4),
                "bits": round(score.bits, 4),
                "characters": score.characters,
                "unknown": sum(one.count for one in score.unknown),
            }
            for name, score in scores
        ]
        + [{"model": name, "error": message} for name, message in failed]
    }
