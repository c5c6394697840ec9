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
import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np

from simpleml.errors import SimpleMLError, TrainingError
from simpleml.models.artifact import find_artifact, read_artifact
from simpleml.models.card import Card, check_name
from simpleml.training import backends, machine, recurrent, schedule, state
from simpleml.training.evaluation import (
    Evaluation,
    evaluate_both,
    evaluate_stateful,
    evaluate_windows,
)
from simpleml.training.export import export, prepare
from simpleml.training.fine_tuning import beginning, mixed, tuning
from simpleml.training.learner import Learner, LearnerOptions, LearnerState
from simpleml.training.material import read_material
from simpleml.training.optimizer import OptimizerOptions
from simpleml.training.options import NOTHING, TrainingOptions, lengthened, resumed
from simpleml.training.progress import CSV_NAME, EpochRecord, Progress, duration, read_history
from simpleml.training.recurrent import Array, Masks, NetworkShape
from simpleml.training.samples import sample
from simpleml.training.stopping import InterruptedTrainingError, StopRequest, stop_request
from simpleml.training.streams import Chunks, StreamChunks, WindowChunks
from simpleml.training.tflearn_meta import GraphSizes

__all__ = ["InterruptedTrainingError", "Trainer", "TrainingOptions", "TrainingResult"]

