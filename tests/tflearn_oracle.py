"""The real TFLearn, in a process of its own, asked over a pipe.

``import tflearn`` switches TensorFlow 2 behaviour off for its whole process and costs some
seconds, so the tests start one such process and put all their questions to it::

    with TFLearnOracle() as oracle:
        oracle.build({"a": 0, "b": 1}, layers=2, units=32, seq_maxlen=12)
        oracle.fit("abab" * 100, batches=20)
        oracle.save("/tmp/x.tfl")
        oracle.probabilities(["abababababab"])
        oracle.generate(50, temperature=0.5, seed="abababababab", numpy_seed=7)

A symbol is a character, or a word where the dictionary holds words (give lists then).
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent


class TFLearnError(Exception):
    """What TFLearn raised, as text."""


class TFLearnOracle:
    """One process with the real TFLearn and one network at a time."""

    def __init__(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe nobody reads would block
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
        )

    def __enter__(self) -> TFLearnOracle:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def build(self, dictionary: Mapping[str, int], **sizes: Any) -> None:
        """Make a network: layers, units, seq_maxlen, dropout, learning_rate, random_state."""
        self._ask("build", dict(dictionary), sizes)

    def load(self, prefix: str | Path, trainable_variable_only: bool = False) -> None:
        """TFLearn's plain ``load`` into the network that was built."""
        self._ask("load", str(prefix), trainable_variable_only)

    def save(self, prefix: str | Path) -> None:
        self._ask("save", str(prefix))

    def fit(self, text: Sequence[str], batches: int, batch_size: int = 32) -> None:
        """Train on windows of the text with TFLearn's optimiser."""
        self._ask("fit", list(text), batches, batch_size)

    def variables(self) -> dict[str, NDArray[Any]]:
        found: dict[str, NDArray[Any]] = self._ask("variables")
        return found

    def probabilities(self, windows: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        """(windows, V) float32: the softmax output after each window."""
        found: NDArray[np.float32] = self._ask("probabilities", [list(w) for w in windows])
        return found

    def generate(
        self, size: int, temperature: float, seed: str | list[str], numpy_seed: int
    ) -> Any:
        """TFLearn's ``generate`` right after ``numpy.random.seed``; begins with the seed."""
        return self._ask("generate", size, temperature, seed, numpy_seed)

    def _ask(self, question: str, *details: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            pickle.dump((question, details), self._process.stdin)
            self._process.stdin.flush()
            kind, answer = pickle.load(self._process.stdout)
        except (EOFError, BrokenPipeError):
            self._process.wait()
            self._log.seek(0)
            text = self._log.read().decode(errors="replace")
            raise TFLearnError(f"TFLearn's process ended:\n{text[-3000:]}") from None
        if kind == "error":
            raise TFLearnError(answer)
        return answer


def _serve(questions: BinaryIO, answers: BinaryIO) -> None:
    import traceback

    import tflearn_recipe as recipe

    from simpleml.training import tflearn_compat as compat

    generator: Any = None
    while True:
        try:
            question, details = pickle.load(questions)
        except EOFError:
            return
        answer: Any = None
        try:
            if question == "build":
                dictionary, sizes = details
                generator = compat.tflearn_generator(dictionary, **sizes)
            elif question == "load":
                prefix, trainable_only = details
                generator.load(prefix, trainable_variable_only=trainable_only)
            elif question == "save":
                generator.save(details[0])
            elif question == "fit":
                _fit(recipe, generator, *details)
            elif question == "variables":
                answer = recipe.read_variables(generator)
            elif question == "probabilities":
                answer = recipe.predict(generator, details[0])
            elif question == "generate":
                size, temperature, seed, numpy_seed = details
                np.random.seed(numpy_seed)
                answer = generator.generate(size, temperature=temperature, seq_seed=seed)
            reply = ("answer", answer)
        except Exception:
            reply = ("error", traceback.format_exc())
        pickle.dump(reply, answers)
        answers.flush()


def _fit(recipe: Any, generator: Any, text: list[str], batches: int, batch_size: int) -> None:
    window, vocabulary_size = generator.seq_maxlen, len(generator.dic)
    symbols = np.array([generator.dic[symbol] for symbol in text], np.int32)
    starts = np.arange(0, len(symbols) - window, dtype=np.int32)
    x = recipe.OneHotWindows(symbols, starts, window, vocabulary_size)
    y = recipe.OneHotWindows(symbols, starts, window, vocabulary_size, target=True)
    rng = np.random.default_rng(0)
    for _ in range(batches):
        rows = rng.integers(0, len(starts), batch_size)
        generator.trainer.fit_batch({generator.inputs[0]: x[rows], generator.targets[0]: y[rows]})


if __name__ == "__main__":
    # What TFLearn prints must not reach the pipe of answers.
    channel, sys.stdout = sys.stdout.buffer, sys.stderr
    sys.path[:0] = [str(ROOT), str(ROOT / "bench")]
    _serve(sys.stdin.buffer, channel)
