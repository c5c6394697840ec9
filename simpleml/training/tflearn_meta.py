"""The graph (.meta) of a network and its variables, as real TFLearn makes them.

Run as a program it imports TFLearn, which no process that trains may do, builds the network,
and writes to standard output one line of JSON (the variables) and the MetaGraphDef::

    python -m simpleml.training.tflearn_meta 3 512 81 25 0.5 > graph

Imported, it starts that program and reads its answer (:func:`start_graph`).
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from simpleml.errors import TrainingError
from simpleml.training.tflearn_compat import INSTALL_HINT, tflearn_generator, tflearn_missing

PACKAGE_ROOT = Path(__file__).resolve().parents[2]
TIME_LIMIT = 600.0  # seconds; 3x512 with a window of 25 takes about seven, longer windows more


@dataclass(frozen=True)
class GraphSizes:
    """What a TFLearn graph depends on."""

    layers: int
    units: int
    vocabulary_size: int
    seq_maxlen: int = 25
    dropout: float = 0.5


@dataclass(frozen=True)
class TFLearnGraph:
    """A graph as TFLearn saves it."""

    meta: bytes  # MetaGraphDef
    variables: Mapping[str, tuple[tuple[int, ...], str]]  # name to (shape, NumPy dtype)


class GraphProcess:
    """TFLearn at work on one graph beside this process."""

    def __init__(self, sizes: GraphSizes) -> None:
        require_tflearn()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        path = os.pathsep.join(
            part for part in (str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")) if part
        )
        arguments = [str(value) for value in astuple(sizes)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "simpleml.training.tflearn_meta", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            # The graphics card belongs to the training; TensorFlow would take all its memory.
            env=os.environ | {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1"},
            # Ctrl-C is for the training, which still wants this graph for its last export. Not a
            # session of its own: Linux would share the processor by sessions, whatever their nice.
            process_group=0,
        )
        self._lock = threading.Lock()
        self._graph: TFLearnGraph | None = None

    def result(self) -> TFLearnGraph:
        """Wait for the graph.

        Raises:
            TrainingError: TFLearn failed; the message ends with what it said.
        """
        with self._lock:
            if self._graph is None:
                self._graph = self._read()
            return self._graph

    def _read(self) -> TFLearnGraph:
        try:
            answer, _ = self._process.communicate(timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise TrainingError(
                f"TFLearn did not build its graph within {TIME_LIMIT:.0f} s; a smaller "
                "--seq-maxlen makes a smaller graph"
            ) from None
        if self._process.returncode != 0:
            self._log.seek(0)
            said = self._log.read().decode(errors="replace").strip()
            raise TrainingError(f"TFLearn could not build its graph: {said[-2000:]}")
        header, meta = answer.split(b"\n", 1)
        variables = {
            name: (tuple(shape), dtype) for name, (shape, dtype) in json.loads(header).items()
        }
        return TFLearnGraph(meta, variables)


@lru_cache(maxsize=4)
def start_graph(sizes: GraphSizes) -> GraphProcess:
    """The process that builds this graph, started at the first call for it.

    Call it when a training begins: the graph is then there when the first epoch ends.

    Raises:
        TrainingError: TensorFlow or TFLearn is not installed.
    """
    return GraphProcess(sizes)


def require_tflearn() -> None:
    """Raise a TrainingError that says what to install, unless TFLearn is there."""
    if missing := tflearn_missing():
        raise TrainingError(f"{' and '.join(missing)} not installed. {INSTALL_HINT}")


def build_graph(sizes: GraphSizes) -> TFLearnGraph:
    """Build a graph with TFLearn in this process, which must not train with Keras."""
    symbols = {chr(0xF0000 + number): number for number in range(sizes.vocabulary_size)}
    # Variables are declared and never filled: a large vocabulary would take gigabytes.
    generator = tflearn_generator(
        symbols,
        layers=sizes.layers,
        units=sizes.units,
        seq_maxlen=sizes.seq_maxlen,
        dropout=sizes.dropout,
        initialise=False,
    )
    tensorflow: Any = importlib.import_module("tensorflow.compat.v1")
    utils: Any = importlib.import_module("tflearn.utils")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.meta"
        collections = utils.fix_saver()  # as TFLearn's own save: these do not serialise
        generator.trainer.saver.export_meta_graph(str(path))
        utils.fix_saver(collections)
        meta = path.read_bytes()
    variables = {
        variable.op.name: (
            tuple(variable.shape.as_list()),
            variable.dtype.base_dtype.as_numpy_dtype.__name__,
        )
        for variable in tensorflow.global_variables()
    }
    return TFLearnGraph(meta, variables)


def main(arguments: list[str]) -> None:
    """Write the graph for ``layers units vocabulary_size seq_maxlen dropout``."""
    layers, units, vocabulary_size, seq_maxlen = map(int, arguments[:4])
    # TFLearn prints; only the answer may reach standard output.
    answer, sys.stdout = sys.stdout.buffer, sys.stderr
    graph = build_graph(GraphSizes(layers, units, vocabulary_size, seq_maxlen, float(arguments[4])))
    answer.write(json.dumps(dict(graph.variables)).encode() + b"\n" + graph.meta)
    answer.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
