"""The Tetris corpus is playable, its referee is fair, and a network learns to play from keys."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from simpleml import ModelLoader

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "tetris.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tetris", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tetris"] = module
    spec.loader.exec_module(module)
    return module


tetris = load()


def test_corpus_holds_only_keys_and_every_key_does_something() -> None:
    games = list(tetris.corpus(20, seed=3))
    assert set("".join(games)) == set("UDLR")
    assert len(set(games)) == 20
    score = tetris.score(tetris.replay("\n".join(games) + "\n"))
    assert score.legal == 1.0
    assert score.pieces > 45
    assert score.lines > 15


def test_the_same_seed_writes_the_same_corpus() -> None:
    assert list(tetris.corpus(3, seed=5)) == list(tetris.corpus(3, seed=5))
    assert list(tetris.corpus(3, seed=5)) != list(tetris.corpus(3, seed=6))


def test_a_player_without_a_plan_is_far_from_the_bot() -> None:
    score = tetris.random_score(30)
    assert score.legal == 1.0
    assert score.pieces < 20
    assert score.lines < 1


def test_a_key_into_a_wall_is_illegal_and_without_effect() -> None:
    game = tetris.Game()  # the piece I, four wide, stands in the middle of eight columns
    assert [game.press(key) for key in "LLL"] == [True, True, False]
    game.press("D")
    assert game.board[-1] == 0b00001111
    assert (game.legal, game.illegal) == (3, 1)


def test_a_turned_piece_stands_upright() -> None:
    game = tetris.Game()
    assert game.press("U")
    game.press("D")
    assert sum(bin(row).count("1") for row in game.board) == 4
    assert all(row for row in game.board[-4:])


def test_a_full_row_is_cleared_and_the_rest_falls() -> None:
    i_flat = tetris.PIECES["I"][0]
    board, cleared = tetris.drop(tetris.EMPTY, i_flat, 0)
    board, cleared = tetris.drop(board, tetris.PIECES["O"][0], 4)
    assert cleared == 0
    board, cleared = tetris.drop(board, tetris.PIECES["O"][0], 6)
    assert cleared == 1
    assert board == (0,) * (tetris.HEIGHT - 1) + (0b11110000,)


def test_a_tower_to_the_top_ends_the_game() -> None:
    game = tetris.Game()
    while not game.over:
        game.press("D")
    assert game.pieces < 20
    assert not game.press("D")


def test_what_follows_the_end_of_a_game_is_passed_over() -> None:
    (game,) = tetris.replay("D" * 200 + "\n")
    assert game.illegal == 0
    assert game.over


def test_a_game_that_was_cut_off_is_not_scored_unless_it_is_all_there_is() -> None:
    whole = next(tetris.corpus(1, seed=0))
    assert len(tetris.replay(whole + "\n" + whole[:40])) == 1
    assert len(tetris.replay(whole[:40])) == 1
    assert tetris.replay("\n\n") == []


def test_commands_write_and_referee_a_corpus() -> None:
    def run(*arguments: str, said: str = "") -> str:
        command = [sys.executable, str(SCRIPT), *arguments]
        done = subprocess.run(command, input=said, capture_output=True, text=True, check=True)
        return done.stdout

    games = run("--games", "3", "--seed", "1")
    assert len(games.splitlines()) == 3
    verdict = run("--check", "-", said=games)
    assert verdict.startswith("this text: 3 games")
    assert "100.0% legal" in verdict.splitlines()[0]
    assert "no game in it" in run("--check", "-", said="\n")


def test_a_network_that_saw_only_keys_outlives_a_player_without_a_plan(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    corpus = tmp_path / "tetris.txt"
    corpus.write_text("\n".join(tetris.corpus(700, seed=0)) + "\n")
    network = ["--layers", "1", "--units", "64", "--steps", "32", "--batch-size", "32"]
    run = ["--epochs", "6", "--learning-rate", "0.006", "--dropout", "0", "--weight-drop", "0"]
    run += ["--precision", "float32"]  # the same on every processor
    place = ["--name", "tetris", "--models-dir", tmp_path / "ML", "--sample-every", "0"]
    subprocess.run(
        [sys.executable, ROOT / "train.py", corpus, *network, *run, *place],
        capture_output=True,
        check=True,
    )
    model = ModelLoader(tmp_path / "ML").load("tetris")
    written = [
        model.generate(260, temperature=0.3, seq_seed="\n", random_state=number)[1:]
        for number in range(10)
    ]
    games = [tetris.replay(text.split("\n")[0])[0] for text in written]
    learned, nobody = tetris.score(games), tetris.random_score(100)
    assert learned.legal > 0.9
    assert learned.pieces > 1.3 * nobody.pieces
    assert learned.lines > nobody.lines + 1


def test_a_random_player_never_presses_an_illegal_key() -> None:
    keys, game = tetris.play(tetris.random_player, random.Random(4))
    assert game.illegal == 0
    assert keys.count("D") == game.pieces
