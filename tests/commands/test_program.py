"""The command `simpleml`: what it says, what bad input ends with, what a shell completes."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from models import write_model

from simpleml.commands import copying, corpora, train
from simpleml.commands.program import main, program
from simpleml.version import __version__

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("check", "class", "copying", "corpora", "export", "import", "score", "serve", "train")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the models is this test's."""
    monkeypatch.chdir(tmp_path)


def test_help_names_every_command_and_what_a_status_means(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert set(program.commands) == set(COMMANDS)
    for command in program.commands.values():
        assert command.short_help in said
    assert "  130  stopped by Ctrl-C" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_is_about_it(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        assert main([command, "--help"]) == 0
    except SystemExit as ended:
        assert not ended.code
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.lower().startswith(f"usage: simpleml {command} ")
    assert max(map(len, rest)) <= 200


def test_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"simpleml {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["chekc"], 2, "No such command 'chekc'. Did you mean 'check'?"),
        (["serve", "nowhere"], 2, "Directory 'nowhere' does not exist."),
        (["serve", "--port", "70000"], 2, "70000 is not in the range 0<=x<=65535."),
        (["serve"], 1, "The models folder ML does not exist: name another, or make it."),
        (["serve", "--workers", "0"], 2, "0 is not in the range 1<=x<=256."),
        (["serve", "--colour", "red"], 2, "No such option '--colour'"),
        (["serve", "--precision", "int4"], 1, "it must be one of float32, int8"),
        (["serve", "--max-rows", "many"], 1, "it must be a whole number"),
        (["train", "nowhere.txt"], 1, "simpleml train: "),
        (["train", "nowhere.txt", "--layers", "99"], 1, "layers 99"),
        (["train"], 2, "give a text to learn from"),
        (["train", "a.txt", "--epochs", "few"], 2, "invalid int value: 'few'"),
        (["check", "nowhere.txt"], 1, "simpleml check: "),
        (["corpora", "get", "moby"], 1, "unknown corpus 'moby'"),
        (["corpora"], 2, "required: command"),
        (["copying", "nobody"], 1, "nobody"),
        (["copying"], 2, "required: model"),
        (["export", "nobody", "--zip"], 1, "There is no model 'nobody'."),
        (["export", "tales"], 2, "one of the arguments --zip"),
        (["import", "nowhere.zip"], 1, "nowhere.zip cannot be read: No such file"),
        (["import"], 2, "required: FILE.zip"),
    ],
)
def test_bad_input_is_one_sentence_and_a_status(
    arguments: list[str], status: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        ended = main(arguments)
    except SystemExit as stop:
        ended = stop.code  # type: ignore[assignment]
    assert ended == status
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.out == ""
    assert "Traceback" not in said.err


@pytest.mark.parametrize("module", [train, corpora, copying])
def test_ctrl_c_ends_cleanly(
    module: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    arguments = {
        train: ["train", "a.txt"],
        corpora: ["corpora", "get", "sherlock"],
        copying: ["copying", "tales"],
    }[module]  # type: ignore[index]
    for name in ("_train", "get", "ModelLoader"):
        monkeypatch.setattr(module, name, interrupt, raising=False)
    assert main(arguments) == 130
    assert "interrupted" in capsys.readouterr().err


def test_the_command_on_a_card_is_the_one_that_was_given() -> None:
    chosen = {"corpus": None, "text": Path("books/tales.txt")}
    given = {"layers": 2, "lower": True}
    said = train._command(chosen, "tales", given, "simpleml train")
    assert said == "simpleml train tales.txt --name tales --layers 2 --lower"
    said = train._command(chosen, "tales", {}, "train.py")
    assert said == "python train.py tales.txt --name tales"


def test_copying_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    write_model(Path("ML"), "tales")
    Path("corpus.txt").write_text("once upon a time there was a sultan\n" * 9)
    Path("mine.txt").write_text("he said: once upon a time there was none")
    assert main(["copying", "tales", "--corpus", "corpus.txt", "--text", "mine.txt"]) == 0
    assert "copied; longest passage 27 characters" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("simpleml c", {"check", "class", "corpora", "copying"}),
        ("simpleml train --la", {"--layers"}),
        ("simpleml check --val", {"--validation", "--validation-fraction"}),
        ("simpleml serve --max-b", {"--max-body"}),
        ("simpleml copying --max", {"--max-copy"}),
    ],
)
def test_a_shell_completes_commands_and_options(typed: str, offered: set[str]) -> None:
    code = "import sys; from simpleml.commands.program import main; sys.exit(main())"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "_SIMPLEML_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == offered


def test_the_command_is_what_the_package_installs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    name, _, function = project["scripts"]["simpleml"].partition(":")
    assert importlib.import_module(name).__dict__[function] is main


@pytest.mark.parametrize("command", [["-m", "simpleml"], ["-m", "simpleml.corpora", "list"]])
def test_modules_are_commands_too(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "sherlock" in done.stdout or "Usage: simpleml" in done.stdout + done.stderr


def test_score_ranks_the_models_and_tells_what_they_do_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_model(tmp_path / "ML", "tales")
    write_model(tmp_path / "ML", "flow", stateful=True)
    (write_model(tmp_path / "ML", "torn") / "torn.tfl.index").write_bytes(b"")
    text = tmp_path / "text.txt"
    text.write_text("le sultan É\r\ndit ☃", encoding="utf-8")
    assert main(["score", str(text)]) == 0
    said = capsys.readouterr()
    first, second = (float(line.split()[1]) for line in said.out.splitlines())
    assert first <= second
    assert "bits per character; unknown: 'É' 1 times (read as 'é'), '☃' 1 times" in said.out
    assert said.err.startswith("simpleml score: torn: ") and "torn.tfl.index" in said.err

    assert main(["score", str(text), "--model", "flow", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["models"]
    assert (row["model"], row["unknown"], row["characters"]) == ("flow", 2, 16)
    assert main(["score", str(text), "--model", "torn", "--model", "nobody"]) == 1
    assert main(["score", str(tmp_path / "nothing.txt")]) == 1
    said = capsys.readouterr()
    assert "There is no model 'nobody'" in said.err and "nothing.txt" in said.err
