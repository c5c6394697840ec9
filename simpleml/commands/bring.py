"""`simpleml import FILE.zip`: put a model that was taken away into the models folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from simpleml.errors import ModelExistsError, SimpleMLError
from simpleml.exporting.incoming import MOST_BYTES, bring_in


def parser(prog: str = "simpleml import") -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=prog, description="Put a model that `simpleml export --zip` made into a models folder."
    )
    parser.add_argument("file", type=Path, metavar="FILE.zip")
    parser.add_argument("--name", default="", help="that it gets (default: its own)")
    parser.add_argument("--overwrite", action="store_true", help="replace a model of that name")
    parser.add_argument("--models-dir", type=Path, default=Path("ML"), help="default ML")
    parser.add_argument(
        "--most-bytes", type=int, default=MOST_BYTES, help=f"unpacked (default {MOST_BYTES:,})"
    )
    return parser


def main(arguments: Sequence[str] | None = None, prog: str = "simpleml import") -> int:
    """Run; returns the exit status: 0 done, 1 could not, 130 stopped by Ctrl-C."""
    given = parser(prog).parse_args(arguments)
    try:
        with given.file.open("rb") as file:
            artifact = bring_in(
                given.models_dir,
                file,
                given.name,
                most_bytes=given.most_bytes,
                overwrite=given.overwrite,
            )
    except ModelExistsError as error:
        print(f"{prog}: {error.message} --overwrite replaces it.", file=sys.stderr)
        return 1
    except SimpleMLError as error:
        print(f"{prog}: {error.message}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{prog}: {given.file} cannot be read: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{prog}: interrupted; nothing was written", file=sys.stderr)
        return 130
    card = artifact.card
    print(
        f"{given.models_dir / artifact.name}: {card.layers}x{card.units}, "
        f"{card.vocabulary_size} symbols"
    )
    return 0
