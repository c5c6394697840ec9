"""The training loop: from a text to ML/<name>/, and on again after an interruption.

``Trainer`` reads the text, holds out its parts, runs the epochs on whichever backend Keras has,
judges each epoch on the selection slice, exports the best one at once, saves a point to resume
from, and reports the held-out figures once, at the end. It must not import TFLearn (which switches
TensorFlow to its first version's behaviour) nor know of HTTP.

Try it::

    from simpleml.training.trainer import Trainer, TrainingOptions
    Trainer("text.txt", "mine", options=TrainingOptions(units=64, epochs=2)).run()
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simpleml.errors import CorpusError, SimpleMLError, TrainingError
from simpleml.models import words
from simpleml.models.artifact import Card, check_name, find_artifact, read_artifact
from simpleml.models.vocabulary import Vocabulary
from simpleml.training import backends, machine, recurrent, schedule, state
from simpleml.training.corpus import Part, Split, encode_characters, read_file, split_text
from simpleml.training.evaluation import (
    Evaluation,
    evaluate_both,
    evaluate_stateful,
    window_losses,
)
from simpleml.training.export import export, prepare
from simpleml.training.learner import LearnerOptions, LearnerState
from simpleml.training.optimizer import OptimizerOptions
from simpleml.training.options import TrainingOptions, resumed
from simpleml.training.progress import CSV_NAME, EpochRecord, Progress, duration, read_history
from simpleml.training.recurrent import Array, NetworkShape
from simpleml.training.samples import sample
from simpleml.training.streams import Chunks, StreamChunks, WindowChunks
from simpleml.training.tflearn_meta import GraphSizes

__all__ = ["Interrupted", "Trainer", "TrainingOptions", "TrainingResult"]

SAVE_EVERY = 60.0  # seconds between saved points inside an epoch
REPLAN_EVERY = 15.0  # seconds between new guesses of what --max-minutes leaves room for
WINDOWS_MARGIN = 0.02  # nats by which windows must be better to become the card's mode
STATE_FILE = Path("training") / "state.npz"


class Interrupted(Exception):
    """The run was asked to stop and did, after saving a point; ``signal`` is the number."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.message = message
        self.signal = signal_number


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended: on held-out text, nats per symbol in both modes, and where the model is."""

    folder: Path
    epochs: int
    best_epoch: int
    selection_nats: float
    stateful: Evaluation
    window: Evaluation
    bits_per_character: float
    seconds: float
    reason: str


@dataclass
class _Run:
    """What changes while it runs and is kept in a saved point."""

    epoch: int = 0  # epochs done
    chunk: int = 0  # chunks done of the one at work
    progress: float = 0.0  # 0 to 1, the position on the learning rate's cosine
    seconds: float = 0.0
    loss_sum: float = 0.0
    best: float = math.inf
    best_epoch: int = 0
    epoch_seconds: float = 0.0  # of training in the epoch at work


class Trainer:
    """One run for one model.

    Args:
        text: the text file.
        name: the model's name, as it will stand in addresses.
        models_dir: the folder that holds the models' folders.
        options: see ``TrainingOptions``; with ``resume`` those of the saved point hold and only
            ``given`` counts.
        given: options that were named explicitly, by their field names (for ``resume``).
        resume: go on from the last saved point.
        overwrite: replace an existing model, at the first epoch's end.
        encoding: of the text file.
        source: where the text comes from, for the card.
        progress: who is told; one that writes to standard error by default.

    Raises:
        TrainingError: it cannot start; the message says why, and nothing has been touched.
    """

    def __init__(
        self,
        text: Path | str,
        name: str,
        *,
        models_dir: Path | str = "ML",
        options: TrainingOptions | None = None,
        given: dict[str, Any] | None = None,
        resume: bool = False,
        overwrite: bool = False,
        encoding: str = "utf-8",
        source: str | None = None,
        tensorboard: Path | None = None,
        progress: Progress | None = None,
        command: str | None = None,
    ) -> None:
        self.name = _checked_name(name)
        self.models_dir = Path(models_dir)
        self.folder = self.models_dir / name
        self._state_path = self.folder / STATE_FILE
        self._refuse_to_harm(resume, overwrite)
        file = read_file(text, encoding)
        point = state.load_point(self._state_path) if resume else None
        chosen = (options or TrainingOptions()).checked()
        if point is not None:
            if point.facts["text_sha256"] != file.sha256:
                raise TrainingError(
                    f"cannot resume {name}: it was trained on another text (sha256 "
                    f"{point.facts['text_sha256'][:12]}…, {file.path} has {file.sha256[:12]}…)"
                )
            chosen = resumed(point.facts["options"], given or {})
        self._characters = len(file.text)
        self._corpus = {
            "file": file.path.name,
            "sha256": file.sha256,
            "characters": len(file.text),
            "encoding": file.encoding,
        }
        if source:
            self._corpus["source"] = source
        self.options = chosen
        self._read(file.text.lower() if chosen.lower else file.text)
        self.options = chosen = _settled(chosen, len(self._training))
        self.shape = NetworkShape(len(self.vocabulary), chosen.units, chosen.layers)
        self._point = point
        self._run = _Run(**point.facts["run"]) if point is not None else _Run()
        self._random = np.random.default_rng(chosen.random_state)
        self._epoch_random = self._random.bit_generator.state
        self._started = time.perf_counter()
        self._stop: int | None = None
        self._learner: Any = None
        self._progress = progress or Progress(folder=self.folder, tensorboard=tensorboard)
        self._command = command
        self._chunks = self._make_chunks()
        self._notes = file.notes
        self._check_disk()

    # --- before the first step ---

    def _refuse_to_harm(self, resume: bool, overwrite: bool) -> None:
        if resume or overwrite:
            return
        try:
            there = find_artifact(self.models_dir, self.name) is not None
        except SimpleMLError:
            there = True
        if there or self._state_path.exists():
            what = "a model" if there else "an unfinished training"
            raise TrainingError(
                f"{self.folder} already holds {what}: go on with it by --resume, replace it with "
                "--overwrite, or choose another --name"
            )

    def _check_disk(self) -> None:
        existing = next(p for p in [self.folder, *self.folder.absolute().parents] if p.exists())
        numbers = 4 * self.shape.parameter_count()  # bytes of the parameters in float32
        need = 2 * 4 * numbers + 2 * 3 * numbers  # twice the saved point, twice the checkpoint
        free = shutil.disk_usage(existing).free
        if free < need:
            raise TrainingError(
                f"{existing} has {free / 1e6:,.0f} MB free; a network of this size needs "
                f"{need / 1e6:,.0f} MB while it trains"
            )

    def _read(self, text: str) -> None:
        """Split and encode; sets ``vocabulary`` and the three parts."""
        options = self.options
        split = split_text(text, options.validation, options.validation_fraction)
        self._split_words = split.describe
        if options.level == "word":
            tokens = words.tokenize(split.text("training"))
            symbols = words.frequent_words(tokens, options.max_words)
            self.vocabulary = Vocabulary(
                symbols,
                level="word",
                lossless_words=True,
                unknown_symbol=words.UNKNOWN,
                lower=options.lower,
            )
        else:
            self.vocabulary = Vocabulary.of(text, level="char", lower=options.lower)
        if len(self.vocabulary) < 2:
            raise CorpusError("the text holds one distinct symbol: there is nothing to learn")
        self._training = np.concatenate(self._pieces(split, "training"))
        self._selection = self._pieces(split, "selection")
        self._validation = self._pieces(split, "validation")
        self._validation_text = split.text("validation")
        self._selection_characters = len(split.text("selection"))

    def _pieces(self, split: Split, part: Part) -> list[Array]:
        pieces = []
        for first, last in split.spans(part):
            piece = split.source[first:last]
            if self.options.level == "char":
                pieces.append(encode_characters(piece, self.vocabulary.index))
            else:
                index, unknown = self.vocabulary.index, self.vocabulary.unknown_index
                pieces.append(
                    np.array([index.get(t, unknown) for t in words.tokenize(piece)], np.int32)
                )
        return pieces

    def _make_chunks(self) -> Chunks:
        options = self.options
        assert options.batch_size is not None
        if options.recipe == "windows":
            return WindowChunks(
                self._training, options.batch_size, options.seq_maxlen, options.redun_step
            )
        return StreamChunks(self._training, options.batch_size, options.steps)

    def _make_learner(self) -> Any:
        backend = backends.current()
        backend.prepare()
        options = self.options
        precision = options.precision
        if precision == "auto":
            precision = backend.best_precision()
        windows = options.recipe == "windows"
        learner_options = LearnerOptions(
            precision=precision,
            shards=backend.default_shards(),
            last_step_only=windows,
            optimizer=OptimizerOptions(
                beta2=0.999 if windows else 0.99,
                weight_decay=0.0 if windows else options.weight_decay,
                clip_norm=5.0 if windows else 1.0,
            ),
        )
        if self._point is not None:
            start = self._point.learner
            generators = self._point.facts["random"]
            self._random.bit_generator.state = generators["epoch"]
            self._epoch_random = generators["epoch"]
            self._chunks.begin(self._random)
            self._random.bit_generator.state = generators["now"]
        else:
            start = LearnerState.fresh(
                recurrent.initial_parameters(self.shape, self._random),
                recurrent.zero_state(self.shape, self._chunks.rows),
            )
            self._begin_epoch()
        self._point = None
        return backend.Learner(self.shape, learner_options, start)

    # --- the run ---

    def run(self) -> TrainingResult:
        """Train to the end.

        Raises:
            Interrupted: Ctrl-C or SIGTERM came; a point is saved and the message says how to go on.
            TrainingError: the disk is full, or the loss is no longer a number.
        """
        with self._signals(), self._progress:
            for note in self._notes:
                self._progress.note(f"{note} (the file itself is unchanged)")
            prepare(
                GraphSizes(
                    self.shape.layers,
                    self.shape.units,
                    self.shape.vocabulary,
                    self.options.seq_maxlen,
                    0.5,
                )
            )
            self._learner = self._make_learner()
            history = read_history(self.folder / CSV_NAME) if self._run.epoch else []
            total = self._planned_epochs() * self._chunks.count
            self._progress.start(
                max(total, self._learner.updates + 1),
                step=self._learner.updates,
                history=[record for record in history if record.epoch <= self._run.epoch],
                max_seconds=self._seconds_allowed(),
            )
            self._started = time.perf_counter() - self._run.seconds
            reason = self._train()
            return self._finish(reason)

    def export_only(self) -> Path:
        """Write the model from the last saved point's averaged weights, training nothing."""
        if self._point is None:
            raise TrainingError("--export-only writes a model from a saved point: add --resume")
        nats = self._run.best if math.isfinite(self._run.best) else None
        self._export(self._point.learner.average, nats)
        return self.folder

    def _train(self) -> str:
        """Epochs until the schedule, the patience or the time is at its end; says which."""
        run, options = self._run, self.options
        while run.progress < 1.0 - 1e-9:
            if not self._train_epoch():
                self._end_epoch()
                return "the minutes are over" if options.max_minutes else "the schedule is over"
            self._end_epoch()
            if run.epoch - run.best_epoch >= options.patience:
                return f"no better epoch for {options.patience} epochs"
        return "the schedule is over"

    def _train_epoch(self) -> bool:
        """Run the chunks left in this epoch; False when the schedule ended in it."""
        run, chunks, learner = self._run, self._chunks, self._learner
        options = self.options
        assert options.learning_rate is not None
        windows = options.recipe == "windows"
        plan = schedule.Schedule(
            options.learning_rate,
            warmup=0 if windows else min(100, self._planned_epochs() * chunks.count // 10),
            floor=1.0 if windows else 0.01,
        )
        horizon = 1.0 if windows else min(300.0, 0.05 * self._planned_epochs() * chunks.count)
        pending: list[Any] = []
        saved = planned = time.perf_counter()
        began = time.perf_counter() - run.epoch_seconds
        advance = self._advance()
        while run.chunk < chunks.count and run.progress < 1.0 - 1e-9:
            loss = learner.train(
                *chunks.chunk(run.chunk),
                *self._masks(),
                plan.rate(run.progress, learner.updates),
                schedule.average_decay(learner.updates, horizon),
            )
            run.chunk += 1
            run.progress = min(1.0, run.progress + advance)
            pending.append(loss)
            now = time.perf_counter()
            self._measure(now)
            if len(pending) >= backends.current().READ_EVERY or run.chunk == chunks.count:
                value = self._settle(pending)
                self._progress.step(chunks.rows * (1 if windows else chunks.steps), value)
            else:
                self._progress.step(chunks.rows * (1 if windows else chunks.steps))
            run.seconds, run.epoch_seconds = now - self._started, now - began
            if options.max_minutes and now - planned > REPLAN_EVERY or self._steps_timed == 10:
                planned, advance = now, self._advance()
            if self._stop is not None or now - saved > SAVE_EVERY:
                self._settle(pending)
                self._save()
                saved = time.perf_counter()
                if self._stop is not None:
                    self._interrupted()
        self._settle(pending)
        return run.chunk == chunks.count

    def _end_epoch(self) -> None:
        """Judge the epoch on the selection slice, export it if it is the best, save a point."""
        run, options, learner = self._run, self.options, self._learner
        done = max(1, run.chunk)
        selection = self._judge()
        assert options.learning_rate is not None
        run.epoch += 1
        best = selection.nats < run.best
        if best:
            run.best, run.best_epoch = selection.nats, run.epoch
        targets = self._chunks.rows * (1 if options.recipe == "windows" else self._chunks.steps)
        record = EpochRecord(
            epoch=run.epoch,
            step=learner.updates,
            seconds=run.seconds,
            characters_per_second=done * targets / max(1e-9, run.epoch_seconds),
            learning_rate=schedule.Schedule(options.learning_rate).rate(
                run.progress, learner.updates
            ),
            loss=run.loss_sum / done,
            selection_nats=selection.nats,
            validation_nats=None,
            validation_bits=None,
            best=best,
        )
        run.chunk, run.loss_sum, run.epoch_seconds = 0, 0.0, 0.0
        self._begin_epoch()
        learner.reset()
        if best:
            self._export(learner.parameters(), selection.nats)
        run.seconds = time.perf_counter() - self._started
        self._save()
        self._progress.epoch_ended(record)
        if options.sample_every and run.epoch % options.sample_every == 0:
            self._show_samples()
        if self._stop is not None:
            self._interrupted()

    def _begin_epoch(self) -> None:
        self._epoch_random = self._random.bit_generator.state
        self._chunks.begin(self._random)

    def _finish(self, reason: str) -> TrainingResult:
        """Measure the best epoch, as it was exported, on the held-out text: once."""
        paths = find_artifact(self.models_dir, self.name)
        if paths is None:
            raise TrainingError(f"{self.folder} has lost its model: train again with --overwrite")
        weights = read_artifact(paths).weights
        parameters, _ = recurrent.from_network_weights(weights)
        self._learner.set_average(parameters)
        both = evaluate_both(
            self._learner,
            self._validation,
            self.options.seq_maxlen,
            np.random.default_rng(0),
            rows=self._evaluation_rows(),
            steps=self.options.steps,
        )
        stateful, window = both
        symbols = sum(len(piece) for piece in self._validation)
        per_character = symbols / max(1, len(self._validation_text)) / math.log(2)
        prefer_windows = window.nats < stateful.nats - WINDOWS_MARGIN
        chosen = window if prefer_windows else stateful
        seconds = time.perf_counter() - self._started
        metrics = {
            "held_out": self._split_words,
            "stateful": {
                "nats": round(stateful.nats, 4),
                "bits_per_character": round(stateful.nats * per_character, 4),
                "symbols": stateful.symbols,
            },
            "window": {
                "nats": round(window.nats, 4),
                "bits_per_character": round(window.nats * per_character, 4),
                "symbols": window.symbols,
            },
            "nats": round(chosen.nats, 4),
            "bits_per_character": round(chosen.nats * per_character, 4),
            "selection_nats": round(self._run.best, 4),
        }
        card = self._card(metrics, stateful=not prefer_windows, reason=reason)
        self._write(parameters, card)
        result = TrainingResult(
            folder=self.folder,
            epochs=self._run.epoch,
            best_epoch=self._run.best_epoch,
            selection_nats=self._run.best,
            stateful=stateful,
            window=window,
            bits_per_character=chosen.nats * per_character,
            seconds=seconds,
            reason=reason,
        )
        self._progress.note(
            f"done: {reason}. Best epoch {result.best_epoch} of {result.epochs}, in "
            f"{duration(seconds)}. Held out ({self._split_words}): {stateful.nats:.4f} nats per "
            f"symbol stateful, {window.nats:.4f} in windows of {self.options.seq_maxlen}; "
            f"{result.bits_per_character:.3f} bits per character."
        )
        return result

    # --- parts of a step ---

    def _masks(self) -> tuple[Array, Array, Array | None, float]:
        """For one chunk: keep (B, 1), outputs (L, B, H), recurrent (L, H, 4H) or None, its scale."""
        options, random, rows = self.options, self._random, self._chunks.rows
        assert options.dropout is not None and options.weight_drop is not None
        windows = options.recipe == "windows"
        share = 1.0 if windows else schedule.dropout_share(self._run.progress)
        dropped = share * options.dropout
        size = (self.shape.layers, rows, self.shape.units)
        outputs = (random.random(size, np.float32) >= dropped).astype(np.float32)
        outputs /= np.float32(1.0 - dropped)
        reset = 1.0 if windows else options.reset
        keep = (random.random((rows, 1)) >= reset).astype(np.float32)
        if not options.weight_drop:
            return keep, outputs, None, 1.0
        drawn = random.integers(
            0, 256, (self.shape.layers, self.shape.units, 4 * self.shape.units), np.uint8
        )
        threshold = round(share * options.weight_drop * 256)
        return keep, outputs, drawn >= threshold, 256.0 / (256.0 - threshold)

    def _settle(self, pending: list[Any]) -> float | None:
        """Read the losses that are still on the device into the epoch's sum."""
        if not pending:
            return None
        values = [float(value) for value in pending]
        pending.clear()
        self._run.loss_sum += sum(values)
        if not math.isfinite(values[-1]):
            raise TrainingError(
                "the loss is no longer a number: try a smaller --learning-rate, or --precision "
                "float32; the best epoch so far stands"
            )
        return values[-1]

    def _judge(self) -> Evaluation:
        """The selection slice in the recipe's own mode."""
        if self.options.recipe == "stateful":
            return evaluate_stateful(
                self._learner, self._selection, self._evaluation_rows(), self.options.steps
            )
        window = self.options.seq_maxlen
        losses = []
        for piece in self._selection:
            positions = np.arange(min(window, len(piece) - 1), len(piece))
            positions = positions[:: max(1, len(positions) * len(self._selection) // 5000)]
            length = min(window, len(piece) - 1)
            losses.append(window_losses(self._learner, piece, length, positions, rows=256))
        joined = np.concatenate(losses)
        return Evaluation(float(joined.mean(dtype=np.float64)), len(joined))

    def _evaluation_rows(self) -> int:
        return 64

    def _show_samples(self) -> None:
        seed_text = self.options.sample_seed or self._validation_text[:100]
        try:
            seed = self.vocabulary.encode(seed_text, "nearest").indices or [0]
        except SimpleMLError:
            seed = [0]
        parameters = self._learner.parameters()
        for temperature in (0.5, 1.0):
            indices = sample(
                parameters,
                self.shape,
                seed,
                200,
                temperature,
                np.random.default_rng(0),
                never=self.vocabulary.unknown_index,
            )
            text = self.vocabulary.join(self.vocabulary.symbols[index] for index in indices)
            self._progress.sample(temperature, text)

    # --- time ---

    def _planned_epochs(self) -> int:
        assert self.options.epochs is not None
        return self.options.epochs

    def _seconds_allowed(self) -> float | None:
        minutes = self.options.max_minutes
        return None if minutes is None else max(0.0, 60 * minutes - self._run.seconds)

    _steps_timed = 0
    _timed_from = 0.0

    def _measure(self, now: float) -> None:
        """Count updates and seconds, evaluation and export included, compilation not."""
        self._steps_timed += 1
        if self._steps_timed == 3:
            self._timed_from = now

    def _advance(self) -> float:
        """How far one update moves on the schedule: to the epochs' or the minutes' end."""
        run = self._run
        done = run.epoch * self._chunks.count + run.chunk
        left = max(1, self._planned_epochs() * self._chunks.count - done)
        if self.options.max_minutes is not None and self._steps_timed > 5:
            now = time.perf_counter()
            per_step = (now - self._timed_from) / (self._steps_timed - 3)
            budget = 60 * self.options.max_minutes
            # What the last evaluation and export will take.
            reserve = min(0.03 * budget + 2.0, 40.0)
            remaining = budget - reserve - (now - self._started)
            left = max(1, min(left, int(remaining / per_step)))
        return (1.0 - run.progress) / left

    # --- files ---

    def _export(self, parameters: Sequence[Array], selection_nats: float | None) -> None:
        metrics: dict[str, Any] = {"held_out": self._split_words}
        if selection_nats is not None:
            metrics["selection_nats"] = round(selection_nats, 4)
        metrics["note"] = "still training: measured on a slice of the training part"
        self._write(parameters, self._card(metrics, stateful=self.options.recipe == "stateful"))

    def _write(self, parameters: Sequence[Array], card: Card) -> None:
        weights = recurrent.to_network_weights(parameters, self.shape)
        card = dataclasses.replace(card, weights_sha256=weights.sha256())
        try:
            export(self.models_dir, self.name, weights, self.vocabulary, card)
        except OSError as error:
            raise state.storage_error(self.folder, error) from error

    def _card(self, metrics: dict[str, Any], stateful: bool, reason: str | None = None) -> Card:
        import keras

        training = {
            "options": self.options.as_dict(),
            "epochs": self._run.epoch,
            "best_epoch": self._run.best_epoch,
            "seconds": round(self._run.seconds, 1),
            "machine": machine.describe(),
            "backend": f"keras {keras.__version__} on {keras.backend.backend()}",
        }
        if self._command:
            training["command"] = self._command
        if reason:
            training["ended"] = reason
        return Card(
            layers=self.shape.layers,
            units=self.shape.units,
            vocabulary_size=len(self.vocabulary),
            seq_maxlen=self.options.seq_maxlen,
            level=self.options.level,
            stateful=stateful,
            lower=self.options.lower,
            unknown_symbol=self.vocabulary.unknown_symbol,
            metrics=metrics,
            corpus=self._corpus,
            training=training,
        )

    def _save(self) -> None:
        facts = {
            "text_sha256": self._corpus["sha256"],
            "vocabulary_sha256": hashlib.sha256(
                json.dumps(self.vocabulary.symbols).encode()
            ).hexdigest(),
            "options": self.options.as_dict(),
            "run": dataclasses.asdict(self._run),
            "random": {"epoch": self._epoch_random, "now": self._random.bit_generator.state},
        }
        state.save_point(self._state_path, state.SavedPoint(self._learner.state(), facts))

    # --- being stopped ---

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let Ctrl-C and SIGTERM end the run after the chunk at work; a second one kills."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def stop(number: int, frame: object) -> None:
            self._stop = number
            print("stopping after this step; saving…", file=sys.stderr, flush=True)
            for each in before:
                signal.signal(each, signal.SIG_DFL)

        for number in before:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupted(self) -> None:
        assert self._stop is not None
        model = (
            f"the model of epoch {self._run.best_epoch} is in {self.folder}"
            if self._run.best_epoch
            else "no epoch had ended yet, so there is no new model"
        )
        raise Interrupted(
            f"stopped in epoch {self._run.epoch + 1}; {model}. Go on with the same command and "
            "--resume",
            self._stop,
        )


def _checked_name(name: str) -> str:
    try:
        return check_name(name)
    except SimpleMLError as error:
        raise TrainingError(f"--name: {error.message}") from None


def _settled(options: TrainingOptions, symbols: int) -> TrainingOptions:
    """The options with every None that depends on the text replaced."""
    windows = options.recipe == "windows"
    defaults: dict[str, Any] = {
        "dropout": 0.5 if windows else 0.4,
        "weight_drop": 0.0 if windows else 0.3,
        "epochs": 50 if windows else schedule.default_epochs(symbols),
        "batch_size": 128 if windows else schedule.default_rows(symbols),
        "learning_rate": 1e-3 if windows else 3e-3,
    }
    if options.max_minutes is not None and not windows:
        defaults["epochs"] *= 3  # the minutes decide, within reason
    missing = {name: value for name, value in defaults.items() if getattr(options, name) is None}
    return dataclasses.replace(options, **missing)
