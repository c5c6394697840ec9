"""The training loop: from a text to ML/<name>/, and on again after an interruption.

``Trainer`` reads the text, holds out its parts, makes the updates on whichever backend Keras has,
judges the network now and then on the selection slice, exports the best one at once, saves a point
to resume from, and reports the held-out figures once, at the end. It must not import TFLearn (which
switches TensorFlow to its first version's behaviour) nor know of HTTP.

Try it::

    from simpleml.training.trainer import Trainer, TrainingOptions
    Trainer("text.txt", "mine", options=TrainingOptions(units=64, epochs=2)).run()
"""

from __future__ import annotations

import dataclasses
import math
import time
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np

from simpleml.errors import TrainingError
from simpleml.training import backends, recurrent, schedule, state
from simpleml.training.begun import begin, go_on, settled
from simpleml.training.evaluation import Evaluation, evaluate
from simpleml.training.export import prepare
from simpleml.training.fine_tuning import mixed
from simpleml.training.judging import JudgingPlan
from simpleml.training.learner import Learner, LearnerState, learner_options
from simpleml.training.masks import draw_masks
from simpleml.training.material import read_material
from simpleml.training.model_writer import ModelWriter
from simpleml.training.options import TrainingOptions, lengthened, resumed
from simpleml.training.preconditions import check_disk, checked_name, refuse_to_harm
from simpleml.training.progress import Judgement, Progress
from simpleml.training.progress.events import EVENTS_FILE
from simpleml.training.progress.judgements import recorded
from simpleml.training.recurrent import Array, NetworkShape
from simpleml.training.run_state import RunState, TrainingResult, count
from simpleml.training.samples import sample_text
from simpleml.training.stopping import InterruptedTrainingError, StopRequest, stop_request
from simpleml.training.streams import make_chunks
from simpleml.training.tflearn_meta import GraphSizes

__all__ = ["InterruptedTrainingError", "Trainer", "TrainingOptions", "TrainingResult"]

