"""`simpleml corpora`: list the catalogue, download a corpus."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from simpleml.corpora import BASE_URL, CATALOGUE, find, get
from simpleml.errors import CorpusError


def progress_line(name: str, done: int, size: int) -> None:
    """Show a download on a terminal; silent elsewhere."""
    if not sys.stderr.isatty():
        return
    share = f"{100 * done // size:3d} % of {size / 1e6:.1f} MB" if size else f"{done / 1e6:.1f} MB"
    end = "\n" if size and done >= size else ""
    sys.stderr.write(f"\r{name}: {share}{end}")
    sys.stderr.flush()


def parser(prog: str = "python -m simpleml.corpora") -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog=prog, description="Public-domain texts to train on.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="what there is")
    getting = commands.add_parser("get", help="download one into ML/NAME.txt")
    getting.add_argument("name")
    getting.add_argument("--folder", type=Path, default=Path("ML"), help="default ML")
    getting.add_argument("--base-url", default=BASE_URL, help="a mirror of the repositories")
    return parser


def main(arguments: Sequence[str] | None = None, prog: str = "python -m simpleml.corpora") -> int:
    """Run; returns the exit status: 0 done, 1 could not, 130 stopped by Ctrl-C."""
    given = parser(prog).parse_args(arguments)
    if given.command == "list":
        for entry in CATALOGUE.values():
            print(
                f"{entry.name:12} {entry.characters:>9,} characters, {entry.language}, "
                f"{entry.licence}: {entry.title} ({entry.source})"
            )
        return 0
    try:
        path = get(find(given.name), given.folder, base_url=given.base_url, report=progress_line)
    except CorpusError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr)
        return 130
    print(path)
    return 0
