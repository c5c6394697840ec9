#!/usr/bin/env python3
"""Tetris as a text: a bot plays, its moves are written down, a network learns them.

    python examples/tetris.py --games 3000 > tetris.txt    # a corpus
    python train.py tetris.txt --name tetris ...           # see examples/README.md
    python examples/tetris.py --check generated.txt        # replay what a network wrote

One game a line, one letter a key: U turns the piece, L and R move it by a column, D drops it.
The pieces come in a fixed order, so the keys alone say everything: which piece is falling is the
number of D so far, and the board is what they made of it. A network that sees nothing but keys has
to keep both in mind. Standard library only.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

WIDTH, HEIGHT = 8, 14
PIECES_PER_GAME = 50
KEYS = "UDLR"
SHAPES = {
    "I": ["####"],
    "O": ["##", "##"],
    "T": ["###", ".#."],
    "S": [".##", "##."],
    "Z": ["##.", ".##"],
    "J": ["###", "..#"],
    "L": ["###", "#.."],
}

Board = tuple[int, ...]
"""Rows from the top, each a number whose bit x says whether column x is filled."""
EMPTY: Board = (0,) * HEIGHT
FULL_ROW = (1 << WIDTH) - 1


@dataclass(frozen=True)
class Shape:
    """One orientation of a piece; bit 0 of a row is its left column."""

    rows: tuple[int, ...]
    width: int


def _orientations(drawing: list[str]) -> tuple[Shape, ...]:
    """A piece and its turns, each a quarter clockwise from the one before."""
    found = []
    for _ in range(4):
        rows = tuple(sum(1 << x for x, cell in enumerate(row) if cell == "#") for row in drawing)
        if (shape := Shape(rows, len(drawing[0]))) not in found:
            found.append(shape)
        drawing = ["".join(column) for column in zip(*drawing[::-1], strict=True)]
    return tuple(found)


PIECES = {name: _orientations(drawing) for name, drawing in SHAPES.items()}
ORDER = "".join(SHAPES)  # the fixed order, again and again


def piece(number: int) -> tuple[Shape, ...]:
    """Orientations of the piece that falls after ``number`` others."""
    return PIECES[ORDER[number % len(ORDER)]]


def spawn_column(shape: Shape) -> int:
    """Where a piece appears: in the middle."""
    return (WIDTH - shape.width) // 2


def fits(board: Board, shape: Shape, x: int, y: int) -> bool:
    """Whether a piece can be at column x, row y."""
    if x < 0 or x + shape.width > WIDTH or y + len(shape.rows) > HEIGHT:
        return False
    return all(not board[y + i] & row << x for i, row in enumerate(shape.rows))


def drop(board: Board, shape: Shape, x: int) -> tuple[Board, int]:
    """The board after a piece fell from the top in that column, and the lines it cleared."""
    y = 0
    while fits(board, shape, x, y + 1):
        y += 1
    rows = list(board)
    for i, row in enumerate(shape.rows):
        rows[y + i] |= row << x
    left = [row for row in rows if row != FULL_ROW]
    cleared = HEIGHT - len(left)
    return (0,) * cleared + tuple(left), cleared


class Game:
    """A game of keys; a key that does nothing (into a wall, a piece that cannot turn) is counted
    as illegal and has no effect."""

    def __init__(self) -> None:
        self.board = EMPTY
        self.pieces = self.lines = self.legal = self.illegal = 0
        self.over = False
        self._appear()

    def _appear(self) -> None:
        self._turn = 0
        self._x = spawn_column(self.shape)
        self.over = not fits(self.board, self.shape, self._x, 0)

    @property
    def shape(self) -> Shape:
        turns = piece(self.pieces)
        return turns[self._turn % len(turns)]

    def press(self, key: str) -> bool:
        """Press a key; whether it did something."""
        done = not self.over and key in KEYS and self._press(key)
        self.legal += done
        self.illegal += not done
        return done

    def _press(self, key: str) -> bool:
        if key == "D":
            self.board, cleared = drop(self.board, self.shape, self._x)
            self.lines += cleared
            self.pieces += 1
            self._appear()
            return True
        turn, x = self._turn, self._x
        self._turn += key == "U"
        self._x += (key == "R") - (key == "L")
        if fits(self.board, self.shape, self._x, 0):
            return True
        self._turn, self._x = turn, x
        return False

    def __str__(self) -> str:
        return "\n".join(
            "|" + "".join("#" if row >> x & 1 else "." for x in range(WIDTH)) + "|"
            for row in self.board
        )


@lru_cache(maxsize=1_000_000)
def placements(board: Board, number: int) -> tuple[tuple[float, str], ...]:
    """Every way to place a piece: (worth, keys), best first.

    The worth is Yiyuan Lee's ("Tetris AI: the (near) perfect bot", 2013): lines cleared, against
    the sum of the heights, the holes and the differences between neighbouring columns.
    """
    found = []
    turns = piece(number)
    for turn, shape in enumerate(turns):
        x = spawn_column(turns[0])
        if not all(fits(board, step, x, 0) for step in turns[: turn + 1]):
            break
        for key, way in (("L", -1), ("R", 1)):
            column, keys = x, "U" * turn
            if key == "R":
                column, keys = column + way, keys + key
            while fits(board, shape, column, 0):
                after, cleared = drop(board, shape, column)
                found.append((_worth(after, cleared), keys + "D"))
                column, keys = column + way, keys + key
    return tuple(sorted(found, reverse=True))


def _worth(board: Board, cleared: int) -> float:
    heights, holes = [], 0
    for x in range(WIDTH):
        column = [row >> x & 1 for row in board]
        top = column.index(1) if 1 in column else HEIGHT
        heights.append(HEIGHT - top)
        holes += HEIGHT - top - sum(column)
    bumps = sum(abs(a - b) for a, b in itertools.pairwise(heights))
    return 0.760666 * cleared - 0.510066 * sum(heights) - 0.35663 * holes - 0.184483 * bumps


Player = Callable[[Board, int, random.Random], str]
"""From the board and the number of the piece to the keys for it; "" when there is no way."""


def bot(board: Board, number: int, rng: random.Random) -> str:
    """Nearly always the best placement; one time in ten one of the next two, so that the games
    differ and show how to go on from less tidy boards."""
    ways = placements(board, number)
    if not ways:
        return "D"
    choice = rng.randrange(1, 3) if rng.random() < 0.1 else 0
    return ways[min(choice, len(ways) - 1)][1]


def random_player(board: Board, number: int, rng: random.Random) -> str:
    """Any placement: legal keys, no plan."""
    ways = placements(board, number)
    return rng.choice(ways)[1] if ways else "D"


def play(player: Player, rng: random.Random, pieces: int = PIECES_PER_GAME) -> tuple[str, Game]:
    """One game: its keys and how it ended."""
    game, keys = Game(), ""
    while not game.over and game.pieces < pieces:
        turn = player(game.board, game.pieces, rng)
        for key in turn:
            game.press(key)
        keys += turn
    return keys, game


def corpus(games: int, seed: int) -> Iterator[str]:
    """The bot's games, one a line."""
    rng = random.Random(seed)
    for _ in range(games):
        yield play(bot, rng)[0]