SAVE_EVERY = 60.0  # seconds between saved points, at most
REPLAN_EVERY = 15.0  # seconds between new guesses of what --max-minutes leaves room for
STATE_FILE = Path("training") / "state.npz"
OVER = 1.0 - 1e-9  # progress at which the schedule is done
PATIENT_UNTIL = 0.5
"""Progress before which a worse judgement does not count: with the learning rate still high and
dropout still rising the score wavers, and gains most when the rate falls."""


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
        overwrite: replace an existing model, at the first judgement.
        encoding: of the text file, if it is plain text in one; else found out.
        source: where the text comes from, for the card.
        licence: of the text, for the card.
        status: file that says each second how far it is (see ``Progress``).
        progress: who is told; one that writes to standard error by default.
        about: fields of the card that the text alone does not say: ``language``, ``base``.

    Raises:
        TrainingError: it cannot start; the message says why, and nothing has been touched.
    """

    _began = 0.0  # moment of the run's beginning, earlier sessions included
    _saved = _planned = 0.0  # seconds of training at the last saved point, at the last plan
    _judge_cost = 0.0  # seconds that the last judgement took
    _stop = StopRequest()
    _learner: Learner
    _epoch_random: Any  # the generator's state when the epoch began

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
        given = given or {}
        self.name = checked_name(name)
        self.models_dir, self.folder = Path(models_dir), Path(models_dir) / name
        self._state_path = self.folder / STATE_FILE
        if not (resume or overwrite):
            refuse_to_harm(self.models_dir, name, self._state_path)
        point = state.load_point(self._state_path) if resume else None
        options = (
            (options or TrainingOptions()).checked()
            if point is None
            else resumed(point.facts["options"], given)
        )
        self.material = material = read_material(text, options, encoding, source, licence)
        begun = (
            begin(material, options, given, self.models_dir, name)
            if point is None
            else go_on(point, material, options, name, text)
        )
        self._start = begun.start
        self._notes = [*material.notes, *begun.notes]
        self.options = settled(begun.options, len(material.training), bool(self._start))
        self.shape = NetworkShape(len(material.vocabulary), self.options.units, self.options.layers)
        check_disk(self.folder, self.shape)
        self._chunks = make_chunks(material.training, self.options)
        self._point = point
        self._run = RunState.of(point.facts["run"]) if point is not None else RunState()
        self._random = np.random.default_rng(self.options.random_state)
        self._pace = self._make_pace(given)
        self._plan = JudgingPlan(
            self._chunks.count, material.characters["training"], self.options.judge_every
        )
        self._progress = progress or Progress(
            folder=self.folder,
            events=self.folder / EVENTS_FILE,
            tensorboard=tensorboard,
            status=status,
        )
        self._writer = ModelWriter(
            self.models_dir, name, material, self.shape, self.options, command,
            {**begun.about, **(about or {})}, begun.card,
        )  # fmt: skip

    # --- before the first step ---

    def _make_pace(self, given: dict[str, Any]) -> schedule.Pace:
        """The plan of updates; a resumed run that was ``given`` another end moves on it."""
        assert self.options.epochs is not None
        total = self.options.epochs * self._chunks.count
        if self._point is not None and lengthened(self._point.facts["options"], given):
            self._run.progress = min(1.0, self._updates_done() / total)
        minutes = self.options.max_minutes
        return schedule.Pace(total, None if minutes is None else 60 * minutes)

    def _make_learner(self) -> Learner:
        backend = backends.current()
        backend.prepare()
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
        return backend.Learner(self.shape, learner_options(self.options, backend), start)

    # --- the run ---

    def run(self) -> TrainingResult:
        """Train to the end.

        Raises:
            InterruptedTrainingError: Ctrl-C or SIGTERM came; a point is saved, and the message
                says how to go on.
            TrainingError: the disk is full, or the loss is no longer a number.
        """
        with stop_request() as self._stop, self._progress:
            if self._point is None:  # with --overwrite, another run's
                self._state_path.unlink(missing_ok=True)
                (self.folder / EVENTS_FILE).unlink(missing_ok=True)
            for line in self.material.shown:
                self._progress.note(line)
            for note in self._notes:
                self._progress.note(note)
            shape = self.shape  # TFLearn begins to build the graph beside us:
            prepare(
                GraphSizes(shape.layers, shape.units, shape.vocabulary, self.options.seq_maxlen)
            )
            history = recorded(self.folder) if self._point is not None else []
            self._learner = self._make_learner()
            done, seconds = self._updates_done(), self._run.seconds
            self._progress.start(
                self._pace.updates,
                step=done,
                characters=done * self._chunks.targets,
                seconds=seconds,
                history=[one for one in history if one.step <= self._learner.updates],
                max_seconds=self._pace.seconds and self._pace.seconds - seconds,
            )
            self._began = time.perf_counter() - seconds
            self._saved = self._planned = seconds
            if self._start and not math.isfinite(self._run.best):
                self._run.best = self._measure()[0].nats  # of the base as it is: to be beaten
                self._writer.begun["selection_nats"] = round(self._run.best, 4)
            try:
                return self._finish(self._train())
            except InterruptedTrainingError as stop:
                self._progress.end("stopped", stop.message)
                raise

    def export_only(self) -> Path:
        """Write the model from the last saved point's averaged weights, training nothing."""
        if self._point is None:
            raise TrainingError("--export-only writes a model from a saved point: add --resume")
        backends.current()
        nats = self._run.best if math.isfinite(self._run.best) else None
        self._writer.write_unfinished(
            self._kept(self._point.learner.groups.average), self._run, nats
        )
        return self.folder

    def _train(self) -> str:
        """Updates and judgements until schedule, patience or time is at its end; says which."""
        run, options = self._run, self.options
        while run.progress < OVER:
            self._train_until_due()
            if run.progress >= OVER or self._judgement_due():
                self._judge()
            elif run.chunk == self._chunks.count:
                self._next_epoch()
            if self._stop.number is not None:
                self._save()
                self._give_way()
            if run.impatient(options.patience):
                return f"no better epoch for {options.patience} epochs"
        if self._updates_done() < self._pace.updates:
            return f"the {options.max_minutes:g} minutes are over"
        return "all epochs are done"

    def _judgement_due(self) -> bool:
        run = self._run
        return self._plan.due(run.epoch, run.chunk) and self._plan.affordable(
            self._epochs_done(), run.training_seconds, self._judge_cost
        )

    def _train_until_due(self) -> None:
        """Make updates until a judgement may be due, or until something ends.

        That is the epoch, the schedule, or all of it when a signal came.
        """
        run, chunks = self._run, self._chunks
        every = backends.current().READ_EVERY
        pending: list[SupportsFloat] = []
        advance = self._pace.advance(run.progress, self._updates_done())
        last = self._elapsed()
        while run.progress < OVER:
            pending.append(self._update())
            run.chunk += 1
            run.progress = min(1.0, run.progress + advance)
            loss = self._settle(pending) if len(pending) >= every else None
            self._progress.step(self._chunks.targets, loss, run.progress)
            run.seconds = now = self._elapsed()
            run.training_seconds += now - last
            last = now
            self._pace.update_ended(now)
            due = now - self._planned > REPLAN_EVERY or self._pace.timed == 10
            if self._pace.seconds and due:
                self._planned, advance = now, self._pace.advance(run.progress, self._updates_done())
            if run.chunk == chunks.count or self._plan.due(run.epoch, run.chunk):
                break
            if self._stop.number is not None:
                break
            if now - self._saved > SAVE_EVERY and run.progress < OVER:
                self._settle(pending)
                self._save()
        self._settle(pending)

    def _update(self) -> SupportsFloat:
        """One update on the next chunk; returns its loss, perhaps still on the device."""
        updates = self._learner.updates
        windows = self.options.recipe == "windows"
        horizon = 1.0 if windows else min(300.0, 0.05 * self._pace.updates)
        return self._learner.train(
            *self._chunks.chunk(self._run.chunk),
            *draw_masks(self.options, self.shape, self._chunks, self._random),
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

    def _judge(self) -> None:
        """Measure the selection slice, export the network if it is the best, save a point."""
        run, learner = self._run, self._learner
        began, epochs = self._elapsed(), self._epochs_done()
        learning_rate = self._learning_rate()
        rate = run.losses * self._chunks.targets / max(1e-9, run.training_seconds)
        loss = run.loss_sum / max(1, run.losses)
        selection, judged = self._measure()
        counts = run.progress >= PATIENT_UNTIL or self.options.recipe == "windows"
        best = run.note_judgement(selection.nats, epochs, counts)
        judgement = Judgement(
            epoch=epochs,
            step=learner.updates,
            seconds=run.seconds,
            characters_per_second=rate,
            learning_rate=learning_rate,
            loss=loss,
            selection_nats=selection.nats,
            validation_nats=None,  # the held-out part is measured once, at the end
            validation_bits=self.material.bits_per_character(selection.nats, "selection"),
            best=best,
        )
        if run.chunk == self._chunks.count:
            self._next_epoch()
        if best:
            self._writer.write_unfinished(judged, run, selection.nats)
        # In this order, so that a kill between two of them costs the judgement, not its line.
        self._progress.judged(judgement)
        every = self.options.sample_every
        samples = bool(every) and int(epochs / every) > int(run.sampled / every)
        if samples:
            run.sampled = epochs
        run.seconds = self._elapsed()
        self._save()
        self._judge_cost = self._elapsed() - began
        if samples:
            self._show_samples()

    def _measure(self) -> tuple[Evaluation, list[Array]]:
        """The selection slice in the recipe's own mode, and the weights that were judged."""
        average = self._learner.parameters()
        judged = self._kept(average)
        self._learner.set_average(judged)
        found = evaluate(self._learner, self.material.selection, self.options)
        self._learner.set_average(average)
        return found, judged

    def _kept(self, average: list[Array]) -> list[Array]:
        """What is judged and exported: the averaged weights, mixed with the base's if any."""
        if not self._start:
            return average
        assert self.options.base_share is not None
        return mixed(self._start, average, self.options.base_share)

    def _next_epoch(self) -> None:
        """Go on with the next epoch, from its first chunk and the zero state."""
        self._run.epoch, self._run.chunk = self._run.epoch + 1, 0
        self._begin_epoch()
        self._learner.reset()

    def _begin_epoch(self) -> None:
        self._epoch_random = self._random.bit_generator.state
        self._chunks.begin(self._random)

    def _finish(self, reason: str) -> TrainingResult:
        """Measure the best epoch, as it was exported, on the held-out text: once."""
        if self._start and not self._run.best_epoch:  # the text made nothing better
            self._writer.write_unfinished(self._start, self._run, self._run.best)
        stateful, window, bits = self._writer.measure(self._learner, self._run, reason)
        result = TrainingResult(
            folder=self.folder,
            epochs=count(max(self._run.judged, self._run.epoch)),
            best_epoch=count(self._run.best_epoch),
            selection_nats=self._run.best,
            stateful=stateful,
            window=window,
            bits_per_character=bits,
            seconds=self._elapsed(),
            reason=reason,
        )
        self._progress.note(result.line(self.material.held_out, self.options.seq_maxlen))
        self._progress.end("done", reason, **result.figures())
        return result

    # --- parts of a step ---

    def _settle(self, pending: list[SupportsFloat]) -> float | None:
        """Read the losses that are still on the device into the sum since the last judgement."""
        if not pending:
            return None
        values = [float(value) for value in pending]
        pending.clear()
        self._run.loss_sum += sum(values)
        self._run.losses += len(values)
        if not math.isfinite(values[-1]):
            raise TrainingError(
                "the loss is no longer a number: try a smaller --learning-rate, or --precision "
                "float32; the best model so far stands"
            )
        return values[-1]

    def _show_samples(self) -> None:
        seed_text = self.options.sample_seed or self.material.validation_text[:100]
        parameters = self._learner.parameters()
        for temperature in (0.5, 1.0):
            text = sample_text(parameters, self.shape, self.material, seed_text, temperature)
            self._progress.sample(temperature, text, seed_text)

    def _elapsed(self) -> float:
        """Seconds of training, earlier sessions included."""
        return time.perf_counter() - self._began

    def _updates_done(self) -> int:
        return self._run.epoch * self._chunks.count + self._run.chunk

    def _epochs_done(self) -> float:
        return self._run.epoch + self._run.chunk / self._chunks.count

    def _save(self) -> None:
        facts = {
            "text_sha256": self.material.corpus["sha256"],
            "options": self.options.as_dict(),
            "run": dataclasses.asdict(self._run),
            "begun": self._writer.begun,
            "random": {"epoch": self._epoch_random, "now": self._random.bit_generator.state},
        }
        point = state.SavedPoint(self._learner.state(), facts, self._start)
        state.save_point(self._state_path, point)
        self._saved = self._elapsed()

    def _give_way(self) -> None:
        """End the run if a signal asked for it; what there is to save has just been saved."""
        if self._stop.number is None:
            return
        raise InterruptedTrainingError(self._run.stopped(self.folder), self._stop.number)
