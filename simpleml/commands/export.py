"""`simpleml export MODEL --zip [FILE]`: take a model away as one file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from simpleml.errors import SimpleMLError
from simpleml.exporting.archive import ZIP
from simpleml.exporting.export import export
from simpleml.exporting.page import PAGE
from simpleml.exporting.step_graph import ONNX
from simpleml.files import writing
from simpleml.loader import ModelLoader

FORMS = {
    "zip": (ZIP, "its files and a README: for SimpleML and TFLearn"),
    "html": (PAGE, "a page that writes without a server or a network"),
    "onnx": (ONNX, "one step of its network, for any program: docs/models.md"),
}


def parser(prog: str = "simpleml export") -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog=prog, description="Take a model away as one file.")
    parser.add_argument("model")
    forms = parser.add_mutually_exclusive_group(required=True)
    for option, (form, help) in FORMS.items():
        forms.add_argument(
            f"--{option}", nargs="?", type=Path, const=Path(), metavar="FILE",
            help=f"{help} (default MODEL.{form.suffix})",
        )  # fmt: skip
    parser.add_argument("--models-dir", type=Path, default=Path("ML"), help="default ML")
    return parser


def main(arguments: Sequence[str] | None = None, prog: str = "simpleml export") -> int:
    """Run; returns the exit status: 0 done, 1 could not, 130 stopped by Ctrl-C."""
    given = parser(prog).parse_args(arguments)
    option = next(one for one in FORMS if getattr(given, one) is not None)
    form, path = FORMS[option][0], getattr(given, option)
    if path == Path():
        path = Path(f"{given.model}.{form.suffix}")
    try:
        loader = ModelLoader(given.models_dir)
        loader.card(given.model)  # before a file is begun
        with writing(path) as file:
            export(loader, given.model, form, file)
    except SimpleMLError as error:
        print(f"{prog}: {error.message}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{prog}: {path} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{prog}: interrupted; nothing was written", file=sys.stderr)
        return 130
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0