SAVE_EVERY = 60.0  # seconds between saved points inside an epoch
REPLAN_EVERY = 15.0  # seconds between new guesses of what --max-minutes leaves room for
WINDOWS_MARGIN = 0.02  # nats by which windows must be better to become the card's mode
STATE_FILE = Path("training") / "state.npz"
SAMPLE_LENGTH = 200
PATIENT_UNTIL = 0.5
"""Progress before which a worse epoch does not count: with the learning rate still high and dropout
still rising the score wavers, and gains most when the rate falls."""


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
    worse: int = 0  # epochs since the best one, those of the schedule's first half not counted
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
        encoding: of the text file, if it is plain text in one; else found out.
        source: where the text comes from, for the card.
        licence: of the text, for the card.
        status: file that says each second how far it is (see ``Progress``).
        progress: who is told; one that writes to standard error by default.
        about: fields of the card that the text alone does not say: ``language``, ``base``.

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
        encoding: str | None = None,
        source: str | None = None,
        licence: str | None = None,
        tensorboard: Path | None = None,
        status: Path | None = None,
        progress: Progress | None = None,
        command: str | None = None,
        about: dict[str, Any] | None = None,
    ) -> None:
        self.name = _checked_name(name)
        self.models_dir = Path(models_dir)
        self.folder = self.models_dir / name
        self._state_path = self.folder / STATE_FILE
        self._refuse_to_harm(resume, overwrite)
        point = state.load_point(self._state_path) if resume else None
        if point is not None:
            self.options = resumed(point.facts["options"], given or {})
        else:
            self.options = (options or TrainingOptions()).checked()
        self.material = material = read_material(text, self.options, encoding, source, licence)
        if point is not None and point.facts["text_sha256"] != material.corpus["sha256"]:
            raise TrainingError(
                f"cannot resume {name}: it was trained on another text (sha256 "
                f"{point.facts['text_sha256'][:12]}…, {text} has "
                f"{material.corpus['sha256'][:12]}…)"
            )
        self._training = material.training
        self._start: list[Array] = point.start if point is not None else []
        self._begun: dict[str, Any] = point.facts.get("begun", {}) if point is not None else {}
        self._characters = material.corpus["characters"]
        self._notes = list(material.notes)
        self._about = dict(about or {})
        if point is None:
            self._begin(given or {})
        self.options = _settled(self.options, len(self._training), bool(self._start))
        self.shape = NetworkShape(len(material.vocabulary), self.options.units, self.options.layers)
        self._check_disk()
        self._chunks = self._make_chunks()
        self._point = point
        self._run = _Run(**point.facts["run"]) if point is not None else _Run()
        self._random = np.random.default_rng(self.options.random_state)
        self._epoch_random = self._random.bit_generator.state
        self._pace = self._make_pace(
            longer=point is not None and lengthened(point.facts["options"], given or {})
        )
        self._began = time.perf_counter()
        self._stop = StopRequest()
        self._learner: Learner
        self._progress = progress or Progress(
            folder=self.folder, tensorboard=tensorboard, status=status
        )
        self._command = command

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

    def _begin(self, given: dict[str, Any]) -> None:
        """Choose a base or nothing; a base's sizes and what is right for tuning are taken over."""
        found = beginning(self.material, self.options, given, self.models_dir, self.name)
        self._notes.append(f"begins {found.why}")
        self.options = dataclasses.replace(
            self.options, begin_from=NOTHING if found.base is None else found.base.name
        )
        if found.base is None:
            return
        layers, units = found.base.shape
        for name, value in (("layers", layers), ("units", units)):
            if given.get(name, value) != value:
                self._notes.append(
                    f"--{name} {given[name]} is not used: {found.base.name} has {value}"
                )
        self.options = dataclasses.replace(self.options, layers=layers, units=units)
        self._start = found.base.parameters(self.material.vocabulary)
        self._begun = found.base.described()
        self._about.setdefault("language", found.base.artifact.card.language)

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

    def _make_chunks(self) -> Chunks:
        options = self.options
        assert options.batch_size is not None
        if options.recipe == "windows":
            return WindowChunks(
                self._training, options.batch_size, options.seq_maxlen, options.redun_step
            )
        return StreamChunks(self._training, options.batch_size, options.steps)

    def _make_pace(self, longer: bool) -> schedule.Pace:
        """The plan of updates; ``longer`` when a resumed run got another end than it had."""
        assert self.options.epochs is not None
        total = self.options.epochs * self._chunks.count
        if longer:
            self._run.progress = min(1.0, self._updates_done() / total)
        minutes = self.options.max_minutes
        return schedule.Pace(total, None if minutes is None else 60 * minutes)

    def _make_learner(self) -> Learner:
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
                weight_decay=0.0 if windows else options.weight_decay or 0.0,
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
                self._start or recurrent.initial_parameters(self.shape, self._random),
                recurrent.zero_state(self.shape, self._chunks.rows),
            )
            self._begin_epoch()
        self._point = None
        return backend.Learner(self.shape, learner_options, start)

    # --- the run ---

    def run(self) -> TrainingResult:
        """Train to the end.

        Raises:
            InterruptedTrainingError: Ctrl-C or SIGTERM came; a point is saved, and the message
                says how to go on.
            TrainingError: the disk is full, or the loss is no longer a number.
        """
        with stop_request() as self._stop, self._progress:
            for line in self.material.shown:
                self._progress.note(line)
            for note in self._notes:
                self._progress.note(note)
            if self._point is None:
                self._state_path.unlink(missing_ok=True)  # another run's, with --overwrite
            prepare(GraphSizes(*self._sizes()))  # TFLearn begins to build the graph beside us
            self._learner = self._make_learner()
            history = read_history(self.folder / CSV_NAME) if self._run.epoch else []
            self._progress.start(
                self._pace.updates,
                step=self._updates_done(),
                history=[record for record in history if record.epoch <= self._run.epoch],
                max_seconds=self._pace.seconds and self._pace.seconds - self._run.seconds,
            )
            self._began = time.perf_counter() - self._run.seconds
            if self._start and not math.isfinite(self._run.best):
                self._run.best = self._judge()[0].nats  # of the base as it is: what is to be beaten
                self._begun["selection_nats"] = round(self._run.best, 4)
            return self._finish(self._train())

    def export_only(self) -> Path:
        """Write the model from the last saved point's averaged weights, training nothing."""
        if self._point is None:
            raise TrainingError("--export-only writes a model from a saved point: add --resume")
        nats = self._run.best if math.isfinite(self._run.best) else None
        self._export(self._kept(self._point.learner.groups.average), nats)
        return self.folder

    def _train(self) -> str:
        """Epochs until the schedule, the patience or the time is at its end; says which."""
        run, options = self._run, self.options
        while run.progress < 1.0 - 1e-9:
            self._train_epoch()
            self._end_epoch()
            if run.worse >= options.patience:
                return f"no better epoch for {options.patience} epochs"
        if self._updates_done() < self._pace.updates:
            return f"the {options.max_minutes:g} minutes are over"
        return "all epochs are done"

    def _train_epoch(self) -> None:
        """Run the chunks left in this epoch, as far as the schedule goes."""
        run, chunks = self._run, self._chunks
        targets = chunks.rows * (1 if self.options.recipe == "windows" else chunks.steps)
        every = backends.current().READ_EVERY
        pending: list[SupportsFloat] = []
        saved = planned = self._elapsed()
        began = saved - run.epoch_seconds
        advance = self._pace.advance(run.progress, self._updates_done())
        while run.chunk < chunks.count and run.progress < 1.0 - 1e-9:
            pending.append(self._update())
            run.chunk += 1
            run.progress = min(1.0, run.progress + advance)
            loss = self._settle(pending) if len(pending) >= every else None
            self._progress.step(targets, loss, run.progress)
            run.seconds = now = self._elapsed()
            run.epoch_seconds = now - began
            self._pace.update_ended(now)
            if self._pace.seconds and (now - planned > REPLAN_EVERY or self._pace.timed == 10):
                planned, advance = now, self._pace.advance(run.progress, self._updates_done())
            if self._stop.number is not None or now - saved > SAVE_EVERY:
                self._settle(pending)
                self._save()
                self._give_way()
                saved = self._elapsed()
        self._settle(pending)

    def _update(self) -> SupportsFloat:
        """One update on the next chunk; returns its loss, perhaps still on the device."""
        updates = self._learner.updates
        windows = self.options.recipe == "windows"
        horizon = 1.0 if windows else min(300.0, 0.05 * self._pace.updates)
        return self._learner.train(
            *self._chunks.chunk(self._run.chunk),
            *self._masks(),
            self._learning_rate(),
            schedule.average_decay(updates, horizon),
        )

    def _learning_rate(self) -> float:
        """Of the next update; TFLearn's recipe keeps it as it is."""
        assert self.options.learning_rate is not None
        if self.options.recipe == "windows":
            return self.options.learning_rate
        plan = schedule.Schedule(
            self.options.learning_rate, warmup=min(100, self._pace.updates // 10)
        )
        return plan.rate(self._run.progress, self._learner.updates)

    def _end_epoch(self) -> None:
        """Judge the epoch on the selection slice, export it if it is the best, save a point."""
        run, learner, chunks = self._run, self._learner, self._chunks
        targets = chunks.rows * (1 if self.options.recipe == "windows" else chunks.steps)
        selection, judged = self._judge()
        run.epoch += 1
        best = selection.nats < run.best
        if best:
            run.best, run.best_epoch, run.worse = selection.nats, run.epoch, 0
        elif run.progress >= PATIENT_UNTIL or self.options.recipe == "windows":
            run.worse += 1
        record = EpochRecord(
            epoch=run.epoch,
            step=learner.updates,
            seconds=run.seconds,
            characters_per_second=run.chunk * targets / max(1e-9, run.epoch_seconds),
            learning_rate=self._learning_rate(),
            loss=run.loss_sum / max(1, run.chunk),
            selection_nats=selection.nats,
            validation_nats=None,  # the held-out part is measured once, at the end
            validation_bits=self.material.bits_per_character(selection.nats, "selection"),
            best=best,
        )
        run.chunk, run.loss_sum, run.epoch_seconds = 0, 0.0, 0.0
        self._begin_epoch()
        learner.reset()
        if best:
            self._export(judged, selection.nats)
        # In this order, so that a kill between two of them costs the epoch, not its line.
        self._progress.epoch_ended(record)
        run.seconds = self._elapsed()
        self._save()
        if self.options.sample_every and run.epoch % self.options.sample_every == 0:
            self._show_samples()
        self._give_way()

    def _begin_epoch(self) -> None:
        self._epoch_random = self._random.bit_generator.state
        self._chunks.begin(self._random)

    def _finish(self, reason: str) -> TrainingResult:
        """Measure the best epoch, as it was exported, on the held-out text: once."""
        if self._start and not self._run.best_epoch:  # the text made nothing better
            self._export(self._start, self._run.best)
        paths = find_artifact(self.models_dir, self.name)
        if paths is None:
            raise TrainingError(f"{self.folder} has lost its model: train again with --overwrite")
        weights = read_artifact(paths).weights
        parameters, _ = recurrent.from_network_weights(weights)
        self._learner.set_average(parameters)
        stateful, window = evaluate_both(
            self._learner,
            self.material.validation,
            self.options.seq_maxlen,
            np.random.default_rng(0),
            steps=self.options.steps,
        )
        bits = self.material.bits_per_character(1.0, "validation")
        prefer_windows = window.nats < stateful.nats - WINDOWS_MARGIN
        chosen = window if prefer_windows else stateful
        seconds = self._elapsed()

        def figures(found: Evaluation) -> dict[str, Any]:
            return {
                "nats": round(found.nats, 4),
                "bits_per_character": round(found.nats * bits, 4),
                "symbols": found.symbols,
            }

        metrics = {
            **figures(chosen),
            "held_out": self.material.held_out,
            "stateful": figures(stateful),
            "window": figures(window),
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
            bits_per_character=chosen.nats * bits,
            seconds=seconds,
            reason=reason,
        )
        self._progress.note(
            f"done: {reason}. Best epoch {result.best_epoch} of {result.epochs}, in "
            f"{duration(seconds)}. Held out ({self.material.held_out}): {stateful.nats:.4f} nats "
            f"per symbol stateful, {window.nats:.4f} in windows of {self.options.seq_maxlen}; "
            f"{result.bits_per_character:.3f} bits per character."
        )
        return result

    # --- parts of a step ---

    def _masks(self) -> tuple[Array, Masks]:
        """For a chunk: which rows keep their state, (B, 1) float32, and what is dropped."""
        options, random, chunks = self.options, self._random, self._chunks
        assert options.dropout is not None and options.weight_drop is not None
        reset = 1.0 if options.recipe == "windows" else options.reset
        keep = (random.random((chunks.rows, 1)) >= reset).astype(np.float32)
        layers, units = self.shape.layers, self.shape.units
        outputs, output_scale = _drop(
            options.dropout, (layers, chunks.steps, chunks.rows, units), random
        )
        weights, weight_scale = _drop(options.weight_drop, (layers, units, 4 * units), random)
        return keep, Masks(outputs, weights, output_scale, weight_scale)

    def _settle(self, pending: list[SupportsFloat]) -> float | None:
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

    def _judge(self) -> tuple[Evaluation, list[Array]]:
        """The selection slice in the recipe's own mode, and the weights that were judged."""
        options, pieces, learner = self.options, self.material.selection, self._learner
        average = learner.parameters()
        judged = self._kept(average)
        learner.set_average(judged)
        if options.recipe == "stateful":
            found = evaluate_stateful(learner, pieces, steps=options.steps)
        else:
            found = evaluate_windows(learner, pieces, options.seq_maxlen)
        learner.set_average(average)
        return found, judged

    def _kept(self, average: list[Array]) -> list[Array]:
        """What is judged and exported: the averaged weights, mixed with the base's if any."""
        if not self._start:
            return average
        assert self.options.base_share is not None
        return mixed(self._start, average, self.options.base_share)

    def _show_samples(self) -> None:
        seed_text = self.options.sample_seed or self.material.validation_text[:100]
        try:
            seed = self.material.vocabulary.encode(seed_text, "nearest").indices or [0]
        except SimpleMLError:
            seed = [0]
        parameters = self._learner.parameters()
        for temperature in (0.5, 1.0):
            indices = sample(
                parameters,
                self.shape,
                seed,
                SAMPLE_LENGTH,
                temperature,
                np.random.default_rng(0),
                never=self.material.vocabulary.unknown_index,
            )
            text = self.material.vocabulary.join(
                self.material.vocabulary.symbols[index] for index in indices
            )
            self._progress.sample(temperature, text)

    def _elapsed(self) -> float:
        """Seconds of training, earlier sessions included."""
        return time.perf_counter() - self._began

    def _updates_done(self) -> int:
        return self._run.epoch * self._chunks.count + self._run.chunk

    def _sizes(self) -> tuple[int, int, int, int]:
        shape = self.shape
        return shape.layers, shape.units, shape.vocabulary, self.options.seq_maxlen

    # --- files ---

    def _export(self, parameters: Sequence[Array], selection_nats: float | None) -> None:
        metrics: dict[str, Any] = {"held_out": self.material.held_out}
        if selection_nats is not None:
            metrics["selection_nats"] = round(selection_nats, 4)
        metrics["note"] = "still training: measured on a slice of the training part"
        self._write(parameters, self._card(metrics, stateful=self.options.recipe == "stateful"))

    def _write(self, parameters: Sequence[Array], card: Card) -> None:
        weights = recurrent.to_network_weights(parameters, self.shape)
        if self._about.get("base"):
            weights = weights.rounded()  # half the bytes when packed, for 0.0001 nats
        card = dataclasses.replace(card, weights_sha256=weights.sha256())
        export(self.models_dir, self.name, weights, self.material.vocabulary, card)

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
        if self._begun:
            training["begun_from"] = self._begun
        if reason:
            training["ended"] = reason
        return Card(
            layers=self.shape.layers,
            units=self.shape.units,
            vocabulary_size=len(self.material.vocabulary),
            seq_maxlen=self.options.seq_maxlen,
            level=self.options.level,
            stateful=stateful,
            lower=self.options.lower,
            unknown_symbol=self.material.vocabulary.unknown_symbol,
            **self._about,
            metrics=metrics,
            corpus=self.material.corpus,
            training=training,
        )

    def _save(self) -> None:
        facts = {
            "text_sha256": self.material.corpus["sha256"],
            "options": self.options.as_dict(),
            "run": dataclasses.asdict(self._run),
            "begun": self._begun,
            "random": {"epoch": self._epoch_random, "now": self._random.bit_generator.state},
        }
        state.save_point(
            self._state_path, state.SavedPoint(self._learner.state(), facts, self._start)
        )

    def _give_way(self) -> None:
        """End the run if a signal asked for it; what there is to save has just been saved."""
        if self._stop.number is None:
            return
        model = (
            f"the model of epoch {self._run.best_epoch} is in {self.folder}"
            if self._run.best_epoch
            else "no epoch had ended yet, so there is no new model"
        )
        raise InterruptedTrainingError(
            f"stopped in epoch {self._run.epoch + 1}; {model}. Go on with the same command and "
            "--resume",
            self._stop.number,
        )


def _drop(
    share: float, size: tuple[int, ...], random: np.random.Generator
) -> tuple[Array | None, float]:
    """(what is kept, bool; its scale) for dropout of ``share``, to the nearest 1/256."""
    threshold = round(share * 256)
    if not threshold:
        return None, 1.0
    kept = random.integers(0, 256, size, np.uint8) >= threshold  # bytes are drawn fastest
    return kept, 256.0 / (256.0 - threshold)


def _checked_name(name: str) -> str:
    try:
        return check_name(name)
    except SimpleMLError as error:
        raise TrainingError(f"--name: {error.message}") from None


def _settled(options: TrainingOptions, symbols: int, begun: bool) -> TrainingOptions:
    """The options with every None that depends on the text replaced."""
    windows = options.recipe == "windows"
    defaults: dict[str, Any] = {
        "dropout": 0.5 if windows else 0.35,
        "weight_drop": 0.0 if windows else 0.1,
        "epochs": 50 if windows else schedule.default_epochs(symbols),
        "batch_size": 128 if windows else schedule.default_rows(symbols),
        "learning_rate": 1e-3 if windows else 2e-3,
        "weight_decay": 0.03,
    }
    if begun:
        defaults |= tuning(symbols)
    elif options.max_minutes is not None and not windows:
        defaults["epochs"] *= 3  # the minutes decide, within reason
    missing = {name: value for name, value in defaults.items() if getattr(options, name) is None}
    return dataclasses.replace(options, **missing)
