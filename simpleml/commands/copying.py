"""`simpleml copying MODEL` and `python -m simpleml.originality MODEL`: does a model copy?

Its own text and that of the model it began from are counted apart.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from simpleml.copying.index import PASSAGE, Originality, OriginalityIndex
from simpleml.copying.several import CorpusIndex
from simpleml.errors import CorpusUnavailableError, InvalidValueError, SimpleMLError
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.loader import ModelLoader, bases_of
from simpleml.models.card import Card

_REPORT_TEMPERATURES = (0.2, 0.5, 0.8)
_REPORT_CHARACTERS = 20_000


def report(text: str, found: Originality) -> str:
    """One line: the share that is copied, and the longest passage."""
    line = f"{100 * found.copied_share:.1f} % of {found.characters:,} characters copied"
    if found.longest is None:
        return f"{line}; no passage of {PASSAGE} or more"
    one = found.longest
    shown = text[one.start : one.start + min(one.length, 60)]
    more = "…" if one.length > 60 else ""
    return (
        f"{line}; longest passage {one.length} characters, at character {one.corpus_start:,} of "
        f"the corpus: {shown + more!r}"
    )


def _index_of(loader: ModelLoader, generator: SequenceGenerator, path: Path | None) -> CorpusIndex:
    """Of the text beside the model, or of the file that is named: it must be the same text."""
    if path is None:
        return loader.corpus_index(generator)
    return _index_of_file(path, generator.card)


def _index_of_file(path: Path, card: Card) -> OriginalityIndex:
    return OriginalityIndex.load(
        path,
        card.corpus.get("sha256"),
        encoding=card.corpus.get("encoding") or "utf-8",
        lower=card.lower,
    )


def _base_of(
    loader: ModelLoader, generator: SequenceGenerator, path: Path | None
) -> tuple[str, CorpusIndex] | None:
    """Name and index of what the model began from; says why where there is no text of it.

    Raises:
        CorpusUnavailableError: the file that was named is not that text.
        InvalidValueError: a file was named and the model began from nothing.
    """
    bases = bases_of(generator)
    name = "+".join(bases)
    if path is not None:
        if len(bases) != 1:
            raise InvalidValueError(f"--base-corpus: {generator.name} did not begin from one model")
        return name, _index_of_file(path, bases[name])
    try:
        index = loader.base_index(generator)
    except CorpusUnavailableError as error:
        print(f"of what its base {name} has read nothing can be said: {error.message}")
        return None
    return None if index is None else (name, index)


def _report_base(text: str, base: tuple[str, CorpusIndex] | None) -> None:
    if base is not None:
        name, index = base
        print(f"  from what {name} has read: {report(text, index.examine(text))}", flush=True)


def parser(prog: str = "python -m simpleml.originality") -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="How much of what a model writes stands verbatim in its training text, and how "
        "much in what its base has read.",
    )
    parser.add_argument("model")
    parser.add_argument("--models-dir", type=Path, default=Path("ML"), help="default ML")
    parser.add_argument("--corpus", type=Path, help="the training text (default ML/<corpus>.txt)")
    parser.add_argument(
        "--base-corpus",
        type=Path,
        help="what its base has read (default ML/<that corpus>.txt, left out if it is not there)",
    )
    parser.add_argument("--text", type=Path, help="examine this file instead of generating")
    parser.add_argument(
        "--size", type=int, default=_REPORT_CHARACTERS, help=f"default {_REPORT_CHARACTERS}"
    )
    parser.add_argument("--random-state", type=int, default=0, help="default 0")
    parser.add_argument(
        "--max-copy", type=int, help=f"generate no longer copied runs than this ({PASSAGE} or more)"
    )
    return parser


def main(
    arguments: Sequence[str] | None = None, prog: str = "python -m simpleml.originality"
) -> int:
    """Run; returns the exit status: 0 done, 1 could not, 130 stopped by Ctrl-C."""
    given = parser(prog).parse_args(arguments)
    try:
        loader = ModelLoader(given.models_dir)
        generator = loader.load(given.model)
        index = _index_of(loader, generator, given.corpus)
        base = _base_of(loader, generator, given.base_corpus)
        if given.text is not None:
            text = given.text.read_text(encoding="utf-8")
            print(report(text, index.examine(text)))
            _report_base(text, base)
            return 0
        for temperature in _REPORT_TEMPERATURES:
            text = generator.generate(
                given.size, temperature, random_state=given.random_state, max_copy=given.max_copy
            )
            print(f"temperature {temperature}: {report(text, index.examine(text))}", flush=True)
            _report_base(text, base)
    except SimpleMLError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    return 0
