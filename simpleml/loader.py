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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from simpleml.copying.cache import CorpusIndexes, base_of
from simpleml.copying.guard import check_max_copy, guards
from simpleml.copying.index import Copied
from simpleml.copying.several import CorpusIndex, joined
from simpleml.errors import (
    ArtifactError,
    CorpusUnavailableError,
    InvalidValueError,
    ModelBrokenError,
    ModelNotFoundError,
)
from simpleml.generation.blend import Blend, Ensemble, check_kinds
from simpleml.generation.logits_processors import ProcessorMaker, no_processors
from simpleml.generation.mix import checked_mix, is_mix, parse_mix
from simpleml.generation.network import Precision
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.text_stream import GenerationOptions
from simpleml.models.artifact import ArtifactPaths, broken, find_artifact, read_artifact, read_card
from simpleml.models.card import NAME_PATTERN, RESERVED_NAMES, Card
from simpleml.native import new_lock

MOST_LOADED = 8
_READ_ATTEMPTS = 3
_SETTLED_NS = 2_000_000_000  # the coarsest time stamps of file systems in use


Result = TypeVar("Result")


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
            models_dir: with a folder for each model.
            precision: of every model loaded here.
            most_loaded: models kept; the least recently used goes when another is loaded.
                Generations that still run on it finish.
            threads: native threads of a step that has all cores; 0 takes one per core.
        """
        self.models_dir = Path(models_dir)
        self.precision: Precision = precision
        self.threads = threads
        self.most_loaded = max(1, most_loaded)
        self.indexes = CorpusIndexes(models_dir, most_kept=self.most_loaded)
        """Of the texts that the models were trained on, where those lie beside them."""
        self._loaded: OrderedDict[str, tuple[Any, SequenceGenerator]] = OrderedDict()
        self._ensembles: OrderedDict[tuple[str, ...], Ensemble] = OrderedDict()
        self._guard = new_lock()  # of these two and _loading, never held while reading
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

    def known_card(self, name: str) -> Card | None:
        """The card of a model as its file has it; None where it has none, is missing or broken."""
        try:
            return read_card(self._find(name))
        except (ModelNotFoundError, ModelBrokenError):
            return None

    def corpus(self, name: str) -> Mapping[str, Any]:
        """What a model's card says of the text that it has read.

        Reads neither weights nor text; empty for a model that is missing, broken or has no card.
        """
        card = self.known_card(name)
        return {} if card is None else card.corpus

    def begun_from(self, name: str) -> Mapping[str, Any]:
        """What a model's card says of the beginning of its training; as `corpus`."""
        card = self.known_card(name)
        return {} if card is None else card.begun_from

    def has_corpus(self, name: str) -> bool:
        """Whether the text that a model was trained on lies beside the models.

        Reads neither weights nor text; False for a model that is missing or broken.
        """
        try:
            card = read_card(self._find(name))
        except (ModelNotFoundError, ModelBrokenError):
            return False
        return self.indexes.has(name, card)

    def corpus_index(self, generator: SequenceGenerator) -> CorpusIndex:
        """The index of the text that a model was trained on; built at first use, seconds at most.

        Raises:
            CorpusUnavailableError: the text is not beside the models, or is not the card's.
        """
        return joined(
            {one.name: self.indexes.load(one.name, one.card) for one in generator.members}
        )

    def kept_corpus_index(self, generator: SequenceGenerator) -> CorpusIndex | None:
        """The same if it is in memory; reads nothing.

        Raises:
            CorpusUnavailableError: as `corpus_index`.
        """
        kept = {one.name: self.indexes.kept(one.name, one.card) for one in generator.members}
        found = {name: index for name, index in kept.items() if index is not None}
        return joined(found) if len(found) == len(kept) else None

    def base_index(self, generator: SequenceGenerator) -> CorpusIndex | None:
        """The index of what the model has read that a model began from; None if it began from none.

        Raises:
            CorpusUnavailableError: that text is not beside the models, or is another.
        """
        bases = bases_of(generator)
        found = {name: self.indexes.load(name, card) for name, card in bases.items()}
        return joined(found) if found else None

    def examine(self, generator: SequenceGenerator, index: CorpusIndex, text: str) -> Copied:
        """What of a text stands in the model's own text and, apart, in its base's.

        Args:
            generator: what wrote it.
            index: of the model's own; see `corpus_index`.
            text: that was generated.
        """
        try:
            base = self.base_index(generator)
        except CorpusUnavailableError:
            base = None
        name = "+".join(bases_of(generator)) or None
        return Copied(index.examine(text), name, None if base is None else base.examine(text))

    def load(self, name: str | Mapping[str, float]) -> SequenceGenerator:
        """The model of that name: the same object until its files change.

        Args:
            name: of a model; or of several with their weights, {"shakespeare": 0.7, "contes": 0.3}
                or "shakespeare:0.7+contes:0.3". With one weight above 0 it is that model itself.

        Raises:
            ModelNotFoundError: there is none; the message lists those that exist.
            ModelBrokenError: its files cannot be used; says which one and why. Other models are
                not concerned.
            InvalidValueError: a mix has a weight that is none, one model twice, more than four, or
                models of characters and of words.
        """
        if not isinstance(name, str) or is_mix(name):
            mix = _mix(name)
            blend = self._blend(mix, [self._load(one) for one in mix], new=True)
            assert blend is not None
            return blend
        return self._load(name)

    def _load(self, name: str) -> SequenceGenerator:
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
                self._drop_ensembles()
            return generator

    def _blend(
        self, mix: Mapping[str, float], models: Sequence[SequenceGenerator], *, new: bool
    ) -> SequenceGenerator | None:
        """The models with their weights; None where only a `new` ensemble would do."""
        check_kinds(models)
        counting = [one for one in models if mix[one.name]]
        if len(counting) == 1:
            return counting[0]
        names = tuple(one.name for one in counting)
        with self._guard:
            ensemble = self._ensembles.get(names)
            if ensemble is not None:
                self._ensembles.move_to_end(names)
        if ensemble is None or ensemble.members != tuple(counting):
            if not new:
                return None
            ensemble = Ensemble(counting)
            with self._guard:
                self._ensembles[names] = ensemble
                self._drop_ensembles()
        return Blend(ensemble, [mix[name] for name in names], self._processors)

    def _drop_ensembles(self) -> None:
        """Keep the newest of those whose members are all kept; to be called under the guard."""
        loaded = {id(generator) for _, generator in self._loaded.values()}
        for names, one in list(self._ensembles.items()):
            if not loaded.issuperset(map(id, one.members)):
                del self._ensembles[names]
        while len(self._ensembles) > self.most_loaded:
            self._ensembles.popitem(last=False)

    def kept(self, name: str | Mapping[str, float]) -> SequenceGenerator | None:
        """The model if it is in memory and its files are the same; reads no weights.

        Raises:
            ModelNotFoundError, ModelBrokenError, InvalidValueError: as `load`.
        """
        if not isinstance(name, str) or is_mix(name):
            mix = _mix(name)
            members = [one for each in mix if (one := self._kept_now(each)) is not None]
            return self._blend(mix, members, new=False) if len(members) == len(mix) else None
        return self._kept_now(name)

    def _kept_now(self, name: str) -> SequenceGenerator | None:
        return self._kept(name, _signature(self._find(name)))

    def read(self, name: str, reading: Callable[[ArtifactPaths], Result]) -> Result:
        """What `reading` makes of a model's files; called again where they are replaced meanwhile.

        Raises:
            ModelNotFoundError, ModelBrokenError: as `load`; and what `reading` raises.
        """
        return self._read_whole(name, reading)[1]

    def _kept(self, name: str, signature: Any) -> SequenceGenerator | None:
        with self._guard:
            kept = self._loaded.get(name)
            if kept is None or kept[0] != signature:
                return None
            self._loaded.move_to_end(name)
            return kept[1]

    def _find(self, name: str) -> ArtifactPaths:
        """Where the model's files lie; looked up again when the folder's entries change.

        Looking takes ten times as long as asking whether they did, and every request asks.
        """
        for attempt in range(_READ_ATTEMPTS):
            state = _folder_state(self.models_dir, name)
            found = self._found.get(name)
            if found is not None and found[0] == state is not None:
                return found[1]
            try:
                paths = self._look_up(name)
            except (ModelNotFoundError, ModelBrokenError):
                # replaced in two steps, where the system cannot exchange folders
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
            raise ModelNotFoundError.named(name, self.names())
        return paths

    def _read(self, name: str) -> tuple[Any, SequenceGenerator]:
        before, artifact = self._read_whole(name, read_artifact)
        generator = SequenceGenerator(artifact, self.precision, self.threads, self._processors)
        del artifact
        _return_memory()
        return before, generator

    def _read_whole(
        self, name: str, reading: Callable[[ArtifactPaths], Result]
    ) -> tuple[Any, Result]:
        """What is made of a model's files, and their signature."""
        for attempt in range(_READ_ATTEMPTS):
            paths = self._find(name)
            before = _signature(paths)
            try:
                result = reading(paths)
            except (ModelBrokenError, FileNotFoundError) as error:
                # replaced while it was being read: what was read is half of each
                if _signature(paths) != before and attempt + 1 < _READ_ATTEMPTS:
                    continue
                if isinstance(error, ModelBrokenError):
                    raise broken(name, error) from None
                raise
            if _signature(paths) == before:
                break
        return before, result

    def _processors(
        self, generator: SequenceGenerator, options: GenerationOptions
    ) -> ProcessorMaker:
        """What SequenceGenerator takes for max_copy."""
        if options.max_copy is None:
            return no_processors
        check_max_copy(options.max_copy, generator.vocabulary)
        return guards(self.corpus_index(generator), options.max_copy, generator.vocabulary)


def _mix(given: str | Mapping[str, float]) -> dict[str, float]:
    """The mix that a blend's name, or its members' weights, say."""
    try:
        return parse_mix(given) if isinstance(given, str) else checked_mix(given.items())
    except InvalidValueError as error:
        shown = str(given) if len(str(given)) <= 80 else f"{str(given)[:80]}…"
        raise InvalidValueError(
            f"The blend {shown} cannot be made: {error.message}", param="model"
        ) from None


def bases_of(generator: SequenceGenerator) -> dict[str, Card]:
    """What the models that write began from, by name; see `base_of`."""
    return dict(base for one in generator.members if (base := base_of(one.card)) is not None)


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
