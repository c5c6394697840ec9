"""Trainings as folders of files, for all workers of a server: <models>/.training/<name>/.

    job.json      what was asked for and how it stands (Job)
    <name>.txt    the text
    log.txt       what train.py wrote
    lock          held by the process that trains

Any worker may take, list and cancel trainings: every change is made under one lock, and every file
is written whole and synced with its folder. A damaged job.json costs that training alone: it
counts as failed and can be deleted. Who runs them is simpleml.jobs.supervisor. Knows no HTTP.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from simpleml.errors import (
    InvalidValueError,
    SimpleMLError,
    TrainingConflictError,
    TrainingNotFoundError,
    TrainingStorageError,
)
from simpleml.files import sync_folder, try_lock, write_whole
from simpleml.jobs.job import Job, State, read_job, write_job
from simpleml.jobs.queue import check_share, training_order
from simpleml.jobs.report import read_report
from simpleml.models.artifact import find_artifact, read_card
from simpleml.models.bases import bases_in
from simpleml.models.card import NAME_PATTERN, check_name
from simpleml.models.text_file import TRAININGS

MOST_INTERRUPTIONS = 3
"""So often in a row, without an epoch between, a training is taken up again by itself."""
_MARK = Path("training") / "made-here.json"
_STALE_SECONDS = 3600.0


class JobStore:
    """The trainings of one models folder.

    Args:
        models_dir: the folder of the models.
        most: trainings kept at once, whatever their state.
    """

    def __init__(self, models_dir: Path | str, most: int) -> None:
        self.models_dir = Path(models_dir).absolute()
        self.root = self.models_dir / TRAININGS
        self.most = most

    # --- looking ---

    def jobs(self) -> list[Job]:
        """All trainings in the order in which they were queued."""
        try:
            names = os.listdir(self.root)
        except OSError:
            return []
        found = (self.find(name) for name in names if NAME_PATTERN.fullmatch(name))
        return sorted((job for job in found if job is not None), key=lambda job: job.queued)

    def find(self, name: str) -> Job | None:
        """The training of that name, None if there is none."""
        return read_job(self.root / name) if NAME_PATTERN.fullmatch(name) else None

    def get(self, name: str) -> Job:
        """The training of that name.

        Raises:
            TrainingNotFoundError: there is none; the message lists those that there are.
        """
        job = self.find(name)
        if job is None:
            there = ", ".join(one.name for one in self.jobs()) or "none"
            raise TrainingNotFoundError(
                f"There is no training {name[:70]!r}. Available: {there}.", param="name"
            )
        return job

    def folder(self, name: str) -> Path:
        """Where a training's files lie."""
        return self.root / name

    def text(self, name: str) -> Path:
        """A training's text."""
        return self.root / name / f"{name}.txt"

    def model(self, name: str) -> Path:
        """The folder of the model that it makes."""
        return self.models_dir / name

    def place(self, job: Job, jobs: list[Job]) -> int | None:
        """How many trainings of `jobs` come before a waiting one; None if it does not wait."""
        order = [one.name for one in training_order(jobs)]
        if job.name not in order:
            return None
        return order.index(job.name) + any(one.state == "running" for one in jobs)

    def is_training(self, name: str) -> bool:
        """Whether a process trains it now, of this server or left by one that died."""
        with self._open(self.root / name / "lock") as file:
            return not try_lock(file)

    def made_here(self, job: Job) -> bool:
        """Whether the model of that name is this training's own, wholly.

        A model that someone put in its place, or copied over it, is theirs.
        """
        folder = self.model(job.name)
        try:
            if job.damaged or folder.is_symlink():
                return False
            if json.loads((folder / _MARK).read_text())["id"] != job.id:
                return False
            card = folder / f"{job.name}.json"
            if card.exists():
                read = json.loads(card.read_text(encoding="utf-8"))
                return bool(read["corpus"]["sha256"] == job.sha256)
            return not list(folder.glob("*.index"))
        except (OSError, ValueError, KeyError, TypeError):
            return False

    # --- changing ---

    def check_free(self, name: str) -> None:
        """See whether a training of that name could be taken.

        Raises:
            InvalidValueError: no model can have that name.
            TrainingConflictError: a training or a model has it, or there are too many.
        """
        try:
            check_name(name)
        except InvalidValueError as error:
            error.param = "name"
            raise
        if self.find(name) is not None:
            raise TrainingConflictError(
                f"A training named {name} exists already: resume it, delete it, or choose another "
                "name.",
                param="name",
                reason="training_exists",
                params={"name": name},
            )
        if os.path.lexists(self.model(name)):
            raise TrainingConflictError(
                f"A model named {name} exists already, and it was not trained here: choose another "
                "name.",
                param="name",
                reason="model_exists",
                params={"name": name},
            )
        if len(self.jobs()) >= self.most:
            raise TrainingConflictError(
                f"There are {self.most} trainings, as many as this server keeps: delete one first.",
                reason="trainings_kept",
                params={"most": self.most},
            )

    def check_beginning(self, options: dict[str, Any], name: str | None = None) -> None:
        """See whether a training could begin from the model that its options name, if they do.

        Args:
            options: of the training; `begin_from` may name a model.
            name: of the model that is to be made.

        Raises:
            InvalidValueError: there is no such model in this folder, or it is of another kind.
        """
        base = options.get("begin_from", "auto")
        if base in ("auto", "nothing"):
            return
        try:
            paths = find_artifact(self.models_dir, base)
            card = None if paths is None else read_card(paths)
        except SimpleMLError as error:
            raise InvalidValueError(f"from is {base!r}: {error.message}", param="from") from None
        if base == name:
            why, reason = "that is the model to be made; choose another name", "base_itself"
        elif paths is None:
            there = ", ".join(bases_in(self.models_dir)) or "none"
            why, reason = f"there is no such model here; bases here: {there}", "base_gone"
        elif card is not None and card.level != "char":
            why, reason = "it is a network of words", "base_of_words"
        elif options.get("level") == "word":
            why, reason = "a network of words begins from nothing", "words_from_nothing"
        else:
            return
        why, name = f"from is {base[:70]!r}: {why}", base[:70]
        raise InvalidValueError(why, param="from", reason=reason, params={"name": name})

    def create(
        self,
        name: str,
        text: str,
        options: dict[str, Any],
        source: str | None = None,
        *,
        visitor: str = "",
        most_own: int = 0,
    ) -> Job:
        """Put a training at the end of the queue.

        Args:
            name: of the model that it makes.
            text: to learn from.
            options: of train.py, by the names of TrainingOptions' fields.
            source: where the text comes from, for the card.
            visitor: who asks for it, in a class.
            most_own: that a visitor may have there that wait or run.

        Raises:
            InvalidValueError, TrainingConflictError: as `check_free` and `check_share`.
        """
        self.check_beginning(options, name)
        self.check_free(name)
        now = time.time()
        content = text.encode()
        job = Job(
            name=name,
            id=secrets.token_hex(16),
            state="waiting",
            created=now,
            queued=now,
            options=options,
            characters=len(text),
            sha256=hashlib.sha256(content).hexdigest(),
            source=source,
            visitor=visitor,
        )
        with self._building() as building:
            write_whole(building / f"{name}.txt", content)
            write_job(building, job)
            with self._alone():
                self.check_free(name)
                check_share(self.jobs(), visitor, most_own)
                building.rename(self.root / name)
                sync_folder(self.root)
        return job

    def cancel(self, name: str) -> Job:
        """Stop a training: at once while it waits, else as soon as its process has saved.

        Raises:
            TrainingNotFoundError: there is none of that name.
            TrainingConflictError: it neither waits nor runs.
        """
        with self._alone():
            job = self.get(name)
            if job.state == "waiting":
                return self._put(job, state="cancelled", ended=time.time())
            if job.state == "running":
                return self._put(job, cancel=True)
            raise TrainingConflictError(
                f"The training {name} is {job.state}: there is nothing to cancel.",
                param="name",
                reason="training_over",
                params={"name": name},
            )

    def resume(self, name: str, max_minutes: float | None = None, *, most_own: int = 0) -> Job:
        """Put a training that ended before its time at the end of the queue.

        Args:
            name: of the training.
            max_minutes: that it may take from now on; so one whose minutes are over goes on too.
            most_own: that its visitor may have that wait or run, in a class.

        Raises:
            TrainingNotFoundError: there is none of that name.
            TrainingConflictError: it waits, runs or is done.
        """
        with self._alone():
            job = self.get(name)
            if job.damaged:
                raise TrainingConflictError(job.error, param="name")
            options = job.options
            resumable = job.state in ("failed", "cancelled", "interrupted")
            if max_minutes is not None:
                resumable = resumable or (job.state == "done" and bool(options.get("max_minutes")))
                total = max_minutes + read_report(self.model(name)).seconds / 60
                options = {**options, "max_minutes": round(total, 3)}
            if not resumable:
                raise TrainingConflictError(
                    f"The training {name} is {job.state}: there is nothing to resume.",
                    param="name",
                    reason="training_not_over",
                    params={"name": name},
                )
            check_share(self.jobs(), job.visitor, most_own)
            return self._put(
                job,
                state="waiting",
                options=options,
                queued=time.time(),
                ended=None,
                error="",
                error_reason="",
                error_values={},
                interruptions=0,
            )

    def delete(self, name: str) -> bool:
        """Remove a training and the model that it made; says whether a model went with it.

        A model of that name that was not made here stays.

        Raises:
            TrainingNotFoundError: there is none of that name.
            TrainingConflictError: it runs.
        """
        with self._building() as gone:
            with self._alone():
                job = self.get(name)
                if job.state == "running" or self.is_training(name):
                    raise TrainingConflictError(
                        f"The training {name} is running: cancel it first.",
                        param="name",
                        reason="training_runs",
                        params={"name": name},
                    )
                folder = self.model(name)
                ours = self.made_here(job)
                had_model = ours and any(folder.glob("*.index"))
                if ours:
                    folder.rename(gone / "model")
                self.folder(name).rename(gone / "job")
                sync_folder(self.models_dir)
                sync_folder(self.root)
            return had_model

    def claim(self, job: Job) -> None:
        """Make the folder that the model will lie in, with a mark that it is this training's.

        Raises:
            TrainingConflictError: something else has that name by now.
        """
        if self.made_here(job):
            return
        if os.path.lexists(self.model(job.name)):
            raise TrainingConflictError(
                f"a model {job.name} that was not trained here was put in its place"
            )
        with self._building() as building:
            (building / _MARK).parent.mkdir()
            write_whole(building / _MARK, json.dumps({"id": job.id}).encode())
            building.rename(self.model(job.name))
            sync_folder(self.models_dir)

    def put(self, name: str, only: Sequence[State] = (), **changes: Any) -> Job | None:
        """Change a training's fields; None if it is gone or damaged.

        Args:
            name: of the training.
            only: states in which alone it is changed; of all others None comes back as well.
            changes: the fields' new values.
        """
        with self._alone():
            job = self.find(name)
            if job is None or job.damaged or (only and job.state not in only):
                return None
            return self._put(job, **changes)

    def interrupted(self, name: str, epochs: int) -> Job | None:
        """Note that its process ended with its server, after so many epochs.

        It waits again, before all that was queued later, unless that happens again and again.
        """
        with self._alone():
            job = self.find(name)
            if job is None or job.damaged:
                return None
            times = 1 if epochs > job.epochs_then else job.interruptions + 1
            again = times <= MOST_INTERRUPTIONS and not job.cancel
            state: State = "cancelled" if job.cancel else "waiting" if again else "interrupted"
            return self._put(
                job,
                state=state,
                cancel=False,
                interruptions=times,
                epochs_then=epochs,
                ended=None if again else time.time(),
                error="" if again or job.cancel else f"The server stopped {times} times since.",
            )

    def lead(self) -> IO[str] | None:
        """Become the one that runs the trainings: a file to keep open, None if another one is."""
        file = self._open(self.root / ".leader")
        if try_lock(file):
            return file
        file.close()
        return None

    def tidy(self) -> None:
        """Remove what a crash left half made."""
        for path in self.root.glob(".new-*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)

    @contextlib.contextmanager
    def workshop(self) -> Iterator[Path]:
        """A folder for passing use."""
        with self._building() as building:
            yield building

    # --- files ---

    def _put(self, job: Job, **changes: Any) -> Job:
        changed = dataclasses.replace(job, **changes)
        write_job(self.root / job.name, changed)
        return changed

    @contextlib.contextmanager
    def _building(self) -> Iterator[Path]:
        """A folder that is renamed or removed."""
        with _storage():
            self.root.mkdir(parents=True, exist_ok=True)
            folder = self.root / f".new-{secrets.token_hex(8)}"
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of all changes; for instants only, and never while waiting."""
        with _storage(), self._open(self.root / ".changes") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _open(self, path: Path) -> IO[str]:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a", encoding="utf-8")


@contextlib.contextmanager
def _storage() -> Iterator[None]:
    """Say what the disk refuses in a sentence for the person who asked."""
    try:
        yield
    except OSError as error:
        raise TrainingStorageError(
            f"The trainings cannot be saved: {error.strerror or error}."
        ) from error
