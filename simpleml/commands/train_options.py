"""The options of `simpleml train`: one function a group, in the order of ``--help``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from simpleml import corpora
from simpleml.training.options import LEVELS, PRECISIONS, RECIPES, TrainingOptions

DEFAULTS = TrainingOptions()
TRAINS = (
    "Train an LSTM network on a text and write ML/NAME/, which the server serves at once "
    "and TFLearn loads. Options left out are chosen for the text."
)
CHECKS = (
    "Look at a text, measure this machine for a few seconds, and say whether the text is enough, "
    "how long it takes and how big the network should be; train nothing. The options are those "
    "of `simpleml train`."
)


def parser(prog: str = "train.py") -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=prog,
        usage=f"{prog} TEXT [--name NAME] [OPTION …]",
        description=CHECKS if prog.endswith(" check") else TRAINS,
        epilog=(
            "KERAS_BACKEND=tensorflow (default) or torch chooses what it runs on. Ctrl-C "
            "stops it safely; the same command with --resume goes on."
        ),
    )
    for add in (_sources, _instead, _network, _text, _run, _updates, _shown):
        add(parser)
    return parser


def _sources(parser: argparse.ArgumentParser) -> None:
    """What is read, and where the model goes."""
    parser.add_argument("text", type=Path, nargs="?", help="the text to learn from (a file)")
    parser.add_argument(
        "--corpus",
        metavar="NAME",
        help=f"instead of a file: {', '.join(corpora.CATALOGUE)}; fetched into ML/NAME.txt if it "
        "is not there (python -m simpleml.corpora list)",
    )
    parser.add_argument(
        "--base-url",
        default=corpora.BASE_URL,
        help="with --corpus: a mirror of the repositories that the texts come from",
    )
    parser.add_argument("--name", help="name of the model, as in /NAME; default: the text's name")
    parser.add_argument(
        "--models-dir", type=Path, default=Path("ML"), help="folder of the models (default ML)"
    )
    parser.add_argument(
        "--encoding",
        help="the file is plain text in this encoding, tags and all; by default its content says "
        "what it is: text, .docx, .odt, .epub, .pdf, .html or .srt",
    )
    parser.add_argument("--source", help="where the text comes from, for the model's card")


def _instead(parser: argparse.ArgumentParser) -> None:
    """What to do instead of training anew."""
    what = parser.add_argument_group("what to do instead of training anew")
    what.add_argument(
        "--check",
        action="store_true",
        help="look at the text, measure this machine for a few seconds, advise; train nothing",
    )
    what.add_argument(
        "--json",
        action="store_true",
        help='with --check: the answer as JSON, for programs; {"error": …} with status 1 where the '
        "text or an option is at fault, 70 where this program or its surroundings are",
    )
    what.add_argument(
        "--resume",
        action="store_true",
        help="go on from the last saved point; the options are those of the run's beginning",
    )
    what.add_argument(
        "--overwrite",
        action="store_true",
        help="replace an existing model of that name (it stands until the first judgement)",
    )
    what.add_argument(
        "--export-only",
        action="store_true",
        help="write the model from the last saved point as it is, training nothing",
    )


def _network(parser: argparse.ArgumentParser) -> None:
    """The network, and what it begins from."""
    size = parser.add_argument_group("the network")
    size.add_argument(
        "--begin-from",
        "--from",
        dest="begin_from",
        metavar="auto|nothing|MODEL",
        default=argparse.SUPPRESS,
        help="what it begins from: auto, the model marked as a base that predicts the text better "
        "than counting does, else nothing; nothing; or a model's name or folder (default auto)",
    )
    _option(
        size,
        "--base-share",
        float,
        "share of the base's weights in what is kept; by default from the text's size",
    )
    _option(size, "--layers", int, "LSTM layers")
    _option(size, "--units", int, "units of each layer")
    _option(size, "--seq-maxlen", int, "symbols that window mode looks back, as in TFLearn")


def _text(parser: argparse.ArgumentParser) -> None:
    """How the text is cut into symbols and parts."""
    text = parser.add_argument_group("the text")
    _option(text, "--level", str, "symbols: characters, or words", choices=LEVELS)
    _option(text, "--max-words", int, "words kept with --level word; rarer ones become unknown")
    text.add_argument(
        "--lower",
        action="store_true",
        default=argparse.SUPPRESS,
        help="put the text in lower case: fewer symbols, for short texts",
    )
    _option(
        text,
        "--validation",
        str,
        "what is held out: the end, or blocks spread over a text of several parts",
        choices=("tail", "spread"),
    )
    _option(text, "--validation-fraction", float, "share of the text that is held out")


def _run(parser: argparse.ArgumentParser) -> None:
    """How long it runs."""
    run = parser.add_argument_group("the run")
    _option(
        run,
        "--recipe",
        str,
        "stateful: every symbol is a target, state carried on; windows: TFLearn's own recipe",
        choices=RECIPES,
    )
    _option(run, "--epochs", int, "passes over the text; by default from its size")
    _option(
        run,
        "--max-minutes",
        float,
        "minutes the whole run may take; the learning rate's decay is made to fit",
    )
    _option(
        run,
        "--patience",
        int,
        "epochs without improvement, in the run's second half, before it stops",
    )


def _updates(parser: argparse.ArgumentParser) -> None:
    """How each update is made."""
    run = parser.add_argument_group("its updates")
    _option(run, "--batch-size", int, "rows of a batch; by default from the text's size")
    _option(run, "--steps", int, "time steps of a chunk (stateful recipe)")
    _option(run, "--redun-step", int, "symbols between two windows (windows recipe)")
    _option(run, "--learning-rate", float, "its peak; 0.002, with the windows recipe 0.001")
    _option(run, "--dropout", float, "share of outputs dropped; 0.35, windows recipe 0.5")
    _option(run, "--weight-drop", float, "share of recurrent weights dropped; 0.1, windows 0")
    _option(
        run,
        "--weight-decay",
        float,
        "AdamW's, on the matrices; 0.03, from a base and windows 0",
    )
    _option(run, "--reset", float, "share of rows that begin a chunk from the zero state")
    _option(run, "--precision", str, "auto: bfloat16 where it is faster", choices=PRECISIONS)
    _option(run, "--random-state", int, "the same number gives the same run on the same machine")


def _shown(parser: argparse.ArgumentParser) -> None:
    """What it shows meanwhile."""
    show = parser.add_argument_group("what it shows")
    _option(
        show,
        "--judge-every",
        int,
        "characters between two judgements on text set aside, each of which writes the model if it "
        "is the best so far; by default once an epoch and at least every 5 million, as long as "
        "that takes no more than about a twentieth of the time",
    )
    _option(show, "--sample-every", int, "epochs between samples of the network's writing; 0: none")
    _option(show, "--sample-seed", str, "what a sample goes on from; by default held-out text")
    show.add_argument("--tensorboard", type=Path, metavar="DIR", help="write TensorBoard's files")
    show.add_argument(
        "--status",
        type=Path,
        metavar="FILE",
        help="keep in FILE, as JSON, how far it is: for programs that watch",
    )


def _option(group: Any, flag: str, kind: type, help_text: str, **more: Any) -> None:
    """An option of TrainingOptions; left out of the result when it is not given."""
    default = getattr(DEFAULTS, flag[2:].replace("-", "_"))
    if default is not None:
        help_text += f" (default {default})"
    group.add_argument(flag, type=kind, default=argparse.SUPPRESS, help=help_text, **more)
