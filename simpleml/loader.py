"""ModelLoader: a model's name → its SequenceGenerator, cached, reloaded when its files change.

Here generation meets what it does not know: the files (simpleml.models) and the text that a model
was trained on (simpleml.copying), which max_copy needs. Works under plain threads and under
gevent's patched ones.
"""

from __future__ import annotations

import ctypes
import gc
import os
import time
from collections import OrderedDict
from functools import partial
from pathlib import Path
from typing import Any

from simpleml.copying.cache import CorpusIndexes
from simpleml.copying.guard import check_max_copy, guards
from simpleml.copying.index import OriginalityIndex
from simpleml.errors import ArtifactError, ModelBrokenError, ModelNotFoundError
from simpleml.generation.logits_processors import ProcessorMaker, no_processors
from simpleml.generation.network import Precision
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.text_stream import GenerationOptions
from simpleml.models.artifact import ArtifactPaths, broken, find_artifact, read_artifact, read_card
from simpleml.models.card import NAME_PATTERN, RESERVED_NAMES, Card
from simpleml.models.vocabulary import Vocabulary
from simpleml.native import new_lock

MOST_LOADED = 8
_READ_ATTEMPTS = 3
_SETTLED_NS = 2_000_000_000  # the coarsest time stamps of file systems in use


