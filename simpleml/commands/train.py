"""`simpleml train TEXT` and `python train.py TEXT`: train a network on a text.

``--corpus sherlock`` instead of a file fetches one of the catalogue's texts first.

It leaves ML/NAME/ with a TFLearn checkpoint, the vocabulary and a card. ``--help`` lists what can
be set; ``--check`` says in seconds how long it would take and whether the text is enough.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import sys
import traceback
from typing import Any

from simpleml import corpora
from simpleml.commands.corpora import progress_line
from simpleml.commands.train_options import parser
from simpleml.errors import BackendError, SimpleMLError
from simpleml.training.options import TrainingOptions

UNEXPECTED = os.EX_SOFTWARE


def main(arguments: list[str] | None = None, prog: str = "train.py") -> int:
    """Run; returns the exit status: 0 done, 1 could not, 130 or 143 stopped by a signal.

    Wrong usage ends with 2, and with --json what neither text nor options are to blame for with 70.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    command_line = parser(prog)
    chosen = vars(command_line.parse_args(arguments))
    if (chosen["text"] is None) == (chosen["corpus"] is None):
        command_line.error("give a text to learn from, or --corpus NAME: one of the two")
    fields = {field.name for field in dataclasses.fields(TrainingOptions)}
    given = {name: value for name, value in chosen.items() if name in fields}
    usual: dict[str, Any] = {}
    try:
        TrainingOptions(**given).checked()
        if chosen["corpus"] is not None:
            usual = _fetch(chosen)
        name = chosen["name"] or chosen["corpus"] or chosen["text"].stem
        options = TrainingOptions(**{**usual, **given}).checked()
        if chosen["check"]:
            print(_checked(chosen, name, options, given))
            return 0
        return _train(chosen, name, options, given, prog)
    except SimpleMLError as error:
        print(f"{prog}: {error.message}", file=sys.stderr)
        if chosen["json"]:
            told = {
                "code": error.code, "message": error.message, "reason": error.reason,
                "params": error.params,
            }  # fmt: skip
            print(json.dumps({"error": told}))
        return UNEXPECTED if chosen["json"] and isinstance(error, BackendError) else 1
    except KeyboardInterrupt:
        print(f"\n{prog}: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    except Exception as error:
        if not chosen["json"]:
            raise
        traceback.print_exc()
        message = f"{type(error).__name__}: {error}"
        print(json.dumps({"error": {"code": "unexpected", "message": message}}))
        return UNEXPECTED


def _checked(
    chosen: dict[str, Any], name: str, options: TrainingOptions, given: dict[str, Any]
) -> str:
    """What --check says."""
    from simpleml.training.check.report import check_facts, check_text

    how = {
        "encoding": chosen["encoding"], "models_dir": chosen["models_dir"],
        "name": name, "given": given,
    }  # fmt: skip
    if chosen["json"]:
        return json.dumps(check_facts(chosen["text"], options, **how))
    return check_text(chosen["text"], options, **how)


def _fetch(chosen: dict[str, Any]) -> dict[str, Any]:
    """Put the corpus beside the models and what the catalogue says of it into `chosen`.

    Returns:
        The options that are usual for this corpus.
    """
    entry = corpora.find(chosen["corpus"])
    chosen["text"] = corpora.get(
        entry, chosen["models_dir"], base_url=chosen["base_url"], report=progress_line
    )
    chosen["encoding"] = "utf-8"
    chosen["source"] = chosen["source"] or f"{entry.title}: {entry.source}"
    chosen["licence"] = entry.licence
    chosen["about"] = {"language": entry.language, "base": entry.base}
    return dict(entry.options)


def _train(
    chosen: dict[str, Any],
    name: str,
    options: TrainingOptions,
    given: dict[str, Any],
    prog: str,
) -> int:
    from simpleml.training.trainer import InterruptedTrainingError, Trainer

    trainer = Trainer(
        chosen["text"],
        name,
        models_dir=chosen["models_dir"],
        options=options,
        given=given,
        resume=chosen["resume"] or chosen["export_only"],
        overwrite=chosen["overwrite"],
        encoding=chosen["encoding"],
        source=chosen["source"],
        licence=chosen.get("licence"),
        about=chosen.get("about"),
        tensorboard=chosen["tensorboard"],
        status=chosen["status"],
        command=_command(chosen, name, given, prog),
    )
    if chosen["export_only"]:
        print(f"wrote {trainer.export_only()}")
        return 0
    try:
        trainer.run()
    except InterruptedTrainingError as stop:
        print(f"{prog}: {stop.message}", file=sys.stderr)
        return 128 + stop.signal
    return 0


def _command(chosen: dict[str, Any], name: str, given: dict[str, Any], prog: str) -> str:
    """The command for the model's card: without folders, which say nothing to others."""
    text = ["--corpus", chosen["corpus"]] if chosen["corpus"] else [chosen["text"].name]
    program = ["simpleml", "train"] if prog.startswith("simpleml ") else ["python", prog]
    words = [*program, *text, "--name", name]
    for option, value in given.items():
        flag = f"--{option.replace('_', '-')}"
        words += [flag] if value is True else [flag, str(value)]
    return shlex.join(words)