@dataclass(frozen=True)
class Score:
    """How some games went."""

    games: int
    keys: int
    legal: float  # share of the keys that did something
    pieces: float  # per game
    lines: float  # cleared per game

    def __str__(self) -> str:
        return (
            f"{self.games} games, {self.keys} keys, {self.legal:.1%} legal, "
            f"{self.pieces:.1f} pieces and {self.lines:.1f} lines a game"
        )


def score(games: Iterable[Game]) -> Score:
    """The mean of some games."""
    done = list(games)
    count = max(1, len(done))
    keys = sum(game.legal + game.illegal for game in done)
    return Score(
        games=len(done),
        keys=keys,
        legal=sum(game.legal for game in done) / max(1, keys),
        pieces=sum(game.pieces for game in done) / count,
        lines=sum(game.lines for game in done) / count,
    )


def replay(text: str) -> list[Game]:
    """Play the games that a text holds, each to its end: the board is full, or the game is as
    long as the corpus' games. What a line holds after that is passed over, and so is a last line
    that was cut off in the middle of a game."""
    games = []
    for line in text.split("\n"):
        if not line:
            continue
        game = Game()
        for key in line:
            if _ended(game):
                break
            game.press(key)
        games.append(game)
    cut_off = not text.endswith("\n") and games and not _ended(games[-1])
    if cut_off and len(games) > 1:
        games.pop()  # it says nothing about how long it would have lived
    return games


def _ended(game: Game) -> bool:
    return game.over or game.pieces == PIECES_PER_GAME


def random_score(games: int, seed: int = 0) -> Score:
    """How a player without a plan fares in as many games."""
    rng = random.Random(seed)
    return score(play(random_player, rng)[1] for _ in range(games))


def check(text: str) -> str:
    """Replay a text and set it beside the bot and a player without a plan."""
    games = replay(text)
    if not games:
        return "no game in it: a game is a line of the keys U D L R"
    rng = random.Random(1)
    bots = score(play(bot, rng)[1] for _ in range(20))
    longest = max(games, key=lambda game: game.pieces)
    return "\n".join(
        [
            f"this text: {score(games)}",
            f"the bot:   {bots}",
            f"no plan:   {random_score(100)}",
            f"its longest game ended so after {longest.pieces} pieces, {longest.lines} lines:",
            str(longest),
        ]
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="A corpus of Tetris games, and its referee.")
    parser.add_argument("--games", type=int, default=3000, help="games to write (default 3000)")
    parser.add_argument("--seed", type=int, default=0, help="of the bot's choices (default 0)")
    parser.add_argument("--check", metavar="FILE", help="replay the games in a file (-: the input)")
    options = parser.parse_args()
    if options.check is not None:
        text = sys.stdin.read() if options.check == "-" else Path(options.check).read_text("utf-8")
        print(check(text))
        return
    for keys in corpus(options.games, options.seed):
        print(keys)


if __name__ == "__main__":
    main()
