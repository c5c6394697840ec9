"""What the READMEs show is run: every block of code of README.md and README.fr.md.

A block's language says what is done with it:

    console   each "$ " line is run by bash against a real gunicorn with the models of ML/, whose
              port replaces 8280; what stands below it must be the answer
    python    is run by an interpreter of its own, against the same server
    sh        each command is held to what it names, by a rule of RULES
    text      drawings and trees; not run (tests/test_readme.py looks at the tree)

A command with a <placeholder> cannot be run. A block or a command that nothing here covers fails.
Blocks that both pages have are run once.

Answers are compared to the last character, since texts with a random_state are to be had again on
any machine. Two processors' float32 differ in a probability's last bits, by about a millionth: that
one of the thousand characters shown falls to the other side of a draw is as likely as 1 in 1,000.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import pytest
from readme import LANGUAGES, ROOT, Block, read
from servers import GunicornServer

from simpleml.commands.program import program
from simpleml.commands.train import parser
from simpleml.corpora import CATALOGUE
from simpleml.settings import Settings
from simpleml.training.options import TrainingOptions

HERE = "http://localhost:8280"
MODELS = ("contes", "shakespeare", "sherlock", "tetris")
KINDS = {"console", "python", "sh", "text"}
BLOCKS = {
    tuple(block.without_comments()): block
    for one in reversed(LANGUAGES)
    for block in read(one).blocks
}
GAMES = 20  # of Tetris, where a README makes thousands
CURLRC = "silent\nshow-error\nfail-with-body\nmax-time = 60\n"
TALE = "Once upon a time there was a sultan, and the sultan had a vizier.\n" * 200


def blocks(language: str) -> pytest.MarkDecorator:
    """A test for each different block of that language."""
    found = [block for block in BLOCKS.values() if block.language == language]
    return pytest.mark.parametrize("block", found, ids=lambda block: block.body.splitlines()[0])


@dataclass(frozen=True)
class Call:
    """A line after "$ ", and what the page shows below it."""

    command: str
    shown: str

    @property
    def missing(self) -> str:
        """What it asks for and is not here: a model not made yet, a text not fetched."""
        for name in MODELS:
            if re.search(rf"{HERE}/{name}\b", self.command):
                if not (ROOT / "ML" / name).exists():
                    return f"there is no ML/{name} yet"
                asks = "originality" in self.command or "max_copy" in self.command
                if asks and not (ROOT / "ML" / f"{name}.txt").exists():
                    return f"ML/{name}.txt is not here: python -m simpleml.corpora get {name}"
        return ""


def calls_of(block: Block) -> list[Call]:
    """The calls of a block of console; lines that begin with "# " explain."""
    found: list[list[str]] = []
    for line in block.body.splitlines():
        if line.startswith("$ "):
            found.append([line[2:]])
        elif not line.startswith("# "):
            assert found, f"an answer without a command: {line}"
            found[-1].append(line.rstrip())
    return [Call(command, "\n".join(lines)) for command, *lines in found]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the repository's, where what a README does leaves nothing behind in ML/."""
    folder = tmp_path_factory.mktemp("simpleml")
    (folder / "ML").mkdir()
    for one in (ROOT / "ML").iterdir():
        if one.name in MODELS:
            shutil.copytree(one, folder / "ML" / one.name)
        elif one.suffix == ".txt":
            shutil.copy(one, folder / "ML")
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (folder / "tales.txt").write_text(TALE, encoding="utf-8")
    (folder / ".curlrc").write_text(CURLRC, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def server(checkout: Path) -> Iterator[GunicornServer]:
    """Serves the checkout's models, and trains."""
    with GunicornServer(checkout / "ML", env={"SIMPLEML_TRAINING": "1"}) as running:
        yield running


def run(command: list[str], checkout: Path) -> str:
    """Run a command in the checkout; returns its output."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CURL_HOME": str(checkout),
    }
    done = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_block_says_by_its_language_what_is_done_with_it() -> None:
    assert {block.language for block in BLOCKS.values()} == KINDS
    for language in LANGUAGES:
        prose = read(language).prose
        assert "```" not in prose
        assert re.findall(r"^ {4}\S.*", prose, re.M) == []  # a block without a language


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@blocks("console")
def test_what_is_asked_is_answered_as_shown(
    block: Block, server: GunicornServer, checkout: Path
) -> None:
    missing = []
    calls = calls_of(block)
    assert calls
    for call in calls:
        assert call.command.startswith("curl "), "no rule covers this command"
        assert HERE in call.command
        if call.missing:
            missing.append(call.missing)
            continue
        command = call.command.replace(HERE, server.base_url)
        answer = run(["bash", "-o", "pipefail", "-c", command], checkout)
        assert answer.strip()
        if call.shown:
            again = "random_state" in call.command or "/v1/score" in call.command
            assert again, "another text each time"
            assert [line.rstrip() for line in answer.splitlines()] == call.shown.splitlines()
    if missing:
        pytest.skip("; ".join(dict.fromkeys(missing)))


@blocks("python")
def test_python_runs(block: Block, server: GunicornServer, checkout: Path) -> None:
    code = block.body.replace(HERE, server.base_url)
    assert len(run([sys.executable, "-c", code], checkout)) > 200


@blocks("sh")
def test_commands_name_what_there_is(block: Block, checkout: Path) -> None:
    joined = block.body.replace("\\\n", " ")
    commands = [re.sub(r"(^|\s+)# .*", "", line) for line in joined.splitlines()]
    for command in filter(None, commands):
        if re.search(r"<\S[^>]*>", command):
            continue
        rules = [rule for pattern, rule in RULES if re.fullmatch(pattern, command)]
        assert len(rules) == 1, f"no rule covers {command}"
        rules[0](command, checkout)


def holds_make(command: str, checkout: Path) -> None:
    """make has the target, and the server or gunicorn the settings before it."""
    *settings, make, target = command.split()
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert make == "make" and re.search(rf"^\.PHONY:.* {target}\b", makefile, re.M)
    values = dict(one.split("=", 1) for one in settings)
    known = {f"SIMPLEML_{field.name.upper()}" for field in fields(Settings)}
    assert set(values) <= known | {"HOST", "PORT", "WEB_CONCURRENCY"}
    Settings.read(values)


def holds_training(command: str, checkout: Path) -> None:
    """train.py reads the command, finds its values right and knows the corpus; trains nothing."""
    given = vars(parser().parse_args(shlex.split(command)[2:]))
    names = {field.name for field in fields(TrainingOptions)}
    TrainingOptions(**{name: given[name] for name in given if name in names}).checked()
    assert given["corpus"] in {None, *CATALOGUE}
    assert given["corpus"] or given["text"].name in {"tales.txt", "tetris.txt"}


def makes_games(command: str, checkout: Path) -> None:
    """The example writes games, fewer of them than the page says."""
    command = re.sub(r"--games \d+", f"--games {GAMES}", command)
    run(["bash", "-c", command], checkout)
    text = (checkout / "tetris.txt").read_text("utf-8")
    assert text.count("\n") == GAMES and set(text) == set("UDLR\n")


def holds_program(command: str, checkout: Path) -> None:
    """simpleml has the command, and the command the options."""
    name, *words = shlex.split(command)[1:]
    if name == "train":
        holds_training(f"python train.py {shlex.join(words)}", checkout)
    else:
        program.commands[name].make_context(name, words)


def holds_installing(command: str, checkout: Path) -> None:
    """tests/packaging installs it."""


RULES: list[tuple[str, Callable[[str, Path], None]]] = [
    (r"([A-Z_]+=\S+ )*make \w+", holds_make),
    (r"\.venv/bin/python train\.py .+", holds_training),
    (r"simpleml .+", holds_program),
    (r"pip install \.", holds_installing),
    (r"\.venv/bin/python examples/tetris\.py --games \d+ > tetris\.txt", makes_games),
]


@pytest.mark.parametrize("card", sorted((ROOT / "ML").glob("*/*.json")), ids=lambda card: card.stem)
def test_the_command_that_makes_a_model_anew_is_its_card_s(card: Path) -> None:
    wanted = json.loads(card.read_text("utf-8"))["training"]["command"]
    shown = [
        command.removesuffix(" --overwrite")
        for block in BLOCKS.values()
        for command in block.body.replace("\\\n", " ").splitlines()
        if command.endswith(" --overwrite")
    ]
    assert _trains(wanted) in [_trains(command) for command in shown]


def _trains(command: str) -> dict[str, object]:
    """What a command trains on and how; a text of a corpus is that corpus."""
    given = vars(parser().parse_args(shlex.split(command)[2:]))
    given["corpus"] = given["corpus"] or given["text"].stem
    entry = CATALOGUE.get(given["corpus"])
    if entry:
        given = {**entry.options, **given}
    return {**given, "text": None}