class ModelLoader:
    """Finds the models of one folder and keeps the most recently used of them loaded."""

    def __init__(
        self,
        models_dir: Path | str = "ML",
        precision: Precision = "float32",
        *,
        most_loaded: int = MOST_LOADED,
        threads: int = 0,
    ) -> None:
        """Look into `models_dir`; nothing is read yet.

        Args:
            precision: of every model loaded here.
            most_loaded: models kept; the least recently used goes when another is loaded.
                Generations that still run on it finish.
            threads: native threads per step; 0 takes one per core.
        """
        self.models_dir = Path(models_dir)
        self.precision: Precision = precision
        self.threads = threads
        self.most_loaded = max(1, most_loaded)
        self.indexes = CorpusIndexes(models_dir, most_kept=self.most_loaded)
        """Of the texts that the models were trained on, where those lie beside them."""
        self._loaded: OrderedDict[str, tuple[Any, SequenceGenerator]] = OrderedDict()
        self._guard = new_lock()  # of _loaded and _loading, never held while reading
        self._loading: dict[str, Any] = {}
        self._found: dict[str, tuple[Any, ArtifactPaths]] = {}

    def names(self) -> list[str]:
        """Names of the folders that hold a model, whole or broken, sorted."""
        try:
            folders = sorted(path.name for path in self.models_dir.iterdir() if path.is_dir())
        except OSError:
            return []
        found = []
        for name in folders:
            if not NAME_PATTERN.fullmatch(name) or name in RESERVED_NAMES:
                continue
            try:
                if find_artifact(self.models_dir, name):
                    found.append(name)
            except ArtifactError:
                found.append(name)
        return found

    def loaded(self) -> list[str]:
        """Names of the models in memory."""
        with self._guard:
            return list(self._loaded)

    def card(self, name: str) -> Card:
        """The card of a model, from memory or from its file, else by loading the model.

        Raises:
            ModelNotFoundError, ModelBrokenError: as `load`.
        """
        paths = self._find(name)
        with self._guard:
            kept = self._loaded.get(name)
        if kept is not None and kept[0] == _signature(paths):
            return kept[1].card
        try:
            card = read_card(paths)
        except ModelBrokenError as error:
            raise broken(name, error) from None
        return card if card is not None else self.load(name).card

    def has_corpus(self, name: str) -> bool:
        """Whether the text that a model was trained on lies beside the models; reads no weights
        and not the text. False for a model that is not there or broken."""
        try:
            card = read_card(self._find(name))
        except (ModelNotFoundError, ModelBrokenError):
            return False
        return self.indexes.has(name, card.corpus if card else {})

    def corpus_index(self, generator: SequenceGenerator) -> OriginalityIndex:
        """The index of the text that a model was trained on; built at first use, seconds at most.

        Raises:
            CorpusUnavailableError: the text is not beside the models, or is not the card's.
        """
        return self.indexes.load(generator.name, generator.card)

    def load(self, name: str) -> SequenceGenerator:
        """The model of that name: the same object until its files change.

        Raises:
            ModelNotFoundError: there is none; the message lists those that exist.
            ModelBrokenError: its files cannot be used; says which one and why. Other models are
                not concerned.
        """
        paths = self._find(name)
        signature = _signature(paths)
        if (kept := self._kept(name, signature)) is not None:
            return kept
        with self._guard:
            lock = self._loading.setdefault(name, new_lock())
        with lock:
            # whoever waited here finds what the first one loaded
            if (kept := self._kept(name, signature)) is not None:
                return kept
            signature, generator = self._read(name)
            with self._guard:
                self._loaded[name] = (signature, generator)
                self._loaded.move_to_end(name)
                while len(self._loaded) > self.most_loaded:
                    self._loaded.popitem(last=False)
            return generator

    def kept(self, name: str) -> SequenceGenerator | None:
        """The model if it is in memory and its files are the same; reads no weights.

        Raises:
            ModelNotFoundError, ModelBrokenError: as `load`.
        """
        return self._kept(name, _signature(self._find(name)))

    def _kept(self, name: str, signature: Any) -> SequenceGenerator | None:
        with self._guard:
            kept = self._loaded.get(name)
            if kept is None or kept[0] != signature:
                return None
            self._loaded.move_to_end(name)
            return kept[1]

    def _find(self, name: str) -> ArtifactPaths:
        """Where the model's files lie. Looked up again when the folder's entries change: looking
        takes ten times as long as asking whether they did, and every request asks."""
        for attempt in range(_READ_ATTEMPTS):
            state = _folder_state(self.models_dir, name)
            found = self._found.get(name)
            if found is not None and found[0] == state is not None:
                return found[1]
            try:
                paths = self._look_up(name)
            except (ModelNotFoundError, ModelBrokenError):
                # replaced while its files were listed: what was listed is the rest of the old one
                if _folder_state(self.models_dir, name) != state and attempt + 1 < _READ_ATTEMPTS:
                    continue
                raise
            # A folder that changed just now may change once more without another time stamp.
            if state is not None and time.time_ns() - state[-1] > _SETTLED_NS:
                self._found[name] = (state, paths)
            return paths
        raise AssertionError("the last attempt returns or raises")

    def _look_up(self, name: str) -> ArtifactPaths:
        try:
            paths = find_artifact(self.models_dir, name)
        except ModelBrokenError as error:
            raise broken(name, error) from None
        if paths is None:
            names = self.names()
            shown = name if len(name) <= 64 else name[:64] + "…"
            listed = f"There are: {', '.join(names)}." if names else "There are none yet."
            raise ModelNotFoundError(f"There is no model {shown!r}. {listed}", param="model")
        return paths

    def _read(self, name: str) -> tuple[Any, SequenceGenerator]:
        for attempt in range(_READ_ATTEMPTS):
            paths = self._find(name)
            before = _signature(paths)
            try:
                artifact = read_artifact(paths)
            except ModelBrokenError as error:
                # replaced while it was being read: what was read is half of each
                if _signature(paths) != before and attempt + 1 < _READ_ATTEMPTS:
                    continue
                raise broken(name, error) from None
            if _signature(paths) == before or attempt + 1 == _READ_ATTEMPTS:
                break
        processors = partial(_processors, self.indexes, name, artifact.card, artifact.vocabulary)
        generator = SequenceGenerator(artifact, self.precision, self.threads, processors)
        del artifact
        _return_memory()
        return before, generator


def _processors(
    indexes: CorpusIndexes,
    name: str,
    card: Card,
    vocabulary: Vocabulary,
    options: GenerationOptions,
) -> ProcessorMaker:
    """What SequenceGenerator takes, once the model's side of it is given."""
    if options.max_copy is None:
        return no_processors
    check_max_copy(options.max_copy, vocabulary)
    return guards(indexes.load(name, card), options.max_copy, vocabulary)


def _folder_state(models_dir: Path, name: str) -> tuple[int, int, int] | None:
    """Changes when a file comes into the folder or goes, or when it is another folder."""
    if not NAME_PATTERN.fullmatch(name):
        return None
    try:
        info = os.stat(f"{models_dir}/{name}")  # noqa: PTH116  # a Path costs as much as the rest
    except OSError:
        return None
    return info.st_dev, info.st_ino, info.st_mtime_ns


def _signature(paths: ArtifactPaths) -> Any:
    try:
        return paths.signature()
    except OSError:
        return None


def _return_memory() -> None:
    """Give the pages that reading and packing the weights took back to the system (glibc)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
